"""Poses as matrices, in CARLA's convention: `matrix(t)` equals `carla.Transform.get_matrix()`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simulator.types import Rotation, Transform, Vector3D


def matrices(poses: ArrayLike) -> NDArray[np.float64]:
    """(n, 6) poses (x, y, z metres, pitch, yaw, roll degrees) -> (n, 4, 4) actor -> world."""
    return _matrices(np.ascontiguousarray(poses, np.float64).reshape(-1, 6))


@njit(cache=True)
def _matrices(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """See `matrices`."""
    found = np.zeros((len(poses), 4, 4))
    for k in range(len(poses)):
        p, m = poses[k], found[k]
        pitch, yaw, roll = math.radians(p[3]), math.radians(p[4]), math.radians(p[5])
        sp, sy, sr = math.sin(pitch), math.sin(yaw), math.sin(roll)
        cp, cy, cr = math.cos(pitch), math.cos(yaw), math.cos(roll)
        m[0, 0], m[0, 1], m[0, 2], m[0, 3] = cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr, p[0]
        m[1, 0], m[1, 1], m[1, 2], m[1, 3] = cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr, p[1]
        m[2, 0], m[2, 1], m[2, 2], m[2, 3] = sp, -cp * sr, cp * cr, p[2]
        m[3, 3] = 1.0
    return found


def matrix(transform: Transform) -> NDArray[np.float64]:
    """(4, 4) actor -> world."""
    return matrices([*transform.location, *transform.rotation])[0]


def rotation_of(m: NDArray[np.float64]) -> Rotation:
    """Degrees; pitch in [-90, 90], yaw and roll in [-180, 180]."""
    pitch = math.asin(min(1.0, max(-1.0, m[2, 0])))
    if abs(m[2, 0]) > 1.0 - 1e-12:  # looking straight up or down: yaw and roll turn about the same axis
        return Rotation(math.degrees(pitch), wrap_degrees(math.degrees(math.atan2(-m[0, 1], m[1, 1]))), 0.0)
    yaw, roll = math.atan2(m[1, 0], m[0, 0]), math.atan2(-m[2, 1], m[2, 2])
    return Rotation(math.degrees(pitch), wrap_degrees(math.degrees(yaw)), wrap_degrees(math.degrees(roll)))


def transform_of(m: NDArray[np.float64]) -> Transform:
    """The pose of a (4, 4) matrix."""
    x, y, z = m[:3, 3].tolist()
    return Transform(Vector3D(x, y, z), rotation_of(m))


def between(a: Transform, b: Transform, share: float) -> Transform:
    """`share` of the way from a to b: straight in place, the short way round in angles."""
    if share == 0.0:
        return a
    location = Vector3D(*(p + share * (q - p) for p, q in zip(a.location, b.location)))
    rotation = Rotation(*(p + share * ((q - p + 180.0) % 360.0 - 180.0) for p, q in zip(a.rotation, b.rotation)))
    return Transform(location, rotation)


def wrap_degrees(angle: float) -> float:
    """An angle in [-180, 180]; both ends stay what they are, clients compare them with what they set."""
    return angle if -180.0 <= angle <= 180.0 else 180.0 - (180.0 - angle) % 360.0
