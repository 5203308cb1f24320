"""The pedestrians of CARLA 0.9.16: who they are and how fast they go."""

from __future__ import annotations

from simulator.types import ActorAttribute, AttributeType
from simulator.world.blueprints.attributes import choice, constant, role_name

CHILDREN = frozenset({9, 10, 11, 12, 13, 14, 48, 49})
_ELDERLY = frozenset({17, 18, 31, 33, 36, 44})
_TEENAGERS = frozenset({8, 25, 26, 40, 47})
_FEMALE = frozenset({1, *range(5, 12), 15, *range(19, 24), 31, 32, *range(35, 38), *range(40, 45), 48, 49, 50})
"""As on CARLA. The variants of one figure of its catalogue of pedestrians are of one gender, all but 33."""
_WITH_WHEELCHAIR = frozenset({36, 44})
COUNT = 51

WALKERS: tuple[str, ...] = tuple(f"walker.pedestrian.{number:04d}" for number in range(1, COUNT + 1))
MASS_KG = {"child": 32.0, "teenager": 55.0, "adult": 75.0, "elderly": 70.0}
_SPEEDS = {
    "child": ("0.0", "1.1", "2.2"),
    "teenager": ("0.0", "1.4", "3.0"),
    "adult": ("0.0", "1.4", "2.7"),
    "elderly": ("0.0", "1.0", "1.8"),
}


def age(blueprint_id: str) -> str:
    number = int(blueprint_id.rsplit(".", 1)[1])
    groups = ((CHILDREN, "child"), (_ELDERLY, "elderly"), (_TEENAGERS, "teenager"))
    return next((name for members, name in groups if number in members), "adult")


def attributes(blueprint_id: str) -> tuple[ActorAttribute, ...]:
    """`speed` recommends standing, walking and running, in m/s."""
    number, years, kind = int(blueprint_id.rsplit(".", 1)[1]), age(blueprint_id), AttributeType
    speeds = _SPEEDS[years]
    return (
        constant("gender", kind.STRING, "female" if number in _FEMALE else "male"),
        constant("age", kind.STRING, years),
        constant("generation", kind.INT, "1" if number <= 14 else "2"),
        choice("is_invincible", kind.BOOL, "true", ("false", "true")),
        choice("speed", kind.FLOAT, speeds[1], speeds),
        constant("can_use_wheelchair", kind.BOOL, str(number in _WITH_WHEELCHAIR).lower()),
        choice("use_wheelchair", kind.BOOL, "false", ("false", "true") if number in _WITH_WHEELCHAIR else ("false",)),
        role_name("pedestrian", ("pedestrian",)),
    )
