"""Heights of roads along their way, as OpenDRIVE has them: cubics that join without a kink."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from simulator.towns.curves import Array, Path
from simulator.towns.xodr.records import Cubic

KNOT_M = 12.0
Height = Callable[[ArrayLike, ArrayLike], Array]
"""Of the land at x, y in OpenDRIVE's axes."""


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
    return tuple(hermite(s0, s1 - s0, z0, z1, g0, g1) for (s0, z0, g0), (s1, z1, g1) in pairwise(knots))


def hermite(s: float, length: float, z0: float, z1: float, g0: float, g1: float) -> Cubic:
    rise = z1 - z0
    c = (3.0 * rise - (2.0 * g0 + g1) * length) / length**2
    d = (-2.0 * rise + (g0 + g1) * length) / length**3
    return Cubic(s, z0, g0, c, d)
