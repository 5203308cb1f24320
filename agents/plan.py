"""How an agent is told its route: dense (transform, manoeuvre) points, and the leaderboard's thinned-out copy."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Dict, Sequence, Tuple

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


WorldPlan = Sequence["Tuple[carla.Transform, RoadOption]"]
# {"lat": deg, "lon": deg, "z": m} beside the manoeuvre
GpsPlan = Sequence[Tuple[Dict[str, float], RoadOption]]

LANE_CHANGES = (RoadOption.CHANGELANELEFT, RoadOption.CHANGELANERIGHT)


def downsample_route(route: WorldPlan, sample_factor: float) -> list[int]:
    """Indices the leaderboard keeps: lane changes, each change of manoeuvre, every `sample_factor` metres, the end.

    Of a lane change these are its two ends, as CARLA's planner labels no more of it than that.
    """
    between = between_lane_changes(route)
    kept: list[int] = []
    previous: RoadOption | None = None
    since_kept_m = 0.0
    for index, (transform, option) in enumerate(route):
        manoeuvre_changed = option != previous and not _is_lane_change(previous)
        is_end = index == len(route) - 1
        is_change_end = _is_lane_change(option) and index not in between
        if is_change_end or manoeuvre_changed or since_kept_m > sample_factor or is_end:
            kept.append(index)
            since_kept_m = 0.0
        else:
            since_kept_m += transform.location.distance(route[index - 1][0].location)
        previous = option
    return kept


def between_lane_changes(route: WorldPlan) -> set[int]:
    """Indices of the points of lane changes that have others of the same change on both sides."""
    options = [option for _, option in route]
    return {
        index
        for index in range(1, len(options) - 1)
        if _is_lane_change(options[index]) and options[index - 1] == options[index] == options[index + 1]
    }


def _is_lane_change(option: object) -> bool:
    """By its number: in CARLA's own PythonAPI manoeuvres are of another type."""
    return getattr(option, "value", option) in LANE_CHANGES
