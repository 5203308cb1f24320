"""What runs into what, what happens then and who is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import box as rectangle

from simulator.types import Rotation, Transform, Vector3D, VehicleControl, WalkerControl
from simulator.world.actor import SpawnError
from simulator.world.contacts import touch
from tests.simulator.world.places import (
    CAR,
    PEDESTRIAN,
    WALL_X,
    attach,
    describe,
    make_world,
    put,
    run,
    speed,
)

SENSOR = "sensor.other.collision"

finite = st.floats(-6.0, 6.0)
size = st.floats(0.1, 4.0)
angle = st.floats(-math.pi, math.pi)


@settings(max_examples=150, deadline=None)
@given(finite, finite, angle, size, size, angle, size, size)
def test_touch_agrees_with_polygons(x, y, yaw_a, a1, a2, yaw_b, b1, b2):
    a = affinity.rotate(rectangle(-a1, -a2, a1, a2), yaw_a, use_radians=True)
    b = affinity.translate(affinity.rotate(rectangle(-b1, -b2, b1, b2), yaw_b, origin=(0, 0), use_radians=True), x, y)
    shape_a, shape_b = (math.cos(yaw_a), math.sin(yaw_a), a1, a2), (math.cos(yaw_b), math.sin(yaw_b), b1, b2)
    depth, nx, ny, _, _ = touch(0.0, 0.0, shape_a, x, y, shape_b)
    if abs(depth) < 1e-6:
        return
    assert (depth > 0.0) == (a.intersection(b).area > 0.0)
    if depth > 0.0:
        # moving b out by the depth along the normal parts them, half of it does not
        assert a.intersection(affinity.translate(b, nx * depth * 1.001, ny * depth * 1.001)).area < 1e-6
        assert a.intersects(affinity.translate(b, nx * depth * 0.5, ny * depth * 0.5))


def _collisions(world, seconds, delta_s=0.05):
    return [hit for _ in range(round(seconds / delta_s)) for hit in world.step(delta_s).collisions]


@pytest.mark.parametrize("v", [3.0, 14.0, 30.0])
def test_a_car_does_not_go_through_a_wall(v):
    world = make_world()
    car = put(world, CAR, 97.0 - 0.3 * v, 0.0)
    sensor = attach(world, SENSOR, car)
    world.set_actor_target_velocity(car, Vector3D(v, 0.0, 0.0))
    hits = _collisions(world, 3.0)
    front = world.transform_of(car).location.x + world.actors[car].bounding_box.extent.x
    assert front < WALL_X + 0.05
    assert hits
    first = hits[0]
    assert (first.sensor_actor_id, first.self_id, first.other_id) == (sensor, car, 0)
    assert first.other.description.id == "static.building"
    assert first.impulse.x < 0.0
    # what stopped it: its momentum and a little more for the bounce
    momentum = world.get_physics_control(car).mass * v
    assert 0.6 * momentum < -sum(hit.impulse.x for hit in hits) < 1.3 * momentum


def test_a_fast_car_is_stopped_by_a_thin_post():
    world = make_world()
    car = put(world, CAR, -20.0, 100.0)
    attach(world, SENSOR, car)
    world.set_actor_target_velocity(car, Vector3D(25.0, 0.0, 0.0))
    hits = _collisions(world, 2.0)
    assert {hit.other.description.id for hit in hits} == {"static.pole"}
    assert world.transform_of(car).location.x < 0.0


def test_a_parked_car_is_pushed_and_momentum_is_not_made():
    world = make_world()
    hitter, parked = put(world, CAR, 0.0, 20.0), put(world, CAR, 8.0, 20.0)
    sensors = attach(world, SENSOR, hitter), attach(world, SENSOR, parked)
    world.set_actor_target_velocity(hitter, Vector3D(10.0, 0.0, 0.0))
    hits = _collisions(world, 0.5)
    assert 0.0 < speed(world, parked) < 7.0
    assert speed(world, hitter) + speed(world, parked) <= 10.0
    by_sensor = {sensor: [hit for hit in hits if hit.sensor_actor_id == sensor] for sensor in sensors}
    assert by_sensor[sensors[0]][0].other_id == parked
    assert by_sensor[sensors[1]][0].other_id == hitter
    assert by_sensor[sensors[0]][0].impulse.x == pytest.approx(-by_sensor[sensors[1]][0].impulse.x)
    run(world, 5.0)
    a, b = world.transform_of(hitter).location.x, world.transform_of(parked).location.x
    assert b - a > 2.0 * world.actors[hitter].bounding_box.extent.x - 0.1
    assert b > 8.2


def test_a_glancing_hit_turns_the_car():
    world = make_world()
    hitter, parked = put(world, CAR, 0.0, 20.0), put(world, CAR, 9.0, 21.3)
    world.set_actor_target_velocity(hitter, Vector3D(14.0, 0.0, 0.0))
    run(world, 3.0)
    assert abs(world.transform_of(parked).rotation.yaw) > 2.0


def test_a_walker_is_knocked_down_by_a_car_and_the_car_is_told():
    world = make_world()
    car, walker = put(world, CAR, 0.0, 20.0), put(world, PEDESTRIAN, 10.0, 20.0, z=1.0)
    attach(world, SENSOR, car)
    world.set_actor_target_velocity(car, Vector3D(8.0, 0.0, 0.0))
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.3))
    hits = _collisions(world, 3.0)
    assert hits[0].other_id == walker
    assert hits[0].other.description.id == PEDESTRIAN
    assert speed(world, car) > 6.0
    place = world.transform_of(walker)
    assert place.location.x > 10.5
    assert place.rotation.pitch == pytest.approx(90.0, abs=1.0)
    assert place.location.z < 0.5


def test_walkers_that_meet_stay_on_their_feet():
    """One walks, the other runs at it; both are pushed and go on."""
    world = make_world()
    runner, other = put(world, PEDESTRIAN, 0.0, 60.0, z=1.2), put(world, PEDESTRIAN, 6.0, 60.0, z=1.2)
    world.apply_control_to_walker(runner, WalkerControl(Vector3D(1.0, 0.0, 0.0), 3.0))
    world.apply_control_to_walker(other, WalkerControl(Vector3D(-1.0, 0.0, 0.0), 1.8))
    met = False
    for _ in range(60):
        world.step(0.05)
        apart = world.transform_of(other).location.x - world.transform_of(runner).location.x
        met = met or abs(apart) < 0.5
        assert world.transform_of(runner).rotation.pitch == world.transform_of(other).rotation.pitch == 0.0
    assert met


def test_a_walker_does_not_walk_through_a_standing_car_nor_fall_over():
    world = make_world()
    car, walker = put(world, CAR, 0.0, 20.0), put(world, PEDESTRIAN, 0.0, 16.0, z=1.0)
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(0.0, 1.0, 0.0), 1.5))
    run(world, 6.0)
    box = world.actors[car].bounding_box
    assert world.transform_of(walker).location.y < 20.0 - 0.9 * box.extent.y - 0.15  # beside the mirrors
    assert world.transform_of(walker).rotation.pitch == 0.0
    assert world.transform_of(car).location.y == pytest.approx(20.0, abs=0.05)


def test_a_cone_is_pushed_aside_and_a_vending_machine_is_not():
    places = {}
    for prop in ("static.prop.trafficcone01", "static.prop.vendingmachine"):
        world = make_world()
        car, thing = put(world, CAR, 0.0, 20.0), put(world, prop, 8.0, 20.0)
        world.set_actor_target_velocity(car, Vector3D(8.0, 0.0, 0.0))
        run(world, 3.0)
        places[prop] = world.transform_of(thing).location.x, world.transform_of(car).location.x
    assert places["static.prop.trafficcone01"][0] > 10.0
    assert places["static.prop.trafficcone01"][1] > 8.0
    assert places["static.prop.vendingmachine"][0] == 8.0
    assert places["static.prop.vendingmachine"][1] < 6.0


def test_flat_litter_passes_below_a_car():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    put(world, "static.prop.dirtdebris01", 10.0, 20.0)
    attach(world, SENSOR, car)
    world.set_actor_target_velocity(car, Vector3D(8.0, 0.0, 0.0))
    assert _collisions(world, 2.0) == []


def test_without_collisions_things_pass_through_each_other():
    world = make_world()
    car, ghost = put(world, CAR, 0.0, 20.0), put(world, CAR, 12.0, 20.0)
    attach(world, SENSOR, car)
    world.set_actor_collisions(ghost, False)
    world.set_actor_target_velocity(car, Vector3D(15.0, 0.0, 0.0))
    assert _collisions(world, 2.0) == []
    assert world.transform_of(ghost).location.x == 12.0


def test_a_vehicle_without_physics_is_as_a_wall_that_moves():
    world = make_world()
    car, held = put(world, CAR, 0.0, 20.0), put(world, CAR, -10.0, 20.0)
    world.set_actor_simulate_physics(held, False)
    for k in range(60):
        world.set_actor_transform(held, Transform(Vector3D(-10.0 + 0.2 * k, 20.0, 0.0)))
        world.step(0.05)
    assert world.transform_of(car).location.x > 4.0
    assert speed(world, held) == pytest.approx(4.0)


def test_cars_of_a_pile_up_end_apart_and_at_rest():
    world = make_world()
    cars = [put(world, CAR, -6.0 * k, 20.0 + 0.1 * k) for k in range(6)]
    for k, car in enumerate(cars):
        world.set_actor_target_velocity(car, Vector3D(2.0 + 3.0 * k, 0.0, 0.0))
        world.apply_control_to_vehicle(car, VehicleControl(brake=0.3))
    run(world, 12.0)
    assert all(speed(world, car) < 0.05 for car in cars)
    shapes = []
    for car in cars:
        place, extent = world.transform_of(car), world.actors[car].bounding_box.extent
        shape = affinity.rotate(rectangle(-extent.x, -extent.y, extent.x, extent.y), place.rotation.yaw, origin=(0, 0))
        shapes.append(affinity.translate(shape, place.location.x, place.location.y))
    assert all(a.intersection(b).area < 0.2 for k, a in enumerate(shapes) for b in shapes[:k])


@pytest.mark.parametrize(("x", "y", "yaw"), [(2.0, 20.0, 0.0), (0.0, 21.0, 90.0), (WALL_X, 0.0, 0.0), (0.0, 99.0, 0.0)])
def test_spawning_into_something_solid_is_refused(x, y, yaw):
    world = make_world()
    put(world, CAR, 0.0, 20.0)
    before = len(world.actors)
    with pytest.raises(SpawnError, match="Spawn failed because of collision at spawn position"):
        world.spawn(describe(CAR), Transform(Vector3D(x, y, 0.5), Rotation(yaw=yaw)))
    assert len(world.actors) == before


def test_spawning_beside_above_and_after_destroying_is_allowed():
    world = make_world()
    first = put(world, CAR, 0.0, 20.0)
    put(world, CAR, 0.0, 23.0)
    put(world, CAR, 0.0, 20.0, z=3.0)
    world.destroy(first)
    put(world, CAR, 0.0, 20.0)
    assert np.isfinite(world.snapshot_rows()["transform"]).all()
