"""One actor of the world and the errors of naming one that is not there."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from simulator.types import ActorDescription, ActorRecord, BoundingBox, Transform, Vector3D
from simulator.world.attachment import Place
from simulator.world.poses import matrix


class SpawnError(RuntimeError):
    """The text is the one of CARLA's server: clients compare it."""


class ActorNotFound(KeyError):
    """No live actor has this id."""

    def __init__(self, actor_id: int) -> None:
        super().__init__(actor_id)
        self.actor_id = actor_id

    def __str__(self) -> str:
        return f"Actor could not be found in the registry.  Actor Id: {self.actor_id}"


class Kind(Enum):
    """What moves an actor."""

    VEHICLE = "vehicle"
    WALKER = "walker"
    PROP = "prop"
    SENSOR = "sensor"
    CONTROLLER = "controller"
    TRAFFIC_LIGHT = "traffic_light"
    SIGN = "sign"
    TRIGGER = "trigger"
    SPECTATOR = "spectator"

    @property
    def has_body(self) -> bool:
        return self in (Kind.VEHICLE, Kind.WALKER, Kind.PROP)


@dataclass(eq=False)
class Actor:
    """A live actor.

    `row` is its row in the tables of its kind (bodies of vehicles, walkers and props; traffic lights), -1 without one.
    `transform` is the world pose of an actor without a body; `relative` the pose of an attached one in its parent,
    or at `place` there.
    `stream_id` is the id of the sensor's stream, 0 without one; neither it nor `id` is ever used again.
    """

    id: int
    kind: Kind
    description: ActorDescription
    bounding_box: BoundingBox
    semantic_tags: bytes
    parent_id: int = 0
    relative: Transform | None = None
    place: Place | None = None
    transform: Transform = field(default_factory=Transform)
    velocity: Vector3D = field(default_factory=Vector3D)
    row: int = -1
    stream_id: int = 0
    sensor_tick_s: float = 0.0
    next_due_s: float = 0.0
    sign_id: str = ""
    _in_parent: tuple[Transform, NDArray[np.float64]] | None = None

    def in_parent(self) -> NDArray[np.float64]:
        """(4, 4) of `relative`: its axes -> those of the parent, or of its place there."""
        assert self.relative is not None
        if self._in_parent is None or self._in_parent[0] is not self.relative:
            self._in_parent = self.relative, matrix(self.relative)
        return self._in_parent[1]

    @property
    def type_id(self) -> str:
        return self.description.id

    def record(self) -> ActorRecord:
        """The record without a stream token: the wire layer, which knows the port, adds that."""
        return ActorRecord(self.id, self.parent_id, self.description, self.bounding_box, self.semantic_tags)


class WrongKind(ActorNotFound):
    """The actor is there but cannot do what is asked of it."""

    def __init__(self, actor: Actor, wanted: str) -> None:
        super().__init__(actor.id)
        self.text = f"actor {actor.id} ({actor.type_id}) is no {wanted}"

    def __str__(self) -> str:
        return self.text
