"""How warm roads and walls are, from the sun of the day, the sky, wind and wet."""

from dataclasses import replace

import numpy as np
import pytest

from sensors.thermal import Ambient
from sensors.thermal.glazing import FIRST_ROW, PANES
from sensors.thermal.materials import SurfaceMaterial
from sensors.thermal.temperature import (
    EMISSIVITY,
    LEVEL_K,
    PUDDLE_K,
    SPECULAR,
    UPRIGHT_K,
    VARIATION_K,
    pattern,
    stored_sun,
    surface_table,
)

CLEAR = Ambient(air_temperature_c=10.0, relative_humidity=0.5, wind_mps=0.0, cloudiness=0.0, local_time_h=13.0)
ROAD = SurfaceMaterial(
    emissivity=0.9, specular=0.2, offset_k=1.0, solar_gain_k=20.0, time_constant_h=3.0, sky_cooling=0.2,
    variation_k=0.5, wettable=True
)  # fmt: skip


def row(ambient: Ambient, **changes: object) -> np.ndarray:
    return surface_table({0: replace(ROAD, **changes)}, ambient)[0]  # type: ignore[arg-type]


def above_air(ambient: Ambient, column: int, **changes: object) -> float:
    return float(row(ambient, **changes)[column]) - ambient.air_k


def test_the_sun_that_a_surface_holds_lags_behind_it_by_its_time_constant() -> None:
    """Of a half-wave of 12 h about 13 h; a thin sheet follows it at once, a thick one forgets no hour of the day."""
    hours = np.arange(0.0, 24.0, 0.5)
    peaks = [hours[np.argmax([stored_sun(h, replace(CLEAR, local_time_h=t)) for t in hours])] for h in (0.05, 3.0)]
    assert peaks[0] == 13.0
    assert 14.5 <= peaks[1] <= 16.0
    assert stored_sun(0.05, CLEAR) == pytest.approx(1.0, abs=0.01)
    assert stored_sun(0.05, replace(CLEAR, local_time_h=0.0)) == pytest.approx(0.0, abs=1e-6)
    assert stored_sun(1e6, replace(CLEAR, local_time_h=2.0)) == pytest.approx(1.0 / np.pi, abs=0.005)


def test_clouds_keep_off_three_quarters_of_the_sun_and_fog_as_much_of_that_of_its_six_hours() -> None:
    assert stored_sun(3.0, replace(CLEAR, cloudiness=100.0)) == pytest.approx(0.25 * stored_sun(3.0, CLEAR))
    foggy = replace(CLEAR, visibility_m=60.0)
    assert stored_sun(0.05, foggy) == pytest.approx(0.25, abs=0.005)
    evening = replace(CLEAR, local_time_h=19.0)  # the fog came at 13 h
    before, since = (replace(evening, visibility_m=v) for v in (20_000.0, 60.0))
    assert stored_sun(1e6, since) == pytest.approx((0.5 + 0.25 * 0.5) * stored_sun(1e6, before), rel=0.03)


def test_level_ground_takes_more_of_the_sun_and_looks_at_twice_as_much_sky() -> None:
    sun = 20.0 * stored_sun(3.0, CLEAR)
    sky = 0.2 * (CLEAR.air_k - CLEAR.sky_k)
    assert above_air(CLEAR, LEVEL_K) == pytest.approx(1.0 + sun - sky, abs=0.01)
    assert above_air(CLEAR, UPRIGHT_K) == pytest.approx(1.0 + 0.45 * sun - 0.5 * sky, abs=0.01)
    assert row(CLEAR)[[EMISSIVITY, SPECULAR, VARIATION_K, PUDDLE_K]] == pytest.approx([0.9, 0.2, 0.5, 0.0])


def test_wind_brings_surfaces_nearer_to_the_air() -> None:
    """3.5 m/s: to the half."""
    windy = replace(CLEAR, wind_mps=3.5)
    for column in (LEVEL_K, UPRIGHT_K):
        calm_k, windy_k = (above_air(ambient, column, offset_k=0.0) for ambient in (CLEAR, windy))
        assert windy_k == pytest.approx(0.5 * calm_k, abs=1e-3)


@pytest.mark.parametrize(("visibility_m", "share"), [(200.0, 0.1), (1000.0, 0.5), (5000.0, 1.0), (20_000.0, 1.0)])
def test_a_surface_in_fog_cools_as_little_as_it_sees_of_the_sky(visibility_m: float, share: float) -> None:
    night = replace(CLEAR, visibility_m=visibility_m)
    cooling = 0.2 * (night.air_k - night.sky_k)
    assert above_air(night, LEVEL_K, solar_gain_k=0.0, offset_k=0.0) == pytest.approx(-share * cooling, abs=0.001)


def test_wet_ground_nears_the_wet_bulb_and_shines_and_water_that_stands_on_it_even_more() -> None:
    dry, wet = row(CLEAR), row(replace(CLEAR, wetness=1.0, puddles=0.3))
    bulb = CLEAR.wet_bulb_k
    assert dry[LEVEL_K] > bulb + 5.0
    assert wet[LEVEL_K] - bulb == pytest.approx(0.3 * (dry[LEVEL_K] - bulb), abs=0.01)
    assert wet[PUDDLE_K] - bulb == pytest.approx(0.15 * (dry[LEVEL_K] - bulb), abs=0.01)
    assert wet[UPRIGHT_K] == dry[UPRIGHT_K]
    assert wet[[EMISSIVITY, SPECULAR, VARIATION_K]] == pytest.approx([0.96, 1.0, 0.2])
    half = row(replace(CLEAR, wetness=0.5))
    assert half[[EMISSIVITY, SPECULAR, VARIATION_K]] == pytest.approx([0.93, 0.6, 0.35])
    assert np.array_equal(row(replace(CLEAR, wetness=1.0, puddles=0.3), wettable=False), row(CLEAR, wettable=False))


def test_a_pane_that_stands_takes_less_of_the_sun_and_sees_less_of_the_sky_than_one_that_lies() -> None:
    noon, night = (surface_table({0: ROAD}, replace(CLEAR, local_time_h=hour)) for hour in (13.0, 1.0))
    for pane in PANES:
        level, upright = noon[FIRST_ROW + pane, [LEVEL_K, UPRIGHT_K]] - night[FIRST_ROW + pane, [LEVEL_K, UPRIGHT_K]]
        assert upright == pytest.approx(0.45 * level, rel=0.01)
        assert night[FIRST_ROW + pane, LEVEL_K] < night[FIRST_ROW + pane, UPRIGHT_K]
        assert night[FIRST_ROW + pane, EMISSIVITY] == pytest.approx(0.89)  # EN 12898


def test_the_pattern_is_of_mean_0_and_deviation_1() -> None:
    tile = pattern(3).astype(np.float64)
    assert (tile.mean(), tile.std()) == (pytest.approx(0.0, abs=1e-6), pytest.approx(1.0, abs=1e-6))
    assert not np.array_equal(pattern(3), pattern(4))
