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


def test_a_patch_at_the_evidence_holds_what_stands_out_and_not_what_is_warm_all_over():
    thermal = np.full((360, 640), 60, np.uint8)
    thermal[:120] = np.linspace(60, 250, 120).astype(np.uint8)[::-1, None]  # a warm front without an edge
    thermal[280:320, 300:312] = 120
    rng = np.random.default_rng(0)
    for _ in range(20):
        y, x = patch_origin(thermal, 96, 8, 1.0, rng)
        assert (thermal[y : y + 96, x : x + 96] == 120).any()


def test_a_patch_at_a_label_may_be_at_any_part_of_the_box_and_has_it_anywhere_in_its_middle_half():
    rng = np.random.default_rng(0)
    tall, small = (312.0, 0.0, 316.0, 360.0), (312.0, 180.0, 313.0, 181.0)
    rows = [box_origin([tall], (360, 640), 32, 8, rng)[0] for _ in range(60)]
    assert min(rows) < 60
    assert max(rows) > 300
    seen = [np.subtract((180, 312), box_origin([small], (360, 640), 96, 8, rng)) for _ in range(60)]
    for axis in (0, 1):
        offsets = [int(offset[axis]) for offset in seen]
        assert 24 <= min(offsets) < 40
        assert 60 < max(offsets) < 72 + 8


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
    between = inside([(1.6, 2.4, 4.6, 5.6)], (0, 0), 8)
    assert between[2:6, 2:5].all()
    assert between.sum() == 4 * 3
