"""Convolutions of small images on one CPU core, compiled: what the student's network on the small view consists of.

A library convolves large batches well; here one frame passes through fifteen layers of 20x15 to 80x60 pixels, and half
of the time goes into what lies between the layers: borders, layouts, calls, and threads waiting for each other. So the
layers are written out. An image is (1 + h + 1, 1 + w + 1, channels), float32, channels padded with zeros to a multiple
of 16, inside a border of one pixel that repeats it. A tile of a few pixels by a few sixteens of output channels stays
in vector registers while the kernel's window passes over it (LLVM vectors, as in `slicing`): each product is then one
instruction. Sums are made in one order, whatever the number of threads.
"""

from dataclasses import dataclass
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Floats = NDArray[np.float32]

VECTOR = 16
WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f", False))
# Pixels and sixteens of a tile. 32 registers of 16 floats hold 24 sums; 16 registers of 8 floats hold 5 sums of 16.
SUMS = {1: 10, 3: 8, 4: 5} if WIDE else {1: 5}
_FLAGS = ("contract", "nsz", "reassoc")
FAST = set(_FLAGS)


@dataclass(frozen=True)
class Layer:
    """A convolution packed for the kernels: weights (groups, size * size * inputs, sixteens * 16), bias (outputs,)."""

    weights: Floats
    bias: Floats
    size: int
    stride: int
    by_squares: bool = False
    """Packed for `winograd`, not for the kernels here."""


def padded_channels(channels: int) -> int:
    """Channels of an image in memory."""
    return -(-channels // VECTOR) * VECTOR


def pack(weight: Floats, bias: Floats, stride: int, inputs: int) -> Layer:
    """weight (outputs, inputs, size, size) and bias (outputs,); `inputs`: channels of the image with their padding."""
    outputs, depth, size, _ = weight.shape
    sixteens = padded_channels(outputs) // VECTOR
    per_group = max(count for count in SUMS if sixteens % count == 0)
    full = np.zeros((sixteens * VECTOR, size, size, inputs), np.float32)
    full[:outputs, :, :, :depth] = weight.transpose(0, 2, 3, 1)
    groups = full.reshape(sixteens // per_group, per_group * VECTOR, size * size * inputs)
    padded = np.zeros(sixteens * VECTOR, np.float32)
    padded[:outputs] = bias
    return Layer(np.ascontiguousarray(groups.transpose(0, 2, 1)), padded, size, stride)


def aligned(count: int) -> Floats:
    """Zeros that begin at a cache line."""
    room = np.zeros(count + VECTOR, np.float32)
    skip = -room.ctypes.data % 64 // 4
    return room[skip : skip + count]


class Sums:
    """Those of one tile of `pixels` by `sixteens` times 16 output channels, in vector registers; for intrinsics."""

    def __init__(self, builder: Any, pixels: int, sixteens: int) -> None:
        self._builder, self._vector = builder, ir.VectorType(ir.FloatType(), VECTOR)
        self.cells = [[cgutils.alloca_once(builder, self._vector) for _ in range(sixteens)] for _ in range(pixels)]

    def load(self, address: Any, *steps: Any) -> Any:
        """Sixteen floats from there on."""
        for step in steps:
            address = self._builder.gep(address, [step])
        return self._builder.load(self._builder.bitcast(address, self._vector.as_pointer()), align=4)

    def add_products(self, line: Any, step: Any, kernel: Any, taps: Any, span: Any) -> None:
        """Of `span` inputs from `line` on (the next pixel's `step` further) with as many rows of weights."""
        builder = self._builder
        across = len(self.cells[0]) * VECTOR
        with cgutils.for_range(builder, span) as along:
            tap = builder.add(taps, builder.mul(along.index, ir.Constant(taps.type, across)))
            places = [ir.Constant(taps.type, part * VECTOR) for part in range(len(self.cells[0]))]
            factors = [self.load(kernel, tap, place) for place in places]
            for pixel, cells in enumerate(self.cells):
                place = builder.add(along.index, builder.mul(step, ir.Constant(step.type, pixel)))
                value = self._splat(builder.load(builder.gep(line, [place])))
                for cell, factor in zip(cells, factors, strict=True):
                    product = builder.fmul(value, factor, flags=_FLAGS)
                    builder.store(builder.fadd(builder.load(cell), product, flags=_FLAGS), cell)

    def _splat(self, value: Any) -> Any:
        unset = ir.Constant(self._vector, ir.Undefined)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), [0] * VECTOR)
        one = self._builder.insert_element(unset, value, ir.Constant(ir.IntType(32), 0))
        return self._builder.shuffle_vector(one, unset, zeros)


def _tile(pixels: int, sixteens: int) -> Any:
    """The kernel of one tile; see `convolve_rows` for what it is called with."""

    @intrinsic
    def tile(
        context,
        x,
        at,
        row,
        step,
        size,
        depth,
        weights,
        first,
        bias,
        channel,
        extra,
        with_extra,
        out,
        out_at,
        width,
        relu,
    ):
        index, flag = types.intp, types.boolean
        signature = types.void(
            x, index, index, index, index, index, weights, index, bias, index, extra, flag, out, index, index, flag
        )

        def generate(target, builder, signature, arguments):
            vector = ir.VectorType(ir.FloatType(), VECTOR)
            (_, at, row, step, size, depth, _, first, _, channel, _, with_extra, _, out_at, width, relu) = arguments

            def pointer(argument):
                return target.make_array(signature.args[argument])(target, builder, arguments[argument]).data

            def number(value):
                return ir.Constant(at.type, value)

            source, kernel, constants = pointer(0), pointer(6), pointer(8)
            beside, result = pointer(10), pointer(12)
            sums = Sums(builder, pixels, sixteens)
            load, cells = sums.load, sums.cells
            for part in range(sixteens):
                start = load(constants, channel, number(part * VECTOR))
                for pixel in range(pixels):
                    builder.store(start, cells[pixel][part])
            span = builder.mul(size, depth)
            with cgutils.for_range(builder, size) as down:
                line = builder.gep(source, [builder.add(at, builder.mul(down.index, row))])
                taps = builder.add(first, builder.mul(builder.mul(down.index, span), number(sixteens * VECTOR)))
                sums.add_products(line, step, kernel, taps, span)
            zero = ir.Constant(vector, [0.0] * VECTOR)
            with builder.if_then(with_extra):
                for pixel in range(pixels):
                    for part in range(sixteens):
                        place = [out_at, number(part * VECTOR), builder.mul(width, number(pixel))]
                        total = builder.fadd(builder.load(cells[pixel][part]), load(beside, *place))
                        builder.store(total, cells[pixel][part])
            for pixel in range(pixels):
                for part in range(sixteens):
                    total = builder.load(cells[pixel][part])
                    positive = builder.select(builder.fcmp_ordered(">", total, zero), total, zero)
                    total = builder.select(relu, positive, total)
                    address = builder.gep(result, [out_at])
                    address = builder.gep(address, [number(part * VECTOR)])
                    address = builder.gep(address, [builder.mul(width, number(pixel))])
                    builder.store(total, builder.bitcast(address, vector.as_pointer()), align=4)

        return signature, generate

    return tile


PIXELS_1, PIXELS_3, PIXELS_4 = SUMS[1], SUMS.get(3, 1), SUMS.get(4, 1)
_tile_1, _tile_3, _tile_4 = _tile(PIXELS_1, 1), _tile(PIXELS_3, 3), _tile(PIXELS_4, 4)
_pixel_1, _pixel_3, _pixel_4 = _tile(1, 1), _tile(1, 3), _tile(1, 4)


@numba.njit(nogil=True, inline="always")
def tiles_along(columns: int, across: int) -> tuple[int, bool, int]:
    """Pixels of a tile of `across` output channels, whether a row of `columns` has room for one, and how many cover it.

    A row without room goes pixel by pixel: then it is as many as columns.
    """
    pixels = PIXELS_4 if across == 64 else (PIXELS_3 if across == 48 else PIXELS_1)
    whole = columns >= pixels
    return pixels, whole, (columns + pixels - 1) // pixels if whole else columns


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def convolve_rows(
    x: Floats, weights: Floats, bias: Floats, size: int, stride: int, extra: Floats, with_extra: bool, relu: bool,
    out: Floats, bordered: bool, top: int, end: int
) -> None:  # fmt: skip
    """Rows top <= y < end of a convolution of the image `x`; size is 3, or 1 without a border's part in it.

    out = convolution (+ extra, an image like it) (, negatives set to zero); with its border if it is `bordered`, else
    it has none: (h, w, channels).
    """
    rim = 1 if bordered else 0
    rows, columns, width = out.shape[0] - 2 * rim, out.shape[1] - 2 * rim, out.shape[2]
    row, depth = x.shape[1] * x.shape[2], x.shape[2]
    groups, taps, across = weights.shape
    inset = 0 if size == 3 else 1
    pixels, whole, count = tiles_along(columns, across)
    step = stride * depth
    xs, ws, es, os = x.reshape(-1), weights.reshape(-1), extra.reshape(-1), out.reshape(-1)
    for y in range(top, end):
        for group in range(groups):
            at = (y * stride + inset) * row + inset * depth
            to = ((y + rim) * (columns + 2 * rim) + rim) * width + group * across
            first, one = group * across * taps, group * across
            for tile in range(count):
                c = min(tile * pixels, columns - pixels) if whole else tile  # the last tile may overlap its neighbour
                i, o = at + c * step, to + c * width
                if across == 64:
                    if whole:
                        _tile_4(xs, i, row, step, size, depth, ws, first, bias, one, es, with_extra, os, o, width, relu)
                    else:
                        _pixel_4(
                            xs, i, row, step, size, depth, ws, first, bias, one, es, with_extra, os, o, width, relu
                        )
                elif across == 48:
                    if whole:
                        _tile_3(xs, i, row, step, size, depth, ws, first, bias, one, es, with_extra, os, o, width, relu)
                    else:
                        _pixel_3(
                            xs, i, row, step, size, depth, ws, first, bias, one, es, with_extra, os, o, width, relu
                        )
                elif whole:
                    _tile_1(xs, i, row, step, size, depth, ws, first, bias, one, es, with_extra, os, o, width, relu)
                else:
                    _pixel_1(xs, i, row, step, size, depth, ws, first, bias, one, es, with_extra, os, o, width, relu)
        if bordered:
            border_row(out, y, rows, columns)


@numba.njit(nogil=True, inline="always")
def border_row(out: Floats, y: int, rows: int, columns: int) -> None:
    """The border of row y, which is done; with it the one above or below if there is nothing beyond.

    Rows are copied number by number: for `out[0] = out[1]` numba also compiles what says that the shapes differ, which
    takes three seconds.
    """
    for channel in range(out.shape[2]):
        out[y + 1, 0, channel] = out[y + 1, 1, channel]
        out[y + 1, columns + 1, channel] = out[y + 1, columns, channel]
    for source, border in ((1, 0), (rows, rows + 1)):
        if y + 1 == source:
            for column in range(columns + 2):
                for channel in range(out.shape[2]):
                    out[border, column, channel] = out[source, column, channel]


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def add_doubled_rows(small: Floats, out: Floats, top: int, end: int) -> None:
    """Rows of out += small at twice its size, interpolated between pixel centres; both are images with a border.

    In this order of its sums, which the compiler is not free to change: where it may, it does so by what is around.
    """
    rows, columns, width = out.shape[0] - 2, out.shape[1] - 2, out.shape[2]
    near, beside, far = np.float32(9 / 16), np.float32(3 / 16), np.float32(1 / 16)
    for y in range(top, end):
        this = small[y // 2 + 1]
        next_ = small[y // 2 + 2] if y % 2 else small[y // 2]
        for x in range(columns):
            a, b = x // 2 + 1, x // 2 + 2 if x % 2 else x // 2
            target = out[y + 1, x + 1]
            for k in range(width):
                corners = (target[k] + near * this[a, k]) + far * next_[b, k]
                target[k] = corners + beside * (this[b, k] + next_[a, k])
        border_row(out, y, rows, columns)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def add_scene(out: Floats, weight: Floats, bias: Floats) -> None:
    """out = relu(out + weight @ (mean of out over its pixels) + bias), for a whole image."""
    rows, columns, width = out.shape[0] - 2, out.shape[1] - 2, out.shape[2]
    mean = np.zeros(width, np.float32)
    for y in range(1, rows + 1):
        for x in range(1, columns + 1):
            for k in range(width):
                mean[k] += out[y, x, k]
    mean /= np.float32(rows * columns)
    added = bias.copy()
    for k in range(width):
        for j in range(width):
            added[k] += weight[k, j] * mean[j]
    for y in range(rows + 2):
        for x in range(columns + 2):
            for k in range(width):
                out[y, x, k] = max(out[y, x, k] + added[k], np.float32(0.0))
