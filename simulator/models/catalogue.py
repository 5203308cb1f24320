"""Which model an actor of a given blueprint has."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache

from simulator.models.actor_model import ActorModel, actor_model
from simulator.models.cycles import CYCLES, build_cycle
from simulator.models.people import build_walker
from simulator.models.poses import MARK, build_posed
from simulator.models.props import PROPS, build_prop
from simulator.models.signals import (
    MAST_HALF_M,
    build_speed_limit,
    build_stop_sign,
    build_traffic_light,
    build_yield_sign,
)
from simulator.models.vehicles import VEHICLES, build_vehicle
from simulator.world.blueprints.props import prop_tag
from simulator.world.blueprints.walkers import WALKERS

SIGNALS: tuple[str, ...] = (
    "traffic.traffic_light",
    "traffic.stop",
    "traffic.yield",
    *(f"traffic.speed_limit.{kmh}" for kmh in range(20, 131, 10)),
)

MODELS: tuple[str, ...] = (*VEHICLES, *CYCLES, *WALKERS, *PROPS, *SIGNALS)
"""Every blueprint id that has a model of its own."""

FALLBACKS: tuple[tuple[str, str], ...] = (
    ("vehicle.", "vehicle.lincoln.mkz_2020"),
    ("walker.", "walker.pedestrian.0003"),
    ("traffic.traffic_light", "traffic.traffic_light"),
    ("traffic.speed_limit", "traffic.speed_limit.30"),
    ("traffic.", "traffic.stop"),
    ("static.", "static.prop.box01"),
)


def model_of(blueprint_id: str) -> ActorModel:
    """The model of a blueprint; unknown ones look like the nearest kind: a saloon, an adult, a box.

    Names from `poses.posed_name` are walkers in a pose.
    """
    if blueprint_id.startswith("static.prop."):
        return _prop(blueprint_id)
    if blueprint_id in MODELS:
        return _build(blueprint_id)
    if MARK in blueprint_id:
        return _posed(blueprint_id)
    for prefix, stand_in in FALLBACKS:
        if blueprint_id.startswith(prefix):
            return _build(stand_in)
    raise KeyError(f"no model for blueprint {blueprint_id!r}: it is neither a vehicle, walker, prop nor traffic sign")


@lru_cache(maxsize=64)
def _posed(name: str) -> ActorModel:
    return actor_model([build_posed(name)])


@cache
def _prop(blueprint_id: str) -> ActorModel:
    """One tag for the whole thing, whatever its parts are made of: its actor's."""
    shape = _build(blueprint_id if blueprint_id in PROPS else dict(FALLBACKS)["static."])
    return replace(shape, tag=prop_tag(blueprint_id))


@cache
def _build(blueprint_id: str) -> ActorModel:
    if blueprint_id in VEHICLES:
        return actor_model([build_vehicle(blueprint_id)])
    if blueprint_id in CYCLES:
        return actor_model(build_cycle(blueprint_id))
    if blueprint_id in WALKERS:
        return actor_model(build_walker(int(blueprint_id.rsplit(".", 1)[1])))
    if blueprint_id in PROPS:
        return actor_model([build_prop(blueprint_id)])
    if blueprint_id == "traffic.traffic_light":
        return replace(actor_model([build_traffic_light()]), foot=MAST_HALF_M)
    if blueprint_id == "traffic.stop":
        return actor_model([build_stop_sign()])
    if blueprint_id == "traffic.yield":
        return actor_model([build_yield_sign()])
    return actor_model([build_speed_limit()])
