"""What stands in a town and never moves: boxes to run into, and the actors that collision sensors name for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.towns.town import Obstacle
from simulator.types import ActorDescription, ActorRecord, BoundingBox, CityObjectLabel, Transform
from simulator.world.contacts import BOX_DTYPE, make_grid

POLE_HALF_M, POLE_HEIGHT_M = 0.12, 3.0
OUT_OF_THE_WORLD_M = -1e9


class Obstacles:
    """The town's own obstacles, then the poles of its lights and signs.

    `boxes` (n,) of `BOX_DTYPE`. `tags`: n labels. `owners`: actor id of a pole's light or sign, 0 for the town's.
    """

    def __init__(self, obstacles: Sequence[Obstacle], poles: Sequence[tuple[int, Transform, CityObjectLabel]]) -> None:
        self.boxes: NDArray[np.void] = np.zeros(len(obstacles) + len(poles), BOX_DTYPE)
        self.tags = [obstacle.tag for obstacle in obstacles] + [tag for _, _, tag in poles]
        self.owners = [0] * len(obstacles) + [actor_id for actor_id, _, _ in poles]
        for row, obstacle in zip(self.boxes, obstacles):
            location, extent, yaw = obstacle.box.location, obstacle.box.extent, obstacle.box.rotation.yaw
            _fill(row, location, extent, yaw)
        for row, (_, transform, _) in zip(self.boxes[len(obstacles) :], poles):
            x, y, z = transform.location
            half = POLE_HEIGHT_M / 2.0
            _fill(row, (x, y, z + half), (POLE_HALF_M, POLE_HALF_M, half), transform.rotation.yaw)
        self.grid = make_grid(self.boxes)
        self._object_ids = np.array([obstacle.object_id for obstacle in obstacles] + [0] * len(poles), np.int64)
        self._first_pole = len(obstacles)
        self._heights = self.boxes["z"].copy()

    def hide(self, object_ids: Sequence[int], poles: Sequence[int] = ()) -> None:
        """These objects of the town and poles, by their places in the list, are not there any more, all others are:
        nothing touches what is so far below.
        """
        gone = np.isin(self._object_ids, object_ids) & (self._object_ids > 0)
        gone[[self._first_pole + pole for pole in poles]] = True
        self.boxes["z"] = np.where(gone, OUT_OF_THE_WORLD_M, self._heights)

    def record(self, index: int) -> ActorRecord:
        return town_record(self.tags[index])


def town_record(tag: CityObjectLabel) -> ActorRecord:
    """CARLA names what belongs to the town by its tag, with id 0: `static.building`, `static.car` ..."""
    name = "static." + _NAMES.get(tag, tag.name.lower())
    return ActorRecord(0, 0, ActorDescription(0, name), BoundingBox(), bytes([tag]))


_NAMES = {
    CityObjectLabel.ROADS: "road",
    CityObjectLabel.ROAD_LINES: "roadline",
    CityObjectLabel.SIDEWALKS: "sidewalk",
    CityObjectLabel.TRAFFIC_SIGNS: "trafficsign",
    CityObjectLabel.BUILDINGS: "building",
    CityObjectLabel.WALLS: "wall",
    CityObjectLabel.FENCES: "fence",
    CityObjectLabel.POLES: "pole",
    CityObjectLabel.GUARD_RAIL: "guardrail",
    CityObjectLabel.STATIC: "prop",
}


def _fill(row: np.void, centre: Sequence[float], extent: Sequence[float], yaw_deg: float) -> None:
    row["x"], row["y"], row["z"] = centre
    row["hx"], row["hy"], row["hz"] = extent
    row["yaw"], row["radius"] = math.radians(yaw_deg), math.hypot(extent[0], extent[1])
