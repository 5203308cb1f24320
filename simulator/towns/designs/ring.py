"""A town around a modern roundabout: four streets lead to a ring of streets, with lights and stop signs there."""

from __future__ import annotations

import math

import numpy as np

from simulator.towns.curves import Path, Piece, Pose, joined, through
from simulator.towns.xodr.compose.connecting import connect, crossing
from simulator.towns.xodr.compose.draft import Draft, End
from simulator.towns.xodr.compose.objects import crosswalk
from simulator.towns.xodr.compose.profile import LaneShape, Profile
from simulator.towns.xodr.compose.signs import light_phases, limit_signs, sign
from simulator.towns.xodr.records import OpenDrive

LANE_M, SIDEWALK_M = 3.5, 2.5
CIRCLE_LANE_M = 5.0
ISLAND_M = 15.0
"""Radius of the central island; the circulating lane lies around it."""
HALF_MOUTH = math.radians(27.0)
"""The part of the circle on each side of a street's axis that belongs to the junction there."""
APPROACH_M = 40.0
"""From the centre of the roundabout to where its streets begin."""
JUNCTION_M = 13.0
_SIDE = (LaneShape("driving", LANE_M, "solid"), LaneShape("sidewalk", SIDEWALK_M))
STREET = Profile(_SIDE, _SIDE, "broken")
CIRCLE = Profile((LaneShape("driving", CIRCLE_LANE_M, "solid"), LaneShape("sidewalk", SIDEWALK_M)), (), "solid")


def compose_ring(name: str, seed: int) -> OpenDrive:
    rng = np.random.default_rng([seed, 1])
    draft = Draft(name)
    axes = [k * math.pi / 2 + math.radians(float(rng.uniform(-7.0, 7.0))) for k in range(4)]
    reach = rng.uniform(150.0, 185.0, 4)
    nodes = [Pose(float(r * math.cos(a)), float(r * math.sin(a)), a) for r, a in zip(reach, axes)]
    spokes = [
        draft.road(_spoke(axis, node, float(rng.uniform(-9.0, 9.0))), STREET, "town", 50.0)
        for axis, node in zip(axes, nodes)
    ]
    circle = [draft.road(_arc(a + HALF_MOUTH, b - HALF_MOUTH), CIRCLE, "town", 30.0) for a, b in _pairs(axes)]
    streets = [
        draft.road(_street(a, b, rng), STREET, "town", float(rng.choice([30.0, 40.0, 50.0])))
        for a, b in zip(nodes, [*nodes[1:], nodes[0]])
    ]
    for k in range(4):
        entry, before, behind = End(spokes[k], "start"), End(circle[k - 1], "end"), End(circle[k], "start")
        junction = draft.junction([entry, before, behind])
        connect(draft, junction, before, (-1,), behind, (-1,))
        connect(draft, junction, before, (-1,), entry, (-1,), sidewalk=True)
        connect(draft, junction, entry, (1,), behind, (-1,), sidewalk=True)
        sign(draft, entry, "205", 1.0)
        crosswalk(draft, entry, 9.0)
        self_end = End(spokes[k], "end")
        ahead, back = End(streets[k], "start"), End(streets[k - 1], "end")
        # counter-clockwise, seen from above: the street on, the spoke, the street back
        ends = [ahead, self_end, back]
        corner = crossing(draft, ends)
        if k % 2 == 0:
            light_phases(draft, corner, ((ahead, back), (self_end,)))
            for end in ends:
                crosswalk(draft, end)
        else:
            sign(draft, self_end, "206", 5.0)
            crosswalk(draft, self_end)
    for road in (*spokes, *streets):
        limit_signs(draft, road, 22.0)
    return draft.finished()


def _pairs(axes: list[float]) -> list[tuple[float, float]]:
    return list(zip(axes, [*axes[1:], axes[0] + 2 * math.pi]))


def _arc(start: float, end: float) -> Path:
    """Counter-clockwise around the island, between two directions from the centre."""
    pose = Pose(ISLAND_M * math.cos(start), ISLAND_M * math.sin(start), start + math.pi / 2)
    return joined([Piece(pose, ISLAND_M * (end - start), 1.0 / ISLAND_M)])


def _spoke(axis: float, node: Pose, bend_m: float) -> Path:
    """From the roundabout outwards, a little bent, straight at both ends."""
    first = Pose(APPROACH_M * math.cos(axis), APPROACH_M * math.sin(axis), axis)
    last = node.ahead(-JUNCTION_M)
    middle = Pose((first.x + last.x) / 2, (first.y + last.y) / 2, axis).ahead(0.0, left=bend_m)
    return through([first, first.ahead(15.0), middle, last.ahead(-24.0), last])


def _street(a: Pose, b: Pose, rng: np.random.Generator) -> Path:
    """From one node to the next, counter-clockwise around the town, by way of a rounded corner."""
    first = Pose(a.x, a.y, a.heading + math.pi / 2).ahead(JUNCTION_M)
    last = Pose(b.x, b.y, b.heading + math.pi / 2).ahead(-JUNCTION_M)
    turned = (b.heading - a.heading) % (2 * math.pi) / 2
    reach = 0.5 * (math.hypot(a.x, a.y) + math.hypot(b.x, b.y)) * float(rng.uniform(1.12, 1.26))
    direction = a.heading + turned
    corner = Pose(reach * math.cos(direction), reach * math.sin(direction), direction + math.pi / 2)
    start, end = first.ahead(20.0), last.ahead(-20.0)
    return through([first, start, corner, end, last])
