"""What can be told of a scenario's routes before the first process starts."""

from __future__ import annotations

from collections.abc import Sequence

import carla

from scenarios.definition import ScenarioDefinition
from scenarios.errors import ScenarioError
from scenarios.fitting import plan_route, triggers
from scenarios.routes import RouteSpec


def check_routes(definition: ScenarioDefinition, routes: Sequence[RouteSpec]) -> None:
    """Whether the embedded simulator has the town, and the town the routes: the workers would find out one by one."""
    from simulator.towns import build_town

    try:
        town = build_town(definition.town)
    except ValueError as error:
        raise ScenarioError(f"{definition.source}: town: {error}") from error
    carla_map = carla.Map(town.name, town.opendrive)
    for spec in routes:
        triggers(plan_route(carla_map, spec), spec)
