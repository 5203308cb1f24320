"""What the pilot is taught: grid labels from segmentation, depth and lights."""

from __future__ import annotations

import numpy as np
import pytest

from agents.pilot.architecture import STRIDE, Thing
from agents.pilot.camera import COLUMNS, CROP_TOP, HEIGHT, ROWS, WIDTH, cell_slopes
from agents.pilot.labels import Face, label_grid


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.ones((HEIGHT, WIDTH), np.uint8),  # road everywhere
        np.zeros((HEIGHT, WIDTH), np.uint16),
        np.full((HEIGHT, WIDTH), 30.0, np.float32),
    )


def cell(row: int, column: int) -> tuple[slice, slice]:
    top = CROP_TOP + row * STRIDE
    return slice(top, top + STRIDE), slice(column * STRIDE, (column + 1) * STRIDE)


def test_an_empty_road_shows_nothing() -> None:
    things, distance_m = label_grid(*scene(), 0.0, 0.0, [], [])
    assert things.shape == (ROWS, COLUMNS)
    assert not things.any()
    assert np.isnan(distance_m).all()


def test_a_person_before_a_car_is_what_the_cell_shows_with_its_own_distance() -> None:
    tags, instances, depth_m = scene()
    rows, columns = cell(20, 40)
    tags[rows, columns], depth_m[rows, columns] = 14, 25.0
    tags[rows.start : rows.start + 4, columns], depth_m[rows.start : rows.start + 4, columns] = 12, 10.0
    things, distance_m = label_grid(tags, instances, depth_m, 0.0, 0.0, [], [])
    assert things[20, 40] == Thing.PERSON
    assert distance_m[20, 40] == pytest.approx(10.0)


def test_what_is_too_far_away_is_not_asked_for() -> None:
    tags, instances, depth_m = scene()
    tags[cell(20, 40)], depth_m[cell(20, 40)] = 12, 200.0
    things, _ = label_grid(tags, instances, depth_m, 0.0, 0.0, [], [])
    assert not things.any()


@pytest.mark.parametrize(
    ("yaw_deg", "state", "expected"),
    [(180.0, 0, Thing.RED_LIGHT), (180.0, 1, Thing.RED_LIGHT), (180.0, 2, Thing.GREEN_LIGHT), (90.0, 0, Thing.NOTHING)],
)
def test_a_light_counts_by_its_state_and_only_when_it_faces_the_camera(
    yaw_deg: float, state: int, expected: Thing
) -> None:
    tags, instances, depth_m = scene()
    tags[cell(10, 44)], instances[cell(10, 44)] = 7, 5
    light = Face(instance=5, x=30.0, y=2.0, yaw_deg=yaw_deg, state=state)
    things, _ = label_grid(tags, instances, depth_m, 0.0, 0.0, [light], [])
    assert things[10, 44] == expected


def test_the_middle_of_the_picture_is_straight_ahead() -> None:
    right_per_m, up_per_m = cell_slopes()
    assert right_per_m[COLUMNS // 2 - 1] == pytest.approx(-right_per_m[COLUMNS // 2])
    assert right_per_m[-1] > 1.0  # more than 45 degrees at the edge of a 100 degree camera
    assert up_per_m[0] > 0.0 > up_per_m[-1]
