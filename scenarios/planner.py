"""The way through the road network: from a route's key points to a dense list of lane points and manoeuvres.

Roads are asked from `carla.Map`, which reads the OpenDRIVE text in the client and needs no server.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import carla
import networkx as nx
import numpy as np
from numpy.typing import NDArray

from agents.plan import GpsPlan, RoadOption
from scenarios.errors import ScenarioError

STEP_M = 1.0
SAMPLE_M = 5.0
LANE_CHANGE_M = 10.0
MISSED_M = 3.0
# The nearest lane of a point that lies farther off every road is no lane that anybody meant.
KEYPOINT_NEAR_M = 10.0
# Costs as much as this way round; a lane change is worth it only where the network asks for one.
LANE_CHANGE_COST_M = 40.0
# Below this change of heading a junction is passed straight on (CARLA's own planner uses 35 deg as well).
STRAIGHT_DEG = 35.0
EARTH_RADIUS_M = 6378137.0

LaneKey = tuple[int, int, int]  # road, section, lane of the OpenDRIVE


@dataclass(frozen=True, eq=False)
class RoutePlan:
    """A route every metre: `points` as the leaderboard hands them to agents, and the same as arrays.

    xyz (n, 3) m; yaw_deg (n,); distance_m (n,) along the route from its start; all in CARLA's axes.
    """

    points: tuple[tuple[carla.Transform, RoadOption], ...]
    xyz: NDArray[np.float64]
    yaw_deg: NDArray[np.float64]
    distance_m: NDArray[np.float64]

    @property
    def length_m(self) -> float:
        return float(self.distance_m[-1])

    def at(self, distance_m: float) -> carla.Transform:
        """The lane's transform at a distance from the route's start, clamped to its ends."""
        index = int(np.searchsorted(self.distance_m, np.clip(distance_m, 0.0, self.length_m), side="right") - 1)
        index = min(index, len(self.points) - 2)
        span = self.distance_m[index + 1] - self.distance_m[index]
        share = float(np.clip((distance_m - self.distance_m[index]) / max(span, 1e-9), 0.0, 1.0))
        x, y, z = self.xyz[index] + share * (self.xyz[index + 1] - self.xyz[index])
        turn = (self.yaw_deg[index + 1] - self.yaw_deg[index] + 180.0) % 360.0 - 180.0
        return carla.Transform(carla.Location(x=x, y=y, z=z), carla.Rotation(yaw=self.yaw_deg[index] + share * turn))

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """(distance along the route, distance to it), m, of the nearest point of the whole route."""
        index = int(np.argmin((self.xyz[:, 0] - x) ** 2 + (self.xyz[:, 1] - y) ** 2))
        return float(self.distance_m[index]), float(math.hypot(self.xyz[index, 0] - x, self.xyz[index, 1] - y))


def plan(carla_map: carla.Map, keypoints: Sequence[tuple[float, float, float]]) -> RoutePlan:
    """The shortest lawful way through all key points; ScenarioError when there is none."""
    return make_plan(_trace(carla_map, keypoints))


def make_plan(waypoints: Sequence[carla.Waypoint | tuple[carla.Transform, RoadOption]]) -> RoutePlan:
    """A plan of lane points in driving order; points nearer than half a step to the one before are left out."""
    steps = [w if isinstance(w, tuple) else (w.transform, RoadOption.LANEFOLLOW) for w in waypoints]
    kept = [steps[0]]
    for step in steps[1:]:
        if step[0].location.distance(kept[-1][0].location) >= 0.5 * STEP_M:
            kept.append(step)
    if len(kept) < 2:
        raise ScenarioError("a route must be at least a metre long")
    xyz = np.array([(t.location.x, t.location.y, t.location.z) for t, _ in kept], np.float64)
    steps_m = np.hypot(np.diff(xyz[:, 0]), np.diff(xyz[:, 1]))
    return RoutePlan(
        points=tuple(kept),
        xyz=xyz,
        yaw_deg=np.array([t.rotation.yaw for t, _ in kept], np.float64),
        distance_m=np.concatenate([[0.0], np.cumsum(steps_m)]),
    )


def gps_plan(route: RoutePlan, carla_map: carla.Map) -> GpsPlan:
    """The route as the leaderboard tells it in degrees (Mercator about the map's reference, +y is south)."""
    reference = carla_map.transform_to_geolocation(carla.Location(0.0, 0.0, 0.0))
    scale_m = math.cos(math.radians(reference.latitude)) * EARTH_RADIUS_M
    north_0 = scale_m * math.log(math.tan(math.radians(90.0 + reference.latitude) / 2.0))
    east_0 = scale_m * math.radians(reference.longitude)
    gps = []
    for (x, y, z), (_, option) in zip(route.xyz, route.points):
        latitude = 2.0 * math.degrees(math.atan(math.exp((north_0 - y) / scale_m))) - 90.0
        longitude = math.degrees((east_0 + x) / scale_m)
        gps.append(({"lat": latitude, "lon": longitude, "z": float(z)}, option))
    return gps


def _trace(
    carla_map: carla.Map, keypoints: Sequence[tuple[float, float, float]]
) -> list[tuple[carla.Transform, RoadOption]]:
    graph = _lane_graph(carla_map)
    anchors = []
    for x, y, z in keypoints:
        waypoint = carla_map.get_waypoint(carla.Location(x=x, y=y, z=z), project_to_road=True)
        away_m = math.inf if waypoint is None else _flat_distance_m(waypoint, x, y)
        if away_m > KEYPOINT_NEAR_M:
            raise ScenarioError(f"key point ({x:.1f}, {y:.1f}) is {away_m:.0f} m from any road of {carla_map.name}")
        anchors.append(waypoint)
    steps: list[tuple[carla.Transform, RoadOption, bool]] = []
    for start, end in pairwise(anchors):
        try:
            steps.extend(_walk(graph, start, end))
            if steps[-1][0].location.distance(end.transform.location) > MISSED_M:
                raise nx.NetworkXNoPath
            # The last step may lie beyond the key point, from which the next part begins: nobody drives back for it.
            if end is not anchors[-1] and len(steps) > 1 and _is_ahead(steps[-1][0].location, end.transform):
                steps.pop()
        except nx.NetworkXNoPath:
            a, b = start.transform.location, end.transform.location
            raise ScenarioError(
                f"no way through {carla_map.name} from ({a.x:.1f}, {a.y:.1f}) to ({b.x:.1f}, {b.y:.1f})"
            ) from None
    return _name_turns(steps)


def _lane_graph(carla_map: carla.Map) -> nx.DiGraph:
    """Nodes are lane sections; edges lead to what follows a lane and to neighbours one may change to."""
    graph = nx.DiGraph()
    for entry, follower in carla_map.get_topology():
        length_m = SAMPLE_M * len(entry.next_until_lane_end(SAMPLE_M))
        graph.add_edge(_key(entry), _key(follower), weight=length_m, change=None)
    for waypoint in carla_map.generate_waypoints(SAMPLE_M):
        graph.add_node(_key(waypoint))
        for side in ("left", "right"):
            neighbour = _neighbour(waypoint, side)
            if neighbour is not None and not graph.has_edge(_key(waypoint), _key(neighbour)):
                graph.add_edge(_key(waypoint), _key(neighbour), weight=LANE_CHANGE_COST_M, change=side)
    return graph


def _neighbour(waypoint: carla.Waypoint, side: str) -> carla.Waypoint | None:
    """The lane beside this point that one may change to: marked so, of the same direction, for driving."""
    if str(waypoint.lane_change).lower() not in (side, "both"):
        return None
    neighbour = waypoint.get_left_lane() if side == "left" else waypoint.get_right_lane()
    if neighbour is None or neighbour.lane_type != carla.LaneType.Driving:
        return None
    return neighbour if neighbour.lane_id * waypoint.lane_id > 0 else None


def _walk(
    graph: nx.DiGraph, start: carla.Waypoint, end: carla.Waypoint
) -> Iterator[tuple[carla.Transform, RoadOption, bool]]:
    """Lane points from `start` to `end`: (transform, option, whether inside a junction)."""
    path = _lane_path(graph, start, end)
    place = 0
    here = start
    while True:
        change = graph.edges[path[place], path[place + 1]]["change"] if place + 1 < len(path) else None
        yield here.transform, RoadOption.LANEFOLLOW, here.is_junction
        neighbour = _neighbour(here, change) if change is not None else None
        if neighbour is not None:
            onward = neighbour.next(LANE_CHANGE_M)
            there = next((w for w in onward if _key(w) in path[place + 1 :]), None)
            if there is None:
                raise ScenarioError(f"no room for a lane change at {_text(here)}")
            option = RoadOption.CHANGELANELEFT if change == "left" else RoadOption.CHANGELANERIGHT
            yield from ((t, option, False) for t in _between(here.transform, there.transform))
            here, place = there, path.index(_key(there), place + 1)
            continue
        if place == len(path) - 1 and _passed(here, end):
            return
        # On the way to a lane change one follows one's own lane.
        last = place + 1 if change is not None else min(place + 4, len(path))
        ahead = here.next(STEP_M)
        # A lane shorter than a step may be jumped over.
        found = next(((i, w) for i in range(place, last) for w in ahead if _key(w) == path[i]), None)
        if found is None:
            if place == len(path) - 1:
                return
            raise ScenarioError(f"the lanes of the map do not join at {_text(here)}")
        place, here = found


def _lane_path(graph: nx.DiGraph, start: carla.Waypoint, end: carla.Waypoint) -> list[LaneKey]:
    first, last = _key(start), _key(end)
    if first == last and not _passed(start, end):
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


def _name_turns(steps: list[tuple[carla.Transform, RoadOption, bool]]) -> list[tuple[carla.Transform, RoadOption]]:
    """Give the points of each junction the manoeuvre that the change of heading across it means."""
    named = [(transform, option) for transform, option, _ in steps]
    begin = 0
    while begin < len(steps):
        end = begin
        while end < len(steps) and steps[end][2]:
            end += 1
        if end > begin:
            before = steps[max(begin - 1, 0)][0].rotation.yaw
            after = steps[min(end, len(steps) - 1)][0].rotation.yaw
            turn_deg = (after - before + 180.0) % 360.0 - 180.0
            option = RoadOption.STRAIGHT
            if abs(turn_deg) > STRAIGHT_DEG:
                option = RoadOption.RIGHT if turn_deg > 0 else RoadOption.LEFT  # CARLA's yaw grows clockwise
            named[begin:end] = [(transform, option) for transform, _ in named[begin:end]]
        begin = max(end, begin + 1)
    return named


def _between(a: carla.Transform, b: carla.Transform) -> Iterator[carla.Transform]:
    count = max(int(a.location.distance(b.location) / STEP_M), 1)
    for i in range(1, count):
        share = i / count
        yield carla.Transform(
            carla.Location(*(p + share * (q - p) for p, q in zip(_xyz(a), _xyz(b)))), carla.Rotation(yaw=b.rotation.yaw)
        )


def _flat_distance_m(waypoint: carla.Waypoint, x: float, y: float) -> float:
    location = waypoint.transform.location
    return math.hypot(location.x - x, location.y - y)


def _xyz(transform: carla.Transform) -> tuple[float, float, float]:
    return transform.location.x, transform.location.y, transform.location.z


def _passed(here: carla.Waypoint, end: carla.Waypoint) -> bool:
    """Whether `here` is at `end` or beyond it on the same lane (s grows along lanes of negative id)."""
    return (end.s - here.s) * (-1 if here.lane_id > 0 else 1) <= 1e-3


def _is_ahead(location: carla.Location, place: carla.Transform) -> bool:
    forward = place.get_forward_vector()
    return bool((location.x - place.location.x) * forward.x + (location.y - place.location.y) * forward.y > 0.0)


def _key(waypoint: carla.Waypoint) -> LaneKey:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _text(waypoint: carla.Waypoint) -> str:
    location = waypoint.transform.location
    return f"({location.x:.1f}, {location.y:.1f}) on road {waypoint.road_id}"
