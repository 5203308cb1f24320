"""Which lanes a route's key points stand for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import carla
import networkx as nx

from scenarios.errors import ScenarioError
from scenarios.lane_graph import flat_distance_m, key_of, rest_of_lane, way_m

# The nearest lane of a point that lies farther off every road is no lane that anybody meant.
KEYPOINT_NEAR_M = 10.0
# Lanes of a junction that begin within this are the branches of one.
SAME_BEGIN_M = 1.0
# Another branch than the nearest is meant only where the nearest leads round by more than this.
BRANCH_COST_M = 20.0
STEP_M = 0.5


def anchors_of(
    carla_map: carla.Map, graph: nx.DiGraph, keypoints: Sequence[tuple[float, float, float]]
) -> list[carla.Waypoint]:
    """A waypoint for each key point: on the nearest lane or, in junctions, on the branch that makes the shortest way.

    Where the lanes of a junction part, a point lies on several of them, and the nearest may be another manoeuvre's.
    """
    ways: list[tuple[float, list[carla.Waypoint]]] = [(0.0, [])]
    for x, y, z in keypoints:
        nearest = _nearest(carla_map, x, y, z)
        ways = _prolonged(graph, ways, [nearest, *_branches(graph, nearest, x, y)])
    return min(ways, key=_cost)[1]


def _prolonged(
    graph: nx.DiGraph, ways: list[tuple[float, list[carla.Waypoint]]], choices: list[carla.Waypoint]
) -> list[tuple[float, list[carla.Waypoint]]]:
    """The best way to each of the choices for the next key point."""
    prolonged = []
    for choice in choices:
        extra_m = 0.0 if choice is choices[0] else BRANCH_COST_M
        reaching = []
        for cost_m, way in ways:
            # Between two points without a choice every way costs the same.
            is_open = bool(way) and (len(ways) > 1 or len(choices) > 1)
            reaching.append((cost_m + extra_m + (way_m(graph, way[-1], choice) if is_open else 0.0), [*way, choice]))
        prolonged.append(min(reaching, key=_cost))
    return prolonged


def _cost(way: tuple[float, list[carla.Waypoint]]) -> float:
    return way[0]


def _nearest(carla_map: carla.Map, x: float, y: float, z: float) -> carla.Waypoint:
    waypoint = carla_map.get_waypoint(carla.Location(x=x, y=y, z=z), project_to_road=True)
    away_m = math.inf if waypoint is None else flat_distance_m(waypoint, x, y)
    if away_m > KEYPOINT_NEAR_M:
        raise ScenarioError(f"key point ({x:.1f}, {y:.1f}) is {away_m:.0f} m from any road of {carla_map.name}")
    return waypoint


def _branches(graph: nx.DiGraph, nearest: carla.Waypoint, x: float, y: float) -> list[carla.Waypoint]:
    """The places of a key point on the other lanes of the junction that begin where its nearest lane does."""
    begin = graph.nodes[key_of(nearest)].get("entry") if nearest.is_junction and key_of(nearest) in graph else None
    if begin is None:
        return []
    places = []
    for key, entry in graph.nodes(data="entry"):
        if key == key_of(nearest) or entry is None or not entry.is_junction:
            continue
        if entry.transform.location.distance(begin.transform.location) > SAME_BEGIN_M:
            continue
        place = min([entry, *rest_of_lane(entry, STEP_M)], key=lambda waypoint: flat_distance_m(waypoint, x, y))
        if flat_distance_m(place, x, y) <= 0.5 * place.lane_width:
            places.append(place)
    return places
