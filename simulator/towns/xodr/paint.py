"""Paint on the roads of a map: lane markings, stop lines and crosswalks, a centimetre above the asphalt.

Paint is yellow where a mark's colour is, else white.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder
from simulator.towns.curves import Array
from simulator.towns.markings import DASH_M, GAP_M, PAINT_Z_M
from simulator.towns.roadways import strip
from simulator.towns.xodr.geometry import CentreLine, evaluate
from simulator.towns.xodr.lanes import Strip, section_ends
from simulator.towns.xodr.records import Lane, Road, RoadObject
from simulator.towns.xodr.roads import JunctionPlan
from simulator.towns.xodr.terrain import Terrain

DOUBLE_GAP_M = 0.13
_PIECE_M = 3.0
Hides = Callable[[Array], NDArray[np.bool_]]
_DOUBLE = {
    "solid solid": ("solid", "solid"),
    "broken broken": ("broken", "broken"),
    "solid broken": ("solid", "broken"),
    "broken solid": ("broken", "solid"),
}


def add_lane_marks(builder: MeshBuilder, road: Road, lanes: list[Strip], plan: JunctionPlan | None) -> None:
    """The marks of the centre line and of the outer border of each lane. plan: of the junction that the road is in."""
    line = CentreLine(road)
    driving = {(lane.section.s, lane.lane.id) for lane in lanes if lane.is_driving}

    def hides(section_s: float, id: int, sign: int) -> Hides | None:
        if plan is None:
            return None
        pair = {(section_s, id or -1), (section_s, id + sign)}
        return lambda xy: plan.hides(xy, between_lanes=pair <= driving)

    for section, start, end in section_ends(road):
        centre = next(lane for lane in section.lanes if lane.id == 0)
        s = np.array([start, end])
        _marks(builder, line, centre, start, end, s, None, hides=hides(section.s, 0, 1))
    for lane in lanes:
        if lane.surface is not None and not lane.is_raised and len(lane.s) > 1:
            sign = 1.0 if lane.lane.id > 0 else -1.0
            hidden = hides(lane.section.s, lane.lane.id, int(sign))
            _marks(
                builder, line, lane.lane, float(lane.s[0]), float(lane.s[-1]), lane.s, lane.outer - sign * 0.1, hidden
            )


def _marks(
    builder: MeshBuilder,
    line: CentreLine,
    lane: Lane,
    start: float,
    end: float,
    s: Array,
    t: Array | None,
    hides: Hides | None,
) -> None:
    marks = sorted(lane.marks, key=lambda mark: mark.s)
    for k, mark in enumerate(marks):
        first = min(end, start + mark.s)
        last = min(end, start + marks[k + 1].s) if k + 1 < len(marks) else end
        kinds = _DOUBLE.get(mark.type, (mark.type,))
        material = Material.LANE_PAINT_YELLOW if mark.color == "yellow" else Material.LANE_PAINT
        for n, kind in enumerate(kinds):
            # the first of a double mark is the one nearer to the road's left
            aside = (DOUBLE_GAP_M if n == 0 else -DOUBLE_GAP_M) if len(kinds) == 2 else 0.0
            for a, b in _runs(kind, first, last):
                at = np.linspace(a, b, max(2, int((b - a) / _PIECE_M) + 2))
                middle = (evaluate(line.road.lane_offset, at) if t is None else np.interp(at, s, t)) + aside
                if b - a > 0.3 and (t is None or _is_wide(lane, at - start)):
                    half = 0.5 * min(max(mark.width, 0.08), 0.4)
                    for run in _shown(line, at, middle, hides):
                        paint(builder, line, at[run], middle[run] - half, middle[run] + half, material)


def _shown(line: CentreLine, s: Array, t: Array, hides: Hides | None) -> list[slice]:
    """The stretches of a line that are not hidden."""
    if hides is None:
        return [slice(0, len(s))]
    shown = ~hides(line.point(s, t)[:, :2])
    edges = np.diff(np.pad(shown.astype(int), 1))
    return [slice(a, b) for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)) if b - a > 1]


def _is_wide(lane: Lane, ds: Array) -> bool:
    return bool((evaluate(lane.widths, ds) > 0.4).all())


def _runs(kind: str, first: float, last: float) -> list[tuple[float, float]]:
    if kind == "solid":
        return [(first, last)]
    if kind in ("broken", "botts dots"):
        starts = np.arange(first + GAP_M / 2, last - DASH_M, DASH_M + GAP_M)
        return [(float(a), float(a) + DASH_M) for a in starts]
    return []


def paint(
    builder: MeshBuilder,
    line: CentreLine,
    s: Array,
    right: Array,
    left: Array,
    material: Material = Material.LANE_PAINT,
) -> None:
    strip(builder, line.point(s, right, PAINT_Z_M), line.point(s, left, PAINT_Z_M), material)


def crosswalk_polygon(road: Road, thing: RoadObject) -> Array:
    """Corners (n, 3) of a crosswalk object, CARLA's axes, the first one repeated at the end."""
    line = CentreLine(road)
    corners = thing.outline or tuple(
        (u * thing.length / 2, v * thing.width / 2, 0.0) for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )
    x, y, heading = (float(v) for v in line.at(np.array(thing.s), np.array(thing.t)))
    angle = heading + thing.heading
    u, v, _ = np.array(corners).T
    px, py = x + u * np.cos(angle) - v * np.sin(angle), y + u * np.sin(angle) + v * np.cos(angle)
    z = float(line.height_m(np.array(thing.s)))
    polygon = np.stack([px, -py, np.full(len(px), z)], axis=1)
    return polygon if np.allclose(polygon[0], polygon[-1]) else np.concatenate([polygon, polygon[:1]])


def add_zebra(builder: MeshBuilder, polygon: Array, travel_yaw_rad: float, terrain: Terrain) -> None:
    """Stripes along the road's direction, half a metre wide, clipped to the (convex) polygon."""
    along = np.array([np.cos(travel_yaw_rad), np.sin(travel_yaw_rad)])
    across = np.array([-along[1], along[0]])
    centre = polygon[:-1, :2].mean(axis=0)
    u, v = (polygon[:, :2] - centre) @ along, (polygon[:, :2] - centre) @ across
    quads = []
    for middle in np.arange(np.ceil(v.min()) + 0.5 - 1.0, v.max(), 1.0):
        ends = [_span(u, v, middle + side) for side in (-0.25, 0.25)]
        if any(span is None for span in ends):
            continue
        (a0, a1), (b0, b1) = ends  # type: ignore[misc]
        corners = [(a0, middle - 0.25), (a1, middle - 0.25), (b1, middle + 0.25), (b0, middle + 0.25)]
        quads.append([centre + p * along + q * across for p, q in corners])
    if quads:
        flat = np.array(quads).reshape(-1, 2)
        z = terrain.height_m(flat) + PAINT_Z_M
        builder.quads(np.concatenate([flat, z[:, None]], axis=1).reshape(-1, 4, 3), Material.LANE_PAINT)


def _span(u: Array, v: Array, at: float) -> tuple[float, float] | None:
    hits = []
    for k in range(len(u) - 1):
        if (v[k] - at) * (v[k + 1] - at) <= 0.0 and v[k] != v[k + 1]:
            hits.append(u[k] + (u[k + 1] - u[k]) * (at - v[k]) / (v[k + 1] - v[k]))
    return (float(min(hits)), float(max(hits))) if len(hits) >= 2 else None
