"""A car without lights stands in the lane (ParkedObstacle).

It drives on after the ego has stood behind it for a while, so that an agent that keeps to its lane can finish.
Parameters: `distance` from the trigger point to the car's tail (m), `wait` in seconds, `vehicle_model`.
"""

from __future__ import annotations

from typing import Any

import carla

from scenarios.hazards.hazard import Place
from scenarios.hazards.parameters import VEHICLE, Within
from scenarios.path_driver import PathDriver, path_from
from scenarios.situation import Situation
from scenarios.spawning import DROP_M, half_length_m, speed_mps

# An agent that stops before the trigger point is not seen to stand behind the car, which then never drives on.
PARAMETERS = {"distance": Within(10.0, 1000.0), "wait": Within(0.0, 300.0), "vehicle_model": VEHICLE}
DISTANCE_M = 40.0
STANDING_MPS = 0.5
BEHIND_M = 20.0
DRIVE_ON_MPS = 9.0


class StoppedCar:
    def __init__(self, place: Place) -> None:
        spec = place.spec
        self._tail_m = place.trigger_m + spec.number("distance", DISTANCE_M)
        self._wait_s = spec.number("wait", 4.0)
        self._trigger_m = place.trigger_m
        lane = place.plan.at(self._tail_m + 2.4)
        lane.location.z += DROP_M
        model = spec.text("vehicle_model", "vehicle.audi.a2")
        self.vehicle = place.spawner.spawn(model, lane, "scenario", {"color": "25,25,28"})
        self.vehicle.apply_control(carla.VehicleControl(hand_brake=True))
        self.actors: tuple[carla.Actor, ...] = (self.vehicle,)
        start_m = self._tail_m + half_length_m(self.vehicle)
        self._driver = PathDriver(self.vehicle, path_from(place.plan, place.carla_map), start_m)
        self._stood_s = 0.0
        self._state = "standing"

    @property
    def is_active(self) -> bool:
        return self._state != "standing" or self._stood_s > 0.0

    @property
    def holds_ego(self) -> bool:
        return self._state == "standing" and self._stood_s > 0.0

    @property
    def is_unlit(self) -> bool:
        return self._state == "standing"

    def step(self, situation: Situation) -> list[Any]:
        if self._state == "standing":
            is_behind = 0.0 < situation.gap_m(self._tail_m) < BEHIND_M
            if situation.ego_m >= self._trigger_m and is_behind and situation.ego_speed_mps < STANDING_MPS:
                self._stood_s += situation.delta_s
            if self._stood_s < self._wait_s:
                return []
            self._state = "driving"
        return [carla.command.ApplyVehicleControl(self.vehicle.id, self._control())]

    def _control(self) -> carla.VehicleControl:
        control = self._driver.control(DRIVE_ON_MPS)
        if speed_mps(self.vehicle) < 0.2 and control.throttle == 0.0:
            control.brake = 1.0
        return control


def parked_obstacle(place: Place) -> StoppedCar:
    return StoppedCar(place)
