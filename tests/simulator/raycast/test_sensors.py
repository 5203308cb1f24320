"""Lidar and radar over a flat ground, where what they must measure can be written down."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.raycast import lidar, obstacle, radar
from simulator.types import CityObjectLabel, Rotation, Transform, Vector3D
from simulator.world.noise import generator
from tests.simulator.raycast.places import CAR, at, flat, scene_of
from tests.simulator.render.scene import pose
from tests.simulator.world.places import describe

HIGH = Transform(Vector3D(0.0, 0.0, 2.0))
LOSSLESS = {"dropoff_general_rate": 0.0, "dropoff_intensity_limit": 0.0}


def _scan(scene, step=1, angle_rad=0.0, delta_s=0.05, place=HIGH, semantic=False, mount=0, **attributes):
    model = lidar.lidar_model(describe("sensor.lidar.ray_cast" + "_semantic" * semantic, **attributes))
    random = generator(seed=5, sensor=3, step=step)
    return lidar.scan(model, scene, at(place), angle_rad, delta_s, random, mount)


def test_a_lidar_sees_the_ground_in_rings():
    sweep = _scan(
        scene_of(flat(200.0)), channels=4, upper_fov=-10, lower_fov=-40, range=50, rotation_frequency=20,
        points_per_second=80 * 90, **LOSSLESS,
    )  # fmt: skip
    assert sweep.counts.tolist() == [90] * 4
    points = sweep.points.reshape(4, 90, 4)
    for channel, pitch in zip(points, np.radians([10.0, 20.0, 30.0, 40.0])):
        assert channel[:, 2] == pytest.approx(np.full(90, -2.0), abs=1e-4)
        assert np.hypot(channel[:, 0], channel[:, 1]) == pytest.approx(np.full(90, 2.0 / np.tan(pitch)), rel=1e-4)
        assert channel[:, 3] == pytest.approx(np.full(90, np.exp(-0.004 * 2.0 / np.sin(pitch))), rel=1e-5)
    # one whole turn from behind by the left, in equal steps
    yaw = np.degrees(np.arctan2(points[0, :, 1], points[0, :, 0]))
    assert np.unwrap(yaw, period=360.0) - yaw[0] == pytest.approx(np.arange(90) * 4.0, abs=1e-3)
    assert abs(yaw[0]) == pytest.approx(180.0, abs=1e-3)
    assert sweep.angle_rad == pytest.approx(0.0, abs=1e-9)


def test_a_lidar_goes_on_turning_where_it_stopped():
    scene, angle, seen = scene_of(flat(200.0)), 0.0, []
    for _ in range(4):
        sweep = _scan(scene, angle_rad=angle, channels=1, upper_fov=-20, rotation_frequency=5, range=50, **LOSSLESS)
        angle = sweep.angle_rad
        yaw = np.degrees(np.arctan2(sweep.points[:, 1], sweep.points[:, 0])) % 360.0
        seen.append((yaw[1], yaw[-1]))
    quarter = 90.0 / len(yaw)
    for k, (first, last) in enumerate(seen):
        assert first == pytest.approx((180.0 + 90.0 * k + quarter) % 360.0, abs=0.05)
        assert last == pytest.approx((270.0 + 90.0 * k - quarter) % 360.0, abs=0.05)


def test_a_narrow_lidar_sweeps_its_field_only():
    sweep = _scan(
        scene_of(flat(200.0)), channels=1, upper_fov=-20, horizontal_fov=60, rotation_frequency=20, range=50, **LOSSLESS
    )
    yaw = np.degrees(np.arctan2(sweep.points[:, 1], sweep.points[:, 0]))
    assert (yaw.min(), yaw.max()) == pytest.approx((-30.0, 30.0), abs=0.1)


def test_losses_and_noise_are_those_that_were_asked_for():
    scene, more = scene_of(flat(200.0)), {"channels": 16, "points_per_second": 400_000, "range": 60, "lower_fov": -30}
    whole = _scan(scene, upper_fov=-5, **more, **LOSSLESS)
    assert int(whole.counts.sum()) == 20_000
    general = _scan(scene, upper_fov=-5, **more, dropoff_general_rate=0.3, dropoff_intensity_limit=0.0)
    assert int(general.counts.sum()) == pytest.approx(14_000, rel=0.02)
    # with so much haze that nothing is sure: kept with probability 1 - zero + zero * intensity / limit
    weak = _scan(
        scene, upper_fov=-5, **more, dropoff_general_rate=0.0, dropoff_intensity_limit=1.0, dropoff_zero_intensity=0.6,
        atmosphere_attenuation_rate=0.1,
    )  # fmt: skip
    kept = np.mean(0.4 + 0.6 * np.exp(-0.1 * np.linalg.norm(whole.points[:, :3], axis=1)))
    assert int(weak.counts.sum()) == pytest.approx(20_000 * kept, rel=0.02)
    noisy = _scan(scene, upper_fov=-5, **more, **LOSSLESS, noise_stddev=0.1)
    off = np.linalg.norm(noisy.points[:, :3], axis=1) - np.linalg.norm(whole.points[:, :3], axis=1)
    assert (off.std(), off.mean()) == pytest.approx((0.1, 0.0), abs=0.003)
    again = _scan(scene, upper_fov=-5, **more, **LOSSLESS, noise_stddev=0.1)
    assert np.array_equal(noisy.points, again.points)
    assert not np.array_equal(
        noisy.points, _scan(scene, step=2, upper_fov=-5, **more, **LOSSLESS, noise_stddev=0.1).points
    )


def test_a_semantic_lidar_names_what_it_meets_and_at_which_angle():
    scene = scene_of(flat(20.0), (41, CAR, pose(0.0, 8.0, 0.0)))
    sweep = _scan(scene, semantic=True, channels=8, rotation_frequency=20, range=40, points_per_second=100_000)
    points = sweep.points
    assert points.dtype.itemsize == 24
    assert int(sweep.counts.sum()) == len(points)
    car, wall = points[points["object"] == 41], points[points["tag"] == CityObjectLabel.WALLS]
    road = points[points["tag"] == CityObjectLabel.ROADS]
    assert len(car) > 50
    assert set(car["tag"]) == {int(CityObjectLabel.CAR)}
    assert car["y"].min() > 7.0
    assert wall["x"] == pytest.approx(np.full(len(wall), 20.0), abs=1e-3)
    assert wall["cos_incidence"] == pytest.approx(20.0 / np.linalg.norm([wall[n] for n in "xyz"], axis=0), abs=1e-4)
    assert road["cos_incidence"] == pytest.approx(2.0 / np.linalg.norm([road[n] for n in "xyz"], axis=0), abs=1e-4)


def test_points_are_in_the_axes_of_the_sensor():
    tilted = Transform(Vector3D(3.0, -2.0, 2.5), Rotation(10.0, 70.0, -5.0))
    sweep = _scan(scene_of(flat(20.0)), place=tilted, semantic=True, channels=8, range=60, rotation_frequency=20)
    local = np.stack([sweep.points[n] for n in "xyz"] + [np.ones(len(sweep.points))])
    world = at(tilted) @ local
    on_road, on_wall = sweep.points["tag"] == CityObjectLabel.ROADS, sweep.points["tag"] == CityObjectLabel.WALLS
    assert on_road.sum() > 100
    assert on_wall.sum() > 20
    assert np.abs(world[2, on_road]).max() < 1e-3
    assert world[0, on_wall].min() > 19.9


def test_a_lidar_without_points_gives_an_empty_sweep():
    sweep = _scan(scene_of(flat()), points_per_second=0)
    assert sweep.counts.tolist() == [0] * 32
    assert sweep.points.shape == (0, 4)


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"range": -1}, {"horizontal_fov": 0}, {"upper_fov": "nan"}])
def test_a_lidar_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="lidar"):
        lidar.lidar_model(describe("sensor.lidar.ray_cast", **wrong))


def _detect(scene, velocity=(0.0, 0.0, 0.0), velocities=None, mount=0, place=None, **attributes):
    model = radar.radar_model(describe("sensor.other.radar", **attributes))
    place = place or Transform(Vector3D(0.0, 0.0, 1.0))
    still = {actor: np.array(v) for actor, v in (velocities or {}).items()}
    random = generator(seed=1, sensor=2, step=3)
    return radar.detect(model, scene, at(place), np.array(velocity), still, 0.05, random, mount)


def test_a_radar_measures_how_fast_things_come_nearer():
    scene = scene_of(flat(60.0), (41, CAR, pose(20.0, 0.0, 0.0)))
    found = _detect(scene, (10.0, 0.0, 0.0), {41: (4.0, 0.0, 0.0)}, points_per_second=20_000, range=100)
    speed, azimuth, altitude, depth = found.T
    toward = np.cos(azimuth) * np.cos(altitude)
    car = (np.abs(depth * toward - 18.0) < 1.2) & (np.abs(depth * np.sin(altitude)) < 0.5)
    assert car.sum() > 20
    assert speed[car] == pytest.approx(-6.0 * toward[car], abs=1e-3)
    wall = np.abs(depth * toward - 60.0) < 0.01
    assert wall.sum() > 100
    assert speed[wall] == pytest.approx(-10.0 * toward[wall], abs=1e-3)
    assert np.abs(azimuth).max() <= np.radians(15.0) + 1e-6
    assert np.abs(altitude).max() <= np.radians(15.0) + 1e-6
    assert len(found) <= 1000


def test_a_radar_reaches_as_far_as_its_range_and_sees_out_of_its_own_car():
    far = _detect(scene_of(flat(60.0)), points_per_second=5000, range=50)
    assert (far[:, 3] * np.cos(far[:, 1]) * np.cos(far[:, 2])).max() <= 50.0 + 1e-3
    scene = scene_of(flat(30.0), (41, CAR, pose(0.0, 0.0, 0.0)))
    within = Transform(Vector3D(1.0, 0.0, 0.6))
    assert _detect(scene, place=within)[:, 3].max() < 3.0
    assert _detect(scene, place=within, mount=41)[:, 3].max() > 25.0


def test_an_obstacle_detector_heeds_distance_and_kind():
    scene = scene_of(flat(30.0), (41, CAR, pose(12.0, 0.0, 0.0)))
    place = at(Transform(Vector3D(0.0, 0.0, 0.7)))

    def found(**attributes):
        model = obstacle.obstacle_model(describe("sensor.other.obstacle", hit_radius=0.4, **attributes))
        return obstacle.detect(model, scene, place, frozenset({41}), 0)

    assert found(distance=9.0) is None
    assert (found(distance=10.0).actor, found(distance=10.0).distance_m) == (
        41,
        pytest.approx(12 - 2.22 - 0.4, abs=0.1),
    )
    assert found(distance=40.0, only_dynamics="true").actor == 41
