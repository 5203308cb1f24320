"""CARLA's obstacle detector: a sphere sent ahead of the sensor, and what it would touch first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.raycast.scene import LONGEST_M, RayScene, Touch
from simulator.types import ActorDescription


@dataclass(frozen=True)
class ObstacleModel:
    """The attributes of `sensor.other.obstacle`. only_dynamics: heeds only what can move."""

    distance_m: float = 5.0
    hit_radius_m: float = 0.5
    only_dynamics: bool = False

    def __post_init__(self) -> None:
        if not (0.0 <= self.distance_m <= LONGEST_M and 0.0 <= self.hit_radius_m <= LONGEST_M):
            raise ValueError("an obstacle detector needs a distance and a hit_radius of 0 or more")


def obstacle_model(description: ActorDescription) -> ObstacleModel:
    """Raises ValueError with one clear line."""
    return ObstacleModel(
        float(description.get("distance", "5")),
        float(description.get("hit_radius", "0.5")),
        description.get("only_dynamics", "false").lower() in ("true", "1"),
    )


def detect(
    model: ObstacleModel, scene: RayScene, pose: NDArray[np.float64], dynamic: frozenset[int], mount: int
) -> Touch | None:
    """pose: (4, 4) sensor -> world. dynamic: ids of the actors that can move. mount: the actor it is attached to."""
    start, ahead = pose[:3, 3].astype(np.float32), pose[:3, 0].astype(np.float32)
    seen = dynamic if model.only_dynamics else None
    return scene.sweep(start, ahead, model.distance_m, max(model.hit_radius_m, 1e-4), seen, mount)
