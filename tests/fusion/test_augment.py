import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.augment import Disturbance, disturb_thermal, drop_thermal, is_valid


def test_no_disturbance_leaves_the_frame_as_it_is():
    thermal = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    assert np.array_equal(disturb_thermal(thermal, Disturbance.none(), np.random.default_rng(1)), thermal)


def test_drift_moves_a_warm_spot_no_further_than_asked():
    thermal = np.zeros((80, 80), np.uint8)
    thermal[38:43, 38:43] = 250
    how = Disturbance(drift_px=6.0, drift_deg=0.0, gain=0.0, offset=0.0, noise=0.0, dead_columns_share=0.0)
    moved = 0
    for seed in range(20):
        rows, columns = np.nonzero(disturb_thermal(thermal, how, np.random.default_rng(seed)) > 128)
        shift = np.array([rows.mean() - 40.0, columns.mean() - 40.0])
        assert np.abs(shift).max() <= 6.5
        moved += bool(np.abs(shift).max() > 0.5)
    assert 4 <= moved <= 16  # half of the frames


def test_polarity_turns_hot_into_cold():
    thermal = np.full((10, 10), 200, np.uint8)
    how = Disturbance(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, polarity_share=1.0)
    assert np.array_equal(disturb_thermal(thermal, how, np.random.default_rng(0)), np.full((10, 10), 55, np.uint8))


ALONE = {"drift_px": 0.0, "drift_deg": 0.0, "gain": 0.0, "offset": 0.0, "noise": 0.0, "dead_columns_share": 0.0}


def test_parallax_moves_what_is_near_and_leaves_the_horizon():
    thermal = np.zeros((80, 120), np.uint8)
    thermal[:, 58:62] = 250  # a post from top to bottom
    how = Disturbance(**ALONE, parallax_px=20.0)
    bottoms = []
    for seed in range(8):
        bent = disturb_thermal(thermal, how, np.random.default_rng(seed))
        columns = [int(np.flatnonzero(bent[row] > 128).mean()) for row in (5, 40, 78)]
        assert abs(columns[0] - 59) <= 1
        assert abs(columns[1] - 59) <= 1
        bottoms.append(columns[2] - 59)
    assert max(map(abs, bottoms)) > 5
    assert max(map(abs, bottoms)) <= 20


def test_rows_read_later_show_a_view_that_has_grown():
    thermal = np.zeros((100, 100), np.uint8)
    thermal[:, 90:94] = 250
    how = Disturbance(**ALONE, rolling_frames=3.0)
    moved = []
    for seed in range(8):
        bent = disturb_thermal(thermal, how, np.random.default_rng(seed))
        top, bottom = (float(np.flatnonzero(bent[row] > 128).mean()) for row in (0, 99))
        assert abs(top - 91.5) <= 0.6
        moved.append(bottom - top)
    assert 0.5 < max(map(abs, moved)) < 4.0


def test_motion_blur_widens_a_point_along_a_line_and_keeps_its_light():
    thermal = np.zeros((60, 60), np.uint8)
    thermal[30, 30] = 250
    blurred = disturb_thermal(thermal, Disturbance(**ALONE, motion_blur_px=12.0), np.random.default_rng(1))
    rows, columns = np.nonzero(blurred)
    assert 3 <= rows.size <= 40
    assert max(np.ptp(rows), np.ptp(columns)) >= 3
    assert abs(int(blurred.sum()) - 250) < 40


def test_a_missing_frame_is_all_zero_and_says_so():
    thermal = np.full((4, 4), 9, np.uint8)
    assert is_valid(thermal)
    assert not is_valid(drop_thermal(thermal))
    assert drop_thermal(thermal).shape == (4, 4)


@given(st.integers(0, 2**32 - 1), st.integers(3, 50), st.integers(3, 50))
@settings(max_examples=25, deadline=None)
def test_whatever_goes_wrong_a_frame_stays_a_frame_and_hangs_on_its_seed(seed, height, width):
    thermal = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    how = Disturbance(30.0, 10.0, 0.5, 0.2, 0.05, 1.0, 0.5, 0.02, 30.0, 9.0, 1.0)
    one, other = (disturb_thermal(thermal, how, np.random.default_rng(seed)) for _ in range(2))
    assert one.shape == thermal.shape
    assert one.dtype == np.uint8
    assert np.array_equal(one, other)
