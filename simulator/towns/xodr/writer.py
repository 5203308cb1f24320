"""Writes records as OpenDRIVE 1.4 text, the dialect that CARLA's client reads; `parse_opendrive` gives them back."""

from __future__ import annotations

from xml.etree import ElementTree as xml

from simulator.towns.opendrive import add_element as add
from simulator.towns.xodr.records import SHAPES, Cubic, Geometry, Lane, Link, OpenDrive, Road, RoadObject, Signal

Element = xml.Element


def write_opendrive(found: OpenDrive) -> str:
    root = Element("OpenDRIVE")
    xs, ys = zip(*((g.x, g.y) for road in found.roads.values() for g in road.geometry), strict=True)
    bounds = {"north": max(ys) + 100, "south": min(ys) - 100, "east": max(xs) + 100, "west": min(xs) - 100}
    header = add(
        root, "header", revMajor=1, revMinor=4, name=found.name, version=1, date="2026-01-01T00:00:00", **bounds
    )
    if found.georeference:
        add(header, "geoReference").text = found.georeference
    for road in found.roads.values():
        _road(root, road)
    for controller in found.controllers.values():
        element = add(root, "controller", name=f"Controller {controller.id}", id=controller.id, sequence=0)
        for signal in controller.signals:
            add(element, "control", signalId=signal, type="")
    for junction in found.junctions.values():
        element = add(root, "junction", id=junction.id, name=junction.name)
        for k, c in enumerate(junction.connections):
            connection = add(
                element,
                "connection",
                id=k,
                incomingRoad=c.incoming,
                connectingRoad=c.connecting,
                contactPoint=c.contact,
            )
            for from_lane, to_lane in c.links:
                add(connection, "laneLink", **{"from": from_lane, "to": to_lane})
        for id in junction.controllers:
            add(element, "controller", id=id, type="")
    xml.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _cubic(parent: Element, tag: str, start: str, cubic: Cubic) -> None:
    add(parent, tag, **{start: float(cubic.s)}, **{name: float(getattr(cubic, name)) for name in "abcd"})


def _road(root: Element, road: Road) -> None:
    rule = {} if road.rule == "RHT" else {"rule": road.rule}
    element = add(root, "road", name=road.name, length=float(road.length), id=road.id, junction=road.junction, **rule)
    link = add(element, "link")
    for tag, other in (("predecessor", road.predecessor), ("successor", road.successor)):
        if other is not None:
            _link(link, tag, other)
    for s, kind, limit in road.types:
        held = add(element, "type", s=float(s), type=kind)
        if limit is not None:
            add(held, "speed", max=float(limit), unit="km/h")
    plan = add(element, "planView")
    for geometry in road.geometry:
        _geometry(plan, geometry)
    profile = add(element, "elevationProfile")
    for cubic in road.elevation:
        _cubic(profile, "elevation", "s", cubic)
    lanes = add(element, "lanes")
    for cubic in road.lane_offset:
        _cubic(lanes, "laneOffset", "s", cubic)
    for section in road.sections:
        held = add(lanes, "laneSection", s=float(section.s))
        for side, sign in (("left", 1), ("center", 0), ("right", -1)):
            own = [lane for lane in section.lanes if (lane.id > 0) - (lane.id < 0) == sign]
            if own:
                group = add(held, side)
                for lane in own:
                    _lane(group, lane)
    objects = add(element, "objects")
    for thing in road.objects:
        _object(objects, thing)
    signals = add(element, "signals")
    for signal in road.signals:
        _signal(signals, signal)
    for ref in road.references:
        held = add(signals, "signalReference", s=float(ref.s), t=float(ref.t), id=ref.id, orientation=ref.orientation)
        for first, last in ref.validity:
            add(held, "validity", fromLane=first, toLane=last)


def _link(parent: Element, tag: str, other: Link) -> None:
    contact = {} if other.kind == "junction" else {"contactPoint": other.contact}
    add(parent, tag, elementType=other.kind, elementId=other.id, **contact)


def _geometry(plan: Element, g: Geometry) -> None:
    held = add(plan, "geometry", s=float(g.s), x=float(g.x), y=float(g.y), hdg=float(g.heading), length=float(g.length))
    values = {name: float(value) for name, value in zip(SHAPES[g.kind], g.values, strict=True)}
    extra = {"pRange": "normalized" if g.normalized else "arcLength"} if g.kind == "paramPoly3" else {}
    add(held, g.kind, **values, **extra)


def _lane(group: Element, lane: Lane) -> None:
    element = add(group, "lane", id=lane.id, type=lane.type, level="false")
    link = add(element, "link")
    for tag, id in (("predecessor", lane.predecessor), ("successor", lane.successor)):
        if id is not None:
            add(link, tag, id=id)
    for cubic in lane.widths:
        _cubic(element, "width", "sOffset", cubic)
    for mark in lane.marks:
        add(
            element,
            "roadMark",
            sOffset=float(mark.s),
            type=mark.type,
            weight="standard",
            color=mark.color,
            material="standard",
            width=float(mark.width),
            laneChange=mark.lane_change,
        )
    for s, kmh in lane.speeds:
        add(element, "speed", sOffset=float(s), max=float(kmh), unit="km/h")
    for s, inner, outer in lane.heights:
        add(element, "height", sOffset=float(s), inner=float(inner), outer=float(outer))


def _object(parent: Element, thing: RoadObject) -> None:
    sizes = {name: float(getattr(thing, name)) for name in ("length", "width", "height")}
    element = add(
        parent,
        "object",
        id=thing.id,
        name=thing.name,
        type=thing.type,
        s=float(thing.s),
        t=float(thing.t),
        zOffset=0.0,
        hdg=float(thing.heading),
        pitch=0.0,
        roll=0.0,
        orientation="none",
        **sizes,
    )
    if thing.repeat is not None:
        s, length, start, end = (float(v) for v in thing.repeat)
        add(element, "repeat", s=s, length=length, distance=0.0, tStart=start, tEnd=end)
    if thing.outline:
        outline = add(element, "outline")
        for u, v, z in thing.outline:
            add(outline, "cornerLocal", u=float(u), v=float(v), z=float(z))


def _signal(parent: Element, signal: Signal) -> None:
    element = add(
        parent,
        "signal",
        name=signal.name,
        id=signal.id,
        s=float(signal.s),
        t=float(signal.t),
        zOffset=float(signal.z_offset),
        hOffset=0.0 if signal.orientation != "-" else 3.141592653589793,
        roll=0.0,
        pitch=0.0,
        orientation=signal.orientation,
        dynamic="yes" if signal.dynamic else "no",
        country="OpenDRIVE",
        type=signal.type,
        subtype=signal.subtype,
        value=float(signal.value),
        unit=signal.unit,
        text="",
        height=1.0,
        width=0.7,
    )
    for first, last in signal.validity:
        add(element, "validity", fromLane=first, toLane=last)
    if signal.pose is not None:
        x, y, z, heading = (float(v) for v in signal.pose)
        add(element, "positionInertial", x=x, y=y, z=z, hdg=heading, pitch=0.0, roll=0.0)
