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


def histogram_of(**counts: int) -> np.ndarray:
    histogram = np.zeros(16384, np.int64)
    for count, pixels in counts.items():
        histogram[int(count[1:])] = pixels
    return histogram


def test_a_linear_gain_is_laid_about_the_middle_and_has_its_limit():
    road = histogram_of(n5000=500, n5100=500)
    for max_gain, ends in ((2.0, (27.5, 227.5)), (10.0, (0.0, 255.0))):
        grey = mapping(Agc(mode="linear", max_gain=max_gain), road, LIMITS)
        assert (grey[5000], grey[5050], grey[5100]) == pytest.approx((ends[0], 127.5, ends[1]), abs=1e-3)
    rare = histogram_of(n4500=1, n5000=5000, n5100=5000, n6000=1)  # less than the tails that are left out
    assert np.array_equal(mapping(Agc(mode="linear"), rare, LIMITS), mapping(Agc(mode="linear"), road, LIMITS))


def test_a_plateau_by_hand():
    """Of 640 x 256 pixels 30 count in each bin; 70 % of the greys go by them, the rest evenly over 11 bins."""
    histogram = histogram_of(n5000=640 * 256 - 30, n5010=30)
    end = 255.0 * (0.7 / 2 + 0.3 / 11)
    grey = mapping(Agc(tail_share=0.0, max_gain=1000.0), histogram, LIMITS)
    assert (grey[5000], grey[5005], grey[5010]) == pytest.approx((end / 2, 127.5, 255.0 - end / 2), abs=1e-3)
    limited = mapping(Agc(tail_share=0.0, max_gain=2.0), histogram, LIMITS)
    assert (limited[5000], limited[5010]) == pytest.approx((117.5, 137.5), abs=1e-3)  # centred, 2 levels a count


def test_a_sky_in_the_upper_part_takes_no_greys_from_what_is_below():
    counts = scene(np.random.default_rng(0))
    counts[:40] = 4200
    cold = GainControl(Agc(), LIMITS).grey(counts, 0.0)
    counts[:40] = 5000
    assert np.array_equal(cold[40:], GainControl(Agc(), LIMITS).grey(counts, 0.0)[40:])


def test_half_of_a_change_is_done_when_half_of_the_time_is_forgotten():
    control = GainControl(Agc(mode="linear", smoothing_s=0.5), LIMITS)
    first, second = np.full((20, 20), 5000, np.uint16), np.full((20, 20), 5050, np.uint16)
    second[0, 0] = 5000
    assert control.grey(first, 3.0)[0, 0] == 127  # 126.5
    assert control.grey(second, 3.0 + 0.5 * np.log(2.0))[0, 0] in (76, 77)  # half way to 26.5


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
