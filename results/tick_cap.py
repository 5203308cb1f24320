"""Bench2Drive's cap on the ticks of a drive, for drives that go on: what they would have been, had they ended there.

Source: `TickRuntimeError` in Bench2Drive's `scenario_manager.py` and `leaderboard_evaluator.py`: the drive ends as
"Failed - TickRuntime", and what was driven and happened until then makes its score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from results.events import Event, EventKind, outside_lanes_message

MOST_TICKS = 4000  # 200 s at 20 Hz


def cut(events: Sequence[Event]) -> tuple[Event, ...] | None:
    """The events of a drive up to the cap; None of one that was over before."""
    place = next((place for place, event in enumerate(events) if event.kind is EventKind.TICK_CAP), None)
    if place is None:
        return None
    cap = events[place]
    distance_m, percentage = (float(cap.details.get(f"outside_{name}") or 0.0) for name in ("distance_m", "percentage"))
    outside = replace(
        cap,
        kind=EventKind.OUTSIDE_ROUTE_LANES,
        message=outside_lanes_message(distance_m, percentage),
        details={"percentage": percentage, "distance_m": distance_m},
    )
    completion = replace(cap, kind=EventKind.ROUTE_COMPLETION, details={"percentage": cap.details.get("percentage")})
    return (*events[:place], *([outside] if distance_m > 0.0 else []), completion)
