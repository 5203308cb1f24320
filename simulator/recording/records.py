"""The records of CARLA's recorder file, one class per packet, in the order in which the file has their fields.

Facts of the format: "Recorder Binary File Format" of CARLA's documentation (version 1). Little endian, no padding.
Lengths are centimetres (Unreal's), angles degrees in the order roll, pitch, yaw; velocities of `Kinematics` are m/s
and deg/s.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

from simulator.types import ActorAttributeValue, ActorDescription, AttributeType

CM = 100.0
NOBODY = 0xFFFFFFFF
"""In a collision: something that is no actor."""


class Packet(IntEnum):
    FRAME_START = 0
    FRAME_END = 1
    EVENT_ADD = 2
    EVENT_DELETE = 3
    EVENT_PARENT = 4
    COLLISION = 5
    POSITION = 6
    TRAFFIC_LIGHT = 7
    VEHICLE_ANIMATION = 8
    WALKER_ANIMATION = 9
    VEHICLE_LIGHT = 10
    SCENE_LIGHT = 11
    KINEMATICS = 12
    BOUNDING_BOX = 13
    PLATFORM_TIME = 14
    PHYSICS_CONTROL = 15
    TRAFFIC_LIGHT_TIME = 16
    TRIGGER_VOLUME = 17


class ActorType(IntEnum):
    OTHER = 0
    VEHICLE = 1
    WALKER = 2
    TRAFFIC_LIGHT = 3
    TRAFFIC_SIGN = 4
    SENSOR = 5


class Frame(NamedTuple):
    """`duration_s`: until the next frame; -1 in the last one."""

    id: int
    duration_s: float
    elapsed_s: float


class Added(NamedTuple):
    """An actor that came. location in cm, rotation roll, pitch, yaw."""

    id: int
    type: int
    location: tuple[float, float, float]
    rotation: tuple[float, float, float]
    description: ActorDescription


class Deleted(NamedTuple):
    id: int


class Parented(NamedTuple):
    id: int
    parent_id: int


class Collided(NamedTuple):
    id: int
    first_id: int
    second_id: int
    first_is_hero: bool
    second_is_hero: bool


class Position(NamedTuple):
    id: int
    x: float
    y: float
    z: float
    roll: float
    pitch: float
    yaw: float


class LightShown(NamedTuple):
    id: int
    frozen: bool
    elapsed_s: float
    state: int


class VehicleMoved(NamedTuple):
    id: int
    steer: float
    throttle: float
    brake: float
    hand_brake: bool
    gear: int


class WalkerMoved(NamedTuple):
    id: int
    speed: float


class VehicleLit(NamedTuple):
    id: int
    flags: int


class LampChanged(NamedTuple):
    """A street lamp; the colour's parts 0..1."""

    id: int
    intensity: float
    red: float
    green: float
    blue: float
    alpha: float
    active: bool
    group: int


class Kinematics(NamedTuple):
    id: int
    vx: float
    vy: float
    vz: float
    wx: float
    wy: float
    wz: float


class Box(NamedTuple):
    """Centre and half sizes, cm; of a trigger volume the centre in world axes."""

    id: int
    x: float
    y: float
    z: float
    half_x: float
    half_y: float
    half_z: float


class LightTimes(NamedTuple):
    id: int
    green_s: float
    yellow_s: float
    red_s: float


FRAME = struct.Struct("<Qdd")
PLATFORM_TIME = struct.Struct("<d")

FIXED: dict[Packet, tuple[type[Any], struct.Struct]] = {
    Packet.EVENT_DELETE: (Deleted, struct.Struct("<I")),
    Packet.EVENT_PARENT: (Parented, struct.Struct("<II")),
    Packet.COLLISION: (Collided, struct.Struct("<III??")),
    Packet.POSITION: (Position, struct.Struct("<I6f")),
    Packet.TRAFFIC_LIGHT: (LightShown, struct.Struct("<I?fb")),
    Packet.VEHICLE_ANIMATION: (VehicleMoved, struct.Struct("<Ifff?i")),
    Packet.WALKER_ANIMATION: (WalkerMoved, struct.Struct("<If")),
    Packet.VEHICLE_LIGHT: (VehicleLit, struct.Struct("<II")),
    Packet.SCENE_LIGHT: (LampChanged, struct.Struct("<i5f?B")),
    Packet.KINEMATICS: (Kinematics, struct.Struct("<I6f")),
    Packet.BOUNDING_BOX: (Box, struct.Struct("<I6f")),
    Packet.TRAFFIC_LIGHT_TIME: (LightTimes, struct.Struct("<I3f")),
    Packet.TRIGGER_VOLUME: (Box, struct.Struct("<I6f")),
}
"""Packets that are a number of records of one size."""


class Cursor:
    """Reads values one after the other; raises `struct.error` where the data end."""

    TEXT: ClassVar[struct.Struct] = struct.Struct("<H")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, form: struct.Struct) -> tuple[Any, ...]:
        values = form.unpack_from(self.data, self.at)
        self.at += form.size
        return values

    def text(self) -> str:
        (length,) = self.take(self.TEXT)
        if self.at + length > len(self.data):
            raise struct.error("a text runs past the end")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8", "replace")


def packed_text(text: str) -> bytes:
    """Length and UTF-8 bytes."""
    content = text.encode()[:0xFFFF]
    return Cursor.TEXT.pack(len(content)) + content


_ADDED, _UID, _COUNT, _KIND = struct.Struct("<IB6f"), struct.Struct("<I"), struct.Struct("<H"), struct.Struct("<B")


def packed_added(added: Added) -> bytes:
    description = added.description
    parts = [
        _ADDED.pack(added.id, added.type, *added.location, *added.rotation),
        _UID.pack(description.uid),
        packed_text(description.id),
        _COUNT.pack(len(description.attributes)),
    ]
    for attribute in description.attributes:
        parts += [_KIND.pack(attribute.type), packed_text(attribute.id), packed_text(attribute.value)]
    return b"".join(parts)


def taken_added(cursor: Cursor) -> Added:
    actor_id, kind, *pose = cursor.take(_ADDED)
    (uid,) = cursor.take(_UID)
    blueprint = cursor.text()
    (count,) = cursor.take(_COUNT)
    attributes = []
    for _ in range(count):
        (type_,) = cursor.take(_KIND)
        known = AttributeType(type_) if 1 <= type_ <= 5 else AttributeType.STRING
        attributes.append(ActorAttributeValue(cursor.text(), known, cursor.text()))
    x, y, z, roll, pitch, yaw = pose
    description = ActorDescription(uid, blueprint, tuple(attributes))
    return Added(actor_id, kind, (x, y, z), (roll, pitch, yaw), description)
