"""A slow cyclist rides ahead at the edge of the lane and later leaves it (HazardAtSideLane).

Parameters: `distance` from the trigger point (m), `bicycle_speed` (m/s), `bicycle_drive_distance` (m) after which it
pulls over to the right by `pull_over` (m), `offset` from the lane's centre (m), `bicycle_model`.
"""

from __future__ import annotations

from typing import Any

import carla

from scenarios.hazards.hazard import Place
from scenarios.hazards.parameters import VEHICLE, Within
from scenarios.path_driver import PathDriver, path_from, pulling_over
from scenarios.situation import Situation
from scenarios.spawning import DROP_M, beside

# An agent that stops before the trigger point never sets off who stands behind it.
PARAMETERS = {
    "distance": Within(10.0, 1000.0),
    "bicycle_speed": Within(0.5, 20.0),
    "bicycle_drive_distance": Within(0.0, 1000.0),
    "pull_over": Within(0.0, 10.0),
    "offset": Within(-5.0, 5.0),
    "bicycle_model": VEHICLE,
}
DISTANCE_M = 35.0
PULL_OVER_M = 12.0


class Cyclist:
    is_unlit = False

    def __init__(self, place: Place) -> None:
        spec = place.spec
        self._start_m = place.trigger_m + spec.number("distance", DISTANCE_M)
        self._trigger_m = place.trigger_m
        self._speed_mps = spec.positive("bicycle_speed", 3.5)
        self._leave_m = self._start_m + spec.number("bicycle_drive_distance", 60.0)
        offset_m = spec.number("offset", 0.8)
        start = beside(place.plan.at(self._start_m), offset_m, DROP_M)
        model = spec.text("bicycle_model", "vehicle.bh.crossbike")
        self.bicycle = place.spawner.spawn(model, start, "scenario")
        self.actors: tuple[carla.Actor, ...] = (self.bicycle,)
        path = pulling_over(
            path_from(place.plan, place.carla_map, offset_m), self._leave_m, PULL_OVER_M, spec.number("pull_over", 2.4)
        )
        self._driver = PathDriver(self.bicycle, path, self._start_m, obeys_lights=False)
        self._is_riding = False

    @property
    def is_active(self) -> bool:
        return self._is_riding and self._driver.distance_m < self._leave_m + PULL_OVER_M

    @property
    def holds_ego(self) -> bool:
        return False

    def step(self, situation: Situation) -> list[Any]:
        if not self._is_riding:
            self._is_riding = situation.ego_m >= self._trigger_m
        if not self._is_riding:
            return []
        return [carla.command.ApplyVehicleControl(self.bicycle.id, self._driver.control(self._speed_mps))]


def hazard_at_side_lane(place: Place) -> Cyclist:
    return Cyclist(place)
