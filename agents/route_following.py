"""Steering along the route and holding a speed: what every agent of nightloop does the same way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import carla
import numpy as np

from agents.interface import AutonomousAgent, InputData
from agents.localisation import Localisation
from agents.plan import GpsPlan, WorldPlan
from agents.route import Pose, Progress, Route

DELTA_S = 0.05


@dataclass(frozen=True)
class VehicleGeometry:
    """Of the leaderboard's ego, a Lincoln MKZ 2020."""

    wheelbase_m: float = 2.85
    rear_axle_m: float = 1.42  # behind the origin
    max_steer_rad: float = math.radians(70.0)


@dataclass
class SteeringResponse:
    """How much of the curvature that a steering command means on paper the car really drives.

    Tyres slip, the curve of steering against speed differs between simulators and cars: the ratio is learned while
    driving from the yaw rate. It begins with that of the leaderboard's ego at town speeds.
    """

    ratio: float = 0.6
    rate: float = 0.06
    lag: float = 0.35  # share of the way to a new command that the wheels go within one tick
    least_curvature: float = 0.01
    least_speed_mps: float = 2.0
    _driven: float = 0.0

    def observe(self, paper_curvature: float, yaw_rate: float, speed_mps: float) -> None:
        """Learn from one tick: the curvature last commanded (1/m), what the gyroscope says (rad/s), the speed."""
        self._driven += self.lag * (paper_curvature - self._driven)
        if abs(self._driven) < self.least_curvature or speed_mps < self.least_speed_mps:
            return
        measured = yaw_rate / speed_mps / self._driven
        self.ratio += self.rate * (min(max(measured, 0.35), 1.3) - self.ratio)


@dataclass(frozen=True)
class LaneKeeping:
    """Feedback on distance and heading of the rear axle, with the road's own curvature as feed-forward.

    Pure pursuit alone cuts a junction's curve by a quarter of a metre; here the curve is steered before there is an
    error. `length_m` is the distance within which an error decays (critically damped), growing with speed.
    """

    geometry: VehicleGeometry = VehicleGeometry()
    length_m: float = 3.0
    length_s: float = 0.35
    preview_s: float = 0.15  # actuators and the tick between seeing and steering
    damping: float = 1.0

    def command(self, curvature: float) -> float:
        """Steering command -1..1 that means this curvature (1/m) on paper."""
        angle = math.atan(self.geometry.wheelbase_m * curvature)
        return float(np.clip(angle / self.geometry.max_steer_rad, -1.0, 1.0))

    def curvature(self, route: Route, distance_m: float, pose: Pose, speed_mps: float) -> float:
        """Curvature to drive (1/m, > 0 to the right) for an ego whose origin is at `distance_m` along the route."""
        g = self.geometry
        rear_m = distance_m - g.rear_axle_m
        on_x, on_y = route.point_at(max(rear_m, 0.0))
        yaw = route.yaw_at(max(rear_m, 0.0))
        dx = pose.x - g.rear_axle_m * math.cos(pose.yaw) - on_x
        dy = pose.y - g.rear_axle_m * math.sin(pose.yaw) - on_y
        offset_m = -dx * math.sin(yaw) + dy * math.cos(yaw)
        turned = (pose.yaw - yaw + math.pi) % (2.0 * math.pi) - math.pi
        length_m = self.length_m + self.length_s * speed_mps
        feedback = -offset_m / length_m**2 - 2.0 * self.damping * math.sin(turned) / length_m
        return route.curvature_at(max(rear_m, 0.0) + self.preview_s * speed_mps) + feedback


@dataclass
class Steering:
    """Lane keeping on a car whose response to the wheel is learned on the way."""

    lane_keeping: LaneKeeping = field(default_factory=LaneKeeping)
    response: SteeringResponse = field(default_factory=SteeringResponse)
    _paper_curvature: float = 0.0

    def steer(self, route: Route, distance_m: float, pose: Pose, speed_mps: float, yaw_rate: float) -> float:
        """Steering command -1..1 of this tick; `yaw_rate` in rad/s, > 0 to the right."""
        self.response.observe(self._paper_curvature, yaw_rate, speed_mps)
        wanted = self.lane_keeping.curvature(route, distance_m, pose, speed_mps) / self.response.ratio
        command = self.lane_keeping.command(wanted)
        geometry = self.lane_keeping.geometry
        self._paper_curvature = math.tan(command * geometry.max_steer_rad) / geometry.wheelbase_m
        return command


@dataclass
class SpeedControl:
    """PI control of throttle; the brake takes over where letting go of the throttle is not enough."""

    gain: float = 0.35
    integral_gain: float = 0.12
    brake_gain: float = 0.30
    brake_below_mps: float = 0.6
    integrate_below_mps: float = 1.0
    max_throttle: float = 0.75
    _integral: float = 0.0

    def update(self, target_mps: float, speed_mps: float, delta_s: float = DELTA_S) -> tuple[float, float]:
        """(throttle, brake) for this tick."""
        if target_mps < 0.1 and speed_mps < 1.5:
            self._integral = 0.0
            return 0.0, 1.0 if speed_mps < 0.3 else 0.6
        error = target_mps - speed_mps
        if error < -self.brake_below_mps:
            self._integral = 0.0
            return 0.0, float(np.clip(-self.brake_gain * error, 0.0, 1.0))
        if error < self.integrate_below_mps:
            # Not while speeding up: the sum would be paid back as overshoot.
            self._integral = float(np.clip(self._integral + self.integral_gain * error * delta_s, -0.2, 0.6))
        return float(np.clip(self.gain * error + self._integral, 0.0, self.max_throttle)), 0.0


def curve_speed_mps(
    route: Route,
    distance_m: float,
    cruise_mps: float,
    lateral_mps2: float = 1.8,
    braking_mps2: float = 1.5,
    horizon_m: float = 40.0,
) -> float:
    """The cruise speed, less where the curves ahead would press sideways more than `lateral_mps2`."""
    ahead_m = np.arange(0.0, horizon_m, 1.0)
    curvature = np.abs(np.interp(distance_m + ahead_m, route.distance_m, route.curvature, right=0.0))
    allowed = np.sqrt(lateral_mps2 / np.maximum(curvature, 1e-4))
    now = np.sqrt(allowed**2 + 2.0 * braking_mps2 * ahead_m)
    return float(min(cruise_mps, now.min()))


class RouteFollowingAgent(AutonomousAgent):
    """Knows its place on the dense route from GNSS, IMU and speedometer. Subclasses decide the target speed.

    As published agents do, it overrides `set_global_plan` to keep the route before it is thinned out.
    """

    GNSS, IMU, SPEED = "gnss", "imu", "speed"

    route: Route
    progress: Progress
    pose: Pose
    speed_mps: float = 0.0
    yaw_rate: float = 0.0  # rad/s, > 0 to the right

    def set_global_plan(self, global_plan_gps: GpsPlan, global_plan_world_coord: WorldPlan) -> None:
        super().set_global_plan(global_plan_gps, global_plan_world_coord)
        self.route = Route.from_plan(global_plan_world_coord)
        self.progress = Progress(self.route)
        self.steering = Steering()
        self.speed_control = SpeedControl()
        self._localisation = Localisation(
            global_plan_gps, global_plan_world_coord, self.steering.lane_keeping.geometry.rear_axle_m
        )
        self._last_s: float | None = None

    def navigation_sensors(self) -> list[dict[str, Any]]:
        at_origin = {"x": 0.0, "y": 0.0, "z": 0.0, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}
        return [
            {"type": "sensor.other.gnss", "id": self.GNSS, **at_origin},
            {"type": "sensor.other.imu", "id": self.IMU, **at_origin},
            {"type": "sensor.speedometer", "id": self.SPEED, "reading_frequency": 20},
        ]

    def sensors(self) -> list[dict[str, Any]]:
        return self.navigation_sensors()

    def locate(self, input_data: InputData, timestamp: float) -> Pose:
        """Take in this tick's sensors: `self.pose`, `self.speed_mps` and `self.progress` are then new."""
        delta_s = DELTA_S if self._last_s is None else timestamp - self._last_s
        self._last_s = timestamp
        self.speed_mps = float(input_data[self.SPEED][1]["speed"])
        self.yaw_rate = float(input_data[self.IMU][1][5])
        self.pose = self._localisation.update(
            input_data[self.GNSS][1], input_data[self.IMU][1], self.speed_mps, delta_s
        )
        self.progress.update(self.pose.x, self.pose.y)
        return self.pose

    def drive(self, target_mps: float) -> carla.VehicleControl:
        """Steer along the route and go towards a speed."""
        steer = self.steering.steer(self.route, self.progress.distance_m, self.pose, self.speed_mps, self.yaw_rate)
        throttle, brake = self.speed_control.update(target_mps, self.speed_mps)
        return carla.VehicleControl(throttle=throttle, steer=steer, brake=brake)
