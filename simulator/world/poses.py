"""Poses as matrices, in CARLA's convention: `matrix(t)` equals `carla.Transform.get_matrix()`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.types import Rotation, Transform, Vector3D


def matrices(poses: ArrayLike) -> NDArray[np.float64]:
    """(n, 6) poses (x, y, z metres, pitch, yaw, roll degrees) -> (n, 4, 4) actor -> world."""
    p = np.asarray(poses, np.float64).reshape(-1, 6)
    angles = np.radians(p[:, 3:])
    (sp, sy, sr), (cp, cy, cr) = np.sin(angles).T, np.cos(angles).T
    m = np.zeros((len(p), 4, 4))
    m[:, 0, 0], m[:, 0, 1], m[:, 0, 2] = cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr
    m[:, 1, 0], m[:, 1, 1], m[:, 1, 2] = cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr
    m[:, 2, 0], m[:, 2, 1], m[:, 2, 2] = sp, -cp * sr, cp * cr
    m[:, :3, 3] = p[:, :3]
    m[:, 3, 3] = 1.0
    return m


def matrix(transform: Transform) -> NDArray[np.float64]:
    """(4, 4) actor -> world."""
    return matrices([*transform.location, *transform.rotation])[0]


def rotation_of(m: NDArray[np.float64]) -> Rotation:
    """Degrees; pitch in [-90, 90], yaw and roll in (-180, 180]."""
    pitch = math.asin(min(1.0, max(-1.0, m[2, 0])))
    if abs(m[2, 0]) > 1.0 - 1e-12:  # looking straight up or down: yaw and roll turn about the same axis
        return Rotation(math.degrees(pitch), wrap_degrees(math.degrees(math.atan2(-m[0, 1], m[1, 1]))), 0.0)
    yaw, roll = math.atan2(m[1, 0], m[0, 0]), math.atan2(-m[2, 1], m[2, 2])
    return Rotation(math.degrees(pitch), wrap_degrees(math.degrees(yaw)), wrap_degrees(math.degrees(roll)))


def transform_of(m: NDArray[np.float64]) -> Transform:
    """The pose of a (4, 4) matrix."""
    x, y, z = m[:3, 3].tolist()
    return Transform(Vector3D(x, y, z), rotation_of(m))


def wrap_degrees(angle: float) -> float:
    """An angle in (-180, 180]: clients compare 180 with what they set."""
    return 180.0 - (180.0 - angle) % 360.0
