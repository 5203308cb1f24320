"""Lights and signs beside the roads of a map in the making."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulator.towns.curves import Pose
from simulator.towns.xodr.compose.draft import Draft, End
from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.records import Controller, Signal

SIGN_BESIDE_M = 0.7


def sign(draft: Draft, end: End, type: str, back_m: float, junction: int = -1, controller: str = "") -> None:
    """A light (1000001), stop (206) or yield sign (205) for the lanes that lead into the junction at `end`."""
    road = draft.roads[end.road]
    lanes = draft.lanes(end, inward=True)
    s = road.length - back_m if end.contact == "end" else back_m
    side = _beside(draft, end.road, s, lanes[-1])
    ahead = back_m + 4.0 if type == "1000001" else 0.3
    place = side.ahead(ahead, left=-(0.9 if type == "1000001" else 0.0))
    _add_signal(draft, end.road, type, s, lanes, place, f"{junction if junction >= 0 else end.road}", -1.0, controller)


def limit_signs(draft: Draft, road: int, at_m: float = 15.0) -> None:
    """Where each direction begins."""
    for sign in (-1, 1):
        lanes = tuple(
            lane.id for lane in draft.roads[road].sections[0].lanes if lane.id * sign > 0 and lane.type == "driving"
        )
        if lanes:
            lanes = tuple(sorted(lanes, key=abs))
            s = at_m if sign < 0 else draft.roads[road].length - at_m
            place = _beside(draft, road, s, lanes[-1])
            _add_signal(draft, road, "274", s, lanes, place, f"limit {road}", draft.limit_kmh(road))


def _beside(draft: Draft, road: int, s: float, lane: int) -> Pose:
    """To the right of all paved lanes that lie beside this one, before the sidewalk's back."""
    sign = 1 if lane > 0 else -1
    t = 0.0
    for other in sorted(draft.roads[road].sections[0].lanes, key=lambda lane: abs(lane.id)):
        if other.id * sign > 0 and other.type != "sidewalk":
            t += other.widths[0].a
    x, y, heading = (float(v) for v in draft.paths[road].at(s, sign * (t + SIGN_BESIDE_M)))
    return Pose(x, y, heading + (math.pi if lane > 0 else 0.0))


def _add_signal(
    draft: Draft,
    road: int,
    type: str,
    s: float,
    lanes: tuple[int, ...],
    place: Pose,
    name: str,
    value: float,
    controller: str = "",
) -> None:
    held = draft.roads[road]
    id = str(20 * road + len(held.signals))
    t = (1 if lanes[0] > 0 else -1) * (abs(sum(draft.width_m(road, lane) for lane in lanes)) + SIGN_BESIDE_M)
    z = float(CentreLine(held).height_m(np.array(s)))
    signal = Signal(
        id,
        s,
        t,
        type,
        f"{name} {id}",
        str(int(value)),
        value,
        "km/h",
        "+" if lanes[0] < 0 else "-",
        type == "1000001",
        0.0,
        (place.x, place.y, z, place.heading),
        ((min(lanes), max(lanes)),),
    )
    draft.roads[road] = replace(held, signals=(*held.signals, signal))
    if controller:
        old = draft.controllers.get(controller, Controller(controller, ()))
        draft.controllers[controller] = replace(old, signals=(*old.signals, id))


def light_phases(draft: Draft, junction: int, phases: Sequence[Sequence[End]], back_m: float = 5.0) -> None:
    """Traffic lights at a junction: the ends of one phase are green together."""
    names = tuple(str(9000 + 10 * (junction - 1000) + k) for k in range(len(phases)))
    for name, ends in zip(names, phases):
        for end in ends:
            sign(draft, end, "1000001", back_m, junction, name)
    draft.junctions[junction] = replace(draft.junctions[junction], controllers=names)
