"""The towns as CARLA's own client library reads them."""

from __future__ import annotations

import math
from collections import Counter

import carla
import networkx as nx
import numpy as np
import pytest

from simulator.towns import Town
from simulator.towns.town import SpeedLimitSite, StopSignSite, TrafficLightSite
from simulator.types import Transform, Vector3D


def world_point(transform: Transform, local: Vector3D) -> carla.Location:
    pose = carla.Transform(carla.Location(*transform.location), carla.Rotation(*transform.rotation))
    return pose.transform(carla.Location(*local))


def turn(a: float, b: float) -> float:
    return abs((a - b + 180.0) % 360.0 - 180.0)


def test_there_is_at_least_a_kilometre_and_a_half_of_streets(town: Town) -> None:
    streets = town.lanes.road_id < 100
    right = town.lanes.lane_id == -1
    ids = town.lanes.road_id
    same = (ids[1:] == ids[:-1]) & streets[1:] & right[1:] & right[:-1]
    steps = np.hypot(*np.diff(town.lanes.xyz[:, :2], axis=0).T)
    assert 1500.0 < steps[same].sum() < 2500.0


def test_every_driving_lane_leads_on(carla_map: carla.Map) -> None:
    waypoints = carla_map.generate_waypoints(2.0)
    assert len(waypoints) > 1500
    for waypoint in waypoints:
        assert waypoint.lane_type == carla.LaneType.Driving
        assert waypoint.next(2.0)
        assert waypoint.previous(2.0)


def test_lanes_join_without_gap_or_kink(carla_map: carla.Map) -> None:
    for waypoint in carla_map.generate_waypoints(2.0):
        for after in waypoint.next(1.0):
            gap = waypoint.transform.location.distance(after.transform.location)
            # On a curve the lane's step differs from that of the reference line: 1.75 m aside of a radius of 10 m.
            assert 0.7 < gap < 1.3
            assert turn(waypoint.transform.rotation.yaw, after.transform.rotation.yaw) < 9.0


def test_one_can_drive_from_every_lane_to_every_other(carla_map: carla.Map) -> None:
    graph = nx.DiGraph(
        ((a.road_id, a.lane_id), (b.road_id, b.lane_id)) for a, b in carla_map.get_topology() if a.road_id != b.road_id
    )
    for start, end in carla_map.get_topology():
        for after in end.next(0.5):
            graph.add_edge((start.road_id, start.lane_id), (after.road_id, after.lane_id))
    lanes = {(w.road_id, w.lane_id) for w in carla_map.generate_waypoints(5.0)}
    assert lanes <= set(graph)
    assert nx.is_strongly_connected(graph.subgraph(lanes))


@pytest.mark.parametrize("seed", range(4))
def test_a_drive_of_two_kilometres_never_ends(carla_map: carla.Map, town: Town, seed: int) -> None:
    rng = np.random.default_rng(seed)
    at = carla_map.get_waypoint(carla.Location(*town.spawn_points[rng.integers(len(town.spawn_points))].location))
    junctions = 0
    for _ in range(1000):
        options = at.next(2.0)
        after = options[rng.integers(len(options))]
        junctions += after.is_junction and not at.is_junction
        at = after
    assert junctions >= 5


def test_there_are_the_asked_kinds_of_junctions(town: Town, carla_map: carla.Map) -> None:
    assert len({site.junction for site in town.traffic_lights}) >= 2
    assert len(town.stop_signs) >= 1
    assert {len(arms) for arms in _arms(carla_map).values()} == {3, 4}


def _arms(carla_map: carla.Map) -> dict[int, set[int]]:
    arms: dict[int, set[int]] = {}
    for start, end in carla_map.get_topology():
        if start.is_junction:
            arms.setdefault(start.junction_id, set()).update(w.road_id for w in end.next(1.0) if not w.is_junction)
    return arms


def test_there_are_curves_and_a_straight_avenue(town: Town) -> None:
    same = np.diff(town.lanes.road_id) == 0
    bends = np.abs((np.diff(town.lanes.yaw_deg) + 180.0) % 360.0 - 180.0)
    streets = town.lanes.road_id[1:] < 100
    assert (bends[same & streets & (np.diff(town.lanes.lane_id) == 0)] > 2.0).sum() > 60


def test_landmarks_name_every_light_and_sign(town: Town, carla_map: carla.Map) -> None:
    found = {landmark.id: landmark for landmark in carla_map.get_all_landmarks()}
    kinds = Counter(landmark.type for landmark in found.values())
    assert kinds == {
        "1000001": len(town.traffic_lights),
        "206": len(town.stop_signs),
        "274": len(town.speed_limits),
    }
    sites: list[TrafficLightSite | StopSignSite | SpeedLimitSite] = [
        *town.traffic_lights,
        *town.stop_signs,
        *town.speed_limits,
    ]
    for site in sites:
        landmark = found[site.signal_id]
        assert landmark.transform.location.distance(carla.Location(*site.transform.location)) < 0.01
        assert turn(landmark.transform.rotation.yaw + 90.0, site.transform.rotation.yaw) < 0.1
        assert landmark.is_dynamic == (landmark.type == "1000001")
    for limit in town.speed_limits:
        assert found[limit.signal_id].value == limit.limit_kmh
        assert 30 <= limit.limit_kmh <= 50


def test_trigger_boxes_cover_the_lane_before_the_stop_line(town: Town, carla_map: carla.Map) -> None:
    found = {landmark.id: landmark for landmark in carla_map.get_all_landmarks()}
    sites: list[TrafficLightSite | StopSignSite] = [*town.traffic_lights, *town.stop_signs]
    for site in sites:
        landmark = found[site.signal_id]
        (lane_range,) = landmark.get_lane_validities()
        assert lane_range[0] == lane_range[1]
        middle = carla_map.get_waypoint(world_point(site.transform, site.trigger.location))
        assert (middle.road_id, middle.lane_id) == (landmark.road_id, lane_range[0])
        assert not middle.is_junction
        # Face towards the driver: the actor's +y looks against the traffic.
        assert turn(middle.transform.rotation.yaw + 90.0, site.transform.rotation.yaw) < 0.5
        location, extent = site.trigger.location, site.trigger.extent
        for x in (-0.9, 0.9):
            for y in (-1.0, 1.0):
                corner = location._replace(x=location.x + x * extent.x, y=location.y + y * extent.y)
                lane = carla_map.get_waypoint(world_point(site.transform, corner))
                assert (lane.road_id, lane.lane_id) == (middle.road_id, middle.lane_id)
        front = world_point(site.transform, location._replace(y=location.y - extent.y))
        stop = carla_map.get_waypoint_xodr(landmark.road_id, lane_range[0], landmark.s)
        assert front.distance(stop.transform.location) < 1.0 + extent.z
        assert stop.next(12.0)[0].is_junction


def test_lights_stand_beyond_the_junction_in_the_drivers_view(town: Town) -> None:
    for site in town.traffic_lights:
        middle = (np.array(site.stop_line[0]) + np.array(site.stop_line[1])) / 2
        travel = math.radians(site.transform.rotation.yaw - 90.0)
        offset = np.array(site.transform.location)[:2] - middle[:2]
        ahead = offset @ [math.cos(travel), math.sin(travel)]
        right = offset @ [-math.sin(travel), math.cos(travel)]
        assert 15.0 < ahead < 34.0
        assert 2.0 < right < 2.8


def test_lights_of_one_phase_never_cross(town: Town) -> None:
    """Lights that are green together face along one street, so their yaws are equal or opposite."""
    groups: dict[tuple[str, int], list[float]] = {}
    for site in town.traffic_lights:
        groups.setdefault((site.junction, site.phase), []).append(site.transform.rotation.yaw)
    for yaws in groups.values():
        assert all(min(turn(yaws[0], yaw), turn(yaws[0] + 180.0, yaw)) < 5.0 for yaw in yaws)
    for junction in {site.junction for site in town.traffic_lights}:
        assert {phase for j, phase in groups if j == junction} == {0, 1}


def test_drivers_see_their_light_as_a_landmark(town: Town, carla_map: carla.Map) -> None:
    for site in town.traffic_lights:
        middle = (np.array(site.stop_line[0]) + np.array(site.stop_line[1])) / 2
        waypoint = carla_map.get_waypoint(carla.Location(*middle)).previous(30.0)[0]
        ahead = waypoint.get_landmarks_of_type(45.0, "1000001")
        assert site.signal_id in [landmark.id for landmark in ahead]


def test_crosswalks_reach_from_sidewalk_to_sidewalk(town: Town, carla_map: carla.Map) -> None:
    points = np.array([[p.x, p.y] for p in carla_map.get_crosswalks()]).reshape(-1, 5, 2)
    assert len(points) == len(town.crosswalks) >= 10
    ours = np.array([polygon[:4, :2].mean(axis=0) for polygon in town.crosswalks])
    for polygon in points:
        assert polygon[0] == pytest.approx(polygon[4], abs=1e-3)
        assert np.hypot(*(ours - polygon[:4].mean(axis=0)).T).min() < 0.15
        assert (town.ground_height_m(polygon) == 0.0).any()
        outside = polygon[:4] + (polygon[:4] - polygon[:4].mean(axis=0)) * 0.25
        assert (town.ground_height_m(outside) > 0.1).all()


def test_sidewalks_run_along_all_lanes_and_around_corners(town: Town, carla_map: carla.Map) -> None:
    for driving in carla_map.generate_waypoints(12.0):
        sidewalk = carla_map.get_waypoint(driving.transform.location, lane_type=carla.LaneType.Sidewalk)
        assert sidewalk.lane_type == carla.LaneType.Sidewalk
        assert sidewalk.lane_width == pytest.approx(2.5)
        location = sidewalk.transform.location
        assert town.ground_height_m([[location.x, location.y]])[0] == pytest.approx(0.15)
        assert sidewalk.next(1.0)


def test_parking_lanes_are_where_one_can_park(town: Town, carla_map: carla.Map) -> None:
    spaces = 0
    for driving in carla_map.generate_waypoints(3.0):
        beside = driving.get_right_lane()
        if beside is None or beside.lane_type != carla.LaneType.Parking:
            continue
        spaces += 1
        assert 1.5 <= beside.lane_width <= 2.2
        place = beside.transform.location
        assert town.ground_height_m([[place.x, place.y]])[0] == 0.0
    assert spaces > 300


def test_who_keeps_to_a_lane_is_not_told_to_have_left_it(carla_map: carla.Map) -> None:
    """By the leaderboard's rule: at most half a lane and 0.5 m off the nearest lane for driving or parking."""
    wrong, places = 0, 0
    for driving in carla_map.generate_waypoints(4.0):
        if driving.is_junction:
            continue
        right = driving.transform.get_right_vector()
        for aside_m in np.arange(-1.6, 2.1, 0.2):
            place = driving.transform.location + float(aside_m) * carla.Location(right.x, right.y, 0.0)
            kinds = (carla.LaneType.Driving, carla.LaneType.Parking)
            lanes = [carla_map.get_waypoint(place, lane_type=kind) for kind in kinds]
            nearest = min(lanes, key=lambda lane: place.distance(lane.transform.location))
            wrong += place.distance(nearest.transform.location) > 0.5 * nearest.lane_width + 0.5
            places += 1
    assert wrong < 0.005 * places  # where a bay begins, at a slant, a point may be near its end and not yet in it


def test_spawn_points_lie_on_lanes_outside_junctions(town: Town, carla_map: carla.Map) -> None:
    assert len(town.spawn_points) >= 40
    places = np.array([point.location for point in town.spawn_points])
    for point in town.spawn_points:
        waypoint = carla_map.get_waypoint(carla.Location(*point.location))
        assert not waypoint.is_junction
        assert (
            math.hypot(*(np.array(point.location[:2]) - [waypoint.transform.location.x, waypoint.transform.location.y]))
            < 0.15
        )
        assert turn(waypoint.transform.rotation.yaw, point.rotation.yaw) < 1.0
        assert (np.hypot(*(places - np.array(point.location))[:, :2].T) < 3.0).sum() == 1


def test_lane_samples_agree_with_the_map(town: Town, carla_map: carla.Map) -> None:
    lanes = town.lanes
    for k in range(0, len(lanes.xyz), 37):
        waypoint = carla_map.get_waypoint_xodr(int(lanes.road_id[k]), int(lanes.lane_id[k]), 0.5)
        assert waypoint is not None
        near = carla_map.get_waypoint(carla.Location(*map(float, lanes.xyz[k])))
        # Where lanes part inside a junction the nearest one may be a neighbour.
        assert near.transform.location.distance(carla.Location(*map(float, lanes.xyz[k]))) < 0.25
        assert near.lane_width == pytest.approx(float(lanes.width_m[k]))
    assert set(np.unique(lanes.speed_limit_kmh)) <= {30.0, 40.0, 50.0}
