"""Traffic lights take turns; vehicles know which one they stand at and how fast they may go."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields, replace

import numpy as np
import pytest

from simulator.towns.town import LaneSamples
from simulator.types import Rotation, TrafficLightState, Transform, Vector3D
from simulator.world.approach import SpeedLimits
from tests.simulator.world.places import CAR, JUNCTION, make_town, make_world, put, run

RED, YELLOW, GREEN = TrafficLightState.RED, TrafficLightState.YELLOW, TrafficLightState.GREEN


def _lights(world):
    """Actor ids by phase."""
    ids = [int(light) for light in world.light_ids]
    return {
        phase: [ids[k] for k, site in enumerate(world.town.traffic_lights) if site.phase == phase] for phase in (0, 1)
    }


def _state(world, light):
    return TrafficLightState(int(world.signals.states[world.actors[light].row]))


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_crossing_traffic_never_has_green_or_yellow_together_and_everyone_gets_green(seed):
    world = make_world(seed)
    phases = _lights(world)
    served = set()
    for _ in range(1200):
        world.step(0.05)
        going = {phase for phase, lights in phases.items() if any(_state(world, light) != RED for light in lights)}
        assert len(going) <= 1
        for lights in phases.values():
            assert len({_state(world, light) for light in lights}) == 1
            if _state(world, lights[0]) == GREEN:
                served.add(lights[0])
    assert len(served) == 2


def test_colours_come_in_order_and_for_as_long_as_set():
    world = make_world()
    lights = _lights(world)
    for light in (lights[0][0], lights[1][0]):
        world.set_traffic_light_green_time(light, 4.0)
        world.set_traffic_light_yellow_time(light, 1.0)
        world.set_traffic_light_red_time(light, 0.5)
    run(world, 30.0)
    seen = []
    for _ in range(600):
        world.step(0.05)
        seen.append(_state(world, lights[0][1]))  # times hold for the whole phase
    runs, start = [], 0
    for k in range(1, len(seen)):
        if seen[k] != seen[start]:
            runs.append((seen[start], k - start))
            start = k
    assert runs[4:7] == runs[1:4]
    lengths = dict(runs[1:4])
    assert lengths[GREEN] == 80
    assert lengths[YELLOW] == 20
    assert lengths[RED] == 120  # its own all-red, the other's green, yellow and all-red
    order = [state for state, _ in runs]
    assert all(b == {GREEN: YELLOW, YELLOW: RED, RED: GREEN}[a] for a, b in itertools.pairwise(order))


def test_the_seed_sets_where_the_cycle_starts():
    starts = {make_world(seed).signals.elapsed_s()[0] for seed in range(4)}
    assert len(starts) == 4
    assert make_world(3).signals.elapsed_s()[0] == make_world(3).signals.elapsed_s()[0]


def test_frozen_lights_stay_and_obey_the_client():
    world = make_world()
    light = _lights(world)[0][0]
    world.freeze_all_traffic_lights(True)
    world.set_traffic_light_state(light, GREEN)
    run(world, 30.0)
    assert _state(world, light) == GREEN
    rows = world.snapshot_rows()
    row = rows[rows["id"] == light][0]
    assert row["light.time_is_frozen"] == 1
    assert row["light.state"] == GREEN
    assert row["sign_id"] == b"100"
    world.freeze_all_traffic_lights(False)
    run(world, 60.0)
    world.reset_all_traffic_lights()
    assert world.signals.elapsed_s()[0] == make_world().signals.elapsed_s()[0]


def test_a_group_is_its_junction():
    world = make_world()
    phases = _lights(world)
    assert set(world.get_group_traffic_lights(phases[0][0])) == {*phases[0], *phases[1]}
    assert all(3.0 < box.location.z + box.extent.z < 6.5 for box in world.get_light_boxes(phases[0][0]))


def _on_approach(world, metres_before_line, travel_yaw=0.0, lane=2.0):
    """A car whose front is so far before the stop line of the light for `travel_yaw`."""
    yaw = math.radians(travel_yaw)
    ahead, right = (math.cos(yaw), math.sin(yaw)), (-math.sin(yaw), math.cos(yaw))
    world.step(0.05)
    car = put(world, CAR, -300.0, 100.0)
    back = 10.0 + metres_before_line + world.actors[car].bounding_box.extent.x
    x = JUNCTION[0] - back * ahead[0] + lane * right[0]
    y = JUNCTION[1] - back * ahead[1] + lane * right[1]
    world.set_actor_transform(car, Transform(Vector3D(x, y, 0.0), Rotation(yaw=travel_yaw)))
    world.step(0.05)
    rows = world.snapshot_rows()
    return rows[rows["id"] == car][0]


@pytest.mark.parametrize(("k", "yaw"), enumerate((0.0, 90.0, 180.0, -90.0)))
def test_a_car_before_the_stop_line_is_at_its_own_light(k, yaw):
    world = make_world()
    row = _on_approach(world, 4.0, yaw)
    assert row["vehicle.has_traffic_light"] == 1
    assert row["vehicle.traffic_light_id"] == world.light_ids[k]
    assert row["vehicle.traffic_light_state"] == world.signals.states[k]


@pytest.mark.parametrize(("metres", "lane"), [(12.0, 2.0), (-4.0, 2.0), (4.0, -2.0)])
def test_a_car_too_far_through_or_in_the_other_lane_is_at_none(metres, lane):
    row = _on_approach(make_world(), metres, lane=lane)
    assert row["vehicle.has_traffic_light"] == 0
    assert row["vehicle.traffic_light_id"] == 0
    assert row["vehicle.traffic_light_state"] == GREEN


def test_a_car_just_over_the_line_still_sees_the_light():
    assert _on_approach(make_world(), -1.0)["vehicle.has_traffic_light"] == 1


def test_the_speed_limit_is_that_of_the_lane():
    world = make_world()
    fast, slow = put(world, CAR, 0.0, 2.0), put(world, CAR, 0.0, -215.0)
    world.step(0.05)
    rows = world.snapshot_rows()
    limits = {int(row["id"]): float(row["vehicle.speed_limit"]) for row in rows if row["id"] in (fast, slow)}
    assert limits == {fast: 50.0, slow: 30.0}


def test_the_limit_on_a_bridge_is_not_that_of_the_road_below():
    lanes = make_town().lanes
    below = replace(lanes, xyz=lanes.xyz - np.float32([0.0, 0.0, 6.0]), speed_limit_kmh=lanes.speed_limit_kmh * 2)
    both = {f.name: np.concatenate([getattr(below, f.name), getattr(lanes, f.name)]) for f in fields(lanes)}
    limits = SpeedLimits(LaneSamples(**both))
    x, y, z = (float(v) for v in lanes.xyz[0])
    places = np.array([[x, y, z], [x, y, z - 6.0], [x, y, z + 50.0]])
    own = float(lanes.speed_limit_kmh[0])
    assert limits.kmh(places, np.full(3, 7.0)).tolist() == [own, 2.0 * own, 7.0]


def test_signs_are_actors():
    world = make_world()
    kinds = {actor.type_id for actor in world.actors.values()}
    assert {"traffic.traffic_light", "traffic.stop", "traffic.speed_limit.50"} <= kinds
    rows = {int(row["id"]): row for row in world.snapshot_rows()}
    stop = next(actor for actor in world.actors.values() if actor.type_id == "traffic.stop")
    assert rows[stop.id]["sign_id"] == b"200"
    assert stop.record().bounding_box.extent == Vector3D(2.0, 2.0, 1.0)


def test_a_car_far_from_every_lane_keeps_the_limit_it_had():
    world = make_world()
    fast = put(world, CAR, 0.0, 2.0)
    world.step(0.05)
    world.set_actor_transform(fast, Transform(Vector3D(5000.0, 5000.0, 0.0)))
    world.step(0.05)
    rows = world.snapshot_rows()
    assert rows[rows["id"] == fast]["vehicle.speed_limit"][0] == 50.0
