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
_BYTE32, _FLOOR = np.uint32(0xFF), np.float32(COLOUR_FLOOR * 255.0)
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


@intrinsic
def _fuse_four(context, line, lanes, cells, shares, values, fused, at):
    """Four pixels from `at` on: interpolates their maps from `line` (float32), applies them to their `values` and
    writes `fused` (uint32: three channels, the highest byte 0).

    `lanes` is the length of a cell in the line, `cells` (int32) the place of each pixel's left cell and lower bin;
    `shares` (4, tile) those of the left and the right cell's lower and of their upper bin; `values` (7, tile) three
    channels and heat, 0..255, and the colour of each channel (`student.colour_of`), -255..255.
    """
    size = types.uintp
    signature = types.void(line, size, cells, shares, values, fused, size)
    flags = tuple(sorted(_FAST))

    def generate(target, builder, signature, arguments):
        def pointer(index):
            return target.make_array(signature.args[index])(target, builder, arguments[index]).data

        def offset(base, *steps):
            for step in steps:
                base = builder.gep(base, [step])
            return base

        def add(one, other):
            return builder.fadd(one, other, flags=flags)

        def times(one, other):
            return builder.fmul(one, other, flags=flags)

        def vector(address, kind):
            return builder.load(builder.bitcast(address, kind.as_pointer()), align=4)

        def shuffle(one, other, lanes):
            return builder.shuffle_vector(one, other, _mask(lanes))

        def splat(index, row, place, kind):
            value = builder.load(offset(pointer(index), size_of(row * _TILE_PX), place))
            unset = ir.Constant(kind, ir.Undefined)
            return shuffle(builder.insert_element(unset, value, word(0)), unset, [0] * kind.count)

        word, float_ = ir.IntType(32), ir.FloatType()
        whole, four = ir.VectorType(float_, 16), ir.VectorType(float_, 4)
        at, lanes = arguments[6], arguments[1]
        line, cells = pointer(0), pointer(2)
        sums, constants = [], []
        for pixel in range(4):
            here = builder.add(at, size_of(pixel))
            left = offset(line, builder.zext(builder.load(offset(cells, here)), at.type))
            corners = [left, offset(left, lanes), offset(left, size_of(LANES)), offset(left, lanes, size_of(LANES))]
            map_ = times(vector(corners[0], whole), splat(3, 0, here, whole))
            for corner in range(1, 4):
                map_ = add(map_, times(vector(corners[corner], whole), splat(3, corner, here, whole)))
            parts = [shuffle(map_, map_, range(4 * j, 4 * j + 4)) for j in range(4)]
            total = times(parts[0], splat(4, 0, here, four))
            for j in range(1, 4):
                total = add(total, times(parts[j], splat(4, j, here, four)))
            sums.append(total)
            constants.append(parts)

        def upper(one, other):
            return shuffle(one, other, [2, 6, 3, 7])

        def lasts(j):
            """The last lane of part j of each pixel."""
            low, high = upper(constants[0][j], constants[1][j]), upper(constants[2][j], constants[3][j])
            return shuffle(low, high, [2, 3, 6, 7])

        low, high = shuffle(sums[0], sums[1], [0, 4, 1, 5]), shuffle(sums[2], sums[3], [0, 4, 1, 5])
        thirds = upper(sums[0], sums[1]), upper(sums[2], sums[3])
        channels = [shuffle(low, high, [0, 1, 4, 5]), shuffle(low, high, [2, 3, 6, 7]), shuffle(*thirds, [0, 1, 4, 5])]
        share = lasts(3)
        result = ir.Constant(ir.VectorType(word, 4), [0] * 4)
        for k, channel in enumerate(channels):
            colour = vector(offset(pointer(4), size_of((4 + k) * _TILE_PX), at), four)
            value = add(channel, times(lasts(k), ir.Constant(four, [255.0] * 4)))
            value = add(add(value, times(share, colour)), ir.Constant(four, [0.5] * 4))
            black, white = ir.Constant(four, [0.0] * 4), ir.Constant(four, [255.0] * 4)
            value = builder.select(builder.fcmp_ordered(">", value, black), value, black)  # NaN too becomes black
            value = builder.select(builder.fcmp_ordered("<", value, white), value, white)
            byte = builder.fptosi(value, result.type)
            result = builder.or_(result, builder.shl(byte, ir.Constant(byte.type, [8 * k] * 4)))
        builder.store(result, builder.bitcast(offset(pointer(5), at), result.type.as_pointer()), align=4)

    def size_of(value: int) -> ir.Constant:
        return ir.Constant(ir.IntType(types.uintp.bitwidth), value)

    return signature, generate


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
    across, total = np.zeros(_TILE_PX, np.float32), np.zeros(_TILE_PX, np.float32)
    shares, values = np.zeros((4, _TILE_PX), np.float32), np.zeros((7, _TILE_PX), np.float32)
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
                place[i] = np.int32(left[i] + below * per_bin)
                up, right = guide - below, across[i]
                both = up * right
                shares[0, i] = one - right - (up - both)
                shares[1, i] = right - both
                shares[2, i] = up - both
                shares[3, i] = both
            for i in range(count):
                pixel = pixels[i]
                first = np.float32(pixel & _BYTE32)
                second = np.float32((pixel >> np.uint32(8)) & _BYTE32)
                third = np.float32((pixel >> np.uint32(16)) & _BYTE32)
                values[0, i], values[1, i], values[2, i] = first, second, third
                values[3, i] = np.float32(pixel >> np.uint32(24))
                mean = (first + second + third) * np.float32(1.0 / 3.0)
                for_first = _beyond(first - mean)
                for_second = _beyond(second - mean)
                for_third = _beyond(third - mean)
                most = max(max(abs(for_first), abs(for_second)), abs(for_third))
                scale = np.float32(255.0) / (most + _FLOOR)
                values[4, i], values[5, i], values[6, i] = for_first * scale, for_second * scale, for_third * scale
            for i in range(np.uintp(0), np.uintp(count), np.uintp(4)):
                _fuse_four(line, np.uintp(lanes), place, shares, values, mixed, np.uintp(i))
            for i in range(count):
                out[i] = mixed[i] | (frame[i] & ~_COLOURS)


@numba.njit(nogil=True, inline="always")
def _beyond(difference: np.float32) -> np.float32:
    """What is beyond the floor of colour, with its sign."""
    zero = np.float32(0.0)
    return max(difference - _FLOOR, zero) - max(-_FLOOR - difference, zero)


@numba.njit(nogil=True, inline="always")
def _cell_of(pixel: int, cells: int) -> tuple[int, np.float32]:
    """The nearest cell whose centre is not after the pixel's, and the way from there to the next one, in 0..1."""
    half, zero = np.float32(0.5), np.float32(0.0)
    position = (np.float32(pixel) + half) * np.float32(1.0 / CELL_PX) - half
    position = min(max(position, zero), np.float32(cells - 1))
    first = min(np.int64(position), cells - 2)
    return first, position - np.float32(first)


@numba.njit(nogil=True, inline="always")
def _aligned(count: int) -> Floats:
    """Room for floats that begins at a cache line, so that no map lies across two."""
    room = np.empty(count + 16, np.float32)
    skip = (64 - room.ctypes.data % 64) % 64 // 4
    return room[skip : skip + count]
