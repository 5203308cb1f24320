"""Sensor messages: the header that all share and the body of each kind."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

import msgpack
import numpy as np
from numpy.typing import NDArray

from simulator.types import ActorRecord, Transform, Vector3D
from simulator.wire.codec import encode

Part = bytes | memoryview


class SensorKind(IntEnum):
    """The numbers by which CARLA 0.9.16 tells stream messages apart."""

    COLLISION = 0
    DEPTH = 1
    NORMALS = 2
    DVS = 3
    GNSS = 4
    IMU = 5
    LANE_INVASION = 6
    OBSTACLE = 7
    OPTICAL_FLOW = 8
    RADAR = 9
    SEMANTIC_LIDAR = 10
    LIDAR = 11
    RSS = 12
    RGB = 13
    SEMANTIC_SEGMENTATION = 14
    INSTANCE_SEGMENTATION = 15
    COSMOS = 16
    WORLD = 17  # 16 up to CARLA 0.9.15; 16 makes this client abort


KIND_OF_BLUEPRINT = {
    "sensor.camera.rgb": SensorKind.RGB,
    "sensor.camera.depth": SensorKind.DEPTH,
    "sensor.camera.semantic_segmentation": SensorKind.SEMANTIC_SEGMENTATION,
    "sensor.camera.instance_segmentation": SensorKind.INSTANCE_SEGMENTATION,
    "sensor.other.collision": SensorKind.COLLISION,
    "sensor.other.gnss": SensorKind.GNSS,
    "sensor.other.imu": SensorKind.IMU,
    "sensor.other.obstacle": SensorKind.OBSTACLE,
}
"""The sensors that send messages. (Lane invasion is worked out in the client.)"""

_ORIGIN = Transform()
_HEADER = struct.Struct("<QQd6f")
_IMAGE_HEADER = struct.Struct("<IIf")


def header(kind: SensorKind, frame: int, time_s: float, transform: Transform = _ORIGIN) -> bytes:
    """The 48 bytes before every body; `transform` is the sensor's in the world at that frame."""
    return _HEADER.pack(kind, frame, time_s, *transform.location, *transform.rotation)


def image(bgra: NDArray[np.uint8], fov_deg: float) -> tuple[Part, ...]:
    """(H, W, 4) uint8 BGRA, top row first, without a copy of the pixels."""
    if bgra.dtype != np.uint8 or bgra.ndim != 3 or bgra.shape[2] != 4:
        # the client trusts the sizes and would read past the end of a smaller image
        raise ValueError(f"an image must be (H, W, 4) uint8, not {bgra.shape} {bgra.dtype}")
    height, width = bgra.shape[:2]
    return _IMAGE_HEADER.pack(width, height, fov_deg), np.ascontiguousarray(bgra).data.cast("B")


def imu(acceleration_m_s2: Sequence[float], gyroscope_rad_s: Sequence[float], compass_rad: float) -> bytes:
    vectors = [encode(Vector3D(*v), Vector3D) for v in (acceleration_m_s2, gyroscope_rad_s)]
    return msgpack.packb([*vectors, encode(compass_rad, float)])


def gnss(latitude_deg: float, longitude_deg: float, altitude_m: float) -> bytes:
    return msgpack.packb(encode((latitude_deg, longitude_deg, altitude_m), tuple[float, float, float]))


def collision(actor: ActorRecord, other: ActorRecord, normal_impulse_ns: Vector3D) -> bytes:
    """`normal_impulse_ns` in newton seconds, world axes."""
    return msgpack.packb([*_pair(actor, other), encode(normal_impulse_ns, Vector3D)], unicode_errors="surrogateescape")


def obstacle(actor: ActorRecord, other: ActorRecord, distance_m: float) -> bytes:
    return msgpack.packb([*_pair(actor, other), encode(distance_m, float)], unicode_errors="surrogateescape")


def _pair(actor: ActorRecord, other: ActorRecord) -> list[object]:
    return [encode(actor, ActorRecord), encode(other, ActorRecord)]
