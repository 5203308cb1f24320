"""Which traffic light and which speed limit apply to a vehicle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simulator.towns.town import LaneSamples, TrafficLightSite

NO_LIGHT = -1


@njit(cache=True)
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


class SpeedLimits:
    """The limit of the nearest lane."""

    def __init__(self, lanes: LaneSamples) -> None:
        self._limits = np.asarray(lanes.speed_limit_kmh, np.float64)
        self._tree = cKDTree(np.asarray(lanes.xyz, np.float64)[:, :2]) if len(self._limits) else None

    def kmh(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) m -> (n,) km/h; 30 where there is no lane at all, CARLA's limit of a new vehicle."""
        if self._tree is None or not len(points):
            return np.full(len(points), 30.0)
        return self._limits[self._tree.query(points)[1]]
