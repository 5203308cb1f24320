"""Traffic for trials: vehicles of the client's Traffic Manager and walkers that stroll, all from one seed."""

from __future__ import annotations

import math
import random
import socket
from dataclasses import dataclass, field

import carla

DELTA_S = 0.05


def synchronous(world: carla.World, delta_s: float = DELTA_S, rendering: bool = True) -> None:
    """Makes the client's ticks the world's steps."""
    settings = world.get_settings()
    if (settings.synchronous_mode, settings.fixed_delta_seconds, not settings.no_rendering_mode) == (
        True,
        delta_s,
        rendering,
    ):
        return  # the client would wait a second for a step that nobody takes
    settings.synchronous_mode, settings.fixed_delta_seconds = True, delta_s
    settings.no_rendering_mode = not rendering
    world.apply_settings(settings)


def traffic_manager(client: carla.Client, seed: int) -> carla.TrafficManager:
    """One of the client's own, in step with its ticks, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    manager = client.get_trafficmanager(port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(seed)
    return manager


def spawn_vehicles(
    client: carla.Client, world: carla.World, manager: carla.TrafficManager, count: int, rng: random.Random
) -> list[int]:
    """Ids of up to `count` vehicles of all models on the map's spawn points, under the Traffic Manager."""
    points = world.get_map().get_spawn_points()
    rng.shuffle(points)
    models = sorted(world.get_blueprint_library().filter("vehicle.*"), key=lambda blueprint: blueprint.id)
    batch = []
    for point in points[:count]:
        autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, manager.get_port())
        batch.append(carla.command.SpawnActor(rng.choice(models), point).then(autopilot))
    responses = client.apply_batch_sync(batch, False)
    ids = [response.actor_id for response in responses if not response.error]
    for vehicle in world.get_actors(ids):
        manager.update_vehicle_lights(vehicle, True)
    return ids


@dataclass
class Walkers:
    """Walkers that get a new direction now and then, each at its own time."""

    rng: random.Random
    actors: list[carla.Actor] = field(default_factory=list)

    def spawn(self, world: carla.World, count: int) -> None:
        """Up to `count`, beside the road."""
        points = world.get_map().get_spawn_points()
        models = sorted(world.get_blueprint_library().filter("walker.*"), key=lambda blueprint: blueprint.id)
        for _ in range(8 * count):
            if len(self.actors) == count:
                return
            point = self.rng.choice(points)
            # a point may be drawn again and has to stay where it is
            where = point.location + point.get_right_vector() * self.rng.uniform(3.0, 6.0)
            where += point.get_forward_vector() * self.rng.uniform(-10.0, 10.0)
            where.z += 1.0
            walker = world.try_spawn_actor(self.rng.choice(models), carla.Transform(where, point.rotation))
            if walker is not None:
                self.actors.append(walker)

    def stroll(self, client: carla.Client, tick: int, every: int = 40) -> None:
        """Sends those whose turn it is off in a new direction, most of them at a walk."""
        batch = []
        for k, walker in enumerate(self.actors):
            if (tick + 7 * k) % every == 0:
                heading, speed = self.rng.uniform(-math.pi, math.pi), self.rng.choice((0.0, 1.2, 1.4, 2.5))
                direction = carla.Vector3D(math.cos(heading), math.sin(heading), 0.0)
                batch.append(carla.command.ApplyWalkerControl(walker.id, carla.WalkerControl(direction, speed)))
        if batch:
            client.apply_batch_sync(batch, False)
