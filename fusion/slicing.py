"""The student's full-resolution work on bytes: the formulas of `student`, compiled for one CPU thread.

A camera frame of 640x360 passes here twice: once to be averaged into the view, once to be fused. Both kernels release
the GIL, keep everything in float32 and round once, at the end.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from fusion.student import CELL_PX, LANES, PAD_PX, VIEW_PX

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Contraction to fused multiply-adds and reordering are all that is let loose: NaN and infinity keep their meaning.
_FAST = {"contract", "reassoc", "nsz"}


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=_FAST)
def view_of(visible: Bytes, thermal: Bytes, red: int, blue: int) -> tuple[Floats, float]:
    """Frame (H, W, 3 or 4) and thermal half (H, W) -> view (4, h, w) in [0, 1], thermal standard deviation.

    `red` and `blue` are the indices of those channels. h and w cover the frame extended to multiples of 32 pixels.
    The deviation is in grey levels, of the frame itself.
    """
    height, width = thermal.shape
    rows = (height + PAD_PX - 1) // PAD_PX * PAD_PX // VIEW_PX
    columns = (width + PAD_PX - 1) // PAD_PX * PAD_PX // VIEW_PX
    view = np.empty((4, rows, columns), np.float32)
    scale = np.float32(1.0 / (255.0 * VIEW_PX * VIEW_PX))
    whole_rows = height // VIEW_PX
    whole_columns = width // VIEW_PX
    total = np.int64(0)
    squares = np.int64(0)
    for row in range(rows):
        for column in range(columns):
            r, g, b, t = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
            if row < whole_rows and column < whole_columns:
                t2 = np.int32(0)
                for dy in range(VIEW_PX):
                    y = row * VIEW_PX + dy
                    for dx in range(VIEW_PX):
                        x = column * VIEW_PX + dx
                        r += np.int32(visible[y, x, red])
                        g += np.int32(visible[y, x, 1])
                        b += np.int32(visible[y, x, blue])
                        heat = np.int32(thermal[y, x])
                        t += heat
                        t2 += heat * heat
                total += t
                squares += t2
            else:
                for dy in range(VIEW_PX):
                    y = min(row * VIEW_PX + dy, height - 1)
                    for dx in range(VIEW_PX):
                        x = min(column * VIEW_PX + dx, width - 1)
                        r += np.int32(visible[y, x, red])
                        g += np.int32(visible[y, x, 1])
                        b += np.int32(visible[y, x, blue])
                        heat = np.int32(thermal[y, x])
                        t += heat
                        if row * VIEW_PX + dy < height and column * VIEW_PX + dx < width:
                            total += heat
                            squares += heat * heat
            view[0, row, column] = r * scale
            view[1, row, column] = g * scale
            view[2, row, column] = b * scale
            view[3, row, column] = t * scale
    count = height * width
    mean = total / count
    return view, np.sqrt(max(squares / count - mean * mean, 0.0))


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=_FAST)
def slice_apply(visible: Bytes, thermal: Bytes, red: int, blue: int, grid: Floats, table: Floats, fused: Bytes) -> None:
    """Fuses a frame (H, W, 3 or 4) into `fused`, of the same shape; a fourth channel is copied.

    grid (gh, gw, bins * 16) as `student` lays it out, its constants still for frames in [0, 1]; table (4, 256) from
    `Student.guide_table`.
    """
    height, width = thermal.shape
    cell_rows, cell_columns, lanes = grid.shape
    bins = lanes // LANES
    half, one, zero = np.float32(0.5), np.float32(1.0), np.float32(0.0)
    white = np.float32(255.0)
    per_cell = np.float32(1.0 / CELL_PX)
    flat = grid.reshape(cell_rows, cell_columns * lanes)
    line = np.empty(cell_columns * lanes, np.float32)
    maps = np.empty((width, LANES), np.float32)
    offset = np.empty(width, np.int64)
    along = np.empty(width, np.float32)
    cell = np.empty(width, np.int64)
    across = np.empty(width, np.float32)
    for x in range(width):
        position = min(max((np.float32(x) + half) * per_cell - half, zero), np.float32(cell_columns - 1))
        first = min(np.int64(position), cell_columns - 2)
        cell[x] = first * lanes
        across[x] = position - np.float32(first)
    for y in range(height):
        position = min(max((np.float32(y) + half) * per_cell - half, zero), np.float32(cell_rows - 1))
        first = min(np.int64(position), cell_rows - 2)
        down = position - np.float32(first)
        upper = flat[first]
        lower = flat[first + 1]
        for index in range(line.size):
            line[index] = upper[index] + down * (lower[index] - upper[index])
        for x in range(width):
            total = table[0, visible[y, x, red]] + table[1, visible[y, x, 1]] + table[2, visible[y, x, blue]]
            total += table[3, thermal[y, x]]
            guide = (half + half * total / (one + abs(total))) * np.float32(bins - 1)
            bin_ = min(np.int64(guide), bins - 2)
            along[x] = guide - np.float32(bin_)
            offset[x] = cell[x] + bin_ * LANES
        # The four passes over a line are apart so that each of them becomes vector instructions.
        for x in range(width):
            left = line[offset[x] : offset[x] + 2 * LANES]
            right = line[offset[x] + lanes : offset[x] + lanes + 2 * LANES]
            map_ = maps[x]
            for lane in range(LANES):
                near = left[lane] + across[x] * (right[lane] - left[lane])
                far = left[LANES + lane] + across[x] * (right[LANES + lane] - left[LANES + lane])
                map_[lane] = near + along[x] * (far - near)
        for x in range(width):
            r = np.float32(visible[y, x, red])
            g = np.float32(visible[y, x, 1])
            b = np.float32(visible[y, x, blue])
            t = np.float32(thermal[y, x])
            for k in range(3):
                value = maps[x, k] * r + maps[x, 4 + k] * g + maps[x, 8 + k] * b + maps[x, 12 + k] * t
                value += maps[x, 3 + 4 * k] * white
                channel = red + (blue - red) * k // 2
                fused[y, x, channel] = np.uint8(min(max(value + half, zero), white))
        if visible.shape[2] == 4:
            for x in range(width):
                fused[y, x, 3] = visible[y, x, 3]
