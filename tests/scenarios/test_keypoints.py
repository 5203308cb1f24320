"""The shipped routes mean the same drive to everybody who plans through their key points."""

import sys
from functools import lru_cache
from pathlib import Path

import carla
import numpy as np
import pytest

import scenarios
from scenarios import training_routes
from scenarios.errors import ScenarioError
from scenarios.keypoints import outside_junctions
from scenarios.planner import plan
from scenarios.routes import parse_routes
from simulator.towns import build_town
from tests.scenarios.lane_search import LaneSearch
from tests.scenarios.maps import elm02

FILES = sorted((Path(scenarios.__file__).parent / "routes").glob("*.xml"))
ROUTES = [route for file in FILES for route in parse_routes(file)]


@lru_cache
def town_map(name):
    return carla.Map(name, build_town(name).opendrive)


@lru_cache
def search(name):
    return LaneSearch(town_map(name))


def shipped(test):
    return pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.town}-{route.id}")(test)


@shipped
def test_no_key_point_lies_inside_a_junction(route):
    for point in route.keypoints:
        assert not town_map(route.town).get_waypoint(carla.Location(*point)).is_junction


@shipped
def test_the_leaderboards_way_is_as_long_as_ours(route):
    ours_m = plan(town_map(route.town), route.keypoints).length_m
    assert 150.0 < ours_m < 400.0
    assert search(route.town).length_m(route.keypoints) == pytest.approx(ours_m, rel=0.03)


@shipped
def test_the_way_leads_past_every_key_point_and_trigger_and_never_back(route):
    way = plan(town_map(route.town), route.keypoints)
    for x, y, _ in route.keypoints:
        assert way.nearest(x, y)[1] < 1.0
    for scenario in route.scenarios:
        assert way.nearest(scenario.trigger.x, scenario.trigger.y)[1] < 1.0
    steps = np.diff(way.xyz[:, :2], axis=0)
    ahead = np.radians(way.yaw_deg[:-1])
    assert ((steps[:, 0] * np.cos(ahead) + steps[:, 1] * np.sin(ahead)) > 0.0).all()


def test_a_key_point_beside_its_lane_in_a_junction_is_what_makes_detours():
    """A point on the border of two crossing paths: why `outside_junctions` leaves such points out."""
    drive = plan(elm02(), [(p.x, p.y, p.z) for p in _ends_of_a_turn()])
    dense = [t.location for t, _ in drive.points[::10]]
    beside = [carla.Location(p.x, p.y - 1.5, p.z) if _in_junction(p) else p for p in dense]
    assert any(map(_in_junction, dense))
    bent_m = LaneSearch(elm02()).length_m([(p.x, p.y, p.z) for p in beside])
    assert bent_m > 1.5 * drive.length_m
    kept = outside_junctions(elm02(), beside)
    assert LaneSearch(elm02()).length_m([(p.x, p.y, p.z) for p in kept]) == pytest.approx(drive.length_m, rel=0.05)
    with pytest.raises(ScenarioError, match="only 0 of 1 points lie outside the junctions of Elm02"):
        outside_junctions(elm02(), [p for p in dense if _in_junction(p)][:1])


def test_drawn_routes_mean_the_same_drive_to_everybody(tmp_path, monkeypatch):
    out = tmp_path / "drawn.xml"
    arguments = ["training_routes", "--town", "Elm02", "--count", "4", "--seed", "3", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", arguments)
    training_routes.main()
    for route in parse_routes(out):
        ours_m = plan(elm02(), route.keypoints).length_m
        assert ours_m == pytest.approx(320.0, abs=30.0)
        assert search("Elm02").length_m(route.keypoints) == pytest.approx(ours_m, rel=0.03)


def _ends_of_a_turn():
    route = next(route for route in ROUTES if (route.town, route.id) == ("Elm02", "7"))
    return [carla.Location(*point) for point in route.keypoints]


def _in_junction(location):
    return elm02().get_waypoint(location).is_junction
