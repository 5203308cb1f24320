"""The routes of the evaluation: what they hold, and that a driver who sees has a fair chance."""

import math
from functools import cache

import numpy as np
import pytest

from scenarios.definition import load_scenario
from scenarios.hazards import HAZARDS
from scenarios.planner import RoutePlan, plan
from simulator.towns import build_town
from simulator.towns.town import Obstacle
from tests.scenarios.maps import elm02

ROUTES = load_scenario("night_fog").load_routes()
CROSSINGS = [
    (route, scenario)
    for route in ROUTES
    for scenario in route.scenarios
    if scenario.type in ("DynamicObjectCrossing", "ParkingCrossingPedestrian")
]
BODY_M = 0.3
REACTION_S = 0.5
COMFORT_MPS2 = 3.5


@cache
def planned(keypoints: tuple[tuple[float, float, float], ...]) -> RoutePlan:
    return plan(elm02(), keypoints)


def _gap_m(obstacle: Obstacle, x: float, y: float) -> float:
    """From a point to the obstacle's box; negative inside."""
    yaw = math.radians(obstacle.box.rotation.yaw)
    dx, dy = x - obstacle.box.location.x, y - obstacle.box.location.y
    along, across = dx * math.cos(yaw) + dy * math.sin(yaw), -dx * math.sin(yaw) + dy * math.cos(yaw)
    return max(abs(along) - obstacle.box.extent.x, abs(across) - obstacle.box.extent.y)


def test_there_are_sixteen_routes_of_a_few_hundred_metres():
    assert [route.id for route in ROUTES] == [str(number) for number in range(1, 17)]
    for route in ROUTES:
        assert 150.0 <= planned(route.keypoints).length_m <= 400.0
        assert 1 <= len(route.scenarios) <= 3


def test_every_kind_of_hazard_is_met_somewhere():
    assert {scenario.type for route in ROUTES for scenario in route.scenarios} == set(HAZARDS)


def test_triggers_lie_on_the_route_in_driving_direction():
    for route in ROUTES:
        for scenario in route.scenarios:
            along_m, away_m = planned(route.keypoints).nearest(scenario.trigger.x, scenario.trigger.y)
            assert away_m < 1.0
            turned = scenario.trigger.yaw - planned(route.keypoints).at(along_m).rotation.yaw
            assert abs((turned + 180.0) % 360.0 - 180.0) < 10.0


@pytest.mark.parametrize(("route", "scenario"), CROSSINGS, ids=lambda value: getattr(value, "name", None))
def test_a_driver_who_sees_the_walker_start_can_stop_in_comfort(route, scenario):
    lead_s = scenario.number("start_offset", 0.0) / scenario.number("crossing_speed", 1.5)
    assert 2.5 <= lead_s <= 4.0
    assert 1.2 <= scenario.number("crossing_speed", 1.5) <= 2.0
    for limit_kmh in (30.0, 40.0, 50.0):
        speed = limit_kmh / 3.6
        assert speed * lead_s > speed * REACTION_S + speed**2 / (2.0 * COMFORT_MPS2)


@pytest.mark.parametrize(("route", "scenario"), CROSSINGS, ids=lambda value: getattr(value, "name", None))
def test_nothing_stands_in_the_walkers_way(route, scenario):
    route_plan = planned(route.keypoints)
    trigger_m, _ = route_plan.nearest(scenario.trigger.x, scenario.trigger.y)
    lane = route_plan.at(trigger_m + scenario.number("distance", 0.0))
    side = -1.0 if scenario.text("direction", "right") == "left" else 1.0
    right = lane.get_right_vector()
    for offset_m in np.arange(-1.0, scenario.number("start_offset", 0.0) + 0.1, 0.25):
        x = lane.location.x + side * offset_m * right.x
        y = lane.location.y + side * offset_m * right.y
        for obstacle in build_town("Elm02").obstacles:
            assert _gap_m(obstacle, x, y) > BODY_M, (
                f"{obstacle.name} stands in the way of {scenario.name} of route {route.id}"
            )


@pytest.mark.parametrize(
    ("route", "scenario"),
    [pair for pair in CROSSINGS if pair[1].type == "ParkingCrossingPedestrian"],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_car_that_hides_a_walker_has_a_place_to_stand(route, scenario):
    route_plan = planned(route.keypoints)
    trigger_m, _ = route_plan.nearest(scenario.trigger.x, scenario.trigger.y)
    front_m = trigger_m + scenario.number("distance", 0.0) - 1.0
    for along_m in np.arange(front_m - 5.6, front_m + 0.1, 0.5):
        lane = route_plan.at(along_m)
        right = lane.get_right_vector()
        for offset_m in scenario.number("blocker_offset", 0.0) + np.array([-1.0, 0.0, 1.0]):
            x, y = lane.location.x + offset_m * right.x, lane.location.y + offset_m * right.y
            for obstacle in build_town("Elm02").obstacles:
                assert _gap_m(obstacle, x, y) > 0.1, f"{obstacle.name} stands where route {route.id} parks its car"
