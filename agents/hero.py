"""The ego vehicle as Bench2Drive's base class hands it to agents: they log its state for the benchmark's metrics."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import carla
import numpy as np


class ToldHero:
    """The ego in a Python without the simulation: as our side says it was at this tick."""

    id = 0
    type_id = "vehicle.lincoln.mkz_2020"
    is_alive = True

    def __init__(self) -> None:
        self.attributes = {"role_name": "hero"}
        self.tell(np.zeros(15))

    def tell(self, state: np.ndarray) -> None:
        """`state`: what `state_of` gives."""
        self._place, self._turn, self._velocity, self._acceleration, self._angular = state.reshape(5, 3).tolist()

    def get_world(self) -> ToldWorld:
        return ToldWorld(self)

    def get_transform(self) -> carla.Transform:
        return carla.Transform(self.get_location(), carla.Rotation(*self._turn))

    def get_location(self) -> carla.Location:
        return carla.Location(*self._place)

    def get_velocity(self) -> carla.Vector3D:
        return carla.Vector3D(*self._velocity)

    def get_acceleration(self) -> carla.Vector3D:
        return carla.Vector3D(*self._acceleration)

    def get_angular_velocity(self) -> carla.Vector3D:
        return carla.Vector3D(*self._angular)


class Actors(list):
    """What of a carla.ActorList can be had without a server."""

    def filter(self, pattern: str) -> Actors:
        return Actors(actor for actor in self if fnmatchcase(actor.type_id, pattern))


class WorldWithHero:
    """The world in which Bench2Drive's base class looks for the ego: a client lists no actor before the tick after it
    was spawned, and the agent is set up before that."""

    def __init__(self, world: carla.World, hero: carla.Vehicle) -> None:
        self._world, self._hero = world, hero

    def get_actors(self, *ids: Any) -> Any:
        actors = self._world.get_actors(*ids)
        if ids or any(actor.id == self._hero.id for actor in actors):
            return actors
        return Actors([*actors, self._hero])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)


class ToldWorld:
    """The same for a Python without the simulation: it holds the told ego alone."""

    def __init__(self, hero: ToldHero) -> None:
        self._hero = hero

    def get_actors(self) -> Actors:
        return Actors([self._hero])

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"world.{name}: the simulation itself cannot be handed to another Python")


def state_of(vehicle: Any) -> np.ndarray:
    """(15,): location, rotation (pitch, yaw, roll), velocity, acceleration, angular velocity, in CARLA's units."""
    transform = vehicle.get_transform()
    turn = transform.rotation
    moving = vehicle.get_velocity(), vehicle.get_acceleration(), vehicle.get_angular_velocity()
    place = _xyz(transform.location), [turn.pitch, turn.yaw, turn.roll]
    return np.concatenate([*place, *map(_xyz, moving)])


def metric_info(vehicle: Any) -> dict[str, list[float]]:
    """What Bench2Drive's `get_metric_info` tells of the ego; rotation is (roll, pitch, yaw) there."""
    transform = vehicle.get_transform()
    turn = transform.rotation
    return {
        "acceleration": _xyz(vehicle.get_acceleration()),
        "angular_velocity": _xyz(vehicle.get_angular_velocity()),
        "forward_vector": _xyz(transform.get_forward_vector()),
        "right_vector": _xyz(transform.get_right_vector()),
        "location": _xyz(transform.location),
        "rotation": [turn.roll, turn.pitch, turn.yaw],
    }


def _xyz(vector: Any) -> list[float]:
    return [vector.x, vector.y, vector.z]
