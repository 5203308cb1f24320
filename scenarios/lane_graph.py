"""The lanes of a map as a graph, and the shortest way from lane to lane."""

from __future__ import annotations

import math

import carla
import networkx as nx

SAMPLE_M = 5.0
# Costs as much as this way round; a lane change is worth it only where the network asks for one.
LANE_CHANGE_COST_M = 40.0

LaneKey = tuple[int, int, int]  # road, section, lane of the OpenDRIVE


def lane_graph(carla_map: carla.Map) -> nx.DiGraph:
    """Nodes are lane sections (`entry`: their first waypoint); edges lead on and to neighbours one may change to."""
    graph = nx.DiGraph()
    for entry, follower in carla_map.get_topology():
        *before, last = entry, *rest_of_lane(entry, SAMPLE_M)
        length_m = SAMPLE_M * len(before) + last.transform.location.distance(follower.transform.location)
        graph.add_node(key_of(follower), entry=follower)
        graph.add_node(key_of(entry), entry=entry)
        graph.add_edge(key_of(entry), key_of(follower), weight=length_m, change=None)
    for waypoint in carla_map.generate_waypoints(SAMPLE_M):
        graph.add_node(key_of(waypoint))
        for side in ("left", "right"):
            neighbour = neighbour_for_change(waypoint, side)
            if neighbour is not None and not graph.has_edge(key_of(waypoint), key_of(neighbour)):
                graph.add_edge(key_of(waypoint), key_of(neighbour), weight=LANE_CHANGE_COST_M, change=side)
    return graph


def lane_path(graph: nx.DiGraph, start: carla.Waypoint, end: carla.Waypoint) -> list[LaneKey]:
    """The lanes from `start` to `end`; nx.NetworkXNoPath when there is no way."""
    first, last = key_of(start), key_of(end)
    if first == last and not is_passed(start, end):
        return [first]
    if first not in graph or last not in graph:
        raise nx.NetworkXNoPath
    if first != last:
        return nx.dijkstra_path(graph, first, last)
    # The end lies behind the start on the same lane: once round.
    onward = [n for n in graph.successors(first) if graph.edges[first, n]["change"] is None]
    ways = [nx.dijkstra_path(graph, n, last) for n in onward if nx.has_path(graph, n, last)]
    if not ways:
        raise nx.NetworkXNoPath
    return [first, *min(ways, key=lambda way: nx.path_weight(graph, way, "weight"))]


def way_m(graph: nx.DiGraph, start: carla.Waypoint, end: carla.Waypoint) -> float:
    """About how long the way from `start` to `end` is; infinite when there is none."""
    try:
        lanes_m = nx.path_weight(graph, lane_path(graph, start, end), "weight")
    except nx.NetworkXNoPath:
        return math.inf
    return float(lanes_m - _along_lane_m(graph, start) + _along_lane_m(graph, end))


def neighbour_for_change(waypoint: carla.Waypoint, side: str) -> carla.Waypoint | None:
    """The lane beside this point that one may change to: marked so, of the same direction, for driving."""
    if str(waypoint.lane_change).lower() not in (side, "both"):
        return None
    return neighbour(waypoint, side)


def neighbour(waypoint: carla.Waypoint, side: str) -> carla.Waypoint | None:
    """The lane beside this point, whatever its markings say: of the same direction, for driving."""
    beside = waypoint.get_left_lane() if side == "left" else waypoint.get_right_lane()
    if beside is None or beside.lane_type != carla.LaneType.Driving:
        return None
    return beside if beside.lane_id * waypoint.lane_id > 0 else None


def rest_of_lane(waypoint: carla.Waypoint, step_m: float) -> list[carla.Waypoint]:
    """The points of the lane section ahead of this one, every `step_m`."""
    points = [waypoint]
    while True:
        onward = (w for w in points[-1].next(step_m) if key_of(w) == key_of(waypoint) and ahead_m(points[-1], w) > 0.0)
        point = next(onward, None)
        if point is None:
            return points[1:]
        points.append(point)


def ahead_m(here: carla.Waypoint, there: carla.Waypoint) -> float:
    """How far `there` lies ahead of `here` along their road (s grows along lanes of negative id)."""
    return float((there.s - here.s) * (-1 if here.lane_id > 0 else 1))


def is_passed(here: carla.Waypoint, end: carla.Waypoint) -> bool:
    """Whether `here` is at `end` or beyond it on the same lane."""
    return ahead_m(here, end) <= 1e-3


def flat_distance_m(waypoint: carla.Waypoint, x: float, y: float) -> float:
    location = waypoint.transform.location
    return math.hypot(location.x - x, location.y - y)


def key_of(waypoint: carla.Waypoint) -> LaneKey:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _along_lane_m(graph: nx.DiGraph, waypoint: carla.Waypoint) -> float:
    return ahead_m(graph.nodes[key_of(waypoint)].get("entry", waypoint), waypoint)
