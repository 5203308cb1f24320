"""Towns that stand for CARLA's, and what it takes to move one."""

from __future__ import annotations

import carla
import numpy as np
import pytest

from simulator.towns import build_town
from simulator.towns.maps import Maps
from simulator.towns.placement import moved
from simulator.towns.town import Town
from simulator.world.obstacles import Obstacles

EAST_M, SOUTH_M = -30.0, 53.0


@pytest.fixture(scope="module")
def towns() -> tuple[Town, Town]:
    town = build_town("Ring01")
    return town, moved(town, EAST_M, SOUTH_M)


def test_the_clients_map_moves_with_the_world(towns: tuple[Town, Town]) -> None:
    before, after = (carla.Map(town.name, town.opendrive) for town in towns)
    for old, new in zip(before.generate_waypoints(40.0), after.generate_waypoints(40.0), strict=True):
        assert (old.road_id, old.lane_id, old.s) == (new.road_id, new.lane_id, new.s)
        gap = new.transform.location - old.transform.location
        assert (gap.x, gap.y, gap.z) == pytest.approx((EAST_M, SOUTH_M, 0.0), abs=1e-3)
        assert new.transform.rotation.yaw == pytest.approx(old.transform.rotation.yaw, abs=1e-3)
    for old_corner, new_corner in zip(before.get_crosswalks(), after.get_crosswalks(), strict=True):
        assert new_corner.x - old_corner.x == pytest.approx(EAST_M, abs=1e-3)
    town = towns[1]
    for point in town.spawn_points[::10]:
        location = carla.Location(*point.location)
        assert after.get_waypoint(location, project_to_road=False) is not None
    assert {landmark.id for landmark in after.get_all_landmarks()} == {mark.id for mark in before.get_all_landmarks()}


def test_ground_obstacles_and_signs_move_together(towns: tuple[Town, Town]) -> None:
    before, after = towns
    by = np.array([EAST_M, SOUTH_M, 0.0])
    np.testing.assert_allclose(after.mesh.vertices, before.mesh.vertices + by, atol=1e-3)
    xy = before.lanes.xyz[::50, :2].astype(float) + np.array([0.0, 4.0])
    assert (after.ground_height_m(xy + by[:2]) == before.ground_height_m(xy)).all()
    assert before.ground_height_m(xy).any()  # some of these points are on a sidewalk
    for old, new in zip(before.obstacles, after.obstacles, strict=True):
        np.testing.assert_allclose(np.subtract(new.box.location, old.box.location), by, atol=1e-9)
    for old_sign, new_sign in zip(before.yield_signs, after.yield_signs, strict=True):
        assert new_sign.trigger == old_sign.trigger
        gap = np.subtract(new_sign.transform.location, old_sign.transform.location)
        np.testing.assert_allclose(gap, by, atol=1e-9)


@pytest.mark.parametrize(
    ("town", "low", "high"),
    [
        ("Town03", (232, -5), (238, 130)),
        ("Town03", (30, -262), (150, -225)),
        ("Town03", (45, -210), (145, -195)),
        ("Town03", (28, -10), (32, -2)),
        ("Town05_Opt", (26, -205), (38, 70)),
    ],
)
def test_where_scripts_drive_in_carlas_towns_there_is_room(
    town: str, low: tuple[float, float], high: tuple[float, float]
) -> None:
    built = Maps(carla_aliases=True).build(town)
    x, y = np.meshgrid(np.arange(low[0], high[0] + 1.0), np.arange(low[1], high[1] + 1.0))
    assert not built.ground_height_m(np.stack([x.ravel(), y.ravel()], axis=1)).any()
    boxes = Obstacles(built.obstacles, ()).boxes
    gap = np.hypot(x.ravel()[:, None] - boxes["x"], y.ravel()[:, None] - boxes["y"]) - boxes["radius"]
    assert gap.min() > 0.0


def test_in_town03_a_house_stands_ahead_of_the_collision_tests_car() -> None:
    boxes = Obstacles(Maps(carla_aliases=True).build("Town03").obstacles, ()).boxes
    ahead = np.stack([np.full(20, 30.0), np.arange(-30.0, -10.0)], axis=1)
    gap = np.hypot(ahead[:, 0, None] - boxes["x"], ahead[:, 1, None] - boxes["y"]) - np.minimum(
        boxes["hx"], boxes["hy"]
    )
    assert gap.min() < 0.0
