"""What nightloop reads of an OpenDRIVE map and writes of it: records in the standard's own terms and axes.

Lengths in metres, angles in radians, y to the left of x; speeds in km/h. ASAM OpenDRIVE 1.4 to 1.8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

GeometryKind = Literal["line", "arc", "spiral", "poly3", "paramPoly3"]
SHAPES: dict[GeometryKind, tuple[str, ...]] = {
    "line": (),
    "arc": ("curvature",),
    "spiral": ("curvStart", "curvEnd"),
    "poly3": ("a", "b", "c", "d"),
    "paramPoly3": ("aU", "bU", "cU", "dU", "aV", "bV", "cV", "dV"),
}
"""The attributes that make each kind's `Geometry.values`, in this order."""
Contact = Literal["start", "end"]

DRIVING_TYPES = frozenset({"driving", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "bidirectional"})
"""Lane types that motor vehicles drive on."""


class OpenDriveError(ValueError):
    """A text is no OpenDRIVE map that can be driven on; one line says where and why."""


@dataclass(frozen=True)
class GenerationParameters:
    """`carla.OpendriveGenerationParameters`, as far as they mean something here.

    vertex_distance_m: between the points of the road's mesh, 0.5 .. 10. wall_height_m: of walls along all roads, 0 for
    none. additional_width_m: by which lanes inside junctions are wider. is_visible: whether the roads are drawn.
    """

    vertex_distance_m: float = 3.0
    wall_height_m: float = 0.0
    additional_width_m: float = 0.0
    is_visible: bool = True


@dataclass(frozen=True)
class Cubic:
    """a + b ds + c ds^2 + d ds^3 with ds counted from `s`; holds until the next one."""

    s: float
    a: float
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


@dataclass(frozen=True)
class Geometry:
    """One piece of a reference line.

    values: none of a line; (curvature,) of an arc; (start, end curvature) of a spiral; (a, b, c, d) of a poly3;
    (aU, bU, cU, dU, aV, bV, cV, dV) of a paramPoly3, whose parameter runs to 1 when `normalized`, else to `length`.
    """

    s: float
    x: float
    y: float
    heading: float
    length: float
    kind: GeometryKind = "line"
    values: tuple[float, ...] = ()
    normalized: bool = True


@dataclass(frozen=True)
class RoadMark:
    s: float
    type: str
    color: str = "white"
    width: float = 0.12
    lane_change: str = "none"


@dataclass(frozen=True)
class Lane:
    """widths and marks: s counted from the start of the section. heights: (s, inner, outer). speeds: (s, km/h)."""

    id: int
    type: str
    widths: tuple[Cubic, ...] = ()
    marks: tuple[RoadMark, ...] = ()
    predecessor: int | None = None
    successor: int | None = None
    heights: tuple[tuple[float, float, float], ...] = ()
    speeds: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Section:
    """lanes: from left (highest id) to right, the centre lane among them."""

    s: float
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Link:
    kind: Literal["road", "junction"]
    id: int
    contact: Contact = "start"


@dataclass(frozen=True)
class Signal:
    """pose: (x, y, z, heading) where the file gives an inertial position. validity: (fromLane, toLane) pairs."""

    id: str
    s: float
    t: float
    type: str
    name: str = ""
    subtype: str = "-1"
    value: float = -1.0
    unit: str = "km/h"
    orientation: str = "+"
    dynamic: bool = False
    z_offset: float = 0.0
    pose: tuple[float, float, float, float] | None = None
    validity: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class SignalReference:
    id: str
    s: float
    t: float
    orientation: str = "+"
    validity: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class RoadObject:
    """outline: corners (u, v, z) around the object's own pose. repeat: (s, length, t at start, t at end), or None."""

    id: str
    type: str
    s: float
    t: float
    name: str = ""
    heading: float = 0.0
    length: float = 0.0
    width: float = 0.0
    height: float = 0.0
    outline: tuple[tuple[float, float, float], ...] = ()
    repeat: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Road:
    """types: (s, road type, speed limit km/h or None). rule: which side the traffic keeps to."""

    id: int
    length: float
    geometry: tuple[Geometry, ...]
    sections: tuple[Section, ...]
    name: str = ""
    junction: int = -1
    rule: Literal["RHT", "LHT"] = "RHT"
    predecessor: Link | None = None
    successor: Link | None = None
    types: tuple[tuple[float, str, float | None], ...] = ()
    elevation: tuple[Cubic, ...] = ()
    lane_offset: tuple[Cubic, ...] = ()
    objects: tuple[RoadObject, ...] = ()
    signals: tuple[Signal, ...] = ()
    references: tuple[SignalReference, ...] = ()


@dataclass(frozen=True)
class Connection:
    """links: (from, to) lane ids."""

    incoming: int
    connecting: int
    contact: Contact
    links: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Junction:
    id: int
    connections: tuple[Connection, ...] = ()
    controllers: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Controller:
    id: str
    signals: tuple[str, ...]


@dataclass(frozen=True)
class OpenDrive:
    name: str
    roads: dict[int, Road]
    junctions: dict[int, Junction] = field(default_factory=dict)
    controllers: dict[str, Controller] = field(default_factory=dict)
    georeference: str = ""
