"""The light of the next junction is red when the ego arrives, then turns green.

Parameters: `wait`, seconds the ego stands before green comes. Driving past the trigger point turns the light red.
"""

from __future__ import annotations

from typing import Any

import carla

from scenarios.criteria.signs import LightSite, read_signs
from scenarios.errors import ScenarioError
from scenarios.hazards.hazard import Place
from scenarios.hazards.parameters import Within
from scenarios.situation import Situation

PARAMETERS = {"wait": Within(0.0, 300.0)}
STANDING_MPS = 0.3
GREEN_S = 12.0
LOOK_AHEAD_M = 120.0
NEAR_ROUTE_M = 2.0
PASSED_M = 12.0
# The junction's own programme must not change lights meanwhile. (Freezing stops every light of the town.)
HELD_S = 3600.0


class HeldRedLight:
    """All lights of the junction are held red for the ego's, so cross traffic is no part of the hazard."""

    actors: tuple[carla.Actor, ...] = ()
    is_unlit = False

    def __init__(self, place: Place) -> None:
        self._trigger_m = place.trigger_m
        self._wait_s = place.spec.number("wait", 3.0)
        light_id, self._line_m = _next_light(place)
        lights = {light.id: light for light in place.world.get_actors().filter("traffic.traffic_light")}
        self._light: carla.TrafficLight = lights[light_id]
        group = {light.id for light in self._light.get_group_traffic_lights()} | {light_id}
        self._group = [lights[key] for key in sorted(group)]
        self._times_s = [(t.get_green_time(), t.get_yellow_time(), t.get_red_time()) for t in self._group]
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
        has_passed = situation.gap_m(self._line_m) < -PASSED_M
        if self._state == "waiting" and situation.ego_m >= self._trigger_m:
            self._state = "red"
            self._set_times([(HELD_S, HELD_S, HELD_S)] * len(self._group))
            self._show(carla.TrafficLightState.Red)
        elif self._state == "red":
            if situation.ego_speed_mps < STANDING_MPS:
                self._stood_s += situation.delta_s
            if self._stood_s >= self._wait_s or has_passed:
                self._state = "green"
                self._show(carla.TrafficLightState.Green)
        elif self._state == "green":
            self._green_s += situation.delta_s
            if has_passed or self._green_s >= GREEN_S:
                self._state = "over"
                self._set_times(self._times_s)
        return []

    def _show(self, own: carla.TrafficLightState) -> None:
        for light in self._group:
            light.set_state(own if light.id == self._light.id else carla.TrafficLightState.Red)

    def _set_times(self, times_s: list[tuple[float, float, float]]) -> None:
        for light, (green_s, yellow_s, red_s) in zip(self._group, times_s):
            light.set_green_time(green_s)
            light.set_yellow_time(yellow_s)
            light.set_red_time(red_s)


def _next_light(place: Place) -> tuple[int, float]:
    """The first light after the trigger point whose stop line lies on the route, and where along it."""
    found = []
    for site in read_signs(place.world, place.carla_map).lights:
        line_m = _line_on_route(site, place)
        if line_m is not None and 0.0 < line_m - place.trigger_m < LOOK_AHEAD_M:
            found.append((line_m, site.light_id))
    if not found:
        raise ScenarioError(f"{place.spec.source}: no traffic light on the route ahead of scenario {place.spec.name}")
    line_m, light_id = min(found)
    return light_id, line_m


def _line_on_route(site: LightSite, place: Place) -> float | None:
    for line in site.stop_lines:
        x, y = 0.5 * (line.left[0] + line.right[0]), 0.5 * (line.left[1] + line.right[1])
        along_m, away_m = place.plan.nearest(x, y)
        turned = (line.yaw - place.plan.at(along_m).rotation.yaw + 180.0) % 360.0 - 180.0
        if away_m < NEAR_ROUTE_M and abs(turned) < 60.0:
            return along_m
    return None


def signalised_junction_red(place: Place) -> HeldRedLight:
    return HeldRedLight(place)
