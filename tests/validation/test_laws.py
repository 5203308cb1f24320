"""The figures of docs/validation.md: what the cameras show against the law that each plot is about."""

from __future__ import annotations

import pytest

from validation import extinction, headlights, koschmieder, netd, planck


@pytest.mark.parametrize("altitude_deg", [40.0, -40.0])
def test_a_black_target_fades_into_fog_as_koschmieder_says(altitude_deg: float) -> None:
    readings = koschmieder.measured(altitude_deg)
    assert {r.visibility_m for r in readings} == {50.0, 100.0, 200.0, 500.0}
    assert min(r.law for r in readings) < 0.021
    for reading in readings:
        assert reading.contrast == pytest.approx(reading.law, rel=0.05), reading


def test_a_headlamp_on_a_wall_follows_the_inverse_square() -> None:
    readings = headlights.measured()
    assert max(reading.distance_m for reading in readings) >= 50.0
    for reading in readings:
        assert reading.lux == pytest.approx(reading.law * reading.window, rel=0.02), reading
        assert reading.lux == pytest.approx(reading.law, rel=0.05), reading


def test_band_radiance_is_plancks_law_integrated() -> None:
    readings = planck.measured()
    assert min(r.celsius for r in readings) == -40.0
    assert max(r.celsius for r in readings) == 80.0
    for reading in readings:
        assert reading.radiance == pytest.approx(reading.integral, rel=0.005), reading


def test_noise_of_the_thermal_camera_is_its_netd_at_every_temperature() -> None:
    for reading in netd.measured():
        assert reading.measured_mk == pytest.approx(reading.expected_mk, rel=0.05), reading


def test_fog_takes_from_lwir_what_the_table_says_for_its_droplets() -> None:
    for reading in extinction.measured():
        assert reading.ratio == pytest.approx(extinction.TABLED[reading.radius_um], rel=0.01), reading.radius_um
