"""Driving score, route completion and infraction penalty from events, by each of the four rules in use.

"Driving score" is four formulas that differ by tens of points on the same drive, so every number here is made by a rule
that has a name, and all of them are made from the same events:

    leaderboard-1.0   product of coefficients; knows no scenario timeout, yielding or minimum speed
    leaderboard-2.0   product of coefficients (also the rule of the leaderboard's master branch)
    leaderboard-2.1   1 / (1 + sum of coefficients): ten red lights cost 80 % instead of 97 %
    bench2drive       as leaderboard-2.0 with the minimum speed recorded but free, and nothing beyond the 4,000th tick

Source of the coefficients: `statistics_manager.py` of the branches of the CARLA leaderboard and of Bench2Drive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from results import tick_cap
from results.events import Event, EventKind

DEFAULT_VERSION = "leaderboard-2.0"

DIGITS = 6
"""Of a score, as `ROUND_DIGITS_SCORE` in the leaderboard's statistics_manager.py. Below lies the order in which the
infractions happened: the same factors in another order have another product in floating point."""


class Failure(str, Enum):
    """Why an episode ended without the route being driven to its end; the words after "Failed - " in a status."""

    TIMED_OUT = "Agent timed out"
    DEVIATED = "Agent deviated from the route"
    BLOCKED = "Agent got blocked"
    TICK_CAP = "TickRuntime"  # Bench2Drive's cap on the number of ticks (`results.tick_cap`)
    SIMULATION_CRASHED = "Simulation crashed"
    AGENT_CRASHED = "Agent crashed"
    AGENT_SETUP = "Agent couldn't be set up"
    SENSORS_INVALID = "Agent's sensors were invalid"

    @property
    def is_crash(self) -> bool:
        """A crash says nothing about driving; a blocked, lost or late agent has been measured."""
        return self in _CRASHES


_CRASHES = frozenset({Failure.SIMULATION_CRASHED, Failure.AGENT_CRASHED, Failure.AGENT_SETUP, Failure.SENSORS_INVALID})

_FAILURE_OF_EVENT: Mapping[EventKind, Failure] = {
    EventKind.ROUTE_TIMEOUT: Failure.TIMED_OUT,
    EventKind.ROUTE_DEVIATION: Failure.DEVIATED,
    EventKind.VEHICLE_BLOCKED: Failure.BLOCKED,
}


@dataclass(frozen=True)
class Score:
    """`driving_score` and `route_completion` in per cent (0..100), `infraction_penalty` a factor (1 = clean)."""

    driving_score: float
    route_completion: float
    infraction_penalty: float
    version: str


@dataclass(frozen=True)
class Rule:
    """`coefficients` are factors where penalties multiply, summands where they add; `min_speed` is the share of the
    score (or the summand) that standing still for one checkpoint costs, None where the rule does not charge it."""

    coefficients: Mapping[EventKind, float]
    min_speed: float | None
    adds: bool = False
    caps_ticks: bool = False


_FACTORS_1_0: Mapping[EventKind, float] = {
    EventKind.COLLISION_PEDESTRIAN: 0.50,
    EventKind.COLLISION_VEHICLE: 0.60,
    EventKind.COLLISION_LAYOUT: 0.65,
    EventKind.RED_LIGHT: 0.70,
    EventKind.STOP_SIGN: 0.80,
}
_FACTORS_2_0: Mapping[EventKind, float] = {
    **_FACTORS_1_0,
    EventKind.SCENARIO_TIMEOUT: 0.70,
    EventKind.YIELD_EMERGENCY_VEHICLE: 0.70,
}
_SUMMANDS_2_1: Mapping[EventKind, float] = {
    EventKind.COLLISION_PEDESTRIAN: 1.00,
    EventKind.COLLISION_VEHICLE: 0.70,
    EventKind.COLLISION_LAYOUT: 0.60,
    EventKind.RED_LIGHT: 0.40,
    EventKind.STOP_SIGN: 0.25,
    EventKind.SCENARIO_TIMEOUT: 0.40,
    EventKind.YIELD_EMERGENCY_VEHICLE: 0.40,
}

RULES: Mapping[str, Rule] = {
    "leaderboard-1.0": Rule(_FACTORS_1_0, min_speed=None),
    "leaderboard-2.0": Rule(_FACTORS_2_0, min_speed=0.3),
    "leaderboard-2.1": Rule(_SUMMANDS_2_1, min_speed=0.4, adds=True),
    "bench2drive": Rule(_FACTORS_2_0, min_speed=None, caps_ticks=True),
}
METRIC_VERSIONS: tuple[str, ...] = tuple(RULES)


def score(events: Iterable[Event], completion: float, version: str = DEFAULT_VERSION) -> Score:
    """The score of one route; `completion` in per cent (0..100)."""
    if not 0.0 <= completion <= 100.0:
        raise ValueError(f"route completion must lie in 0..100 per cent, got {completion}")
    events = tuple(events)
    if (cut := cut_by_rule(events, version)) is not None:
        events, completion = cut, completion_of(cut)
    penalty = infraction_penalty(events, version)
    driving_score, route_completion, factor = (round(v, DIGITS) for v in (completion * penalty, completion, penalty))
    return Score(driving_score, route_completion, factor, version)


def infraction_penalty(events: Iterable[Event], version: str) -> float:
    """The factor 0..1 by which the infractions of one route shrink its completion."""
    rule = _rule(version)
    events = tuple(events)
    outside = math.prod(1.0 - _share(event) for event in events if event.kind is EventKind.OUTSIDE_ROUTE_LANES)
    fixed = [rule.coefficients[event.kind] for event in events if event.kind in rule.coefficients]
    slow = [1.0 - _share(event) for event in events if event.kind is EventKind.MIN_SPEED]
    charged = 0.0 if rule.min_speed is None else rule.min_speed
    if rule.adds:
        return outside / (1.0 + sum(fixed) + sum(charged * shortfall for shortfall in slow))
    return outside * math.prod(fixed) * math.prod(1.0 - charged * shortfall for shortfall in slow)


def cut_by_rule(events: Sequence[Event], version: str) -> tuple[Event, ...] | None:
    """The events of a drive that the rule would have ended before; None of any other."""
    return tick_cap.cut(events) if _rule(version).caps_ticks else None


def completion_of(events: Iterable[Event]) -> float:
    """Route completion in per cent as the last completion event tells it; 0 where there is none."""
    told = [e for e in events if e.kind in (EventKind.ROUTE_COMPLETION, EventKind.ROUTE_COMPLETED)]
    if any(event.kind is EventKind.ROUTE_COMPLETED for event in told):
        return 100.0
    return 100.0 * _share(told[-1]) if told else 0.0


def status(events: Iterable[Event], completion: float, failure: Failure | None = None) -> str:
    """The leaderboard's words: Perfect, Completed, Failed or "Failed - <why>".

    A route driven to its end is completed whatever happened on the way; without any infraction it is perfect.
    """
    events = tuple(events)
    if completion >= 100.0:
        return "Completed" if any(event.is_infraction for event in events) else "Perfect"
    for event in events:
        failure = _FAILURE_OF_EVENT.get(event.kind, failure)
    return "Failed" if failure is None else f"Failed - {failure.value}"


def is_success(events: Iterable[Event], completion: float) -> bool:
    """Bench2Drive's success: driven to the end without any infraction other than the minimum speed."""
    return completion >= 100.0 and not any(e.is_infraction and e.kind is not EventKind.MIN_SPEED for e in events)


def _rule(version: str) -> Rule:
    if version not in RULES:
        raise ValueError(f"unknown metric version {version!r}; known: {', '.join(RULES)}")
    return RULES[version]


def _share(event: Event) -> float:
    """`details.percentage` as a share, held to 0..1: traffic slower than the ego must not become a reward."""
    percentage = event.details.get("percentage")
    if isinstance(percentage, bool) or not isinstance(percentage, (int, float)):
        raise ValueError(f"event {event.kind.value} at {event.time_s:.2f} s carries no percentage")
    return min(max(float(percentage) / 100.0, 0.0), 1.0)
