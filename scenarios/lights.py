"""Street lamps and vehicle lights by the leaderboard's rule (RouteLightsBehavior).

Dark enough for lights: sun below 15 deg, clouds above 80, fog above 40, or two of them within 10 of their thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import carla

from scenarios.spawning import speed_mps

SUN_LOW_DEG, SUN_HIGH_DEG = 15.0, 165.0
CLOUDINESS = 80.0
FOG = 40.0
NEARLY = 10.0

RADIUS_M = 100.0
RADIUS_S = 15.0
LAMPS_EVERY_S = 0.5
BRAKING = 0.1

_NONE = carla.VehicleLightState.NONE
_DRIVING = carla.VehicleLightState.Position | carla.VehicleLightState.LowBeam
_BRAKE = carla.VehicleLightState.Brake


def lights_are_needed(weather: carla.WeatherParameters) -> bool:
    sun = weather.sun_altitude_angle
    low = SUN_LOW_DEG - sun if sun < 90.0 else sun - SUN_HIGH_DEG
    excess = (low, weather.cloudiness - CLOUDINESS, weather.fog_density - FOG)
    return max(excess) > 0.0 or sum(value > -NEARLY for value in excess) >= 2


class RouteLights:
    """Lamps and low beams within max(100 m, 15 s of driving) of the ego; brake lights of everybody."""

    def __init__(self, world: carla.World, ego: carla.Vehicle, vehicles: Sequence[carla.Vehicle]) -> None:
        self._manager = world.get_lightmanager()
        self._lamps = list(self._manager.get_all_lights(carla.LightGroup.Street))
        self._ego = ego
        self._vehicles = [ego, *vehicles]
        self._shown: dict[int, int] = {}
        self._lit: frozenset[int] | None = None
        self._next_lamps_s = float("-inf")

    def begin(self, start: carla.Location, weather: carla.WeatherParameters, unlit: frozenset[int]) -> list[Any]:
        """Lights of the first picture: actors have no place yet to ask for, so every vehicle is lit."""
        is_dark = lights_are_needed(weather)
        self._switch_lamps(start, RADIUS_M if is_dark else -1.0)
        lights = _DRIVING if is_dark else _NONE
        return self._show({v.id: _NONE if v.id in unlit else lights for v in self._vehicles})

    def step(self, time_s: float, weather: carla.WeatherParameters, unlit: frozenset[int]) -> list[Any]:
        """Commands of this tick; `unlit` vehicles have no lights at all."""
        is_dark = lights_are_needed(weather)
        here = self._ego.get_location()
        radius_m = max(RADIUS_M, RADIUS_S * speed_mps(self._ego))
        if time_s >= self._next_lamps_s:
            self._next_lamps_s = time_s + LAMPS_EVERY_S
            self._switch_lamps(here, radius_m if is_dark else -1.0)
        lights = {}
        for vehicle in (vehicle for vehicle in self._vehicles if vehicle.is_alive):
            near = vehicle.id == self._ego.id or vehicle.get_location().distance(here) <= radius_m
            lights[vehicle.id] = _DRIVING if is_dark and near else _NONE
            if vehicle.get_control().brake > BRAKING:
                lights[vehicle.id] = lights[vehicle.id] | _BRAKE
            if vehicle.id in unlit:
                lights[vehicle.id] = _NONE
        return self._show(lights)

    def _show(self, lights: dict[int, carla.VehicleLightState]) -> list[Any]:
        """Commands for those whose lights change."""
        changed = {key: state for key, state in lights.items() if self._shown.get(key) != int(state)}
        self._shown.update({key: int(state) for key, state in changed.items()})
        return [carla.command.SetVehicleLightState(key, carla.VehicleLightState(s)) for key, s in changed.items()]

    def _switch_lamps(self, here: carla.Location, radius_m: float) -> None:
        lit = frozenset(i for i, lamp in enumerate(self._lamps) if lamp.location.distance(here) <= radius_m)
        before = self._lit
        self._lit = lit
        turn_on = [self._lamps[i] for i in sorted(lit if before is None else lit - before)]
        everyone_else = frozenset(range(len(self._lamps))) - lit
        turn_off = [self._lamps[i] for i in sorted(everyone_else if before is None else before - lit)]
        if turn_on:
            self._manager.turn_on(turn_on)
        if turn_off:
            self._manager.turn_off(turn_off)
