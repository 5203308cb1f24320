"""Sensor messages: the header that all share and the body of each kind."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

import msgpack
import numpy as np
from numpy.typing import NDArray

from simulator.types import EVENT_DTYPE, ActorRecord, Transform, Vector3D
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
    "sensor.camera.cosmos_visualization": SensorKind.COSMOS,
    "sensor.camera.normals": SensorKind.NORMALS,
    "sensor.camera.optical_flow": SensorKind.OPTICAL_FLOW,
    "sensor.camera.dvs": SensorKind.DVS,
    "sensor.lidar.ray_cast": SensorKind.LIDAR,
    "sensor.lidar.ray_cast_semantic": SensorKind.SEMANTIC_LIDAR,
    "sensor.other.radar": SensorKind.RADAR,
    "sensor.other.collision": SensorKind.COLLISION,
    "sensor.other.gnss": SensorKind.GNSS,
    "sensor.other.imu": SensorKind.IMU,
    "sensor.other.obstacle": SensorKind.OBSTACLE,
}
"""The sensors that send messages. (Lane invasion is worked out in the client.)"""

_ORIGIN = Transform()
_HEADER = struct.Struct("<QQd6f")
_IMAGE_HEADER = struct.Struct("<IIf")
_LIDAR_HEADER = struct.Struct("<fI")
LIDAR_POINT_BYTES, SEMANTIC_POINT_BYTES = 16, 24


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


def optical_flow(flow: NDArray[np.float32], fov_deg: float) -> tuple[Part, ...]:
    """(H, W, 2) float32, see `render.motion.optical_flow`."""
    if flow.dtype != np.float32 or flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"an optical flow must be (H, W, 2) float32, not {flow.shape} {flow.dtype}")
    height, width = flow.shape[:2]
    return _IMAGE_HEADER.pack(width, height, fov_deg), np.ascontiguousarray(flow).data.cast("B")


def events(found: NDArray[np.void], width: int, height: int, fov_deg: float) -> tuple[Part, ...]:
    """(n,) of `EVENT_DTYPE`, in the order of their times."""
    if found.dtype != EVENT_DTYPE or (len(found) and (found["x"].max() >= width or found["y"].max() >= height)):
        raise ValueError(f"events must be {EVENT_DTYPE} within {width} x {height} pixels")
    return _IMAGE_HEADER.pack(width, height, fov_deg), found.tobytes()


def lidar(angle_rad: float, counts: NDArray[np.uint32], points: NDArray[np.generic]) -> tuple[Part, ...]:
    """counts: (channels,) points of each channel. points: (n, 4) float32 or (n,) records of 24 bytes, by channel."""
    count = int(counts.sum())
    if points.nbytes not in (count * LIDAR_POINT_BYTES, count * SEMANTIC_POINT_BYTES):
        raise ValueError(f"{count} points of a lidar do not fill {points.nbytes} bytes")
    return _LIDAR_HEADER.pack(angle_rad, len(counts)), counts.astype("<u4").tobytes(), points.tobytes()


def radar(detections: NDArray[np.float32]) -> bytes:
    """(n, 4) float32: speed m/s, azimuth rad, altitude rad, depth m."""
    if detections.dtype != np.float32 or detections.ndim != 2 or detections.shape[1] != 4:
        raise ValueError(f"radar detections must be (n, 4) float32, not {detections.shape} {detections.dtype}")
    return detections.tobytes()


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
