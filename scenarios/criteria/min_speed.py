"""The ego's mean speed against that of the traffic around it, stretch by stretch."""

from __future__ import annotations

import math

from results.events import Event, EventKind
from results.ticks import Tick
from scenarios.criteria.criterion import Criterion, event_at
from scenarios.planner import RoutePlan

CHECKPOINTS = 4
SHORTEST_STRETCH_M = 250.0
LAST_CHECKPOINT_PERCENT = 95.0
# Two seconds: less is no speed but a moment.
LEAST_TICKS = 40


class MinSpeed(Criterion):
    """The route is cut in four; a stretch driven slower than the traffic moved is told with its percentage.

    The leaderboard's stretches are kilometres long. On one of fifty metres a red light would cost as much as running it
    does: short routes are cut in fewer pieces, and ticks at which a hazard is at work are left out.
    """

    def __init__(self, plan: RoutePlan) -> None:
        self._length_m = plan.length_m
        self._checkpoints = max(1, min(CHECKPOINTS, int(plan.length_m / SHORTEST_STRETCH_M)))
        self._next = 1
        self._ego_sum = 0.0
        self._traffic_sum = 0.0
        self._count = 0

    def update(self, tick: Tick) -> list[Event]:
        if math.isfinite(tick.background_mean_speed_mps) and not tick.active_scenarios:
            self._ego_sum += tick.speed_mps
            self._traffic_sum += tick.background_mean_speed_mps
            self._count += 1
        if tick.route_progress_m < self._next * self._length_m / self._checkpoints:
            return []
        return self._close(tick)

    def finish(self, tick: Tick) -> list[Event]:
        almost_done = 100.0 * tick.route_progress_m / self._length_m > LAST_CHECKPOINT_PERCENT
        return self._close(tick) if self._next == self._checkpoints and almost_done else []

    def _close(self, tick: Tick) -> list[Event]:
        checkpoint, ego, traffic, count = self._next, self._ego_sum, self._traffic_sum, self._count
        self._next, self._ego_sum, self._traffic_sum, self._count = checkpoint + 1, 0.0, 0.0, 0
        percentage = round(100.0 * ego / traffic, 2) if count >= LEAST_TICKS and traffic > 0.0 else 100.0
        if percentage >= 100.0:
            return []
        message = f"Average speed is {percentage}% of the surrounding traffic's one"
        return [event_at(tick, EventKind.MIN_SPEED, message, percentage=percentage, checkpoint=checkpoint)]
