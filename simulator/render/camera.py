"""Pinhole cameras as CARLA defines them: horizontal field of view, pixel (i, j) covers [i, i+1) x [j, j+1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

KINDS = (
    "rgb",
    "depth",
    "semantic_segmentation",
    "instance_segmentation",
    "cosmos_visualization",
    "normals",
    "optical_flow",
    "dvs",
)


@dataclass(frozen=True)
class CameraModel:
    """What a camera is, apart from where it is.

    `fov_deg` is horizontal. `attributes`: the blueprint's remaining attributes as (name, value) text pairs.
    """

    width: int
    height: int
    fov_deg: float
    kind: str
    attributes: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"camera kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not (1 <= self.width <= 4096 and 1 <= self.height <= 4096):
            raise ValueError(f"camera size must lie in 1..4096, got {self.width} x {self.height}")
        if not 0.0 < self.fov_deg < 180.0:
            raise ValueError(f"field of view must lie in 0..180 degrees, got {self.fov_deg}")

        if self.kind == "dvs":
            needed = {"positive_threshold": 0.3, "negative_threshold": 0.3, "log_eps": 1e-3}
            for name, default in needed.items():
                if not 0.0 < self.number(name, default) < math.inf:
                    raise ValueError(f"{name} must be greater than 0, got {self.text(name, str(default))}")

    def text(self, name: str, default: str) -> str:
        return next((value for key, value in self.attributes if key == name), default)

    def number(self, name: str, default: float) -> float:
        return float(self.text(name, str(default)))


class Pinhole(NamedTuple):
    """A camera at its place, in the form in which the kernels use it.

    rotation: (3, 3) float32, rows are the image's right, down and forward axes in the world. eye: (3,) float32.
    focal_px: focal length, cx_px, cy_px: principal point (float32).
    """

    rotation: NDArray[np.float32]
    eye: NDArray[np.float32]
    focal_px: np.float32
    cx_px: np.float32
    cy_px: np.float32
    width: int
    height: int


def rotation_matrix(pitch_deg: float, yaw_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """(3, 3), columns are the forward, right and up axes in the world: that of `carla.Transform.get_matrix()`."""
    cp, sp = math.cos(math.radians(pitch_deg)), math.sin(math.radians(pitch_deg))
    cy, sy = math.cos(math.radians(yaw_deg)), math.sin(math.radians(yaw_deg))
    cr, sr = math.cos(math.radians(roll_deg)), math.sin(math.radians(roll_deg))
    return np.array(
        [
            [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr],
            [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr],
            [sp, -cp * sr, cp * cr],
        ]
    )


def pinhole(camera: CameraModel, pose: Sequence[float]) -> Pinhole:
    """`pose`: (x, y, z, pitch, yaw, roll) of the camera, metres and degrees; it looks along its +x."""
    axes = rotation_matrix(pose[3], pose[4], pose[5])
    rows = np.empty((3, 3), np.float32)
    rows[0], rows[1], rows[2] = axes[:, 1], -axes[:, 2], axes[:, 0]
    focal = camera.width / (2.0 * math.tan(math.radians(camera.fov_deg) / 2.0))
    return Pinhole(
        rows,
        np.array(pose[:3], np.float32),
        np.float32(focal),
        np.float32(camera.width / 2.0),
        np.float32(camera.height / 2.0),
        camera.width,
        camera.height,
    )
