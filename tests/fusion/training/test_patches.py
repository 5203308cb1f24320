"""Patches go where the thermal frame shows something, and always lie inside the frame on the grid."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.training.patches import box_origin, inside, patch_origin


@settings(deadline=None)
@given(
    st.integers(6, 30), st.integers(6, 30), st.sampled_from([8, 16, 48]), st.floats(0.0, 1.0), st.integers(0, 2**32 - 1)
)
def test_a_patch_lies_inside_the_frame_on_the_grid(rows, columns, patch, share, seed):
    rng = np.random.default_rng(seed)
    thermal = rng.integers(0, 256, (rows * 8, columns * 8), np.uint8)
    y, x = patch_origin(thermal, patch, 8, share, rng)
    assert 0 <= y <= rows * 8 - patch
    assert 0 <= x <= columns * 8 - patch
    assert y % 8 == 0
    assert x % 8 == 0


def test_a_patch_at_the_evidence_holds_the_warm_figure():
    thermal = np.full((360, 640), 60, np.uint8)
    thermal[180:220, 300:312] = 230
    rng = np.random.default_rng(0)
    for _ in range(20):
        y, x = patch_origin(thermal, 96, 8, 1.0, rng)
        assert (thermal[y : y + 96, x : x + 96] == 230).any()


def test_a_patch_at_a_label_holds_some_of_a_box_and_every_box_gets_its_turn():
    boxes = [(10.0, 20.0, 30.0, 60.0), (600.0, 340.0, 640.0, 360.0)]
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(20):
        y, x = box_origin(boxes, (360, 640), 96, 8, rng)
        assert (y % 8, x % 8) == (0, 0)
        assert y <= 360 - 96
        assert x <= 640 - 96
        held = [inside([box], (y, x), 96).any() for box in boxes]
        assert any(held)
        seen.append(held)
    assert np.any(seen, axis=0).all()


def test_what_lies_in_a_box_is_told_from_what_does_not():
    plane = inside([(10.0, 20.0, 30.0, 60.0), (-5.0, -5.0, 3.0, 2.0)], (16, 8), 32)
    assert plane.shape == (32, 32)
    assert plane[4:, 2:22].all()
    assert plane.sum() == 28 * 20
    assert plane[:4].sum() == 0
    assert inside([(-5.0, -5.0, 3.0, 2.0)], (0, 0), 32).sum() == 2 * 3
    assert inside([], (0, 0), 32).sum() == 0
