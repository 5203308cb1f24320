"""Rays through the world: ground, boxes of the town, boxes of the actors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.types import CityObjectLabel, LabelledPoint, Vector3D
from simulator.world.state import WorldState

_GROUND_STEP_M = 0.25


class RayQueries(WorldState):
    """Methods bear the names of the RPC methods."""

    def project_point(self, origin: Vector3D, direction: Vector3D, distance_m: float) -> LabelledPoint | None:
        """The first thing on the way."""
        way = np.asarray(direction, np.float64)
        length = float(np.linalg.norm(way))
        if not length or not math.isfinite(length * distance_m):
            return None
        end = np.asarray(origin, np.float64) + way * (distance_m / length)
        return next(iter(self.cast_ray(origin, Vector3D(*end.tolist()))), None)

    def cast_ray(self, start: Vector3D, end: Vector3D) -> tuple[LabelledPoint, ...]:
        """All surfaces on the way where it enters them, nearest first."""
        a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
        hits = [*self._ground(a, b), *self._boxes(a, b)]
        return tuple(LabelledPoint(Vector3D(*(a + t * (b - a)).tolist()), tag) for t, tag in sorted(hits))

    def _ground(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> list[tuple[float, CityObjectLabel]]:
        """Samples in steps of 0.25 m in the plane (in space where there are bridges)."""
        relief = self.town.relief
        length = float(np.linalg.norm(b - a if relief is not None and relief.deck is not None else (b - a)[:2]))
        count = min(8000, max(2, int(length / _GROUND_STEP_M) + 2))
        t = np.linspace(0.0, 1.0, count)
        points = a + t[:, None] * (b - a)
        above = points[:, 2] - self.town.ground_height_m(points[:, :2], points[:, 2])
        below = np.flatnonzero((above[:-1] > 0.0) & (above[1:] <= 0.0))
        if not len(below):
            return []
        k = int(below[0])
        at = float(t[k] + (t[k + 1] - t[k]) * above[k] / (above[k] - above[k + 1]))
        height = float(self.town.ground.at((a + at * (b - a))[None, :2])[0])
        return [(at, CityObjectLabel.SIDEWALKS if height > 0.05 else CityObjectLabel.ROADS)]

    def _boxes(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> list[tuple[float, CityObjectLabel]]:
        """Slab test against every box, in the box's own axes (Kay and Kajiya, 1986)."""
        c, rows = self.obstacles.boxes, self.bodies.rows[self.bodies.active]
        rows = rows[rows["collides"]]
        cos, sin = np.cos(rows["yaw"]), np.sin(rows["yaw"])
        x = np.concatenate([c["x"], rows["x"] + rows["cx"] * cos - rows["cy"] * sin])
        y = np.concatenate([c["y"], rows["y"] + rows["cx"] * sin + rows["cy"] * cos])
        z = np.concatenate([c["z"], rows["z"] + rows["cz"]])
        yaw = np.concatenate([c["yaw"], rows["yaw"]])
        half = np.stack([np.concatenate([c[n], rows[n]]) for n in ("hx", "hy", "hz")], axis=1)
        labels = [*self.obstacles.tags, *(self._label(int(actor)) for actor in rows["actor"])]
        cos, sin = np.cos(yaw), np.sin(yaw)
        d, o = b - a, a - np.stack([x, y, z], axis=1)
        o = np.stack([o[:, 0] * cos + o[:, 1] * sin, -o[:, 0] * sin + o[:, 1] * cos, o[:, 2]], axis=1)
        v = np.stack([d[0] * cos + d[1] * sin, -d[0] * sin + d[1] * cos, np.full(len(yaw), d[2])], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            t1, t2 = (-half - o) / v, (half - o) / v
        enter, leave = np.fmax.reduce(np.fmin(t1, t2), axis=1), np.fmin.reduce(np.fmax(t1, t2), axis=1)
        hit = np.flatnonzero((enter <= leave) & (enter >= 0.0) & (enter <= 1.0))
        return [(float(enter[k]), labels[k]) for k in hit]

    def _label(self, actor_id: int) -> CityObjectLabel:
        tags = self.actors[actor_id].semantic_tags
        return CityObjectLabel(tags[0]) if tags else CityObjectLabel.NONE
