"""Rasters of the town's ground plan: how high the ground is, and which land is still free to build on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.towns.curves import Array, to_carla
from simulator.towns.layout import LANE_M
from simulator.towns.network import Network
from simulator.towns.opendrive import CURB_HEIGHT_M
from simulator.towns.roadways import Edge, junction_outline, road_stations
from simulator.towns.town import GroundGrid

GROUND_CELL_M = 0.25
PLOT_CELL_M = 0.5
SUBPIXEL_BITS = 6


def _pixels(polygons: Iterable[ArrayLike], origin: Array, cell_m: float) -> list[NDArray[np.int32]]:
    scale = 1 << SUBPIXEL_BITS
    return [
        np.round(((np.asarray(p, float)[:, :2] - origin) / cell_m - 0.5) * scale).astype(np.int32) for p in polygons
    ]


def carriageways(network: Network) -> list[Array]:
    """Polygons (n, 3) of all asphalt."""
    polygons = [junction_outline(crossing, network) for crossing in network.crossings]
    for road in network.streets:
        assert road.left is not None
        s = road_stations(road)
        right = to_carla(*road.path.at(s, -road.right.curb_m(s))[:2])
        left = to_carla(*road.path.at(s, road.left.curb_m(s))[:2])
        polygons.append(np.concatenate([right, left[::-1]]))
    return polygons


def ground_grid(network: Network, edges: list[Edge]) -> GroundGrid:
    """Sidewalks first, asphalt over them: at the curb the grid errs towards the road."""
    low, high = bounds(network)
    origin = low - 20.0
    rows, columns = np.ceil((high - low + 40.0) / GROUND_CELL_M).astype(int)[::-1]
    heights = np.zeros((rows, columns), np.float32)
    sidewalks = [np.concatenate([edge.curb, edge.back[::-1]]) for edge in edges]
    for polygon in _pixels(sidewalks, origin, GROUND_CELL_M):
        cv2.fillPoly(heights, [polygon], CURB_HEIGHT_M, shift=SUBPIXEL_BITS)
    for polygon in _pixels(carriageways(network), origin, GROUND_CELL_M):
        cv2.fillPoly(heights, [polygon], 0.0, shift=SUBPIXEL_BITS)
    return GroundGrid(heights, (float(origin[0]), float(origin[1])), GROUND_CELL_M)


def bounds(network: Network) -> tuple[Array, Array]:
    """Least and greatest x, y of the streets, CARLA's axes."""
    points = [to_carla(*road.path.at(road_stations(road, 10.0))[:2])[:, :2] for road in network.streets]
    stacked = np.concatenate(points)
    return stacked.min(axis=0) - LANE_M, stacked.max(axis=0) + LANE_M


@dataclass
class Plots:
    """Which land is taken. Cells of 0.5 m, row = y, column = x."""

    taken: NDArray[np.uint8]
    origin: Array

    @classmethod
    def around(cls, network: Network, edges: list[Edge], margin_m: float) -> Plots:
        """All land within `margin_m` of the streets' bounds, taken where there is road, sidewalk or verge."""
        low, high = bounds(network)
        origin = low - margin_m
        rows, columns = np.ceil((high - low + 2 * margin_m) / PLOT_CELL_M).astype(int)[::-1]
        plots = cls(np.zeros((rows, columns), np.uint8), origin)
        for polygon in carriageways(network):
            plots.take(polygon)
        for edge in edges:
            plots.take(np.concatenate([edge.curb, edge.verge[::-1]]))
        return plots

    def take(self, polygon: ArrayLike) -> None:
        cv2.fillPoly(self.taken, _pixels([polygon], self.origin, PLOT_CELL_M), 1, shift=SUBPIXEL_BITS)

    def is_free(self, polygon: ArrayLike) -> bool:
        """Whether a convex polygon (n, 2) lies on free land altogether."""
        points = (np.asarray(polygon, float)[:, :2] - self.origin) / PLOT_CELL_M
        low = np.floor(points.min(axis=0)).astype(int) - 1
        high = np.ceil(points.max(axis=0)).astype(int) + 2
        rows, columns = self.taken.shape
        if (low < 0).any() or high[0] > columns or high[1] > rows:
            return False
        window = self.taken[low[1] : high[1], low[0] : high[0]]
        mask = np.zeros(window.shape, np.uint8)
        cv2.fillPoly(mask, _pixels([points - low], np.zeros(2), 1.0), 1, shift=SUBPIXEL_BITS)
        return not (window & mask).any()
