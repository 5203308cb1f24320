"""Writes a road network as OpenDRIVE 1.4, the dialect that CARLA's client reads."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree as xml

from simulator.towns.curves import STRAIGHT
from simulator.towns.layout import LANE_M
from simulator.towns.network import Network
from simulator.towns.road import CROSSWALK_LENGTH_M, PARKING_M, SIDEWALK_M, TAPER_M, LaneType, Road, Side
from simulator.towns.signals import Signal
from simulator.towns.xodr.records import Link

GEO_REFERENCE = "+proj=tmerc +lat_0=0 +lon_0=0 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +vunits=m +no_defs"
CURB_HEIGHT_M = 0.15
SOLID_BEFORE_JUNCTION_M = 22.0
"""The centre line is solid for this long before a junction, broken elsewhere."""

Element = xml.Element


def opendrive_text(network: Network, name: str) -> str:
    root = Element("OpenDRIVE")
    xs, ys = zip(*((p.start.x, p.start.y) for r in network.roads.values() for p in r.path.pieces), strict=True)
    bounds = {"north": max(ys) + 100, "south": min(ys) - 100, "east": max(xs) + 100, "west": min(xs) - 100}
    header = add_element(
        root, "header", revMajor=1, revMinor=4, name=name, version=1, date="2026-01-01T00:00:00", **bounds
    )
    add_element(header, "geoReference").text = GEO_REFERENCE
    for road in network.roads.values():
        _road(root, road, [s for s in network.signals if s.road == road.id])
    for controller in sorted({s.controller for s in network.signals if s.controller >= 0}):
        element = add_element(
            root, "controller", name=f"Controller {controller}", id=controller, sequence=controller % 2
        )
        for signal in network.signals:
            if signal.controller == controller:
                add_element(element, "control", signalId=signal.id, type="")
    for crossing in network.crossings:
        junction = add_element(root, "junction", id=crossing.id, name=f"Junction {crossing.id}")
        for k, (incoming, connecting) in enumerate(crossing.connections):
            connection = add_element(
                junction, "connection", id=k, incomingRoad=incoming, connectingRoad=connecting, contactPoint="start"
            )
            for link in network.roads[connecting].lane_links:
                add_element(connection, "laneLink", **{"from": link.before, "to": link.lane})
        for controller in crossing.controllers:
            add_element(junction, "controller", id=controller, type="", sequence=controller % 2)
    xml.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def add_element(parent: Element, tag: str, **attributes: object) -> Element:
    """Numbers are written so that they read back as the same doubles: lengths must agree to the last bit."""
    return xml.SubElement(parent, tag, {k: repr(v) if isinstance(v, float) else str(v) for k, v in attributes.items()})


def _polynomial(parent: Element, tag: str, start_name: str, start: float, *abcd: float) -> None:
    add_element(parent, tag, **{start_name: float(start)}, **{k: float(v) for k, v in zip("abcd", abcd, strict=True)})


def _road(root: Element, road: Road, signals: list[Signal]) -> None:
    length = road.path.length
    element = add_element(root, "road", name=road.name, length=length, id=road.id, junction=road.junction)
    link = add_element(element, "link")
    for tag, other in (("predecessor", road.before), ("successor", road.behind)):
        _road_link(link, tag, other)
    kind = add_element(element, "type", s=0.0, type="town")
    add_element(kind, "speed", max=road.limit_kmh, unit="km/h")
    plan = add_element(element, "planView")
    for s, piece in zip(road.path.starts, road.path.pieces, strict=True):
        p = piece.start
        geometry = add_element(plan, "geometry", s=float(s), x=p.x, y=p.y, hdg=p.heading, length=piece.length)
        if abs(piece.curvature) < STRAIGHT:
            add_element(geometry, "line")
        else:
            add_element(geometry, "arc", curvature=piece.curvature)
    _polynomial(add_element(element, "elevationProfile"), "elevation", "s", 0.0, 0.0, 0.0, 0.0, 0.0)
    _polynomial(add_element(element, "lateralProfile"), "superelevation", "s", 0.0, 0.0, 0.0, 0.0, 0.0)
    _lanes(element, road)
    objects = add_element(element, "objects")
    for k, s in enumerate(road.crosswalks):
        _crosswalk(objects, 100 * road.id + k, s)
    holder = add_element(element, "signals")
    for signal in signals:
        _signal(holder, signal)


def _road_link(parent: Element, tag: str, other: Link) -> None:
    if other.kind == "junction":
        add_element(parent, tag, elementType="junction", elementId=other.id)
    else:
        add_element(parent, tag, elementType="road", elementId=other.id, contactPoint=other.contact)


def _lanes(element: Element, road: Road) -> None:
    """A section from each change of the lanes to the next: readers take a lane without width for a lane as well."""
    lanes = add_element(element, "lanes")
    _polynomial(lanes, "laneOffset", "s", 0.0, 0.0, 0.0, 0.0, 0.0)
    sides = [side for side in (road.left, road.right) if side is not None]
    starts = sorted({0.0, *(s for side in sides for s in side.changes())})
    spans = list(pairwise([*starts, road.path.length]))
    for k, span in enumerate(spans):
        section = add_element(lanes, "laneSection", s=span[0])
        before, behind = (_middle(spans[j]) if 0 <= j < len(spans) else None for j in (k - 1, k + 1))
        if road.left is not None:
            _side_lanes(add_element(section, "left"), road, road.left, 1, span, before, behind)
        centre = add_element(add_element(section, "center"), "lane", id=0, type="none", level="false")
        for s, mark in _within(_centre_marks(road), span):
            _road_mark(centre, s, mark, 0.12)
        _side_lanes(add_element(section, "right"), road, road.right, -1, span, before, behind)


def _middle(span: tuple[float, float]) -> float:
    return 0.5 * (span[0] + span[1])


def _within(marks: list[tuple[float, str]], span: tuple[float, float]) -> list[tuple[float, str]]:
    """Marks by their begin along the road, as a section counts from its own."""
    first = max(k for k, (s, _) in enumerate(marks) if s <= span[0])
    return [(max(0.0, s - span[0]), mark) for s, mark in marks[first:] if s < span[1]]


def _centre_marks(road: Road) -> list[tuple[float, str]]:
    if road.junction != -1:
        return [(0.0, "none")]
    return [(0.0, "solid"), (SOLID_BEFORE_JUNCTION_M, "broken"), (road.path.length - SOLID_BEFORE_JUNCTION_M, "solid")]


def _side_lanes(
    group: Element,
    road: Road,
    side: Side,
    sign: int,
    span: tuple[float, float],
    before: float | None,
    behind: float | None,
) -> None:
    """before, behind: a place in the section before and behind this one, None at the ends of the road."""
    kinds = side.lanes_at(_middle(span))
    links = {link.lane: (link.before, link.behind) for link in road.lane_links}
    order = range(len(kinds), 0, -1) if sign > 0 else range(1, len(kinds) + 1)
    for number in order:
        kind = kinds[number - 1]
        element = add_element(group, "lane", id=sign * number, type=kind, level="false")
        link = add_element(element, "link")
        outer = links.get(sign * number, (None, None))
        for tag, place, at_end in zip(("predecessor", "successor"), (before, behind), outer):
            found = at_end if place is None else _number(side.lanes_at(place), kind, sign)
            if found is not None:
                add_element(link, tag, id=found)
        if kind in ("parking", "shoulder"):
            (bay,) = (bay for bay in side.bays if bay[0] <= _middle(span) <= bay[1])
            for s, abcd in _parking_widths(bay, span):
                _polynomial(element, "width", "sOffset", s, *abcd)
        else:
            _polynomial(element, "width", "sOffset", 0.0, LANE_M if kind == "driving" else SIDEWALK_M, 0.0, 0.0, 0.0)
        along_bays = kind == "driving" and "parking" in side.lanes
        mark = {"sidewalk": "none", "parking": "curb", "shoulder": "curb"}.get(
            kind, "broken" if along_bays else "solid"
        )
        _road_mark(element, 0.0, mark, 0.12)
        if kind == "sidewalk":
            add_element(element, "height", sOffset=0.0, inner=CURB_HEIGHT_M, outer=CURB_HEIGHT_M)


def _number(kinds: tuple[LaneType, ...], kind: LaneType, sign: int) -> int | None:
    """The id of the lane that goes on; parking lane and shoulder go on in one another."""
    strip = ("parking", "shoulder")
    return next((sign * (k + 1) for k, other in enumerate(kinds) if other == kind or {other, kind} == {*strip}), None)


def _parking_widths(
    bay: tuple[float, float], span: tuple[float, float]
) -> list[tuple[float, tuple[float, float, float, float]]]:
    """Cubic pieces of `Side.parking_width_m` in a section of a bay, counted from the section's begin."""
    start, end = bay
    pieces = [
        (start, (0.0, 0.0, 3 * PARKING_M / TAPER_M**2, -2 * PARKING_M / TAPER_M**3)),
        (start + TAPER_M, (PARKING_M, 0.0, 0.0, 0.0)),
        (end - TAPER_M, (PARKING_M, 0.0, -3 * PARKING_M / TAPER_M**2, 2 * PARKING_M / TAPER_M**3)),
    ]
    first = max(k for k, (s, _) in enumerate(pieces) if s <= span[0])
    return [(max(0.0, s - span[0]), _shifted(abcd, max(0.0, span[0] - s))) for s, abcd in pieces[first:] if s < span[1]]


def _shifted(abcd: tuple[float, float, float, float], ds: float) -> tuple[float, float, float, float]:
    """The same cubic counted from `ds` on."""
    a, b, c, d = abcd
    return a + ds * (b + ds * (c + ds * d)), b + ds * (2.0 * c + 3.0 * ds * d), c + 3.0 * ds * d, d


def _road_mark(lane: Element, s: float, mark: str, width: float) -> None:
    add_element(
        lane,
        "roadMark",
        sOffset=float(s),
        type=mark,
        weight="standard",
        color="white",
        material="standard",
        width=width,
        laneChange="none",
    )


def _crosswalk(objects: Element, id: int, s: float) -> None:
    element = add_element(
        objects,
        "object",
        id=id,
        name=f"Crosswalk {id}",
        type="crosswalk",
        s=float(s),
        t=0.0,
        zOffset=0.0,
        hdg=0.0,
        pitch=0.0,
        roll=0.0,
        orientation="none",
        length=CROSSWALK_LENGTH_M,
        width=2 * LANE_M,
    )
    outline = add_element(element, "outline")
    u, v = CROSSWALK_LENGTH_M / 2, LANE_M
    # The first corner comes twice: that is how readers of get_crosswalks() know where a polygon ends.
    for du, dv in ((-u, -v), (-u, v), (u, v), (u, -v), (-u, -v)):
        add_element(outline, "cornerLocal", u=du, v=dv, z=0.0)


def _signal(holder: Element, signal: Signal) -> None:
    lateral = LANE_M + 0.65
    element = add_element(
        holder,
        "signal",
        name=signal.name,
        id=signal.id,
        s=signal.s,
        t=math.copysign(lateral, signal.lane),
        zOffset=0.0,
        hOffset=0.0 if signal.lane < 0 else math.pi,
        roll=0.0,
        pitch=0.0,
        orientation="+" if signal.lane < 0 else "-",
        dynamic="yes" if signal.type == "1000001" else "no",
        country="OpenDRIVE",
        type=signal.type,
        subtype=str(signal.value),
        value=str(signal.value),
        unit="km/h",
        text="",
        height=1.0,
        width=0.7,
    )
    add_element(element, "validity", fromLane=signal.lane, toLane=signal.lane)
    p = signal.pose
    add_element(element, "positionInertial", x=p.x, y=p.y, z=CURB_HEIGHT_M, hdg=p.heading, pitch=0.0, roll=0.0)
