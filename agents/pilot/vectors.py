"""The inner loops of the pilot's compiled network, written out as LLVM vectors of sixteen channels.

No compiler finds them in a loop over channels. All work on flat float32 arrays and take places in floats; sums are made
in one order (no flag lets the compiler change it), so a pixel comes out the same whichever tile it is in.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

VECTOR = 16
WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f", False))
"""32 registers of 16 floats, or 16 registers of 8."""
# Pixels and sixteens of output channels whose sums stay in registers; the widths of the grids for 640 columns are
# multiples of these.
TILE_PX, TILE_SIXTEENS = (10, 2) if WIDE else (5, 1)
STEM_PX = 20 if WIDE else 5
LINE_PX = 4  # of a depth-wise line at a time
# Pixels of the line between a depth-wise and a point-wise product are this many floats apart, whatever their depth:
# known to the compiler, and an odd number of cache lines, so that they spread over the whole first-level cache.
LINE_STEP = 208
# The stem reads three of four floats a pixel.
PIXEL, COLOURS = 4, 3
STEM_SIZE, STEM_STRIDE = 5, 2
TAPS = 9
_SEEN = 4.0 / 255.0, -0.45 * 4.0
_FLAGS = ("contract", "nsz")
FAST = set(_FLAGS)
_intrinsic: Any = intrinsic  # whose own type does not know that the context is left out in calls
_FLOATS = ir.VectorType(ir.FloatType(), VECTOR)
_INDEX, _FLAG = types.intp, types.boolean


class _Code:
    """What they have in common: addresses, vectors, and the arrays among a function's arguments."""

    def __init__(self, target: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self._target, self._builder = target, builder
        self._signature, self._arguments = signature, arguments
        self.zero = ir.Constant(_FLOATS, [0.0] * VECTOR)

    def array(self, argument: int) -> Any:
        make = self._target.make_array(self._signature.args[argument])
        return make(self._target, self._builder, self._arguments[argument]).data

    def number(self, value: int) -> ir.Constant:
        return ir.Constant(ir.IntType(types.intp.bitwidth), value)

    def moved(self, address: Any, *steps: Any) -> Any:
        for step in steps:
            address = self._builder.gep(address, [self.number(step) if isinstance(step, int) else step])
        return address

    def load(self, address: Any, *steps: Any) -> Any:
        place = self._builder.bitcast(self.moved(address, *steps), _FLOATS.as_pointer())
        return self._builder.load(place, align=4)

    def store(self, value: Any, address: Any, *steps: Any) -> None:
        place = self._builder.bitcast(self.moved(address, *steps), _FLOATS.as_pointer())
        self._builder.store(value, place, align=4)

    def splat(self, address: Any, *steps: Any) -> Any:
        unset = ir.Constant(_FLOATS, ir.Undefined)
        value = self._builder.load(self.moved(address, *steps))
        one = self._builder.insert_element(unset, value, ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), [0] * VECTOR)
        return self._builder.shuffle_vector(one, unset, lanes)

    def multiply_add(self, total: Any, value: Any, factor: Any) -> Any:
        return self._builder.fadd(total, self._builder.fmul(value, factor, flags=_FLAGS), flags=_FLAGS)

    def positive(self, value: Any) -> Any:
        return self._builder.select(self._builder.fcmp_ordered(">", value, self.zero), value, self.zero)


@_intrinsic
def bytes_seen(context, frame, at, out, out_at):
    """out = (byte / 255 - 0.45) * 4, for sixteen bytes."""
    signature = types.void(frame, _INDEX, out, _INDEX)

    def generate(target, builder, signature, arguments):
        code = _Code(target, builder, signature, arguments)
        kind = ir.VectorType(ir.IntType(8), VECTOR)
        place = builder.bitcast(code.moved(code.array(0), arguments[1]), kind.as_pointer())
        value = builder.uitofp(builder.load(place, align=1), _FLOATS)
        scale, shift = (ir.Constant(_FLOATS, [number] * VECTOR) for number in _SEEN)
        code.store(code.multiply_add(shift, value, scale), code.array(2), arguments[3])

    return signature, generate


@_intrinsic
def pointwise_tile(
    context, line, at, depth, weights, first, bias, relu, beside, beside_at, beside_step, with_beside, out,
    out_at, out_step,
):  # fmt: skip
    """out = (relu of) (bias + weights @ line) (+ beside), for TILE_PX pixels and TILE_SIXTEENS * 16 channels.

    `line` has its pixels LINE_STEP apart and `depth` channels. weights (depth, TILE_SIXTEENS * 16) from `first` on, the
    biases at `bias`.
    """
    i, b = _INDEX, _FLAG
    signature = types.void(line, i, i, weights, i, i, b, beside, i, i, b, out, i, i)

    def generate(target, builder, signature, arguments):
        code = _Code(target, builder, signature, arguments)
        (_, at, depth, _, first, bias, relu, _, beside_at, beside_step, with_beside, _, out_at, step) = arguments
        pixels, parts = range(TILE_PX), range(TILE_SIXTEENS)
        line, weights = code.moved(code.array(0), at), code.moved(code.array(3), first)
        beside, out = code.moved(code.array(7), beside_at), code.moved(code.array(11), out_at)
        sums = [[cgutils.alloca_once(builder, _FLOATS) for _ in parts] for _ in pixels]
        for part in parts:
            start = code.load(code.array(3), bias, part * VECTOR)
            for pixel in pixels:
                builder.store(start, sums[pixel][part])
        with cgutils.for_range(builder, depth) as along:
            here = code.moved(weights, builder.mul(along.index, code.number(TILE_SIXTEENS * VECTOR)))
            factors = [code.load(here, part * VECTOR) for part in parts]
            for pixel in pixels:
                value = code.splat(line, along.index, pixel * LINE_STEP)
                for part in parts:
                    total = code.multiply_add(builder.load(sums[pixel][part]), value, factors[part])
                    builder.store(total, sums[pixel][part])
        with builder.if_then(relu):
            for pixel in pixels:
                for part in parts:
                    builder.store(code.positive(builder.load(sums[pixel][part])), sums[pixel][part])
        with builder.if_then(with_beside):
            for pixel in pixels:
                for part in parts:
                    more = code.load(beside, builder.mul(beside_step, code.number(pixel)), part * VECTOR)
                    builder.store(builder.fadd(builder.load(sums[pixel][part]), more), sums[pixel][part])
        for pixel in pixels:
            for part in parts:
                to = builder.mul(step, code.number(pixel))
                code.store(builder.load(sums[pixel][part]), out, to, part * VECTOR)

    return signature, generate


@_intrinsic
def depthwise_line(
    context, x, row_0, row_1, row_2, column_0, column_1, column_2, step, count, weights, first, out, out_at, out_step
):
    """out = relu of a depth-wise 3x3 product, for `count` pixels and sixteen channels.

    The nine values of the first pixel are at row + column, those of the next `step` further. weights: nine vectors,
    row by row, and the bias, from `first` on.
    """
    i = _INDEX
    signature = types.void(x, i, i, i, i, i, i, i, i, weights, i, out, i, i)

    def generate(target, builder, signature, arguments):
        code = _Code(target, builder, signature, arguments)
        rows, columns = arguments[1:4], arguments[4:7]
        step, count, _, first, _, out_at, out_step = arguments[7:]
        x, weights, out = code.array(0), code.moved(code.array(9), first), code.moved(code.array(11), out_at)
        factors = [code.load(weights, tap * VECTOR) for tap in range(TAPS)]
        bias = code.load(weights, TAPS * VECTOR)
        lines = [code.moved(x, row) for row in rows]
        tiles = builder.udiv(builder.add(count, code.number(LINE_PX - 1)), code.number(LINE_PX))
        last = builder.sub(count, code.number(LINE_PX))
        with cgutils.for_range(builder, tiles) as along:
            begin = builder.mul(along.index, code.number(LINE_PX))
            begin = builder.select(builder.icmp_signed("<", begin, last), begin, last)
            place = builder.mul(begin, step)
            starts = [code.moved(line, place) for line in lines]
            totals = [bias] * LINE_PX
            for tap in range(TAPS):
                start = code.moved(starts[tap // 3], columns[tap % 3])
                for pixel in range(LINE_PX):
                    value = code.load(start, builder.mul(step, code.number(pixel)))
                    totals[pixel] = code.multiply_add(totals[pixel], value, factors[tap])
            to = code.moved(out, builder.mul(begin, out_step))
            for pixel, total in enumerate(totals):
                code.store(code.positive(total), to, builder.mul(out_step, code.number(pixel)))

    return signature, generate


@_intrinsic
def stem_tile(context, x, rows, column, weights, first, bias, out, out_at):
    """out = relu of the 5x5 product of stride 2, for STEM_PX pixels of sixteen channels.

    rows (5) int64: where the rows of the window begin, `column`: its first float in each of them. `x` has its pixels
    PIXEL apart; weights (5, 5, 3, 16) from `first` on, sixteen biases at `bias`.
    """
    i = _INDEX
    signature = types.void(x, rows, i, weights, i, i, out, i)

    def generate(target, builder, signature, arguments):
        code = _Code(target, builder, signature, arguments)
        (_, _, column, _, first, bias, _, out_at) = arguments
        x, rows, weights, out = (code.array(argument) for argument in (0, 1, 3, 6))
        pixels, size = range(STEM_PX), code.number(STEM_SIZE)
        start = code.load(weights, bias)
        sums = [cgutils.alloca_once(builder, _FLOATS) for _ in pixels]
        for cell in sums:
            builder.store(start, cell)
        with cgutils.for_range(builder, size) as down:
            line = code.moved(x, builder.load(code.moved(rows, down.index)), column)
            with cgutils.for_range(builder, size) as along:
                tap = builder.add(builder.mul(down.index, size), along.index)
                factors = code.moved(weights, first, builder.mul(tap, code.number(COLOURS * VECTOR)))
                values = code.moved(line, builder.mul(along.index, code.number(PIXEL)))
                for colour in range(COLOURS):
                    factor = code.load(factors, colour * VECTOR)
                    for pixel in pixels:
                        value = code.splat(values, pixel * STEM_STRIDE * PIXEL + colour)
                        builder.store(code.multiply_add(builder.load(sums[pixel]), value, factor), sums[pixel])
        for pixel in pixels:
            code.store(code.positive(builder.load(sums[pixel])), out, out_at, pixel * VECTOR)

    return signature, generate
