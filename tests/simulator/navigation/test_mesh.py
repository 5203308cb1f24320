"""The navigation mesh of a town, before a client has loaded it."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.navigation import file
from simulator.navigation.convex import MOST_CORNERS, convex_pieces
from simulator.navigation.detour import Tile, tile_of, write_mesh
from simulator.navigation.file import navigation_bytes
from simulator.navigation.store import named, stored_navigation
from simulator.navigation.walkable import Area, Region, ground_m, walkable_regions
from simulator.render.mesh import MeshBuilder
from simulator.towns import build_town
from simulator.towns.town import GroundGrid, Town
from simulator.towns.xodr.records import GenerationParameters
from simulator.towns.xodr.world import town_from_opendrive
from simulator.towns.xodr.writer import write_opendrive
from simulator.types import CityObjectLabel, Transform, Vector3D
from simulator.world.world import World
from tests.simulator.towns.xodr.places import bridge_map, two_way
from tests.simulator.world.places import PEDESTRIAN, describe


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town("Elm02")


@pytest.fixture(scope="module")
def regions(town: Town) -> list[Region]:
    return walkable_regions(town, 0.05)


@pytest.fixture(scope="module")
def tile(town: Town, regions: list[Region]) -> Tile:
    return tile_of([(r.area, ring) for r in regions for ring in convex_pieces(r.outline)], town.ground_height_m)


def _outline(obstacle: object) -> shapely.Polygon:
    box = obstacle.box  # type: ignore[attr-defined]
    square = shapely.box(-box.extent.x, -box.extent.y, box.extent.x, box.extent.y)
    turned = shapely.affinity.rotate(square, box.rotation.yaw, origin=(0, 0))
    return shapely.affinity.translate(turned, box.location.x, box.location.y)


def test_nothing_walkable_lies_in_a_building_or_a_parked_car(town: Town, regions: list[Region]) -> None:
    solid = (CityObjectLabel.BUILDINGS, CityObjectLabel.CAR, CityObjectLabel.WALLS)
    boxes = shapely.union_all([_outline(o) for o in town.obstacles if o.tag in solid])
    assert shapely.union_all([r.outline for r in regions]).intersection(boxes).area < 0.01


def test_patches_do_not_overlap(regions: list[Region]) -> None:
    outlines = [r.outline for r in regions]
    assert shapely.union_all(outlines).area == pytest.approx(sum(o.area for o in outlines), rel=1e-5)


def test_every_crosswalk_joins_two_sidewalks(town: Town, tile: Tile) -> None:
    neighbours = [[beyond - 1 for beyond in row if beyond] for row in tile.neighbours]
    middles = np.array([tile.vertices[list(p)].mean(axis=0)[[0, 2]] for p in tile.polygons])
    crossing = np.array([area is Area.CROSSWALK for area in tile.areas])
    for stripes in town.crosswalks:
        outline, corners = shapely.Polygon(stripes[:, :2]).buffer(0.1), stripes[:4, :2]
        own = np.flatnonzero(crossing & shapely.contains_xy(outline, middles))
        around = _reachable(set(own.tolist()), neighbours, tile.areas)
        beside = middles[[k for k in around if tile.areas[k] is Area.SIDEWALK]] - corners.mean(axis=0)
        across = max(corners[1] - corners[0], corners[2] - corners[1], key=lambda edge: float(np.hypot(*edge)))
        length = float(np.hypot(*across))
        sides = beside @ (across / length)
        assert sides.min() < -length / 2 < length / 2 < sides.max()


def _reachable(start: set[int], neighbours: list[list[int]], areas: tuple[Area, ...]) -> set[int]:
    """The start, through crosswalk polygons, and the first sidewalk polygons beyond."""
    seen, queue = set(start), deque(start)
    while queue:
        k = queue.popleft()
        if areas[k] is Area.SIDEWALK:
            continue
        new = [n for n in neighbours[k] if n not in seen and areas[n] in (Area.CROSSWALK, Area.SIDEWALK)]
        seen.update(new)
        queue.extend(new)
    return seen


def test_almost_all_sidewalks_hang_together_by_crosswalks(tile: Tile) -> None:
    neighbours = [[beyond - 1 for beyond in row if beyond] for row in tile.neighbours]
    walk = {k for k, area in enumerate(tile.areas) if area in (Area.SIDEWALK, Area.CROSSWALK)}
    left, largest = set(walk), 0
    while left:
        seen, queue = set(), [left.pop()]
        while queue:
            k = queue.pop()
            seen.add(k)
            queue += [n for n in neighbours[k] if n in left]
            left -= set(neighbours[k])
        largest = max(largest, len(seen))
    assert largest > 0.6 * len(walk)


def test_neighbours_name_each_other(tile: Tile) -> None:
    for k, row in enumerate(tile.neighbours):
        for beyond in row:
            assert not beyond or k + 1 in tile.neighbours[beyond - 1]


def test_the_mesh_lies_on_the_ground_of_a_hilly_town(town: Town, regions: list[Region]) -> None:
    heights = town.ground.heights_m
    hill = np.linspace(0.0, 30.0, heights.shape[1], dtype=np.float32)
    hilly = replace(town, ground=GroundGrid(heights + hill, town.ground.origin, town.ground.cell_m))
    rings = [(r.area, ring) for r in regions for ring in convex_pieces(r.outline)]
    vertices = tile_of(rings, hilly.ground_height_m).vertices
    assert np.ptp(vertices[:, 1]) > 15.0
    assert vertices[:, 1] == pytest.approx(hilly.ground_height_m(vertices[:, [0, 2]]), abs=0.2)


def test_the_mesh_of_a_bridge_lies_on_its_deck_and_apart_from_what_is_below() -> None:
    made = bridge_map()
    roads = {i: replace(road, sections=(two_way(("sidewalk", 2.0)),)) for i, road in made.roads.items()}
    crossing = town_from_opendrive(write_opendrive(replace(made, roads=roads)), "Trial", GenerationParameters())
    made_of = walkable_regions(crossing, 0.05)
    rings = [(r.area, ring) for r in made_of for ring in convex_pieces(r.outline)]
    tile = tile_of(rings, lambda points: ground_m(crossing, points))
    # road 2 leads along y at x = 100, its sidewalks 3.5 m to 5.5 m beside its middle
    walk = [k for k, area in enumerate(tile.areas) if area is Area.SIDEWALK]
    middles = {k: tile.vertices[list(tile.polygons[k])].mean(axis=0) for k in walk}
    above = [m for m in middles.values() if 3.4 < abs(m[0] - 100.0) < 5.6 and abs(m[2]) < 5.0]
    assert above
    assert [m[1] for m in above] == pytest.approx([7.15] * len(above), abs=0.2)
    for corners in tile.polygons:
        for a, b in zip(corners, (*corners[1:], corners[0]), strict=True):
            x, rise, y = np.abs(tile.vertices[a] - tile.vertices[b])
            assert rise < 0.3 * np.hypot(x, y) + 0.2
    world = World(crossing)
    walker = world.spawn(describe(PEDESTRIAN), Transform(Vector3D(104.5, 0.0, 8.2))).id
    for height_m, stands_m in ((7.2, 7.15 + 0.93), (0.9, 0.93)):
        world.apply_walker_state(walker, Transform(Vector3D(104.5, 0.0, height_m)), 1.4)
        assert world.transform_of(walker).location.z == pytest.approx(stands_m, abs=0.25)


def test_the_file_is_the_same_every_time_and_named_by_what_is_in_it(town: Town, tile: Tile, tmp_path: Path) -> None:
    kept = stored_navigation(town, tmp_path)
    assert kept == named(town, write_mesh(tile))
    raised = replace(tile, vertices=tile.vertices + np.float32(1.0))
    assert named(town, write_mesh(raised)).name != kept.name


def test_a_mesh_is_made_once_for_each_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Town] = []

    def make(town: Town) -> bytes:
        made.append(town)
        return town.name.encode()

    monkeypatch.setattr(file, "navigation_bytes", make)
    town = build_town("Elm01")
    first = stored_navigation(town, tmp_path)
    assert stored_navigation(town, tmp_path) == first
    assert made == [town]
    raised = replace(town, ground=replace(town.ground, heights_m=town.ground.heights_m + np.float32(1.0)))
    stored_navigation(raised, tmp_path)
    assert made == [town, raised]
    (tmp_path / "file").touch()
    assert stored_navigation(town, tmp_path / "file") == first


def test_a_town_without_ways_for_walkers_has_no_file(town: Town) -> None:
    bare = replace(town, mesh=MeshBuilder().build(), crosswalks=())
    assert navigation_bytes(bare) is None


@st.composite
def _stars(draw: st.DrawFn) -> shapely.Polygon:
    """Polygons around the origin, with a hole now and then."""
    radii = draw(st.lists(st.floats(2.0, 9.0), min_size=4, max_size=14))
    angles = np.linspace(0.0, 2.0 * np.pi, len(radii), endpoint=False)
    ring = np.array(radii)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    hole = shapely.Point(0.0, 0.0).buffer(draw(st.floats(0.1, 0.8)), quad_segs=2)
    return shapely.Polygon(ring).difference(hole) if draw(st.booleans()) else shapely.Polygon(ring)


@settings(max_examples=60, deadline=None)
@given(_stars())
def test_convex_pieces_are_convex_and_fill_the_polygon(outline: shapely.Polygon) -> None:
    pieces = convex_pieces(outline)
    polygons = [shapely.Polygon(ring) for ring in pieces]
    assert all(3 <= len(ring) <= MOST_CORNERS for ring in pieces)
    assert all(p.area == pytest.approx(p.convex_hull.area) for p in polygons)
    assert sum(p.area for p in polygons) == pytest.approx(outline.area, rel=1e-6)
    corners = {tuple(c) for c in shapely.get_coordinates(outline)}
    assert {c for ring in pieces for c in ring} <= corners
