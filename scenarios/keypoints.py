"""Which points of a drive make good key points of a route file."""

from __future__ import annotations

from collections.abc import Sequence

import carla

from scenarios.errors import ScenarioError


def outside_junctions(carla_map: carla.Map, points: Sequence[carla.Location]) -> list[carla.Location]:
    """The points, metres, that lie on a road between junctions; ScenarioError when fewer than two do.

    Inside a junction the paths of several manoeuvres lie over one another. Who projects a key point onto the nearest
    lane there, as this project's planner and CARLA's own do, may find the lane of another manoeuvre, and then plans a
    way round through half the town. The points before and behind a junction tell its way through unmistakably.
    """
    outside = [point for point in points if not carla_map.get_waypoint(point).is_junction]
    if len(outside) < 2:
        raise ScenarioError(
            f"only {len(outside)} of {len(points)} points lie outside the junctions of {carla_map.name}"
        )
    return outside
