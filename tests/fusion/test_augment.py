import numpy as np

from fusion.augment import Disturbance, disturb_thermal


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
