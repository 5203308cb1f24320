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
from scenarios.anchors import anchors_of
from scenarios.errors import ScenarioError
from scenarios.lane_graph import (
    SAMPLE_M,
    LaneKey,
    ahead_m,
    is_passed,
    key_of,
    lane_graph,
    lane_path,
    neighbour,
    neighbour_for_change,
    rest_of_lane,
)
from scenarios.vectors import vector_of

STEP_M = 1.0
LANE_CHANGE_M = 10.0
# What CARLA's planner makes of every lane change, if the lane is long enough.
SHORT_LANE_CHANGE_M = 5.0
MISSED_M = 3.0
# Lane changes may lead this far past a key point, and the next may lie this far behind it: nobody drives back for it.
LED_PAST_M = 25.0
# Below this change of heading a junction is passed straight on (CARLA's own planner uses 35 deg as well).
STRAIGHT_DEG = 35.0
# `agents.localisation` undoes what is done with it here.
EARTH_RADIUS_M = 6378137.0

Step = tuple[carla.Transform, RoadOption, bool]  # whether inside a junction


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
    graph = lane_graph(carla_map)
    anchors = _leading_on(anchors_of(carla_map, graph, keypoints))
    steps: list[Step] = []
    start = anchors[0]
    for before, end in pairwise(anchors):
        if start is not before and key_of(start) == key_of(end) and is_passed(start, end):
            continue  # a lane change has led past this key point, too
        try:
            walked, last = _walk(graph, start, end)
        except nx.NetworkXNoPath:
            raise _no_way(carla_map, start, end) from None
        steps.extend(walked)
        is_beyond = ahead_m(last, end) < -1.01 * STEP_M
        away_m = last.transform.location.distance(end.transform.location)
        if away_m > (LED_PAST_M if is_beyond else MISSED_M):
            raise _no_way(carla_map, start, end)
        if is_beyond:
            start = last
            continue
        start = end
        # The last step may lie beyond the key point, from which the next part begins.
        if end is not anchors[-1] and len(steps) > 1 and _is_ahead(steps[-1][0].location, end.transform):
            steps.pop()
    return _name_turns(steps)


def _leading_on(anchors: list[carla.Waypoint]) -> list[carla.Waypoint]:
    """Without those that repeat the one before or lie a little behind it: nor does CARLA's planner go round for them.

    Where that leaves nothing to drive, start and end are meant as they are, once round, unless all are one place.
    """
    kept = anchors[:1]
    for anchor in anchors[1:]:
        last = kept[-1]
        is_on_lane = (anchor.road_id, anchor.lane_id) == (last.road_id, last.lane_id)  # of whichever section
        if not (is_on_lane and is_passed(last, anchor) and ahead_m(last, anchor) >= -LED_PAST_M):
            kept.append(anchor)
    if len(kept) > 1:
        return kept
    start = anchors[0]
    if all(ahead_m(start, anchor) > -STEP_M for anchor in anchors):
        raise ScenarioError(f"nothing to drive: all key points lie at {_text(start)}")
    return [start, anchors[-1]]


def _no_way(carla_map: carla.Map, start: carla.Waypoint, end: carla.Waypoint) -> ScenarioError:
    a, b = start.transform.location, end.transform.location
    return ScenarioError(f"no way through {carla_map.name} from ({a.x:.1f}, {a.y:.1f}) to ({b.x:.1f}, {b.y:.1f})")


def _walk(graph: nx.DiGraph, start: carla.Waypoint, end: carla.Waypoint) -> tuple[list[Step], carla.Waypoint]:
    """The steps from `start` to `end`, and the waypoint of the last."""
    path = lane_path(graph, start, end)
    sides = [graph.edges[edge]["change"] for edge in pairwise(path)] + [None]
    steps: list[Step] = []
    place, here = 0, start
    while True:
        steps.append((here.transform, RoadOption.LANEFOLLOW, here.is_junction))
        side = sides[place]
        beside = _beside(here, side) if side is not None else None
        if beside is not None:
            place, there = _changed(path, sides, place, beside, end)
            option = RoadOption.CHANGELANELEFT if side == "left" else RoadOption.CHANGELANERIGHT
            steps.extend((t, option, False) for t in _between(here.transform, there.transform))
            here = there
            continue
        if place == len(path) - 1 and is_passed(here, end):
            return steps, here
        found = _onward(graph, path, place, here, side is not None)
        if found is None:
            return steps, here
        place, here = found


def _beside(here: carla.Waypoint, side: str) -> carla.Waypoint | None:
    """Where a lane change from here leads; None as long as there is a place ahead where the markings allow it."""
    allowed = neighbour_for_change(here, side)
    if allowed is not None or any(neighbour_for_change(w, side) for w in rest_of_lane(here, SAMPLE_M)):
        return allowed
    # The place lies behind the start: CARLA's planner changes lanes here, whatever the markings say.
    return neighbour(here, side)


def _changed(
    path: list[LaneKey], sides: list[str | None], place: int, beside: carla.Waypoint, end: carla.Waypoint
) -> tuple[int, carla.Waypoint]:
    """Where the lane change to `beside` ends: the place in the path and the waypoint."""
    after = next(i for i in range(place, len(path)) if sides[i] is None)
    changes = after - place
    length_m = LANE_CHANGE_M
    if after == len(path) - 1:
        length_m = min(max(ahead_m(beside, end) / changes, SHORT_LANE_CHANGE_M), LANE_CHANGE_M)
    if changes > 1:  # leave room for the others
        length_m = min(length_m, len(rest_of_lane(beside, STEP_M)) * STEP_M / changes)
    reach = next((i for i in range(place + 1, len(path)) if sides[i] is not None), len(path) - 1)
    while length_m > 0.0:
        onward = beside.next(length_m)
        found = next(((i, w) for i in range(place + 1, reach + 1) for w in onward if key_of(w) == path[i]), None)
        if found is not None:
            return found
        length_m -= STEP_M
    return place + 1, beside


def _onward(
    graph: nx.DiGraph, path: list[LaneKey], place: int, here: carla.Waypoint, to_change: bool
) -> tuple[int, carla.Waypoint] | None:
    """A step along the path; None at the end of its last lane."""
    # On the way to a lane change one follows one's own lane.
    last = place + 1 if to_change else min(place + 4, len(path))
    ahead = here.next(STEP_M)
    # A lane shorter than a step may be jumped over.
    found = next(((i, w) for i in range(place, last) for w in ahead if key_of(w) == path[i]), None)
    if found is not None or place == len(path) - 1:
        return found
    # So may the lane of the path's end.
    follower = graph.nodes[path[place + 1]].get("entry")
    away_m = math.inf if follower is None else follower.transform.location.distance(here.transform.location)
    if to_change or away_m > 2.0 * STEP_M:
        raise ScenarioError(f"the lanes of the map do not join at {_text(here)}")
    return place + 1, follower


def _name_turns(steps: list[Step]) -> list[tuple[carla.Transform, RoadOption]]:
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
            carla.Location(*(p + share * (q - p) for p, q in zip(vector_of(a.location), vector_of(b.location)))),
            carla.Rotation(yaw=b.rotation.yaw),
        )


def _is_ahead(location: carla.Location, place: carla.Transform) -> bool:
    forward = place.get_forward_vector()
    return bool((location.x - place.location.x) * forward.x + (location.y - place.location.y) * forward.y > 0.0)


def _text(waypoint: carla.Waypoint) -> str:
    location = waypoint.transform.location
    return f"({location.x:.1f}, {location.y:.1f}) on road {waypoint.road_id}"
