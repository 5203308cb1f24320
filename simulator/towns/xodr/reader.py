"""Reads OpenDRIVE text into records, and says in one line what is wrong with a text that it cannot read.

CARLA's own parser ends the process on some invalid maps (a road without geometry, for one), so whatever a user brings
passes here first. Not read: superelevation and lane shapes (roads are level across), bridges and tunnels as such,
lanes given by `border` instead of `width`.
"""

from __future__ import annotations

import math
from typing import Literal, cast
from xml.etree import ElementTree as xml

from simulator.towns.xodr.records import (
    SHAPES,
    Connection,
    Contact,
    Controller,
    Cubic,
    Geometry,
    Junction,
    Lane,
    Link,
    OpenDrive,
    OpenDriveError,
    Road,
    RoadMark,
    RoadObject,
    Section,
    Signal,
    SignalReference,
)

Element = xml.Element
_KMH = {"km/h": 1.0, "mph": 1.609344, "m/s": 3.6}
_GAP_M = 0.5
"""How far the pieces of a reference line may miss each other in length; CARLA takes no more care."""


def parse_opendrive(text: str) -> OpenDrive:
    """Raises OpenDriveError."""
    if not text.strip():
        raise OpenDriveError("the OpenDRIVE text is empty")
    try:
        root = xml.fromstring(text.encode())
    except xml.ParseError as error:
        raise OpenDriveError(f"not well-formed XML: {error}") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != "OpenDRIVE":
        raise OpenDriveError(f"the root element is <{root.tag}>, not <OpenDRIVE>")
    header = root.find("header")
    roads = [_road(element) for element in root.findall("road")]
    if not roads:
        raise OpenDriveError("there is no <road>")
    numbers = [road.id for road in roads]
    for number in numbers:
        if numbers.count(number) > 1:
            raise OpenDriveError(f"there are two roads with id {number}")
    junctions = [_junction(element) for element in root.findall("junction")]
    controllers = [_controller(element) for element in root.findall("controller")]
    found = OpenDrive(
        header.get("name", "") if header is not None else "",
        {road.id: road for road in roads},
        {junction.id: junction for junction in junctions},
        {controller.id: controller for controller in controllers},
        (header.findtext("geoReference", "") if header is not None else "").strip(),
    )
    _check_links(found)
    if not any(lane.type == "driving" for road in roads for section in road.sections for lane in section.lanes):
        raise OpenDriveError("there is no driving lane")
    return found


def _number(element: Element, name: str, where: str, default: float | None = None) -> float:
    value = element.get(name)
    if value is None:
        if default is None:
            raise OpenDriveError(f"{where}: <{element.tag}> has no {name}")
        return default
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise OpenDriveError(f"{where}: <{element.tag} {name}={value!r}> is not a number")
    return number


def _whole(element: Element, name: str, where: str) -> int:
    value = element.get(name)
    try:
        return int(value or "")
    except ValueError:
        raise OpenDriveError(f"{where}: <{element.tag} {name}={value!r}> is not a whole number") from None


def _cubics(parent: Element | None, tag: str, where: str, start: str = "s") -> tuple[Cubic, ...]:
    if parent is None:
        return ()
    found = [
        Cubic(_number(e, start, where), *(_number(e, name, where, 0.0) for name in "abcd")) for e in parent.findall(tag)
    ]
    return tuple(sorted(found, key=lambda cubic: cubic.s))


def _road(element: Element) -> Road:
    id = _whole(element, "id", "road")
    where = f"road {id}"
    length = _number(element, "length", where)
    if length <= 0.0:
        raise OpenDriveError(f"{where}: its length is {length} m")
    plan = element.find("planView")
    geometry = tuple(sorted((_geometry(g, where) for g in plan or ()), key=lambda g: g.s))
    if not geometry:
        raise OpenDriveError(f"{where}: its <planView> has no geometry")
    if abs(geometry[-1].s + geometry[-1].length - length) > _GAP_M:
        end = geometry[-1].s + geometry[-1].length
        raise OpenDriveError(f"{where}: its geometry ends at s = {end:.2f} m, its length is {length:.2f} m")
    lanes = element.find("lanes")
    sections = tuple(sorted((_section(s, where) for s in _all(lanes, "laneSection")), key=lambda section: section.s))
    if not sections:
        raise OpenDriveError(f"{where}: there is no <laneSection>")
    link = element.find("link")
    objects, signals = element.find("objects"), element.find("signals")
    rule: Literal["RHT", "LHT"] = "LHT" if element.get("rule", "RHT").upper() == "LHT" else "RHT"
    return Road(
        id,
        length,
        geometry,
        sections,
        element.get("name", ""),
        int(_number(element, "junction", where, -1.0)),
        rule,
        _link(link, "predecessor", where),
        _link(link, "successor", where),
        tuple((_number(e, "s", where, 0.0), e.get("type", ""), _limit_kmh(e, where)) for e in element.findall("type")),
        _cubics(element.find("elevationProfile"), "elevation", where),
        _cubics(lanes, "laneOffset", where),
        tuple(_object(e, where) for e in _all(objects, "object")),
        tuple(_signal(e, where) for e in _all(signals, "signal")),
        tuple(_reference(e, where) for e in _all(signals, "signalReference")),
    )


def _all(parent: Element | None, tag: str) -> list[Element]:
    return [] if parent is None else parent.findall(tag)


def _limit_kmh(kind: Element, where: str) -> float | None:
    speed = kind.find("speed")
    if speed is None or speed.get("max") in (None, "no limit", "undefined"):
        return None
    return _number(speed, "max", where) * _KMH.get(speed.get("unit", "m/s"), 3.6)


def _geometry(element: Element, where: str) -> Geometry:
    s, x, y, heading, length = (_number(element, name, where) for name in ("s", "x", "y", "hdg", "length"))
    for kind, names in SHAPES.items():
        shape = element.find(kind)
        if shape is not None:
            values = tuple(_number(shape, name, where) for name in names)
            is_normalized = shape.get("pRange", "normalized") != "arcLength"
            return Geometry(s, x, y, heading, length, kind, values, is_normalized)
    raise OpenDriveError(f"{where}: its geometry at s = {s} m is no line, arc, spiral, poly3 or paramPoly3")


def _section(element: Element, where: str) -> Section:
    s = _number(element, "s", where)
    where = f"{where}, lane section at s = {s:g} m"
    lanes = [_lane(lane, where) for side in ("left", "center", "right") for lane in element.findall(f"{side}/lane")]
    ids = sorted((lane.id for lane in lanes), reverse=True)
    if 0 not in ids:
        raise OpenDriveError(f"{where}: there is no centre lane (id 0)")
    if ids != list(range(ids[0], ids[-1] - 1, -1)):
        raise OpenDriveError(f"{where}: lane ids {ids} leave a gap or occur twice")
    return Section(s, tuple(sorted(lanes, key=lambda lane: -lane.id)))


def _lane(element: Element, where: str) -> Lane:
    id = _whole(element, "id", where)
    where = f"{where}, lane {id}"
    link = element.find("link")
    before, behind = (None if link is None else link.find(tag) for tag in ("predecessor", "successor"))
    widths = _cubics(element, "width", where, "sOffset")
    if id and not widths:
        raise OpenDriveError(f"{where}: it has no <width>")
    return Lane(
        id,
        element.get("type", "none"),
        widths,
        tuple(
            RoadMark(
                _number(e, "sOffset", where, 0.0),
                e.get("type", "none"),
                e.get("color", "white"),
                _number(e, "width", where, 0.12),
                e.get("laneChange", "none"),
            )
            for e in element.findall("roadMark")
        ),
        None if before is None else _whole(before, "id", where),
        None if behind is None else _whole(behind, "id", where),
        tuple(
            (_number(e, "sOffset", where, 0.0), _number(e, "inner", where, 0.0), _number(e, "outer", where, 0.0))
            for e in element.findall("height")
        ),
        tuple(
            (_number(e, "sOffset", where, 0.0), _number(e, "max", where) * _KMH.get(e.get("unit", "m/s"), 3.6))
            for e in element.findall("speed")
        ),
    )


def _link(parent: Element | None, tag: str, where: str) -> Link | None:
    element = None if parent is None else parent.find(tag)
    if element is None:
        return None
    kind = element.get("elementType")
    if kind not in ("road", "junction"):
        raise OpenDriveError(f"{where}: its {tag} is no road or junction")
    return Link(
        cast(Literal["road", "junction"], kind), _whole(element, "elementId", where), _contact(element, "contactPoint")
    )


def _contact(element: Element, name: str) -> Contact:
    return "end" if element.get(name) == "end" else "start"


def _validity(element: Element, where: str) -> tuple[tuple[int, int], ...]:
    return tuple((_whole(e, "fromLane", where), _whole(e, "toLane", where)) for e in element.findall("validity"))


def _signal(element: Element, where: str) -> Signal:
    place = element.find("positionInertial")
    return Signal(
        element.get("id", ""),
        _number(element, "s", where),
        _number(element, "t", where),
        element.get("type", ""),
        element.get("name", ""),
        element.get("subtype", "-1"),
        _number(element, "value", where, -1.0) if element.get("value") else -1.0,
        element.get("unit", "km/h"),
        element.get("orientation", "+"),
        element.get("dynamic", "no") == "yes",
        _number(element, "zOffset", where, 0.0),
        None
        if place is None
        else (
            _number(place, "x", where),
            _number(place, "y", where),
            _number(place, "z", where, 0.0),
            _number(place, "hdg", where, 0.0),
        ),
        _validity(element, where),
    )


def _reference(element: Element, where: str) -> SignalReference:
    return SignalReference(
        element.get("id", ""),
        _number(element, "s", where),
        _number(element, "t", where, 0.0),
        element.get("orientation", "+"),
        _validity(element, where),
    )


def _object(element: Element, where: str) -> RoadObject:
    repeat = element.find("repeat")
    outline = element.find(".//outline")
    s, t = _number(element, "s", where), _number(element, "t", where)
    corners = [
        (_number(e, "u", where), _number(e, "v", where), _number(e, "z", where, 0.0))
        for e in _all(outline, "cornerLocal")
    ] or [
        (_number(e, "s", where) - s, _number(e, "t", where) - t, _number(e, "dz", where, 0.0))
        for e in _all(outline, "cornerRoad")
    ]
    return RoadObject(
        element.get("id", ""),
        element.get("type", ""),
        s,
        t,
        element.get("name", ""),
        _number(element, "hdg", where, 0.0),
        _number(element, "length", where, 0.0),
        _number(element, "width", where, 0.0),
        _number(element, "height", where, 0.0),
        tuple(corners),
        None
        if repeat is None
        else (
            _number(repeat, "s", where),
            _number(repeat, "length", where),
            _number(repeat, "tStart", where, t),
            _number(repeat, "tEnd", where, t),
        ),
    )


def _junction(element: Element) -> Junction:
    id = _whole(element, "id", "junction")
    where = f"junction {id}"
    return Junction(
        id,
        tuple(
            Connection(
                _whole(e, "incomingRoad", where),
                _whole(e, "connectingRoad", where),
                _contact(e, "contactPoint"),
                tuple((_whole(k, "from", where), _whole(k, "to", where)) for k in e.findall("laneLink")),
            )
            for e in element.findall("connection")
            if e.get("connectingRoad") is not None
        ),
        tuple(e.get("id", "") for e in element.findall("controller")),
        element.get("name", ""),
    )


def _controller(element: Element) -> Controller:
    return Controller(element.get("id", ""), tuple(e.get("signalId", "") for e in element.findall("control")))


def _check_links(found: OpenDrive) -> None:
    for road in found.roads.values():
        for tag, link in (("predecessor", road.predecessor), ("successor", road.successor)):
            known = found.roads if link is not None and link.kind == "road" else found.junctions
            if link is not None and link.id not in known:
                raise OpenDriveError(f"road {road.id}: its {tag}, {link.kind} {link.id}, does not exist")
        if road.junction != -1 and road.junction not in found.junctions:
            raise OpenDriveError(f"road {road.id}: its junction {road.junction} does not exist")
    for junction in found.junctions.values():
        for connection in junction.connections:
            for id in (connection.incoming, connection.connecting):
                if id not in found.roads:
                    raise OpenDriveError(f"junction {junction.id}: road {id} does not exist")
