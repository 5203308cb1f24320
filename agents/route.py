"""The dense route as arrays, and the place of a vehicle along it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.plan import RoadOption, WorldPlan

CURVATURE_SPAN_M = 2.0


@dataclass(frozen=True)
class Pose:
    """Position of the vehicle's origin (m) and heading (rad, clockwise seen from above as CARLA's yaw)."""

    x: float
    y: float
    yaw: float


@dataclass(frozen=True, eq=False)
class Route:
    """xy (n, 2) m; yaw (n,) rad, unwrapped; distance_m (n,) from the start; curvature (n,) 1/m, > 0 to the right."""

    xy: NDArray[np.float64]
    yaw: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    curvature: NDArray[np.float64]
    options: tuple[RoadOption, ...]

    @staticmethod
    def from_plan(plan: WorldPlan) -> Route:
        """The route of a dense plan (about 1 m apart), as `set_global_plan` receives it."""
        xy = np.array([(t.location.x, t.location.y) for t, _ in plan], np.float64)
        steps = np.hypot(*np.diff(xy, axis=0).T)
        keep = np.concatenate([[True], steps > 0.05])
        xy = xy[keep]
        yaw = np.unwrap([math.radians(t.rotation.yaw) for (t, _), kept in zip(plan, keep) if kept])
        distance_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
        options = tuple(RoadOption(int(option)) for (_, option), kept in zip(plan, keep) if kept)
        return Route(xy, yaw, distance_m, _curvature(yaw, distance_m), options)

    @property
    def length_m(self) -> float:
        return float(self.distance_m[-1])

    def point_at(self, distance_m: float) -> tuple[float, float]:
        """The point at a distance from the start; beyond the end the route goes straight on."""
        beyond_m = max(distance_m - self.length_m, 0.0)
        x = float(np.interp(distance_m, self.distance_m, self.xy[:, 0]))
        y = float(np.interp(distance_m, self.distance_m, self.xy[:, 1]))
        return x + beyond_m * math.cos(self.yaw[-1]), y + beyond_m * math.sin(self.yaw[-1])

    def yaw_at(self, distance_m: float) -> float:
        return float(np.interp(distance_m, self.distance_m, self.yaw))

    def curvature_at(self, distance_m: float) -> float:
        return float(np.interp(distance_m, self.distance_m, self.curvature, right=0.0))

    def ahead(self, pose: Pose, distances_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Route points at these distances from the start, seen from the vehicle: (n, 2), x forward, y right, m."""
        points = np.array([self.point_at(float(d)) for d in distances_m]) - (pose.x, pose.y)
        c, s = math.cos(pose.yaw), math.sin(pose.yaw)
        return points @ np.array([[c, -s], [s, c]])


@dataclass
class Progress:
    """Follows a vehicle along its route without jumping to another branch where the route comes near itself."""

    route: Route
    distance_m: float = 0.0
    look_back_m: float = 5.0
    look_ahead_m: float = 20.0

    def update(self, x: float, y: float) -> float:
        """Distance along the route of the point nearest to (x, y), searched near the last one."""
        route = self.route
        first = int(np.searchsorted(route.distance_m, self.distance_m - self.look_back_m))
        last = int(np.searchsorted(route.distance_m, self.distance_m + self.look_ahead_m)) + 1
        first = min(max(first - 1, 0), len(route.xy) - 2)
        start, end = route.xy[first:last][:-1], route.xy[first:last][1:]
        if len(start) == 0:
            start, end = route.xy[-2:-1], route.xy[-1:]
            first = len(route.xy) - 2
        along = end - start
        lengths = np.hypot(along[:, 0], along[:, 1])
        share = np.clip(((np.array([x, y]) - start) * along).sum(axis=1) / lengths**2, 0.0, 1.0)
        nearest = start + share[:, None] * along
        best = int(np.argmin((nearest[:, 0] - x) ** 2 + (nearest[:, 1] - y) ** 2))
        self.distance_m = float(route.distance_m[first + best] + share[best] * lengths[best])
        if self.distance_m >= route.length_m - 1e-6:
            # Past the end: keep counting along the straight continuation.
            beyond = (x - route.xy[-1, 0]) * math.cos(route.yaw[-1]) + (y - route.xy[-1, 1]) * math.sin(route.yaw[-1])
            self.distance_m = route.length_m + max(float(beyond), 0.0)
        return self.distance_m

    def offset_m(self, x: float, y: float) -> float:
        """Signed distance from the route at the current place, > 0 to its right."""
        px, py = self.route.point_at(self.distance_m)
        yaw = self.route.yaw_at(self.distance_m)
        return -(x - px) * math.sin(yaw) + (y - py) * math.cos(yaw)


def _curvature(yaw: NDArray[np.float64], distance_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change of heading over 2 m about each point: arcs of a road begin abruptly, a steering wheel does not."""
    low, high = distance_m - 0.5 * CURVATURE_SPAN_M, distance_m + 0.5 * CURVATURE_SPAN_M
    span = np.minimum(high, distance_m[-1]) - np.maximum(low, 0.0)
    return (np.interp(high, distance_m, yaw) - np.interp(low, distance_m, yaw)) / np.maximum(span, 1e-6)
