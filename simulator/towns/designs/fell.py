"""A rural road over hills: three winding roads between two T junctions, no lamps, hardly a house."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from simulator.towns.curves import Array, Path, Pose, biarc, joined, through
from simulator.towns.xodr.compose.connecting import crossing
from simulator.towns.xodr.compose.draft import Draft, End
from simulator.towns.xodr.compose.elevation import Height, draped
from simulator.towns.xodr.compose.profile import LaneShape, Profile
from simulator.towns.xodr.compose.signs import limit_signs, sign
from simulator.towns.xodr.records import OpenDrive

LANE_M, SHOULDER_M = 3.3, 0.8
LIMIT_KMH = 60.0
JUNCTION_M = 14.0
"""From the centre of a junction to where its roads begin."""
_LANES = (LaneShape("driving", LANE_M, "solid"), LaneShape("shoulder", SHOULDER_M))
COUNTRY_ROAD = Profile(_LANES, _LANES, "broken")


def compose_fell(name: str, seed: int) -> OpenDrive:
    rng = np.random.default_rng([seed, 1])
    phase = rng.uniform(0.0, 2.0 * math.pi, 3)

    def height(x: ArrayLike, y: ArrayLike) -> Array:
        """Up to about 9 m above and below the mean, grades up to a tenth."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        broad = 7.0 * np.sin(x / 115.0 + phase[0]) * np.cos(y / 125.0 + phase[1])
        return broad + 2.2 * np.sin((x + 1.2 * y) / 75.0 + phase[2])

    draft = Draft(name)
    west, east = Pose(-230.0, -10.0, 0.0), Pose(240.0, 20.0, 0.0)

    def leave(at: Pose, heading_deg: float) -> Pose:
        return Pose(at.x, at.y, math.radians(heading_deg)).ahead(JUNCTION_M)

    def arrive(at: Pose, heading_deg: float) -> Pose:
        return leave(at, heading_deg).reversed()

    def bends(*places: tuple[float, float, float]) -> list[Pose]:
        """Poses on the way (x, y, heading in degrees), shifted and turned a little."""
        shifts = rng.uniform(-12.0, 12.0, (len(places), 2))
        turns = rng.uniform(-8.0, 8.0, len(places))
        return [
            Pose(x + dx, y + dy, math.radians(heading + turn))
            for (x, y, heading), (dx, dy), turn in zip(places, shifts.tolist(), turns.tolist())
        ]

    north = _country(
        [leave(west, 95.0), *bends((-190, 150, 60), (-60, 190, -10), (70, 140, 25), (190, 190, 0)), arrive(east, 80.0)]
    )
    middle = _country([leave(west, 5.0), *bends((-120, 30, 30), (0, 20, -25), (120, -15, 20)), arrive(east, 185.0)])
    south = _country(
        [
            leave(west, -90.0),
            *bends((-170, -160, -35), (-20, -140, 15), (110, -190, -15), (230, -120, 70)),
            arrive(east, -85.0),
        ]
    )
    roads = [
        draft.road(path, COUNTRY_ROAD, "rural", LIMIT_KMH, draped(path, _about(height, west, east)))
        for path in (north, middle, south)
    ]
    for contact, order in (("start", (0, 2, 1)), ("end", (0, 2, 1))):
        ends = [End(roads[k], contact) for k in order]  # type: ignore[arg-type]
        ends.sort(key=lambda end: _outward(draft, end))
        crossing(draft, ends)
        # the middle road ends at the T: it has to stop
        sign(draft, End(roads[1], contact), "206", 3.0)  # type: ignore[arg-type]
    for road in roads:
        limit_signs(draft, road, 30.0)
    return draft.finished()


def _country(poses: list[Pose]) -> Path:
    """Straight for some metres at both ends, where vehicles wait, winding in between."""
    first, last = poses[0], poses[-1]
    start, end = first.ahead(14.0), last.ahead(-14.0)
    path = through([start, *poses[1:-1], end])
    return joined([*biarc(first, start).pieces, *path.pieces, *biarc(end, last).pieces])


def _about(height: Height, west: Pose, east: Pose) -> Height:
    """The land's height, level around both junctions, so that their roads meet at one height."""

    def levelled(x: ArrayLike, y: ArrayLike) -> Array:
        x, y = np.asarray(x, float), np.asarray(y, float)
        z = height(x, y)
        for centre in (west, east):
            gap = np.hypot(x - centre.x, y - centre.y)
            share = np.clip((gap - 35.0) / 110.0, 0.0, 1.0)
            share = share * share * (3.0 - 2.0 * share)
            there = float(height(centre.x, centre.y))
            z = there + (z - there) * share
        return z

    return levelled


def _outward(draft: Draft, end: End) -> float:
    path = draft.paths[end.road]
    heading = path.start.heading if end.contact == "start" else path.end.heading + math.pi
    return heading % (2.0 * math.pi)
