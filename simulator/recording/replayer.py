"""The replayer: moves the actors of a recording through the world as they moved then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from simulator.recording.file import Recording
from simulator.recording.records import CM, Added, Packet, Position
from simulator.types import (
    ActorDescription,
    ActorRecord,
    Color,
    Rotation,
    TrafficLightState,
    Transform,
    Vector3D,
    VehicleControl,
    VehicleLightState,
    WalkerControl,
)
from simulator.world.actor import Kind, SpawnError
from simulator.world.poses import between, matrix, transform_of
from simulator.world.world import World

HIGH_UP_M = 10_000.0
"""Actors come into the world up here, where nothing is in their way, and are then put where they were."""
_SAME_PLACE_M = 0.02

BEHIND_AND_ABOVE = Transform(Vector3D(-10.0, 0.0, 5.0), Rotation(-25.0, 0.0, 0.0))

Spawn = Callable[[ActorDescription, Transform, int, int], ActorRecord]
"""spawn(description, transform, parent_id, wanted_id): raises SpawnError."""
Destroy = Callable[[int], None]

_ANIMATIONS = (Packet.VEHICLE_ANIMATION, Packet.VEHICLE_LIGHT, Packet.WALKER_ANIMATION)


@dataclass(frozen=True)
class Wishes:
    """What a client asks of a replay. `follow_id`: the recorded actor behind which the spectator flies, 0 for none.

    `offset` of the spectator from that actor. `sensors`: whether recorded sensors come back as well.
    """

    start_s: float = 0.0
    duration_s: float = 0.0
    follow_id: int = 0
    sensors: bool = False
    offset: Transform = BEHIND_AND_ABOVE
    ignore_hero: bool = False
    ignore_spectator: bool = False


@dataclass
class Replay:
    """One recording being replayed. `advance` before a step of the world, `show_lights` after it."""

    recording: Recording
    world: World
    spawn: Spawn
    destroy: Destroy
    wishes: Wishes
    time_factor: float = 1.0
    start_s: float = 0.0
    end_s: float = 0.0
    now_s: float = 0.0
    ids: dict[int, int] = field(default_factory=dict)
    """Recorded ids to those of the world."""
    created: list[int] = field(default_factory=list)
    _frame: int = -1
    _parents: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        total_s = self.recording.duration_s
        wanted_s = self.wishes.start_s
        self.start_s = self.now_s = wanted_s if wanted_s >= 0.0 else max(0.0, total_s + wanted_s)
        self.end_s = self.start_s + self.wishes.duration_s if self.wishes.duration_s > 0.0 else total_s
        self._show()

    @property
    def is_over(self) -> bool:
        return self.now_s >= min(self.end_s, self.recording.duration_s) - 1e-9

    def advance(self, delta_s: float) -> None:
        """Goes on by `delta_s` of the world's time."""
        self.now_s += max(0.0, delta_s * self.time_factor)
        self._show()

    def finish(self, keep_actors: bool) -> None:
        """Lets go of the actors, at rest; without `keep_actors` those that the replay had brought are destroyed."""
        alive = [actor_id for actor_id in self.ids.values() if actor_id in self.world.actors]
        for actor_id in alive:
            kind = self.world.actors[actor_id].kind
            if kind is Kind.VEHICLE:
                self.world.set_actor_simulate_physics(actor_id, True)
                self.world.set_actor_target_velocity(actor_id, Vector3D())
                self.world.apply_control_to_vehicle(actor_id, VehicleControl(gear=1))
            elif kind is Kind.WALKER:
                self.world.set_actor_simulate_physics(actor_id, True)
                self.world.apply_control_to_walker(actor_id, WalkerControl())
        if not keep_actors:
            for actor_id in self.created:
                if actor_id in self.world.actors:
                    self.destroy(actor_id)

    def show_lights(self) -> None:
        """Traffic lights as recorded in this frame."""
        if self._frame < 0:
            return
        for packet, records in self.recording.records(self._frame):
            if packet is not Packet.TRAFFIC_LIGHT:
                continue
            for r in records:
                actor = self.world.actors.get(self.ids.get(r.id, 0))
                if actor is not None and actor.kind is Kind.TRAFFIC_LIGHT and 0 <= r.state <= 4:
                    self.world.signals.show(actor.row, TrafficLightState(r.state), r.elapsed_s, r.frozen)

    # Towards the time that it now is

    def _show(self) -> None:
        frames = self.recording.frames
        while self._frame + 1 < len(frames) and (
            self._frame < 0 or frames[self._frame + 1][0].elapsed_s <= self.now_s + 1e-9
        ):
            self._frame += 1
            self._play_events(self._frame)
        if self._frame < 0:
            return
        frame = frames[self._frame][0]
        share = (self.now_s - frame.elapsed_s) / frame.duration_s if frame.duration_s > 0.0 else 0.0
        self._place(min(1.0, max(0.0, share)))
        self._animate()
        self.show_lights()

    def _play_events(self, k: int) -> None:
        packets = list(self.recording.records(k))
        for packet, records in packets:
            if packet is Packet.EVENT_PARENT:
                self._parents.update((r.id, r.parent_id) for r in records)
        for packet, records in packets:
            if packet is Packet.EVENT_ADD:
                for added in records:
                    self._add(added)
            elif packet is Packet.EVENT_DELETE:
                for gone in records:
                    actor_id = self.ids.pop(gone.id, 0)
                    if actor_id in self.world.actors and not self._belongs_to_the_map(actor_id):
                        self.destroy(actor_id)
            elif packet is Packet.SCENE_LIGHT:
                lamps = {lamp.id: lamp for lamp in self.world.lamps}
                for r in records:
                    if r.id in lamps:
                        parts = [min(255, max(0, round(255 * part))) for part in (r.red, r.green, r.blue)]
                        changed = replace(
                            lamps[r.id], intensity=r.intensity, color=Color(*parts), active=r.active, group=r.group
                        )
                        self.world.update_lights_state((changed,))

    def _belongs_to_the_map(self, actor_id: int) -> bool:
        return self.world.actors[actor_id].kind in (Kind.SPECTATOR, Kind.TRAFFIC_LIGHT, Kind.SIGN)

    def _add(self, added: Added) -> None:
        """Finds or brings the actor of a recorded one."""
        type_id = added.description.id
        pose = _pose(added.location, added.rotation)
        if type_id.startswith("traffic."):
            found = self._sign_at(pose.location)
            if found:
                self.ids[added.id] = found
            return
        if type_id == "spectator":
            self.ids[added.id] = self.world.spectator_id
            return
        if type_id.startswith("controller.") or (type_id.startswith("sensor.") and not self.wishes.sensors):
            return
        hero = added.description.get("role_name") == "hero"
        if hero and self.wishes.ignore_hero:
            return
        there = self.world.actors.get(added.id)
        if there is not None and there.type_id == type_id:
            self.ids[added.id] = added.id
        else:
            parent_id = self.ids.get(self._parents.get(added.id, 0), 0)
            if added.id in self._parents and not parent_id:
                return
            try:
                self.ids[added.id] = self._bring(added, pose, parent_id)
            except SpawnError:
                return  # a blueprint that this server does not have, or a sensor that it does not take
        actor_id = self.ids[added.id]
        if self.world.actors[actor_id].kind is Kind.WALKER:
            self.world.apply_control_to_walker(actor_id, WalkerControl())  # one that walks cannot be held
        if self.world.actors[actor_id].kind in (Kind.VEHICLE, Kind.WALKER):
            self.world.set_actor_simulate_physics(actor_id, False)

    def _bring(self, added: Added, pose: Transform, parent_id: int) -> int:
        if parent_id:
            m = np.linalg.inv(matrix(self.world.transform_of(parent_id))) @ matrix(pose)
            actor_id = self.spawn(added.description, transform_of(m), parent_id, added.id).id
        else:
            high = pose.location._replace(z=pose.location.z + HIGH_UP_M)
            actor_id = self.spawn(added.description, Transform(high, pose.rotation), 0, added.id).id
            self.world.set_actor_transform(actor_id, pose)
        self.created.append(actor_id)
        return actor_id

    def _sign_at(self, place: Vector3D) -> int:
        for actor in self.world.actors.values():
            if actor.kind in (Kind.TRAFFIC_LIGHT, Kind.SIGN):
                gaps = [abs(a - b) for a, b in zip(actor.transform.location, place)]
                if max(gaps) < _SAME_PLACE_M:
                    return actor.id
        return 0

    def _place(self, share: float) -> None:
        now = self._positions(self._frame)
        then = self._positions(self._frame + 1) if share > 0.0 and self._frame + 1 < len(self.recording.frames) else {}
        for recorded_id, position in now.items():
            actor = self.world.actors.get(self.ids.get(recorded_id, 0))
            if actor is None or actor.relative is not None:
                continue
            if actor.kind is Kind.SPECTATOR and (self.wishes.ignore_spectator or self.wishes.follow_id):
                continue
            pose = _pose(position[1:4], position[4:7])
            if recorded_id in then:
                end = then[recorded_id]
                pose = between(pose, _pose(end[1:4], end[4:7]), share)
            self.world.set_actor_transform(actor.id, pose)
        followed = self.world.actors.get(self.ids.get(self.wishes.follow_id, self.wishes.follow_id))
        if followed is not None and self.wishes.follow_id:
            behind = matrix(self.world.transform_of(followed.id)) @ matrix(self.wishes.offset)
            self.world.set_actor_transform(self.world.spectator_id, transform_of(behind))

    def _positions(self, k: int) -> dict[int, Position]:
        for packet, records in self.recording.records(k):
            if packet is Packet.POSITION:
                return {r.id: r for r in records}
        return {}

    def _animate(self) -> None:
        """Controls and lamps, so that wheels are turned and lights lit; without physics they move nothing."""
        for packet, records in self.recording.records(self._frame):
            for r in records if packet in _ANIMATIONS else ():
                actor = self.world.actors.get(self.ids.get(r.id, 0))
                if actor is None:
                    continue
                if packet is Packet.VEHICLE_ANIMATION and actor.kind is Kind.VEHICLE:
                    control = VehicleControl(r.throttle, r.steer, r.brake, r.hand_brake, r.gear < 0, False, r.gear)
                    self.world.apply_control_to_vehicle(actor.id, control)
                elif packet is Packet.VEHICLE_LIGHT and actor.kind is Kind.VEHICLE:
                    self.world.set_vehicle_light_state(actor.id, VehicleLightState(r.flags & 0x7FF))
                elif packet is Packet.WALKER_ANIMATION and actor.kind is Kind.WALKER:
                    direction = self.world.walkers[actor.id].control.direction
                    self.world.show_walk(actor.id, WalkerControl(direction, r.speed, False))


def _pose(location_cm: tuple[float, ...], angles: tuple[float, ...]) -> Transform:
    x, y, z = (v / CM for v in location_cm)
    roll, pitch, yaw = angles
    return Transform(Vector3D(x, y, z), Rotation(pitch, yaw, roll))
