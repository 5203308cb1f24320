"""The kernel of the pilot's compiled network: a chain of layers, row by row.

Layer after layer, a frame would pass through the third-level cache a dozen times. So layers are chained: each makes a
row as soon as the layer before it has made the rows that it needs, and all but the last write into a ring of a few
rows (`plan`). A row of a separable block is made in one go: the depth-wise product goes into a line of memory, the
point-wise product from there to where the block's output stands.

All of that is one flat array of float32. A row in it is (BORDER + w + BORDER, channels), its border zeros: the padding
of every convolution. It begins with zeros, as many as the longest row has: the rows above and below an image.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from agents.pilot.vectors import (
    FAST,
    LINE_STEP,
    PIXEL,
    STEM_PX,
    STEM_SIZE,
    STEM_STRIDE,
    TAPS,
    TILE_PX,
    TILE_SIXTEENS,
    VECTOR,
    bytes_seen,
    depthwise_line,
    pointwise_tile,
    stem_tile,
)

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

BORDER = 4
"""The widest dilation."""
GROUP = TILE_SIXTEENS * VECTOR
FRAME, STEM, SEPARABLE = 0, 1, 2
LAYER = np.dtype(
    [
        (name, np.int64)
        for name in (
            *("kind", "stride", "reach"),  # reach: from the middle of its window to its rim
            *("x", "x_rows", "x_height", "x_row", "x_depth"),  # input: place, rows kept, rows in all, floats per row
            *("coarse", "coarse_row", "coarse_depth"),  # an image of half the size: more channels of the input, or none
            *("out", "rows", "height", "row", "depth", "columns"),
            *("taps", "weights", "bias", "outputs", "residual"),  # places in the weights, and what they give
            *("last_weights", "last_bias", "last_outputs"),  # one more point-wise product without ReLU, or no outputs
        )
    ]
)
"""What the kernel knows of one layer; places and lengths are in floats."""


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def chain_rows(
    layers: NDArray[Any], order: NDArray[np.int64], weights: Floats, memory: Floats, frame: Bytes, line: int
) -> None:
    """Makes rows in the given order, which names the layer and the row: (n, 2).

    layers: of LAYER; frame (H * W * 4), read by layers of the kind FRAME; line: where in the memory the thread has room
    for two rows of LINE_STEP floats a pixel.
    """
    window = np.empty(STEM_SIZE, np.int64)
    for i in range(order.shape[0]):
        layer, y = layers[order[i, 0]], order[i, 1]
        if layer.kind == FRAME:
            _take_row(layer, frame, memory, y)
        elif layer.kind == STEM:
            _stem_row(layer, weights, memory, window, y)
        else:
            _separable_row(layer, weights, memory, line, y)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _place(x: int, rows: int, height: int, row: int, y: int) -> int:
    return x + (y % rows) * row if 0 <= y < height else 0


@numba.njit(error_model="numpy", fastmath=FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _take_row(layer: Any, frame: Bytes, memory: Floats, y: int) -> None:
    """A row of the frame as the network sees it."""
    first = _place(layer.out, layer.rows, layer.height, layer.row, y) + BORDER * PIXEL
    count = layer.columns * PIXEL
    for i in range(0, count, VECTOR):
        bytes_seen(frame, y * count + i, memory, first + i)


@numba.njit(error_model="numpy", fastmath=FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _stem_row(layer: Any, weights: Floats, memory: Floats, window: NDArray[np.int64], y: int) -> None:
    for down in range(STEM_SIZE):
        above = y * STEM_STRIDE - layer.reach + down
        window[down] = _place(layer.x, layer.x_rows, layer.x_height, layer.x_row, above)
    first = _place(layer.out, layer.rows, layer.height, layer.row, y) + BORDER * VECTOR
    for tile in range((layer.columns + STEM_PX - 1) // STEM_PX):
        c = min(tile * STEM_PX, layer.columns - STEM_PX)  # the last tile may overlap its neighbour
        column = (c * STEM_STRIDE - layer.reach + BORDER) * PIXEL
        stem_tile(memory, window, column, weights, layer.weights, layer.bias, memory, first + c * VECTOR)


@numba.njit(error_model="numpy", fastmath=FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _separable_row(layer: Any, weights: Floats, memory: Floats, line: int, y: int) -> None:
    depth, at, reach = layer.x_depth, y * layer.stride, layer.reach
    above = _place(layer.x, layer.x_rows, layer.x_height, layer.x_row, at - reach) + BORDER * depth
    here = _place(layer.x, layer.x_rows, layer.x_height, layer.x_row, at) + BORDER * depth
    below = _place(layer.x, layer.x_rows, layer.x_height, layer.x_row, at + reach) + BORDER * depth
    side, step = reach * depth, layer.stride * depth
    for k in range(0, depth, VECTOR):
        depthwise_line(
            memory, above, here, below, k - side, k, k + side, step, layer.columns,
            weights, layer.taps + k * (TAPS + 1), memory, line + k, LINE_STEP,
        )  # fmt: skip
    if layer.coarse_depth:
        _coarse_part(layer, weights, memory, line, y)
    across, out = depth + layer.coarse_depth, _place(layer.out, layer.rows, layer.height, layer.row, y)
    out += BORDER * layer.depth
    second, products = line + layer.columns * LINE_STEP, 2 if layer.last_outputs else 1
    for product in range(products):
        first, last = product == 0, product == products - 1
        _pointwise(
            memory, line if first else second, across if first else layer.outputs,
            weights, layer.weights if first else layer.last_weights, layer.bias if first else layer.last_bias,
            layer.outputs if first else layer.last_outputs, first, here, depth, first and layer.residual != 0,
            out if last else second, layer.depth if last else LINE_STEP, layer.columns,
        )  # fmt: skip


@numba.njit(error_model="numpy", fastmath=FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _coarse_part(layer: Any, weights: Floats, memory: Floats, line: int, y: int) -> None:
    """The depth-wise product of an image at twice its size, which is not made: pixel x is x // 2 of the image."""
    depth, rows, half = layer.coarse_depth, layer.height // 2, layer.columns // 2
    above = _place(layer.coarse, rows, rows, layer.coarse_row, (y - 1) // 2) + BORDER * depth
    here = _place(layer.coarse, rows, rows, layer.coarse_row, y // 2) + BORDER * depth
    below = _place(layer.coarse, rows, rows, layer.coarse_row, (y + 1) // 2) + BORDER * depth
    for odd in range(2):
        left, right = (0, depth) if odd else (-depth, 0)
        for k in range(0, depth, VECTOR):
            channel = layer.x_depth + k
            depthwise_line(
                memory, above, here, below, k + left, k, k + right, depth, half,
                weights, layer.taps + channel * (TAPS + 1), memory, line + odd * LINE_STEP + channel, 2 * LINE_STEP,
            )  # fmt: skip


@numba.njit(error_model="numpy", fastmath=FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pointwise(
    memory: Floats, line: int, depth: int, weights: Floats, first: int, bias: int, outputs: int, relu: bool,
    beside: int, beside_step: int, with_beside: bool, out: int, out_step: int, columns: int
) -> None:  # fmt: skip
    """A point-wise product of the row at `line`; see `pointwise_tile`. Its weights are (groups, depth, GROUP)."""
    for channel in range(0, outputs, GROUP):
        for tile in range((columns + TILE_PX - 1) // TILE_PX):
            c = min(tile * TILE_PX, columns - TILE_PX)  # the last tile may overlap its neighbour
            pointwise_tile(
                memory, line + c * LINE_STEP, depth, weights, first + channel * depth, bias + channel, relu,
                memory, beside + c * beside_step + channel, beside_step, with_beside,
                memory, out + c * out_step + channel, out_step,
            )  # fmt: skip
