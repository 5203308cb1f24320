"""The student's full-resolution work on bytes: the formulas of `student.Student.apply_grid`, compiled for the CPU.

Three things make it fast. A map is sixteen floats in a row, so that interpolating and applying it are vector
instructions (written out as LLVM vectors below, because no compiler finds them in a loop over lanes). A row of pixels
is handled in passes that each become a loop of vector instructions. And a row of the grid, interpolated downwards once
per row of pixels, is handled in tiles that stay in the first-level cache.

The kernels know channels by their order in memory: whoever calls orders the lanes of the grid (`lane_order`) and the
curves alike. They keep everything in float32, round once, at the end, and release the GIL, so that bands of rows can
be handed to several threads; a row comes out the same whatever band it is in.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from fusion.shape import CELL_PX, COLOUR_FLOOR, LANES

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
"""Pixels of four bytes, as the machine reads them: the first channel is the lowest byte."""
Floats = NDArray[np.float32]

TILE_CELLS = 16
"""A tile's part of the grid is (16 + 2) cells of 512 bytes with eight bins: 9 KiB."""

_TILE_PX = TILE_CELLS * CELL_PX
_COLOURS, _THIRD, _BYTE = np.uint32(0xFFFFFF), np.uint32(24), np.uintp(0xFF)

# Contraction to fused multiply-adds and reordering are all that is let loose: NaN and infinity keep their meaning.
_FAST = {"contract", "reassoc", "nsz"}


def lane_order(red: int) -> NDArray[np.int64]:
    """Which of a map's lanes, as `student` lays them out, comes where for pixels whose red is at index 0 or at 2."""
    place = (0, 1, 2, 3) if red == 0 else (2, 1, 0, 3)
    order = np.arange(LANES)
    for j in range(4):
        for k in range(3):
            order[4 * j + k] = 4 * place[j] + place[k]
    for k in range(3):
        order[4 * k + 3] = 4 * place[k] + 3
    return order


def _mask(lanes: Any) -> ir.Constant:
    lanes = list(lanes)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)


@intrinsic  # type: ignore[untyped-decorator]
def _fuse_four(context, line, lanes, cells, across, along, pixels, fused, at):  # type: ignore[no-untyped-def]
    """Four pixels from `at` on: interpolates their maps from `line` (float32), applies them to `pixels` (uint32: three
    channels and heat) and writes `fused` (uint32, its highest byte without meaning).

    `lanes` is the length of a cell in the line, `cells` (int32) the place of each pixel's left cell and lower bin.
    """
    size = types.uintp
    signature = types.void(line, size, cells, across, along, pixels, fused, size)
    flags = tuple(sorted(_FAST))

    def generate(target, builder, signature, arguments):  # type: ignore[no-untyped-def]
        def pointer(index):  # type: ignore[no-untyped-def]
            return target.make_array(signature.args[index])(target, builder, arguments[index]).data

        def offset(base, *steps):  # type: ignore[no-untyped-def]
            for step in steps:
                base = builder.gep(base, [step])
            return base

        def add(one, other):  # type: ignore[no-untyped-def]
            return builder.fadd(one, other, flags=flags)

        def lerp(one, other, share):  # type: ignore[no-untyped-def]
            return add(one, builder.fmul(share, builder.fsub(other, one, flags=flags), flags=flags))

        def vector(address, kind, align):  # type: ignore[no-untyped-def]
            return builder.load(builder.bitcast(address, kind.as_pointer()), align=align)

        def shuffle(one, other, lanes):  # type: ignore[no-untyped-def]
            return builder.shuffle_vector(one, other, _mask(lanes))

        word, float_ = ir.IntType(32), ir.FloatType()
        floats, bytes_ = ir.VectorType(float_, 16), ir.VectorType(ir.IntType(8), 16)
        unset = ir.Constant(floats, ir.Undefined)
        white = ir.Constant(floats, [255.0] * 16)
        at, lanes = arguments[7], arguments[1]
        far_bin = size_of(LANES)

        raw = vector(offset(pointer(5), at), bytes_, 4)
        inputs = builder.uitofp(builder.zext(raw, ir.VectorType(word, 16)), floats)
        colour = _colour(builder, inputs, add, shuffle, flags)
        products = []
        for pixel in range(4):
            here = builder.add(at, size_of(pixel))
            cell = builder.zext(builder.load(offset(pointer(2), here)), at.type)
            left = offset(pointer(0), cell)
            right = offset(left, lanes)

            def splat(index, here=here):  # type: ignore[no-untyped-def]
                value = builder.load(offset(pointer(index), here))
                return shuffle(builder.insert_element(unset, value, word(0)), unset, [0] * 16)

            sideways, upwards = splat(3), splat(4)
            near = lerp(vector(left, floats, 4), vector(right, floats, 4), sideways)
            far = lerp(vector(offset(left, far_bin), floats, 4), vector(offset(right, far_bin), floats, 4), sideways)
            # Each input meets its three outputs; 255 meets the constants and the share of colour, which are for [0, 1].
            spread = [4 * pixel + j if k < 3 else 16 for j in range(4) for k in range(4)]
            products.append(builder.fmul(lerp(near, far, upwards), shuffle(inputs, white, spread), flags=flags))

        def pair(one, other):  # type: ignore[no-untyped-def]
            """Sums of the upper and the lower half of each, and their constants and share of colour at lanes 0..7."""
            low = shuffle(one, other, [*range(8), *range(16, 24)])
            high = shuffle(one, other, [*range(8, 16), *range(24, 32)])
            return add(low, high), shuffle(one, other, [3, 7, 11, 15, 19, 23, 27, 31] * 2)

        (sums_a, constants_a), (sums_b, constants_b) = pair(*products[:2]), pair(*products[2:])
        quads = [4 * quad + lane for quad in (0, 2, 4, 6) for lane in range(4)]
        low = shuffle(sums_a, sums_b, quads)
        high = shuffle(sums_a, sums_b, [lane + 4 for lane in quads])
        constants = shuffle(constants_a, constants_b, [*range(8), *range(16, 24)])
        share = shuffle(constants, constants, [4 * pixel + 3 for pixel in range(4) for _ in range(4)])
        constants = add(constants, builder.fmul(share, colour, flags=flags))
        value = add(add(add(low, high), constants), ir.Constant(floats, [0.5] * 16))
        black = ir.Constant(floats, [0.0] * 16)
        value = builder.select(builder.fcmp_ordered(">", value, black), value, black)  # NaN too becomes black
        value = builder.select(builder.fcmp_ordered("<", value, white), value, white)
        rounded = builder.trunc(builder.fptoui(value, ir.VectorType(word, 16)), bytes_)
        builder.store(rounded, builder.bitcast(offset(pointer(6), at), bytes_.as_pointer()), align=4)

    def size_of(value: int) -> ir.Constant:
        return ir.Constant(ir.IntType(types.uintp.bitwidth), value)  # type: ignore[attr-defined]

    return signature, generate


def _colour(builder, inputs, add, shuffle, flags):  # type: ignore[no-untyped-def]
    """`student.colour_of` of four pixels (16 floats of 0..255, every fourth of them heat, for which it is 0)."""
    kind, floor = inputs.type, COLOUR_FLOOR * 255.0

    def constant(value):  # type: ignore[no-untyped-def]
        return ir.Constant(kind, [value] * 16)

    def larger(one, other):  # type: ignore[no-untyped-def]
        return builder.select(builder.fcmp_ordered(">", one, other), one, other)

    def of_three(values, join):  # type: ignore[no-untyped-def]
        """Joins the three channels of each pixel, in each of its lanes."""
        second, third = (shuffle(values, values, [4 * p + k for p in range(4) for k in order])
                         for order in ((1, 2, 0, 3), (2, 0, 1, 3)))  # fmt: skip
        return join(join(values, second), third)

    mean = builder.fmul(of_three(inputs, add), constant(1.0 / 3.0), flags=flags)
    apart = builder.fsub(inputs, mean, flags=flags)
    above = larger(builder.fsub(apart, constant(floor), flags=flags), constant(0.0))
    below = larger(builder.fsub(constant(-floor), apart, flags=flags), constant(0.0))
    most = of_three(add(above, below), larger)
    # One quotient per pixel, in a vector of four: division is what takes long here.
    few = ir.VectorType(ir.FloatType(), 4)
    divisor = builder.fadd(shuffle(most, most, [0, 4, 8, 12]), ir.Constant(few, [floor] * 4), flags=flags)
    quotient = builder.fdiv(ir.Constant(few, [1.0] * 4), divisor, flags=flags)
    quotients = shuffle(quotient, quotient, [pixel for pixel in range(4) for _ in range(4)])
    return builder.fmul(builder.fsub(above, below, flags=flags), quotients, flags=flags)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=_FAST)
def slice_rows(visible: Words, thermal: Bytes, grid: Floats, curves: Floats, fused: Words, top: int, end: int) -> None:
    """Fuses the rows top <= y < end of a frame (H, W) of four-byte pixels into `fused`; the fourth byte is copied.

    grid (gh, gw, bins * 16) with its lanes in `lane_order`, curves (4, 256): `StudentArrays.guide_table` in the order
    of the channels in memory.
    """
    width = visible.shape[1]
    cell_rows, cell_columns, lanes = grid.shape
    half, one = np.float32(0.5), np.float32(1.0)
    last_bin, top_bin, per_bin = np.float32(lanes // LANES - 1), np.float32(lanes // LANES - 2), np.float32(LANES)
    cells = grid.reshape(cell_rows, cell_columns * lanes)
    c0, c1, c2, c3 = curves[0], curves[1], curves[2], curves[3]
    line = _aligned((TILE_CELLS + 2) * lanes)
    pixels, mixed = np.zeros(_TILE_PX, np.uint32), np.empty(_TILE_PX, np.uint32)
    left = np.zeros(_TILE_PX, np.float32)
    across, along = np.zeros(_TILE_PX, np.float32), np.zeros(_TILE_PX, np.float32)
    total = np.zeros(_TILE_PX, np.float32)
    place = np.zeros(_TILE_PX, np.int32)
    for start in range(0, width, _TILE_PX):
        count = min(_TILE_PX, width - start)
        first_cell = _cell_of(start, cell_columns)[0]
        for i in range(count):
            cell, across[i] = _cell_of(start + i, cell_columns)
            left[i] = np.float32((cell - first_cell) * lanes)
        begin = first_cell * lanes
        stop = (_cell_of(start + count - 1, cell_columns)[0] + 2) * lanes
        for y in range(top, end):
            row, down = _cell_of(y, cell_rows)
            upper, lower = cells[row, begin:stop], cells[row + 1, begin:stop]
            for i in range(stop - begin):
                line[i] = upper[i] + down * (lower[i] - upper[i])
            frame, heat, out = visible[y, start:], thermal[y, start:], fused[y, start:]
            for i in range(count):
                pixels[i] = (frame[i] & _COLOURS) | (np.uint32(heat[i]) << _THIRD)
            for i in range(np.uintp(count)):
                pixel = np.uintp(pixels[i])
                one_two = c0[pixel & _BYTE] + c1[(pixel >> np.uintp(8)) & _BYTE]
                total[i] = one_two + (c2[(pixel >> np.uintp(16)) & _BYTE] + c3[pixel >> np.uintp(24)])
            for i in range(count):
                guide = (half + half * total[i] / (one + abs(total[i]))) * last_bin
                below = min(np.floor(guide), top_bin)
                along[i] = guide - below
                place[i] = np.int32(left[i] + below * per_bin)
            for i in range(np.uintp(0), np.uintp(count), np.uintp(4)):
                _fuse_four(line, np.uintp(lanes), place, across, along, pixels, mixed, np.uintp(i))  # type: ignore[call-arg]
            for i in range(count):
                out[i] = (mixed[i] & _COLOURS) | (frame[i] & ~_COLOURS)


@numba.njit(nogil=True, inline="always")
def _cell_of(pixel: int, cells: int) -> tuple[int, np.float32]:
    """The nearest cell whose centre is not after the pixel's, and the way from there to the next one, in 0..1."""
    half, zero = np.float32(0.5), np.float32(0.0)
    position = (np.float32(pixel) + half) * np.float32(1.0 / CELL_PX) - half
    position = min(max(position, zero), np.float32(cells - 1))
    first = min(np.int64(position), cells - 2)
    return first, position - np.float32(first)  # type: ignore[arg-type,return-value]


@numba.njit(nogil=True, inline="always")
def _aligned(count: int) -> Floats:
    """Room for floats that begins at a cache line, so that no map lies across two."""
    room = np.empty(count + 16, np.float32)
    skip = (64 - room.ctypes.data % 64) % 64 // 4
    return room[skip : skip + count]
