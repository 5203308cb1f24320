"""The light of the next junction is red when the ego arrives, then turns green.

Parameters: `wait`, seconds the ego stands before green comes. Driving past the trigger point turns the light red.
"""

from __future__ import annotations

from typing import Any

import carla

from scenarios.errors import ScenarioError
from scenarios.hazards.hazard import Place
from scenarios.situation import Situation

STANDING_MPS = 0.3
GREEN_S = 12.0
LOOK_AHEAD_M = 120.0
NEAR_ROUTE_M = 2.0


class RedLight:
    """All lights of the junction are held red for the ego's, so cross traffic is no part of the hazard."""

    actors: tuple[carla.Actor, ...] = ()
    is_unlit = False

    def __init__(self, place: Place) -> None:
        self._trigger_m = place.trigger_m
        self._wait_s = place.spec.number("wait", 3.0)
        self._light, self._line_m = _next_light(place)
        group = {light.id: light for light in [self._light, *self._light.get_group_traffic_lights()]}
        self._others = [light for light_id, light in sorted(group.items()) if light_id != self._light.id]
        self._state = "waiting"
        self._stood_s = 0.0
        self._green_s = 0.0

    @property
    def is_active(self) -> bool:
        return self._state in ("red", "green")

    @property
    def holds_ego(self) -> bool:
        return self._state == "red" and self._stood_s > 0.0

    def step(self, situation: Situation) -> list[Any]:
        if self._state == "waiting" and situation.ego_m >= self._trigger_m:
            self._state = "red"
            self._show(carla.TrafficLightState.Red)
        elif self._state == "red":
            if situation.ego_speed_mps < STANDING_MPS:
                self._stood_s += situation.delta_s
            if self._stood_s >= self._wait_s or situation.gap_m(self._line_m) < -10.0:
                self._state = "green"
                self._show(carla.TrafficLightState.Green)
        elif self._state == "green":
            self._green_s += situation.delta_s
            if self._green_s >= GREEN_S:
                self._state = "over"
                for light in [self._light, *self._others]:
                    light.freeze(False)
        return []

    def _show(self, state: carla.TrafficLightState) -> None:
        for light in self._others:
            light.set_state(carla.TrafficLightState.Red)
            light.freeze(True)
        self._light.set_state(state)
        self._light.freeze(True)


def _next_light(place: Place) -> tuple[carla.TrafficLight, float]:
    """The first light after the trigger point whose stop line lies on the route, and where along it."""
    found: list[tuple[float, int, carla.TrafficLight]] = []
    for light in place.world.get_actors().filter("traffic.traffic_light"):
        for waypoint in light.get_stop_waypoints():
            location = waypoint.transform.location
            along_m, away_m = place.plan.nearest(location.x, location.y)
            heading = waypoint.transform.rotation.yaw - place.plan.at(along_m).rotation.yaw
            same_way = abs((heading + 180.0) % 360.0 - 180.0) < 60.0
            if away_m < NEAR_ROUTE_M and same_way and 0.0 < along_m - place.trigger_m < LOOK_AHEAD_M:
                found.append((along_m, light.id, light))
    if not found:
        raise ScenarioError(f"{place.spec.source}: no traffic light on the route ahead of scenario {place.spec.name}")
    along_m, _, light = min(found, key=lambda item: item[:2])
    return light, along_m


def signalised_junction_red(place: Place) -> RedLight:
    return RedLight(place)
