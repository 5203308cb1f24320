"""What the pilot takes for an obstacle: things in its way, people on their way into it, and nothing else."""

from __future__ import annotations

import math

import numpy as np

from agents.pilot.road_ahead import RoadAhead

STRAIGHT = np.stack([np.arange(120.0), np.zeros(120)], axis=1)
NOTHING = np.zeros((0, 2))
DT_S = 0.05


def after(frames: int, vehicles: np.ndarray = NOTHING, people: object = None) -> RoadAhead:
    road = RoadAhead(STRAIGHT)
    for frame in range(frames):
        seen = people(frame * DT_S) if callable(people) else NOTHING
        road.update(vehicles, seen, (10.0, 0.0, 0.0), 10, DT_S)
    return road


def test_a_vehicle_in_the_lane_is_believed_after_a_few_frames_and_not_after_one() -> None:
    ahead = np.array([[20.0, 0.6], [20.2, -0.7]])
    assert after(1, ahead).nearest_vehicle_m(10) == math.inf
    assert abs(after(6, ahead).nearest_vehicle_m(10) - 20.0) <= 1.5


def test_a_parked_car_beside_the_lane_is_passed() -> None:
    assert after(10, np.array([[20.0, 2.3]])).nearest_vehicle_m(10) == math.inf


def test_a_vehicle_that_has_gone_is_forgotten_within_a_second() -> None:
    road = after(10, np.array([[20.0, 0.0]]))
    for _ in range(20):
        road.update(NOTHING, NOTHING, (10.0, 0.0, 0.0), 10, DT_S)
    assert road.nearest_vehicle_m(10) == math.inf


def test_a_person_in_the_lane_stops_the_pilot() -> None:
    road = after(5, people=lambda time_s: np.array([[15.0, 0.5]]))
    assert abs(road.nearest_person_m(10, 7.0) - 15.0) <= 1.5


def test_a_person_walking_along_the_sidewalk_does_not() -> None:
    road = after(30, people=lambda time_s: np.array([[15.0 + 1.4 * time_s, 3.4]]))
    assert road.nearest_person_m(10, 7.0) == math.inf


def test_a_person_about_to_step_out_does_before_reaching_the_lane() -> None:
    road = after(20, people=lambda time_s: np.array([[20.0, 4.5 - 1.5 * time_s]]))
    assert abs(road.nearest_person_m(10, 7.0) - 20.0) <= 2.0


def test_positions_follow_the_pose_of_the_vehicle() -> None:
    road = RoadAhead(STRAIGHT)
    for _ in range(6):  # the vehicle looks to the right: straight ahead of it is the side of the road
        road.update(np.array([[20.0, 0.0]]), NOTHING, (10.0, 0.0, math.pi / 2), 10, DT_S)
    assert road.nearest_vehicle_m(10) == math.inf


def test_what_is_seen_in_front_of_the_bonnet_alone_is_no_vehicle() -> None:
    wall = np.array([[4.0, -0.8], [4.0, 0.0], [4.0, 0.8]])
    assert after(20, wall).nearest_vehicle_m(10) == math.inf


def test_a_vehicle_that_was_approached_stays_believed_in_front_of_the_bonnet() -> None:
    road = RoadAhead(STRAIGHT)
    for index in range(10, 22):  # it stands at 26 m
        for _ in range(3):
            rear = np.array([[26.0 - index, -0.8], [26.0 - index, 0.0], [26.0 - index, 0.8]])
            road.update(rear, NOTHING, (float(index), 0.0, 0.0), index, DT_S)
    assert abs(road.nearest_vehicle_m(21) - 5.0) <= 1.5
    for _ in range(30):
        road.update(np.array([[4.0, -0.8], [4.0, 0.8]]), NOTHING, (22.0, 0.0, 0.0), 22, DT_S)
    assert abs(road.nearest_vehicle_m(22) - 4.0) <= 1.5
