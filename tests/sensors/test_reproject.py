"""A thermal camera at a place of its own sees the same world."""

from dataclasses import replace

import numpy as np

from sensors.thermal import reproject
from tests.sensors.scenes import CAR, Thing, frames

CASE = Thing(15.0, 1.0, (1.0, 1.0, 1.0), CAR, 3)


def test_from_the_same_place_nothing_changes():
    shot = frames((CASE,))
    picture = np.random.default_rng(0).integers(0, 255, shot.tags.shape, dtype=np.uint8)
    same, valid = reproject(picture, shot, shot)
    assert valid.all()
    assert np.array_equal(same, picture)


def test_a_lens_half_as_wide_covers_the_middle_alone():
    shot = frames((CASE,))
    narrow = replace(shot, fov_deg=float(np.degrees(2 * np.arctan(0.5))), depth_m=np.full_like(shot.depth_m, 1000.0))
    picture = np.full(shot.tags.shape, 200, np.uint8)
    _, valid = reproject(picture, narrow, shot)
    assert valid[50:130, 85:235].all()
    assert not valid[:, :75].any()


def test_a_box_seen_from_half_a_metre_aside_lands_on_itself_and_what_it_hides_is_not_valid():
    shot = frames((CASE,))
    aside = replace(CASE, y=CASE.y - 0.5)
    source = frames((aside,))
    moved = source.transform.copy()
    moved[1, 3] = 0.5
    source = replace(source, transform=moved)
    picture = np.where(source.tags == CAR, 250, 10).astype(np.uint8)
    laid, valid = reproject(picture, source, shot)
    box = shot.tags == CAR
    assert (laid[box] > 128).mean() > 0.95
    assert (laid[~box & valid] > 128).mean() < 0.002
    assert 0 < (~valid).sum() < 0.1 * valid.size
