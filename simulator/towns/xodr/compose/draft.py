"""A map in the making: its roads, and the junctions that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from simulator.towns.curves import STRAIGHT, Path, Pose
from simulator.towns.opendrive import GEO_REFERENCE
from simulator.towns.xodr.compose.profile import Profile, lanes_of
from simulator.towns.xodr.records import (
    Contact,
    Controller,
    Cubic,
    Geometry,
    Junction,
    Link,
    OpenDrive,
    Road,
    Section,
)


@dataclass(frozen=True)
class End:
    """An end of a road, as a junction sees it."""

    road: int
    contact: Contact


@dataclass
class Draft:
    """A map in the making, in which roads are known by their ids."""

    name: str
    roads: dict[int, Road] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)
    junctions: dict[int, Junction] = field(default_factory=dict)
    controllers: dict[str, Controller] = field(default_factory=dict)

    def finished(self) -> OpenDrive:
        return OpenDrive(self.name, self.roads, self.junctions, self.controllers, GEO_REFERENCE)

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
        lanes = lanes_of(profile)
        self.roads[id] = Road(
            id,
            path.length,
            geometry_of(path),
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

    def limit_kmh(self, road: int) -> float:
        return float(self.roads[road].types[0][2] or 50.0)

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


def geometry_of(path: Path) -> tuple[Geometry, ...]:
    return tuple(
        Geometry(float(s), p.start.x, p.start.y, p.start.heading, p.length)
        if abs(p.curvature) < STRAIGHT
        else Geometry(float(s), p.start.x, p.start.y, p.start.heading, p.length, "arc", (p.curvature,))
        for s, p in zip(path.starts, path.pieces)
    )
