"""The recorder: writes down what happens in a world, frame by frame."""

from __future__ import annotations

import struct
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from simulator.recording.file import RecordingWriter
from simulator.recording.records import (
    CM,
    NOBODY,
    ActorType,
    Added,
    Box,
    Collided,
    Deleted,
    Kinematics,
    LampChanged,
    LightShown,
    LightTimes,
    Packet,
    Parented,
    Position,
    VehicleLit,
    VehicleMoved,
    WalkerMoved,
)
from simulator.types import LightState, Transform, VehiclePhysicsControl
from simulator.world.actor import Actor, Kind
from simulator.world.events import StepEvents
from simulator.world.poses import matrix
from simulator.world.signals import GREEN, RED, YELLOW
from simulator.world.world import World

_TYPES = {
    Kind.VEHICLE: ActorType.VEHICLE,
    Kind.WALKER: ActorType.WALKER,
    Kind.TRAFFIC_LIGHT: ActorType.TRAFFIC_LIGHT,
    Kind.SIGN: ActorType.TRAFFIC_SIGN,
    Kind.SENSOR: ActorType.SENSOR,
}
_MOVING = (Kind.VEHICLE, Kind.WALKER, Kind.PROP, Kind.SENSOR, Kind.SPECTATOR)

Records = dict[Packet, list[Any]]


class Recorder:
    """From its creation to `close`. `additional_data`: velocities, boxes, physics and times of lights as well."""

    def __init__(self, path: Path, world: World, additional_data: bool) -> None:
        """Raises OSError when the file cannot be written."""
        self._file = RecordingWriter(path, world.town.name)
        self._additional = additional_data
        self._known: set[int] = set()
        self._lamps: dict[int, LightState] = {}
        self._collisions = 0
        self._began_s = time.perf_counter()

    @property
    def path(self) -> Path:
        return self._file.path

    def record(self, world: World, events: StepEvents) -> None:
        """The frame that a step has just made."""
        records: Records = defaultdict(list)
        always = (Packet.EVENT_ADD, Packet.EVENT_DELETE, Packet.EVENT_PARENT, Packet.COLLISION, Packet.POSITION)
        for packet in (*always, Packet.TRAFFIC_LIGHT, Packet.VEHICLE_ANIMATION, Packet.WALKER_ANIMATION):
            records[packet] = []
        self._add_events(world, events, records)
        for actor in world.actors.values():
            if actor.kind in _MOVING:
                records[Packet.POSITION].append(_position(actor.id, world.transform_of(actor.id)))
            if actor.kind.has_body:
                self._add_body(world, actor, records)
        _add_signals(world, records)
        changed = [lamp for lamp in world.lamps if self._lamps.get(lamp.id) != lamp]
        if changed:
            records[Packet.SCENE_LIGHT] = [_lamp(lamp) for lamp in changed]
            self._lamps.update((lamp.id, lamp) for lamp in changed)
        platform_s = time.perf_counter() - self._began_s if self._additional else None
        self._file.write(events.delta_s, records, platform_s)

    def close(self) -> None:
        self._file.close()

    def _add_events(self, world: World, events: StepEvents, records: Records) -> None:
        for actor in world.actors.values():
            if actor.id not in self._known:
                records[Packet.EVENT_ADD].append(_added(actor, world.transform_of(actor.id)))
                if actor.parent_id:
                    records[Packet.EVENT_PARENT].append(Parented(actor.id, actor.parent_id))
                if self._additional:
                    _add_particulars(world, actor, records)
        records[Packet.EVENT_DELETE] = [Deleted(gone) for gone in sorted(self._known - world.actors.keys())]
        self._known = set(world.actors)
        met: set[tuple[int, int]] = set()
        for hit in events.collisions:
            pair = (hit.self_id, hit.other_id or NOBODY)
            if pair not in met:
                met.add(pair)
                heroes = [record.description.get("role_name") == "hero" for record in (hit.own, hit.other)]
                records[Packet.COLLISION].append(Collided(self._collisions, *pair, *heroes))
                self._collisions += 1

    def _add_body(self, world: World, actor: Actor, records: Records) -> None:
        b = world.bodies.rows[actor.row]
        vehicle = world.vehicles.get(actor.id)
        if vehicle is not None:
            control, gear = vehicle.control, int(world.bodies.drives[actor.row]["gear"])
            records[Packet.VEHICLE_ANIMATION].append(
                VehicleMoved(actor.id, control.steer, control.throttle, control.brake, control.hand_brake, gear)
            )
            records[Packet.VEHICLE_LIGHT].append(VehicleLit(actor.id, int(vehicle.lights)))
        elif actor.kind is Kind.WALKER:
            records[Packet.WALKER_ANIMATION].append(WalkerMoved(actor.id, world.walkers[actor.id].control.speed))
        if self._additional and actor.kind is not Kind.PROP:
            turning = [float(b[name]) * 57.29577951308232 for name in ("wx", "wy", "wz")]
            records[Packet.KINEMATICS].append(Kinematics(actor.id, *world.bodies.velocity(actor.row), *turning))


def _added(actor: Actor, pose: Transform) -> Added:
    x, y, z = pose.location
    r = pose.rotation
    kind = _TYPES.get(actor.kind, ActorType.OTHER)
    return Added(actor.id, kind, (x * CM, y * CM, z * CM), (r.roll, r.pitch, r.yaw), actor.description)


def _position(actor_id: int, pose: Transform) -> Position:
    (x, y, z), r = pose.location, pose.rotation
    return Position(actor_id, x * CM, y * CM, z * CM, r.roll, r.pitch, r.yaw)


def _lamp(lamp: LightState) -> LampChanged:
    red, green, blue = (part / 255.0 for part in lamp.color)
    return LampChanged(lamp.id, lamp.intensity, red, green, blue, 1.0, lamp.active, lamp.group)


def _add_signals(world: World, records: Records) -> None:
    signals = world.signals
    rows = zip(world.light_ids.tolist(), signals.frozen(), signals.elapsed_s(), signals.states)
    records[Packet.TRAFFIC_LIGHT] = [LightShown(i, bool(f), float(e), int(s)) for i, f, e, s in rows]


def _add_particulars(world: World, actor: Actor, records: Records) -> None:
    box = actor.bounding_box
    if actor.kind in (Kind.TRAFFIC_LIGHT, Kind.SIGN):
        m = matrix(world.transform_of(actor.id))
        centre = (m[:3, :3] @ list(box.location) + m[:3, 3]) * CM
        records[Packet.TRIGGER_VOLUME].append(Box(actor.id, *centre.tolist(), *(v * CM for v in box.extent)))
    else:
        records[Packet.BOUNDING_BOX].append(
            Box(actor.id, *(v * CM for v in box.location), *(v * CM for v in box.extent))
        )
    if actor.kind is Kind.TRAFFIC_LIGHT:
        times = [float(world.signals.times_s[stage][actor.row]) for stage in (GREEN, YELLOW, RED)]
        records[Packet.TRAFFIC_LIGHT_TIME].append(LightTimes(actor.id, *times))
    if actor.kind is Kind.VEHICLE:
        records[Packet.PHYSICS_CONTROL].append(_physics(actor.id, world.get_physics_control(actor.id)))


def _physics(actor_id: int, p: VehiclePhysicsControl) -> bytes:
    """A record whose length varies: numbers, then curves, gears and wheels, each with its count before it."""
    head = struct.pack(
        "<I5f?4f3f", actor_id, p.max_rpm, p.moi, p.damping_rate_full_throttle,
        p.damping_rate_zero_throttle_clutch_engaged, p.damping_rate_zero_throttle_clutch_disengaged,
        p.use_gear_autobox, p.clutch_strength, p.final_ratio, p.mass, p.drag_coefficient, *p.center_of_mass,
    )  # fmt: skip
    gears: list[tuple[float, ...]] = [(g.ratio, g.down_ratio, g.up_ratio) for g in p.forward_gears]
    wheels = [
        (
            w.tire_friction, w.damping_rate, w.max_steer_angle, w.radius, w.max_brake_torque, w.max_handbrake_torque,
            w.lat_stiff_max_load, w.lat_stiff_value, w.long_stiff_value, *w.position,
        )
        for w in p.wheels
    ]  # fmt: skip
    rows: list[list[tuple[float, ...]]] = [
        [tuple(point) for point in p.torque_curve], gears, [tuple(point) for point in p.steering_curve],
        [tuple(wheel) for wheel in wheels],
    ]  # fmt: skip
    tables = [struct.pack("<I", len(t)) + b"".join(struct.pack(f"<{len(r)}f", *r) for r in t) for t in rows]
    return head + b"".join(tables)
