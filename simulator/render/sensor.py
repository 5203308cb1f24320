"""Lens and image sensor and what follows them: blur, shot and read noise, tone curve, gamma, 8 bits."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.workers import take_next

F = np.float32
FULL_WELL_ELECTRONS = 9_000.0
"""Of a 3 um pixel at base gain (ISO 100)."""
READ_NOISE_ELECTRONS = 2.5
BASE_EV = 6.3
"""Below this EV the shutter (1/30 s at f/1.8) cannot be longer and gain takes over."""
LENS_SPREAD = 0.06
"""Share of a pixel's light that the lens puts into each neighbour in a row or column (MTF 0.76 at Nyquist)."""
KNEE = 0.45
"""Signal above which the tone curve bends: highlights many times full white still differ, as in HDR sensors."""
TILE = 1024
LUT_STEPS = 8192


def gaussian_tile(seed: int) -> NDArray[np.float32]:
    """(TILE, TILE) standard normal numbers, read at places that depend on sensor, frame and row."""
    return np.random.default_rng([seed, 7]).standard_normal((TILE, TILE), dtype=np.float32)


def gamma_table(gamma: float) -> NDArray[np.uint8]:
    """(LUT_STEPS,) square root of linear light -> 8 bits: sRGB for CARLA's default of 2.2, else a power law."""
    linear = (np.arange(LUT_STEPS) / (LUT_STEPS - 1.0)) ** 2
    if abs(gamma - 2.2) < 1e-6:
        coded = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1.0 / 2.4) - 0.055)
    else:
        coded = linear ** (1.0 / max(gamma, 0.1))
    return np.clip(coded * 255.0 + 0.5, 0, 255).astype(np.uint8)


def noise_variance(ev: float) -> tuple[float, float]:
    """Variance of the signal (1 = full white) per unit signal, and without light, at the gain that this EV needs."""
    gain = 2.0 ** max(BASE_EV - ev, 0.0)
    white_electrons = FULL_WELL_ELECTRONS / gain
    return 1.0 / white_electrons, (READ_NOISE_ELECTRONS / white_electrons) ** 2


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _mixed(a, b):
    """32 well mixed bits from two numbers."""
    h = np.uint32(a) * np.uint32(0x9E3779B1) + np.uint32(b) * np.uint32(0x85EBCA77) + np.uint32(0x165667B1)
    h ^= h >> np.uint32(15)
    h = np.uint32(h * np.uint32(0x2C1B3C6D))
    h ^= h >> np.uint32(12)
    h = np.uint32(h * np.uint32(0x297A2D39))
    return h ^ (h >> np.uint32(15))


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _blur(plane_above, plane, plane_below, gain, out):
    """One row through the lens: neighbours get `LENS_SPREAD` each way of what a pixel should have had."""
    width = plane.shape[0]
    side, middle = F(LENS_SPREAD) * gain, F(1.0 - 2.0 * LENS_SPREAD) * gain
    for x in range(width):
        out[x + 1] = (plane_above[x] + plane_below[x]) * side + plane[x] * middle
    out[0], out[width + 1] = out[1], out[width]


@njit(fastmath=False, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _quotient(a, b):
    """Divides exactly. With fast floating point, which is inherited from the caller unless refused, the compiler takes
    an estimate where it divides several at a time."""
    return a / b


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def develop(radiance, gain, shot, read, tile, key, table, out, counter, thread):
    """radiance: (H, 3, W) cd/m2; gain: 1 / luminance of full white; key: uint32; out: (H, W, 4) uint8 BGRA."""
    height, _, width = radiance.shape
    red, green = np.empty(width + 2, np.float32), np.empty(width + 2, np.float32)
    blue = np.empty(width + 2, np.float32)
    noise, codes = np.empty((3, width), np.float32), np.empty((3, width), np.int32)
    noise_r, noise_g, noise_b, code_r, code_g, code_b = noise[0], noise[1], noise[2], codes[0], codes[1], codes[2]
    side, middle = F(LENS_SPREAD), F(1.0 - 2.0 * LENS_SPREAD)
    knee = F(KNEE)
    steps = F(LUT_STEPS - 1)
    while True:
        y = take_next(counter)
        if y >= height:
            break
        above, below = radiance[max(y - 1, 0)], radiance[min(y + 1, height - 1)]
        _blur(above[0], radiance[y, 0], below[0], gain, red)
        _blur(above[1], radiance[y, 1], below[1], gain, green)
        _blur(above[2], radiance[y, 2], below[2], gain, blue)
        place = _mixed(key, np.uint32(y))
        r0 = tile[place & np.uint32(TILE - 1)]
        r1 = tile[(place >> np.uint32(10)) & np.uint32(TILE - 1)]
        r2 = tile[(place >> np.uint32(20)) & np.uint32(TILE - 1)]
        shift = np.uint32(_mixed(place, np.uint32(1)))
        # Noise rows from `shift` on, in one piece: the loop after takes several pixels at a time.
        for x in range(width):
            u = np.uint32(x)
            k = (u + shift) & np.uint32(TILE - 1)
            noise_r[u], noise_g[u], noise_b[u] = r0[k], r1[k], r2[k]
        for x in range(width):
            u, u1, u2 = np.uint32(x), np.uint32(x) + np.uint32(1), np.uint32(x) + np.uint32(2)
            r = (red[u] + red[u2]) * side + red[u1] * middle
            g = (green[u] + green[u2]) * side + green[u1] * middle
            b = (blue[u] + blue[u2]) * side + blue[u1] * middle
            r += noise_r[u] * math.sqrt(shot * r + read)
            g += noise_g[u] * math.sqrt(shot * g + read)
            b += noise_b[u] * math.sqrt(shot * b + read)
            # highlights are rolled off together so that a red lamp stays red
            top = max(r, max(g, b))
            over = max(top - knee, F(0)) * F(1.0 / (1.0 - KNEE))
            rolled = knee + F(1.0 - KNEE) * (F(1) - F(1) / math.sqrt(F(1) + F(2) * over))
            scale = _quotient(rolled, max(top, knee))
            scale = scale if top > knee else F(1)
            r, g, b = r * scale, g * scale, b * scale
            code_b[u] = np.int32(math.sqrt(min(max(b, F(0)), F(1))) * steps)
            code_g[u] = np.int32(math.sqrt(min(max(g, F(0)), F(1))) * steps)
            code_r[u] = np.int32(math.sqrt(min(max(r, F(0)), F(1))) * steps)
        for x in range(width):
            u = np.uint32(x)
            out[y, u, 0] = table[np.uint32(code_b[u])]
            out[y, u, 1] = table[np.uint32(code_g[u])]
            out[y, u, 2] = table[np.uint32(code_r[u])]
            out[y, u, 3] = np.uint8(255)
