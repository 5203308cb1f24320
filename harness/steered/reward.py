"""Reward from the leaderboard's own events."""

from __future__ import annotations

from collections.abc import Iterable

from results.events import Event
from results.scores import infraction_penalty


def reward(
    gained_m: float, events: Iterable[Event], metric: str, progress_weight: float, infraction_weight: float
) -> float:
    """Metres of the route that the leaderboard counts as done since the last step, less what each infraction costs.

    An infraction costs the share of the score that it would take alone: by leaderboard-2.0 0.5 for a pedestrian, 0.4
    for a vehicle, 0.35 for layout, 0.3 for a red light. One that only ends the route takes no share and costs nothing
    but the metres that are no longer to be had.
    """
    shares = [1.0 - infraction_penalty([event], metric) for event in events if event.is_infraction]
    return progress_weight * gained_m - infraction_weight * sum(shares)
