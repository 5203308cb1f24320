"""Collisions that count, by scenario_runner's rules against counting one accident many times."""

from __future__ import annotations

import math

from results.events import Event, EventKind
from results.ticks import Contact, Tick
from scenarios.criteria.criterion import Criterion, event_at, place_of

SAME_ACTOR_S = 5.0
SAME_PLACE_M = 5.0
STANDING_MPS = 0.1


class Collision(Criterion):
    """Not counted: the same actor within 5 s, a place within 5 m of the last one, an ego that stands."""

    reads_contacts = True

    def __init__(self) -> None:
        self._last: tuple[int, float, tuple[float, float, float]] | None = None
        self._speed_before_mps = 0.0

    def update(self, tick: Tick) -> list[Event]:
        events = [event for contact in tick.contacts if (event := self._judge(tick, contact)) is not None]
        self._speed_before_mps = tick.speed_mps
        return events

    def finish(self, tick: Tick) -> list[Event]:
        return []

    def _judge(self, tick: Tick, contact: Contact) -> Event | None:
        kind = kind_of(contact.other_type)
        # The impulse may have stopped the ego within the tick: the speed it came with counts as well.
        if kind is None or max(tick.speed_mps, self._speed_before_mps) < STANDING_MPS:
            return None
        if self._last is not None:
            other_id, time_s, location = self._last
            same_actor = contact.other_id == other_id and tick.time_s - time_s < SAME_ACTOR_S
            if same_actor or math.dist(contact.location, location) < SAME_PLACE_M:
                return None
        self._last = (contact.other_id, tick.time_s, contact.location)
        other = f"type={contact.other_type} and id={contact.other_id}"
        message = f"Agent collided against object with {other} at {place_of(tick)}"
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
