"""Where the ego is on its route: completion and deviation."""

from __future__ import annotations

import math

from results.events import Event, EventKind
from results.ticks import Tick
from scenarios.criteria.criterion import Criterion, event_at, place_of
from scenarios.planner import RoutePlan

COMPLETION_WINDOW = 2
COMPLETE_PERCENT = 99.0
COMPLETE_M = 10.0

DEVIATION_WINDOW = 5
OFF_ROUTE_M = 30.0
FAR_FROM_ROUTE_M = 15.0
MOST_FAR_PERCENT = 30.0


class RouteCompletion(Criterion):
    """Route points are passed one after the other; a short cut does not pass them.

    The route is complete beyond 99 % of it and nearer than 10 m to its end.
    """

    def __init__(self, plan: RoutePlan) -> None:
        self._plan = plan
        self._index = 0
        self.is_complete = False

    @property
    def percentage(self) -> float:
        if self.is_complete:
            return 100.0
        return min(
            100.0, 100.0 * float(self._plan.distance_m[self._index]) / self._plan.length_m
        )  # 100 L / L is rounded

    def update(self, tick: Tick) -> list[Event]:
        if self.is_complete:
            return []
        x, y, _ = tick.location
        for index in range(self._index, min(self._index + COMPLETION_WINDOW + 1, len(self._plan.points))):
            yaw = math.radians(self._plan.yaw_deg[index])
            point = self._plan.xyz[index]
            if (x - point[0]) * math.cos(yaw) + (y - point[1]) * math.sin(yaw) > 0.0:
                self._index = index
        end = self._plan.xyz[-1]
        if self.percentage > COMPLETE_PERCENT and math.hypot(x - end[0], y - end[1]) < COMPLETE_M:
            self.is_complete = True
            message = "Destination was successfully reached"
            return [event_at(tick, EventKind.ROUTE_COMPLETED, message, percentage=100.0)]
        return []

    def finish(self, tick: Tick) -> list[Event]:
        message = f"Agent has completed {self.percentage:.2f}% of the route"
        return [event_at(tick, EventKind.ROUTE_COMPLETION, message, percentage=self.percentage)]


class RouteDeviation(Criterion):
    """Ends the route at 30 m from it, or when more than 30 % of it was driven farther than 15 m away."""

    def __init__(self, plan: RoutePlan) -> None:
        self._plan = plan
        self._index = 0
        self._far_m = 0.0
        self._has_failed = False

    def update(self, tick: Tick) -> list[Event]:
        if self._has_failed:
            return []
        x, y, _ = tick.location
        window = range(self._index, min(self._index + DEVIATION_WINDOW + 1, len(self._plan.points)))
        away = {i: math.hypot(self._plan.xyz[i, 0] - x, self._plan.xyz[i, 1] - y) for i in window}
        # Of equally near points the farther one along the route: progress is never lost.
        nearest = min(window, key=lambda i: (away[i], -i))
        if nearest != self._index and away[nearest] >= FAR_FROM_ROUTE_M:
            self._far_m += float(self._plan.distance_m[nearest] - self._plan.distance_m[self._index])
        self._index = nearest
        far_percent = 100.0 * self._far_m / self._plan.length_m
        if away[nearest] < OFF_ROUTE_M and far_percent <= MOST_FAR_PERCENT:
            return []
        self._has_failed = True
        return [
            event_at(tick, EventKind.ROUTE_DEVIATION, f"Agent deviated from the route at {place_of(tick.location)}")
        ]

    def finish(self, tick: Tick) -> list[Event]:
        return []
