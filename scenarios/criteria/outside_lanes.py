"""How much of the way was driven off the lanes or against their direction."""

from __future__ import annotations

import math

import carla

from results.events import Event, EventKind, outside_lanes_message
from results.ticks import Tick
from scenarios.criteria.criterion import Criterion, event_at
from scenarios.planner import RoutePlan

ALLOWED_OUT_M = 0.5
WINDOW = 3
WRONG_WAY_AFTER_JUNCTION_DEG = 120.0
LANE_FLIP_DEG = 150.0


class OutsideRouteLanes(Criterion):
    """The ego's centre is off every driving or parking lane by half a lane and 0.5 m, or drives the wrong way.

    Inside junctions no way is the wrong one. Told once, at the end: the percentage of the driven distance, which the
    score subtracts.
    """

    def __init__(self, plan: RoutePlan, carla_map: carla.Map) -> None:
        self._plan = plan
        self._map = carla_map
        self._index = 0
        self._driven_m = 0.0
        self.distance_m = 0.0
        self._is_wrong_way = False
        self._lane_before: carla.Waypoint | None = None

    @property
    def percentage(self) -> float:
        """Of the driven distance."""
        return 100.0 * self.distance_m / self._driven_m if self._driven_m > 0.0 else 0.0

    def update(self, tick: Tick) -> list[Event]:
        location = carla.Location(*tick.location)
        is_outside = self._is_outside(location)
        self._follow_lane(location, tick.rotation[1])
        for index in range(self._index + 1, min(self._index + WINDOW + 1, len(self._plan.points))):
            if _is_passed(self._plan, index, tick):
                step_m = float(self._plan.distance_m[index] - self._plan.distance_m[self._index])
                self._driven_m += step_m
                self.distance_m += step_m if is_outside or self._is_wrong_way else 0.0
                self._index = index
        return []

    def finish(self, tick: Tick) -> list[Event]:
        if self.distance_m <= 0.0:
            return []
        message = outside_lanes_message(self.distance_m, self.percentage)
        kind = EventKind.OUTSIDE_ROUTE_LANES
        return [event_at(tick, kind, message, percentage=self.percentage, distance_m=self.distance_m)]

    def _is_outside(self, location: carla.Location) -> bool:
        driving = self._map.get_waypoint(location, lane_type=carla.LaneType.Driving)
        parking = self._map.get_waypoint(location, lane_type=carla.LaneType.Parking)
        lanes = [lane for lane in (parking, driving) if lane is not None]
        if not lanes:
            return True
        nearest = min(lanes, key=lambda lane: _flat_distance_m(location, lane))
        return _flat_distance_m(location, nearest) > 0.5 * nearest.lane_width + ALLOWED_OUT_M

    def _follow_lane(self, location: carla.Location, yaw: float) -> None:
        lane = self._map.get_waypoint(location, lane_type=carla.LaneType.Driving)
        if lane is None:
            return
        before, self._lane_before = self._lane_before or lane, lane
        if lane.is_junction:
            self._is_wrong_way = False
        elif before.is_junction:
            self._is_wrong_way = _angle_deg(lane.transform.rotation.yaw, yaw) > WRONG_WAY_AFTER_JUNCTION_DEG
        elif (before.road_id, before.lane_id) != (lane.road_id, lane.lane_id):
            jump = _angle_deg(before.transform.rotation.yaw, lane.transform.rotation.yaw)
            if jump > LANE_FLIP_DEG:
                self._is_wrong_way = not self._is_wrong_way


def _is_passed(plan: RoutePlan, index: int, tick: Tick) -> bool:
    yaw = math.radians(plan.yaw_deg[index])
    x, y, _ = plan.xyz[index]
    return (tick.location[0] - x) * math.cos(yaw) + (tick.location[1] - y) * math.sin(yaw) > 0.0


def _flat_distance_m(location: carla.Location, lane: carla.Waypoint) -> float:
    return math.hypot(location.x - lane.transform.location.x, location.y - lane.transform.location.y)


def _angle_deg(a: float, b: float) -> float:
    return abs((a - b + 180.0) % 360.0 - 180.0)
