"""Draws triangles into a visibility buffer: which triangle each pixel shows, and the inverse of its planar depth.

A sample is one key of 64 bits: above the inverse depth (float32, bigger is nearer, 0 is the sky), below NOTHING less
the triangle's id. The greatest key wins, so that of two triangles that are exactly equally deep the lower id does,
whatever the drawing order; the picture depends neither on the number of threads nor on the bands.

Threads take bands of rows that fit into the cache. A band draws its items nearest first and keeps the farthest depth of
each of its tiles: what lies behind all of the tiles it reaches is left out. Of a town's triangles that is half.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.lanes import LANES, fused, keep_nearer
from simulator.render.project import (
    AREA,
    BOTTOM,
    COVER_PX,
    LEFT,
    NEAREST,
    RIGHT,
    TOP,
    TRIANGLE,
    X0,
    X1,
    X2,
    Y0,
    Y1,
    Y2,
    Z0,
    Z1,
    Z2,
)
from simulator.render.workers import take_next

F = np.float32

NOTHING = np.int32(0x7FFFFFFF)
"""The id of pixels that show no triangle."""

KEYS_PER_LINE = 8
"""Of a cache line of 64 bytes."""
BAND_ROWS = 32
FEW_SAMPLES = 64
"""A tile is not looked at again for a triangle that is smaller: it would hardly be found to be full."""
TILE_ROW_BITS, TILE_COLUMN_BITS = 3, 5
TILE_ROWS, TILE_COLUMNS = 1 << TILE_ROW_BITS, 1 << TILE_COLUMN_BITS


def stride_of(width: int) -> int:
    """Samples from one row to the next: room for the lanes of a row's last span, and an odd number of cache lines, as
    rows a power of two apart would share the same few lines of the cache."""
    lines = -(-(width + LANES - 1) // KEYS_PER_LINE) | 1
    return lines * KEYS_PER_LINE


def inverse_depth_of(keys: NDArray[np.int64]) -> NDArray[np.float32]:
    """(H, W) float32 of (H, W) keys."""
    return keys.view(np.float32)[:, 1::2]


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _fill(corners, marks, n, top, bottom, seen, rows):
    """Draws record n in rows top to bottom - 1. rows: (3 * LANES,) int32 scratch.

    The rows are worked out eight at a time, into first and last column and the bits of the first one's depth.
    """
    x0, y0, z0 = corners[n, X0], corners[n, Y0], corners[n, Z0]
    x1, y1, z1 = corners[n, X1], corners[n, Y1], corners[n, Z1]
    x2, y2, z2 = corners[n, X2], corners[n, Y2], corners[n, Z2]
    area, triangle = corners[n, AREA], marks[n, TRIANGLE]
    low = np.int64(NOTHING) - np.int64(triangle)
    # edges a x + b y + c >= 0 inside; a span's ends are where they vanish
    a0, b0 = y0 - y1, x1 - x0
    a1, b1 = y1 - y2, x2 - x1
    a2, b2 = y2 - y0, x0 - x2
    # the depth plane in float64: triangles cut by the near plane reach thousands of pixels off the screen
    scale = 1.0 / np.float64(area)
    dz1, dz2 = np.float64(z1 - z0), np.float64(z2 - z0)
    dz_dx = fused(dz1, np.float64(a2), dz2 * np.float64(a0)) * scale
    dz_dy = fused(np.float64(b0), dz2, np.float64(b2) * dz1) * scale
    step = F(dz_dx)
    tiny = F(1e-7)
    r0 = F(-1) / a0 if abs(a0) > tiny else F(0)
    r1 = F(-1) / a1 if abs(a1) > tiny else F(0)
    r2 = F(-1) / a2 if abs(a2) > tiny else F(0)
    f0, f1, f2 = b0 * r0, b1 * r1, b2 * r2
    e0, e1, e2 = (a0 * r0) * -x0, (x1 * r1) * -a1, r2 * fused(-a2, x2, -(y2 * b2))
    s0 = e0 - COVER_PX if a0 > tiny else F(-np.inf)
    s1 = e1 - COVER_PX if a1 > tiny else F(-np.inf)
    s2 = e2 - COVER_PX if a2 > tiny else F(-np.inf)
    l0 = e0 + COVER_PX if a0 < -tiny else F(np.inf)
    l1 = e1 + COVER_PX if a1 < -tiny else F(np.inf)
    l2 = e2 + COVER_PX if a2 < -tiny else F(np.inf)
    x_first, x_last = F(marks[n, LEFT]) + F(0.5), F(marks[n, RIGHT]) + F(0.5)
    x_origin, y_origin, z_origin = 0.5 - np.float64(x0), np.float64(y0), np.float64(z0)
    first, last = max(marks[n, TOP], top), min(marks[n, BOTTOM], bottom - 1)
    for block in range(first, last + 1, LANES):
        for lane in range(LANES):
            py = F(np.int32(block + lane)) + F(0.5)
            t0, t1, t2 = f0 * (py - y0), f1 * (py - y1), f2 * py
            start = min(max(max(x_first, s0 + t0), max(s1 + t1, s2 + t2)), x_last + F(1))
            end = max(min(min(x_last, l0 + t0), min(l1 + t1, l2 + t2)), x_first - F(1))
            xa = np.int32(np.ceil(start - F(0.5)))
            depth = fused(dz_dx, np.float64(xa) + x_origin, fused(dz_dy, np.float64(py) - y_origin, z_origin))
            at = np.uint64(lane)
            rows[at], rows[at + np.uint64(LANES)] = xa, np.int32(np.floor(end - F(0.5)))
            rows[at + np.uint64(2 * LANES)] = np.float32(depth).view(np.int32)
        for lane in range(min(LANES, last + 1 - block)):
            at = np.uint64(lane)
            xa = rows[at]
            count = rows[at + np.uint64(LANES)] + np.int32(1) - xa
            z = np.int32(rows[at + np.uint64(2 * LANES)]).view(np.float32)
            index = np.int64(block + lane) * np.int64(seen.shape[1]) + np.int64(xa)
            for k in range(np.int32(0), count, np.int32(LANES)):
                keep_nearer(seen, index + np.int64(k), z, step, low, np.int32(k), count)


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _hidden(nearest, first, last, left, right, top, farthest):
    """Whether all that is drawn in the tiles of these rows and columns is nearer. top: the band's first row."""
    for i in range((first - top) >> TILE_ROW_BITS, ((last - top) >> TILE_ROW_BITS) + 1):
        for j in range(left >> TILE_COLUMN_BITS, (right >> TILE_COLUMN_BITS) + 1):
            if nearest >= farthest[i, j]:
                return False
    return True


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _look_again(seen, first, last, left, right, top, width, farthest, written):
    """Renews the farthest depth of those of the tiles that have been drawn into since."""
    for i in range((first - top) >> TILE_ROW_BITS, ((last - top) >> TILE_ROW_BITS) + 1):
        for j in range(left >> TILE_COLUMN_BITS, (right >> TILE_COLUMN_BITS) + 1):
            if written[i, j] == 0:
                continue
            written[i, j] = 0
            least = np.int64(0x7FFFFFFFFFFFFFFF)
            for y in range(top + i * TILE_ROWS, min(top + (i + 1) * TILE_ROWS, seen.shape[0])):
                for x in range(j * TILE_COLUMNS, min((j + 1) * TILE_COLUMNS, width)):
                    least = min(least, seen[np.uint64(y), np.uint64(x)])
            farthest[i, j] = np.int32(least >> np.int64(32)).view(np.float32)


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _mark(first, last, left, right, top, written):
    """Notes that these tiles have been drawn into."""
    for i in range((first - top) >> TILE_ROW_BITS, ((last - top) >> TILE_ROW_BITS) + 1):
        for j in range(left >> TILE_COLUMN_BITS, (right >> TILE_COLUMN_BITS) + 1):
            written[i, j] = 1


@njit(cache=True, error_model="numpy", nogil=True)
def draw_bands(order, screen, width, seen, centre_depth, centre_ids, counter, thread):
    """order: the items of `screen`, best the nearest first. seen: (H, `stride_of(width)`) int64 keys, overwritten.

    centre_depth, centre_ids: of every second sample from [1, 1] on, float32 and int32; may be empty.
    """
    height, stride = seen.shape
    tiles = (width + TILE_COLUMNS - 1) // TILE_COLUMNS
    farthest = np.empty((BAND_ROWS // TILE_ROWS, tiles), np.float32)
    written = np.empty((BAND_ROWS // TILE_ROWS, tiles), np.int32)
    rows = np.empty(3 * LANES, np.int32)
    starts, boxes, nearest, corners, marks = screen.first, screen.boxes, screen.nearest, screen.corners, screen.marks
    while True:
        top = np.int64(take_next(counter) * BAND_ROWS)
        if top >= height:
            break
        bottom = min(top + BAND_ROWS, height)
        for y in range(top, bottom):
            for x in range(stride):
                seen[y, x] = 0
        farthest[:] = F(0)
        written[:] = 0
        for item in order:
            if boxes[item, TRIANGLE] == 0 or boxes[item, TOP] >= bottom or boxes[item, BOTTOM] < top:
                continue
            first, last = max(boxes[item, TOP], top), min(boxes[item, BOTTOM], bottom - 1)
            left, right = boxes[item, LEFT], boxes[item, RIGHT]
            _look_again(seen, first, last, left, right, top, width, farthest, written)
            if _hidden(nearest[item], first, last, left, right, top, farthest):
                continue
            for n in range(starts[item], starts[item] + boxes[item, TRIANGLE]):
                if marks[n, TOP] >= bottom or marks[n, BOTTOM] < top:
                    continue
                first, last = max(marks[n, TOP], top), min(marks[n, BOTTOM], bottom - 1)
                left, right = marks[n, LEFT], marks[n, RIGHT]
                if _hidden(corners[n, NEAREST], first, last, left, right, top, farthest):
                    continue
                _fill(corners, marks, n, top, bottom, seen, rows)
                if (last - first + 1) * (right - left + 1) > FEW_SAMPLES:
                    _mark(first, last, left, right, top, written)
        for y in range(top + 1, bottom, 2):
            for x in range(centre_depth.shape[1]):
                key = seen[np.uint64(y), np.uint64(2 * x + 1)]
                centre_depth[y >> 1, x] = np.int32(key >> np.int64(32)).view(np.float32)
                centre_ids[y >> 1, x] = NOTHING - np.int32(key & np.int64(0x7FFFFFFF))
