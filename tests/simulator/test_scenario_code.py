"""What scenario_runner and the leaderboard ask of a server, as their code asks it."""

from __future__ import annotations

from collections.abc import Iterator

import carla
import pytest

from simulator.proofs.traffic import synchronous
from tests.simulator.serving import running_server


@pytest.fixture(scope="module")
def world() -> Iterator[carla.World]:
    with running_server() as server:
        client = carla.Client("127.0.0.1", server.port)
        client.set_timeout(90.0)
        world = client.get_world()
        synchronous(world)
        yield world


def test_a_walker_waits_below_the_car_until_its_scenario_begins(world: carla.World) -> None:
    library = world.get_blueprint_library()
    start = world.get_map().get_spawn_points()[0]
    car = world.spawn_actor(library.find("vehicle.lincoln.mkz_2020"), start)
    world.tick()
    hits: list[carla.CollisionEvent] = []
    sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=car)
    sensor.listen(hits.append)
    below = car.get_transform()
    ground_z = below.location.z
    below.location.z -= 50.0
    walker = world.spawn_actor(library.find("walker.pedestrian.0001"), below)
    walker_with_physics = world.spawn_actor(
        library.find("walker.pedestrian.0002"), carla.Transform(below.location + carla.Location(z=-10))
    )
    world.tick()
    walker.set_simulate_physics(False)
    walker.set_location(below.location + carla.Location(z=-50))
    for _ in range(20):
        world.tick()
    assert walker.get_location().z == pytest.approx(ground_z - 100.0, abs=0.1)
    assert walker_with_physics.get_location().z < ground_z - 60.5, "it falls, as there is nothing to stand on"
    assert car.get_location().distance(start.location) < 1.0
    assert not hits
    for actor in (sensor, walker, walker_with_physics, car):
        actor.destroy()
