"""Smooth edges from a visibility buffer that is twice as fine as the image.

The fine buffer has a sample at every pixel's centre, edge middle and corner (`visibility`). Light is computed once per
pixel, at its centre; an edge or corner sample that shows another triangle takes the colour of the neighbouring pixel
that shows the same one. A pixel is then the tent-filtered mean of its nine samples.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.render.tiles import LANES
from simulator.render.workers import take_next

F = np.float32
TOGETHER = 64
"""Mixed pixels that are worked on at a time, in planes a constant apart: eight a step, and without branches, which
nobody could foretell."""
STRIDE = 80
_UPPER, _MIDDLE, _LOWER = (np.uint64(3 * STRIDE * row) for row in range(3))
_LEFT, _CENTRE, _RIGHT = (np.uint64(STRIDE * column) for column in range(3))
_OWN = _MIDDLE + _CENTRE
_PIXELS = np.uint64(9 * STRIDE)
"""Places among the nine samples of a pixel; after these come the centres of the nine pixels around it."""


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _elsewhere(sample, depth, own_depth, other, other_depth):
    """Whether a sample belongs to the other pixel: the same triangle, or nearer to its surface in depth."""
    return (sample == other) | (abs(depth - other_depth) < abs(depth - own_depth))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _edge(place, k, ids, inverse, weights):
    """Weighs the sample in the middle of an edge; returns what is left for the pixel itself."""
    sample, other = ids[place + k], place + _PIXELS + k
    there = (sample != ids[_OWN + k]) & _elsewhere(
        sample, inverse[place + k], inverse[_OWN + k], ids[other], inverse[other]
    )
    weights[place + k] = F(0.125) if there else F(0)
    return F(0) if there else F(0.125)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _corner(row, column, k, ids, inverse, weights):
    """The same of a sample in a corner, which may show what any of three pixels does."""
    sample, depth = ids[row + column + k], inverse[row + column + k]
    up, beside, across = row + _CENTRE + k, _MIDDLE + column + k, row + column + k
    up_id, up_depth = ids[_PIXELS + up], inverse[_PIXELS + up]
    own_depth = inverse[_OWN + k]
    other = sample != ids[_OWN + k]
    is_up = other & _elsewhere(sample, depth, own_depth, up_id, up_depth)
    best = up_depth if is_up else own_depth
    is_beside = other & _elsewhere(sample, depth, best, ids[_PIXELS + beside], inverse[_PIXELS + beside])
    is_beside = is_beside & ((is_up & (sample == up_id)) == False)  # noqa: E712, of many at a time
    is_across = other & (sample == ids[_PIXELS + across])
    weights[across] = F(0.0625) if is_across else F(0)
    to_beside = F(0) if is_across else (F(0.0625) if is_beside else F(0))
    to_up = F(0) if (is_across | is_beside) else (F(0.0625) if is_up else F(0))
    weights[beside] += to_beside
    weights[up] += to_up
    return F(0) if (is_across | is_beside | is_up) else F(0.0625)


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _weigh(count, ids, inverse, weights):
    """Shares of the nine pixels around each mixed one in its colour."""
    for k in range(np.uint64(count)):
        own = F(0.25) + _edge(_MIDDLE + _LEFT, k, ids, inverse, weights)
        own += _edge(_MIDDLE + _RIGHT, k, ids, inverse, weights)
        own += _edge(_UPPER + _CENTRE, k, ids, inverse, weights)
        own += _edge(_LOWER + _CENTRE, k, ids, inverse, weights)
        weights[_OWN + k] = own
    for k in range(np.uint64(count)):
        own = _corner(_UPPER, _LEFT, k, ids, inverse, weights)
        own += _corner(_UPPER, _RIGHT, k, ids, inverse, weights)
        weights[_OWN + k] += own
    for k in range(np.uint64(count)):
        own = _corner(_LOWER, _LEFT, k, ids, inverse, weights)
        own += _corner(_LOWER, _RIGHT, k, ids, inverse, weights)
        weights[_OWN + k] += own


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _gather(keys, depths, y, height, width, columns, begin, count, ids, inverse):
    """The nine samples of mixed pixels, and the centres of the pixels around them; beyond the picture those within."""
    for row in range(3):
        fine = np.uint64(2 * y + row)
        centres = np.uint64(2 * min(max(y + row - 1, 0), height - 1) + 1)
        for n in range(count):
            x = np.int64(columns[np.uint64(begin + n)])
            beside = np.uint64(max(2 * x - 1, 1)), np.uint64(2 * x + 1), np.uint64(min(2 * x + 3, 2 * width - 1))
            for column in range(3):
                k = np.uint64(STRIDE * (3 * row + column) + n)
                i, j = np.uint64(2 * x + column), beside[column]
                ids[k], inverse[k] = np.int32(keys[fine, i]), depths[fine, i + i + np.uint64(1)]
                ids[_PIXELS + k], inverse[_PIXELS + k] = (
                    np.int32(keys[centres, j]),
                    depths[centres, j + j + np.uint64(1)],
                )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def smooth_edges(keys, depths, radiance, out, counter, thread):
    """keys: (2 H + 1, 2 W + 2 or more) int64, `VisibilityBuffer.fine`; depths: float32 view of it, twice as wide.

    radiance, out: (H, 3, W) float32.
    """
    height, _, width = radiance.shape
    upright, around = np.empty(2 * width + 1, np.int32), np.empty(2 * width + 1, np.int32)
    columns = np.empty(width, np.int32)
    ids, inverse = np.zeros(18 * STRIDE, np.int32), np.zeros(18 * STRIDE, np.float32)
    weights = np.zeros(9 * STRIDE, np.float32)
    one, two = np.uint64(1), np.uint64(2)
    while True:
        y = take_next(counter)
        if y >= height:
            break
        above, middle, below = keys[2 * y], keys[2 * y + 1], keys[2 * y + 2]
        for i in range(2 * width + 1):
            j = np.uint64(i)
            here = middle[j]
            upright[j] = np.int32((above[j] ^ here) | (below[j] ^ here))
            around[j] = upright[j] | np.int32(middle[j + one] ^ here)
        mixed = 0
        for x in range(width):
            k = np.uint64(2 * x)
            columns[mixed] = x
            mixed += np.int64((around[k] | around[k + one] | upright[k + two]) != 0)
        for channel in range(3):
            for x in range(width):
                out[y, channel, x] = radiance[y, channel, x]
        for begin in range(0, mixed, TOGETHER):
            count = min(TOGETHER, mixed - begin)
            _gather(keys, depths, y, height, width, columns, begin, count, ids, inverse)
            _weigh((count + LANES - 1) // LANES * LANES, ids, inverse, weights)
            for channel in range(3):
                here = radiance[y, channel]
                up, down = radiance[max(y - 1, 0), channel], radiance[min(y + 1, height - 1), channel]
                for n in range(np.uint64(count)):
                    x = np.int64(columns[np.uint64(begin) + n])
                    a, b, c = np.uint64(max(x - 1, 0)), np.uint64(x), np.uint64(min(x + 1, width - 1))
                    w = weights[_UPPER + n] * up[a] + weights[_UPPER + _CENTRE + n] * up[b]
                    w += weights[_UPPER + _RIGHT + n] * up[c] + weights[_MIDDLE + n] * here[a]
                    w += weights[_OWN + n] * here[b] + weights[_MIDDLE + _RIGHT + n] * here[c]
                    w += weights[_LOWER + n] * down[a] + weights[_LOWER + _CENTRE + n] * down[b]
                    out[y, channel, b] = w + weights[_LOWER + _RIGHT + n] * down[c]
