"""Each criterion on a straight street, from ticks made by hand: lane -1 along +x at y = 1.75."""

import dataclasses
import math

import carla
import numpy as np
import pytest

from results.events import EventKind
from results.scores import score
from results.tick_cap import MOST_TICKS
from results.ticks import Contact, Tick, read_ticks, write_ticks
from scenarios.criteria import Criterion, Judgement, criteria_for, judge
from scenarios.criteria.collision import Collision
from scenarios.criteria.criterion import event_at
from scenarios.criteria.min_speed import MinSpeed
from scenarios.criteria.outside_lanes import OutsideRouteLanes
from scenarios.criteria.red_light import RedLight
from scenarios.criteria.route import RouteCompletion, RouteDeviation
from scenarios.criteria.signs import LightSite, Signs, StopLine, StopSite
from scenarios.criteria.stop_sign import StopSign
from scenarios.criteria.time_limits import Blocked, RouteTimeout, ScenarioTimeout
from scenarios.definition import Limits
from scenarios.planner import plan
from tests.scenarios.maps import STREET, street, street_in_a_junction

LANE_Y = 1.75
RED, GREEN = 0, 2
LIGHT = LightSite(7, 195.0, LANE_Y, (StopLine((200.0, -0.35), (200.0, 3.85), 0.0, 1, -1),), (215.12345, 6.5, 0.25))
STOP = StopSite(9, 200.0, LANE_Y, 1.75, 1.75, (199.0, 5.0, 0.125))


def route(length_m=200.0):
    return plan(street(), [(50.0, LANE_Y, 0.0), (50.0 + length_m, LANE_Y, 0.0)])


def tick(time_s, x, y=LANE_Y, speed=8.0, yaw=0.0, **fields):
    velocity = (speed * math.cos(math.radians(yaw)), speed * math.sin(math.radians(yaw)), 0.0)
    zero = (0.0, 0.0, 0.0)
    made = Tick(round(time_s / 0.05), time_s, (x, y, 0.0), (0.0, yaw, 0.0), velocity, zero, zero, **fields)
    return made if "route_progress_m" in fields else dataclasses.replace(made, route_progress_m=max(x - 50.0, 0.0))


def driving(seconds, start_x=50.0, speed=8.0, **fields):
    return [tick(i * 0.05, start_x + i * 0.05 * speed, speed=speed, **fields) for i in range(int(seconds / 0.05))]


def kinds(criterion, ticks):
    return [event.kind for event in judge([criterion], ticks)]


def hit(other_id, other_type, x, y=LANE_Y):
    return (Contact(other_id, other_type, (600.0, 0.0, 0.0), (x, y, 0.0)),)


@pytest.mark.parametrize(
    ("type_id", "kind"),
    [
        ("walker.pedestrian.0001", EventKind.COLLISION_PEDESTRIAN),
        ("vehicle.bh.crossbike", EventKind.COLLISION_VEHICLE),
        ("static.building", EventKind.COLLISION_LAYOUT),
        ("traffic.traffic_light", EventKind.COLLISION_LAYOUT),
        ("static.sidewalk", None),
        ("sensor.other.gnss", None),
    ],
)
def test_collisions_are_sorted_by_what_was_hit(type_id, kind):
    events = judge([Collision()], [tick(0.0, 80.0, contacts=hit(3, type_id, 80.0))])
    assert [event.kind for event in events] == ([kind] if kind else [])
    if kind:
        assert (
            events[0].message
            == f"Agent collided against object with type={type_id} and id=3 at (x=80.0, y=1.75, z=0.0)"
        )
        assert events[0].details["impulse_ns"] == 600.0


def test_one_accident_is_one_collision():
    ticks = [tick(i * 0.05, 80.0 + 0.1 * i, contacts=hit(3, "vehicle.a", 80.0 + 0.1 * i)) for i in range(60)]
    assert kinds(Collision(), ticks) == [EventKind.COLLISION_VEHICLE]


def test_the_same_actor_counts_again_after_five_seconds_and_elsewhere():
    ticks = [tick(t, x, contacts=hit(3, "vehicle.a", x)) for t, x in ((0.0, 80.0), (4.9, 90.0), (5.1, 91.0))]
    assert [event.time_s for event in judge([Collision()], ticks)] == [0.0, 5.1]


def test_two_actors_in_one_place_count_once_and_apart_twice():
    near = [tick(0.0, 80.0, contacts=hit(3, "vehicle.a", 80.0)), tick(1.0, 84.9, contacts=hit(4, "vehicle.b", 84.9))]
    apart = [near[0], tick(2.0, 85.1, contacts=hit(4, "vehicle.b", 85.1))]
    assert len(kinds(Collision(), near)) == 1
    assert len(kinds(Collision(), apart)) == 2


def test_static_objects_share_an_id_and_are_told_apart_by_their_place():
    ticks = [tick(t, x, contacts=hit(0, "static.pole", x)) for t, x in ((0.0, 80.0), (0.5, 84.0), (1.0, 88.0))]
    assert kinds(Collision(), ticks) == [EventKind.COLLISION_LAYOUT] * 2


def test_a_static_object_does_not_make_the_vehicle_hit_before_count_again():
    struck = ((0.0, 80.0, 3, "vehicle.a"), (3.0, 90.0, 0, "static.pole"), (6.0, 100.0, 3, "vehicle.a"))
    ticks = [tick(t, x, contacts=hit(other_id, kind, x)) for t, x, other_id, kind in struck]
    assert kinds(Collision(), ticks) == [EventKind.COLLISION_VEHICLE, EventKind.COLLISION_LAYOUT]


def test_a_place_is_forgotten_once_the_ego_has_left_it():
    around = [(0.0, 80.0), (10.0, 90.0), (20.0, 81.0)]
    ticks = [tick(t, x, contacts=() if x == 90.0 else hit(int(t) + 3, "vehicle.a", x)) for t, x in around]
    assert kinds(Collision(), ticks) == [EventKind.COLLISION_VEHICLE] * 2


def test_the_place_of_a_collision_is_the_egos():
    ticks = [tick(0.0, 80.0, contacts=hit(3, "vehicle.a", 82.4)), tick(1.0, 84.0, contacts=hit(4, "vehicle.b", 88.0))]
    assert kinds(Collision(), ticks) == [EventKind.COLLISION_VEHICLE]


def test_a_kerb_counts_for_nothing_and_is_remembered_as_a_place():
    ticks = [
        tick(0.0, 80.0, contacts=hit(0, "static.sidewalk", 80.0)),
        tick(0.5, 83.0, contacts=hit(0, "static.pole", 83.0)),
    ]
    assert kinds(Collision(), ticks) == []


def test_who_stands_and_is_hit_is_not_to_blame():
    ticks = [tick(0.0, 80.0, speed=0.0), tick(0.05, 80.0, speed=0.0, contacts=hit(3, "vehicle.a", 80.0))]
    assert kinds(Collision(), ticks) == []
    creeping = [dataclasses.replace(t, velocity=(0.2, 0.0, 0.0)) for t in ticks]
    assert kinds(Collision(), creeping) == [EventKind.COLLISION_VEHICLE]


def test_an_impact_that_stops_the_ego_at_once_still_counts():
    ticks = [tick(0.0, 80.0, speed=8.0), tick(0.05, 80.3, speed=0.0, contacts=hit(3, "static.wall", 80.0))]
    assert kinds(Collision(), ticks) == [EventKind.COLLISION_LAYOUT]


def red_light():
    return RedLight(Signs(lights=(LIGHT,)), street(), 2.45)


def test_a_red_light_is_run_when_the_tail_crosses_the_line():
    red = [dataclasses.replace(t, lights=((7, RED),)) for t in driving(5.0, start_x=180.0)]
    (event,) = judge([red_light()], red)
    assert event.kind is EventKind.RED_LIGHT
    # The leaderboard tells where the light stands; the event's own place is the ego's.
    assert event.message == "Agent ran a red light 7 at (x=215.123, y=6.5, z=0.25)"
    # The tail begins 0.8 of the half length behind the middle.
    assert 200.0 + 0.8 * 2.45 <= event.location[0] <= 200.0 + 2.45 + 1.0


def test_green_lights_and_stopping_at_the_line_are_fine():
    green = [dataclasses.replace(t, lights=((7, GREEN),)) for t in driving(5.0, start_x=180.0)]
    assert kinds(red_light(), green) == []
    over_the_line_by_a_bonnet = [tick(i * 0.05, 200.5, speed=0.0, lights=((7, RED),)) for i in range(100)]
    assert kinds(red_light(), over_the_line_by_a_bonnet) == []


@pytest.mark.parametrize(("x", "runs"), [(203.4, True), (203.6, False)])
def test_a_light_that_turns_red_behind_the_tail_is_not_run(x, runs):
    """The tail ends 1 m behind the bumper."""
    assert bool(kinds(red_light(), [tick(0.0, x, lights=((7, RED),))])) == runs


@pytest.mark.parametrize(("x", "runs"), [(188.5, True), (186.5, False)])
def test_lights_whose_area_is_within_15_m_are_looked_at(x, runs):
    signs = Signs(lights=(dataclasses.replace(LIGHT, x=x),))
    over_the_line = [tick(0.0, 202.0, lights=((7, RED),))]
    assert bool(kinds(RedLight(signs, street(), 2.45), over_the_line)) == runs


@pytest.mark.parametrize("y", [-LANE_Y, LANE_Y])
def test_who_comes_the_other_way_does_not_obey_this_light_on_either_side(y):
    back = [tick(i * 0.05, 215.0 - 0.4 * i, y, yaw=180.0, lights=((7, RED),)) for i in range(80)]
    assert kinds(red_light(), back) == []


def test_the_next_lane_does_not_obey_this_light_though_its_line_reaches_over():
    beside = [dataclasses.replace(t, location=(t.location[0], 3.7, 0.0)) for t in driving(5.0, start_x=180.0)]
    assert kinds(red_light(), [dataclasses.replace(t, lights=((7, RED),)) for t in beside]) == []


def stop_sign():
    return StopSign(Signs(stops=(STOP,)), street())


def test_a_stop_sign_is_run_by_rolling_through():
    slow = driving(18.0, start_x=195.0, speed=0.5)
    (event,) = judge([stop_sign()], slow)
    assert event.kind is EventKind.STOP_SIGN
    assert event.details["sign_id"] == 9
    assert event.message == "Agent ran a stop with id=9 at (x=199.0, y=5.0, z=0.125)"


def test_standing_at_the_stop_sign_once_is_enough():
    stand = [tick(20.0 + i * 0.05, 198.0, speed=0.0) for i in range(10)]
    ticks = [*driving(1.6, 185.0), *stand, *[tick(21.0 + i * 0.05, 198.0 + 0.4 * i) for i in range(40)]]
    assert kinds(stop_sign(), ticks) == []


@pytest.mark.parametrize(("x", "runs"), [(195.0, True), (196.5, False), (201.9, False), (202.5, True)])
def test_one_has_to_stand_within_4_m_of_the_sign_and_before_its_area_ends(x, runs):
    """That is 1.2 of its size, which ends at 202.1."""
    on_the_way = [tick(i * 0.05, 185.0 + 0.4 * i) for i in range(60) if 185.0 + 0.4 * i < x]
    stand = [tick(10.0 + i * 0.05, x, speed=0.0) for i in range(10)]
    onward = [tick(11.0 + i * 0.05, x + 0.4 * i) for i in range(40)]
    assert bool(kinds(stop_sign(), [*on_the_way, *stand, *onward])) == runs


def test_standing_at_one_stop_sign_is_no_standing_at_the_next():
    signs = Signs(stops=(STOP, dataclasses.replace(STOP, sign_id=10, x=230.0)))
    stand = [tick(2.0 + i * 0.05, 198.0, speed=0.0) for i in range(10)]
    (event,) = judge([StopSign(signs, street())], [*driving(1.6, 185.0), *stand, *driving(5.0, 198.0)])
    assert event.details["sign_id"] == 10


@pytest.mark.parametrize("y", [-LANE_Y, LANE_Y])
def test_who_comes_the_other_way_does_not_obey_this_stop_sign_on_either_side(y):
    ticks = [tick(i * 0.05, 215.0 - 0.4 * i, y, yaw=180.0) for i in range(80)]
    assert kinds(stop_sign(), ticks) == []


def test_the_same_stop_sign_does_not_count_twice_in_a_row():
    again = [dataclasses.replace(t, time_s=t.time_s + 60.0) for t in driving(5.0, 185.0)]
    assert kinds(stop_sign(), driving(5.0, 185.0) + again) == [EventKind.STOP_SIGN]
    other = dataclasses.replace(STOP, sign_id=10, x=300.0)
    signs = StopSign(Signs(stops=(STOP, other)), street())
    assert kinds(signs, driving(20.0, 185.0) + again) == [EventKind.STOP_SIGN] * 3


def test_who_reverses_runs_no_stop_sign():
    forward = [tick(i * 0.05, 215.0 - 0.4 * i) for i in range(80)]
    reversing = [dataclasses.replace(t, velocity=(-8.0, 0.0, 0.0)) for t in forward]
    assert kinds(stop_sign(), reversing) == []


def test_the_area_of_a_stop_sign_lies_along_the_axes_of_the_world():
    assert STOP.contains(201.7, LANE_Y + 1.7)
    assert not STOP.contains(202.0, LANE_Y)
    assert STOP.contains(202.0, LANE_Y, scale=1.2)


def test_driving_on_the_sidewalk_is_told_in_per_cent_of_the_way():
    # Right of the right lane (edge at y = 7.0) by more than half a metre, for a quarter of the way.
    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, 7.6 if 100 < i <= 225 else 5.25) for i in range(500)]
    (event,) = judge([OutsideRouteLanes(route(), street())], ticks)
    assert event.kind is EventKind.OUTSIDE_ROUTE_LANES
    assert event.details["percentage"] == pytest.approx(25.0, abs=1.0)
    assert event.message == (
        f"Agent went outside its route lanes for about {round(event.details['distance_m'], 3)} meters "
        f"({round(event.details['percentage'], 2)}% of the completed route)"
    )
    # Readers of the leaderboard take the metres from the ninth word.
    assert float(event.message.split(" ")[8]) == pytest.approx(50.0, abs=2.0)


def test_every_metre_outside_counts_however_fast_one_drives():
    ticks = [tick(i * 0.05, 50.0 + 2.5 * i, 7.6, speed=50.0) for i in range(81)]
    (event,) = judge([OutsideRouteLanes(route(), street())], ticks)
    assert event.details["distance_m"] == pytest.approx(200.0, abs=2.5)


def test_parking_lanes_are_lanes():
    parking = carla.Map("parking", STREET.replace('type="sidewalk"', 'type="parking"'))
    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, 8.75) for i in range(500)]
    assert kinds(OutsideRouteLanes(route(), parking), ticks) == []


def test_leaving_a_junction_by_an_oncoming_lane_is_the_wrong_way_from_there_on():
    class Joined:
        def get_waypoint(self, location, lane_type):
            part = street_in_a_junction() if location.x < 150.0 else street()
            return part.get_waypoint(location, lane_type=lane_type)

    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, -LANE_Y) for i in range(500)]
    (event,) = judge([OutsideRouteLanes(route(), Joined())], ticks)
    assert event.details["percentage"] == pytest.approx(50.0, abs=1.0)


def test_leaving_the_lanes_counts_inside_a_junction_as_well():
    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, 7.9) for i in range(500)]
    (event,) = judge([OutsideRouteLanes(route(), street_in_a_junction())], ticks)
    assert event.details["percentage"] == pytest.approx(100.0)


def test_inside_a_junction_no_way_is_the_wrong_one():
    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, -LANE_Y) for i in range(500)]
    assert kinds(OutsideRouteLanes(route(), street_in_a_junction()), ticks) == []


def test_the_wheels_on_the_edge_line_are_no_infraction():
    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, 7.4) for i in range(500)]
    assert kinds(OutsideRouteLanes(route(), street()), ticks) == []


def test_driving_on_the_wrong_side_counts_from_the_centre_line_on():
    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, LANE_Y if i < 250 else -LANE_Y) for i in range(500)]
    (event,) = judge([OutsideRouteLanes(route(), street())], ticks)
    assert event.details["percentage"] == pytest.approx(50.0, abs=1.5)
    back = [
        dataclasses.replace(t, location=(t.location[0], LANE_Y, 0.0)) if i >= 375 else t for i, t in enumerate(ticks)
    ]
    (event,) = judge([OutsideRouteLanes(route(), street())], back)
    assert event.details["percentage"] == pytest.approx(25.0, abs=1.5)


def test_a_route_is_never_driven_to_more_than_all_of_it():
    length_m = 88.22447157535046  # 100 L / L is 100.00000000000001
    distance_m = np.append(route().distance_m[:-1], length_m)
    completion = RouteCompletion(dataclasses.replace(route(), distance_m=distance_m))
    completion._index = len(distance_m) - 1
    assert completion.percentage == 100.0


def test_the_route_is_complete_near_its_end():
    events = judge([RouteCompletion(route())], driving(30.0))
    assert [event.kind for event in events] == [EventKind.ROUTE_COMPLETED, EventKind.ROUTE_COMPLETION]
    assert events[0].location[0] == pytest.approx(249.0, abs=1.0)
    assert events[1].details["percentage"] == 100.0


@pytest.mark.parametrize(("aside_m", "complete"), [(9.0, True), (12.0, False)])
def test_the_end_is_not_reached_from_more_than_ten_metres_away(aside_m, complete):
    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, LANE_Y + aside_m) for i in range(520)]
    assert (EventKind.ROUTE_COMPLETED in kinds(RouteCompletion(route()), ticks)) == complete


def test_half_the_way_is_half_the_completion():
    (event,) = judge([RouteCompletion(route())], driving(12.5))
    assert event.details["percentage"] == pytest.approx(50.0, abs=1.0)


def test_a_jump_ahead_completes_nothing():
    (event,) = judge([RouteCompletion(route())], [tick(0.0, 51.0), tick(0.05, 240.0), tick(0.1, 240.1)])
    assert event.details["percentage"] < 5.0


def test_leaving_the_route_by_thirty_metres_ends_it():
    ticks = [tick(i * 0.05, 80.0, LANE_Y + 0.4 * i, yaw=90.0) for i in range(120)]
    criterion = RouteDeviation(route())
    for x in range(50, 80):
        criterion.update(tick(0.0, float(x)))
    (event,) = judge([criterion], ticks)
    assert event.kind is EventKind.ROUTE_DEVIATION
    assert event.location[1] == pytest.approx(LANE_Y + 30.0, abs=0.5)


def test_too_much_of_the_way_far_beside_the_route_ends_it():
    ticks = [tick(i * 0.05, 50.0 + 0.4 * i, LANE_Y + 15.5) for i in range(500)]
    (event,) = judge([RouteDeviation(route())], ticks)
    assert event.location[0] == pytest.approx(50.0 + 0.3 * 200.0, abs=3.0)
    nearer = [dataclasses.replace(t, location=(t.location[0], LANE_Y + 14.5, 0.0)) for t in ticks]
    assert kinds(RouteDeviation(route()), nearer) == []


def test_a_short_cut_leaves_the_route():
    """It is looked for a few points ahead alone."""
    assert kinds(RouteDeviation(route()), [tick(0.0, 51.0), tick(0.05, 240.0)]) == [EventKind.ROUTE_DEVIATION]


def test_standing_still_for_the_limit_is_blocked():
    standing = [tick(i * 0.05, 80.0, speed=0.0) for i in range(1300)]
    (event,) = judge([Blocked(60.0)], standing)
    assert event.kind is EventKind.VEHICLE_BLOCKED
    assert event.time_s == pytest.approx(60.0, abs=0.1)
    assert kinds(Blocked(60.0), [dataclasses.replace(t, velocity=(0.2, 0.0, 0.0)) for t in standing]) == []


def test_waiting_for_a_scenario_is_not_being_blocked():
    held = [tick(i * 0.05, 80.0, speed=0.0, holding_scenarios=("ParkedObstacle_1",)) for i in range(1300)]
    assert kinds(Blocked(60.0), held) == []


def test_the_time_budget_grows_with_the_way_and_shrinks_with_the_speed_limit():
    limits = Limits(route_timeout_base_s=2.0)
    creeping = driving(60.0, speed=0.5)
    at_50 = [dataclasses.replace(t, speed_limit_kmh=50.0) for t in creeping]
    at_10 = [dataclasses.replace(t, speed_limit_kmh=10.0) for t in creeping]
    (event,) = judge([RouteTimeout(limits)], at_50)
    # 2 s + 0.5 m/s t / (0.1 * 13.9 m/s) = t
    assert event.time_s == pytest.approx(2.0 / (1.0 - 0.5 / (0.1 * 50.0 / 3.6)), abs=0.2)
    (event,) = judge([RouteTimeout(limits)], creeping)  # no limit is known: 30 km/h
    assert event.time_s == pytest.approx(2.0 / (1.0 - 0.5 / (0.1 * 30.0 / 3.6)), abs=0.2)
    assert kinds(RouteTimeout(limits), at_10) == []


def test_a_scenario_that_takes_too_long_is_told_once():
    ticks = [tick(0.0, 80.0), tick(0.05, 80.0, timed_out_scenarios=("HazardAtSideLane_1",)), tick(0.1, 80.0)]
    (event,) = judge([ScenarioTimeout()], ticks)
    assert event.details["scenario"] == "HazardAtSideLane_1"


def test_driving_slower_than_the_traffic_is_told_in_per_cent():
    slow = driving(60.0, speed=4.0, background_mean_speed_mps=8.0)
    (event,) = judge([MinSpeed(route())], slow)
    assert event.kind is EventKind.MIN_SPEED
    assert event.message == "Average speed is 50.0% of the surrounding traffic's one"
    assert kinds(MinSpeed(route()), driving(60.0, background_mean_speed_mps=8.0)) == []
    assert kinds(MinSpeed(route()), driving(60.0)) == []


def slower_stretches(length_m, shares, slow_from=0.5):
    """(checkpoint, per cent) told of a way of this length, up to each of these shares of it in turn."""
    of_that_length = dataclasses.replace(route(), distance_m=np.linspace(0.0, length_m, len(route().points)))
    ticks = [
        tick(i * 0.05, 80.0, speed=4.0 if share > slow_from else 8.0, background_mean_speed_mps=8.0,
             route_progress_m=share * length_m)
        for i, share in enumerate(shares)
    ]  # fmt: skip
    return [(e.details["checkpoint"], e.details["percentage"]) for e in judge([MinSpeed(of_that_length)], ticks)]


def test_a_long_way_is_judged_in_four_stretches_each_for_itself():
    whole = np.arange(1, 401) / 400
    assert slower_stretches(2000.0, whole) == [(3, 50.0), (4, 50.0)]
    assert slower_stretches(600.0, whole) == [(2, 50.0)]


def test_the_last_stretch_is_judged_from_95_per_cent_of_the_way_and_two_seconds_on():
    assert slower_stretches(200.0, np.linspace(0.1, 0.94, 50), 0.0) == []
    assert slower_stretches(200.0, np.linspace(0.1, 0.96, 50), 0.0) == [(1, 50.0)]
    assert slower_stretches(200.0, np.linspace(0.1, 0.96, 39), 0.0) == []


def test_stopping_for_a_hazard_costs_no_mean_speed():
    waiting = [tick(i * 0.05, 80.0, speed=0.0, background_mean_speed_mps=8.0) for i in range(400)]
    at_work = [dataclasses.replace(t, active_scenarios=("DynamicObjectCrossing_1",)) for t in waiting]
    onward = driving(25.0, background_mean_speed_mps=8.0)
    assert kinds(MinSpeed(route()), waiting + onward) == [EventKind.MIN_SPEED]
    assert kinds(MinSpeed(route()), at_work + onward) == []


def test_bench2drive_sees_nothing_of_a_drive_beyond_its_cap_of_ticks():
    """Half the way in 4,000 ticks, a tenth of it on the sidewalk; then a red light and the rest of the way."""
    creep_m = 100.0 / MOST_TICKS
    slow = [tick(i * 0.05, 50.0 + i * creep_m, 7.9 if 600 <= i < 1000 else LANE_Y, 0.5) for i in range(1, MOST_TICKS)]
    fast = driving(15.0, start_x=149.98)
    late = [dataclasses.replace(t, time_s=t.time_s + 200.0, lights=((7, RED),)) for t in fast]
    criteria = criteria_for(route(), street(), Signs((LIGHT,)), Limits(), 2.45)
    events = judge(criteria, [tick(0.0, 50.0), *slow, *late])
    assert [e.kind for e in events if e.kind is not EventKind.OUTSIDE_ROUTE_LANES] == [
        EventKind.TICK_CAP,
        EventKind.RED_LIGHT,
        EventKind.ROUTE_COMPLETED,
        EventKind.ROUTE_COMPLETION,
    ]
    assert events[0].time_s == pytest.approx(199.95)
    whole, capped = (score(events, 100.0, version) for version in ("leaderboard-2.0", "bench2drive"))
    assert (whole.route_completion, whole.infraction_penalty) == (100.0, pytest.approx(0.95 * 0.7, abs=0.01))
    assert capped.route_completion == pytest.approx(50.0, abs=1.0)
    assert capped.infraction_penalty == pytest.approx(0.9, abs=0.01)


def test_a_drive_of_as_many_ticks_as_bench2drive_allows_is_whole():
    creep_m = 198.9 / MOST_TICKS
    ticks = [tick(i * 0.05, 50.0 + i * creep_m, speed=1.0) for i in range(MOST_TICKS)]
    criteria = criteria_for(route(), street(), Signs(), Limits(), 2.45)
    events = judge(criteria, [*ticks[:-1], dataclasses.replace(ticks[-1], location=(249.5, LANE_Y, 0.0))])
    assert score(events, 100.0, "bench2drive").driving_score == 100.0


def test_the_judgement_is_the_same_again_from_disk(tmp_path):
    contacts = hit(3, "walker.pedestrian.0001", 90.0)
    ticks = [dataclasses.replace(t, lights=((7, RED),), background_mean_speed_mps=9.0) for t in driving(30.0)]
    ticks[100] = dataclasses.replace(ticks[100], contacts=contacts)
    signs = Signs((LIGHT,), (STOP,))

    def events(recorded, signs):
        return judge(criteria_for(route(), street(), signs, Limits(), 2.45), recorded)

    write_ticks(tmp_path / "ticks.npz", ticks)
    again = events(read_ticks(tmp_path / "ticks.npz"), Signs.from_dict(signs.to_dict()))
    assert again == events(ticks, signs)
    assert {e.kind for e in again} >= {EventKind.COLLISION_PEDESTRIAN, EventKind.RED_LIGHT, EventKind.ROUTE_COMPLETED}


def test_in_a_live_drive_contacts_reach_every_criterion_that_reads_them_and_the_order_stays():
    @dataclasses.dataclass
    class Scrape(Criterion):
        """A user's own: every contact, whatever the last one was."""

        reads_contacts = True

        def update(self, tick):
            return [event_at(tick, EventKind.COLLISION_LAYOUT, "scrape") for _ in tick.contacts]

        def finish(self, tick):
            return []

    criteria = (Scrape(), RouteDeviation(route()), Collision())
    before = tick(1.0, 90.0, y=60.0)
    judgement = Judgement(criteria, before)
    events = judgement.events(dataclasses.replace(before, contacts=hit(3, "vehicle.a", 90.0)))
    assert [event.kind for event in events] == [
        EventKind.COLLISION_LAYOUT,
        EventKind.ROUTE_DEVIATION,
        EventKind.COLLISION_VEHICLE,
    ]
