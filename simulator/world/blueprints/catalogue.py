"""The blueprint library: every id a client can ask for, and the shape of what it then gets."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Literal

from simulator import models
from simulator.models.palettes import parse_color
from simulator.types import (
    LARGEST_FLOAT,
    ActorAttribute,
    ActorDefinition,
    ActorDescription,
    AttributeType,
    BoundingBox,
    CityObjectLabel,
    Vector3D,
)
from simulator.world.blueprints import props, sensors, vehicles, walkers
from simulator.world.blueprints.attributes import numbers, role_name
from simulator.world.blueprints.vehicles import VEHICLES

CONTROLLER = "controller.ai.walker"
FRICTION_TRIGGER = "static.trigger.friction"
SPECTATOR = "spectator"
WALKER_ORIGIN_M = 0.93  # of an adult's middle above the ground
_WALKER_HALF = (0.19, 0.19)


def _attributes() -> dict[str, tuple[ActorAttribute, ...]]:
    ids: dict[str, tuple[ActorAttribute, ...]] = {}
    ids |= {name: vehicles.attributes(name) for name in VEHICLES}
    ids |= {name: walkers.attributes(name) for name in walkers.WALKERS}
    ids |= {name: sensors.attributes(name) for name in sensors.SENSORS}
    ids |= {name: props.attributes(name) for name in props.PROPS}
    ids[CONTROLLER] = (role_name("controller"),)
    ids[FRICTION_TRIGGER] = (role_name("trigger"), *numbers(friction=3.5, extent_x=1.0, extent_y=1.0, extent_z=1.0))
    return ids


@cache
def definitions() -> tuple[ActorDefinition, ...]:
    """All blueprints, by id; the uid is the place in this order, from 1."""
    found = sorted(_attributes().items())
    return tuple(
        ActorDefinition(uid, name, ",".join(name.split(".")), attributes)
        for uid, (name, attributes) in enumerate(found, 1)
    )


@cache
def definitions_by_id() -> dict[str, ActorDefinition]:
    return {definition.id: definition for definition in definitions()}


def fault_of(description: ActorDescription) -> str:
    """What is wrong with a description, or nothing: unknown blueprint, values that do not read as their type."""
    definition = definitions_by_id().get(description.id)
    if definition is None:
        return f"no blueprint {description.id!r}"
    kinds = {attribute.id: attribute.type for attribute in definition.attributes}
    for attribute in description.attributes:
        if not _reads_as(attribute.value, kinds.get(attribute.id, attribute.type)):
            return f"{attribute.id}={attribute.value!r}"
    return ""


def with_whole_numbers(description: ActorDescription) -> ActorDescription:
    """`channels=64.0` is 64, as CARLA's server reads it; what is no number at all stays as it is, for `fault_of`."""
    definition = definitions_by_id().get(description.id)
    if definition is None:
        return description
    whole = {attribute.id for attribute in definition.attributes if attribute.type == AttributeType.INT}
    values = (replace(a, value=_cut(a.value)) if a.id in whole else a for a in description.attributes)
    return replace(description, attributes=tuple(values))


def _cut(value: str) -> str:
    try:
        return str(int(float(value)))
    except (ValueError, OverflowError):
        return value


def _reads_as(value: str, kind: AttributeType | Literal[0]) -> bool:
    try:
        if kind == AttributeType.BOOL:
            return value.lower() in ("true", "false", "1", "0")
        if kind == AttributeType.INT:
            int(value)
        elif kind == AttributeType.FLOAT:
            return abs(float(value)) <= LARGEST_FLOAT
        elif kind == AttributeType.COLOR:
            parse_color(value)
    except ValueError:
        return False
    return True


_BOX_BY_TYPE = {
    "car": (2.3, 0.95, 0.75),
    "van": (2.6, 1.0, 1.1),
    "truck": (3.6, 1.3, 1.6),
    "bus": (5.1, 1.45, 1.65),
    "motorcycle": (1.1, 0.4, 0.8),
    "bicycle": (0.9, 0.3, 0.85),
}


@cache
def bounding_box(blueprint_id: str) -> BoundingBox:
    """The box of a vehicle, walker or prop in its own frame: that of its model where it has one."""
    if blueprint_id in models.MODELS:
        model = models.model_of(blueprint_id)
        if blueprint_id.startswith("walker."):  # CARLA boxes the trunk, not the swinging arms and legs
            return BoundingBox(Vector3D(0.0, 0.0, model.centre.z), Vector3D(*_WALKER_HALF, model.extent.z))
        return BoundingBox(model.centre, model.extent)
    if blueprint_id in VEHICLES:
        return _standing(_BOX_BY_TYPE[VEHICLES[blueprint_id].base_type])
    if blueprint_id in props.PROPS:
        return _standing(props.PROPS[blueprint_id].extent)
    if blueprint_id.startswith("walker."):
        return BoundingBox(
            Vector3D(), Vector3D(*_WALKER_HALF, 0.55 if walkers.age(blueprint_id) == "child" else WALKER_ORIGIN_M)
        )
    return BoundingBox()


def _standing(extent: tuple[float, float, float]) -> BoundingBox:
    return BoundingBox(Vector3D(0.0, 0.0, extent[2]), Vector3D(*extent))


def semantic_tags(blueprint_id: str) -> bytes:
    """The labels of `CityObjectLabel`, one byte each."""
    if blueprint_id in VEHICLES:
        return vehicles.semantic_tags(blueprint_id)
    if blueprint_id.startswith("walker."):
        return bytes([CityObjectLabel.PEDESTRIANS])
    if blueprint_id.startswith("static.prop."):
        return bytes([props.prop_tag(blueprint_id)])
    if blueprint_id == "traffic.traffic_light":
        return bytes([CityObjectLabel.TRAFFIC_LIGHT])
    if blueprint_id.startswith("traffic."):
        return bytes([CityObjectLabel.TRAFFIC_SIGNS])
    return b""
