"""Rain and puddles: one scale for all cameras, and water that lies on the road."""

from __future__ import annotations

from dataclasses import replace

import carla
import numpy as np
import pytest

from sensors.rain import rain_extinction_per_m, rain_mm_h
from sensors.thermal import Ambient, ThermalCamera, ambient_of
from simulator.render.sky import daylight
from simulator.types import WeatherParameters
from tests.sensors.scenes import ROAD, frames

EVENING = Ambient(air_temperature_c=8.0, relative_humidity=0.7, cloudiness=0.0, local_time_h=20.0, wetness=0.3)


def kelvin(ambient: Ambient) -> np.ndarray:
    return ThermalCamera("ideal", 320, 180, 90.0, ambient, seed=3).image(frames(), ()).kelvin


def test_the_renderer_and_the_thermal_camera_mean_the_same_rain() -> None:
    fine, rain = WeatherParameters(precipitation=0.0), WeatherParameters(precipitation=80.0)
    rate = ambient_of(carla.WeatherParameters(precipitation=80.0), 8.0, 0.9).rain_mm_h
    assert rate == pytest.approx(rain_mm_h(80.0))
    more = daylight(rain).extinction_per_m - daylight(fine).extinction_per_m
    assert more == pytest.approx(rain_extinction_per_m(rate))
    assert rain_mm_h(100.0) == pytest.approx(40.0)


def test_deposits_of_the_weather_are_puddles_and_without_them_nothing_changes() -> None:
    assert ambient_of(carla.WeatherParameters(precipitation_deposits=40.0), 8.0, 0.7).puddles == pytest.approx(0.4)
    assert ambient_of(carla.WeatherParameters(wetness=40.0), 8.0, 0.7).puddles == 0.0
    assert np.isinf(ThermalCamera("ideal", 320, 180, 90.0, EVENING, seed=3)._world.shore)


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_puddles_cover_their_share_of_the_road_and_show_the_cold_sky(share: float) -> None:
    dry, flooded = kelvin(EVENING), kelvin(replace(EVENING, puddles=share))
    changed = flooded != dry
    road = frames().tags == ROAD
    assert not changed[~road].any(), "water lies on the ground only"
    near = road & (np.arange(180)[:, None] > 100)
    # Near the camera pixels are smaller than puddles; perspective weighs the nearest metres most.
    assert 0.4 * share < changed[near].mean() < min(1.9 * share, 1.0)
    assert np.median((flooded - dry)[changed]) < -0.5
    wider = kelvin(replace(EVENING, puddles=share + 0.3))
    assert ((wider != dry) & road).sum() > changed.sum()
