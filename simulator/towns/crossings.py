"""From a layout's junctions to crossings: the connecting roads by which one drives from street to street."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.towns.curves import Pose, biarc
from simulator.towns.layout import Arm, Junction
from simulator.towns.road import LaneLink, LaneType, Road, Side, street_id
from simulator.towns.xodr.records import Link

TURN_LIMIT_KMH = 30
"""Speed limit of the lanes that turn inside a junction."""


@dataclass(frozen=True)
class Crossing:
    """A junction with its connecting roads; `corner_roads[k]` leads from arm k to the next arm counter-clockwise."""

    id: int
    junction: Junction
    connections: tuple[tuple[int, int], ...]
    """(incoming road id, connecting road id)"""
    corner_roads: tuple[int, ...]
    controllers: tuple[int, ...]


def crossing_id(index: int) -> int:
    return 1000 + index


def crossing_of(junction: Junction, roads: dict[int, Road], first_id: int) -> tuple[Crossing, list[Road]]:
    """The crossing and its connecting roads, one from each arm to each other; ids from `first_id` on."""
    connecting: list[Road] = []
    corners: dict[int, int] = {}
    count = len(junction.arms)
    for i, arm_in in enumerate(junction.arms):
        for step in range(1, count):
            j = (i + step) % count
            road = _connecting_road(first_id + len(connecting), junction, arm_in, junction.arms[j], step == 1, roads)
            if step == 1:
                corners[i] = road.id
            connecting.append(road)
    phases = 2 if junction.control == "signals" else 0
    crossing = Crossing(
        crossing_id(junction.index),
        junction,
        tuple((road.before.id, road.id) for road in connecting),
        tuple(corners[i] for i in range(count)),
        tuple(9000 + 2 * junction.index + phase for phase in range(phases)),
    )
    return crossing, connecting


def _connecting_road(
    id: int, junction: Junction, arm_in: Arm, arm_out: Arm, corner: bool, roads: dict[int, Road]
) -> Road:
    centre = Pose(junction.x, junction.y, 0.0)
    start = Pose(centre.x, centre.y, arm_in.heading + math.pi).ahead(-junction.radius_m)
    end = Pose(centre.x, centre.y, arm_out.heading).ahead(junction.radius_m)
    path = biarc(start, end)
    before, behind = roads[street_id(arm_in.street)], roads[street_id(arm_out.street)]
    kinds: tuple[LaneType, ...] = ("driving", "sidewalk") if corner else ("driving",)
    # Towards the junction one drives right of the street's line when it ends here, left of it when it starts here.
    links = tuple(
        LaneLink(
            -(k + 1),
            _side(before, towards_end=not arm_in.at_start).number_at_end(kind) * (1 if arm_in.at_start else -1),
            _side(behind, towards_end=arm_out.at_start).number_at_end(kind) * (-1 if arm_out.at_start else 1),
        )
        for k, kind in enumerate(kinds)
    )
    return Road(
        id,
        f"Junction {crossing_id(junction.index)}",
        path,
        min(before.limit_kmh, behind.limit_kmh, TURN_LIMIT_KMH if abs(path.pieces[0].curvature) > 0.02 else 50),
        crossing_id(junction.index),
        Link("road", before.id, "start" if arm_in.at_start else "end"),
        Link("road", behind.id, "start" if arm_out.at_start else "end"),
        Side(kinds),
        lane_links=links,
    )


def _side(road: Road, towards_end: bool) -> Side:
    side = road.right if towards_end else road.left
    assert side is not None
    return side


def is_stem(junction: Junction, street: int, at_start: bool) -> bool:
    """Whether this street is the one that ends at a T junction."""
    if len(junction.arms) != 3:
        return False
    return (stem := stem_arm(junction)).street == street and stem.at_start == at_start


def stem_arm(junction: Junction) -> Arm:
    def opposite_gap(arm: Arm) -> float:
        return min(
            abs((other.heading - arm.heading) % (2 * math.pi) - math.pi) for other in junction.arms if other is not arm
        )

    return max(junction.arms, key=opposite_gap)
