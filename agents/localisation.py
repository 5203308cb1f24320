"""Where the ego is, from GNSS, IMU and speedometer: a Kalman filter on dead reckoning.

A single GNSS fix of the leaderboard is half a metre off; wheel speed and heading are good for metres per minute. The
filter follows the rear axle, which moves where the car points (the origin of a turning car does not).
"""

from __future__ import annotations

import math

import numpy as np

from agents.plan import GpsPlan, WorldPlan
from agents.route import Pose

# As `scenarios.planner` has it, whose plan in degrees is made metres here.
EARTH_RADIUS_M = 6378137.0
GNSS_STD_M = 0.55  # 5e-6 deg of latitude
START_STD_M = 0.1
DRIFT_PER_M = 0.008  # error of dead reckoning, metres per square root of a metre driven
COMPASS_WEIGHT = 0.2
FAR_FROM_START_M = 5.0


class GpsFrame:
    """Turns latitude and longitude into CARLA's x and y, by the pairs of points that the global plan gives.

    Both have +y in the south, as the leaderboard's agents know it; the harness sees to that (`harness.sensors`).
    """

    def __init__(self, gps_plan: GpsPlan, world_plan: WorldPlan) -> None:
        first, start = gps_plan[0][0], world_plan[0][0].location
        self._scale_m = math.cos(math.radians(first["lat"])) * EARTH_RADIUS_M
        self._longitude_0 = first["lon"] - math.degrees(start.x / self._scale_m)
        self._north_0 = self._north_m(first["lat"]) + start.y

    def xy(self, latitude: float, longitude: float) -> tuple[float, float]:
        return math.radians(longitude - self._longitude_0) * self._scale_m, self._north_0 - self._north_m(latitude)

    def _north_m(self, latitude: float) -> float:
        return self._scale_m * math.log(math.tan(math.radians(90.0 + latitude) / 2.0))


class Localisation:
    """`update` once per tick with what the sensors gave; the pose is that of the vehicle's origin."""

    def __init__(self, gps_plan: GpsPlan, world_plan: WorldPlan, rear_axle_m: float = 1.4) -> None:
        self._frame = GpsFrame(gps_plan, world_plan)
        self._start = world_plan[0][0]
        self._rear_axle_m = rear_axle_m
        self._pose: Pose | None = None
        self._variance = START_STD_M**2

    def update(self, gnss: np.ndarray, imu: np.ndarray, speed_mps: float, delta_s: float) -> Pose:
        """gnss: latitude, longitude, altitude; imu: acceleration (3), gyro (3, rad/s), compass (rad, 0 = north)."""
        fix = self._frame.xy(float(gnss[0]), float(gnss[1]))
        compass_yaw = float(imu[6]) - math.pi / 2.0
        if self._pose is None:
            self._pose = self._first_pose(fix, compass_yaw)
            return self._pose
        yaw = self._pose.yaw + float(imu[5]) * delta_s
        if math.isfinite(compass_yaw):
            yaw += COMPASS_WEIGHT * _wrap(compass_yaw - yaw)
        mean_yaw = 0.5 * (yaw + self._pose.yaw)
        rear_x = self._pose.x - self._rear_axle_m * math.cos(self._pose.yaw) + speed_mps * delta_s * math.cos(mean_yaw)
        rear_y = self._pose.y - self._rear_axle_m * math.sin(self._pose.yaw) + speed_mps * delta_s * math.sin(mean_yaw)
        x, y = rear_x + self._rear_axle_m * math.cos(yaw), rear_y + self._rear_axle_m * math.sin(yaw)
        self._variance += DRIFT_PER_M**2 * abs(speed_mps) * delta_s
        gain = self._variance / (self._variance + GNSS_STD_M**2)
        self._variance *= 1.0 - gain
        self._pose = Pose(x + gain * (fix[0] - x), y + gain * (fix[1] - y), _wrap(yaw))
        return self._pose

    def _first_pose(self, fix: tuple[float, float], compass_yaw: float) -> Pose:
        """Routes begin where the ego stands; a fix far from there is believed instead."""
        start, start_yaw = self._start.location, math.radians(self._start.rotation.yaw)
        yaw = compass_yaw if math.isfinite(compass_yaw) else start_yaw
        if math.hypot(fix[0] - start.x, fix[1] - start.y) <= FAR_FROM_START_M:
            return Pose(start.x, start.y, yaw)
        self._variance = GNSS_STD_M**2
        return Pose(*fix, yaw)


def _wrap(angle: float) -> float:
    return (angle + math.pi) % (2.0 * math.pi) - math.pi
