"""3x3 convolutions of stride 1 with 16 products for four pixels in place of 36: Winograd's F(2x2, 3x3).

    Y = A' [ (G g G') . (B' d B) ] A        Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016

for a square of 2x2 pixels Y, the 4x4 pixels d that it sees and a kernel g: sixteen positions, whose products are sums
over channels, as in a layer of 1x1. Images, vectors and tiles are those of `convolution`. The float32 sums differ from
a plain convolution's in their last bits, and are the same whatever the number of threads.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fusion.cpu.convolution import (
    FAST,
    PIXELS_1,
    PIXELS_3,
    PIXELS_4,
    VECTOR,
    WIDE,
    Floats,
    Layer,
    Sums,
    border_row,
    pack,
    tiles_along,
)

POSITIONS = 16
_LANES = 16 if WIDE else 8
"""Sixteen positions of so many channels fit the vector registers."""
_G = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]])


def pack_positions(weight: Floats, bias: Floats, inputs: int) -> Layer:
    """weight (outputs, inputs, 3, 3) and bias (outputs,); `inputs`: channels of the image with their padding.

    Its weights are (16 positions * groups, inputs, sixteens * 16).
    """
    spread = np.einsum("ui,ocij,vj->uvoc", _G, weight.astype(np.float64), _G).reshape(POSITIONS, *weight.shape[:2])
    layers = [pack(one[..., None, None].astype(np.float32), bias, 1, inputs) for one in spread]
    return Layer(np.concatenate([layer.weights for layer in layers]), layers[0].bias, size=3, stride=1, by_squares=True)


def room_for(columns: int, inputs: int, outputs: int) -> int:
    """Floats that `convolve_squares` needs beside an image that wide, with so many channels in memory."""
    return POSITIONS * ((columns + 1) // 2) * (inputs + outputs)


def _pointer(target: Any, builder: Any, signature: Any, arguments: Any, index: int) -> Any:
    return target.make_array(signature.args[index])(target, builder, arguments[index]).data


def _at(builder: Any, base: Any, *steps: Any) -> Any:
    """Address of a vector of `_LANES` floats."""
    for step in steps:
        base = builder.gep(base, [step])
    return builder.bitcast(base, ir.VectorType(ir.FloatType(), _LANES).as_pointer())


@intrinsic
def _spread(context, x, rows, columns, spread, to, plane):
    """B' d B for `_LANES` channels: d stands in `x` where the four `rows` and the four `columns` (tuples) say."""
    signature = types.void(x, rows, columns, spread, types.intp, types.intp)

    def generate(target, builder, signature, arguments):
        source, result = (_pointer(target, builder, signature, arguments, index) for index in (0, 3))
        rows, columns, to, plane = (arguments[index] for index in (1, 2, 4, 5))

        def seen_through(d):
            return [
                builder.fsub(d[0], d[2]),
                builder.fadd(d[1], d[2]),
                builder.fsub(d[2], d[1]),
                builder.fsub(d[1], d[3]),
            ]

        lines = []
        for row in range(4):
            line = builder.gep(source, [builder.extract_value(rows, row)])
            places = [builder.extract_value(columns, column) for column in range(4)]
            lines.append(seen_through([builder.load(_at(builder, line, place), align=4) for place in places]))
        for column in range(4):
            for row, value in enumerate(seen_through([line[column] for line in lines])):
                place = builder.mul(plane, ir.Constant(plane.type, 4 * row + column))
                builder.store(value, _at(builder, result, to, place), align=4)

    return signature, generate


@intrinsic
def _gather(context, products, at, plane, bias, channel, extra, with_extra, relu, out, places, with_right, with_below):
    """A' m A + bias (+ extra) for `_LANES` channels of a square, whose four `places` (a tuple) in `out` are filled
    but for those beyond the image's right or lower end."""
    index, flag = types.intp, types.boolean
    signature = types.void(
        products, index, index, bias, index, extra, flag, flag, out, places, flag, flag
    )  # fmt: skip

    def generate(target, builder, signature, arguments):
        source, constants, beside, result = (
            _pointer(target, builder, signature, arguments, index) for index in (0, 3, 5, 8)
        )
        at, plane, channel, with_extra, relu, places, with_right, with_below = (
            arguments[index] for index in (1, 2, 4, 6, 7, 9, 10, 11)
        )
        zero = ir.Constant(ir.VectorType(ir.FloatType(), _LANES), [0.0] * _LANES)

        def summed(m):
            middle, apart = builder.fadd(m[1], m[2]), builder.fsub(m[1], m[2])
            return [builder.fadd(m[0], middle), builder.fsub(apart, m[3])]

        lines = []
        for column in range(4):
            steps = [builder.mul(plane, ir.Constant(plane.type, 4 * row + column)) for row in range(4)]
            lines.append(summed([builder.load(_at(builder, source, at, step), align=4) for step in steps]))
        start = builder.load(_at(builder, constants, channel), align=4)
        yes = ir.Constant(ir.IntType(1), 1)
        below, right = (builder.icmp_unsigned("!=", one, ir.Constant(one.type, 0)) for one in (with_below, with_right))
        for row in range(2):
            pair = summed([line[row] for line in lines])
            for column in range(2):
                place = builder.extract_value(places, 2 * row + column)
                wanted = builder.and_(below if row else yes, right if column else yes)
                with builder.if_then(wanted):
                    total = builder.fadd(pair[column], start)
                    other = builder.select(with_extra, _at(builder, beside, place), _at(builder, result, place))
                    total = builder.select(with_extra, builder.fadd(total, builder.load(other, align=4)), total)
                    positive = builder.select(builder.fcmp_ordered(">", total, zero), total, zero)
                    builder.store(builder.select(relu, positive, total), _at(builder, result, place), align=4)

    return signature, generate


def _products(squares: int, sixteens: int) -> Any:
    """Sums over channels for one position of so many squares and so many sixteens of outputs."""

    @intrinsic
    def products(context, spread, at, depth, weights, first, out, to, width):
        index = types.intp
        signature = types.void(spread, index, index, weights, index, out, index, index)

        def generate(target, builder, signature, arguments):
            source, kernel, result = (_pointer(target, builder, signature, arguments, index) for index in (0, 3, 5))
            at, depth, first, to, width = (arguments[index] for index in (1, 2, 4, 6, 7))
            sums = Sums(builder, squares, sixteens)
            vector = ir.VectorType(ir.FloatType(), VECTOR)
            for cells in sums.cells:
                for cell in cells:
                    builder.store(ir.Constant(vector, [0.0] * VECTOR), cell)
            sums.add_products(builder.gep(source, [at]), depth, kernel, first, depth)
            for square, cells in enumerate(sums.cells):
                line = builder.gep(result, [builder.add(to, builder.mul(width, ir.Constant(width.type, square)))])
                for part, cell in enumerate(cells):
                    address = builder.gep(line, [ir.Constant(width.type, part * VECTOR)])
                    builder.store(builder.load(cell), builder.bitcast(address, vector.as_pointer()), align=4)

        return signature, generate

    return products


_many_1, _many_3, _many_4 = _products(PIXELS_1, 1), _products(PIXELS_3, 3), _products(PIXELS_4, 4)
_single_1, _single_3, _single_4 = _products(1, 1), _products(1, 3), _products(1, 4)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def convolve_squares(
    x: Floats, weights: Floats, bias: Floats, extra: Floats, with_extra: bool, relu: bool, out: Floats, room: Floats,
    top: int, end: int
) -> None:  # fmt: skip
    """Rows of squares top <= row < end of a 3x3 convolution of the image `x`: rows 2 * top <= y < 2 * end of `out`.

    As `convolution.convolve_rows` with a border; weights of `pack_positions`, `room` of `room_for`.
    """
    rows, columns, width = out.shape[0] - 2, out.shape[1] - 2, out.shape[2]
    depth, across = x.shape[2], weights.shape[2]
    groups = weights.shape[0] // POSITIONS
    squares = (columns + 1) // 2
    line, out_line = (columns + 2) * depth, (columns + 2) * width
    spread_plane, plane = squares * depth, squares * width
    spread, products = room[: POSITIONS * spread_plane], room[POSITIONS * spread_plane :]
    xs, ws, es, os = x.reshape(-1), weights.reshape(-1), extra.reshape(-1), out.reshape(-1)
    many, whole, count = tiles_along(squares, across)
    for row in range(top, end):
        y = 2 * row
        last = min(y + 3, rows + 1)  # beyond the border there is nothing, and nothing that counts sees it
        for square in range(squares):
            c, far = 2 * square, min(2 * square + 3, columns + 1)
            for k in range(0, depth, _LANES):
                _spread(
                    xs,
                    (y * line + k, (y + 1) * line + k, (y + 2) * line + k, last * line + k),
                    (c * depth, (c + 1) * depth, (c + 2) * depth, far * depth),
                    spread,
                    square * depth + k,
                    spread_plane,
                )
        for position in range(POSITIONS):
            for group in range(groups):
                first = (position * groups + group) * depth * across
                for tile in range(count):
                    # The last tile may overlap its neighbour.
                    square = min(tile * many, squares - many) if whole else tile
                    at = position * spread_plane + square * depth
                    to = position * plane + square * width + group * across
                    if across == 64:
                        if whole:
                            _many_4(spread, at, depth, ws, first, products, to, width)
                        else:
                            _single_4(spread, at, depth, ws, first, products, to, width)
                    elif across == 48:
                        if whole:
                            _many_3(spread, at, depth, ws, first, products, to, width)
                        else:
                            _single_3(spread, at, depth, ws, first, products, to, width)
                    elif whole:
                        _many_1(spread, at, depth, ws, first, products, to, width)
                    else:
                        _single_1(spread, at, depth, ws, first, products, to, width)
        with_below = y + 1 < rows
        for square in range(squares):
            c = 2 * square
            for k in range(0, width, _LANES):
                to = (y + 1) * out_line + (c + 1) * width + k
                _gather(
                    products, square * width + k, plane, bias, k, es, with_extra, relu, os,
                    (to, to + width, to + out_line, to + out_line + width), c + 1 < columns, with_below
                )  # fmt: skip
        border_row(out, y, rows, columns)
        if with_below:
            border_row(out, y + 1, rows, columns)
