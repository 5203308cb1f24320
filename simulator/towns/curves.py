"""Reference lines of roads: lines and circular arcs joined without kinks.

Axes here are OpenDRIVE's: y to the left of x, headings in radians counter-clockwise. `to_carla` makes them CARLA's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

STRAIGHT = 1e-9
"""Curvature, 1/m, below which a piece counts as a line."""


@dataclass(frozen=True)
class Pose:
    x: float
    y: float
    heading: float

    def ahead(self, distance: float, left: float = 0.0) -> Pose:
        """The pose `distance` m further on and `left` m to the left."""
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return Pose(self.x + distance * cos - left * sin, self.y + distance * sin + left * cos, self.heading)

    def reversed(self) -> Pose:
        return Pose(self.x, self.y, self.heading + math.pi)


@dataclass(frozen=True)
class Piece:
    """A line (curvature 0) or an arc (curvature in 1/m, positive to the left)."""

    start: Pose
    length: float
    curvature: float = 0.0

    def at(self, s: ArrayLike) -> tuple[Array, Array, Array]:
        """x, y, heading at the arc lengths s, m, from the start of the piece."""
        s = np.asarray(s, np.float64)
        x, y, heading, k = self.start.x, self.start.y, self.start.heading, self.curvature
        if abs(k) < STRAIGHT:
            return x + s * math.cos(heading), y + s * math.sin(heading), np.full(s.shape, heading)
        turned = heading + k * s
        return x + (np.sin(turned) - math.sin(heading)) / k, y - (np.cos(turned) - math.cos(heading)) / k, turned

    @property
    def end(self) -> Pose:
        x, y, heading = self.at(self.length)
        return Pose(float(x), float(y), float(heading))


@dataclass(frozen=True)
class Path:
    """Pieces in a row, each starting where the one before ends."""

    pieces: tuple[Piece, ...]

    @cached_property
    def starts(self) -> Array:
        return np.concatenate([[0.0], np.cumsum([p.length for p in self.pieces])[:-1]])

    @cached_property
    def length(self) -> float:
        return float(self.starts[-1] + self.pieces[-1].length)

    @property
    def start(self) -> Pose:
        return self.pieces[0].start

    @property
    def end(self) -> Pose:
        return self.pieces[-1].end

    def at(self, s: ArrayLike, t: ArrayLike = 0.0) -> tuple[Array, Array, Array]:
        """x, y, heading at arc length s and t metres to the left of the line (both broadcast)."""
        s, t = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(t, np.float64))
        x, y, heading = np.zeros(s.shape), np.zeros(s.shape), np.zeros(s.shape)
        index = np.clip(np.searchsorted(self.starts, s, side="right") - 1, 0, len(self.pieces) - 1)
        for i, piece in enumerate(self.pieces):
            mine = index == i
            if mine.any():
                x[mine], y[mine], heading[mine] = piece.at(s[mine] - self.starts[i])
        return x - t * np.sin(heading), y + t * np.cos(heading), heading


def to_carla(x: ArrayLike, y: ArrayLike, z: ArrayLike = 0.0) -> Array:
    """OpenDRIVE x, y, z -> (..., 3) in CARLA's axes, whose y points to the right."""
    return np.stack(np.broadcast_arrays(np.asarray(x, float), -np.asarray(y, float), np.asarray(z, float)), axis=-1)


def joined(pieces: Iterable[Piece]) -> Path:
    """A path of the pieces, empty ones dropped and lines that continue each other merged."""
    merged: list[Piece] = []
    for piece in pieces:
        if piece.length < 1e-6:
            continue
        if merged and abs(merged[-1].curvature) < STRAIGHT and abs(piece.curvature) < STRAIGHT:
            merged[-1] = Piece(merged[-1].start, merged[-1].length + piece.length)
            continue
        # Started where the last one ends, so that rounding never opens a gap in the map.
        merged.append(Piece(merged[-1].end if merged else piece.start, piece.length, piece.curvature))
    return Path(tuple(merged))


def arc_to(start: Pose, x: float, y: float) -> Piece:
    """The arc (or line) that leaves `start` along its heading and ends at (x, y)."""
    dx, dy = x - start.x, y - start.y
    chord = math.hypot(dx, dy)
    along, across = (
        dx * math.cos(start.heading) + dy * math.sin(start.heading),
        dy * math.cos(start.heading) - dx * math.sin(start.heading),
    )
    half_turn = math.atan2(across, along)
    if abs(half_turn) < 1e-9:
        return Piece(start, chord)
    return Piece(start, chord * half_turn / math.sin(half_turn), 2.0 * math.sin(half_turn) / chord)


def biarc(start: Pose, end: Pose) -> Path:
    """Two arcs with equal control lengths between two poses (Bolton 1975); one arc or line where that is enough."""
    ax, ay, bx, by = math.cos(start.heading), math.sin(start.heading), math.cos(end.heading), math.sin(end.heading)
    vx, vy = end.x - start.x, end.y - start.y
    v_dot_t = vx * (ax + bx) + vy * (ay + by)
    v_dot_v = vx * vx + vy * vy
    bend = 2.0 * (1.0 - (ax * bx + ay * by))
    if bend < 1e-12:
        control = v_dot_v / (2.0 * v_dot_t)
    else:
        control = (-v_dot_t + math.sqrt(v_dot_t * v_dot_t + bend * v_dot_v)) / bend
    middle_x = 0.5 * (start.x + end.x + control * (ax - bx))
    middle_y = 0.5 * (start.y + end.y + control * (ay - by))
    first = arc_to(start, middle_x, middle_y)
    second = arc_to(first.end, end.x, end.y)
    length = first.length + second.length
    # one arc does for both if it ends less than half a micrometre beside
    if abs(first.curvature - second.curvature) * length * length < 4e-6:
        return joined([Piece(start, length, first.curvature)])
    return joined([first, second])


def through(poses: Sequence[Pose]) -> Path:
    """A smooth path through poses, arcs between them."""
    return joined(piece for a, b in pairwise(poses) for piece in biarc(a, b).pieces)
