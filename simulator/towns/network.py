"""From a layout to roads: lanes, the connecting roads of junctions, signals and crosswalks, as OpenDRIVE knows them.

Right-hand traffic. Lane ids count outwards from the reference line, negative to its right: driving, then a parking
strip along its bays, then the sidewalk. A connecting road has its reference line at the left edge of its one
lane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from simulator.towns.curves import Array, Path, Pose, biarc
from simulator.towns.layout import LANE_M, Arm, Junction, Layout, Street
from simulator.towns.xodr.records import Link

SIDEWALK_M = 2.5
PARKING_M = 2.2
TAPER_M = 3.5
"""Length over which the curb swings out to the full width of a parking strip."""

CROSSWALK_AT_M = 2.4
CROSSWALK_LENGTH_M = 3.0
STOP_LINE_AT_M = 4.8
"""Centres of crosswalk and stop line, from the end of the street."""

POLE_BEHIND_CURB_M = 0.65
TURN_LIMIT_KMH = 30
"""Speed limit of the lanes that turn inside a junction."""

ROOM_TO_PARK_M = 1.5
"""From this width on a bay is a parking lane; what is narrower, at the ends of bays, is shoulder."""

LaneType = Literal["driving", "parking", "shoulder", "sidewalk"]


@dataclass(frozen=True)
class Side:
    """One side of a road. bays: parking bays (start, end) along s, tapers included; lanes: from inside to outside."""

    lanes: tuple[LaneType, ...]
    bays: tuple[tuple[float, float], ...] = ()

    def parking_width_m(self, s: ArrayLike) -> Array:
        s = np.asarray(s, np.float64)
        width = np.zeros(s.shape)
        for start, end in self.bays:
            near = np.clip(np.minimum(s - start, end - s) / TAPER_M, 0.0, 1.0)
            width = np.maximum(width, PARKING_M * near * near * (3.0 - 2.0 * near))
        return width

    def curb_m(self, s: ArrayLike) -> Array:
        """Distance of the curb from the reference line."""
        return LANE_M + self.parking_width_m(s)

    def lanes_at(self, s: float) -> tuple[LaneType, ...]:
        """The lanes that are there at s: something between driving lane and sidewalk only along a bay."""
        if not any(start <= s <= end for start, end in self.bays):
            return tuple(kind for kind in self.lanes if kind != "parking")
        strip: LaneType = "parking" if self.parking_width_m(s) >= ROOM_TO_PARK_M else "shoulder"
        return tuple(strip if kind == "parking" else kind for kind in self.lanes)

    def changes(self) -> list[float]:
        """Where along s the lanes change: begins and ends of bays, and of the room to park in them."""
        low, high = 0.0, TAPER_M
        while high - low > 1e-9:
            middle = 0.5 * (low + high)
            share = middle / TAPER_M
            narrow = PARKING_M * share * share * (3.0 - 2.0 * share) < ROOM_TO_PARK_M
            low, high = (middle, high) if narrow else (low, middle)
        return [s for start, end in self.bays for s in (start, start + high, end - high, end)]

    def number_at_end(self, kind: LaneType) -> int:
        """1 for the innermost lane; the lane id without its sign. Bays keep away from the ends of a road."""
        return self.lanes_at(0.0).index(kind) + 1


@dataclass(frozen=True)
class LaneLink:
    """A lane of a connecting road: its id and the lanes of the streets before and behind it."""

    lane: int
    before: int
    behind: int


@dataclass(frozen=True)
class Road:
    id: int
    name: str
    path: Path
    limit_kmh: int
    junction: int
    before: Link
    behind: Link
    right: Side
    left: Side | None = None
    lane_links: tuple[LaneLink, ...] = ()
    crosswalks: tuple[float, ...] = ()
    avenue: bool = False

    @property
    def drivable(self) -> tuple[int, ...]:
        return (-1,) if self.left is None else (-1, 1)

    def lane_at(self, lane: int, s: ArrayLike) -> tuple[Array, Array, Array]:
        """x, y and travel heading on the centre line of a driving lane, s along the road."""
        x, y, heading = self.path.at(s, math.copysign(LANE_M / 2, lane))
        return x, y, heading + (math.pi if lane > 0 else 0.0)


@dataclass(frozen=True)
class Signal:
    """A traffic light (1000001), stop sign (206) or speed limit (274) for `lane` of `road` from s on.

    pose: foot of the pole with the travel heading of the governed lane. line: the pose on the lane's centre where the
    sign takes effect. phase, controller and junction of lights and stop signs; -1 elsewhere.
    """

    id: int
    type: Literal["1000001", "206", "274"]
    name: str
    road: int
    s: float
    lane: int
    pose: Pose
    line: Pose
    value: int = -1
    junction: int = -1
    phase: int = -1
    controller: int = -1


@dataclass(frozen=True)
class Crossing:
    """A junction with its connecting roads; `corner_roads[k]` leads from arm k to the next arm counter-clockwise."""

    id: int
    junction: Junction
    connections: tuple[tuple[int, int], ...]
    """(incoming road id, connecting road id)"""
    corner_roads: tuple[int, ...]
    controllers: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    roads: dict[int, Road]
    crossings: tuple[Crossing, ...]
    signals: tuple[Signal, ...]

    @property
    def streets(self) -> tuple[Road, ...]:
        return tuple(road for road in self.roads.values() if road.junction == -1)


def street_id(index: int) -> int:
    return 1 + index


def crossing_id(index: int) -> int:
    return 1000 + index


def build_network(layout: Layout) -> Network:
    roads = {street_id(street.index): _street(street, layout) for street in layout.streets}
    crossings, signals = [], []
    for junction in layout.junctions:
        crossing, connecting = _crossing(junction, roads, first_id=100 + 20 * junction.index)
        crossings.append(crossing)
        roads.update({road.id: road for road in connecting})
        signals.extend(_junction_signals(crossing, roads))
    signals.extend(_speed_limits([roads[street_id(street.index)] for street in layout.streets]))
    return Network(roads, tuple(crossings), tuple(signals))


def _street(street: Street, layout: Layout) -> Road:
    length = street.path.length
    ends: dict[bool, Junction] = {
        arm.at_start: j for j in layout.junctions for arm in j.arms if arm.street == street.index
    }
    sides = [
        Side(("driving", "parking", "sidewalk"), _bays(length)) if parking else Side(("driving", "sidewalk"))
        for parking in street.parking
    ]
    crosswalks = [
        CROSSWALK_AT_M if at_start else length - CROSSWALK_AT_M
        for at_start, junction in ends.items()
        if junction.control == "signals" or _is_stem(junction, street.index, at_start)
    ]
    return Road(
        street_id(street.index),
        f"Street {street.index + 1}",
        street.path,
        street.limit_kmh,
        -1,
        Link("junction", crossing_id(ends[True].index)),
        Link("junction", crossing_id(ends[False].index)),
        sides[0],
        sides[1],
        crosswalks=tuple(sorted(crosswalks)),
        avenue=street.avenue,
    )


def _bays(
    length: float, clear_m: float = 16.0, longest_m: float = 52.0, gap_m: float = 6.0
) -> tuple[tuple[float, float], ...]:
    """Parking bays that keep `clear_m` free before junctions, parted by build-outs of the curb."""
    usable = length - 2 * clear_m
    count = max(1, math.ceil((usable + gap_m) / (longest_m + gap_m)))
    bay = (usable + gap_m) / count - gap_m
    if bay < 2 * TAPER_M + 6.0:
        return ()
    return tuple((clear_m + k * (bay + gap_m), clear_m + k * (bay + gap_m) + bay) for k in range(count))


def _is_stem(junction: Junction, street: int, at_start: bool) -> bool:
    """Whether this street is the one that ends at a T junction."""
    if len(junction.arms) != 3:
        return False
    return (stem := _stem(junction)).street == street and stem.at_start == at_start


def _stem(junction: Junction) -> Arm:
    def opposite_gap(arm: Arm) -> float:
        return min(
            abs((other.heading - arm.heading) % (2 * math.pi) - math.pi) for other in junction.arms if other is not arm
        )

    return max(junction.arms, key=opposite_gap)


def _crossing(junction: Junction, roads: dict[int, Road], first_id: int) -> tuple[Crossing, list[Road]]:
    connecting: list[Road] = []
    corners: dict[int, int] = {}
    count = len(junction.arms)
    for i, arm_in in enumerate(junction.arms):
        for step in range(1, count):
            j = (i + step) % count
            road = _connecting_road(first_id + len(connecting), junction, arm_in, junction.arms[j], step == 1, roads)
            if step == 1:
                corners[i] = road.id
            connecting.append(road)
    phases = 2 if junction.control == "signals" else 0
    crossing = Crossing(
        crossing_id(junction.index),
        junction,
        tuple((road.before.id, road.id) for road in connecting),
        tuple(corners[i] for i in range(count)),
        tuple(9000 + 2 * junction.index + phase for phase in range(phases)),
    )
    return crossing, connecting


def _connecting_road(
    id: int, junction: Junction, arm_in: Arm, arm_out: Arm, corner: bool, roads: dict[int, Road]
) -> Road:
    centre = Pose(junction.x, junction.y, 0.0)
    start = Pose(centre.x, centre.y, arm_in.heading + math.pi).ahead(-junction.radius_m)
    end = Pose(centre.x, centre.y, arm_out.heading).ahead(junction.radius_m)
    path = biarc(start, end)
    before, behind = roads[street_id(arm_in.street)], roads[street_id(arm_out.street)]
    kinds: tuple[LaneType, ...] = ("driving", "sidewalk") if corner else ("driving",)
    # Towards the junction one drives right of the street's line when it ends here, left of it when it starts here.
    links = tuple(
        LaneLink(
            -(k + 1),
            _side(before, towards_end=not arm_in.at_start).number_at_end(kind) * (1 if arm_in.at_start else -1),
            _side(behind, towards_end=arm_out.at_start).number_at_end(kind) * (-1 if arm_out.at_start else 1),
        )
        for k, kind in enumerate(kinds)
    )
    return Road(
        id,
        f"Junction {crossing_id(junction.index)}",
        path,
        min(before.limit_kmh, behind.limit_kmh, TURN_LIMIT_KMH if abs(path.pieces[0].curvature) > 0.02 else 50),
        crossing_id(junction.index),
        Link("road", before.id, "start" if arm_in.at_start else "end"),
        Link("road", behind.id, "start" if arm_out.at_start else "end"),
        Side(kinds),
        lane_links=links,
    )


def _side(road: Road, towards_end: bool) -> Side:
    side = road.right if towards_end else road.left
    assert side is not None
    return side


def _junction_signals(crossing: Crossing, roads: dict[int, Road]) -> list[Signal]:
    junction = crossing.junction
    stem = _stem(junction) if len(junction.arms) == 3 else None
    signals = []
    for k, arm in enumerate(junction.arms):
        road = roads[street_id(arm.street)]
        lane = 1 if arm.at_start else -1
        s = STOP_LINE_AT_M if arm.at_start else road.path.length - STOP_LINE_AT_M
        x, y, heading = road.lane_at(lane, s)
        line = Pose(float(x), float(y), float(heading))
        id = 5000 + 10 * junction.index + k
        if junction.control == "signals":
            phase = int(arm is stem) if stem else k % 2
            pose = _far_side_pole(junction, arm, stem)
            signals.append(
                Signal(
                    id,
                    "1000001",
                    f"Signal {id}",
                    road.id,
                    s,
                    lane,
                    pose,
                    line,
                    junction=crossing.id,
                    phase=phase,
                    controller=crossing.controllers[phase],
                )
            )
        elif arm is stem:
            pose = line.ahead(0.3, left=-(LANE_M / 2 + POLE_BEHIND_CURB_M))
            signals.append(Signal(id, "206", f"Stop {id}", road.id, s, lane, pose, line, junction=crossing.id))
    return signals


def _far_side_pole(junction: Junction, arm: Arm, stem: Arm | None) -> Pose:
    """The foot of the light's pole: at the far right corner; for the street that ends at a T, across its top."""
    centre = Pose(junction.x, junction.y, arm.heading + math.pi)
    right = LANE_M + POLE_BEHIND_CURB_M
    if arm is stem:
        return centre.ahead(LANE_M + POLE_BEHIND_CURB_M + 0.4, left=-right)
    return centre.ahead(junction.radius_m + 0.3, left=-right)


def _speed_limits(streets: list[Road]) -> list[Signal]:
    signals = []
    for road in streets:
        for lane in road.drivable:
            s = 13.0 if lane < 0 else road.path.length - 13.0
            x, y, heading = road.lane_at(lane, s)
            line = Pose(float(x), float(y), float(heading))
            pose = line.ahead(0.0, left=-(LANE_M / 2 + POLE_BEHIND_CURB_M))
            id = 7000 + 2 * road.id + (lane > 0)
            signals.append(Signal(id, "274", f"Speed limit {id}", road.id, s, lane, pose, line, value=road.limit_kmh))
    return signals
