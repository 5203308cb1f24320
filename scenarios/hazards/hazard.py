"""What a hazard is: actors that wait beside or on the route and do something when the ego comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import carla

from scenarios.planner import RoutePlan
from scenarios.situation import Situation
from scenarios.spawning import Spawner
from scenarios.specs import ScenarioSpec


@dataclass(frozen=True)
class Place:
    """Where a hazard lives: the route, and how far along it the trigger point is."""

    world: carla.World
    carla_map: carla.Map
    plan: RoutePlan
    spec: ScenarioSpec
    trigger_m: float
    spawner: Spawner


class Hazard(Protocol):
    """One scenario of a route. `actors` exist from the start of the route; `step` is called once per tick."""

    actors: tuple[carla.Actor, ...]

    @property
    def is_unlit(self) -> bool:
        """Whether its vehicles stand without lights just now."""
        ...

    def step(self, situation: Situation) -> list[Any]:
        """Commands of `carla.command` for this tick."""
        ...

    @property
    def is_active(self) -> bool:
        """Whether it has been triggered and is not over."""
        ...

    @property
    def holds_ego(self) -> bool:
        """Whether the ego has to wait for it just now."""
        ...
