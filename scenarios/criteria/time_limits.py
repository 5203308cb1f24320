"""Limits of simulation time: standing still, the route's time budget, scenarios that take too long."""

from __future__ import annotations

import math

from results.events import Event, EventKind
from results.ticks import Tick
from scenarios.criteria.criterion import Criterion, event_at, place_of
from scenarios.definition import Limits

STANDING_MPS = 0.1
DEFAULT_SPEED_LIMIT_KMH = 30.0


class Blocked(Criterion):
    """Slower than 0.1 m/s for the whole limit; time in which a scenario holds the ego on purpose does not count."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._moved_at_s: float | None = None
        self._has_failed = False

    def update(self, tick: Tick) -> list[Event]:
        if self._moved_at_s is None or tick.speed_mps >= STANDING_MPS or tick.holding_scenarios:
            self._moved_at_s = tick.time_s
        if self._has_failed or tick.time_s - self._moved_at_s < self._limit_s:
            return []
        self._has_failed = True
        return [event_at(tick, EventKind.VEHICLE_BLOCKED, f"Agent got blocked at {place_of(tick.location)}")]

    def finish(self, tick: Tick) -> list[Event]:
        return []


class RouteTimeout(Criterion):
    """300 s, and for each metre driven the time it takes at a tenth of the speed limit there (leaderboard 2.x)."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._budget_s = limits.route_timeout_base_s
        self._reached_m = 0.0
        self._has_failed = False

    def update(self, tick: Tick) -> list[Event]:
        gained_m = tick.route_progress_m - self._reached_m
        if gained_m > 0.0:
            known = math.isfinite(tick.speed_limit_kmh) and tick.speed_limit_kmh > 0.0
            limit_kmh = tick.speed_limit_kmh if known else DEFAULT_SPEED_LIMIT_KMH
            self._budget_s += gained_m / (self._limits.route_timeout_speed_share * limit_kmh / 3.6)
            self._reached_m = tick.route_progress_m
        if self._has_failed or tick.time_s <= self._budget_s:
            return []
        self._has_failed = True
        return [event_at(tick, EventKind.ROUTE_TIMEOUT, "Route timeout.")]

    def finish(self, tick: Tick) -> list[Event]:
        return []


class ScenarioTimeout(Criterion):
    def update(self, tick: Tick) -> list[Event]:
        return [
            event_at(tick, EventKind.SCENARIO_TIMEOUT, f"Agent timed out a scenario: {name}", scenario=name)
            for name in tick.timed_out_scenarios
        ]

    def finish(self, tick: Tick) -> list[Event]:
        return []
