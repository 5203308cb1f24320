"""Rays that clients send through the world: what of the town's and the actors' surfaces lies on the way."""

from __future__ import annotations

import math

import numpy as np

from simulator.raycast.scene import RayScene
from simulator.render.workers import Workers
from simulator.types import CityObjectLabel, LabelledPoint, Vector3D
from simulator.world.state import WorldState
from simulator.world.view import SceneView

_BEYOND_M = 1e-3
_MOST_SURFACES = 1000


class RayQueries(WorldState):
    """Methods bear the names of the RPC methods."""

    _ray_scene: tuple[object, RayScene] | None = None

    def view(self) -> SceneView:
        raise NotImplementedError

    def project_point(self, origin: Vector3D, direction: Vector3D, distance_m: float) -> LabelledPoint | None:
        """The first thing on the way."""
        way = np.asarray(direction, np.float64)
        length = float(np.linalg.norm(way))
        if not length or not math.isfinite(length * distance_m):
            return None
        end = np.asarray(origin, np.float64) + way * (distance_m / length)
        return next(iter(self.cast_ray(origin, Vector3D(*end.tolist()), most=1)), None)

    def cast_ray(self, start: Vector3D, end: Vector3D, most: int = _MOST_SURFACES) -> tuple[LabelledPoint, ...]:
        """Every thing on the way where the ray enters it, nearest first; a thing: an actor, an object, a ground."""
        a, way = np.asarray(start, np.float64), np.asarray(end, np.float64) - np.asarray(start, np.float64)
        length = float(np.linalg.norm(way))
        if not length or not math.isfinite(length):
            return ()
        scene = self._scene_now()
        direction = (way / length).astype(np.float32)
        found: dict[tuple[int, int, int], LabelledPoint] = {}
        near_m = 0.0
        for _ in range(_MOST_SURFACES):
            hits = scene.cast(a.astype(np.float32), direction[None], length, near_m)
            distance_m, tag = float(hits.distance[0]), int(hits.tag[0])
            if not math.isfinite(distance_m):
                break
            point = LabelledPoint(Vector3D(*(a + way * (distance_m / length)).tolist()), CityObjectLabel(tag))
            found.setdefault((int(hits.actor[0]), int(hits.object[0]), tag if not hits.actor[0] else 0), point)
            if len(found) >= most:
                break
            near_m = distance_m + _BEYOND_M
        return tuple(found.values())

    def _scene_now(self) -> RayScene:
        """The town's triangles (their tree takes a moment, once) with the actors as they are now."""
        if self._ray_scene is None or self._ray_scene[0] is not self.town:
            self._ray_scene = (self.town, RayScene(self.town, Workers(1)))
        self._ray_scene[1].show(self.view())
        return self._ray_scene[1]
