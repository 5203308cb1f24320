"""How lamps spread their light."""

from __future__ import annotations

import numpy as np
from numba import njit

F = np.float32


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def street_lamp(cosine):
    """Relative intensity of a cut-off street luminaire, 0..1; cosine of the angle from straight down.

    Bat-wing: brightest at about 55 degrees, nothing above 80. Its integral over the hemisphere is near 3.5 sr.
    """
    rise = min(max((cosine - F(0.17)) * F(2.9), F(0)), F(1))
    return rise * rise * (F(3) - F(2) * rise) * (F(1.25) - F(0.6) * cosine)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def beam(across, above, cut_off, sharpness, below, sideways, stray, kink):
    """Relative intensity of a headlamp 0..1. across, above: tangents to the right of and above the beam's axis.

    Full just under the cut-off line, which rises by `kink` towards the kerb (right); fades above it over 1/sharpness,
    below it over 1/below, to the sides over 1/sqrt(sideways); `stray` is what reaches everywhere in front.
    """
    line = cut_off + kink * min(max(across, F(0)), F(0.06))
    side = F(1) / (F(1) + sideways * across * across)
    up = max(above - line, F(0)) * sharpness
    down = max(line - F(0.015) - above, F(0)) * below
    return side * (side / ((F(1) + up * up) * (F(1) + down * down)) + stray)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def exp_minus(x):
    """exp(-x) for x >= 0, relative error 1e-4; vectorises, which the library call does not."""
    t = min(x * F(1.44269504), F(120))
    i = np.int32(t)
    f = t - F(i)
    p = F(1) + f * (F(-0.69314718) + f * (F(0.24015858) + f * (F(-0.05502) + f * F(0.0084))))
    return np.int32((np.int32(127) - i) << np.int32(23)).view(np.float32) * p


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def reach_window(q):
    """What is left of a lamp's light at the square q of distance over its reach: all of it (within 4 % at two thirds of
    the reach) until it fades, so that nothing is seen of the renderer's leaving out lamps beyond their reach.
    """
    q2 = q * q
    return max(F(1) - q2 * q2, F(0))
