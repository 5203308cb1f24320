"""Criteria turn ticks into events; all of them together judge a route, live or from what is on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import carla

from results.events import TERMINATING_KINDS, Event
from results.ticks import Tick
from scenarios.criteria.collision import Collision
from scenarios.criteria.criterion import Criterion
from scenarios.criteria.min_speed import MinSpeed
from scenarios.criteria.outside_lanes import OutsideRouteLanes
from scenarios.criteria.red_light import RedLight
from scenarios.criteria.route import RouteCompletion, RouteDeviation
from scenarios.criteria.signs import Signs, read_signs
from scenarios.criteria.stop_sign import StopSign
from scenarios.criteria.tick_cap import TickCap
from scenarios.criteria.time_limits import Blocked, RouteTimeout, ScenarioTimeout
from scenarios.definition import Limits
from scenarios.planner import RoutePlan

__all__ = ["Criterion", "Judgement", "Signs", "criteria_for", "judge", "read_signs"]


def criteria_for(
    plan: RoutePlan, carla_map: carla.Map, signs: Signs, limits: Limits, ego_half_length_m: float
) -> tuple[Criterion, ...]:
    """Fresh criteria for one route. Give each every tick in order, and `finish` the last one."""
    completion, outside = RouteCompletion(plan), OutsideRouteLanes(plan, carla_map)
    return (
        completion,
        RouteDeviation(plan),
        Collision(),
        RedLight(signs, carla_map, ego_half_length_m),
        StopSign(signs, carla_map),
        outside,
        MinSpeed(plan),
        Blocked(limits.blocked_s),
        RouteTimeout(limits),
        ScenarioTimeout(),
        TickCap(completion, outside),
    )


class Judgement:
    """One tick of a live drive before its criteria. What asks for no contacts is judged before they are there."""

    def __init__(self, criteria: Sequence[Criterion], tick: Tick) -> None:
        self._criteria = criteria
        self._events = [None if c.reads_contacts else c.update(tick) for c in criteria]

    def events(self, tick: Tick) -> list[Event]:
        """All events of the same tick, now with its contacts, in the order of the criteria."""
        judged = zip(self._criteria, self._events)
        return [event for c, events in judged for event in (c.update(tick) if events is None else events)]


def judge(criteria: Sequence[Criterion], ticks: Iterable[Tick]) -> list[Event]:
    """All events of a route that was recorded: up to the tick that ends it."""
    events: list[Event] = []
    tick: Tick | None = None
    for tick in ticks:
        new = [event for criterion in criteria for event in criterion.update(tick)]
        events += new
        if any(event.kind in TERMINATING_KINDS for event in new):
            break
    if tick is not None:
        events += [event for criterion in criteria for event in criterion.finish(tick)]
    return events
