"""What happened on a route: the leaderboard's infractions and the route's own milestones.

Criteria map ticks to events, scores map events to numbers; an event on disk is all that a score needs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from results import atomic

Detail = str | int | float | bool | None


class EventKind(str, Enum):
    """The first twelve values are the infraction keys of the leaderboard 2.x results file, in its order."""

    COLLISION_LAYOUT = "collisions_layout"
    COLLISION_PEDESTRIAN = "collisions_pedestrian"
    COLLISION_VEHICLE = "collisions_vehicle"
    RED_LIGHT = "red_light"
    STOP_SIGN = "stop_infraction"
    OUTSIDE_ROUTE_LANES = "outside_route_lanes"
    MIN_SPEED = "min_speed_infractions"
    YIELD_EMERGENCY_VEHICLE = "yield_emergency_vehicle_infractions"
    SCENARIO_TIMEOUT = "scenario_timeouts"
    ROUTE_DEVIATION = "route_dev"
    VEHICLE_BLOCKED = "vehicle_blocked"
    ROUTE_TIMEOUT = "route_timeout"

    ROUTE_COMPLETION = "route_completion"
    ROUTE_COMPLETED = "route_completed"
    TICK_CAP = "tick_cap"


INFRACTION_KINDS: tuple[EventKind, ...] = tuple(EventKind)[:12]

OF_A_STRETCH: frozenset[EventKind] = frozenset({EventKind.OUTSIDE_ROUTE_LANES, EventKind.MIN_SPEED})
"""Told at the end of a stretch of the way, of all of it: no frame and no place there shows them."""

# These freeze the route completion and carry no coefficient of their own.
TERMINATING_KINDS: frozenset[EventKind] = frozenset(
    {EventKind.ROUTE_DEVIATION, EventKind.VEHICLE_BLOCKED, EventKind.ROUTE_TIMEOUT, EventKind.ROUTE_COMPLETED}
)


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    `frame` is the simulation frame, `time_s` the simulation time since the route began, `location` the ego's position
    in CARLA's axes (m), `message` the leaderboard's wording. `details` holds figures by name:

    - collisions: `other_id`, `other_type`, `impulse_ns`
    - red light: `light_id`; stop sign: `sign_id`
    - outside route lanes: `percentage` (of the driven distance, 0..100), `distance_m`
    - min speed: `percentage` (ego's mean speed in per cent of the traffic's), `checkpoint`
    - scenario timeout: `scenario`
    - route completion (one, when the route ends) and route completed: `percentage` (0..100)
    - tick cap (where Bench2Drive ends a drive that goes on): `percentage` of the route so far, `outside_percentage`,
      `outside_distance_m` off its lanes so far
    """

    kind: EventKind
    frame: int
    time_s: float
    location: tuple[float, float, float]
    message: str
    details: Mapping[str, Detail] = field(default_factory=dict)

    @property
    def is_infraction(self) -> bool:
        return self.kind in INFRACTION_KINDS

    def to_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind.value,
            "frame": self.frame,
            "time_s": round(self.time_s, 6),
            "location": [round(value, 6) for value in self.location],
            "message": self.message,
            "details": {name: _finite(value) for name, value in self.details.items()},
        }

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> Event:
        x, y, z = record["location"]
        return Event(
            kind=EventKind(record["kind"]),
            frame=int(record["frame"]),
            time_s=float(record["time_s"]),
            location=(float(x), float(y), float(z)),
            message=str(record["message"]),
            details=dict(record.get("details") or {}),
        )


def outside_lanes_message(distance_m: float, percentage: float) -> str:
    """The leaderboard's wording; its readers take the metres from the ninth word."""
    return (
        f"Agent went outside its route lanes for about {round(distance_m, 3)} meters "
        f"({round(percentage, 2)}% of the completed route)"
    )


def write_events(path: Path, events: Iterable[Event]) -> None:
    """One JSON object a line, keys sorted, so that equal events make equal files."""
    lines = (json.dumps(event.to_dict(), sort_keys=True, allow_nan=False) + "\n" for event in events)
    atomic.write_text(path, "".join(lines))


def read_events(path: Path) -> tuple[Event, ...]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(Event.from_dict(json.loads(line)) for line in lines if line.strip())


def _finite(value: Detail) -> Detail:
    """JSON has no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
