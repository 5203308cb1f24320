"""A thermal camera with a place of its own: where it sits beside its RGB camera, and the rig's dictionary for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensors.thermal.mounting import rotation_matrix

FARTHEST_M = 5.0


@dataclass(frozen=True)
class Place:
    """Where a thermal camera sits, in the axes of its RGB camera: x_m ahead, y_m to the right, z_m up, then turned by
    yaw_deg to the right, pitch_deg up, roll_deg clockwise. This is the calibration, and known; what nobody knows of,
    an error of mounting or a drift, is `Mounting`.
    """

    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            # bool and text come from a user's file
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                raise ValueError(f"place {name} must be a number, got {value!r}")
            most, unit = (FARTHEST_M, "m of the RGB camera") if name.endswith("_m") else (180.0, "degrees")
            if not abs(value) <= most:
                raise ValueError(f"place {name} must lie within {most:g} {unit}, got {value}")


def sensor_at(place: Place, camera: Mapping[str, Any], width: int, height: int, fov_deg: float) -> dict[str, Any]:
    """The sensor dictionary of a thermal camera at `place` beside an RGB camera's, with its own pixels and lens.

    Its id is the RGB camera's with "/thermal" behind it.
    """
    rgb = rotation_matrix(*(float(camera.get(angle, 0.0)) for angle in ("yaw", "pitch", "roll")))
    axes = rgb @ rotation_matrix(place.yaw_deg, place.pitch_deg, place.roll_deg)
    offset = rgb @ np.array([place.x_m, place.y_m, place.z_m])
    x, y, z = (float(camera.get(axis, 0.0)) + float(moved) for axis, moved in zip("xyz", offset, strict=True))
    return {
        "type": "sensor.camera.thermal",
        "id": f"{camera['id']}/thermal",
        **{"x": x, "y": y, "z": z},
        **_angles_deg(axes),
        **{"width": width, "height": height, "fov": fov_deg},
    }


def _angles_deg(matrix: NDArray[np.float64]) -> dict[str, float]:
    """What `rotation_matrix` made it of."""
    return {
        "pitch": math.degrees(math.asin(min(max(float(matrix[2, 0]), -1.0), 1.0))),
        "yaw": math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])),
        "roll": math.degrees(math.atan2(-matrix[2, 1], matrix[2, 2])),
    }
