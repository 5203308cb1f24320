"""Collisions that count, by scenario_runner's rules against counting one accident many times."""

from __future__ import annotations

import math

from results.events import Event, EventKind
from results.ticks import Contact, Tick
from scenarios.criteria.criterion import Criterion, event_at, place_of

SAME_ACTOR_S = 5.0
SAME_PLACE_M = 5.0
STANDING_MPS = 0.1
# Of all that stands on the map: it tells no two things apart.
STATIC_ID = 0


class Collision(Criterion):
    """Not counted: the same actor within 5 s of the last accident, an ego that has not come farther than 5 m from where
    it had it, an ego that stands."""

    reads_contacts = True

    def __init__(self) -> None:
        self._other_id: int | None = None
        self._time_s = 0.0
        self._place: tuple[float, float, float] | None = None
        self._speed_before_mps = 0.0

    def update(self, tick: Tick) -> list[Event]:
        self._forget(tick)
        events = [event for contact in tick.contacts if (event := self._judge(tick, contact)) is not None]
        self._speed_before_mps = tick.speed_mps
        return events

    def finish(self, tick: Tick) -> list[Event]:
        return []

    def _forget(self, tick: Tick) -> None:
        if self._place is not None and math.dist(tick.location, self._place) > SAME_PLACE_M:
            self._place = None
        if self._other_id is not None and tick.time_s - self._time_s > SAME_ACTOR_S:
            self._other_id = None

    def _judge(self, tick: Tick, contact: Contact) -> Event | None:
        if contact.other_id == self._other_id or self._place is not None:
            return None
        # The impulse may have stopped the ego within the tick: the speed it came with counts as well.
        if max(tick.speed_mps, self._speed_before_mps) < STANDING_MPS:
            return None
        # What is of no kind that counts is remembered too, as scenario_runner does.
        self._time_s, self._place = tick.time_s, tick.location
        if contact.other_id != STATIC_ID:
            self._other_id = contact.other_id
        kind = kind_of(contact.other_type)
        if kind is None:
            return None
        other = f"type={contact.other_type} and id={contact.other_id}"
        message = f"Agent collided against object with {other} at {place_of(tick.location)}"
        return event_at(
            tick,
            kind,
            message,
            other_id=contact.other_id,
            other_type=contact.other_type,
            impulse_ns=math.sqrt(sum(value * value for value in contact.impulse)),
        )


def kind_of(type_id: str) -> EventKind | None:
    if ("static" in type_id or "traffic" in type_id) and "sidewalk" not in type_id:
        return EventKind.COLLISION_LAYOUT
    if "vehicle" in type_id:
        return EventKind.COLLISION_VEHICLE
    if "walker" in type_id:
        return EventKind.COLLISION_PEDESTRIAN
    return None
