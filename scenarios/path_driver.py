"""Drives a scripted vehicle along a path: the controller that agents use, fed with the truth."""

from __future__ import annotations

import math

import carla
import numpy as np

from agents.plan import RoadOption
from agents.route import Pose, Progress, Route
from agents.route_following import LaneKeeping, SpeedControl, Steering, VehicleGeometry, curve_speed_mps
from scenarios.planner import RoutePlan
from scenarios.spawning import beside, speed_mps

CONTINUE_M = 120.0


class PathDriver:
    """Follows `path` at the speed it is told each tick, stops at red lights, and stands at the path's end."""

    def __init__(self, vehicle: carla.Vehicle, path: Route, start_m: float, obeys_lights: bool = True) -> None:
        self.vehicle = vehicle
        self.progress = Progress(path, start_m)
        self._path = path
        self._obeys_lights = obeys_lights
        self._speed_control = SpeedControl()
        length_m = 2.0 * float(vehicle.bounding_box.extent.x)
        # Wheelbase and rear axle of common cars and bicycles in shares of their length.
        geometry = VehicleGeometry(0.58 * length_m, 0.29 * length_m)
        self._steering = Steering(LaneKeeping(geometry))

    @property
    def distance_m(self) -> float:
        return self.progress.distance_m

    def control(self, target_mps: float, brake: float = 0.0) -> carla.VehicleControl:
        """Control for this tick; `brake` > 0 overrides the speed."""
        transform = self.vehicle.get_transform()
        pose = Pose(transform.location.x, transform.location.y, math.radians(transform.rotation.yaw))
        speed = speed_mps(self.vehicle)
        along_m = self.progress.update(pose.x, pose.y)
        yaw_rate = math.radians(self.vehicle.get_angular_velocity().z)
        steer = self._steering.steer(self._path, along_m, pose, speed, yaw_rate)
        if brake > 0.0:
            return carla.VehicleControl(throttle=0.0, steer=steer, brake=brake)
        to_end_m = self._path.length_m - along_m
        target = min(curve_speed_mps(self._path, along_m, target_mps), math.sqrt(2.0 * 1.5 * max(to_end_m - 3.0, 0.0)))
        if self._obeys_lights and self._light_is_red():
            target = 0.0
        throttle, pedal = self._speed_control.update(target, speed)
        return carla.VehicleControl(throttle=throttle, steer=steer, brake=pedal)

    def _light_is_red(self) -> bool:
        if not self.vehicle.is_at_traffic_light():
            return False
        return self.vehicle.get_traffic_light_state() == carla.TrafficLightState.Red


def path_from(plan: RoutePlan, carla_map: carla.Map, right_m: float = 0.0, beyond_m: float = CONTINUE_M) -> Route:
    """The ego's route and the lane beyond its end, moved to the right by `right_m`."""
    points = list(plan.points)
    waypoint = carla_map.get_waypoint(points[-1][0].location)
    for _ in range(int(beyond_m)):
        if waypoint is None:
            break
        ahead = waypoint.next(1.0)
        if not ahead:
            break
        yaw = waypoint.transform.rotation.yaw
        waypoint = min(ahead, key=lambda w: abs((w.transform.rotation.yaw - yaw + 180.0) % 360.0 - 180.0))
        points.append((waypoint.transform, RoadOption.LANEFOLLOW))
    return Route.from_plan([(beside(transform, right_m), option) for transform, option in points])


def pulling_over(route: Route, from_m: float, over_m: float, right_m: float) -> Route:
    """The same route, drifting to the right by `right_m` over the metres after `from_m`, and ending there."""
    kept = route.distance_m <= from_m + 2.0 * over_m
    share = np.clip((route.distance_m[kept] - from_m) / over_m, 0.0, 1.0)
    shift = right_m * share**2 * (3.0 - 2.0 * share)
    yaw = route.yaw[kept]
    xy = route.xy[kept] + shift[:, None] * np.stack([-np.sin(yaw), np.cos(yaw)], axis=1)
    heading = np.unwrap(np.arctan2(np.gradient(xy[:, 1]), np.gradient(xy[:, 0])))
    heading += 2.0 * math.pi * round((yaw[0] - heading[0]) / (2.0 * math.pi))
    plan = [
        (
            carla.Transform(carla.Location(x=float(x), y=float(y)), carla.Rotation(yaw=math.degrees(a))),
            RoadOption.LANEFOLLOW,
        )
        for (x, y), a in zip(xy, heading)
    ]
    return Route.from_plan(plan)
