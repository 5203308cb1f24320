"""The lanes of a road as strips: where their borders lie, what they are made of, which way one drives on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from simulator.render.materials import Material
from simulator.towns.curves import Array
from simulator.towns.opendrive import CURB_HEIGHT_M
from simulator.towns.xodr.geometry import CentreLine, evaluate
from simulator.towns.xodr.records import DRIVING_TYPES, Lane, Road, Section

SURFACES = {
    "sidewalk": Material.PAVING,
    "walking": Material.PAVING,
    "curb": Material.CURB,
    "median": Material.CONCRETE_GROUND,
    "biking": Material.ASPHALT,
    "shoulder": Material.ASPHALT,
    "parking": Material.ASPHALT,
    "stop": Material.ASPHALT,
    "restricted": Material.ASPHALT,
    "border": Material.ASPHALT,
    "bus": Material.ASPHALT,
    "taxi": Material.ASPHALT,
    "HOV": Material.ASPHALT,
    **dict.fromkeys(DRIVING_TYPES, Material.ASPHALT),
}
"""Lane types without an entry (none, tram, rail, special ...) stay open land."""

RAISED = frozenset({"sidewalk", "walking", "curb"})
LEAST_WIDTH_M = 0.02


@dataclass(frozen=True, eq=False)
class Strip:
    """One lane within one lane section. s (n,) along the road; inner, outer (n,): its borders, t of the road."""

    road: Road
    line: CentreLine
    section: Section
    lane: Lane
    s: Array
    inner: Array
    outer: Array

    @property
    def surface(self) -> Material | None:
        return SURFACES.get(self.lane.type)

    @property
    def is_raised(self) -> bool:
        return self.lane.type in RAISED

    @property
    def is_driving(self) -> bool:
        return self.lane.type in DRIVING_TYPES

    @cached_property
    def width_m(self) -> Array:
        return np.abs(self.outer - self.inner)

    @property
    def lift_m(self) -> float:
        """Height above the road's elevation."""
        if self.lane.heights:
            return self.lane.heights[0][2]
        return CURB_HEIGHT_M if self.is_raised else 0.0

    @property
    def forward(self) -> bool:
        """Whether one drives along growing s."""
        return (self.lane.id < 0) == (self.road.rule == "RHT")

    def points(self, share: float, lift_m: float = 0.0) -> Array:
        """(n, 3), CARLA's axes; share 0 is the inner border, 1 the outer one."""
        t = self.inner + share * (self.outer - self.inner)
        return self.line.point(self.s, t, lift_m)

    def speed_limit_kmh(self, default: float) -> Array:
        """(n,): of the lane where it has one, else of the road's type, else the default."""
        limit = np.full(len(self.s), default)
        for start, _, kmh in sorted(self.road.types, key=lambda entry: entry[0]):
            if kmh is not None:
                limit[self.s >= start] = kmh
        for start, kmh in self.lane.speeds:
            limit[self.s - self.section.s >= start] = kmh
        return limit


def section_ends(road: Road) -> list[tuple[Section, float, float]]:
    ends = [section.s for section in road.sections[1:]] + [road.length]
    return [(section, section.s, end) for section, end in zip(road.sections, ends) if end - section.s > 1e-6]


def strips(road: Road, step_m: float) -> Iterator[Strip]:
    """All lanes, sections in order, from the centre outwards on either side."""
    line = CentreLine(road)
    for section, start, end in section_ends(road):
        s = stations(road, start, end, step_m)
        yield from section_strips(line, section, s)


def section_strips(line: CentreLine, section: Section, s: Array) -> Iterator[Strip]:
    road = line.road
    offset = evaluate(road.lane_offset, s)
    for sign in (-1, 1):
        inner = offset
        own = sorted((lane for lane in section.lanes if lane.id * sign > 0), key=lambda lane: abs(lane.id))
        for lane in own:
            outer = inner + sign * np.maximum(0.0, evaluate(lane.widths, s - section.s))
            yield Strip(road, line, section, lane, s, inner, outer)
            inner = outer


def stations(road: Road, start: float, end: float, step_m: float) -> Array:
    """Positions about `step_m` apart, closer in tight bends; the joints of the reference line and widths among them."""
    fixed = {start, end}
    for g in road.geometry:
        fixed |= {g.s, g.s + g.length}
    marks = sorted(v for v in fixed if start <= v <= end)
    runs = []
    for a, b in pairwise(marks):
        step = min(step_m, 1.5) if road.junction != -1 else step_m
        runs.append(np.linspace(a, b, max(1, math.ceil((b - a) / step)), endpoint=False))
    s = np.concatenate([*runs, [end]])
    keep = np.concatenate([[True], np.diff(s) > 1e-4])
    s = s[keep]
    s[-1] = end
    return s


def edge_of(line: CentreLine, sign: int, s: Array, paved: bool) -> Array:
    """|t| (n,) of a road's border on one side: of its carriageway (`paved`: of all its lanes that are built)."""
    out = np.zeros(len(s))
    for section, start, end in section_ends(line.road):
        mine = (s >= start - 1e-9) & (s <= end + 1e-9)
        if not mine.any():
            continue
        edge = sign * evaluate(line.road.lane_offset, s[mine])
        for strip in section_strips(line, section, s[mine]):
            if strip.lane.id * sign > 0 and strip.surface is not None and (paved or not strip.is_raised):
                edge = np.maximum(edge, sign * strip.outer)
            elif strip.lane.id * sign > 0 and not paved and strip.is_raised:
                break
        out[mine] = edge
    return out
