"""CARLA's radar: rays strewn over a cone, each with the speed at which what it meets comes nearer or goes away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.raycast.scene import LONGEST_M, RayScene
from simulator.types import ActorDescription


@dataclass(frozen=True)
class RadarModel:
    """The attributes of `sensor.other.radar`."""

    horizontal_fov_deg: float = 30.0
    vertical_fov_deg: float = 30.0
    range_m: float = 100.0
    points_per_second: float = 1500.0

    def __post_init__(self) -> None:
        if not (0.0 < self.horizontal_fov_deg < 180.0 and 0.0 < self.vertical_fov_deg < 180.0):
            raise ValueError("a radar's fields of view must lie in 0..180 degrees")
        if not (0.0 < self.range_m <= LONGEST_M and 0.0 <= self.points_per_second <= 1e7):
            raise ValueError("a radar needs a range above 0 and 0 to 10000000 points_per_second")


def radar_model(description: ActorDescription) -> RadarModel:
    """Raises ValueError with one clear line."""
    names = {"horizontal_fov": "30", "vertical_fov": "30", "range": "100", "points_per_second": "1500"}
    return RadarModel(*(float(description.get(name, default)) for name, default in names.items()))


def detect(
    model: RadarModel, scene: RayScene, pose: NDArray[np.float64], velocity: NDArray[np.float64],
    velocities: dict[int, NDArray[np.float64]], delta_s: float, random: np.random.Generator, mount: int,
) -> NDArray[np.float32]:  # fmt: skip
    """(n, 4) float32: speed along the ray in m/s (below 0: nearer), azimuth and altitude in rad, depth in m.

    pose: (4, 4) sensor -> world. velocity: of the sensor, velocities: of the actors that move, (3,) m/s, world axes.
    mount: the actor that encloses the radar, or 0. As in CARLA points are denser towards the axis, and the range is
    measured along it: a ray at the edge of the cone is a little longer.
    """
    count = int(model.points_per_second * delta_s + 1e-6)
    radius, turn = random.random(count), 2.0 * math.pi * random.random(count)
    across = math.tan(math.radians(model.horizontal_fov_deg) / 2.0) * radius * np.cos(turn)
    up = math.tan(math.radians(model.vertical_fov_deg) / 2.0) * radius * np.sin(turn)
    local = np.stack([np.ones(count), across, up], axis=1)
    stretch = np.linalg.norm(local, axis=1)
    local /= stretch[:, None]
    directions = local @ pose[:3, :3].T
    hits = scene.cast(
        pose[:3, 3].astype(np.float32),
        directions.astype(np.float32),
        model.range_m * float(stretch.max(initial=1.0)),
        ignored=mount,
    )
    met = np.flatnonzero(hits.distance <= model.range_m * stretch)
    moving = np.zeros((len(met), 3))
    for actor in np.unique(hits.actor[met]).tolist():
        moving[hits.actor[met] == actor] = velocities.get(actor, np.zeros(3))
    return np.column_stack(
        [
            np.einsum("ni,ni->n", moving - velocity, directions[met]),
            np.arctan2(local[met, 1], local[met, 0]),
            np.arcsin(np.clip(local[met, 2], -1.0, 1.0)),
            hits.distance[met],
        ]
    ).astype(np.float32)
