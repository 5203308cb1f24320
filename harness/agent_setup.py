"""Makes the agent of a drive ready, in this process or in a Python of its own, as its leaderboard does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import carla

from agents.hero import WorldWithHero
from agents.loader import (
    BUILT_IN,
    LEADERBOARD_1,
    LEADERBOARD_1_SPACING_M,
    load_agent_class,
    make_agent,
    takes_only_config,
)
from agents.outside.process import outside_agent
from agents.published import data_provider, in_the_agents_words, tell_provider_the_hero
from harness.agent_environment import config_told
from harness.cameras import LEADERBOARD_1_LENS
from harness.request import Request, name_of
from harness.server import ServerAddress
from scenarios.planner import RoutePlan, gps_plan
from scenarios.stage import Stage


@dataclass(frozen=True)
class ReadyAgent:
    """An agent that is set up. leaderboard: the one that it is of, whose limits its sensors keep to."""

    agent: Any
    track: str
    leaderboard: str
    rgb_attributes: dict[str, str]


def set_up_agent(
    request: Request, address: ServerAddress, client: carla.Client, world: carla.World, stage: Stage, route: RoutePlan
) -> ReadyAgent:
    config, python = request["config"], request["agent_python"]
    own = config["agent"] in BUILT_IN
    agent_class = None if python else load_agent_class(config["agent"])
    plans: tuple[Any, Any] = gps_plan(route, stage.carla_map), route.points
    if agent_class and not own:
        plans = in_the_agents_words(plans[0]), in_the_agents_words(plans[1])
    agent_config = config["agent_config"] if own else config_told(config["agent_config"], name_of(request))
    metric = "" if own else config["metric_version"]  # ours are of 2.x whatever scores them
    settings = address.host, address.port, agent_config, *plans, stage.ego, plan_spacing_m(config), metric
    agent: Any
    if agent_class is None:
        agent = outside_agent(python, config["agent"], *settings, seed=request["seed"], threads=request["threads"])
        is_of_config = agent.takes_only_config
    else:
        if provider := data_provider():
            provider.set_client(client)
            provider.set_world(WorldWithHero(world, stage.ego))
            tell_provider_the_hero(provider, stage.ego)
        agent = make_agent(agent_class, *settings)
        is_of_config = takes_only_config(agent_class)
    is_leaderboard_1 = metric == LEADERBOARD_1 or is_of_config
    return ReadyAgent(
        agent,
        track=getattr(agent.track, "value", str(agent.track)),
        leaderboard=LEADERBOARD_1 if is_leaderboard_1 else config["metric_version"],
        rgb_attributes=LEADERBOARD_1_LENS if is_leaderboard_1 else {},
    )


def plan_spacing_m(config: dict[str, Any]) -> float:
    """Of the thinned-out plan; 0 where the agent's class decides."""
    of_old = config["metric_version"] in (LEADERBOARD_1, "bench2drive") and config["agent"] not in BUILT_IN
    return float(config.get("plan_spacing_m") or (LEADERBOARD_1_SPACING_M if of_old else 0.0))
