"""Grey levels keep the order of temperatures and ease from scene to scene."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.thermal.agc import Agc, GainControl, mapping

LIMITS = (4000.0, 8000.0)


def scene(rng: np.random.Generator) -> np.ndarray:
    road, people = rng.normal(5000, 8, (100, 160)), rng.normal(5300, 30, (6, 5))
    road[40:46, 80:85] = people
    return road.astype(np.uint16)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.sampled_from(["plateau", "linear", "manual"]))
def test_hotter_is_never_darker(seed, mode):
    counts = np.random.default_rng(seed).integers(4000, 9000, 5000)
    grey = mapping(Agc(mode=mode), np.bincount(counts, minlength=16384), LIMITS)
    assert (np.diff(grey) >= -1e-3).all()
    assert grey.min() >= 0.0
    assert grey.max() <= 255.0


def test_plateau_spreads_a_road_and_keeps_people_brighter():
    counts = scene(np.random.default_rng(0))
    grey = GainControl(Agc(), LIMITS).grey(counts, 0.0)
    assert grey[40:46, 80:85].mean() > grey[60:, :].mean() + 40
    assert grey[60:, :].std() > 2


def test_black_hot_is_the_negative_of_white_hot():
    counts = scene(np.random.default_rng(0))
    white = GainControl(Agc(), LIMITS).grey(counts, 0.0)
    black = GainControl(Agc(polarity="black_hot"), LIMITS).grey(counts, 0.0)
    assert np.array_equal(black, 255 - white)


def test_gain_is_limited_on_an_empty_scene():
    counts = np.random.default_rng(0).normal(5000, 3, (100, 100)).astype(np.uint16)
    assert GainControl(Agc(max_gain=2.0), LIMITS).grey(counts, 0.0).std() < 2.0 * 3.2


def test_the_mapping_eases_in_simulation_time():
    control = GainControl(Agc(smoothing_s=0.5), LIMITS)
    first, second = np.full((20, 20), 5000, np.uint16), np.full((20, 20), 5200, np.uint16)
    second[:10] = 5000
    start = control.grey(first, 0.0)[15, 15]
    soon = int(control.grey(second, 0.05)[15, 15])
    late = [int(control.grey(second, 0.05 * i)[15, 15]) for i in range(2, 80)][-1]
    settled = int(GainControl(Agc(smoothing_s=0.5), LIMITS).grey(second, 0.0)[15, 15])
    at_once = int(GainControl(Agc(smoothing_s=0.5), LIMITS).grey(first, 0.0)[15, 15])
    assert start == at_once
    assert abs(late - settled) <= 1
    assert soon != settled


def test_manual_maps_its_two_ends_to_black_and_white():
    grey = mapping(Agc(mode="manual"), np.zeros(16384, np.int64), LIMITS)
    assert grey[4000] == 0.0
    assert grey[8000] == 255.0
    assert grey[6000] == pytest.approx(127.5)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="plateau"):
        Agc(mode="auto")
