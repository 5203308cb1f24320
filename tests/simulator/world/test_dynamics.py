"""How walkers and loose things move: up to speed, to rest, up and down."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from simulator.types import Vector3D, WalkerControl
from simulator.world.dynamics import wheel_points
from simulator.world.world import World
from tests.simulator.world.places import CAR, PEDESTRIAN, make_world, put, run

G = 9.81
BOX = "static.prop.box01"


def body_of(world: World, actor_id: int) -> Any:
    return world.bodies.rows[world.actors[actor_id].row]


def test_a_walker_gets_up_to_its_speed_at_10_m_s2_and_turns_at_8_rad_s() -> None:
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 20.0, z=0.93)
    body = body_of(world, walker)
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(-0.6, 0.8, 0.0), 2.0, False))
    run(world, 0.1, 0.01)
    assert (body["vx"], body["vy"]) == pytest.approx((-0.6, 0.8))
    assert body["yaw"] == pytest.approx(0.8)
    run(world, 0.2, 0.01)
    assert (body["vx"], body["vy"]) == pytest.approx((-1.2, 1.6))
    assert body["yaw"] == pytest.approx(math.atan2(0.8, -0.6))
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(0.6, -0.8, 0.0), 2.0, False))
    run(world, 0.1, 0.01)
    assert (body["vx"], body["vy"]) == pytest.approx((-0.6, 0.8))  # by as much on the way to another
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(0.0, 0.0, 0.0), 0.0, False))
    run(world, 0.3, 0.01)
    assert (body["vx"], body["vy"], body["wz"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("yaw_deg", [170.0, -170.0])
def test_a_walker_turns_the_short_way(yaw_deg: float) -> None:
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 20.0, yaw=yaw_deg, z=0.93)
    direction = Vector3D(-math.cos(0.2), -math.copysign(math.sin(0.2), yaw_deg), 0.0)
    world.apply_control_to_walker(walker, WalkerControl(direction, 1.0, False))
    world.step(0.01)
    assert body_of(world, walker)["wz"] == pytest.approx(math.copysign(8.0, yaw_deg))


def test_who_is_knocked_down_slides_to_rest_and_lies_after_six_tenths_of_a_second() -> None:
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 20.0, z=0.93)
    run(world, 0.05, 0.01)
    body = body_of(world, walker)
    body["down_s"], body["vx"] = 0.0, 4.0
    run(world, 0.3, 0.01)
    assert body["pitch"] == pytest.approx(math.pi / 4.0)
    assert body["vx"] == pytest.approx(4.0 - body["friction"] * G * 0.3)
    run(world, 2.0, 0.01)
    assert body["vx"] == 0.0
    assert body["pitch"] == pytest.approx(math.pi / 2.0)
    assert body["z"] == pytest.approx(0.25, abs=1e-6)


def test_what_is_loose_slides_with_its_friction_and_moves_with_the_force_on_it() -> None:
    world = make_world()
    box = put(world, BOX, 0.0, 20.0)
    run(world, 0.5, 0.01)
    body = body_of(world, box)
    grip = float(body["friction"]) * G
    body["vx"], body["vy"], body["wz"] = 3.0, -4.0, 2.0
    run(world, 0.1, 0.01)
    left = 5.0 - grip * 0.1
    assert (body["vx"], body["vy"]) == (pytest.approx(0.6 * left), pytest.approx(-0.8 * left))
    assert body["wz"] == pytest.approx(2.0 * left / 5.0)
    run(world, 5.0 / grip, 0.01)
    assert (body["vx"], body["vy"], body["wz"]) == (0.0, 0.0, 0.0)
    force = 3.0 * grip * float(body["mass"])
    for _ in range(10):
        world.add_actor_force(box, Vector3D(-0.6 * force, 0.8 * force, 0.0))
        world.step(0.01)
    gained = (3.0 - 1.0) * grip * 0.1
    assert (body["vx"], body["vy"]) == pytest.approx((-0.6 * gained, 0.8 * gained))


@pytest.mark.parametrize("blueprint", [CAR, PEDESTRIAN, BOX])
def test_what_is_in_the_air_falls_and_what_is_far_below_the_ground_stays_below(blueprint: str) -> None:
    world = make_world()
    high, below = put(world, blueprint, 0.0, 20.0, z=20.0), put(world, blueprint, 40.0, 20.0, z=-15.0)
    top, body, buried = 20.0, body_of(world, high), body_of(world, below)
    world.set_actor_location(high, Vector3D(0.0, 20.0, top))
    world.set_actor_location(below, Vector3D(40.0, 20.0, -15.0))
    run(world, 0.5, 0.01)
    assert body["vz"] == pytest.approx(-G * 0.5)
    assert body["z"] == pytest.approx(top - G * 0.5**2 / 2.0, abs=0.05)
    assert buried["z"] < -15.5
    run(world, 3.0, 0.01)
    assert (body["z"], body["vz"]) == (pytest.approx(float(body["foot"])), 0.0)


def test_what_stands_a_little_too_low_is_lifted_at_the_rate_of_a_kerb() -> None:
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    world.set_actor_location(car, Vector3D(0.0, 20.0, -0.5))
    run(world, 0.2, 0.01)
    assert body_of(world, car)["z"] == pytest.approx(-0.5 + 1.5 * 0.2)
    run(world, 0.2, 0.01)
    assert body_of(world, car)["z"] == 0.0


def test_without_gravity_a_thing_keeps_its_height_and_rises_by_a_force_alone() -> None:
    world = make_world()
    box = put(world, BOX, 0.0, 20.0, z=3.0)
    world.set_actor_enable_gravity(box, False)
    world.set_actor_location(box, Vector3D(0.0, 20.0, 3.0))
    run(world, 0.5, 0.01)
    body = body_of(world, box)
    assert (body["z"], body["vz"]) == (3.0, 0.0)
    for _ in range(10):
        world.add_actor_force(box, Vector3D(0.0, 0.0, 2.0 * float(body["mass"])))
        world.step(0.01)
    assert body["vz"] == pytest.approx(0.2)
    assert body["z"] == pytest.approx(3.0 + 2.0 * 0.1**2 / 2.0, abs=0.002)


def test_wheels_stand_at_the_corners_of_track_and_axles() -> None:
    world = make_world()
    car = put(world, CAR, 5.0, 20.0, yaw=90.0)
    row = world.actors[car].row
    drive = world.bodies.drives[row]
    points = wheel_points(world.bodies.rows, world.bodies.drives, np.array([row]))[0]
    front, rear, half = float(drive["front_m"]), float(drive["rear_m"]), 0.5 * float(drive["track_m"])
    # going along y, its right is at smaller x
    expected = [(5.0 + x, 20.0 + y) for y in (front, -rear) for x in (half, -half)]
    assert points == pytest.approx(np.array(expected))
