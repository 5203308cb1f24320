"""Walkers go where they are told, on their feet."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from simulator.models import model_of
from simulator.types import Rotation, Transform, Vector3D, WalkerControl
from simulator.world import looks
from simulator.world.blueprints.walkers import WALKERS
from tests.simulator.world.places import CAR, PEDESTRIAN, make_world, put, run, speed


@pytest.mark.parametrize("yaw", [0.0, 90.0, -135.0])
def test_walks_at_the_asked_speed_and_looks_where_it_goes(yaw):
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=1.2)
    run(world, 1.0)
    start = world.transform_of(walker).location
    way = Vector3D(7.0 * math.cos(math.radians(yaw)), 7.0 * math.sin(math.radians(yaw)), 0.0)
    world.apply_control_to_walker(walker, WalkerControl(way, 0.2))  # its length counts, as on CARLA
    run(world, 10.0)
    end = world.transform_of(walker)
    assert math.hypot(end.location.x - start.x, end.location.y - start.y) == pytest.approx(14.0, abs=0.3)
    assert end.rotation.yaw == pytest.approx(yaw, abs=1.0)
    assert end.location.z == pytest.approx(0.93, abs=0.02)


@pytest.mark.parametrize("blueprint", [PEDESTRIAN, CAR, "static.prop.trafficcone01"])
def test_what_a_client_moves_by_hand_has_the_speed_of_its_way_and_no_acceleration(blueprint):
    world = make_world()
    moved = put(world, blueprint, 0.0, 0.0, z=0.93)
    world.set_actor_simulate_physics(moved, False)
    told = []
    for k in range(8):
        world.set_actor_transform(moved, Transform(Vector3D(0.1 * min(k, 5), 0.0, 0.93)))
        world.step(0.05)
        row = next(r for r in world.snapshot_rows() if r["id"] == moved)
        told.append((float(np.linalg.norm(row["velocity"])), float(np.linalg.norm(row["acceleration"]))))
    assert told[3:5] == [(pytest.approx(2.0), 0.0)] * 2
    assert told[6:] == [(0.0, 0.0)] * 2


def test_stands_still_when_told_to():
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93)
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(1.0, 0.0, 0.0), 3.0))
    run(world, 2.0)
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(1.0, 0.0, 0.0), 0.0))
    run(world, 1.0)
    before = world.transform_of(walker)
    run(world, 1.0)
    assert world.transform_of(walker) == before
    assert speed(world, walker) == 0.0


def test_steps_onto_the_sidewalk():
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 47.0, z=0.93)
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(0.0, 1.0, 0.0), 1.4))
    run(world, 5.0)
    assert world.transform_of(walker).location.z == pytest.approx(0.93 + 0.15, abs=0.02)


@pytest.mark.parametrize("blueprint", WALKERS[::10])
def test_every_walker_stands_with_its_feet_on_the_ground(blueprint):
    world = make_world()
    walker = put(world, blueprint, 0.0, 0.0, z=2.0)
    run(world, 2.0)
    box = world.actors[walker].bounding_box
    assert world.transform_of(walker).location.z + box.location.z - box.extent.z == pytest.approx(0.0, abs=1e-6)


def test_the_stride_goes_on_with_the_distance_and_rests_with_the_walker():
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93)
    phases = []
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(1.0, 0.0, 0.0), 1.4))
    for _ in range(60):
        world.step(0.05)
        phases.append(float(world.view().gait[0]))
    assert all(0.0 <= phase < 1.0 for phase in phases)
    turns = sum(b < a for a, b in itertools.pairwise(phases))
    assert 2 <= turns <= 4  # two to four strides in 4.2 m
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(1.0, 0.0, 0.0), 0.0))
    run(world, 0.5)
    resting = float(world.view().gait[0])
    run(world, 0.5)
    assert float(world.view().gait[0]) == resting


def test_the_clients_walker_ai_can_carry_it():
    """As the client does: physics and collisions off, then a pose per tick."""
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93)
    world.set_actor_simulate_physics(walker, False)
    world.set_actor_collisions(walker, False)
    for k in range(20):
        world.apply_walker_state(walker, Transform(Vector3D(0.07 * k, 0.0, 0.93), Rotation(yaw=0.0)), 1.4)
        world.step(0.05)
    assert world.transform_of(walker).location.x == pytest.approx(0.07 * 19)
    assert speed(world, walker) == pytest.approx(1.4)
    row = world.snapshot_rows()
    row = row[row["id"] == walker][0]
    assert row["walker.speed"] == pytest.approx(1.4)
    assert 0.5 < world.view().gait[0] < 1.0


def test_who_was_led_by_the_clients_walker_ai_can_be_steered_by_hand_and_led_again():
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93)
    for _ in range(2):
        world.set_actor_simulate_physics(walker, False)
        x = world.transform_of(walker).location.x
        for k in range(10):
            world.apply_walker_state(walker, Transform(Vector3D(x + 0.07 * k, 0.0, 0.93)), 1.4)
            world.step(0.05)
            assert world.transform_of(walker).location.x == pytest.approx(x + 0.07 * k)
        world.apply_control_to_walker(walker, WalkerControl(Vector3D(1.0, 0.0, 0.0), 2.0))
        run(world, 2.0)
        assert world.transform_of(walker).location.x > x + 4.0
    world.set_actor_simulate_physics(walker, False)  # CARLA's walkers do not care
    run(world, 0.5)
    assert speed(world, walker) == pytest.approx(2.0)


def test_a_unit_vector_of_32_bits_is_walked_along_at_the_very_speed():
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93)
    x, y = float(np.float32(math.cos(0.7))), float(np.float32(math.sin(0.7)))
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(x, y, 0.0), 1.3))
    body = world.bodies.rows[world.actors[walker].row]
    assert (body["want_vx"], body["want_vy"]) == (x * (1.3 / math.hypot(x, y)), y * (1.3 / math.hypot(x, y)))


def test_jumps_and_lands():
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93)
    run(world, 0.2)
    world.apply_control_to_walker(walker, WalkerControl(Vector3D(1.0, 0.0, 0.0), 0.0, jump=True))
    highest = 0.0
    for _ in range(30):
        world.step(0.05)
        highest = max(highest, world.transform_of(walker).location.z)
    assert 1.3 < highest < 2.2
    assert world.transform_of(walker).location.z == pytest.approx(0.93, abs=0.02)


def test_a_dead_walker_lies_down():
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93)
    world.set_actor_dead(walker)
    run(world, 2.0)
    assert world.transform_of(walker).location.z < 0.5


def _raise_arm(world, walker):
    relative = {bone.name: bone.relative for bone in world.get_bones_transform(walker)}
    up = Transform(relative["crl_arm__R"].location, Rotation(roll=150.0))
    world.set_bones_transform(walker, (("crl_arm__R", up),))


def test_cameras_see_the_pose_that_a_client_blends_in():
    world = make_world()
    walker, other = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93), put(world, PEDESTRIAN, 5.0, 0.0, z=0.93)
    run(world, 0.2)
    _raise_arm(world, walker)
    view = world.view()
    k, m = (view.ids.tolist().index(actor) for actor in (walker, other))
    assert view.models[k] == PEDESTRIAN  # set, but not to be seen yet
    tops = []
    for blend in (0.5, 1.0):
        world.blend_pose(walker, blend)
        view = world.view()
        assert view.models[m] == PEDESTRIAN
        tops.append(float(model_of(view.models[k]).frames[0].vertices[:, 2].max()))
    assert tops[1] > model_of(PEDESTRIAN).frames[0].vertices[:, 2].max() + 0.1
    world.blend_pose(walker, 0.0)
    assert world.view().models[k] == PEDESTRIAN


def test_a_client_that_poses_for_ever_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(looks, "MOST_POSES", 3)
    world = make_world()
    walker = put(world, PEDESTRIAN, 0.0, 0.0, z=0.93)
    run(world, 0.2)
    _raise_arm(world, walker)
    seen = []
    for step in range(6):
        world.blend_pose(walker, 0.1 + 0.15 * step)
        seen.append(world.view().models[0])
    assert len(set(seen[:3])) == 3
    assert set(seen[3:]) == {PEDESTRIAN}
