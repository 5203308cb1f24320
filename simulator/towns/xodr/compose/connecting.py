"""Connecting roads: the ways through a junction, from a road's lanes to another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulator.towns.curves import biarc
from simulator.towns.xodr.compose.draft import Draft, End, geometry_of
from simulator.towns.xodr.compose.elevation import hermite
from simulator.towns.xodr.compose.objects import barrier_along
from simulator.towns.xodr.compose.profile import kerb
from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.records import (
    Connection,
    Cubic,
    Lane,
    Link,
    Road,
    RoadMark,
    RoadObject,
    Section,
)


def crossing(draft: Draft, ends: Sequence[End]) -> int:
    """A junction in which one can drive from every end to every other; sidewalks run round its corners.

    ends: counter-clockwise.
    """
    id = draft.junction(ends)
    for i, start in enumerate(ends):
        for step in range(1, len(ends)):
            end = ends[(i + step) % len(ends)]
            into, out = draft.lanes(start, inward=True), draft.lanes(end, inward=False)
            if into and out:
                connect(draft, id, start, into[-1:], end, out[-1:], sidewalk=step == 1)
    return id


def connect(
    draft: Draft,
    junction: int,
    start: End,
    from_lanes: Sequence[int],
    end: End,
    to_lanes: Sequence[int],
    sidewalk: bool = False,
    shoulder_m: float = 0.0,
    barrier_m: float = 0.0,
) -> int:
    """Adds a connecting road with as many lanes as are given; ids from the inside outwards.

    sidewalk: with the sidewalk, where both roads have one. barrier_m: of a barrier's distance to its left.
    """
    a, b = draft.border(start, from_lanes[0]), draft.border(end, to_lanes[0])
    path = biarc(a, b)
    pairs = list(zip(from_lanes, to_lanes, strict=True))
    kinds = ["driving"] * len(pairs)
    if sidewalk:
        walks = draft.lanes(start, True, "sidewalk"), draft.lanes(end, False, "sidewalk")
        if walks[0] and walks[1]:
            pairs.append((walks[0][0], walks[1][0]))
            kinds.append("sidewalk")
    # without a mark of its own the clients' map lets one change lanes over the centre
    lanes = [Lane(0, "none", marks=(RoadMark(0.0, "none"),))]
    for k, ((before, behind), kind) in enumerate(zip(pairs, kinds), 1):
        first, last = draft.width_m(start.road, before), draft.width_m(end.road, behind)
        widths = (hermite(0.0, path.length, first, last, 0.0, 0.0),)
        between = kind == "driving" and k < len(pairs) and kinds[k] == "driving"
        mark = "broken" if between else "solid" if kind == "driving" else "none"
        marks = (RoadMark(0.0, mark, lane_change="both" if between else "none"),)
        lanes.append(Lane(-k, kind, widths, marks, before, behind, kerb(kind)))
    if shoulder_m:
        lanes.append(Lane(-len(lanes), "shoulder", (Cubic(0.0, shoulder_m),), ()))
    id = 20 * junction + len([road for road in draft.roads.values() if road.junction == junction])
    objects: tuple[RoadObject, ...] = ()
    if barrier_m:
        objects = (barrier_along(f"{id}1", path.length, barrier_m),)
    limit = draft.limit_kmh(start.road), draft.limit_kmh(end.road)
    slow = max(abs(piece.curvature) for piece in path.pieces) > 0.02
    draft.paths[id] = path
    draft.roads[id] = Road(
        id,
        path.length,
        geometry_of(path),
        (Section(0.0, tuple(lanes)),),
        f"Junction {junction}",
        junction,
        "RHT",
        Link("road", start.road, start.contact),
        Link("road", end.road, end.contact),
        ((0.0, draft.roads[start.road].types[0][1], min(*limit, 30.0) if slow else min(limit)),),
        (_bridge(draft, start, end, path.length),),
        objects=objects,
    )
    links = tuple((before, -k) for k, (before, _) in enumerate(pairs, 1))
    old = draft.junctions[junction]
    draft.junctions[junction] = replace(old, connections=(*old.connections, Connection(start.road, id, "start", links)))
    return id


def _bridge(draft: Draft, start: End, end: End, length: float) -> Cubic:
    """The cubic that joins height and grade of two roads."""
    (z0, g0), (z1, g1) = _level(draft, start), _level(draft, end)
    # grades along the way through the junction
    g0, g1 = (g0 if start.contact == "end" else -g0), (g1 if end.contact == "start" else -g1)
    return hermite(0.0, length, z0, z1, g0, g1)


def _level(draft: Draft, end: End) -> tuple[float, float]:
    line = CentreLine(draft.roads[end.road])
    s = np.array(0.0 if end.contact == "start" else line.length)
    return float(line.height_m(s)), float(line.grade(s))
