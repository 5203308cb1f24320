"""Running a stop sign: passing its area without having stood in it."""

from __future__ import annotations

import math

import carla

from results.events import Event, EventKind
from results.ticks import Tick
from scenarios.criteria.criterion import Criterion, event_at, place_of
from scenarios.criteria.signs import Signs, StopSite

NEAR_M = 4.0
LOOK_STEP_M = 0.5
STANDING_MPS = 0.1
AREA_SCALE = 1.2
WRONG_WAY_DOT = -0.17
REVERSING_MPS = -0.17


class StopSign(Criterion):
    """The area is looked up along the lane ahead of the ego, so that one with its nose on the line has arrived.

    The same sign does not count twice in a row; who reverses arrives at none."""

    def __init__(self, signs: Signs, carla_map: carla.Map) -> None:
        self._stops = signs.stops
        self._map = carla_map
        self._target: StopSite | None = None
        self._has_stood = False
        self._last_run: int | None = None

    def update(self, tick: Tick) -> list[Event]:
        if self._target is None:
            self._target = self._arrived_at(tick)
            return []
        if tick.speed_mps < STANDING_MPS:
            self._has_stood = True
        if self._is_in_area(self._target, self._lane_ahead(tick)):
            return []
        sign, ran = self._target, not self._has_stood
        self._target, self._has_stood = None, False
        if not ran or sign.sign_id == self._last_run:
            return []
        self._last_run = sign.sign_id
        message = f"Agent ran a stop with id={sign.sign_id} at {place_of(sign.location)}"
        return [event_at(tick, EventKind.STOP_SIGN, message, sign_id=sign.sign_id)]

    def finish(self, tick: Tick) -> list[Event]:
        return []

    def _arrived_at(self, tick: Tick) -> StopSite | None:
        x, y, _ = tick.location
        # A little more than the leaderboard's reach, so that the lane lookup runs only near a sign.
        if not any(math.hypot(s.x - x, s.y - y) <= NEAR_M + s.half_x + s.half_y for s in self._stops):
            return None
        if _forward_mps(tick) < REVERSING_MPS:
            return None
        ahead = self._lane_ahead(tick)
        if not ahead or _dot(ahead[0].transform.rotation.yaw, tick.rotation[1]) < WRONG_WAY_DOT:
            return None
        return next((stop for stop in self._stops if self._is_in_area(stop, ahead)), None)

    def _is_in_area(self, stop: StopSite, ahead: list[carla.Waypoint]) -> bool:
        places = [waypoint.transform.location for waypoint in ahead]
        if not places or math.hypot(stop.x - places[0].x, stop.y - places[0].y) > NEAR_M:
            return False
        return any(stop.contains(place.x, place.y, AREA_SCALE) for place in places)

    def _lane_ahead(self, tick: Tick) -> list[carla.Waypoint]:
        x, y, z = tick.location
        waypoint = self._map.get_waypoint(carla.Location(x=x, y=y, z=z))
        ahead = []
        for _ in range(int(NEAR_M / LOOK_STEP_M) + 1):
            if waypoint is None:
                break
            ahead.append(waypoint)
            waypoint = next(iter(waypoint.next(LOOK_STEP_M)), None)
        return ahead


def _forward_mps(tick: Tick) -> float:
    yaw = math.radians(tick.rotation[1])
    return tick.velocity[0] * math.cos(yaw) + tick.velocity[1] * math.sin(yaw)


def _dot(yaw_a: float, yaw_b: float) -> float:
    return math.cos(math.radians(yaw_a - yaw_b))
