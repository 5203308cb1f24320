"""Spawns actors and remembers them, so that nothing outlives its route."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import carla

from scenarios.errors import ScenarioError

EGO_BLUEPRINT = "vehicle.lincoln.mkz_2020"
# Vehicles appear a little above the road and settle during the warm-up, as under the leaderboard.
DROP_M = 0.3


class Spawner:
    """Every actor of a stage comes from here and goes through `destroy_all`."""

    def __init__(self, client: carla.Client, world: carla.World) -> None:
        self._client = client
        self._world = world
        self._library = world.get_blueprint_library()
        self.actors: list[carla.Actor] = []

    def spawn(
        self,
        blueprint_id: str,
        transform: carla.Transform,
        role: str,
        attributes: Mapping[str, str] | None = None,
        parent: carla.Actor | None = None,
    ) -> carla.Actor:
        """A new actor; ScenarioError says what could not be placed where."""
        actor = self.try_spawn(blueprint_id, transform, role, attributes, parent)
        if actor is None:
            x, y = transform.location.x, transform.location.y
            raise ScenarioError(f"no room for {blueprint_id} ({role}) at ({x:.1f}, {y:.1f})")
        return actor

    def try_spawn(
        self,
        blueprint_id: str,
        transform: carla.Transform,
        role: str,
        attributes: Mapping[str, str] | None = None,
        parent: carla.Actor | None = None,
    ) -> carla.Actor | None:
        """A new actor, or None when its place is taken."""
        found = self._library.filter(blueprint_id)
        if len(found) == 0:
            raise ScenarioError(f"the server has no blueprint {blueprint_id!r}")
        blueprint = found[0]
        for name, value in {"role_name": role, **(attributes or {})}.items():
            if blueprint.has_attribute(name):
                blueprint.set_attribute(name, value)
        try:
            actor = self._world.try_spawn_actor(blueprint, transform, attach_to=parent)
        except RuntimeError as error:
            if "time-out" in str(error):  # says nothing of the actor: the drive is tried again
                raise
            raise ScenarioError(f"the server refused to spawn {blueprint_id} ({role}): {error}") from error
        if actor is not None:
            self.actors.append(actor)
        return actor

    def destroy_all(self) -> None:
        self.destroy_since(0)

    def destroy_since(self, count: int) -> None:
        """All but the first `count`: sensors, then the rest, last come first; what is gone already does not matter."""
        going = self.actors[count:]
        del self.actors[count:]
        sensors = [actor for actor in going if actor.type_id.startswith("sensor.")]
        others = [actor for actor in going if not actor.type_id.startswith("sensor.")]
        for sensor in reversed(sensors):
            with contextlib.suppress(RuntimeError):
                sensor.stop()
        commands = [carla.command.DestroyActor(actor.id) for actor in [*reversed(sensors), *reversed(others)]]
        if commands:
            with contextlib.suppress(RuntimeError):
                self._client.apply_batch_sync(commands, False)


def beside(transform: carla.Transform, right_m: float, up_m: float = 0.0, turn_deg: float = 0.0) -> carla.Transform:
    """A pose to the right of another (left when negative), turned about the vertical."""
    right = transform.get_right_vector()
    location = transform.location
    return carla.Transform(
        carla.Location(x=location.x + right_m * right.x, y=location.y + right_m * right.y, z=location.z + up_m),
        carla.Rotation(yaw=transform.rotation.yaw + turn_deg),
    )


def half_length_m(actor: carla.Actor) -> float:
    """Asks the server: not for every tick."""
    return float(actor.bounding_box.extent.x)


def speed_mps(actor: carla.Actor) -> float:
    velocity = actor.get_velocity()
    return float((velocity.x**2 + velocity.y**2 + velocity.z**2) ** 0.5)
