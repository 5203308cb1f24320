"""The camera pilot. Its network learned from RGB by clear day alone and stays frozen; it never saw a thermal frame."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import carla
import numpy as np

from agents.blind import CRUISE_MPS
from agents.interface import InputData
from agents.pilot.camera import CAMERA_ID, SENSOR
from agents.pilot.junctions import Junctions
from agents.pilot.patience import CREEP_MPS, PERSON_S, Patience
from agents.pilot.perception import Eyes
from agents.pilot.road_ahead import RoadAhead
from agents.pilot.weights import WEIGHTS, load_weights
from agents.plan import GpsPlan, WorldPlan
from agents.route_following import DELTA_S, RouteFollowingAgent, curve_speed_mps

HALF_LENGTH_M = 2.45
STAND_OFF_M = 3.5
# Nearer than this to where it wants to stop, it stands.
STANDS_M = 0.3
# A comfortable stop; from twice of it on the brake is pressed as far as needed.
BRAKING_MPS2 = 2.5


class PilotAgent(RouteFollowingAgent):
    """Follows the route and slows for vehicles, people, red lights and stop signs that its camera shows."""

    def setup(self, path_to_conf_file: str) -> None:
        """`path_to_conf_file`: other weights than its own (.safetensors), or empty."""
        self._eyes = Eyes(load_weights(Path(path_to_conf_file) if path_to_conf_file else WEIGHTS))

    def set_global_plan(self, global_plan_gps: GpsPlan, global_plan_world_coord: WorldPlan) -> None:
        super().set_global_plan(global_plan_gps, global_plan_world_coord)
        self._road = RoadAhead(self.route.xy)
        self._junctions = Junctions(self.route)
        self._vehicle_patience, self._person_patience = Patience(), Patience(PERSON_S, PERSON_S)

    def sensors(self) -> list[dict[str, Any]]:
        return [SENSOR, *self.navigation_sensors()]

    def run_step(self, input_data: InputData, timestamp: float) -> carla.VehicleControl:
        self.locate(input_data, timestamp)
        sighting = self._eyes.look(input_data[CAMERA_ID][1])
        here_m = self.progress.distance_m
        self._road.update(
            sighting.vehicles, sighting.people, (self.pose.x, self.pose.y, self.pose.yaw), self._index(), DELTA_S
        )
        self._junctions.update(sighting, here_m, self.speed_mps, DELTA_S)
        vehicle_m = self._road.nearest_vehicle_m(self._index()) - HALF_LENGTH_M - STAND_OFF_M
        person_m = self._road.nearest_person_m(self._index(), self.speed_mps) - HALF_LENGTH_M - STAND_OFF_M
        line_m = self._junctions.stop_at_m() - here_m - HALF_LENGTH_M
        soon_m = STANDS_M + 1.0
        creeps = [
            self._vehicle_patience.update(vehicle_m < soon_m < min(person_m, line_m), here_m, self.speed_mps, DELTA_S),
            self._person_patience.update(person_m < soon_m < min(vehicle_m, line_m), here_m, self.speed_mps, DELTA_S),
        ]
        if any(creeps):
            return self.drive(CREEP_MPS)
        return self._approach(min(vehicle_m, person_m, line_m))

    def _approach(self, gap_m: float) -> carla.VehicleControl:
        """Drive on, or towards a standstill `gap_m` ahead."""
        here_m = self.progress.distance_m
        cruise_mps = min(curve_speed_mps(self.route, here_m, CRUISE_MPS), self._junctions.careful_mps(here_m))
        if gap_m == math.inf:
            return self.drive(cruise_mps)
        allowed_mps = math.sqrt(2.0 * BRAKING_MPS2 * max(gap_m, 0.0))
        control = self.drive(min(cruise_mps, allowed_mps) if gap_m > STANDS_M else 0.0)
        needed_mps2 = self.speed_mps**2 / (2.0 * max(gap_m, STANDS_M))
        if self.speed_mps > allowed_mps and needed_mps2 > BRAKING_MPS2:
            # The speed control is gentle; what stands ahead may need more than that.
            control.throttle, control.brake = 0.0, max(control.brake, min(1.0, needed_mps2 / 8.0))
        return control

    def _index(self) -> int:
        """The route point at the vehicle."""
        distance_m = self.route.distance_m
        before = int(np.searchsorted(distance_m, self.progress.distance_m)) - 1
        return min(max(before, 0), len(distance_m) - 1)


def get_entry_point() -> str:
    return "PilotAgent"
