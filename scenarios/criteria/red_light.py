"""Running a red light: the ego's tail crosses the stop line of its lane while the light is red."""

from __future__ import annotations

import math

import carla

from results.events import Event, EventKind
from results.ticks import Tick
from scenarios.criteria.criterion import Criterion, event_at, place_of
from scenarios.criteria.signs import LightSite, Point, Signs, StopLine

NEAR_M = 15.0
RED = int(carla.TrafficLightState.Red)


class RedLight(Criterion):
    """The tail is the stretch from 0.8 of the half length to 1 m behind the bumper, so a car that stops a little over
    the line is forgiven. The same light does not count twice in a row."""

    def __init__(self, signs: Signs, carla_map: carla.Map, ego_half_length_m: float) -> None:
        self._lights = signs.lights
        self._map = carla_map
        self._half_length_m = ego_half_length_m
        self._last_light: int | None = None

    def update(self, tick: Tick) -> list[Event]:
        states = dict(tick.lights)
        x, y, z = tick.location
        near = [
            light
            for light in self._lights
            if light.light_id != self._last_light
            and states.get(light.light_id) == RED
            and math.hypot(light.x - x, light.y - y) <= NEAR_M
        ]
        if not near:
            return []
        yaw = math.radians(tick.rotation[1])
        forward = (math.cos(yaw), math.sin(yaw))
        tail = [
            (x - back * forward[0], y - back * forward[1])
            for back in (0.8 * self._half_length_m, self._half_length_m + 1)
        ]
        lane = self._map.get_waypoint(carla.Location(x=tail[1][0], y=tail[1][1], z=z))
        if lane is None:
            return []
        for light in near:
            if _runs(light, lane, forward, (tail[0], tail[1])):
                self._last_light = light.light_id
                message = f"Agent ran a red light {light.light_id} at {place_of(light.location)}"
                return [event_at(tick, EventKind.RED_LIGHT, message, light_id=light.light_id)]
        return []

    def finish(self, tick: Tick) -> list[Event]:
        return []


def _runs(light: LightSite, lane: carla.Waypoint, forward: Point, tail: tuple[Point, Point]) -> bool:
    return any(
        (line.road_id, line.lane_id) == (lane.road_id, lane.lane_id)
        and _same_way(line, forward)
        and segments_cross(tail, (line.left, line.right))
        for line in light.stop_lines
    )


def _same_way(line: StopLine, forward: Point) -> bool:
    yaw = math.radians(line.yaw)
    return forward[0] * math.cos(yaw) + forward[1] * math.sin(yaw) > 0.0


def segments_cross(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    """Whether two segments of the plane share a point."""

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(*a, b[0]) * side(*a, b[1]) <= 0.0 and side(*b, a[0]) * side(*b, a[1]) <= 0.0
