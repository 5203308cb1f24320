"""Meshes of roads: lanes, kerbs, verges, the fill of junctions, bridges' sides, walls and barriers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import cv2
import numpy as np

from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder
from simulator.towns.curves import Array
from simulator.towns.roadways import CURB_TOP_M, VERGE_M, strip
from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.lanes import LEAST_WIDTH_M, Strip
from simulator.towns.xodr.terrain import LAND_BELOW_M, Terrain

FILL_BELOW_M = 0.015
FILL_CELL_M = 0.25
FILL_REACH_M = 3.0
"""Gaps between the lanes of a junction up to about twice this wide are paved over."""
DECK_M = 0.8
BARRIER_HALF_M, BARRIER_HEIGHT_M = 0.3, 0.9


def add_lane(builder: MeshBuilder, lane: Strip) -> None:
    if lane.surface is None or lane.width_m.max() < LEAST_WIDTH_M:
        return
    if not lane.is_raised:
        strip(builder, lane.points(0.0, lane.lift_m), lane.points(1.0, lane.lift_m), lane.surface)
        return
    lift = lane.lift_m
    kerb_share = min(0.5, CURB_TOP_M / max(float(lane.width_m.max()), 1e-6))
    strip(builder, lane.points(0.0), lane.points(0.0, lift), Material.CURB)
    rows = [lane.points(share, lift) for share in (0.0, kerb_share, 0.5 * (1.0 + kerb_share), 1.0)]
    for (inner, outer), material in zip(pairwise(rows), (Material.CURB, lane.surface, lane.surface)):
        strip(builder, inner, outer, material)


def add_border(builder: MeshBuilder, outermost: Strip, terrain: Terrain) -> None:
    """The verge beside a road's last lane: down to the meadow, or a wall of concrete where the road bridges something."""
    sign = 1.0 if outermost.lane.id > 0 else -1.0
    edge = outermost.points(1.0, outermost.lift_m)
    foot = outermost.line.point(outermost.s, outermost.outer + sign * VERGE_M, -LAND_BELOW_M)
    bridge = edge[:, 2] - terrain.height_m(foot[:, :2]) > 1.5
    on_ground = ~(bridge[:-1] | bridge[1:])
    for a, b, material, wanted in (
        (edge, foot, Material.GRASS, on_ground),
        (edge + [0.0, 0.0, 0.9], edge - [0.0, 0.0, DECK_M], Material.CONCRETE, ~on_ground),
    ):
        quads = np.stack([a[:-1], b[:-1], b[1:], a[1:]], axis=1)[wanted]
        if len(quads):
            builder.quads(quads, material)


def add_soffits(builder: MeshBuilder, lane: Strip, terrain: Terrain) -> None:
    """The underside of bridges."""
    middle = lane.points(0.5)
    bridge = middle[:, 2] - terrain.height_m(middle[:, :2]) > 1.5
    wanted = bridge[:-1] & bridge[1:]
    if wanted.any():
        a, b = lane.points(0.0, -DECK_M), lane.points(1.0, -DECK_M)
        builder.quads(np.stack([a[:-1], b[:-1], b[1:], a[1:]], axis=1)[wanted], Material.CONCRETE)


def add_junction_fill(builder: MeshBuilder, lanes: Sequence[Strip], terrain: Terrain) -> None:
    """Asphalt in the gaps between the lanes that cross a junction, in rows of cells just below them.

    The gaps are what a closing by `FILL_REACH_M` adds to the carriageways, without the sidewalks.
    """
    roads = [lane for lane in lanes if lane.surface is not None and not lane.is_raised]
    if not roads:
        return
    outlines = [np.concatenate([lane.points(0.0), lane.points(1.0)[::-1]]) for lane in lanes if lane.surface is not None]
    points = np.concatenate(outlines)
    if np.ptp(points[:, 2]) > 6.0:
        return
    margin = FILL_REACH_M + 1.0
    low = points[:, :2].min(axis=0) - margin
    columns, rows = (int(n) for n in np.ceil((points[:, :2].max(axis=0) + margin - low) / FILL_CELL_M).astype(int) + 1)
    if rows * columns > 4_000_000:
        return
    paved, walked = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
    for lane in lanes:
        if lane.surface is not None:
            polygon = np.concatenate([lane.points(0.0), lane.points(1.0)[::-1]])[:, :2]
            pixels = np.round((polygon - low) / FILL_CELL_M * 64.0).astype(np.int32)
            cv2.fillPoly(walked if lane.is_raised else paved, [pixels], 1, shift=6)
    size = 2 * round(FILL_REACH_M / FILL_CELL_M) + 1
    closed = cv2.morphologyEx(paved, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    outside = np.zeros((rows + 2, columns + 2), np.uint8)
    flooded = np.pad(closed, 1)[1:-1, 1:-1].copy()
    cv2.floodFill(flooded, outside, (0, 0), 2)
    gaps = (flooded != 2) & (paved == 0)
    gaps = cv2.dilate(gaps.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & (walked == 0)
    edges = np.diff(np.pad(gaps.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (row, start), (_, end) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    # long runs are cut, so that they follow the ground
    pieces = [
        (i, a, min(a + 12, last)) for i, first, last in zip(row, start, end) for a in range(int(first), int(last), 12)
    ]
    if not pieces:
        return
    i, a, b = np.array(pieces, float).T
    corners = np.stack(
        [np.stack([u, v], axis=1) for u, v in ((a, i), (b, i), (b, i + 1), (a, i + 1))], axis=1
    ) * FILL_CELL_M + (low - 0.5 * FILL_CELL_M)
    flat = corners.reshape(-1, 2)
    z = terrain.height_m(flat) - FILL_BELOW_M
    builder.quads(np.concatenate([flat, z[:, None]], axis=1).reshape(-1, 4, 3), Material.ASPHALT)


def wall_pieces(line: CentreLine, s: Array, t: Array, piece_m: float = 4.0) -> Iterable[tuple[Array, Array]]:
    """A run along a road as straight pieces: ends (3,), (3,) in CARLA's axes."""
    length = float(s[-1] - s[0])
    count = max(1, math.ceil(length / piece_m))
    at = np.linspace(s[0], s[-1], count + 1)
    points = line.point(at, np.interp(at, s, t))
    return pairwise(points)


def add_barrier_piece(builder: MeshBuilder, a: Array, b: Array, height_m: float, half_m: float) -> None:
    """A concrete barrier between two points on the ground, wider at its foot."""
    along = (b - a)[:2] / max(float(np.linalg.norm((b - a)[:2])), 1e-6)
    across = np.array([-along[1], along[0], 0.0])
    profile = ((-half_m, -0.1), (-0.35 * half_m, height_m), (0.35 * half_m, height_m), (half_m, -0.1))
    rails_a = [a + across * y + [0.0, 0.0, z] for y, z in profile]
    rails_b = [b + across * y + [0.0, 0.0, z] for y, z in profile]
    quads = [[rails_a[k], rails_a[k + 1], rails_b[k + 1], rails_b[k]] for k in range(3)]
    builder.quads(quads, Material.CONCRETE)
    builder.quads([rails_a, rails_b], Material.CONCRETE)
