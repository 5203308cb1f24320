"""From roads to the land between them: heights of the ground, which of it is road, and the meadow's mesh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder
from simulator.towns.curves import Array
from simulator.towns.ground import SUBPIXEL_BITS
from simulator.towns.relief import STOREY_M, Relief
from simulator.towns.roadways import graded
from simulator.towns.town import GroundGrid
from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.lanes import Strip, edge_of
from simulator.towns.xodr.records import Road

MARGIN_M = 110.0
"""Land around the roads."""
PLATEAU_M = 10.0
"""Beside a road the land keeps the road's height for this far, so that no meadow grows through the asphalt."""
LAND_BELOW_M = 0.05
MOST_CELLS = 6_000_000
MOST_STEPS = 24_000_000


@dataclass(frozen=True, eq=False)
class Terrain:
    """relief: None where the whole map is flat. low, high: least and greatest x, y of the roads, CARLA's axes."""

    relief: Relief | None
    low: Array
    high: Array

    def height_m(self, xy: Array) -> Array:
        return np.zeros(len(xy)) if self.relief is None else self.relief.at(xy)


def terrain_of(roads: Sequence[Road]) -> Terrain:
    lines = [CentreLine(road) for road in roads]
    outlines = [_outline(line) for line in lines]
    points = np.concatenate([polygon for polygon, *_ in outlines])
    low, high = points.min(axis=0), points.max(axis=0)
    heights = np.concatenate([line.height_m(np.linspace(0.0, line.length, 50)) for line in lines])
    if np.ptp(heights) < 0.02 and abs(heights[0]) < 0.02:
        return Terrain(None, low, high)
    return Terrain(_relief(lines, outlines, low - MARGIN_M, high + MARGIN_M), low, high)


def _outline(line: CentreLine, wider_m: float = 0.0) -> tuple[Array, Array]:
    """Border (n, 2) of all that is built of a road, CARLA's axes, and the stations it was taken at."""
    s = np.linspace(0.0, line.length, max(2, math.ceil(line.length / 2.0) + 1))
    right, left = edge_of(line, -1, s, True) + wider_m, edge_of(line, 1, s, True) + wider_m
    return np.concatenate([line.point(s, -right)[:, :2], line.point(s, left)[::-1, :2]]), s


def _relief(lines: list[CentreLine], outlines: list[tuple[Array, Array]], low: Array, high: Array) -> Relief:
    cell = max(1.0, math.sqrt(float(np.prod(high - low)) / MOST_CELLS))
    columns, rows = (int(n) for n in np.ceil((high - low) / cell).astype(int) + 1)
    ground, deck = _Level(rows, columns), _Level(rows, columns)
    plateau = np.full((rows, columns), np.nan)
    gap = np.full((rows, columns), np.inf)
    for line, (outline, _) in zip(lines, outlines):
        for i, j, z in _cells(line, outline, low, cell, (rows, columns)):
            fresh = ~np.isfinite(ground.mean(i, j))
            below = ground.mean(i, j)
            same = fresh | (np.abs(z - below) < STOREY_M)
            ground.add(i[same], j[same], z[same])
            up = ~same & (z > below)
            deck.add(i[up], j[up], z[up])
            down = ~same & (z < below)
            deck.add(i[down], j[down], below[down])
            ground.replace(i[down], j[down], z[down])
        wide, _ = _outline(line, PLATEAU_M)
        for i, j, z, distance in _cells_around(line, wide, low, cell, (rows, columns)):
            held, away = plateau[i, j], gap[i, j]
            take = ~np.isfinite(held) | (z < held - STOREY_M) | ((z < held + STOREY_M) & (distance < away))
            plateau[i[take], j[take]], gap[i[take], j[take]] = z[take], distance[take]
    heights = ground.values()
    bridging = np.isfinite(heights) & np.isfinite(plateau) & (heights > plateau + STOREY_M)
    decks = deck.values()
    decks[bridging] = np.where(np.isfinite(decks[bridging]), decks[bridging], heights[bridging])
    heights[bridging] = np.nan
    known = np.where(np.isfinite(heights), heights, plateau)
    return Relief(
        _filled(known).astype(np.float32),
        decks.astype(np.float32) if np.isfinite(decks).any() else None,
        (float(low[0]), float(low[1])),
        cell,
    )


class _Level:
    """Mean height of all roads that cover a cell."""

    def __init__(self, rows: int, columns: int) -> None:
        self._sum, self._count = np.zeros((rows, columns)), np.zeros((rows, columns))

    def mean(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._sum[i, j] / self._count[i, j]

    def add(self, i: NDArray[np.intp], j: NDArray[np.intp], z: Array) -> None:
        self._sum[i, j] += z
        self._count[i, j] += 1.0

    def replace(self, i: NDArray[np.intp], j: NDArray[np.intp], z: Array) -> None:
        self._sum[i, j], self._count[i, j] = z, 1.0

    def values(self) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._sum / self._count


def _cells(
    line: CentreLine, outline: Array, origin: Array, cell: float, shape: tuple[int, int]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp], Array]]:
    return [(i, j, z) for i, j, z, _ in _cells_around(line, outline, origin, cell, shape)]


def _cells_around(
    line: CentreLine, outline: Array, origin: Array, cell: float, shape: tuple[int, int]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp], Array, Array]]:
    """The cells within an outline (also those it touches): row, column, height of the road beside them, distance.

    In stretches of about 100 m, so that a long road's cells are not searched in the whole map.
    """
    half = len(outline) // 2
    right, left = outline[:half], outline[half:][::-1]
    out = []
    for first in range(0, half - 1, 50):
        polygon = np.concatenate([right[first : first + 51], left[first : first + 51][::-1]])
        pixels = (polygon - origin) / cell
        a = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 1, 0)
        b = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + 2, [shape[1], shape[0]])
        mask = np.zeros((max(0, b[1] - a[1]), max(0, b[0] - a[0])), np.uint8)
        if not mask.size:
            continue
        scaled = np.round((pixels - a) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [scaled], 1, shift=SUBPIXEL_BITS)
        i, j = np.nonzero(mask)
        if not len(i):
            continue
        xy = origin + cell * np.stack([j + a[0], i + a[1]], axis=1)
        z, distance = _beside(line, xy, first * 2.0, (first + 51) * 2.0)
        out.append((i + a[1], j + a[0], z, distance))
    return out


def _beside(line: CentreLine, xy: Array, start: float, end: float) -> tuple[Array, Array]:
    """Height (n,) of a road at the foot of the perpendicular from points (n, 2), and how far away that is."""
    s = np.linspace(max(0.0, start - 4.0), min(line.length, end + 4.0), 140)
    x, y, heading = line.at(s)
    distance, k = cKDTree(np.stack([x, -y], axis=1)).query(xy)
    along = (xy[:, 0] - x[k]) * np.cos(heading[k]) - (xy[:, 1] + y[k]) * np.sin(heading[k])
    return line.height_m(np.clip(s[k] + along, 0.0, line.length)), distance


def _filled(known: Array) -> Array:
    """Fills the gaps (NaN) smoothly: means over ever larger cells, blended back down (push and pull)."""
    some = np.isfinite(known)
    if some.all():
        return known
    value, weight = np.where(some, known, 0.0), some.astype(float)
    if min(known.shape) <= 2:
        return np.where(some, known, value.sum() / max(weight.sum(), 1e-9))
    rows, columns = ((n + 1) // 2 for n in known.shape)
    padded = [np.pad(a, ((0, 2 * rows - a.shape[0]), (0, 2 * columns - a.shape[1]))) for a in (value, weight)]
    total, count = (a.reshape(rows, 2, columns, 2).sum(axis=(1, 3)) for a in padded)
    coarse = _filled(np.where(count > 0.0, total / np.maximum(count, 1.0), np.nan))
    fine = cv2.resize(coarse, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR)
    return np.where(some, known, fine[: known.shape[0], : known.shape[1]])


def kerb_steps(strips: Sequence[Strip], low: Array, high: Array) -> GroundGrid:
    """Sidewalks first, asphalt over them: at the kerb the grid errs towards the road."""
    origin = low - 20.0
    cell = max(0.25, math.sqrt(float(np.prod(high - low + 40.0)) / MOST_STEPS))
    rows, columns = np.ceil((high - low + 40.0) / cell).astype(int)[::-1]
    heights = np.zeros((rows, columns), np.float32)
    for raised in (True, False):
        for strip in strips:
            if strip.is_raised == raised and strip.surface is not None:
                polygon = np.concatenate([strip.points(0.0), strip.points(1.0)[::-1]])[:, :2]
                pixels = np.round(((polygon - origin) / cell - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
                cv2.fillPoly(heights, [pixels], strip.lift_m if raised else 0.0, shift=SUBPIXEL_BITS)
    return GroundGrid(heights, (float(origin[0]), float(origin[1])), cell)


def add_land(builder: MeshBuilder, terrain: Terrain) -> None:
    """Meadows in cells of 8 m (5 m on hills) around the roads, in coarse ones out to the horizon."""
    low, high = terrain.low - 60.0, terrain.high + 60.0
    step = 8.0 if terrain.relief is None else 5.0
    step = max(step, math.sqrt(float(np.prod(high - low)) / 60_000.0))
    x, y = graded(low[0], high[0], step), graded(low[1], high[1], step)
    corners = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    z = terrain.height_m(corners.reshape(-1, 2)).reshape(corners.shape[:2]) - LAND_BELOW_M
    corners = np.concatenate([corners, z[..., None]], axis=-1)
    quads = np.stack([corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]], axis=2)
    builder.quads(quads.reshape(-1, 4, 3), Material.GRASS)
