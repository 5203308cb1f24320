import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.training.augment import Disturbance, disturb_thermal, drop_thermal, is_valid, next_moment


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


def levels_of(level, how):
    """Grey levels that a flat frame of this one takes, seed by seed."""
    flat = np.full((6, 6), level, np.uint8)
    return [int(disturb_thermal(flat, how, np.random.default_rng(seed))[0, 0]) for seed in range(30)]


def test_gain_turns_about_the_middle_grey_and_an_offset_is_a_share_of_all_greys():
    gain = Disturbance(**{**ALONE, "gain": 0.2})
    assert set(levels_of(128, gain)) == {128}
    assert 208 <= min(levels_of(228, gain)) < 215 < 240 < max(levels_of(228, gain)) <= 248
    offset = levels_of(100, Disturbance(**{**ALONE, "offset": 0.05}))
    assert 87 <= min(offset) < 92 < 108 < max(offset) <= 113


def test_dead_columns_are_columns():
    how = Disturbance(**{**ALONE, "dead_columns_share": 1.0})
    dead = disturb_thermal(np.full((20, 90), 90, np.uint8), how, np.random.default_rng(0)) == 0
    assert 1 <= dead.all(axis=0).sum() <= 3
    assert dead.sum() == 20 * dead.all(axis=0).sum()


def test_a_frame_is_turned_by_no_more_degrees_than_asked():
    thermal = np.zeros((200, 200), np.uint8)
    thermal[98:103, 190:195] = 250
    moved = []
    for seed in range(20):
        turned = disturb_thermal(thermal, Disturbance(**{**ALONE, "drift_deg": 2.0}), np.random.default_rng(seed))
        moved.append(abs(float(np.nonzero(turned > 128)[0].mean()) - 100.0))
    assert 1.0 < max(moved) <= 92.0 * np.sin(np.radians(2.0)) + 0.6


def test_a_moment_later_both_frames_have_moved_alike_by_less_than_a_cell():
    rng = np.random.default_rng(0)
    visible, thermal = (
        rng.integers(60, 200, (60, 90, 3), dtype=np.uint8),
        rng.integers(60, 200, (60, 90), dtype=np.uint8),
    )
    shifts = []
    for seed in range(12):
        later, heat, (down, across) = next_moment(visible, thermal, np.random.default_rng(seed))
        shifts.append((down, across))
        for before, after in ((visible, later), (thermal, heat)):
            off = after[: 60 - down, : 90 - across].astype(float) - before[down:, across:]
            assert np.abs(off).mean() < 8.0
    assert 0 <= np.min(shifts) <= np.max(shifts) == 7
    assert any(down != across for down, across in shifts)


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
