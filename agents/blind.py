"""Drives the route without looking: the lower bound of every comparison."""

from __future__ import annotations

import carla

from agents.interface import InputData
from agents.route_following import RouteFollowingAgent, curve_speed_mps

# The camera pilot cruises at this speed too, so that looking is all that sets them apart.
CRUISE_MPS = 36.0 / 3.6


def get_entry_point() -> str:
    return "BlindAgent"


class BlindAgent(RouteFollowingAgent):
    """Route and speed from GNSS, IMU and speedometer. It has a camera, as every agent under test, and ignores it."""

    def sensors(self) -> list[dict]:
        camera = {
            "type": "sensor.camera.rgb",
            "id": "front",
            **{"x": 1.0, "y": 0.0, "z": 1.75, "roll": 0.0, "pitch": 0.0, "yaw": 0.0},
            **{"width": 640, "height": 360, "fov": 90},
        }
        return [camera, *self.navigation_sensors()]

    def run_step(self, input_data: InputData, timestamp: float) -> carla.VehicleControl:
        self.locate(input_data, timestamp)
        return self.drive(curve_speed_mps(self.route, self.progress.distance_m, CRUISE_MPS))
