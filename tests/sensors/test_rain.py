"""Rain and puddles: one scale for all cameras, and water that lies on the road."""

from __future__ import annotations

from dataclasses import replace

import carla
import numpy as np
import pytest

from sensors.fog import visibility_m
from sensors.rain import rain_extinction_per_m, rain_mm_h
from sensors.thermal import Ambient, ThermalCamera, ambient_of
from sensors.thermal.materials import load_materials
from sensors.thermal.radiometry import band
from sensors.thermal.scene import radiance_at_lens
from sensors.thermal.temperature import PUDDLE_K
from sensors.thermal.world import SKY_STEPS, thermal_world
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
    assert [rain_mm_h(slider) for slider in (30.0, 60.0, 100.0)] == pytest.approx([3.6, 14.4, 40.0])


def test_deposits_of_the_weather_are_puddles_and_without_them_nothing_changes() -> None:
    assert ambient_of(carla.WeatherParameters(precipitation_deposits=40.0), 8.0, 0.7).puddles == pytest.approx(0.4)
    assert ambient_of(carla.WeatherParameters(wetness=40.0), 8.0, 0.7).puddles == 0.0
    wet = [ambient_of(carla.WeatherParameters(**{name: 40.0}), 8.0, 0.7).wetness
           for name in ("wetness", "precipitation", "precipitation_deposits")]  # fmt: skip
    assert wet == pytest.approx([0.4] * 3)
    fogs = [
        ambient_of(carla.WeatherParameters(fog_density=density), 8.0, 0.7).visibility_m for density in (50.0, 150.0)
    ]
    assert fogs == pytest.approx([visibility_m(50.0), visibility_m(100.0)])
    assert ambient_of(carla.WeatherParameters(fog_density=50.0), 8.0, 0.7, visibility_m=60.0).visibility_m == 60.0
    unset = ambient_of(carla.WeatherParameters.Default, 8.0, 0.7)  # -1 throughout: the map's own weather
    assert (unset.rain_mm_h, unset.wetness, unset.puddles, unset.cloudiness) == (0.0, 0.0, 0.0, 0.0)
    assert unset.visibility_m == ambient_of(carla.WeatherParameters(), 8.0, 0.7).visibility_m
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


@pytest.mark.parametrize("height_m", [0.0, 1.15, 3.3, 5.5])
def test_puddles_cover_their_share_of_level_ground_at_any_height(height_m: float) -> None:
    size, above_m = 300, 200.0
    bands, dull = band(8.0, 14.0), {tag: replace(row, variation_k=0.0) for tag, row in load_materials().items()}
    world = thermal_world(replace(EVENING, wetness=0.0, puddles=0.1), bands, 3, dull)
    straight_down = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, height_m + above_m]], np.float32)
    tags, instances = np.full((size, size), ROAD, np.uint8), np.zeros((size, size), np.uint16)
    depth_m = np.full((size, size), above_m, np.float32)
    seen = radiance_at_lens(world, tags, instances, depth_m, straight_down, 80.0, ())
    assert (seen < (seen.min() + seen.max()) / 2.0).mean() == pytest.approx(0.1, abs=0.025)


def _fresnel(cosine: np.ndarray, index: complex = 1.2 + 0.1j) -> np.ndarray:
    """Reflectance of unpolarised light; of water, 8-14 um, by default (Hale and Querry 1973, mean over the band)."""
    below = np.sqrt(1.0 - (1.0 - cosine**2) / index**2)
    across = np.abs((cosine - index * below) / (cosine + index * below)) ** 2
    along = np.abs((index * cosine - below) / (index * cosine + below)) ** 2
    return (across + along) / 2.0


def test_a_flooded_road_mirrors_the_sky_by_the_angle_at_which_one_looks_at_it() -> None:
    bands, shot = band(8.0, 14.0), frames()
    broken = replace(EVENING, puddles=1.0, cloudiness=65.0)  # of a clear sky Schlick's law would mirror 2 K too much
    world = thermal_world(broken, bands, 3, load_materials())
    seen = radiance_at_lens(world, shot.tags, shot.instances, shot.depth_m, shot.transform, 90.0, ())
    rows = np.arange(100, 180)
    below = np.array([np.median(seen[row, 150:170]) for row in rows])
    cosine = (rows - 89.5) / np.hypot(160.0, rows - 89.5)  # at the middle of the picture, against the road's normal
    sky = world.sky[(cosine * SKY_STEPS).astype(int)]
    water = float(bands.radiance(world.surfaces[ROAD, PUDDLE_K]))
    reflectance = _fresnel(cosine)
    expected = bands.kelvin(((1.0 - reflectance) * water + reflectance * sky).astype(np.float32))
    assert np.abs(bands.kelvin(below.astype(np.float32)) - expected).max() < 1.0
    # the share that is sky: from straight above a few per cent, near the horizon most of it
    share = (water - below) / (water - sky)
    steep, flat = share[-1], share[rows == 104][0]
    assert steep < 0.1
    assert 0.3 < flat < 0.75
    assert np.all(np.diff(share[rows >= 104]) < 0.02)
