from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from simulator.render.materials import SURFACES, Material
from simulator.towns import Town
from simulator.towns.town import Obstacle
from simulator.types import CityObjectLabel


def distance_to_box(points: NDArray[np.float32], obstacle: Obstacle) -> NDArray[np.float64]:
    """From points (n, 2) to the box seen from above."""
    yaw = math.radians(obstacle.box.rotation.yaw)
    offset = points - np.array(obstacle.box.location[:2])
    local = np.stack([offset @ [math.cos(yaw), math.sin(yaw)], offset @ [-math.sin(yaw), math.cos(yaw)]], axis=1)
    return np.hypot(*np.maximum(np.abs(local) - np.array(obstacle.box.extent[:2]), 0.0).T)


def first_hit(town: Town, start: NDArray[np.float64], end: NDArray[np.float64]) -> float:
    """Share of the way from start to end that is free of scenery, 1 = all (Moeller-Trumbore on all triangles)."""
    v = town.mesh.vertices[town.mesh.triangles].astype(np.float64)
    direction, a, b = end - start, v[:, 1] - v[:, 0], v[:, 2] - v[:, 0]
    p = np.cross(direction, b)
    det = np.einsum("ij,ij->i", a, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = start - v[:, 0]
        u = np.einsum("ij,ij->i", offset, p) / det
        q = np.cross(offset, a)
        w = q @ direction / det
        t = np.einsum("ij,ij->i", b, q) / det
        parallel = np.abs(det) < 1e-12
    hit = ~parallel & (u >= 0) & (w >= 0) & (w <= 1 - u) & (t > 0) & (t < 1)
    return float(t[hit].min()) if hit.any() else 1.0


def test_vehicles_in_the_middle_of_a_lane_touch_nothing(town: Town) -> None:
    lanes = town.lanes.xyz[:, :2]
    for obstacle in town.obstacles:
        assert distance_to_box(lanes, obstacle).min() > 1.1, obstacle.name


def test_no_scenery_hangs_into_the_lanes(town: Town) -> None:
    corners = town.mesh.vertices[town.mesh.triangles]
    things = corners[town.mesh.objects > 0].reshape(-1, 3)
    low = things[(things[:, 2] > 0.05) & (things[:, 2] < 2.6)]
    gaps, _ = cKDTree(low[:, :2]).query(town.lanes.xyz[:, :2])
    assert gaps.min() > 1.1


def test_walkers_on_the_sidewalk_touch_nothing(town: Town) -> None:
    import carla

    carla_map = carla.Map(town.name, town.opendrive)
    points = []
    for driving in carla_map.generate_waypoints(3.0):
        location = carla_map.get_waypoint(
            driving.transform.location, lane_type=carla.LaneType.Sidewalk
        ).transform.location
        points.append([location.x, location.y])
    sidewalk = np.array(points, np.float32)
    for obstacle in town.obstacles:
        assert distance_to_box(sidewalk, obstacle).min() > 0.35, obstacle.name


def test_lane_centres_lie_on_asphalt(town: Town) -> None:
    asphalt = town.mesh.vertices[town.mesh.triangles][town.mesh.materials == Material.ASPHALT].astype(np.float64)
    assert np.abs(asphalt[:, :, 2]).max() == 0.0
    centres = shapely.points(town.lanes.xyz[:, :2].astype(np.float64))
    covered, _ = shapely.STRtree(shapely.polygons(asphalt[:, :, :2])).query(centres, "dwithin", distance=1e-3)
    assert set(covered) == set(range(len(centres)))


def test_ground_is_low_on_lanes_and_high_on_sidewalks(town: Town) -> None:
    lanes = town.lanes.xyz[:, :2]
    assert (town.ground_height_m(lanes) == 0.0).all()
    lamps = np.array([o.box.location[:2] for o in town.obstacles if o.name.startswith("StreetLamp")])
    assert town.ground_height_m(lamps) == pytest.approx(0.15)
    assert town.ground_height_m([[9000.0, 0.0], [0.0, -9000.0]]).tolist() == [0.0, 0.0]


def test_drivers_see_the_head_of_their_light_from_the_stop_line_to_sixty_metres_before(town: Town) -> None:
    for site in town.traffic_lights:
        yaw = math.radians(site.transform.rotation.yaw)
        left, towards_driver = -np.array([math.cos(yaw), math.sin(yaw)]), np.array([-math.sin(yaw), math.cos(yaw)])
        head = np.array([*(np.array(site.transform.location[:2]) + 2.4 * left + 0.3 * towards_driver), 5.4])
        middle = (np.array(site.stop_line[0]) + np.array(site.stop_line[1])) / 2
        lane = town.lanes.xyz[:, :2]
        for back in (2.0, 20.0, 40.0, 60.0):
            wanted = middle[:2] + towards_driver * back
            gap = np.hypot(*(lane - wanted).T)
            if gap.min() > 1.5:
                continue  # the street bends away before
            eye = np.array([*wanted, 1.6])
            assert first_hit(town, eye, head) == 1.0, (site.signal_id, back)


def test_lamps_light_every_street(town: Town) -> None:
    lamps = np.array([lamp.location[:2] for lamp in town.street_lamps])
    gaps, _ = cKDTree(lamps).query(town.lanes.xyz[:, :2])
    assert gaps.max() < 24.0
    assert all(5.0 < lamp.location.z < 9.0 and lamp.luminous_flux_lm > 1000.0 for lamp in town.street_lamps)
    assert len({lamp.id for lamp in town.street_lamps}) == len(town.street_lamps)


def test_lamp_heads_shine_where_the_lamps_are(town: Town) -> None:
    heads = town.mesh.vertices[town.mesh.triangles][town.mesh.materials == Material.LAMP_HEAD].reshape(-1, 3)
    gaps, _ = cKDTree(heads).query(np.array([lamp.location for lamp in town.street_lamps]))
    assert gaps.max() < 0.5


def test_the_town_is_furnished_within_its_budget(town: Town) -> None:
    assert 80_000 < len(town.mesh.triangles) < 250_000
    assert town.mesh.objects.min() == 0
    assert town.mesh.objects.max() <= 20_000
    assert len(town.mesh.triangles) == len(town.mesh.materials) == len(town.mesh.objects)
    assert np.isfinite(town.mesh.vertices).all()
    assert town.mesh.triangles.max() < len(town.mesh.vertices)
    kinds = Counter(obstacle.tag for obstacle in town.obstacles)
    assert kinds[CityObjectLabel.BUILDINGS] > 120
    assert kinds[CityObjectLabel.VEGETATION] > 200
    assert kinds[CityObjectLabel.POLES] > 50
    assert kinds[CityObjectLabel.CAR] >= 50
    share_lit = (town.mesh.materials == Material.LIT_WINDOW).sum() / (town.mesh.materials == Material.WINDOW).sum()
    assert 0.1 < share_lit < 0.6


def test_obstacles_are_where_their_triangles_are(town: Town) -> None:
    centroid = town.mesh.vertices[town.mesh.triangles].mean(axis=1)
    solid = [o for o in town.obstacles if o.tag in (CityObjectLabel.BUILDINGS, CityObjectLabel.CAR)]
    assert len({o.object_id for o in solid}) == len(solid)
    for obstacle in solid[::7]:
        mine = town.mesh.objects == obstacle.object_id
        assert mine.any()
        assert distance_to_box(centroid[mine, :2], obstacle).max() < 1.2
        tags = {SURFACES[Material(m)].tag for m in np.unique(town.mesh.materials[mine])}
        assert obstacle.tag in tags


def test_parked_cars_stand_in_the_parking_lanes_along_the_traffic(town: Town) -> None:
    import carla

    carla_map = carla.Map(town.name, town.opendrive)
    for obstacle in town.obstacles:
        if obstacle.tag is CityObjectLabel.CAR:
            location = carla.Location(*obstacle.box.location)
            lane = carla_map.get_waypoint(location, lane_type=carla.LaneType.Parking)
            assert math.hypot(lane.transform.location.x - location.x, lane.transform.location.y - location.y) < 0.6
            driving = carla_map.get_waypoint(location)
            assert math.cos(math.radians(driving.transform.rotation.yaw - obstacle.box.rotation.yaw)) > 0.99
