"""Crosswalks and barriers: objects on the roads of a map in the making."""

from __future__ import annotations

from dataclasses import replace

from simulator.towns.road import CROSSWALK_LENGTH_M
from simulator.towns.xodr.compose.draft import Draft, End
from simulator.towns.xodr.records import RoadObject


def crosswalk(draft: Draft, end: End, at_m: float = 2.6) -> None:
    """Across the carriageway of a road near this end."""
    road = draft.roads[end.road]
    s = at_m if end.contact == "start" else road.length - at_m
    paved = [lane for lane in road.sections[0].lanes if lane.id and lane.type != "sidewalk"]
    left = sum(lane.widths[0].a for lane in paved if lane.id > 0)
    right = sum(lane.widths[0].a for lane in paved if lane.id < 0)
    u = CROSSWALK_LENGTH_M / 2
    corners = tuple((du, dv, 0.0) for du, dv in ((-u, -right), (-u, left), (u, left), (u, -right), (-u, -right)))
    thing = RoadObject(
        f"{100 * end.road + len(road.objects)}",
        "crosswalk",
        s,
        0.0,
        f"Crosswalk {end.road}",
        0.0,
        CROSSWALK_LENGTH_M,
        left + right,
        0.0,
        corners,
    )
    draft.roads[end.road] = replace(road, objects=(*road.objects, thing))


def barrier(draft: Draft, road: int, t_m: float = 0.0) -> None:
    held = draft.roads[road]
    thing = barrier_along(f"{100 * road + len(held.objects)}", held.length, t_m)
    draft.roads[road] = replace(held, objects=(*held.objects, thing))


def barrier_along(id: str, length: float, t_m: float) -> RoadObject:
    return RoadObject(id, "barrier", 0.0, t_m, "Barrier", 0.0, length, 0.6, 0.9, (), (0.0, length, t_m, t_m))
