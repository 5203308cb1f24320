"""A motorway loop, three lanes each way, with two diamond interchanges; a local road crosses it on bridges."""

from __future__ import annotations

import math

import numpy as np

from simulator.towns.curves import Path, Piece, Pose, joined, through
from simulator.towns.xodr.compose.connecting import connect, crossing
from simulator.towns.xodr.compose.draft import Draft, End
from simulator.towns.xodr.compose.elevation import profile_through
from simulator.towns.xodr.compose.objects import barrier, crosswalk
from simulator.towns.xodr.compose.profile import LaneShape, Profile
from simulator.towns.xodr.compose.signs import light_phases, limit_signs, sign
from simulator.towns.xodr.records import Contact, OpenDrive

LANE_M, MEDIAN_M, SHOULDER_M = 3.6, 1.2, 2.5
MOTORWAY_KMH, RAMP_KMH, LOCAL_KMH = 100.0, 60.0, 50.0
BRIDGE_M, TERMINAL_M = 6.6, 5.2
"""Heights of the local road over the motorway and where the ramps meet it."""
GORE_AT_M, OPEN_AT_M, AUXILIARY_AT_M, CURVE_AT_M = 150.0185, 200.0131, 270.0247, 330.0319
"""From the middle of a straight to the noses of its ramps, to both ends of the auxiliary lanes and to the curves.

No road is as long as whole steps of a script that walks along it: CARLA's client fails where nothing is left to go.
"""
TERMINAL_AT_M = 78.0173
"""From the motorway's centre line to the middle of a ramp terminal."""
JUNCTION_M = 13.0061
_CHANGE = LaneShape("driving", LANE_M, "broken", "both")
_LAST = LaneShape("driving", LANE_M, "solid")
_THREE = (LaneShape("median", MEDIAN_M, "solid"), _CHANGE, _CHANGE, _LAST, LaneShape("shoulder", SHOULDER_M))
_FOUR = (LaneShape("median", MEDIAN_M, "solid"), _CHANGE, _CHANGE, _CHANGE, _LAST, LaneShape("shoulder", SHOULDER_M))
THREE, FOUR = Profile(_THREE, _THREE), Profile(_FOUR, _FOUR)
RAMP = Profile((LaneShape("driving", 4.0, "solid"), LaneShape("shoulder", 1.5)), (), "solid")
_SIDE = (LaneShape("driving", 3.5, "solid"), LaneShape("sidewalk", 2.5))
LOCAL = Profile(_SIDE, _SIDE, "solid")
THROUGH = (2, 3, 4)
AUXILIARY = 5
"""Lane numbers of the motorway, without their sign."""


def compose_mere(name: str, seed: int) -> OpenDrive:
    rng = np.random.default_rng([seed, 1])
    draft = Draft(name)
    radius, half = float(rng.uniform(205.0, 225.0)), float(rng.uniform(370.0, 400.0))
    sides = [Pose(0.0, -radius, 0.0), Pose(0.0, radius, math.pi)]
    straights = [_Straight(draft, side) for side in sides]
    curves = []
    for k, side in enumerate(sides):
        line = half - CURVE_AT_M
        start = side.ahead(CURVE_AT_M)
        arc = Piece(side.ahead(half), math.pi * radius, 1.0 / radius)
        curve = joined([Piece(start, line), arc, Piece(arc.end, line)])
        curves.append(draft.road(curve, THREE, "motorway", MOTORWAY_KMH))
        barrier(draft, curves[k])
        limit_signs(draft, curves[k], 40.0)
    for k, straight in enumerate(straights):
        straight.join(End(curves[k - 1], "end"), End(curves[k], "start"))
    inner = [straight.terminals() for straight in straights]
    _local_road(draft, straights, inner)
    return draft.finished()


class _Straight:
    """One straight of the loop with its interchange, seen along the travel of the right-hand lanes (id < 0).

    Places along x: the auxiliary lane opens at 1, leaves as a ramp at 2; the other ramp joins at 3, its lane ends
    at 4. For the left-hand lanes it is the same the other way round.
    """

    def __init__(self, draft: Draft, at: Pose) -> None:
        self.draft, self.at = draft, at
        kinds = (
            (-AUXILIARY_AT_M, -OPEN_AT_M, FOUR),
            (-GORE_AT_M, GORE_AT_M, THREE),
            (OPEN_AT_M, AUXILIARY_AT_M, FOUR),
        )
        self.parts = [
            draft.road(_line(at.ahead(a), b - a), profile, "motorway", MOTORWAY_KMH) for a, b, profile in kinds
        ]
        for part in self.parts:
            barrier(draft, part)
        # ramps in their direction of travel: right off, right on, left off, left on
        self.terminal_right = self.at.ahead(0.0, left=-TERMINAL_AT_M)
        self.terminal_left = self.at.ahead(0.0, left=TERMINAL_AT_M)
        self.off_right = self._ramp(self.at.ahead(-GORE_AT_M), self.terminal_right, off=True)
        self.on_right = self._ramp(self.at.ahead(GORE_AT_M), self.terminal_right, off=False)
        turned = self.at.reversed()
        self.off_left = self._ramp(turned.ahead(-GORE_AT_M), self.terminal_left, off=True)
        self.on_left = self._ramp(turned.ahead(GORE_AT_M), self.terminal_left, off=False)

    def _ramp(self, gore: Pose, terminal: Pose, off: bool) -> int:
        """Between the fork at `gore` (on the motorway's centre line, heading of the traffic) and its terminal."""
        aside = -(MEDIAN_M + 3 * LANE_M + 4.0)
        at_motorway = gore.ahead(0.0, left=aside)
        at_motorway = Pose(at_motorway.x, at_motorway.y, gore.heading + math.radians(-6.0 if off else 6.0))
        edge = Pose(terminal.x, terminal.y, gore.heading).ahead(-JUNCTION_M if off else JUNCTION_M)
        if off:
            path = through([at_motorway, edge.ahead(-18.0), edge])
        else:
            path = through([edge, edge.ahead(18.0), at_motorway])
        s = np.linspace(0.0, path.length, 12)
        low = np.clip((s - 40.0) / (path.length - 62.0), 0.0, 1.0)
        share = low * low * (3.0 - 2.0 * low)
        z = TERMINAL_M * (share if off else share[::-1])
        return self.draft.road(path, RAMP, "motorway", RAMP_KMH, profile_through(s, z))

    def join(self, before: End, behind: End) -> None:
        """The four junctions between the parts, the loop's curves and the ramps."""
        draft, (first, middle, last) = self.draft, self.parts
        ends = [
            (before, End(first, "start"), None, None),
            (End(first, "end"), End(middle, "start"), End(self.off_right, "start"), End(self.on_left, "end")),
            (End(middle, "end"), End(last, "start"), End(self.on_right, "end"), End(self.off_left, "start")),
            (End(last, "end"), behind, None, None),
        ]
        for k, (a, b, ramp_right, ramp_left) in enumerate(ends):
            junction = draft.junction([end for end in (a, b, ramp_right, ramp_left) if end is not None])
            right, left = tuple(-n for n in THROUGH), THROUGH
            connect(draft, junction, a, right, b, right, shoulder_m=SHOULDER_M, barrier_m=MEDIAN_M)
            connect(draft, junction, b, left, a, left, shoulder_m=SHOULDER_M)
            outer = THROUGH[-1]
            if k == 0:
                connect(draft, junction, a, (-outer,), b, (-AUXILIARY,))
                connect(draft, junction, b, (AUXILIARY,), a, (outer,))
            elif k == 3:
                connect(draft, junction, a, (-AUXILIARY,), b, (-outer,))
                connect(draft, junction, b, (outer,), a, (AUXILIARY,))
            elif k == 1:
                connect(draft, junction, a, (-AUXILIARY,), ramp_right, (-1,), shoulder_m=1.5)  # type: ignore[arg-type]
                connect(draft, junction, ramp_left, (-1,), a, (AUXILIARY,), shoulder_m=1.5)  # type: ignore[arg-type]
            else:
                connect(draft, junction, ramp_right, (-1,), b, (-AUXILIARY,), shoulder_m=1.5)  # type: ignore[arg-type]
                connect(draft, junction, b, (AUXILIARY,), ramp_left, (-1,), shoulder_m=1.5)  # type: ignore[arg-type]

    def terminals(self) -> tuple[End, Pose]:
        """The bridge with the ramps' terminals at both ends; the open end of the local road on the loop's inside."""
        draft = self.draft
        up = Pose(self.at.x, self.at.y, self.at.heading + math.pi / 2)
        bridge = _line(up.ahead(-TERMINAL_AT_M + JUNCTION_M), 2 * (TERMINAL_AT_M - JUNCTION_M))
        s = np.linspace(0.0, bridge.length, 9)
        rise = np.clip(np.minimum(s, bridge.length - s) / 42.0, 0.0, 1.0)
        z = TERMINAL_M + (BRIDGE_M - TERMINAL_M) * rise * rise * (3.0 - 2.0 * rise)
        # rural: no lamps and houses on the bridge
        road = draft.road(bridge, LOCAL, "rural", LOCAL_KMH, profile_through(s, z))
        limit_signs(draft, road, 30.0)
        # outside: the off-ramp, the bridge, the on-ramp, counter-clockwise from the arm that points back
        outside = [End(self.on_right, "start"), End(road, "start"), End(self.off_right, "end")]
        crossing(draft, outside)
        sign(draft, End(self.off_right, "end"), "206", 3.0)
        return End(road, "end"), up.ahead(TERMINAL_AT_M)


def _local_road(draft: Draft, straights: list[_Straight], inner: list[tuple[End, Pose]]) -> None:
    """From the inner terminal of one interchange to that of the other, down into the loop and up again."""
    (bridge_a, at_a), (bridge_b, at_b) = inner
    start, end = at_a.ahead(JUNCTION_M), Pose(at_b.x, at_b.y, at_b.heading + math.pi).ahead(-JUNCTION_M)
    middle = Pose((start.x + end.x) / 2 + 14.0, (start.y + end.y) / 2, start.heading)
    path = through([start, start.ahead(22.0), middle, end.ahead(-22.0), end])
    s = np.linspace(0.0, path.length, 24)
    away = np.clip((np.minimum(s, path.length - s) - 20.0) / 90.0, 0.0, 1.0)
    z = TERMINAL_M * (1.0 - away * away * (3.0 - 2.0 * away))
    road = draft.road(path, LOCAL, "town", LOCAL_KMH, profile_through(s, z))
    limit_signs(draft, road, 30.0)
    contacts: tuple[Contact, Contact] = ("start", "end")
    for straight, bridge, contact in zip(straights, (bridge_a, bridge_b), contacts):
        onward = End(road, contact)
        ends = [End(straight.off_left, "end"), onward, End(straight.on_left, "start"), bridge]
        junction = crossing(draft, ends)
        light_phases(draft, junction, ((onward, bridge), (End(straight.off_left, "end"),)))
        for crossed in (onward, bridge):
            crosswalk(draft, crossed)


def _line(start: Pose, length: float) -> Path:
    return joined([Piece(start, length)])
