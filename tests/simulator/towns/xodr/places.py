"""Small OpenDRIVE maps made for tests."""

from __future__ import annotations

import math

from simulator.towns.opendrive import GEO_REFERENCE
from simulator.towns.xodr.records import (
    Cubic,
    Geometry,
    Lane,
    OpenDrive,
    Road,
    RoadMark,
    RoadObject,
    Section,
    Signal,
)

DRIVING, SHOULDER, SIDEWALK = 3.5, 1.0, 2.0


def lane(id: int, type: str, width: float, mark: str = "solid") -> Lane:
    return Lane(id, type, (Cubic(0.0, width),), (RoadMark(0.0, mark),))


def two_way(*outer: tuple[str, float]) -> Section:
    """A driving lane each way with these lanes outside of it, on both sides."""
    lanes = [lane(0, "none", 0.0, "broken")]
    for sign in (1, -1):
        lanes.append(lane(sign, "driving", DRIVING))
        lanes.extend(lane(sign * (k + 2), kind, width) for k, (kind, width) in enumerate(outer))
    return Section(0.0, tuple(sorted(lanes, key=lambda each: -each.id)))


def straight(length: float, id: int = 1, **more: object) -> Road:
    geometry = (Geometry(0.0, 0.0, 0.0, 0.0, length),)
    fields = {"sections": (two_way(("shoulder", SHOULDER)),), "types": ((0.0, "rural", 80.0),)} | more
    return Road(id, length, fields.pop("geometry", geometry), **fields)  # type: ignore[arg-type]


def a_map(*roads: Road) -> OpenDrive:
    return OpenDrive("Trial", {road.id: road for road in roads}, georeference=GEO_REFERENCE)


def hill_road(grade: float = 0.08) -> Road:
    """100 m level, 150 m up, 100 m level on top; the grade changes gently."""
    rise, ease = 150.0 * grade, 150.0
    return straight(
        350.0,
        elevation=(
            Cubic(0.0, 0.0),
            Cubic(100.0, 0.0, 0.0, 3.0 * rise / ease**2, -2.0 * rise / ease**3),
            Cubic(250.0, rise),
        ),
    )


def bridge_map() -> OpenDrive:
    """Road 1 runs along x; road 2 crosses it at x = 100 on a bridge, 7 m higher."""
    over = straight(
        300.0,
        id=2,
        geometry=(Geometry(0.0, 100.0, -150.0, math.pi / 2, 300.0),),
        elevation=(
            Cubic(0.0, 0.0, 0.0, 3.0 * 7.0 / 110.0**2, -2.0 * 7.0 / 110.0**3),
            Cubic(110.0, 7.0),
            Cubic(190.0, 7.0, 0.0, -3.0 * 7.0 / 110.0**2, 2.0 * 7.0 / 110.0**3),
        ),
    )
    return a_map(straight(200.0), over)


def every_geometry() -> Road:
    """A line, an arc, a clothoid, a poly3 and a paramPoly3, end to end."""
    from simulator.towns.xodr.geometry import CentreLine

    shapes: list[tuple[str, float, tuple[float, ...]]] = [
        ("line", 30.0, ()),
        ("spiral", 40.0, (0.0, 0.02)),
        ("arc", 35.0, (0.02,)),
        ("spiral", 40.0, (0.02, -0.015)),
        ("poly3", 30.0, (0.0, 0.0, 0.004, -0.0001)),
        ("paramPoly3", 40.0, (0.0, 40.0, 0.0, 0.0, 0.0, 0.0, 3.0, -2.0)),
        ("line", 25.0, ()),
    ]
    pieces: list[Geometry] = []
    s, x, y, heading = 0.0, 10.0, -20.0, 0.4
    for kind, length, values in shapes:
        pieces.append(Geometry(s, x, y, heading, length, kind, values))  # type: ignore[arg-type]
        line = CentreLine(Road(1, s + length, tuple(pieces), ()))
        x, y, heading = (float(v) for v in line.at(s + length))
        s += length
    return straight(s, geometry=tuple(pieces))


def town_road() -> Road:
    """Sidewalks, parking, a crosswalk, a light, a stop sign, a yield sign and a limit."""

    def sign(id: str, s: float, type: str, value: float = -1.0) -> Signal:
        return Signal(id, s, -9.0, type, f"sign {id}", value=value, dynamic=type == "1000001", validity=((-1, -1),))

    return straight(
        160.0,
        sections=(two_way(("parking", 2.3), ("sidewalk", SIDEWALK)),),
        types=((0.0, "town", 30.0),),
        objects=(RoadObject("10", "crosswalk", 80.0, 0.0, "Crosswalk", 0.0, 3.0, 7.0),),
        signals=(
            sign("1", 74.0, "1000001"),
            sign("2", 120.0, "206"),
            sign("3", 40.0, "205"),
            sign("4", 10.0, "274", 30.0),
        ),
    )
