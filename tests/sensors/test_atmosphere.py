"""What fog, rain and humid air leave of a surface's radiance."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.thermal import Ambient
from sensors.thermal.atmosphere import clear_air_transmission, fog_ratio, sky_clearness, transmission

airs = st.builds(
    Ambient,
    air_temperature_c=st.floats(-20, 35),
    relative_humidity=st.floats(0.1, 1.0),
    visibility_m=st.floats(15, 5000),
    droplet_radius_um=st.floats(1, 15),
    rain_mm_h=st.floats(0, 50),
)


@pytest.mark.parametrize(("radius_um", "ratio"), [(3.0, 0.37), (5.0, 0.65), (8.0, 0.93), (10.0, 1.03)])
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


def test_fog_hides_the_cold_sky_and_the_horizon_hides_it_too():
    assert sky_clearness(1.0, Ambient()) > 0.95
    assert sky_clearness(0.02, Ambient()) < 0.05
    assert sky_clearness(1.0, Ambient(visibility_m=60.0)) < 0.05


def test_numbers_that_no_weather_has_are_refused_by_name():
    with pytest.raises(ValueError, match="relative_humidity"):
        Ambient(relative_humidity=95.0)
