"""How actors come into the world and leave it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from simulator.types import (
    ActorAttributeValue,
    ActorDescription,
    ActorRecord,
    BoundingBox,
    CityObjectLabel,
    Transform,
    Vector3D,
    VehicleLightState,
)
from simulator.world.actor import Actor, Kind, SpawnError
from simulator.world.approach import NO_LANE_KMH, NO_LIGHT
from simulator.world.attachment import Place
from simulator.world.blueprints import catalogue, props, sensors, walkers
from simulator.world.blueprints.vehicles import VEHICLES
from simulator.world.bodies import PROP, VEHICLE, WALKER
from simulator.world.contacts import touch
from simulator.world.dynamics import BURIED_M
from simulator.world.physics import default_physics, set_drive
from simulator.world.state import VehicleState, WalkerState, WorldState

INVALID = "Spawn failed because of invalid actor description"
COLLIDES = "Spawn failed because of collision at spawn position"
NO_PARENT = "unable to attach actor: parent actor not found"
_BODY_KIND = {Kind.VEHICLE: VEHICLE, Kind.WALKER: WALKER, Kind.PROP: PROP}
_WITHOUT_MIRRORS = 0.9
"""Boxes are as wide as the mirrors, as CARLA's; mirrors fold."""
_CLEARANCE_M = {Kind.VEHICLE: 0.15, Kind.WALKER: 0.10, Kind.PROP: 0.0}


class Lifecycle(WorldState):
    """Spawning and destroying; ids and stream ids only ever grow."""

    _next_id: int = 1
    _next_stream_id: int = 2  # stream 1 is the world's
    _types_of_ids: dict[int, str]

    def spawn(
        self,
        description: ActorDescription,
        transform: Transform,
        parent_id: int = 0,
        wanted_id: int = 0,
        place: Place | None = None,
    ) -> ActorRecord:
        """`transform` is relative to the parent if there is one, or to `place` there. Raises SpawnError with the text
        of CARLA's server.

        `wanted_id`: the id of an actor that a replay brings back. It gets it if that id is free and no client can
        know another kind of actor by it.
        """
        if catalogue.fault_of(description) or not all(math.isfinite(v) for part in transform for v in part):
            raise SpawnError(INVALID)
        if parent_id and parent_id not in self.actors:
            raise SpawnError(NO_PARENT)
        actor = self._new(_kind_of(description.id), _with_defaults(description), parent_id)
        if wanted_id and self._may_have_id(wanted_id, description.id):
            actor.id, actor.bounding_box = wanted_id, replace(actor.bounding_box, actor_id=wanted_id)
        if actor.kind is Kind.TRIGGER:
            # in centimetres, as CARLA takes them
            half = Vector3D(*(0.01 * float(actor.description.get(f"extent_{axis}", "1")) for axis in "xyz"))
            actor.bounding_box = BoundingBox(extent=half, actor_id=actor.id)
        if parent_id:
            actor.relative, actor.place = transform, place
        else:
            actor.transform = transform
        if actor.kind.has_body:
            if not parent_id and self._occupied(actor, transform):
                raise SpawnError(COLLIDES)
            self._give_body(actor, transform)
        if actor.kind is Kind.SENSOR:
            actor.sensor_tick_s = float(actor.description.get("sensor_tick", "0") or 0)
            actor.next_due_s = -math.inf  # at the next step, and its periods count from there
            if description.id not in sensors.WITHOUT_STREAM:
                actor.stream_id, self._next_stream_id = self._next_stream_id, self._next_stream_id + 1
        self.actors[actor.id] = actor
        self.forget_groups()
        self._next_id = max(self._next_id, actor.id + 1)
        self._types_of_ids[actor.id] = description.id
        self._follow_parent(actor)
        return actor.record()

    def destroy(self, actor_id: int) -> None:
        """With everything that is attached to it."""
        actor = self.actor(actor_id)
        for child in [a.id for a in self.actors.values() if a.parent_id == actor_id]:
            if child in self.actors:
                self.destroy(child)
        if actor.kind.has_body:
            self.bodies.release(actor.row)
            self.vehicles.pop(actor_id, None)
            self.walkers.pop(actor_id, None)
        del self.actors[actor_id]
        self.forget_groups()

    def _may_have_id(self, wanted_id: int, type_id: str) -> bool:
        never_used = wanted_id >= self._next_id
        return wanted_id not in self.actors and (never_used or self._types_of_ids.get(wanted_id) == type_id)

    def _new(self, kind: Kind, description: ActorDescription, parent_id: int = 0) -> Actor:
        box = replace(catalogue.bounding_box(description.id), actor_id=self._next_id)
        return Actor(self._next_id, kind, description, box, catalogue.semantic_tags(description.id), parent_id)

    def _add_fixture(
        self, kind: Kind, type_id: str, transform: Transform, box: BoundingBox, sign_id: str = "", row: int = -1
    ) -> Actor:
        """An actor that comes with the town."""
        actor = self._new(kind, ActorDescription(0, type_id))
        actor.bounding_box = replace(box, actor_id=actor.id)
        actor.transform, actor.sign_id, actor.row = transform, sign_id, row
        self.actors[actor.id] = actor
        self.forget_groups()
        self._next_id += 1
        return actor

    def _give_body(self, actor: Actor, transform: Transform) -> None:
        row = self.bodies.take(actor.id, _BODY_KIND[actor.kind])
        body, box, type_id = self.bodies.rows[row], actor.bounding_box, actor.type_id
        actor.row = row
        body["hx"], body["hy"], body["hz"] = box.extent
        if actor.kind is Kind.VEHICLE and VEHICLES[type_id].wheels > 2:
            body["hy"] *= _WITHOUT_MIRRORS
        body["cx"], body["cy"], body["cz"] = box.location
        body["clearance"] = _CLEARANCE_M[actor.kind]
        body["foot"] = box.extent.z - box.location.z if actor.kind is not Kind.VEHICLE else 0.0
        body["friction"] = 0.6
        body["pinned"] = bool(actor.parent_id)
        body["physics"] = True
        if actor.kind is Kind.VEHICLE:
            physics = default_physics(type_id, box)
            sticky = actor.description.get("sticky_control", "true").lower() in ("true", "1")
            self.vehicles[actor.id] = VehicleState(physics, lights=VehicleLightState.NONE, sticky=sticky)
            set_drive(self.bodies.drives[row], body, physics, box, type_id)
            drive = self.bodies.drives[row]
            drive["gear"], drive["light"], drive["speed_limit_kmh"] = 1, NO_LIGHT, NO_LANE_KMH
        elif actor.kind is Kind.WALKER:
            body["mass"] = walkers.MASS_KG[walkers.age(type_id)]
            self.walkers[actor.id] = WalkerState()
            self.bodies.tell_walk(row, self.walkers[actor.id].control)
        else:
            body["mass"] = props.PROPS[type_id].mass_kg
            body["inertia"] = body["mass"] * (box.extent.x**2 + box.extent.y**2) / 3.0
            body["physics"] = body["mass"] <= props.LIGHT_KG
        self.bodies.place(row, transform)
        self._lift_to_ground(row)
        body["last_x"], body["last_y"], body["last_z"] = body["x"], body["y"], body["z"]

    def _lift_to_ground(self, row: int) -> None:
        body = self.bodies.rows[row]
        ground = float(self.town.ground_height_m(np.array([[body["x"], body["y"]]]), np.array([body["z"]]))[0])
        body["z"] = _above_ground(float(body["z"]), ground + float(body["foot"]))

    def _occupied(self, actor: Actor, transform: Transform) -> bool:
        """Whether something solid is already there."""
        box, yaw = actor.bounding_box, math.radians(transform.rotation.yaw)
        own = (math.cos(yaw), math.sin(yaw), box.extent.x, box.extent.y)
        x = transform.location.x + box.location.x * own[0] - box.location.y * own[1]
        y = transform.location.y + box.location.x * own[1] + box.location.y * own[0]
        ground = float(self.town.ground_height_m(np.array([[x, y]]), np.array([transform.location.z]))[0])
        z = _above_ground(transform.location.z + box.location.z, ground + box.extent.z)
        reach, low = math.hypot(box.extent.x, box.extent.y), z - box.extent.z + _CLEARANCE_M[actor.kind]
        others = self.bodies.rows[self.bodies.active]
        others = others[others["collides"] & ~others["pinned"]]
        cos, sin = np.cos(others["yaw"]), np.sin(others["yaw"])
        boxes = np.concatenate(
            [
                np.stack([self.obstacles.boxes[name] for name in ("x", "y", "z", "yaw", "hx", "hy", "hz")], axis=1),
                np.stack(
                    [
                        others["x"] + others["cx"] * cos - others["cy"] * sin,
                        others["y"] + others["cx"] * sin + others["cy"] * cos,
                        others["z"] + others["cz"],
                        *(others[name] for name in ("yaw", "hx", "hy", "hz")),
                    ],
                    axis=1,
                ),
            ]
        )
        level = (boxes[:, 2] - boxes[:, 6] < z + box.extent.z) & (boxes[:, 2] + boxes[:, 6] > low)
        close = np.hypot(boxes[:, 0] - x, boxes[:, 1] - y) < reach + np.hypot(boxes[:, 4], boxes[:, 5])
        return any(
            touch(x, y, own, ox, oy, (math.cos(oyaw), math.sin(oyaw), hx, hy))[0] > 0.0
            for ox, oy, _, oyaw, hx, hy, _ in boxes[level & close].tolist()
        )


def _above_ground(z: float, standing: float) -> float:
    """Height of what is spawned at `z` where it would stand at `standing`: what is far below the ground stays there."""
    return z if z < standing - BURIED_M else max(z, standing)


def _kind_of(type_id: str) -> Kind:
    if type_id == catalogue.FRICTION_TRIGGER:
        return Kind.TRIGGER
    kinds = {"vehicle": Kind.VEHICLE, "walker": Kind.WALKER, "sensor": Kind.SENSOR, "controller": Kind.CONTROLLER}
    return kinds.get(type_id.split(".", 1)[0], Kind.PROP)


def _with_defaults(description: ActorDescription) -> ActorDescription:
    """Clients send all attributes; whoever left some out gets the blueprint's values."""
    given = {attribute.id: attribute for attribute in description.attributes}
    definition = catalogue.definitions_by_id()[description.id]
    missing = [ActorAttributeValue(a.id, a.type, a.value) for a in definition.attributes if a.id not in given]
    return replace(description, uid=definition.uid, attributes=(*description.attributes, *missing))


POLE_TAGS = {Kind.TRAFFIC_LIGHT: CityObjectLabel.TRAFFIC_LIGHT, Kind.SIGN: CityObjectLabel.TRAFFIC_SIGNS}
