"""The ground: carriageways, curbs, sidewalks, verges and open land, in cells small enough to light well."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder
from simulator.towns.crossings import Crossing
from simulator.towns.curves import Array, to_carla
from simulator.towns.layout import LANE_M
from simulator.towns.network import Network
from simulator.towns.opendrive import CURB_HEIGHT_M
from simulator.towns.road import SIDEWALK_M, TAPER_M, Road, Side

CELL_M = 3.0
CURB_TOP_M = 0.15
VERGE_M = 1.4
LAND_Z_M = -0.04
"""The open land lies just under the roads and runs on below them; the verge slopes down to it from the sidewalk."""

LAND_MARGIN_M = 60.0
HORIZON_M = 600.0


@dataclass(frozen=True)
class Edge:
    """One curb with its sidewalk, sampled along a road, in CARLA's axes.

    s (n,); curb, back, verge (n, 3): foot of the curb, outer border of the sidewalk, outer border of the verge.
    """

    road: Road
    lane_sign: int
    s: Array
    curb: Array
    back: Array
    verge: Array


def road_stations(road: Road, step_m: float = CELL_M) -> Array:
    """Positions along a road about `step_m` apart, with the ends of parking bays and their tapers among them."""
    marks = {0.0, road.path.length}
    for side in (road.right, road.left):
        for start, end in side.bays if side else ():
            marks |= {start, start + TAPER_M / 2, start + TAPER_M, end - TAPER_M, end - TAPER_M / 2, end}
    fixed = sorted(marks)
    runs = [np.linspace(a, b, max(1, math.ceil((b - a) / step_m)), endpoint=False) for a, b in pairwise(fixed)]
    return np.concatenate([*runs, [road.path.length]])


def edges(network: Network) -> Iterator[Edge]:
    """Every curb of the town: both sides of the streets and the corners of the junctions."""
    for road in network.streets:
        s = road_stations(road)
        yield _edge(road, road.right, -1, s)
        if road.left is not None:
            yield _edge(road, road.left, 1, s)
    for crossing in network.crossings:
        for id in crossing.corner_roads:
            road = network.roads[id]
            yield _edge(road, road.right, -1, road_stations(road, 1.0))


def _edge(road: Road, side: Side, lane_sign: int, s: Array) -> Edge:
    curb = side.curb_m(s)
    lines = []
    for offset, z in ((0.0, 0.0), (SIDEWALK_M, CURB_HEIGHT_M), (SIDEWALK_M + VERGE_M, LAND_Z_M)):
        x, y, _ = road.path.at(s, lane_sign * (curb + offset))
        lines.append(to_carla(x, y, z))
    return Edge(road, lane_sign, s, *lines)


def strip(builder: MeshBuilder, inner: Array, outer: Array, material: Material) -> None:
    """Quads between two lines of n points each; those without area are left out."""
    quads = np.stack([inner[:-1], outer[:-1], outer[1:], inner[1:]], axis=1)
    width = np.maximum(
        np.linalg.norm(quads[:, 0] - quads[:, 1], axis=1), np.linalg.norm(quads[:, 3] - quads[:, 2], axis=1)
    )
    builder.quads(quads[width > 1e-3], material)


def add_edge(builder: MeshBuilder, edge: Edge) -> None:
    top = edge.curb + np.array([0.0, 0.0, CURB_HEIGHT_M])
    across = (edge.back - top) / SIDEWALK_M
    curb_back = top + across * CURB_TOP_M
    middle = top + across * (0.5 * (CURB_TOP_M + SIDEWALK_M))
    strip(builder, edge.curb, top, Material.CURB)
    strip(builder, top, curb_back, Material.CURB)
    strip(builder, curb_back, middle, Material.PAVING)
    strip(builder, middle, edge.back, Material.PAVING)
    strip(builder, edge.back, edge.verge, Material.GRASS)


def add_carriageway(builder: MeshBuilder, road: Road) -> None:
    assert road.left is not None
    s = road_stations(road)
    right, left = road.right.curb_m(s), road.left.curb_m(s)
    columns = [-right, np.full(len(s), -LANE_M), np.zeros(len(s)), np.full(len(s), LANE_M), left]
    lines = [to_carla(*road.path.at(s, t)[:2]) for t in columns]
    for inner, outer in pairwise(lines):
        strip(builder, inner, outer, Material.ASPHALT)


def junction_outline(crossing: Crossing, network: Network) -> Array:
    """The carriageway's border (n, 3) around a junction: the streets' ends and the curbs of the corners."""
    points = []
    for id in crossing.corner_roads:
        road = network.roads[id]
        s = road_stations(road, 1.0)
        x, y, _ = road.path.at(s, -LANE_M)
        points.append(to_carla(x, y))
    return np.concatenate(points)


def add_junction(builder: MeshBuilder, crossing: Crossing, network: Network) -> None:
    """Rings between the centre and the border."""
    border = junction_outline(crossing, network)
    border = np.concatenate([border, border[:1]])
    centre = to_carla(crossing.junction.x, crossing.junction.y)
    rings = [centre + (border - centre) * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    for inner, outer in pairwise(rings):
        strip(builder, inner, outer, Material.ASPHALT)


def add_land(builder: MeshBuilder, low: Array, high: Array) -> None:
    """Grass in 8 m cells around the streets' bounds low .. high (x, y), in coarse ones out to the horizon."""
    low, high = low - LAND_MARGIN_M, high + LAND_MARGIN_M
    x = graded(low[0], high[0])
    y = graded(low[1], high[1])
    corners = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    corners = np.concatenate([corners, np.full((*corners.shape[:2], 1), LAND_Z_M)], axis=-1)
    quads = np.stack([corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]], axis=2)
    builder.quads(quads.reshape(-1, 4, 3), Material.GRASS)


def graded(low: float, high: float, step_m: float = 8.0) -> Array:
    """Positions `step_m` apart from low to high, and ever wider ones out to the horizon."""
    inner = np.linspace(low, high, math.ceil((high - low) / step_m) + 1)
    outer = np.array([12.0, 30.0, 60.0, 110.0, 190.0, 310.0, 450.0, HORIZON_M])
    return np.concatenate([low - outer[::-1], inner, high + outer])
