"""What stands beside the roads of a map: the scenery generator of the Elm towns, fed with roads from OpenDRIVE.

The type of a road decides: `town` (or none) has lamps, houses, trees and benches at its sidewalks; `rural` has trees
and a few lonely houses; `motorway` has trees at a distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from simulator.render.mesh import MeshBuilder
from simulator.towns import plots, streetscape
from simulator.towns.curves import Array
from simulator.towns.ground import PLOT_CELL_M, Plots
from simulator.towns.road import TAPER_M
from simulator.towns.roadways import VERGE_M
from simulator.towns.scene import Frame, Scene, random_streams
from simulator.towns.town import Obstacle
from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.lanes import Strip, edge_of
from simulator.towns.xodr.records import Road
from simulator.towns.xodr.roads import BARRIER_HALF_M, BARRIER_HEIGHT_M, add_barrier_piece, wall_pieces
from simulator.towns.xodr.terrain import Terrain
from simulator.types import BoundingBox, CityObjectLabel, Rotation, Vector3D

RURAL, MOTORWAY = frozenset({"rural"}), frozenset({"motorway"})
BUILT_UP_M = 4500.0
"""Streets with houses, lamps and benches in one town at most: what a renderer without GPU still draws in time."""
MOST_LAND_M2 = 9e6
LEAST_BAY_M = 1.9


@dataclass(frozen=True, eq=False)
class Side:
    line: CentreLine
    sign: int
    bays: tuple[tuple[float, float], ...] = ()

    @cached_property
    def _edge(self) -> tuple[Array, Array]:
        s = np.linspace(0.0, self.line.length, max(2, int(self.line.length) + 1))
        return s, edge_of(self.line, self.sign, s, paved=False)

    def curb_m(self, s: ArrayLike) -> Array:
        return np.interp(np.asarray(s, np.float64), *self._edge)


@dataclass(frozen=True, eq=False)
class Frontage:
    """A road as the scenery generator sees one (`scene.Street`)."""

    id: int
    path: CentreLine
    right: Side
    left: Side
    avenue: bool = False


@dataclass(frozen=True)
class Frontages:
    streets: tuple[Frontage, ...]


def frontage(road: Road, lanes: Sequence[Strip]) -> Frontage:
    line = CentreLine(road)
    bays: dict[int, list[tuple[float, float]]] = {-1: [], 1: []}
    for lane in lanes:
        if lane.lane.type == "parking":
            sign = 1 if lane.lane.id > 0 else -1
            wide = lane.width_m >= LEAST_BAY_M
            edges = np.diff(np.pad(wide.astype(int), 1))
            for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1):
                if lane.s[b] - lane.s[a] > 6.0:
                    bays[sign].append((float(lane.s[a]) - TAPER_M, float(lane.s[b]) + TAPER_M))
    return Frontage(road.id, line, Side(line, -1, tuple(bays[-1])), Side(line, 1, tuple(bays[1])))


def kind_of(road: Road) -> str:
    kind = road.types[0][1] if road.types else ""
    return "rural" if kind in RURAL else "motorway" if kind in MOTORWAY else "town"


def scenery(
    builder: MeshBuilder,
    roads: Sequence[Road],
    lanes: dict[int, list[Strip]],
    terrain: Terrain,
    poles: Array,
    seed: int,
) -> Scene:
    stream = random_streams(seed)
    margin = plots.OUTSKIRTS_M + 25.0
    size = terrain.high - terrain.low + 2 * margin
    if float(np.prod(size)) > MOST_LAND_M2:
        none = Plots(np.zeros((1, 1), np.uint8), terrain.low)
        return Scene(builder, none, poles, terrain.relief)
    land, roadway = (_free_land(terrain.low - margin, size) for _ in range(2))
    for road in roads:
        for lane in lanes[road.id]:
            if lane.surface is not None:
                outline = _outline(lane)
                land.take(_widened(lane, VERGE_M))
                if not lane.is_raised:
                    roadway.take(outline)
    scene = Scene(builder, land, poles, terrain.relief, roadway)
    open_roads = [road for road in roads if road.junction == -1 and road.length > 20.0]
    fronts = {road.id: frontage(road, lanes[road.id]) for road in open_roads}
    town = _up_to(BUILT_UP_M, [road for road in open_roads if kind_of(road) == "town"])
    with_sidewalk = [road for road in town if any(lane.is_raised for lane in lanes[road.id])]
    rural = [road for road in open_roads if kind_of(road) == "rural"]
    lit, walked, built, green = (
        Frontages(tuple(fronts[road.id] for road in chosen))
        for chosen in (town, with_sidewalk, town, [*town, *_up_to(BUILT_UP_M, rural)])
    )
    streetscape.add_lamps(scene, lit)
    if any(side.bays for street in walked.streets for side in (street.right, street.left)):
        spaces = sum(b - a for street in walked.streets for side in (street.right, street.left) for a, b in side.bays)
        streetscape.add_parked_cars(scene, walked, stream(2), min(90, int(spaces / 11.0)))
    streetscape.add_street_trees(scene, walked, stream(3))
    streetscape.add_furniture(scene, walked, stream(4))
    plots.add_street_houses(scene, built, stream(5))
    plots.add_garden_trees(scene, green, stream(6))
    houses = 10 if not town else min(40, int(size.sum() / 25.0))
    plots.add_hinterland(scene, stream(7), houses, min(260, int(float(np.prod(size)) / 3000.0)))
    plots.add_woods(scene, terrain.low - plots.OUTSKIRTS_M, terrain.high + plots.OUTSKIRTS_M, stream(8))
    return scene


def _up_to(length_m: float, roads: list[Road]) -> list[Road]:
    total, chosen = 0.0, []
    for road in roads:
        if total < length_m:
            chosen.append(road)
            total += road.length
    return chosen


def _free_land(origin: Array, size: Array) -> Plots:
    rows, columns = np.ceil(size / PLOT_CELL_M).astype(int)[::-1]
    return Plots(np.zeros((rows, columns), np.uint8), origin)


def _outline(lane: Strip) -> Array:
    return np.concatenate([lane.points(0.0), lane.points(1.0)[::-1]])


def _widened(lane: Strip, by_m: float) -> Array:
    sign = 1.0 if lane.lane.id > 0 else -1.0
    outer = lane.line.point(lane.s, lane.outer + sign * by_m)
    return np.concatenate([lane.line.point(lane.s, lane.inner - sign * 0.3), outer[::-1]])


def add_walls(scene: Scene, road: Road, height_m: float) -> None:
    """Along both outer edges of a road, as `OpendriveGenerationParameters.wall_height` asks for."""
    line = CentreLine(road)
    s = np.linspace(0.0, line.length, max(2, int(line.length / 2.0) + 1))
    for sign in (-1, 1):
        edge = edge_of(line, sign, s, paved=True)
        if edge.max() > 0.1:
            _add_run(scene, line, s, sign * (edge + 0.1), height_m, 0.1, CityObjectLabel.WALLS, "Wall", 8.0)


def add_barriers(scene: Scene, road: Road) -> None:
    """Objects of type `barrier` (or `guardRail`), repeated along the road without a gap."""
    line = CentreLine(road)
    for thing in road.objects:
        if thing.type not in ("barrier", "guardRail") or (thing.repeat is None and thing.length <= 0.0):
            continue
        first, length, t_start, t_end = thing.repeat or (thing.s - thing.length / 2, thing.length, thing.t, thing.t)
        s = np.linspace(max(0.0, first), min(line.length, first + length), max(2, int(length / 4.0) + 1))
        t = t_start + (t_end - t_start) * (s - first) / max(length, 1e-6)
        height = thing.height or BARRIER_HEIGHT_M
        _add_run(scene, line, s, t, height, BARRIER_HALF_M, CityObjectLabel.WALLS, "Barrier")


def _add_run(
    scene: Scene,
    line: CentreLine,
    s: Array,
    t: Array,
    height_m: float,
    half_m: float,
    tag: CityObjectLabel,
    name: str,
    piece_m: float = 4.0,
) -> None:
    run = MeshBuilder()
    boxes = []
    for a, b in wall_pieces(line, s, t, piece_m):
        add_barrier_piece(run, a, b, height_m, half_m)
        middle, along = (a + b) / 2, b - a
        boxes.append(
            BoundingBox(
                Vector3D(float(middle[0]), float(middle[1]), float(middle[2]) + height_m / 2),
                Vector3D(float(np.linalg.norm(along[:2])) / 2, half_m, height_m / 2),
                Rotation(0.0, float(np.degrees(np.arctan2(along[1], along[0]))), 0.0),
            )
        )
    # Its points are in world axes already, bridges included: the frame must not lift them.
    relief, scene.relief = scene.relief, None
    id = scene.add(run.build(), Frame(np.zeros(3), 0.0))
    scene.relief = relief
    scene.obstacles.extend(Obstacle(box, tag, id, f"{name}_{id}_{k}") for k, box in enumerate(boxes))
