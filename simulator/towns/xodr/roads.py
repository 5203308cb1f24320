"""Meshes of roads: lanes, kerbs, verges, the fill of junctions, bridges' sides, walls and barriers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

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
MOST_FALL_M, MOST_PLAN_CELLS = 6.0, 4_000_000
DECK_M = 0.8
BESIDE_M = 0.5
"""So far beside a lane of a junction there is meadow, or another lane or a gap that is paved over."""
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


def add_border(builder: MeshBuilder, outermost: Strip, terrain: Terrain, plan: JunctionPlan | None) -> None:
    """The verge beside a road's last lane: down to the meadow, or a parapet of concrete where the road is a bridge.

    plan: of the junction that the road is in: no grass grows where its other roads go on.
    """
    sign = 1.0 if outermost.lane.id > 0 else -1.0
    edge = outermost.points(1.0, outermost.lift_m)
    foot = outermost.line.point(outermost.s, outermost.outer + sign * VERGE_M, -LAND_BELOW_M)
    up = np.array([0.0, 0.0, 1.0])
    bridge = edge[:, 2] - terrain.height_m(foot[:, :2]) > 1.5
    on_ground = ~(bridge[:-1] | bridge[1:])
    beside = outermost.line.point(outermost.s, outermost.outer + sign * BESIDE_M)
    open_land = np.ones(len(edge), bool) if plan is None else ~plan.paves(beside[:, :2])
    for a, b, material, wanted in (
        (edge, foot, Material.GRASS, on_ground & open_land[:-1] & open_land[1:]),
        (edge + up * 0.9, edge - up * DECK_M, Material.CONCRETE_BRIDGE, ~on_ground),
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
        builder.quads(np.stack([a[:-1], b[:-1], b[1:], a[1:]], axis=1)[wanted], Material.CONCRETE_BRIDGE)


@dataclass(frozen=True, eq=False)
class JunctionPlan:
    """Rasters of a junction seen from above. paved, walked: its carriageways and sidewalks; closed: the carriageways
    with the gaps between them; shared: where the lanes of more than one road run.
    """

    low: Array
    paved: NDArray[np.uint8]
    walked: NDArray[np.uint8]
    closed: NDArray[np.uint8]
    shared: NDArray[np.uint8]

    def hides(self, xy: Array, between_lanes: bool) -> NDArray[np.bool_]:
        """(n,): where a lane's mark would lie in the way of other lanes and is not painted.

        Edge lines are painted along the outside of the junction, lines between lanes where only their road runs.
        """
        if between_lanes:
            return self._at(self.shared, xy)
        return self._at(cv2.erode(self.closed, np.ones((5, 5), np.uint8)).astype(np.uint8), xy)

    def paves(self, xy: Array) -> NDArray[np.bool_]:
        """(n,): where there is a carriageway of the junction, or a gap between such that is filled."""
        return self._at(self.closed, xy)

    def _at(self, mask: NDArray[np.uint8], xy: Array) -> NDArray[np.bool_]:
        j, i = np.round((xy - self.low) / FILL_CELL_M).astype(int).T
        inside = (i >= 0) & (i < mask.shape[0]) & (j >= 0) & (j < mask.shape[1])
        out = np.zeros(len(xy), bool)
        out[inside] = mask[i[inside], j[inside]] > 0
        return out


def junction_plan(lanes: Sequence[Strip]) -> JunctionPlan | None:
    """None where there is nothing to fill: no lanes, or bridges among them."""
    built = [lane for lane in lanes if lane.surface is not None]
    outlines = [np.concatenate([lane.points(0.0), lane.points(1.0)[::-1]]) for lane in built]
    if not outlines or np.ptp(np.concatenate(outlines)[:, 2]) > MOST_FALL_M:
        return None
    points = np.concatenate(outlines)[:, :2]
    margin = 2.0 * FILL_REACH_M
    low = points.min(axis=0) - margin
    columns, rows = (int(n) for n in np.ceil((points.max(axis=0) + margin - low) / FILL_CELL_M).astype(int) + 1)
    if rows * columns > MOST_PLAN_CELLS:
        return None
    walked, count = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
    for id in {lane.road.id: None for lane in built}:
        own = np.zeros((rows, columns), np.uint8)
        for lane, outline in zip(built, outlines):
            if lane.road.id == id:
                pixels = np.round((outline[:, :2] - low) / FILL_CELL_M * 64.0).astype(np.int32)
                cv2.fillPoly(walked if lane.is_raised else own, [pixels], 1, shift=6)
        count += own
    paved = (count > 0).astype(np.uint8)
    size = 2 * round(FILL_REACH_M / FILL_CELL_M) + 1
    closed = cv2.morphologyEx(paved, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    flooded = closed.copy()
    cv2.floodFill(flooded, np.zeros((rows + 2, columns + 2), np.uint8), (0, 0), 2)
    return JunctionPlan(low, paved, walked, (flooded != 2).astype(np.uint8), (count > 1).astype(np.uint8))


def add_junction_fill(builder: MeshBuilder, plan: JunctionPlan, terrain: Terrain) -> None:
    """Asphalt in the gaps between the lanes that cross a junction, in rows of cells just below them."""
    gaps = (plan.closed > 0) & (plan.paved == 0)
    gaps = cv2.dilate(gaps.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & (plan.walked == 0)
    edges = np.diff(np.pad(gaps.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (row, start), (_, end) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    # long runs are cut, so that they follow the ground
    pieces = [
        (i, a, min(a + 12, last)) for i, first, last in zip(row, start, end) for a in range(int(first), int(last), 12)
    ]
    if not pieces:
        return
    i, a, b = np.array(pieces, float).T
    corners = np.stack([np.stack([u, v], axis=1) for u, v in ((a, i), (b, i), (b, i + 1), (a, i + 1))], axis=1)
    flat = (corners * FILL_CELL_M + plan.low - 0.5 * FILL_CELL_M).reshape(-1, 2)
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
    builder.quads(quads, Material.CONCRETE_WALL)
    builder.quads([rails_a, rails_b], Material.CONCRETE_WALL)
