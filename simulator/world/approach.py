"""Which traffic light and which speed limit apply to a vehicle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.towns.town import LaneSamples, TrafficLightSite

NO_LIGHT = -1
NO_LANE_KMH = 30.0
"""CARLA's limit of a new vehicle."""
NEAR_M = 24.0
OTHER_ROAD_M = 3.0
"""What is so much higher or lower is another road, over a bridge or below it."""
_CELL_M, _RINGS = 8.0, 3  # so many rings of cells around a point hold all that is nearer than NEAR_M


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _contains(centre, half, cos: float, sin: float, x: float, y: float) -> bool:
    dx, dy = x - centre[0], y - centre[1]
    return abs(dx * cos + dy * sin) <= half[0] and abs(-dx * sin + dy * cos) <= half[1]


@njit(cache=True)
def _at(centres, halves, cos, sin, travel, centre, front, forward) -> NDArray[np.intp]:
    """The first zone of each vehicle. See `LightZones.at`."""
    found = np.full(len(centre), NO_LIGHT, np.intp)
    for k in range(len(centre)):
        for zone in range(len(cos)):
            if forward[k, 0] * travel[zone, 0] + forward[k, 1] * travel[zone, 1] <= 0.0:
                continue
            where = centres[zone], halves[zone], cos[zone], sin[zone]
            if _contains(*where, centre[k, 0], centre[k, 1]) or _contains(*where, front[k, 0], front[k, 1]):
                found[k] = zone
                break
    return found


@njit(cache=True)
def outlook(bodies, rows) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(n, 2) each: middle of a vehicle and of its front bumper, m, and the unit vector forward."""
    centre, front, forward = np.empty((len(rows), 2)), np.empty((len(rows), 2)), np.empty((len(rows), 2))
    for k in range(len(rows)):
        b = bodies[rows[k]]
        forward[k, 0], forward[k, 1] = np.cos(b.yaw), np.sin(b.yaw)
        centre[k, 0], centre[k, 1] = b.x, b.y
        for axis in range(2):
            front[k, axis] = centre[k, axis] + forward[k, axis] * (b.cx + b.hx)
    return centre, front, forward


class LightZones:
    """The stretches of lane before the stop lines, as turned rectangles."""

    def __init__(self, sites: Sequence[TrafficLightSite]) -> None:
        yaw = np.radians([site.transform.rotation.yaw + site.trigger.rotation.yaw for site in sites])
        actor_yaw = np.radians([site.transform.rotation.yaw for site in sites])
        local = np.array([site.trigger.location[:2] for site in sites], np.float64).reshape(-1, 2)
        origin = np.array([site.transform.location[:2] for site in sites], np.float64).reshape(-1, 2)
        self._cos, self._sin = np.cos(yaw), np.sin(yaw)
        turned = np.stack(
            [
                local[:, 0] * np.cos(actor_yaw) - local[:, 1] * np.sin(actor_yaw),
                local[:, 0] * np.sin(actor_yaw) + local[:, 1] * np.cos(actor_yaw),
            ],
            axis=1,
        )
        self._centre = origin + turned
        self._half = np.array([site.trigger.extent[:2] for site in sites], np.float64).reshape(-1, 2)
        # the lamps look along +y at the driver who comes, so the lane runs along -y
        self._travel = np.stack([np.sin(actor_yaw), -np.cos(actor_yaw)], axis=1)

    def at(
        self, centre: NDArray[np.float64], front: NDArray[np.float64], forward: NDArray[np.float64]
    ) -> NDArray[np.intp]:
        """Row of the light that each vehicle is at, or `NO_LIGHT`.

        centre, front (n, 2): its middle and the middle of its front bumper, m. forward (n, 2): unit vector. A
        vehicle is at the light from when its front comes into the zone until its middle has passed the stop line:
        one that overshoots a little still sees the red, one that has gone through does not stop in the junction.
        """
        return _at(self._centre, self._half, self._cos, self._sin, self._travel, centre, front, forward)


class LaneGrid(NamedTuple):
    """Points of lanes by squares of `_CELL_M`: those of cell c are `xyz[starts[c] : starts[c + 1]]`."""

    x0: float
    y0: float
    columns: int
    rows: int
    starts: NDArray[np.int64]
    xyz: NDArray[np.float64]
    limits_kmh: NDArray[np.float64]


def _lane_grid(lanes: LaneSamples) -> LaneGrid:
    xyz = np.asarray(lanes.xyz, np.float64).reshape(-1, 3)
    xy = xyz[:, :2]
    limits = np.asarray(lanes.speed_limit_kmh, np.float64)
    if not len(xy):
        return LaneGrid(0.0, 0.0, 0, 0, np.zeros(1, np.int64), xyz, limits)
    low = xy.min(axis=0)
    cells = ((xy - low) / _CELL_M).astype(np.int64)
    columns, rows = (cells.max(axis=0) + 1).tolist()
    numbers = cells[:, 1] * columns + cells[:, 0]
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[order], np.arange(rows * columns + 1)).astype(np.int64)
    x0, y0 = low.tolist()
    return LaneGrid(x0, y0, columns, rows, starts, np.ascontiguousarray(xyz[order]), limits[order])


@njit(cache=True)
def _limits_kmh(grid, points, before) -> NDArray[np.float64]:
    """See `SpeedLimits.kmh`: the nearest of the points in the point's own cell and the rings of cells around it."""
    found = before.copy()
    for k in range(len(points)):
        x, y, z = points[k, 0], points[k, 1], points[k, 2]
        if grid.rows == 0 or not (math.isfinite(x) and math.isfinite(y)):
            continue
        j0 = int(min(max((x - grid.x0) / _CELL_M, 0.0), grid.columns - 1.0))
        i0 = int(min(max((y - grid.y0) / _CELL_M, 0.0), grid.rows - 1.0))
        best = NEAR_M**2
        for i in range(max(0, i0 - _RINGS), min(grid.rows, i0 + _RINGS + 1)):
            # cells of a row lie one after the other, and so do their points
            first = grid.starts[i * grid.columns + max(0, j0 - _RINGS)]
            last = grid.starts[i * grid.columns + min(grid.columns, j0 + _RINGS + 1)]
            for p in range(first, last):
                distance = (grid.xyz[p, 0] - x) ** 2 + (grid.xyz[p, 1] - y) ** 2
                if distance < best and abs(grid.xyz[p, 2] - z) < OTHER_ROAD_M:
                    best, found[k] = distance, grid.limits_kmh[p]
    return found


class SpeedLimits:
    """The limit of the nearest lane, for whoever is no farther than `NEAR_M` from one and not above or below it."""

    def __init__(self, lanes: LaneSamples) -> None:
        self._grid = _lane_grid(lanes)

    def kmh(self, points: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 3) m -> (n,) km/h; `before` (n,) where no lane is near: as in CARLA, a limit holds until the next one."""
        return _limits_kmh(self._grid, points, before)
