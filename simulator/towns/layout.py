"""Where the streets of a town run: a bent grid of junctions, drawn from a seed.

The grid has one straight avenue from side to side; the other lines are shifted, turned and bent, the four corners are
rounded streets without a junction, and some inner streets are left out. Crossings and everything on the avenue have
traffic lights, at the other T junctions the side street stops. All axes are OpenDRIVE's (see `curves`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import networkx as nx
import numpy as np

from simulator.towns.curves import Path, Piece, Pose, biarc, joined

LANE_M = 3.5
CURB_RADIUS_M = 8.0
"""Radius of the curb at street corners; the lane of a right turn then has a radius of about 9.8 m."""

STRAIGHT_END_M = 26.0
"""Every street runs straight for this long before the centre of a junction, for crosswalk, stop line and queue."""

Node = tuple[int, int]
Control = Literal["signals", "stop"]


@dataclass(frozen=True)
class Arm:
    """A street's end at a junction. `heading`: outward from the centre. `at_start`: the street's s = 0 lies here."""

    street: int
    heading: float
    at_start: bool


@dataclass(frozen=True)
class Junction:
    """`arms` counter-clockwise; `radius_m`: from the centre to where the streets begin."""

    index: int
    x: float
    y: float
    radius_m: float
    control: Control
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class Street:
    """A street between two junctions; `parking` says whether there is a parking strip on its (right, left) side."""

    index: int
    path: Path
    limit_kmh: int
    parking: tuple[bool, bool]
    avenue: bool


@dataclass(frozen=True)
class Layout:
    streets: tuple[Street, ...]
    junctions: tuple[Junction, ...]


@dataclass(frozen=True)
class Grid:
    """Size of the grid, nodes; `avenue`: the row that is the avenue; `omitted`: how many inner streets are left out."""

    columns: int
    rows: int
    avenue: int
    omitted: int


def draw_layout(seed: int) -> Layout:
    rng = np.random.default_rng([seed, 1])
    columns, rows = ((3, 3), (4, 3), (3, 4))[rng.integers(3)]
    grid = Grid(columns, rows, avenue=int(rng.integers(1, rows - 1)), omitted=columns * rows // 6 - 1)
    graph = _street_graph(grid, rng)
    poses = _node_poses(grid, rng)
    control = {node: _control(node, graph, grid) for node in graph if graph.degree(node) > 2}
    radius = {node: _radius(node, graph, poses) for node in control}

    streets: list[Street] = []
    arms: dict[Node, list[Arm]] = {node: [] for node in control}
    for chain in _chains(graph, set(control)):
        avenue = all(node[1] == grid.avenue for node in chain)
        path = _chain_path(chain, poses, radius, rng)
        limit = 50 if avenue else int(rng.choice([30, 30, 40]))
        parking = (True, True) if avenue else (bool(rng.random() < 0.65), bool(rng.random() < 0.45))
        first, last = chain[0], chain[-1]
        arms[first].append(Arm(len(streets), path.start.heading, at_start=True))
        arms[last].append(Arm(len(streets), path.end.heading + math.pi, at_start=False))
        streets.append(Street(len(streets), path, limit, parking, avenue))

    junctions = tuple(
        Junction(i, poses[node][0], poses[node][1], radius[node], control[node], _counter_clockwise(arms[node]))
        for i, node in enumerate(sorted(control))
    )
    return Layout(tuple(streets), junctions)


def _street_graph(grid: Grid, rng: np.random.Generator) -> nx.Graph:
    graph = nx.grid_2d_graph(grid.columns, grid.rows)
    inner = [
        (a, b)
        for a, b in sorted(graph.edges)
        if a[1] != b[1]  # a cross street ...
        and 0 < a[0] < grid.columns - 1  # ... inside the town
        and grid.avenue not in (a[1], b[1])
    ] or [(a, b) for a, b in sorted(graph.edges) if a[1] != b[1] and 0 < a[0] < grid.columns - 1]
    rng.shuffle(inner)
    for a, b in inner[: grid.omitted]:
        graph.remove_edge(a, b)
    return graph


def _node_poses(grid: Grid, rng: np.random.Generator) -> dict[Node, tuple[float, float, float, float]]:
    """Per node x, y, heading of the row there and heading of the column there."""
    x = np.cumsum(rng.uniform(105.0, 150.0, grid.columns))
    y = np.cumsum(rng.uniform(100.0, 140.0, grid.rows))
    x -= x.mean()
    y -= y[grid.avenue]
    turn = math.radians(rng.uniform(-30.0, 30.0))
    poses = {}
    for i in range(grid.columns):
        for j in range(grid.rows):
            on_avenue = j == grid.avenue
            dx, dy = rng.uniform(-14.0, 14.0, 2)
            row, skew = np.radians(rng.uniform([-13.0, -10.0], [13.0, 10.0]))
            if on_avenue:
                dy = row = 0.0
            px, py = x[i] + dx, y[j] + dy
            cos, sin = math.cos(turn), math.sin(turn)
            along_row = turn + row
            poses[i, j] = (
                float(px * cos - py * sin),
                float(px * sin + py * cos),
                float(along_row),
                float(along_row + math.pi / 2 + skew),
            )
    return poses


def _control(node: Node, graph: nx.Graph, grid: Grid) -> Control:
    return "signals" if graph.degree(node) == 4 or node[1] == grid.avenue else "stop"


def _outward(node: Node, towards: Node, poses: dict[Node, tuple[float, float, float, float]]) -> float:
    _, _, row, column = poses[node]
    if towards[0] != node[0]:
        return row if towards[0] > node[0] else row + math.pi
    return column if towards[1] > node[1] else column + math.pi


def _radius(node: Node, graph: nx.Graph, poses: dict[Node, tuple[float, float, float, float]]) -> float:
    headings = sorted(_outward(node, other, poses) % (2 * math.pi) for other in graph[node])
    gaps = np.diff([*headings, headings[0] + 2 * math.pi])
    return max(11.0, *((LANE_M + CURB_RADIUS_M) / math.tan(gap / 2) for gap in gaps if gap < 0.9 * math.pi))


def _chains(graph: nx.Graph, junctions: set[Node]) -> list[list[Node]]:
    """The node rows from junction to junction through nodes where only two streets meet, in a fixed order."""
    chains = []
    for node in sorted(junctions):
        for neighbour in sorted(graph[node]):
            chain = [node, neighbour]
            while chain[-1] not in junctions:
                chain.append(next(n for n in graph[chain[-1]] if n != chain[-2]))
            if chain[0] < chain[-1] or (chain[0] == chain[-1] and chain[1] < chain[-2]):
                chains.append(chain)
    return chains


def _chain_path(
    chain: list[Node],
    poses: dict[Node, tuple[float, float, float, float]],
    radius: dict[Node, float],
    rng: np.random.Generator,
) -> Path:
    """The reference line of the street that passes the nodes of `chain`, corners rounded."""
    pieces: list[Piece] = []
    cut = [radius.get(node, 0.0) for node in chain]
    for k in range(1, len(chain) - 1):
        turn = _turn(chain, k, poses)
        cut[k] = 0.0 if abs(turn) < 0.5 else rng.uniform(22.0, 38.0) * math.tan(abs(turn) / 2)
    for k, (a, b) in enumerate(pairwise(chain)):
        leave = Pose(poses[a][0], poses[a][1], _outward(a, b, poses))
        arrive = Pose(poses[b][0], poses[b][1], _outward(b, a, poses) + math.pi)
        straight_a = max(STRAIGHT_END_M if a in radius else 0.0, cut[k])
        straight_b = max(STRAIGHT_END_M if b in radius else 0.0, cut[k + 1])
        pieces.append(Piece(leave.ahead(cut[k]), straight_a - cut[k]))
        pieces.extend(biarc(leave.ahead(straight_a), arrive.ahead(-straight_b)).pieces)
        pieces.append(Piece(arrive.ahead(-straight_b), straight_b - cut[k + 1]))
        if k + 2 < len(chain) and cut[k + 1] > 0.0:
            onward = Pose(arrive.x, arrive.y, _outward(b, chain[k + 2], poses))
            pieces.extend(biarc(arrive.ahead(-cut[k + 1]), onward.ahead(cut[k + 1])).pieces)
    return joined(pieces)


def _turn(chain: list[Node], k: int, poses: dict[Node, tuple[float, float, float, float]]) -> float:
    before = _outward(chain[k], chain[k - 1], poses) + math.pi
    after = _outward(chain[k], chain[k + 1], poses)
    return (after - before + math.pi) % (2 * math.pi) - math.pi


def _counter_clockwise(arms: list[Arm]) -> tuple[Arm, ...]:
    return tuple(sorted(arms, key=lambda arm: arm.heading % (2 * math.pi)))
