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


def test_a_wall_is_laid_on_itself_from_another_place_height_roll_and_lens():
    """Its brightness grows evenly, so that it is known between pixels too."""
    target = replace(frames(width=64, height=36), depth_m=np.full((36, 64), 10.0, np.float32))
    c, s = np.cos(0.5), np.sin(0.5)
    pose = np.array([[1, 0, 0, 2.0], [0, c, -s, 1.0], [0, s, c, 2.1], [0, 0, 0, 1]], np.float32)
    source = frames(width=48, height=40)
    source = replace(source, depth_m=np.full((40, 48), 8.0, np.float32), transform=pose, fov_deg=60.0)

    def places(shot, distance_m):
        """(H, W, 3) m in the world of what each pixel shows."""
        height, width = shot.tags.shape
        focal_px = width / 2.0 / np.tan(np.radians(shot.fov_deg) / 2.0)
        u, v = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
        rays = np.stack([np.ones_like(u), u / focal_px, -v / focal_px], axis=-1) * distance_m
        return rays @ shot.transform[:3, :3].T + shot.transform[:3, 3]

    def brightness(places_m):
        return 120.0 + 6.0 * places_m[..., 1] + 9.0 * (places_m[..., 2] - 1.6)

    laid, valid = reproject(np.rint(brightness(places(source, 8.0))).astype(np.uint8), source, target)
    wanted = places(target, 10.0)
    _, across, up = np.moveaxis((wanted - pose[:3, 3]) @ pose[:3, :3], -1, 0)
    half = 8.0 * np.tan(np.radians(30.0))  # of the source's field at the wall, to either side
    assert np.array_equal(valid, (np.abs(across) <= half) & (np.abs(up) <= half * 40 / 48))
    sure = (np.abs(across) < half * 0.97) & (np.abs(up) < half * 40 / 48 * 0.97)
    assert 100 < sure.sum() < 0.5 * sure.size
    assert np.abs(laid[sure] - brightness(wanted)[sure]).max() <= 1.1


def test_what_lies_a_little_behind_what_the_thermal_camera_saw_is_still_the_same_thing():
    def is_valid(depth_m, seen_m):
        target, source = (
            replace(frames(width=8, height=8), depth_m=np.full((8, 8), metres, np.float32))
            for metres in (depth_m, seen_m)
        )
        _, valid = reproject(np.zeros((8, 8), np.uint8), source, target)
        assert valid.all() == valid.any()
        return bool(valid.any())

    assert [is_valid(10.0, seen_m) for seen_m in (9.0, 9.4, 20.0)] == [False, True, True]
    assert [is_valid(1.0, seen_m) for seen_m in (0.6, 0.75)] == [False, True]


def test_what_lies_behind_the_thermal_camera_is_not_seen_by_it():
    target = replace(frames(width=8, height=8), depth_m=np.full((8, 8), 1.0, np.float32))
    ahead = target.transform.copy()
    ahead[0, 3] = 2.0
    assert not reproject(np.zeros((8, 8), np.uint8), replace(target, transform=ahead), target)[1].any()


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
