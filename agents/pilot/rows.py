"""The kernels of the pilot's compiled network: some rows of the stem, and some rows of a separable block.

An image is (BORDER + h + BORDER, BORDER + w + BORDER, channels), float32, its border zeros: the padding of every
convolution. A row of a block passes through the first two caches once: the depth-wise product goes into a line of
memory of the thread's own, the point-wise product from there to where the block's output stands.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from agents.pilot.vectors import (
    FAST,
    LINE_STEP,
    PIXEL,
    RING_ROWS,
    STEM_PX,
    STEM_STRIDE,
    TAPS,
    TILE_PX,
    TILE_SIXTEENS,
    VECTOR,
    depthwise_line,
    pointwise_tile,
    stem_tile,
)

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

STEM_BORDER = 2
"""Pixels left and right of the frame that the stem's window reaches."""
STEM_ROWS = 4
"""Rows of the stem's output that are kept, in a ring: the block behind it needs three at a time."""
BORDER = 4
"""Of every image: the widest dilation."""
_GROUP = TILE_SIXTEENS * VECTOR
# (rgb - 0.45) * 4 of a byte.
_SCALE, _SHIFT = np.float32(4.0 / 255.0), np.float32(-0.45 * 4.0)


@numba.njit(nogil=True, error_model="numpy", fastmath=FAST)
def _pointwise(
    line: Floats, columns: int, depth: int, weights: Floats, bias: Floats, relu: bool, beside: Floats, beside_at: int,
    beside_step: int, with_beside: bool, out: Floats, out_at: int, out_step: int
) -> None:  # fmt: skip
    """The row `line` through a point-wise product; all arrays are flat, weights (groups, depth, _GROUP)."""
    for group in range(bias.shape[0] // _GROUP):
        channel = group * _GROUP
        for tile in range((columns + TILE_PX - 1) // TILE_PX):
            c = min(tile * TILE_PX, columns - TILE_PX)  # the last tile may overlap its neighbour
            pointwise_tile(
                line, c * LINE_STEP, depth, weights, channel * depth, bias, channel, relu,
                beside, beside_at + c * beside_step + channel, beside_step, with_beside,
                out, out_at + c * out_step + channel, out_step,
            )  # fmt: skip


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def separable_rows(
    x: Floats, stride: int, dilation: int, coarse: Floats, with_coarse: bool, depthwise: Floats, weights: Floats,
    bias: Floats, residual: bool, last_weights: Floats, last_bias: Floats, out: Floats, lines: Floats, top: int,
    end: int,
) -> None:  # fmt: skip
    """Rows top <= y < end of a separable block of the image `x`, written into the image `out`.

    `with_coarse`: the image `coarse`, at twice its size, is the second part of the input's channels. If `last_bias` is
    not empty, one more point-wise product, without ReLU, follows in the same row. depthwise (channels / 16, 10, 16):
    see `depthwise_line`; lines (2, room for a row of LINE_STEP floats a pixel): the thread's own.
    """
    columns, depth = out.shape[1] - 2 * BORDER, x.shape[2]
    across, row, to_row, width = depthwise.shape[0] * VECTOR, x.shape[1] * x.shape[2], out.shape[1] * out.shape[2], out.shape[2]
    more, coarse_row = coarse.shape[2], coarse.shape[1] * coarse.shape[2]
    xs, cs, ds, os = x.reshape(-1), coarse.reshape(-1), depthwise.reshape(-1), out.reshape(-1)
    ws, ls = weights.reshape(-1), last_weights.reshape(-1)
    line, second = lines[0], lines[1]
    for y in range(top, end):
        at = (y * stride + BORDER) * row + BORDER * depth
        down, side = dilation * row, dilation * depth
        for k in range(0, depth, VECTOR):
            depthwise_line(
                xs, at - down, at, at + down, k - side, k, k + side, stride * depth, columns,
                ds, k * (TAPS + 1), line, k, LINE_STEP,
            )  # fmt: skip
        if with_coarse:
            above, here, below = [((y + dy) // 2 + BORDER) * coarse_row + BORDER * more for dy in (-1, 0, 1)]
            for k in range(0, more, VECTOR):
                place = (depth + k) * (TAPS + 1)
                depthwise_line(
                    cs, above, here, below, k - more, k, k, more, columns // 2,
                    ds, place, line, depth + k, 2 * LINE_STEP,
                )  # fmt: skip
                depthwise_line(
                    cs, above, here, below, k, k, k + more, more, columns // 2,
                    ds, place, line, depth + k + LINE_STEP, 2 * LINE_STEP,
                )  # fmt: skip
        to = (y + BORDER) * to_row + BORDER * width
        if last_bias.shape[0] == 0:
            _pointwise(line, columns, across, ws, bias, True, xs, at, depth, residual, os, to, width)
        else:
            _pointwise(line, columns, across, ws, bias, True, xs, at, depth, residual, second, 0, LINE_STEP)
            _pointwise(second, columns, bias.shape[0], ls, last_bias, False, xs, 0, 0, False, os, to, width)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def first_rows(
    frame: Bytes, stem: Floats, stem_bias: Floats, depthwise: Floats, weights: Floats, bias: Floats, out: Floats,
    ring: Floats, made: Floats, line: Floats, top: int, end: int,
) -> None:  # fmt: skip
    """Rows top <= y < end of the stem and the block of stride 2 behind it, from BGRA bytes to the image `out`.

    stem (5, 5, 3, 16): its colours in the frame's order. The thread's own: ring (RING_ROWS, (2 + W + 2) * PIXEL) for
    rows of the frame, made (STEM_ROWS, (1 + W / 2 + 1) * 16) for rows of the stem, both with zeros at their ends, and
    line.
    """
    height, size = frame.shape[0], frame.shape[1] * PIXEL
    columns, stem_columns, stem_height = out.shape[1] - 2 * BORDER, frame.shape[1] // 2, height // 2
    width, to_row, ring_row, made_row = out.shape[2], out.shape[1] * out.shape[2], ring.shape[1], made.shape[1]
    rs, ms, ds, os = ring.reshape(-1), made.reshape(-1), depthwise.reshape(-1), out.reshape(-1)
    ss, ws = stem.reshape(-1), weights.reshape(-1)
    seen = max(STEM_STRIDE * (2 * top - 1) - STEM_BORDER, -STEM_BORDER)  # the next row of the frame for the ring
    done = 2 * top - 1  # the next row of the stem
    for y in range(top, end):
        while done <= 2 * y + 1:
            target = made[done % STEM_ROWS]
            if done < 0:
                target[:] = np.float32(0.0)
            else:
                while seen <= STEM_STRIDE * done + STEM_BORDER:
                    _take_row(frame, seen, ring[seen % RING_ROWS])
                    seen += 1
                for tile in range((stem_columns + STEM_PX - 1) // STEM_PX):
                    c = min(tile * STEM_PX, stem_columns - STEM_PX)
                    stem_tile(
                        rs, STEM_STRIDE * done - STEM_BORDER, ring_row, c * STEM_STRIDE * PIXEL, ss, stem_bias,
                        ms, (done % STEM_ROWS) * made_row + (c + 1) * VECTOR,
                    )  # fmt: skip
            done += 1
        above, here, below = [((2 * y + dy) % STEM_ROWS) * made_row + VECTOR for dy in (-1, 0, 1)]
        depthwise_line(ms, above, here, below, -VECTOR, 0, VECTOR, 2 * VECTOR, columns, ds, 0, line, 0, LINE_STEP)
        to = (y + BORDER) * to_row + BORDER * width
        _pointwise(line, columns, VECTOR, ws, bias, True, ms, 0, 0, False, os, to, width)


@numba.njit(nogil=True, error_model="numpy", fastmath=FAST)
def _take_row(frame: Bytes, y: int, out: Floats) -> None:
    """Row y of the frame as the network sees it; zeros above and below it."""
    first, count = STEM_BORDER * PIXEL, frame.shape[1] * PIXEL
    if y < 0 or y >= frame.shape[0]:
        out[:] = np.float32(0.0)
    else:
        row = frame[y].reshape(-1)
        for i in range(count):
            out[first + i] = np.float32(row[i]) * _SCALE + _SHIFT
