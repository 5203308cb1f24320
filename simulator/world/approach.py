"""Which traffic light and which speed limit apply to a vehicle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simulator.towns.town import LaneSamples, TrafficLightSite

NO_LIGHT = -1


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
        if not len(self._cos) or not len(centre):
            return np.full(len(centre), NO_LIGHT)
        inside = (self._contains(centre) | self._contains(front)) & (forward @ self._travel.T > 0.0)
        return np.where(inside.any(axis=1), inside.argmax(axis=1), NO_LIGHT)

    def _contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        d = points[:, None, :] - self._centre[None]
        along = d[..., 0] * self._cos + d[..., 1] * self._sin
        across = -d[..., 0] * self._sin + d[..., 1] * self._cos
        return (np.abs(along) <= self._half[:, 0]) & (np.abs(across) <= self._half[:, 1])


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
