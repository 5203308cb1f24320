"""Fog density, visibility and extinction agree with one another."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import fog


@given(st.floats(0.001, 100.0))
def test_density_and_visibility_are_inverse(density):
    assert fog.fog_density(fog.visibility_m(density)) == pytest.approx(density, abs=1e-6)


def test_ends_of_the_slider():
    assert fog.visibility_m(0.0) == 20_000.0
    assert fog.visibility_m(50.0) == pytest.approx(math.sqrt(2000.0 * 15.0))
    assert fog.visibility_m(100.0) == pytest.approx(15.0)
    assert fog.fog_density(5.0) == 100.0
    assert fog.fog_density(20_000.0) == 0.0


def test_contrast_falls_to_two_per_cent_at_the_visibility():
    assert math.exp(-fog.extinction_per_m(60.0) * 60.0) == pytest.approx(0.02, rel=1e-3)


@pytest.mark.parametrize("wrong", [-1.0, 101.0, math.nan])
def test_a_density_off_the_slider_is_refused(wrong):
    with pytest.raises(ValueError, match="fog_density"):
        fog.visibility_m(wrong)
