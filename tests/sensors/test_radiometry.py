"""Planck's law over the band, against values computed elsewhere."""

import numpy as np
import pytest

from sensors.thermal.radiometry import band, band_radiance

LONG_WAVE = {-40: 15.19, -20: 23.82, 0: 35.15, 10: 41.89, 20: 49.37, 33: 60.23, 50: 76.39, 80: 110.33}
BOSON = {-40: 14.55, 0: 34.85, 20: 49.65, 33: 61.08, 80: 114.88}


@pytest.mark.parametrize(("celsius", "radiance"), LONG_WAVE.items())
def test_radiance_8_to_14_um(celsius, radiance):
    assert float(band(8.0, 14.0).radiance(celsius + 273.15)) == pytest.approx(radiance, rel=0.002)


@pytest.mark.parametrize(("celsius", "radiance"), BOSON.items())
def test_radiance_of_a_wider_window(celsius, radiance):
    assert float(band(7.5, 13.5).radiance(celsius + 273.15)) == pytest.approx(radiance, rel=0.002)


def test_slope_at_20_c():
    assert band(8.0, 14.0).slope(293.15) == pytest.approx(0.786, rel=0.005)


def test_the_table_inverts_itself_and_agrees_with_the_integral():
    long_wave = band(8.0, 14.0)
    kelvin = np.linspace(200.0, 500.0, 777)
    assert np.allclose(long_wave.kelvin(long_wave.radiance(kelvin)), kelvin, atol=0.01)
    assert np.allclose(long_wave.radiance(kelvin), band_radiance(kelvin, 8.0, 14.0), rtol=1e-4)


def test_a_band_the_wrong_way_round_is_refused():
    with pytest.raises(ValueError, match="14"):
        band(14.0, 8.0)


def test_a_band_beyond_the_thermal_infrared_is_refused():
    with pytest.raises(ValueError, match=r"30 um, got 8\.0\.\.40\.0"):
        band(8.0, 40.0)
