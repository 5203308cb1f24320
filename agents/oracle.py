"""Drives with the truth in hand: the upper bound of every comparison.

It follows its lane like the other agents and stops for whatever is, or is about to be, in its way.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import carla
import numpy as np
from numpy.typing import NDArray

from agents.interface import InputData
from agents.route import Pose
from agents.route_following import DELTA_S, RouteFollowingAgent, curve_speed_mps

CRUISE_MPS = 28.0 / 3.6
COMFORT_MPS2 = 3.0
LOOK_AHEAD_M = 45.0
HORIZON_S = 4.5
STANDSTILL_GAP_M = 4.0
LINE_GAP_M = 1.0
MARGIN_M = 0.5
STOP_STANDING_S = 0.6
PREDICTION_STEP_S = 0.25


class PlannedRoute(Protocol):
    """What the oracle is told about the route beside the global plan (see `scenarios.planner.RoutePlan`)."""

    def nearest(self, x: float, y: float) -> tuple[float, float]: ...


def get_entry_point() -> str:
    return "OracleAgent"


class OracleAgent(RouteFollowingAgent):
    """Privileged: `set_world` gives it the simulation itself; its scores are no leaderboard scores."""

    def set_world(self, world: carla.World, ego: carla.Vehicle, route: PlannedRoute) -> None:
        self._world = world
        self._ego = ego
        self._half_length_m = float(ego.bounding_box.extent.x)
        self._half_width_m = float(ego.bounding_box.extent.y)
        actors = world.get_actors()
        self._lights = [
            (float(along_m), light)
            for light in actors.filter("traffic.traffic_light")
            for along_m in self._stop_lines_m(light, route)
        ]
        self._stops = self._stop_signs_m(actors, route)
        self._extents: dict[int, carla.Vector3D] = {}
        self._stopped_for: set[float] = set()
        self._stood_s = 0.0

    def sensors(self) -> list[dict[str, Any]]:
        camera = {
            "type": "sensor.camera.rgb",
            "id": "front",
            **{"x": 1.0, "y": 0.0, "z": 1.75, "roll": 0.0, "pitch": 0.0, "yaw": 0.0},
            **{"width": 640, "height": 360, "fov": 90},
        }
        return [camera, *self.navigation_sensors()]

    def run_step(self, input_data: InputData, timestamp: float) -> carla.VehicleControl:
        self.locate(input_data, timestamp)
        transform = self._ego.get_transform()
        self.pose = Pose(transform.location.x, transform.location.y, math.radians(transform.rotation.yaw))
        self.progress.update(self.pose.x, self.pose.y)
        velocity = self._ego.get_velocity()
        self.speed_mps = math.hypot(velocity.x, velocity.y)
        target = curve_speed_mps(self.route, self.progress.distance_m, CRUISE_MPS)
        gap_m, other_mps = self._nearest_obstacle()
        gap_m, other_mps = min((gap_m, other_mps), (self._line_gap_m(), 0.0))
        return self._drive_with_gap(target, gap_m, other_mps)

    def _drive_with_gap(self, target_mps: float, gap_m: float, other_mps: float) -> carla.VehicleControl:
        """Brake as hard as it takes to come down to the other's speed within the gap."""
        allowed = math.sqrt(max(other_mps**2 + 2.0 * COMFORT_MPS2 * gap_m, 0.0)) if gap_m > 0.0 else 0.0
        control = self.drive(min(target_mps, allowed if gap_m > 0.3 else 0.0))
        closing = self.speed_mps - other_mps
        if closing > 0.0 and math.isfinite(gap_m):
            needed_mps2 = (self.speed_mps**2 - other_mps**2) / (2.0 * max(gap_m, 0.2))
            if needed_mps2 > COMFORT_MPS2:
                control.throttle = 0.0
                control.brake = max(control.brake, min(needed_mps2 / 7.0, 1.0))
        return control

    def _nearest_obstacle(self) -> tuple[float, float]:
        """(gap m, speed m/s along the route) of what is soonest in the way; (inf, 0) when the way is free."""
        best = (math.inf, 0.0)
        here_m = self.progress.distance_m
        for actor in self._world.get_actors():
            if actor.id == self._ego.id or not actor.type_id.startswith(("vehicle.", "walker.")):
                continue
            location = actor.get_location()
            if math.hypot(location.x - self.pose.x, location.y - self.pose.y) > LOOK_AHEAD_M + 20.0:
                continue
            found = self._conflict(actor, location, here_m)
            if found is not None and found[0] < best[0]:
                best = found
        return best

    def _conflict(self, actor: carla.Actor, location: carla.Location, here_m: float) -> tuple[float, float] | None:
        """Where the actor, moving on as it does, is in the ego's lane when the ego may be there."""
        velocity, extent = actor.get_velocity(), self._extent(actor)
        is_walker = actor.type_id.startswith("walker.")
        times = np.arange(0.0, HORIZON_S, PREDICTION_STEP_S)
        xs, ys = location.x + velocity.x * times, location.y + velocity.y * times
        along_m, offset_m = self._on_route(xs, ys, here_m)
        yaw = self.route.yaw_at(float(along_m[0]))
        heading = math.radians(actor.get_transform().rotation.yaw) - yaw
        half_long = abs(extent.x * math.cos(heading)) + abs(extent.y * math.sin(heading))
        half_wide = abs(extent.x * math.sin(heading)) + abs(extent.y * math.cos(heading))
        margin_m = MARGIN_M + (0.6 if is_walker and math.hypot(velocity.x, velocity.y) > 0.3 else 0.0)
        in_lane = np.abs(offset_m) < self._half_width_m + half_wide + margin_m
        gap_m = along_m - half_long - here_m - self._half_length_m
        ahead = (gap_m > -2.0 * half_long - 1.0) & (gap_m < LOOK_AHEAD_M)
        # In the way later counts when the ego can be there by then, and a moment before and after.
        reach_m = np.maximum(self.speed_mps, 3.0) * (times + 1.2)
        hits = np.flatnonzero(in_lane & ahead & ((times < 0.1) | (gap_m < reach_m)))
        if len(hits) == 0:
            return None
        first = int(hits[0])
        along_mps = max(velocity.x * math.cos(yaw) + velocity.y * math.sin(yaw), 0.0)
        return max(float(gap_m[first]) - STANDSTILL_GAP_M, 0.0), 0.0 if is_walker else along_mps

    def _extent(self, actor: carla.Actor) -> carla.Vector3D:
        """Half the size of an actor, asked once: the client asks the server for each of its boxes."""
        if actor.id not in self._extents:
            self._extents[actor.id] = actor.bounding_box.extent
        return self._extents[actor.id]

    def _on_route(
        self, xs: NDArray[np.float64], ys: NDArray[np.float64], here_m: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distance along the route and to its right of points, looked up on the stretch ahead of the ego: both (n,)."""
        route = self.route
        first = max(int(np.searchsorted(route.distance_m, here_m - 5.0)) - 1, 0)
        last = int(np.searchsorted(route.distance_m, here_m + LOOK_AHEAD_M + 10.0)) + 1
        xy, yaw = route.xy[first:last], route.yaw[first:last]
        nearest = np.argmin((xs[:, None] - xy[:, 0]) ** 2 + (ys[:, None] - xy[:, 1]) ** 2, axis=1)
        dx, dy = xs - xy[nearest, 0], ys - xy[nearest, 1]
        forward = dx * np.cos(yaw[nearest]) + dy * np.sin(yaw[nearest])
        return (
            route.distance_m[first:last][nearest] + forward,
            -dx * np.sin(yaw[nearest]) + dy * np.cos(yaw[nearest]),
        )

    def _line_gap_m(self) -> float:
        """To the next line at which the ego has to stop."""
        front_m = self.progress.distance_m + self._half_length_m
        gaps = [math.inf]
        for line_m, light in self._lights:
            gap_m = line_m - front_m - LINE_GAP_M
            state = light.get_state()
            can_stop = self.speed_mps**2 / (2.0 * 1.3 * COMFORT_MPS2) < gap_m + 0.5
            must_stop = state == carla.TrafficLightState.Red or (state == carla.TrafficLightState.Yellow and can_stop)
            if must_stop and -1.5 < gap_m < LOOK_AHEAD_M:
                gaps.append(max(gap_m, 0.0))
        for line_m in self._stops:
            gap_m = line_m - front_m
            if line_m in self._stopped_for or not -2.0 < gap_m < LOOK_AHEAD_M:
                continue
            gaps.append(max(gap_m, 0.0))
            if gap_m < 1.5 and self.speed_mps < 0.1:
                self._stood_s += DELTA_S
                if self._stood_s > STOP_STANDING_S:
                    self._stopped_for.add(line_m)
                    self._stood_s = 0.0
        return min(gaps)

    def _stop_lines_m(self, light: carla.TrafficLight, route: PlannedRoute) -> list[float]:
        """The front edge of the trigger area: there the line is painted, ahead of it a crosswalk may be."""
        transform, area = light.get_transform(), light.trigger_volume
        # A light's yaw is that of its lane and a quarter turn.
        along_m = self._along(transform.transform(area.location), transform.rotation.yaw - 90.0, route)
        return [] if along_m is None else [along_m + area.extent.y]

    def _stop_signs_m(self, actors: carla.ActorList, route: PlannedRoute) -> list[float]:
        """Where the front stands in the middle of a stop sign's area."""
        found = []
        for sign in actors.filter("traffic.stop"):
            transform = sign.get_transform()
            area = transform.transform(sign.trigger_volume.location)
            # A sign's yaw is that of its lane and a quarter turn.
            along_m = self._along(area, transform.rotation.yaw - 90.0, route)
            if along_m is not None:
                found.append(along_m + 1.0)
        return found

    def _along(self, location: carla.Location, yaw: float, route: PlannedRoute) -> float | None:
        along_m, away_m = route.nearest(location.x, location.y)
        turned = math.radians(yaw) - self.route.yaw_at(along_m)
        return along_m if away_m < 2.0 and math.cos(turned) > 0.5 else None
