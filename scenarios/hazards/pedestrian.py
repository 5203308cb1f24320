"""A pedestrian steps out: from the sidewalk (DynamicObjectCrossing) or from between parked cars.

Parameters: `distance` from the trigger point to where the paths cross (m); `crossing_speed` (m/s); `lead_time`, seconds
before the ego arrives at which the walker starts; `direction` right or left; `start_offset`, m from the lane's centre
(default: so that walker and ego meet there); `blocker_model`, `blocker_offset`, m from the lane's centre (default: that
of the walker); `walker_model`.
"""

from __future__ import annotations

from typing import Any

import carla

from scenarios.hazards.hazard import Place
from scenarios.hazards.parameters import WALKER, Model, OneOf, Within
from scenarios.situation import Situation
from scenarios.spawning import DROP_M, beside, half_length_m

DISTANCE_M = 25.0
DIRECTIONS = {"left": -1.0, "right": 1.0}
PARAMETERS = {
    "distance": Within(5.0, 1000.0),
    "crossing_speed": Within(0.2, 5.0),
    "lead_time": Within(0.0, 6.0),  # without a <start_offset>, who is fastest starts 30 m beside as well
    "direction": OneOf(tuple(DIRECTIONS)),
    "start_offset": Within(0.0, 30.0),
    "blocker_model": Model(("vehicle.", "static.prop."), or_none=True),
    "blocker_offset": Within(0.0, 30.0),
    "walker_model": WALKER,
}
WALKER_HEIGHT_M = 1.0
# The walker starts for an ego that creeps up as well.
SURPRISE_M = 8.0
BEYOND_LANE_M = 6.0
CONFLICT_M = 2.5
GAP_TO_BLOCKER_M = 1.0


class CrossingPedestrian:
    is_unlit = False

    def __init__(self, place: Place, default_blocker: str) -> None:
        spec = place.spec
        self._meeting_m = place.trigger_m + spec.number("distance", DISTANCE_M)
        self._trigger_m = place.trigger_m
        self._speed_mps = spec.positive("crossing_speed", 1.5)
        self._lead_s = spec.number("lead_time", 3.0)
        side = DIRECTIONS[spec.choice("direction", "right", tuple(DIRECTIONS))]
        offset_m = spec.number("start_offset", self._speed_mps * self._lead_s)
        # Farther away than it walks until the meeting: it starts earlier, so that they meet all the same.
        self._lead_s = max(self._lead_s, offset_m / self._speed_mps)
        lane = place.plan.at(self._meeting_m)
        start = beside(lane, side * offset_m, WALKER_HEIGHT_M, turn_deg=-90.0 * side)
        self._lane_right = lane.get_right_vector()
        self._lane_location = lane.location
        self._side = side
        self._direction = carla.Vector3D(x=-side * self._lane_right.x, y=-side * self._lane_right.y, z=0.0)
        actors = []
        blocker_id = spec.text("blocker_model", default_blocker)
        if blocker_id not in ("", "none"):
            actors.append(_blocker(place, blocker_id, self._meeting_m, side, spec.number("blocker_offset", offset_m)))
        model = spec.text("walker_model", "walker.pedestrian.0015")
        self.walker = place.spawner.spawn(model, start, "scenario", {"is_invincible": "false"})
        self.actors: tuple[carla.Actor, ...] = (*actors, self.walker)
        self._state = "waiting"
        self._walked_s = 0.0
        # One who was run down never gets across.
        self._longest_s = (offset_m + BEYOND_LANE_M) / self._speed_mps + 3.0

    @property
    def is_active(self) -> bool:
        return self._state == "crossing"

    @property
    def holds_ego(self) -> bool:
        return self._state == "crossing" and abs(self._right_of_lane_m()) < CONFLICT_M

    def step(self, situation: Situation) -> list[Any]:
        if self._state == "waiting" and situation.ego_m >= self._trigger_m and self._is_time(situation):
            self._state = "crossing"
            return [self._walk(self._speed_mps)]
        if self._state == "crossing":
            self._walked_s += situation.delta_s
        is_across = -self._side * self._right_of_lane_m() > BEYOND_LANE_M
        if self._state == "crossing" and (is_across or self._walked_s > self._longest_s):
            self._state = "over"
            return [self._walk(0.0)]
        return []

    def _is_time(self, situation: Situation) -> bool:
        gap_m = situation.gap_m(self._meeting_m)
        return gap_m > 0.0 and (situation.arrival_s(self._meeting_m) <= self._lead_s or gap_m < SURPRISE_M)

    def _walk(self, speed_mps: float) -> Any:
        control = carla.WalkerControl(direction=self._direction, speed=speed_mps, jump=False)
        return carla.command.ApplyWalkerControl(self.walker.id, control)

    def _right_of_lane_m(self) -> float:
        location = self.walker.get_location()
        dx, dy = location.x - self._lane_location.x, location.y - self._lane_location.y
        return dx * self._lane_right.x + dy * self._lane_right.y


def dynamic_object_crossing(place: Place) -> CrossingPedestrian:
    return CrossingPedestrian(place, default_blocker="none")


def parking_crossing_pedestrian(place: Place) -> CrossingPedestrian:
    """Between the ego and the walker stands a parked car."""
    return CrossingPedestrian(place, default_blocker="vehicle.nissan.patrol_2021")


def _blocker(place: Place, blueprint_id: str, meeting_m: float, side: float, offset_m: float) -> carla.Actor:
    """Parked so that its front ends a step before the place where the walker comes out."""
    height_m = DROP_M if blueprint_id.startswith("vehicle.") else 0.0
    # The length is known once it exists: it is parked far enough back for any of them, then moved up.
    transform = beside(place.plan.at(meeting_m - GAP_TO_BLOCKER_M - 2.6), side * offset_m, height_m)
    actor = place.spawner.spawn(blueprint_id, transform, "scenario")
    front_m = meeting_m - GAP_TO_BLOCKER_M - half_length_m(actor)
    actor.set_transform(beside(place.plan.at(front_m), side * offset_m, height_m))
    if isinstance(actor, carla.Vehicle):
        actor.apply_control(carla.VehicleControl(hand_brake=True))
    return actor
