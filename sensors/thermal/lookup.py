"""Tables looked up at many places at once: the pattern that sticks to surfaces, and what counts of the detector mean.

A loop that calculates and looks up in tables goes pixel by pixel. For the pattern one loop finds the cells, one fetches
their corners and one interpolates: the first and the last take several pixels at a time.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from sensors.thermal.temperature import PATTERN_CELLS, pattern

PATTERN_SCALES_M = (2.3, 11.0)
"""Grid of the two layers of the pattern on surfaces: patches and wide drifts."""

_f = np.float32
_LINE = PATTERN_CELLS + 1
_LAYER = _LINE * _LINE


def pattern_tile(seed: int) -> NDArray[np.int64]:
    """Flat `pairs` of the pattern with its first cells repeated after the last on each axis: the corners of a cell lie
    at fixed distances."""
    return pairs(np.pad(pattern(seed), (0, 1), "wrap").ravel())


def pairs(table: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n,) of (n,): each value and the next one, two float32 in one word that a single load takes."""
    return np.stack([table, np.append(table[1:], table[-1:])], axis=1).view(np.int64).ravel()


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def scratch_for(n):
    """Planes for n pixels: (3, n) float32, (3, n) int32, (4, n) int64 and the last once more as (4, 2 n) float32."""
    words = np.empty((4, n), np.int64)
    return np.empty((3, n), np.float32), np.empty((3, n), np.int32), words, words.view(np.float32)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def lay_pattern(tile, x, y, z, scale, raised, scratch, out):
    """Trilinear lookup in the repeating tile at (x, y + raised, z) in units of 1 / `scale`; x, y, z, out: (n,) float32.

    tile: of `pattern_tile`; scratch: of `scratch_for`.
    """
    mask = np.int32(PATTERN_CELLS - 1)
    one = _f(1.0)
    planes, indices, words, halves = scratch
    tx, ty, tz, start = planes[0], planes[1], planes[2], indices[0]
    for n in range(len(out)):
        u = np.uint32(n)
        px, py, pz = x[u] * scale, y[u] * scale + raised, z[u] * scale
        fx, fy, fz = np.floor(px), np.floor(py), np.floor(pz)
        tx[u], ty[u], tz[u] = px - fx, py - fy, pz - fz
        i, j, k = np.int32(fx) & mask, np.int32(fy) & mask, np.int32(fz) & mask
        start[u] = i * np.int32(_LAYER) + j * np.int32(_LINE) + k
    # The corners along z as words: this loop is the only one that has to go pixel by pixel.
    w00, w10, w01, w11 = words[0], words[1], words[2], words[3]
    for n in range(len(out)):
        u = np.uint32(n)
        at = np.uint32(start[u])
        w00[u], w10[u] = tile[at], tile[at + np.uint32(_LAYER)]
        w01[u], w11[u] = tile[at + np.uint32(_LINE)], tile[at + np.uint32(_LAYER + _LINE)]
    c00, c10, c01, c11 = halves[0], halves[1], halves[2], halves[3]
    for n in range(len(out)):
        u = np.uint32(n)
        k0, k1 = np.uint32(2) * u, np.uint32(2) * u + np.uint32(1)
        px, py, pz = tx[u], ty[u], tz[u]
        qx, qy = one - px, one - py
        low = (c00[k0] * qx + c10[k0] * px) * qy
        low += (c01[k0] * qx + c11[k0] * px) * py
        high = (c00[k1] * qx + c10[k1] * px) * qy
        high += (c01[k1] * qx + c11[k1] * px) * py
        out[u] = low * (one - pz) + high * pz


@numba.njit(nogil=True, cache=True, error_model="numpy")
def ground_pattern(tile, metres):
    """(n, n) pattern that `scene` lays over the level ground at height 0, every pair of `metres` (n,) float32."""
    patch, drift = _f(1.0 / PATTERN_SCALES_M[0]), _f(1.0 / PATTERN_SCALES_M[1])
    n = len(metres)
    out, wide, height = np.empty((n, n), np.float32), np.empty(n, np.float32), np.zeros(n, np.float32)
    scratch = scratch_for(n)
    for i in range(n):
        x = np.full(n, metres[i], np.float32)
        lay_pattern(tile, x, metres, height, patch, _f(0.0), scratch, out[i])
        lay_pattern(tile, x, metres, height, drift, _f(0.5), scratch, wide)
        for j in range(n):
            out[i, j] += wide[j]
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def of_counts(table, counts):
    """(H, W) of the table's type: `table[counts]`, its last value for counts beyond it. counts: (H, W) uint16."""
    out = np.empty(counts.shape, table.dtype)
    last = np.uint32(len(table) - 1)
    for v in range(counts.shape[0]):
        row, found = counts[v], out[v]
        for n in range(counts.shape[1]):
            u = np.uint32(n)
            found[u] = table[min(np.uint32(row[u]), last)]
    return out
