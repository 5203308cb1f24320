"""Where Bench2Drive ends a drive: what had been driven until then, for `results.tick_cap`."""

from __future__ import annotations

from results.events import Event, EventKind
from results.tick_cap import MOST_TICKS
from results.ticks import Tick
from scenarios.criteria.criterion import Criterion, event_at
from scenarios.criteria.outside_lanes import OutsideRouteLanes
from scenarios.criteria.route import RouteCompletion


class TickCap(Criterion):
    """Tells once, in the last tick that counts there, what the two criteria would that speak when a route ends.

    It comes after them. No drive of nightloop ends by it.
    """

    def __init__(self, completion: RouteCompletion, outside: OutsideRouteLanes) -> None:
        self._completion = completion
        self._outside = outside
        self._ticks = 0

    def update(self, tick: Tick) -> list[Event]:
        self._ticks += 1
        if self._ticks != MOST_TICKS:
            return []
        return [
            event_at(
                tick,
                EventKind.TICK_CAP,
                f"Agent has completed {self._completion.percentage:.2f}% of the route in {MOST_TICKS} ticks",
                percentage=self._completion.percentage,
                outside_percentage=self._outside.percentage,
                outside_distance_m=self._outside.distance_m,
            )
        ]

    def finish(self, tick: Tick) -> list[Event]:
        return []
