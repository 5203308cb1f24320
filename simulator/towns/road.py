"""A road of a generated town: its line, what lies on either side of it, and how it is linked to others.

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

from simulator.towns.curves import Array, Path
from simulator.towns.layout import LANE_M
from simulator.towns.xodr.records import Link

SIDEWALK_M = 2.5
PARKING_M = 2.2
TAPER_M = 3.5
"""Length over which the curb swings out to the full width of a parking strip."""

ROOM_TO_PARK_M = 1.5
"""From this width on a bay is a parking lane; what is narrower, at the ends of bays, is shoulder."""

CROSSWALK_LENGTH_M = 3.0

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


def street_id(index: int) -> int:
    return 1 + index
