"""Where a pedestrian can walk in a town, and what the ground is there.

Only the town's record is read: the materials of its mesh, its crosswalks and its obstacles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from simulator.render.templates import TAG_OF_MATERIAL
from simulator.towns.relief import STOREY_M
from simulator.towns.town import Obstacle, Town
from simulator.types import CityObjectLabel

AGENT_RADIUS_M = 0.3
"""How wide the walkers of the client's crowd are; their middles keep this far from the rims of sidewalks."""
OBSTACLE_MARGIN_M = 0.2
HEAD_ROOM_M, STEP_M = 2.0, 0.4
CURB_REACH_M = 0.6
"""A crosswalk, and the road for those who cross it anywhere, begin where the middle of a walker stands at the curb."""
STATION_M = 4.0
"""Outlines have a vertex at least this often, so that the mesh follows hills."""
GRID_M = 0.01
SLIVER_M2 = 0.02


class Area(IntEnum):
    """CARLA's areas of a navigation mesh."""

    SIDEWALK = 1
    CROSSWALK = 2
    ROAD = 3
    GRASS = 4


@dataclass(frozen=True)
class Region:
    """A patch of one kind of ground. Patches share whole edges: where they touch both have the same vertices."""

    area: Area
    outline: shapely.Polygon


def walkable_regions(town: Town, tolerance_m: float) -> list[Region]:
    """The patches of a town, sidewalks and crosswalks and roads; none where obstacles stand. Axes are CARLA's x, y."""
    decks = _decks(town)
    walk = _ground(town, (CityObjectLabel.SIDEWALKS,), decks)
    road = _ground(town, (CityObjectLabel.ROADS,), decks)
    stripes = [shapely.polygons(polygon[:, :2].astype(float)) for polygon in town.crosswalks if len(polygon) >= 4]
    if walk.is_empty and not stripes:
        return []
    crossing = shapely.union_all(shapely.make_valid(np.array(stripes, object))) if stripes else shapely.Polygon()
    blocked = _blocked(town, decks)
    at_curb = shapely.intersection(walk, road.buffer(CURB_REACH_M))
    landing = shapely.intersection(walk, crossing.buffer(CURB_REACH_M + AGENT_RADIUS_M))
    side = walk.buffer(-AGENT_RADIUS_M, join_style="mitre")
    crosswalk = shapely.union_all([crossing, landing])
    layers = [(Area.SIDEWALK, side), (Area.CROSSWALK, crosswalk), (Area.ROAD, shapely.union(road, at_curb))]
    taken: BaseGeometry = blocked
    cut = []
    for area, geometry in layers:
        own = shapely.difference(geometry.simplify(tolerance_m), taken, grid_size=GRID_M)
        taken = shapely.union_all([taken, own])
        cut.append((area, own))
    return _patches(cut)


def ground_m(town: Town, xy: ArrayLike) -> NDArray[np.float32]:
    """(n, 2) m -> (n,): heights of the mesh; on a bridge its deck's, for the mesh has one level only."""
    points = np.asarray(xy, float).reshape(-1, 2)
    return np.asarray(town.ground_height_m(points, np.full(len(points), np.inf)), np.float32)


def _level_triangles(town: Town, tags: Sequence[CityObjectLabel]) -> NDArray[np.float64]:
    """(n, 3, 3) corners of all triangles with one of `tags` that cover some ground and belong to no object."""
    mesh = town.mesh
    chosen = np.isin(TAG_OF_MATERIAL[mesh.materials], tags) & (mesh.objects == 0)
    corners = mesh.vertices[mesh.triangles[chosen]].astype(float)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    level: NDArray[np.float64] = corners[np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) > 2e-3]
    return level


def _decks(town: Town) -> BaseGeometry:
    """The ground plan of bridges: of all roads and sidewalks that lie well above the ground."""
    if town.relief is None or town.relief.deck is None:
        return shapely.Polygon()
    corners = _level_triangles(town, (CityObjectLabel.SIDEWALKS, CityObjectLabel.ROADS))
    middles = corners.mean(axis=1)
    above = middles[:, 2] > town.ground_height_m(middles[:, :2]) + STOREY_M
    return shapely.union_all(shapely.polygons(corners[above][:, :, :2]))


def _ground(town: Town, tags: Sequence[CityObjectLabel], decks: BaseGeometry) -> BaseGeometry:
    """The ground plan of all level triangles with one of `tags` that belong to no object.

    What lies below one of the `decks`, or so near that its height would be the deck's, is left out.
    """
    corners = _level_triangles(town, tags)
    pieces = shapely.polygons(corners[:, :, :2]) if len(corners) else np.array([], object)
    if town.relief is not None and not decks.is_empty:
        near = decks.buffer(1.5 * town.relief.cell_m)
        shapely.prepare(near)
        low = np.flatnonzero(shapely.intersects(near, pieces))
        over = ground_m(town, _nearest(decks, shapely.centroid(pieces[low])))
        low = low[corners[low, :, 2].max(axis=1) < over - STOREY_M]
        pieces[low] = shapely.difference(pieces[low], near)
    return shapely.union_all(pieces) if len(pieces) else shapely.Polygon()


def _nearest(decks: BaseGeometry, points: NDArray[np.object_]) -> NDArray[np.float64]:
    """(n, 2) of the decks, m."""
    return np.asarray(shapely.get_coordinates(shapely.shortest_line(decks, points))[::2], float)


def _blocked(town: Town, decks: BaseGeometry) -> BaseGeometry:
    """What a walker would run into: boxes that neither hang overhead nor can be stepped over."""
    boxes = [_plan(obstacle) for obstacle in town.obstacles]
    if not boxes:
        return shapely.Polygon()
    centres = np.array([obstacle.box.location[:2] for obstacle in town.obstacles])
    z = np.array([obstacle.box.location.z for obstacle in town.obstacles])
    half = np.array([obstacle.box.extent.z for obstacle in town.obstacles])
    ground = np.asarray(town.ground_height_m(centres, z), float)
    in_the_way = (z - half < ground + HEAD_ROOM_M) & (z + half > ground + STEP_M)
    outlines = shapely.buffer(shapely.polygons(np.array(boxes)), OBSTACLE_MARGIN_M, join_style="mitre")
    if not decks.is_empty:
        below = z + half < ground_m(town, _nearest(decks, shapely.points(centres))) - STOREY_M
        outlines[below] = shapely.difference(outlines[below], decks)
    return shapely.union_all(outlines[in_the_way])


def _plan(obstacle: Obstacle) -> NDArray[np.float64]:
    """(4, 2) corners of an obstacle's box on the ground."""
    yaw, box = np.radians(obstacle.box.rotation.yaw), obstacle.box
    along, across = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    signs = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    corners: NDArray[np.float64] = (
        np.array(box.location[:2]) + signs[:, :1] * box.extent.x * along + signs[:, 1:] * box.extent.y * across
    )
    return corners


def _patches(layers: Sequence[tuple[Area, BaseGeometry]]) -> list[Region]:
    """Cuts layers that do not overlap into faces of one common net of lines."""
    rims = [shapely.boundary(geometry) for _, geometry in layers]
    net = shapely.union_all(np.array(rims, object), grid_size=GRID_M)
    # stations after the net is knotted: both sides of a shared line get the same ones
    net = shapely.node(shapely.segmentize(net, STATION_M))
    faces = [f for f in shapely.polygonize(shapely.get_parts(net)).geoms if f.area > SLIVER_M2]
    inside = shapely.point_on_surface(np.array(faces, object))
    regions, found = [], np.zeros(len(faces), bool)
    for area, geometry in layers:
        shapely.prepare(geometry)
        own = shapely.contains(geometry, inside) & ~found
        found |= own
        regions += [Region(area, faces[k]) for k in np.flatnonzero(own)]
    return regions
