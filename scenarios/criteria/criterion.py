"""What a criterion is: a state machine that reads ticks and says what happened."""

from __future__ import annotations

from typing import ClassVar, Protocol

from results.events import Detail, Event, EventKind
from results.ticks import Tick, Vector


class Criterion(Protocol):
    """Fed every tick of one route in order; `finish` is called once with the last tick."""

    reads_contacts: ClassVar[bool] = False
    """Whether `update` looks at the tick's contacts; in a live drive they come last, and it is called with them."""

    def update(self, tick: Tick) -> list[Event]:
        """Events of this tick."""
        ...

    def finish(self, tick: Tick) -> list[Event]:
        """Events that only the end of the route decides."""
        ...


def event_at(tick: Tick, kind: EventKind, message: str, **details: Detail) -> Event:
    return Event(kind, tick.frame, tick.time_s, tick.location, message, details)


def place_of(location: Vector) -> str:
    """A position in the leaderboard's wording."""
    x, y, z = (round(value, 3) for value in location)
    return f"(x={x}, y={y}, z={z})"
