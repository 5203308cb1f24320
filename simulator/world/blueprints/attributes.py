"""Short forms of the attributes that blueprints share."""

from __future__ import annotations

from simulator.types import ActorAttribute, AttributeType


def constant(name: str, kind: AttributeType, value: str) -> ActorAttribute:
    return ActorAttribute(name, kind, value, (), is_modifiable=False)


def choice(name: str, kind: AttributeType, value: str, recommended: tuple[str, ...] = ()) -> ActorAttribute:
    """One that a client may set; where nothing else is recommended the default is, as by CARLA's server."""
    return ActorAttribute(name, kind, value, recommended or (value,))


def role_name(value: str, recommended: tuple[str, ...] = ()) -> ActorAttribute:
    return choice("role_name", AttributeType.STRING, value, recommended)


def numbers(**values: float | int | bool | str) -> tuple[ActorAttribute, ...]:
    """Attributes whose type is that of their default."""
    kinds = {bool: AttributeType.BOOL, int: AttributeType.INT, float: AttributeType.FLOAT, str: AttributeType.STRING}
    return tuple(choice(name, kinds[type(value)], str(value).lower()) for name, value in values.items())
