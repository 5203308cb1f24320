"""Where the reference line of a road runs: lines, arcs, clothoids and cubic curves, evaluated for many s at once.

OpenDRIVE's axes and radians, as in `simulator.towns.curves`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fresnel

from simulator.towns.curves import Array, Piece, Pose
from simulator.towns.xodr.records import Cubic, Geometry, Road

_CURVE_STEP_M = 0.05
"""Cubic curves are measured in pieces of this length."""


def evaluate(cubics: Sequence[Cubic], s: ArrayLike) -> Array:
    """The piecewise cubic at s; 0 without pieces, the first one before its start."""
    return _piecewise(cubics, s, lambda c, ds: c.a + ds * (c.b + ds * (c.c + ds * c.d)))


def slope(cubics: Sequence[Cubic], s: ArrayLike) -> Array:
    """Its derivative by s."""
    return _piecewise(cubics, s, lambda c, ds: c.b + ds * (2.0 * c.c + ds * 3.0 * c.d))


def _piecewise(cubics: Sequence[Cubic], s: ArrayLike, value: object) -> Array:
    s = np.asarray(s, np.float64)
    out = np.zeros(s.shape)
    if not cubics:
        return out
    index = np.clip(np.searchsorted([c.s for c in cubics], s, side="right") - 1, 0, None)
    for k in np.unique(index):
        mine = index == k
        out[mine] = value(cubics[k], s[mine] - cubics[k].s)  # type: ignore[operator]
    return out


@dataclass(frozen=True, eq=False)
class CentreLine:
    """The reference line of `road` with its elevation. Same `at` and `length` as `curves.Path`."""

    road: Road

    @property
    def length(self) -> float:
        return self.road.length

    @cached_property
    def _curves(self) -> tuple[_Curve | None, ...]:
        return tuple(_Curve.of(g) if g.kind in ("poly3", "paramPoly3") else None for g in self.road.geometry)

    def at(self, s: ArrayLike, t: ArrayLike = 0.0) -> tuple[Array, Array, Array]:
        """x, y, heading at arc length s and t metres to the left of the line (both broadcast)."""
        s, t = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(t, np.float64))
        x, y, heading = np.zeros(s.shape), np.zeros(s.shape), np.zeros(s.shape)
        starts = [g.s for g in self.road.geometry]
        index = np.clip(np.searchsorted(starts, s, side="right") - 1, 0, len(starts) - 1)
        for k in np.unique(index):
            mine = index == k
            x[mine], y[mine], heading[mine] = self._piece(int(k), s[mine] - starts[k])
        return x - t * np.sin(heading), y + t * np.cos(heading), heading

    def height_m(self, s: ArrayLike) -> Array:
        return evaluate(self.road.elevation, s)

    def grade(self, s: ArrayLike) -> Array:
        """Rise per metre of s."""
        return slope(self.road.elevation, s)

    def point(self, s: ArrayLike, t: ArrayLike = 0.0, lift_m: ArrayLike = 0.0) -> Array:
        """(..., 3) in CARLA's axes, `lift_m` above the road's elevation."""
        x, y, _ = self.at(s, t)
        return np.stack([x, -y, np.broadcast_to(self.height_m(s) + np.asarray(lift_m, float), x.shape)], axis=-1)

    def _piece(self, k: int, s: Array) -> tuple[Array, Array, Array]:
        g = self.road.geometry[k]
        if g.kind == "spiral":
            return _spiral(g, s)
        curve = self._curves[k]
        if curve is not None:
            return curve.at(g, s)
        return Piece(Pose(g.x, g.y, g.heading), g.length, g.values[0] if g.kind == "arc" else 0.0).at(s)


def _spiral(g: Geometry, s: Array) -> tuple[Array, Array, Array]:
    """A clothoid: the curvature grows linearly with s. By Fresnel integrals about its point of inflection."""
    start, end = g.values
    rate = (end - start) / g.length
    if abs(rate) < 1e-10:
        return Piece(Pose(g.x, g.y, g.heading), g.length, start).at(s)
    inflection = -start / rate
    turn_there = g.heading - 0.5 * start * start / rate
    scale = math.sqrt(abs(rate) / math.pi)
    (sin_a, cos_a), (sin_b, cos_b) = fresnel((0.0 - inflection) * scale), fresnel((s - inflection) * scale)
    along, across = (cos_b - cos_a) / scale, math.copysign(1.0, rate) * (sin_b - sin_a) / scale
    cos, sin = math.cos(turn_there), math.sin(turn_there)
    heading = g.heading + start * s + 0.5 * rate * s * s
    return g.x + along * cos - across * sin, g.y + along * sin + across * cos, heading


@dataclass(frozen=True, eq=False)
class _Curve:
    """A cubic curve with the parameter `p` tabulated over its arc length `s`."""

    u: tuple[float, ...]
    v: tuple[float, ...]
    p: Array
    s: Array

    @classmethod
    def of(cls, g: Geometry) -> _Curve:
        if g.kind == "poly3":
            u: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0)
            v, last = g.values, g.length
        else:
            u, v, last = g.values[:4], g.values[4:], 1.0 if g.normalized else g.length
        p = np.linspace(0.0, last, max(8, math.ceil(g.length / _CURVE_STEP_M)) + 1)
        du, dv = _derivative(u, p), _derivative(v, p)
        speed = np.hypot(du, dv)
        s = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * np.diff(p))])
        if g.kind == "paramPoly3" and s[-1] > 0.0:
            s *= g.length / s[-1]
        return cls(tuple(u), tuple(v), p, s)

    def at(self, g: Geometry, s: Array) -> tuple[Array, Array, Array]:
        p = np.interp(s, self.s, self.p)
        u, v = (c[0] + p * (c[1] + p * (c[2] + p * c[3])) for c in (self.u, self.v))
        cos, sin = math.cos(g.heading), math.sin(g.heading)
        bend = np.arctan2(_derivative(self.v, p), _derivative(self.u, p))
        return g.x + u * cos - v * sin, g.y + u * sin + v * cos, g.heading + bend


def _derivative(c: Sequence[float], p: Array) -> Array:
    return c[1] + p * (2.0 * c[2] + p * 3.0 * c[3])
