"""Puts a map together: roads along paths with a cross-section, and junctions whose connecting roads follow from it.

A path is one of `simulator.towns.curves`. Right-hand traffic; lane ids count outwards from the reference line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from simulator.towns.curves import STRAIGHT, Array, Path, Pose, biarc, joined
from simulator.towns.network import CROSSWALK_LENGTH_M
from simulator.towns.opendrive import CURB_HEIGHT_M, GEO_REFERENCE
from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.records import (
    Connection,
    Contact,
    Controller,
    Cubic,
    Geometry,
    Junction,
    Lane,
    Link,
    OpenDrive,
    Road,
    RoadMark,
    RoadObject,
    Section,
    Signal,
)

KNOT_M = 12.0
SIGN_BESIDE_M = 0.7
Height = Callable[[ArrayLike, ArrayLike], Array]


@dataclass(frozen=True)
class LaneShape:
    """mark: on its outer border. lane_change as OpenDRIVE says it of that mark."""

    type: str
    width_m: float
    mark: str = "none"
    lane_change: str = "none"


@dataclass(frozen=True)
class Profile:
    """A cross-section: lanes from the reference line outwards on either side."""

    right: tuple[LaneShape, ...]
    left: tuple[LaneShape, ...] = ()
    centre: str = "none"


@dataclass(frozen=True)
class End:
    """An end of a road, as a junction sees it."""

    road: int
    contact: Contact


@dataclass
class Draft:
    """A map in the making. height: of the land at x, y in OpenDRIVE's axes; None for a flat map."""

    name: str
    height: Height | None = None
    roads: dict[int, Road] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)
    junctions: dict[int, Junction] = field(default_factory=dict)
    controllers: dict[str, Controller] = field(default_factory=dict)

    def finished(self) -> OpenDrive:
        return OpenDrive(self.name, self.roads, self.junctions, self.controllers, GEO_REFERENCE)

    # Roads

    def road(
        self,
        path: Path,
        profile: Profile,
        kind: str,
        limit_kmh: float,
        elevation: tuple[Cubic, ...] = (),
        name: str = "",
    ) -> int:
        """Adds a road; its links come with the junctions at its ends."""
        id = 1 + sum(road.junction == -1 for road in self.roads.values())
        self.paths[id] = path
        lanes = _lanes(profile)
        self.roads[id] = Road(
            id,
            path.length,
            _geometry(path),
            (Section(0.0, lanes),),
            name or f"{kind} {id}",
            types=((0.0, kind, limit_kmh),),
            elevation=elevation or (Cubic(0.0, 0.0),),
        )
        return id

    def lanes(self, end: End, inward: bool, kind: str = "driving") -> tuple[int, ...]:
        """Lane ids that lead into the junction at this end (or out of it), from the inside outwards."""
        sign = -1 if (end.contact == "end") == inward else 1
        lanes = self.roads[end.road].sections[0].lanes
        return tuple(sorted((lane.id for lane in lanes if lane.id * sign > 0 and lane.type == kind), key=abs))

    def border(self, end: End, lane: int) -> Pose:
        """Where the lane's inner border crosses the road's end, with the heading of its traffic."""
        path = self.paths[end.road]
        pose = path.start if end.contact == "start" else path.end
        sign = 1 if lane > 0 else -1
        inside = sum(
            other.widths[0].a
            for other in self.roads[end.road].sections[0].lanes
            if other.id * sign > 0 and abs(other.id) < abs(lane)
        )
        moved = pose.ahead(0.0, left=sign * inside)
        return moved.reversed() if lane > 0 else moved

    def width_m(self, road: int, lane: int) -> float:
        return next(other.widths[0].a for other in self.roads[road].sections[0].lanes if other.id == lane)

    # Junctions

    def junction(self, ends: Sequence[End]) -> int:
        """Adds a junction without connections and links the roads to it."""
        id = 1000 + len(self.junctions)
        self.junctions[id] = Junction(id, name=f"Junction {id}")
        for end in ends:
            link = Link("junction", id)
            road = self.roads[end.road]
            self.roads[end.road] = (
                replace(road, predecessor=link) if end.contact == "start" else replace(road, successor=link)
            )
        return id

    def crossing(self, ends: Sequence[End]) -> int:
        """A junction in which one can drive from every end to every other; sidewalks run round its corners.

        ends: counter-clockwise.
        """
        id = self.junction(ends)
        for i, start in enumerate(ends):
            for step in range(1, len(ends)):
                end = ends[(i + step) % len(ends)]
                into, out = self.lanes(start, inward=True), self.lanes(end, inward=False)
                if into and out:
                    self.connect(id, start, into[-1:], end, out[-1:], sidewalk=step == 1)
        return id

    def connect(
        self,
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
        a, b = self.border(start, from_lanes[0]), self.border(end, to_lanes[0])
        path = biarc(a, b)
        pairs = list(zip(from_lanes, to_lanes, strict=True))
        kinds = ["driving"] * len(pairs)
        if sidewalk:
            walks = self.lanes(start, True, "sidewalk"), self.lanes(end, False, "sidewalk")
            if walks[0] and walks[1]:
                pairs.append((walks[0][0], walks[1][0]))
                kinds.append("sidewalk")
        # without a mark of its own the clients' map lets one change lanes over the centre
        lanes = [Lane(0, "none", marks=(RoadMark(0.0, "none"),))]
        for k, ((before, behind), kind) in enumerate(zip(pairs, kinds), 1):
            first, last = self.width_m(start.road, before), self.width_m(end.road, behind)
            widths = (_hermite(0.0, path.length, first, last, 0.0, 0.0),)
            between = kind == "driving" and k < len(pairs) and kinds[k] == "driving"
            mark = "broken" if between else "solid" if kind == "driving" else "none"
            marks = (RoadMark(0.0, mark, lane_change="both" if between else "none"),)
            lanes.append(Lane(-k, kind, widths, marks, before, behind, _kerb(kind)))
        if shoulder_m:
            lanes.append(Lane(-len(lanes), "shoulder", (Cubic(0.0, shoulder_m),), ()))
        id = 20 * junction + len([road for road in self.roads.values() if road.junction == junction])
        objects: tuple[RoadObject, ...] = ()
        if barrier_m:
            objects = (_barrier(f"{id}1", path.length, barrier_m),)
        limit = self._limit(start.road), self._limit(end.road)
        slow = max(abs(piece.curvature) for piece in path.pieces) > 0.02
        self.paths[id] = path
        self.roads[id] = Road(
            id,
            path.length,
            _geometry(path),
            (Section(0.0, tuple(lanes)),),
            f"Junction {junction}",
            junction,
            "RHT",
            Link("road", start.road, start.contact),
            Link("road", end.road, end.contact),
            ((0.0, self.roads[start.road].types[0][1], min(*limit, 30.0) if slow else min(limit)),),
            (self._bridge(start, end, path.length),),
            objects=objects,
        )
        links = tuple((before, -k) for k, (before, _) in enumerate(pairs, 1))
        old = self.junctions[junction]
        self.junctions[junction] = replace(
            old, connections=(*old.connections, Connection(start.road, id, "start", links))
        )
        return id

    def _limit(self, road: int) -> float:
        return float(self.roads[road].types[0][2] or 50.0)

    def _bridge(self, start: End, end: End, length: float) -> Cubic:
        """The cubic that joins height and grade of two roads."""
        (z0, g0), (z1, g1) = self._level(start), self._level(end)
        # grades along the way through the junction
        g0, g1 = (g0 if start.contact == "end" else -g0), (g1 if end.contact == "start" else -g1)
        return _hermite(0.0, length, z0, z1, g0, g1)

    def _level(self, end: End) -> tuple[float, float]:
        line = CentreLine(self.roads[end.road])
        s = np.array(0.0 if end.contact == "start" else line.length)
        return float(line.height_m(s)), float(line.grade(s))

    # Signs and paint

    def sign(self, end: End, type: str, back_m: float, junction: int = -1, controller: str = "") -> None:
        """A light (1000001), stop (206) or yield sign (205) for the lanes that lead into the junction at `end`."""
        road = self.roads[end.road]
        lanes = self.lanes(end, inward=True)
        s = road.length - back_m if end.contact == "end" else back_m
        side = self._beside(end.road, s, lanes[-1])
        ahead = back_m + 4.0 if type == "1000001" else 0.3
        place = side.ahead(ahead, left=-(0.9 if type == "1000001" else 0.0))
        self._add_signal(
            end.road, type, s, lanes, place, f"{junction if junction >= 0 else end.road}", -1.0, controller
        )

    def limit_signs(self, road: int, at_m: float = 15.0) -> None:
        """Where each direction begins."""
        for sign in (-1, 1):
            lanes = tuple(
                lane.id for lane in self.roads[road].sections[0].lanes if lane.id * sign > 0 and lane.type == "driving"
            )
            if lanes:
                lanes = tuple(sorted(lanes, key=abs))
                s = at_m if sign < 0 else self.roads[road].length - at_m
                place = self._beside(road, s, lanes[-1])
                self._add_signal(road, "274", s, lanes, place, f"limit {road}", self._limit(road))

    def _beside(self, road: int, s: float, lane: int) -> Pose:
        """To the right of all paved lanes that lie beside this one, before the sidewalk's back."""
        sign = 1 if lane > 0 else -1
        t = 0.0
        for other in sorted(self.roads[road].sections[0].lanes, key=lambda lane: abs(lane.id)):
            if other.id * sign > 0 and other.type != "sidewalk":
                t += other.widths[0].a
        x, y, heading = (float(v) for v in self.paths[road].at(s, sign * (t + SIGN_BESIDE_M)))
        return Pose(x, y, heading + (math.pi if lane > 0 else 0.0))

    def _add_signal(
        self,
        road: int,
        type: str,
        s: float,
        lanes: tuple[int, ...],
        place: Pose,
        name: str,
        value: float,
        controller: str = "",
    ) -> None:
        held = self.roads[road]
        id = str(20 * road + len(held.signals))
        t = (1 if lanes[0] > 0 else -1) * (abs(sum(self.width_m(road, lane) for lane in lanes)) + SIGN_BESIDE_M)
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
        self.roads[road] = replace(held, signals=(*held.signals, signal))
        if controller:
            old = self.controllers.get(controller, Controller(controller, ()))
            self.controllers[controller] = replace(old, signals=(*old.signals, id))

    def light_phases(self, junction: int, phases: Sequence[Sequence[End]], back_m: float = 5.0) -> None:
        """Traffic lights at a junction: the ends of one phase are green together."""
        names = tuple(str(9000 + 10 * (junction - 1000) + k) for k in range(len(phases)))
        for name, ends in zip(names, phases):
            for end in ends:
                self.sign(end, "1000001", back_m, junction, name)
        self.junctions[junction] = replace(self.junctions[junction], controllers=names)

    def crosswalk(self, end: End, at_m: float = 2.6) -> None:
        """Across the carriageway of a road near this end."""
        road = self.roads[end.road]
        s = at_m if end.contact == "start" else road.length - at_m
        paved = [lane for lane in road.sections[0].lanes if lane.id and lane.type != "sidewalk"]
        left = sum(lane.widths[0].a for lane in paved if lane.id > 0)
        right = sum(lane.widths[0].a for lane in paved if lane.id < 0)
        u = CROSSWALK_LENGTH_M / 2
        corners = tuple((du, dv, 0.0) for du, dv in ((-u, -right), (-u, left), (u, left), (u, -right), (-u, -right)))
        thing = RoadObject(
            f"{100 * end.road + len(road.objects)}",
            "crosswalk",
            s,
            0.0,
            f"Crosswalk {end.road}",
            0.0,
            CROSSWALK_LENGTH_M,
            left + right,
            0.0,
            corners,
        )
        self.roads[end.road] = replace(road, objects=(*road.objects, thing))

    def barrier(self, road: int, t_m: float = 0.0) -> None:
        held = self.roads[road]
        thing = _barrier(f"{100 * road + len(held.objects)}", held.length, t_m)
        self.roads[road] = replace(held, objects=(*held.objects, thing))


def _barrier(id: str, length: float, t_m: float) -> RoadObject:
    return RoadObject(id, "barrier", 0.0, t_m, "Barrier", 0.0, length, 0.6, 0.9, (), (0.0, length, t_m, t_m))


def _kerb(kind: str) -> tuple[tuple[float, float, float], ...]:
    return ((0.0, CURB_HEIGHT_M, CURB_HEIGHT_M),) if kind == "sidewalk" else ()


def _lanes(profile: Profile) -> tuple[Lane, ...]:
    lanes = [Lane(0, "none", (), (RoadMark(0.0, profile.centre),))]
    for sign, shapes in ((1, profile.left), (-1, profile.right)):
        for k, shape in enumerate(shapes, 1):
            marks = (RoadMark(0.0, shape.mark, lane_change=shape.lane_change),)
            lanes.append(Lane(sign * k, shape.type, (Cubic(0.0, shape.width_m),), marks, heights=_kerb(shape.type)))
    return tuple(sorted(lanes, key=lambda lane: -lane.id))


def _geometry(path: Path) -> tuple[Geometry, ...]:
    return tuple(
        Geometry(float(s), p.start.x, p.start.y, p.start.heading, p.length)
        if abs(p.curvature) < STRAIGHT
        else Geometry(float(s), p.start.x, p.start.y, p.start.heading, p.length, "arc", (p.curvature,))
        for s, p in zip(path.starts, path.pieces)
    )


def through(poses: Sequence[Pose]) -> Path:
    """A smooth path through poses, arcs between them."""
    return joined(piece for a, b in pairwise(poses) for piece in biarc(a, b).pieces)


def _hermite(s: float, length: float, z0: float, z1: float, g0: float, g1: float) -> Cubic:
    rise = z1 - z0
    c = (3.0 * rise - (2.0 * g0 + g1) * length) / length**2
    d = (-2.0 * rise + (g0 + g1) * length) / length**3
    return Cubic(s, z0, g0, c, d)


def draped(path: Path, height: Height) -> tuple[Cubic, ...]:
    """The elevation of a road that lies on the land."""
    s = np.linspace(0.0, path.length, max(4, round(path.length / KNOT_M)) + 1)
    x, y, _ = path.at(s)
    return profile_through(s, height(x, y))


def profile_through(s: Array, z: Array) -> tuple[Cubic, ...]:
    """Cubics through knots, grades from their neighbours, 0 at both ends."""
    grade = np.gradient(z, s)
    grade[0] = grade[-1] = 0.0
    knots = list(zip(s.tolist(), z.tolist(), grade.tolist()))
    return tuple(_hermite(s0, s1 - s0, z0, z1, g0, g1) for (s0, z0, g0), (s1, z1, g1) in pairwise(knots))
