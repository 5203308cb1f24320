"""The thermal camera's air goes with the world's weather."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import carla
import pytest

from harness.air import ambient_for, evening_hour
from harness.loop import Loop
from scenarios.definition import ScenarioDefinition, load_scenario
from scenarios.route_weather import RouteWeather

DUSK = (
    RouteWeather(0.0, {"sun_altitude_angle": 60.0, "cloudiness": 0.0, "fog_density": 0.0}),
    RouteWeather(100.0, {"sun_altitude_angle": -60.0, "cloudiness": 0.0, "fog_density": 60.0}),
)


def without_an_hour(folder: Path) -> ScenarioDefinition:
    """Takes its routes' own weather, and says nothing of the time of day."""
    path = folder / "own.yaml"
    path.write_text("town: Elm02\nroutes: elm02.xml\nambient: {air_temperature_c: 6, relative_humidity: 0.9}\n")
    return load_scenario(path)


def weather(sun_altitude_deg: float) -> carla.WeatherParameters:
    return carla.WeatherParameters(sun_altitude_angle=sun_altitude_deg)


def test_a_scenario_that_tells_no_hour_has_that_of_its_sun(tmp_path: Path) -> None:
    own = without_an_hour(tmp_path)
    assert 19.0 < ambient_for(own, weather(-25.0)).local_time_h < 24.0
    assert 13.0 < ambient_for(own, weather(35.0)).local_time_h < 19.0
    assert ambient_for(load_scenario("night_fog"), weather(35.0)).local_time_h == 22.0


@pytest.mark.parametrize(("altitude_deg", "hour"), [(90.0, 13.0), (45.0, 16.0), (0.0, 19.0), (-90.0, 1.0)])
def test_the_sun_sinks_from_the_zenith_to_the_nadir(altitude_deg: float, hour: float) -> None:
    assert evening_hour(altitude_deg) == hour


class Stage:
    """Drives through its route's weather, 50 per cent of the way a step."""

    def __init__(self, definition: ScenarioDefinition):
        (spec,) = definition.load_routes()[:1]
        self.definition, self.percentage, self.spec = definition, 0.0, replace(spec, weathers=DUSK)
        self.ego = SimpleNamespace(apply_control=lambda control: None)
        self.weather = definition.weather_parameters(self.spec, 0.0)

    def criteria(self) -> tuple[()]:
        return ()

    def step(self, time_s: float) -> None:
        self.percentage += 50.0
        self.weather = self.definition.weather_parameters(self.spec, self.percentage)


def test_weather_that_changes_along_the_way_reaches_the_thermal_cameras(tmp_path: Path) -> None:
    stage: Any = Stage(without_an_hour(tmp_path))
    cameras: Any = SimpleNamespace(ambient=ambient_for(stage.definition, stage.weather))
    sensors: Any = None
    loop = Loop(SimpleNamespace(), stage, cameras, sensors, lambda *_: {})
    loop.ticks.append(SimpleNamespace(time_s=0.0))  # type: ignore[arg-type]
    seen = [cameras.ambient]
    for _ in range(2):
        loop.act(carla.VehicleControl())
        seen.append(cameras.ambient)
    assert seen[0].visibility_m == 20_000.0
    assert 150.0 < seen[1].visibility_m < 2_000.0
    assert seen[2].visibility_m < 150.0
    assert [round(air.local_time_h) for air in seen] == [15, 19, 23]
