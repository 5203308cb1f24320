"""The composed towns as CARLA's client reads them: rural hills, a roundabout, a motorway."""

from __future__ import annotations

from collections.abc import Callable

import carla
import networkx as nx
import numpy as np
import pytest
from scipy.spatial import cKDTree

from simulator.render.materials import Material
from simulator.towns.designs import compose_fell, compose_mere, compose_ring
from simulator.towns.xodr.records import OpenDrive
from simulator.towns.xodr.world import town_from_opendrive
from simulator.towns.xodr.writer import write_opendrive

DESIGNS = {"Fell01": (compose_fell, 3), "Mere01": (compose_mere, 5), "Ring01": (compose_ring, 2)}
Compose = Callable[[str, int], OpenDrive]


def read(compose: Compose, seed: int) -> tuple[OpenDrive, carla.Map]:
    made = compose("Town", seed)
    return made, carla.Map("Town", write_opendrive(made))


@pytest.fixture(scope="module", params=DESIGNS)
def town(request: pytest.FixtureRequest) -> tuple[str, OpenDrive, carla.Map]:
    return request.param, *read(*DESIGNS[request.param])


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name in DESIGNS for seed in (DESIGNS[name][1], 11, 12)])
def test_one_can_drive_from_every_lane_to_every_other(name: str, seed: int) -> None:
    """By following lanes and, where the markings allow it, by changing them."""
    _, carla_map = read(DESIGNS[name][0], seed)
    graph = nx.DiGraph()
    for waypoint in carla_map.generate_waypoints(2.0):
        # the last one may lie just 2 m before the end: then 2.5 m lead beyond it
        onward = waypoint.next(2.0) + waypoint.next(2.5)
        assert onward, f"road {waypoint.road_id} lane {waypoint.lane_id} ends at s = {waypoint.s:.1f}"
        beside = []
        if waypoint.lane_change & carla.LaneChange.Left:
            beside.append(waypoint.get_left_lane())
        if waypoint.lane_change & carla.LaneChange.Right:
            beside.append(waypoint.get_right_lane())
        # beyond a broken line there may also be oncoming traffic, or a shoulder
        onward += [w for w in beside if w and w.lane_id * waypoint.lane_id > 0 and w.lane_type == waypoint.lane_type]
        graph.add_edges_from(((waypoint.road_id, waypoint.lane_id), (w.road_id, w.lane_id)) for w in onward)
        assert all(w.lane_type == carla.LaneType.Driving for w in onward)
    assert nx.is_strongly_connected(graph)


def test_lanes_join_without_gap_or_kink(town: tuple[str, OpenDrive, carla.Map]) -> None:
    for waypoint in town[2].generate_waypoints(4.0):
        for after in waypoint.next(1.0):
            assert 0.6 < waypoint.transform.location.distance(after.transform.location) < 1.45
            here, there = waypoint.transform.rotation, after.transform.rotation
            assert abs((here.yaw - there.yaw + 180.0) % 360.0 - 180.0) < 9.0
            assert abs((here.pitch - there.pitch + 180.0) % 360.0 - 180.0) < 1.5


def test_one_cannot_change_lanes_over_the_centre_of_a_junctions_roads(town: tuple[str, OpenDrive, carla.Map]) -> None:
    inner = [w for w in town[2].generate_waypoints(4.0) if w.is_junction and w.lane_id == -1]
    assert inner
    for waypoint in inner:
        assert waypoint.left_lane_marking.type == carla.LaneMarkingType.NONE
        assert not waypoint.lane_change & carla.LaneChange.Left


def test_one_can_walk_along_every_lane_in_whole_metres(town: tuple[str, OpenDrive, carla.Map]) -> None:
    """The client fails where nothing is left after whole steps."""
    for start, _ in town[2].get_topology():
        for step_m in (0.5, 1.0, 2.0, 5.0, 10.0):
            assert start.next_until_lane_end(step_m)


def test_no_verge_grows_where_the_other_roads_of_a_junction_go_on() -> None:
    compose, seed = DESIGNS["Ring01"]
    built = town_from_opendrive(write_opendrive(compose("Ring01", seed)), "Ring01")
    corners = built.mesh.vertices[built.mesh.triangles].astype(float)
    middle = corners.mean(axis=1)
    # narrow strips that begin level with the road: verges; the meadow below is made of large cells
    high = corners[:, :, 2].max(axis=1) > built.ground_height_m(middle[:, :2]) - 0.005
    verge = np.flatnonzero((built.mesh.materials == Material.GRASS) & high)
    lanes = built.lanes
    distance, nearest = cKDTree(lanes.xyz[:, :2]).query(middle[verge, :2])
    on_it = verge[distance < lanes.width_m[nearest] / 2 - 1.0]
    sides = corners[on_it]
    area_m2 = np.linalg.norm(np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]), axis=1).sum() / 2
    assert area_m2 < 0.5


def test_each_town_is_what_its_name_says(town: tuple[str, OpenDrive, carla.Map]) -> None:
    name, made, carla_map = town
    kinds = {landmark.type for landmark in carla_map.get_all_landmarks()}
    waypoints = carla_map.generate_waypoints(5.0)
    grades = np.abs([np.tan(np.radians(w.transform.rotation.pitch)) for w in waypoints])
    limits = {road.types[0][2] for road in made.roads.values() if road.junction == -1}
    if name == "Fell01":
        assert {"206", "274"} <= kinds
        assert 0.05 < grades.max() < 0.14
        assert {road.types[0][1] for road in made.roads.values()} == {"rural"}
    elif name == "Ring01":
        assert {"205", "206", "274", "1000001"} <= kinds
        assert sum(landmark.type == "205" for landmark in carla_map.get_all_landmarks()) == 4
        assert carla_map.get_crosswalks()
    else:
        assert max(limit for limit in limits if limit) >= 100.0
        assert {"274", "1000001"} <= kinds
        sections = [road.sections[0].lanes for road in made.roads.values()]
        lanes = [sum(lane.id < 0 and lane.type == "driving" for lane in section) for section in sections]
        assert max(lanes) >= 4
        assert sum(n >= 3 for n in lanes) >= 6
        assert any(thing.type == "barrier" for road in made.roads.values() for thing in road.objects)
        assert any(waypoint.transform.location.z > 6.0 for waypoint in waypoints)
