"""Smooth edges from a visibility buffer that is twice as fine as the image.

The fine buffer has a sample at every pixel's centre, edge middle and corner (`visibility`). Light is computed once per
pixel, at its centre; an edge or corner sample that shows another triangle takes the colour of the neighbouring pixel
that shows the same one. A pixel is then the tent-filtered mean of its nine samples.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.render.workers import take_next

F = np.float32


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _elsewhere(sample, depth, own_depth, other, other_depth):  # type: ignore[no-untyped-def]
    """Whether a sample belongs to the other pixel: the same triangle, or nearer to its surface in depth."""
    return (sample == other) | (abs(depth - other_depth) < abs(depth - own_depth))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _depth(row, sample):  # type: ignore[no-untyped-def]
    """The inverse depth in the upper half of a key."""
    return row[sample + sample + np.uint64(1)]


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def smooth_edges(keys, depths, radiance, out, counter, thread):  # type: ignore[no-untyped-def]
    """keys: (2 H + 1, 2 W + 2 or more) int64, `VisibilityBuffer.fine`; depths: float32 view of it, twice as wide.

    radiance, out: (H, 3, W) float32.
    """
    height, _, width = radiance.shape
    mixed = np.empty(width, np.uint8)
    upright, around = np.empty(2 * width + 1, np.int32), np.empty(2 * width + 1, np.int32)
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
        for x in range(width):
            k = np.uint64(2 * x)
            mixed[x] = np.uint8((around[k] | around[k + one] | upright[k + two]) != 0)
        for channel in range(3):
            for x in range(width):
                out[y, channel, x] = radiance[y, channel, x]
        middle_depth = depths[2 * y + 1]
        for x in range(width):
            if mixed[x] == 0:
                continue
            k = np.uint64(2 * x)
            own, own_depth = np.int32(middle[k + one]), _depth(middle_depth, k + one)
            own_weight = F(0.25)
            red = green = blue = F(0)
            for side in range(2):
                # left and right
                j = k + (two if side else np.uint64(0))
                nx = min(x + 1, width - 1) if side else max(x - 1, 0)
                nk = np.uint64(2 * nx + 1)
                sample = np.int32(middle[j])
                other, other_depth = np.int32(middle[nk]), _depth(middle_depth, nk)
                if sample != own and _elsewhere(sample, _depth(middle_depth, j), own_depth, other, other_depth):
                    red += F(0.125) * radiance[y, 0, nx]
                    green += F(0.125) * radiance[y, 1, nx]
                    blue += F(0.125) * radiance[y, 2, nx]
                else:
                    own_weight += F(0.125)
            for half in range(2):
                # the row of samples above, the row below
                row = 2 * y + (2 if half else 0)
                ny = min(y + 1, height - 1) if half else max(y - 1, 0)
                samples, sample_depths = keys[row], depths[row]
                next_row, next_depths = keys[2 * ny + 1], depths[2 * ny + 1]
                up, up_depth = np.int32(next_row[k + one]), _depth(next_depths, k + one)
                sample = np.int32(samples[k + one])
                if sample != own and _elsewhere(sample, _depth(sample_depths, k + one), own_depth, up, up_depth):
                    red += F(0.125) * radiance[ny, 0, x]
                    green += F(0.125) * radiance[ny, 1, x]
                    blue += F(0.125) * radiance[ny, 2, x]
                else:
                    own_weight += F(0.125)
                for side in range(2):
                    j = k + (two if side else np.uint64(0))
                    sample = np.int32(samples[j])
                    if sample == own:
                        own_weight += F(0.0625)
                        continue
                    nx = min(x + 1, width - 1) if side else max(x - 1, 0)
                    nk = np.uint64(2 * nx + 1)
                    depth, best = _depth(sample_depths, j), own_depth
                    beside, beside_depth = np.int32(middle[nk]), _depth(middle_depth, nk)
                    at_x, at_y = x, y
                    if _elsewhere(sample, depth, best, up, up_depth):
                        at_x, at_y, best = x, ny, up_depth
                    if _elsewhere(sample, depth, best, beside, beside_depth) and not (at_y != y and sample == up):
                        at_x, at_y, best = nx, y, beside_depth
                    if sample == np.int32(next_row[nk]):
                        at_x, at_y = nx, ny
                    red += F(0.0625) * radiance[at_y, 0, at_x]
                    green += F(0.0625) * radiance[at_y, 1, at_x]
                    blue += F(0.0625) * radiance[at_y, 2, at_x]
            out[y, 0, x] = red + own_weight * radiance[y, 0, x]
            out[y, 1, x] = green + own_weight * radiance[y, 1, x]
            out[y, 2, x] = blue + own_weight * radiance[y, 2, x]
