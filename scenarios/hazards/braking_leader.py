"""The car ahead brakes hard, stands for a moment and drives on (HardBreakRoute).

Parameters: `distance` (m) of the leader's tail ahead of the trigger point, `speed` (m/s), `headway` (s) at which it
keeps ahead of the ego, `brake_distance` (m from the trigger point) where it brakes, `brake` (0..1), `wait` (s),
`vehicle_model`.
"""

from __future__ import annotations

from typing import Any

import carla

from scenarios.hazards.hazard import Place
from scenarios.hazards.parameters import VEHICLE, Within
from scenarios.path_driver import PathDriver, path_from
from scenarios.situation import Situation
from scenarios.spawning import DROP_M, half_length_m, speed_mps

DISTANCE_M = 14.0
BRAKE_DISTANCE_M = 70.0
STANDING_MPS = 0.3
AWAY_MPS = 9.0
LONGEST_WAIT_S = 12.0
# An agent that stops before the trigger point never sets off who stands behind it.
PARAMETERS = {
    "distance": Within(10.0, 1000.0),
    "speed": Within(0.5, 40.0),
    "headway": Within(0.0, 10.0),
    "brake_distance": Within(0.0, 1000.0),
    "brake": Within(0.1, 1.0),
    "wait": Within(0.0, LONGEST_WAIT_S),
    "vehicle_model": VEHICLE,
}


class BrakingLeader:
    """Keeps its headway to the ego until it brakes, so that slow and fast agents meet the same gap."""

    is_unlit = False

    def __init__(self, place: Place) -> None:
        spec = place.spec
        self._trigger_m = place.trigger_m
        start_m = place.trigger_m + spec.number("distance", DISTANCE_M)
        self._speed_mps = spec.positive("speed", 8.0)
        self._headway_s = spec.number("headway", 1.8)
        # Unless told where, early enough to be met before the route ends.
        left_m = place.plan.length_m - place.trigger_m
        self._brake_m = place.trigger_m + spec.number("brake_distance", min(BRAKE_DISTANCE_M, left_m / 2.0))
        self._brake = spec.number("brake", 0.7)
        self._wait_s = spec.number("wait", 3.0)
        lane = place.plan.at(start_m + 2.4)
        lane.location.z += DROP_M
        self.vehicle = place.spawner.spawn(spec.text("vehicle_model", "vehicle.audi.tt"), lane, "scenario")
        self.actors: tuple[carla.Actor, ...] = (self.vehicle,)
        self._half_length_m = half_length_m(self.vehicle)
        start_m += self._half_length_m
        self._driver = PathDriver(self.vehicle, path_from(place.plan, place.carla_map), start_m)
        self._state = "waiting"
        self._stood_s = 0.0
        self._braking_s = 0.0

    @property
    def is_active(self) -> bool:
        return self._state == "braking"

    @property
    def holds_ego(self) -> bool:
        return self._state == "braking"

    def step(self, situation: Situation) -> list[Any]:
        if self._state == "waiting":
            if situation.ego_m < self._trigger_m:
                return [self._apply(self._driver.control(0.0))]
            self._state = "leading"
        if self._state == "leading":
            if self._driver.distance_m >= self._brake_m:
                self._state = "braking"
            else:
                return [self._apply(self._driver.control(self._leading_speed_mps(situation)))]
        if self._state == "braking":
            self._braking_s += situation.delta_s
            both_stand = speed_mps(self.vehicle) < STANDING_MPS and situation.ego_speed_mps < STANDING_MPS
            self._stood_s += situation.delta_s if both_stand else 0.0
            if self._stood_s < self._wait_s and self._braking_s < LONGEST_WAIT_S:
                return [self._apply(self._driver.control(0.0, brake=self._brake))]
            self._state = "away"
        return [self._apply(self._driver.control(AWAY_MPS))]

    def _leading_speed_mps(self, situation: Situation) -> float:
        gap_m = situation.gap_m(self._driver.distance_m - self._half_length_m)
        wanted_m = 6.0 + self._headway_s * situation.ego_speed_mps
        return min(max(situation.ego_speed_mps + 0.4 * (wanted_m - gap_m), 1.5), self._speed_mps)

    def _apply(self, control: carla.VehicleControl) -> Any:
        return carla.command.ApplyVehicleControl(self.vehicle.id, control)


def hard_brake_route(place: Place) -> BrakingLeader:
    return BrakingLeader(place)
