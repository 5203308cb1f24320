"""What fog, rain and humid air leave of a surface's radiance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.thermal import Ambient
from sensors.thermal.atmosphere import clear_air_transmission, fog_ratio, sky_clearness, transmission
from sensors.thermal.materials import load_materials
from sensors.thermal.radiometry import band
from sensors.thermal.world import SKY_STEPS, thermal_world

airs = st.builds(
    Ambient,
    air_temperature_c=st.floats(-20, 35),
    relative_humidity=st.floats(0.1, 1.0),
    visibility_m=st.floats(15, 5000),
    droplet_radius_um=st.floats(1, 15),
    rain_mm_h=st.floats(0, 50),
)


@pytest.mark.parametrize(
    ("radius_um", "ratio"), [(1.0, 0.08), (3.0, 0.37), (5.0, 0.65), (8.0, 0.93), (10.0, 1.03), (15.0, 1.1)]
)
def test_lwir_extinction_of_fog_by_droplet_radius(radius_um, ratio):
    assert fog_ratio(radius_um) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("celsius", "humidity", "at_50_100_200_m"), [(10, 0.95, (0.956, 0.937, 0.909)), (30, 0.8, (0.925, 0.889, 0.831))]
)
def test_clear_humid_air(celsius, humidity, at_50_100_200_m):
    assert clear_air_transmission([50.0, 100.0, 200.0], celsius, humidity) == pytest.approx(at_50_100_200_m, abs=0.002)


@settings(max_examples=60)
@given(airs)
def test_transmission_falls_with_range_and_stays_a_share(air):
    tau = transmission(np.linspace(0.0, 500.0, 100), air)
    assert tau[0] == pytest.approx(1.0)
    assert (np.diff(tau) <= 1e-12).all()
    assert (tau >= 0.0).all()


@settings(max_examples=60)
@given(airs)
def test_thicker_fog_larger_droplets_and_rain_all_take_more(air):
    here = transmission(80.0, air)
    assert transmission(80.0, replace(air, visibility_m=air.visibility_m * 0.7)) < here
    assert transmission(80.0, replace(air, droplet_radius_um=min(air.droplet_radius_um + 1.0, 15.0))) <= here
    assert transmission(80.0, replace(air, rain_mm_h=air.rain_mm_h + 5.0)) < here


def test_what_fog_and_rain_take_by_hand():
    """0.65 x 3.912 / 60 per m of fog; 0.365 x 5^0.63 per km of rain; the haze of a clear night is the air's."""
    dry = Ambient(relative_humidity=0.5)
    alone = transmission(50.0, dry)
    assert alone == clear_air_transmission(50.0, dry.air_temperature_c, 0.5)
    fog, rain = (transmission(50.0, replace(dry, **change)) for change in ({"visibility_m": 60.0}, {"rain_mm_h": 5.0}))
    assert fog / alone == pytest.approx(np.exp(-50.0 * 0.65 * 3.912 / 60.0))
    assert rain / alone == pytest.approx(np.exp(-50.0 * 0.365e-3 * 5.0**0.63))


def test_the_sky_is_seen_through_100_m_of_fog_and_2_km_of_rain():
    assert sky_clearness(1.0, Ambient(visibility_m=600.0)) == pytest.approx(np.exp(-100.0 * 0.65 * 3.912 / 600.0))
    assert sky_clearness(1.0, Ambient(rain_mm_h=5.0)) == pytest.approx(np.exp(-2.0 * 0.365 * 5.0**0.63))


def test_wet_bulbs_are_those_of_stull_and_never_above_the_air():
    """His own example: 13.7 C at 20 C and 50 %."""
    assert Ambient(air_temperature_c=20.0, relative_humidity=0.5).wet_bulb_k - 273.15 == pytest.approx(13.7, abs=0.05)
    for celsius in (-20.0, -5.0, 10.0, 35.0):
        soaked = Ambient(air_temperature_c=celsius, relative_humidity=1.0)
        assert soaked.air_k - 1.0 < soaked.wet_bulb_k <= soaked.air_k


def test_clouds_close_84_per_cent_of_what_the_sky_lacks_and_damp_heat_all_of_its_window():
    clear, covered = (Ambient(cloudiness=cloudiness) for cloudiness in (0.0, 100.0))
    assert covered.air_k - covered.sky_k == pytest.approx(0.16 * (clear.air_k - clear.sky_k))
    assert covered.sky_deficit == pytest.approx(0.16 * clear.sky_deficit)
    assert Ambient(air_temperature_c=45.0, relative_humidity=1.0).window_transmission == 0.0


def test_fog_hides_the_cold_sky_and_the_horizon_hides_it_too():
    assert sky_clearness(1.0, Ambient()) > 0.95
    assert sky_clearness(0.02, Ambient()) < 0.05
    assert sky_clearness(1.0, Ambient(visibility_m=60.0)) < 0.05


def sky_below_air_k(air: Ambient, elevation_deg: float) -> float:
    bands = band(8.0, 14.0)
    world = thermal_world(air, bands, 0, load_materials())
    seen = world.sky[int(np.sin(np.radians(elevation_deg)) * SKY_STEPS)]
    return air.air_k - float(bands.kelvin(seen))


def test_a_clear_sky_is_far_colder_in_the_window_than_over_all_wavelengths():
    air = Ambient(air_temperature_c=6.0, relative_humidity=0.75, cloudiness=0.0)
    assert air.vapour_mbar == pytest.approx(7.0, abs=0.05)
    assert 1.0 - air.window_transmission == pytest.approx(0.308, abs=0.001), "by hand, after Idso"
    overhead, low, horizon = (sky_below_air_k(air, degrees) for degrees in (90.0, 10.0, 0.0))
    assert 45.0 < overhead < 65.0
    assert 15.0 < low < 30.0
    assert horizon < 2.0
    assert air.air_k - air.sky_k == pytest.approx(21.7, abs=0.2), "what surfaces cool towards stays Swinbank's"
    assert sky_below_air_k(replace(air, relative_humidity=0.3), 90.0) > overhead + 2.0
    assert 5.0 < sky_below_air_k(replace(air, cloudiness=100.0), 90.0) < 10.0


@pytest.mark.parametrize(("celsius", "humidity"), [(-10, 0.5), (6, 0.75), (20, 0.6), (28, 0.6)])
def test_the_whole_clear_sky_radiates_as_much_as_idso_measured(celsius, humidity):
    air = Ambient(air_temperature_c=celsius, relative_humidity=humidity, cloudiness=0.0)
    overhead = 1.0 - air.window_transmission
    sines = (np.arange(2000) + 0.5) / 2000
    emissivity = 1.0 - air.window_transmission * sky_clearness(sines, air)
    assert (2.0 * sines * emissivity).mean() == pytest.approx(overhead * (1.4 - 0.4 * overhead), rel=0.02)


def test_numbers_that_no_weather_has_are_refused_by_name():
    with pytest.raises(ValueError, match="relative_humidity"):
        Ambient(relative_humidity=95.0)
