"""How an agent is told its route: dense (transform, manoeuvre) points, and the leaderboard's thinned-out copy."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import carla


class RoadOption(IntEnum):
    """Manoeuvres, numbered and named as in CARLA's `agents.navigation.local_planner`."""

    VOID = -1
    LEFT = 1
    RIGHT = 2
    STRAIGHT = 3
    LANEFOLLOW = 4
    CHANGELANELEFT = 5
    CHANGELANERIGHT = 6


WorldPlan = Sequence["tuple[carla.Transform, RoadOption]"]
# {"lat": deg, "lon": deg, "z": m} beside the manoeuvre
GpsPlan = Sequence[tuple[dict[str, float], RoadOption]]

LANE_CHANGES = (RoadOption.CHANGELANELEFT, RoadOption.CHANGELANERIGHT)


def downsample_route(route: WorldPlan, sample_factor: float) -> list[int]:
    """Indices the leaderboard keeps: lane changes, each change of manoeuvre, every `sample_factor` metres, the end."""
    kept: list[int] = []
    previous: RoadOption | None = None
    since_kept_m = 0.0
    for index, (transform, option) in enumerate(route):
        manoeuvre_changed = option != previous and previous not in LANE_CHANGES
        is_end = index == len(route) - 1
        if option in LANE_CHANGES or manoeuvre_changed or since_kept_m > sample_factor or is_end:
            kept.append(index)
            since_kept_m = 0.0
        else:
            since_kept_m += transform.location.distance(route[index - 1][0].location)
        previous = option
    return kept
