"""From a frame of bytes to what the student's network sees: means of 4x4 pixels, the height in the frame, a border."""

import numba
import numpy as np
from numpy.typing import NDArray

from fusion.shape import PAD_PX, VIEW_PX

CHANNELS = 5
"""Red, green, blue and heat from -1 to 1, and the height in the frame from -1 (top) to 1."""


def view_shape(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the view of a frame, which is extended to multiples of 32 pixels; without the border."""
    return -(-height // PAD_PX) * PAD_PX // VIEW_PX, -(-width // PAD_PX) * PAD_PX // VIEW_PX


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def view_rows(
    visible: NDArray[np.uint32],
    thermal: NDArray[np.uint8],
    red: int,
    seen: NDArray[np.float32],
    top: int,
    end: int,
) -> tuple[int, int]:
    """Fills the rows top <= row < end of the view; returns the sum of the thermal pixels in them and of their squares.

    visible (H, W) pixels of four bytes with red at byte `red` (0 or 2), thermal (H, W), seen (1 + h + 1, 1 + w + 1, 5):
    the view inside a border of one pixel that repeats it. The frame itself is repeated beyond its own border.
    """
    height, width = thermal.shape
    rows, columns = seen.shape[0] - 2, seen.shape[1] - 2
    scale = np.float32(2.0 / (255.0 * VIEW_PX * VIEW_PX))
    one = np.float32(1.0)
    outer, green = np.uint32(0xFF00FF), np.uint32(0xFF)
    low, high, eight = np.uint32(0xFFFF), np.uint32(16), np.uint32(8)
    first, third = (0, 2) if red == 0 else (2, 0)
    total, squares = np.int64(0), np.int64(0)
    for row in range(top, end):
        y0 = row * VIEW_PX
        inside = min(max(height - y0, 0), VIEW_PX)
        level = np.float32(2.0) * np.float32(row) / np.float32(rows - 1) - one
        out = seen[row + 1]
        for column in range(columns):
            x0 = column * VIEW_PX
            both, middle, heat = np.uint32(0), np.uint32(0), np.uint32(0)
            if inside == VIEW_PX and x0 + VIEW_PX <= width:
                heat2 = np.uint32(0)
                for dy in range(VIEW_PX):
                    for dx in range(VIEW_PX):
                        pixel, warm = visible[y0 + dy, x0 + dx], np.uint32(thermal[y0 + dy, x0 + dx])
                        both += pixel & outer
                        middle += (pixel >> eight) & green
                        heat += warm
                        heat2 += warm * warm
                total += np.int64(heat)
                squares += np.int64(heat2)
            else:
                for dy in range(VIEW_PX):
                    for dx in range(VIEW_PX):
                        y, x = min(y0 + dy, height - 1), min(x0 + dx, width - 1)
                        pixel, warm = visible[y, x], np.uint32(thermal[y, x])
                        both += pixel & outer
                        middle += (pixel >> eight) & green
                        heat += warm
                        if y == y0 + dy and x == x0 + dx:
                            total += np.int64(warm)
                            squares += np.int64(warm * warm)
            out[column + 1, first] = np.float32(both & low) * scale - one
            out[column + 1, 1] = np.float32(middle) * scale - one
            out[column + 1, third] = np.float32(both >> high) * scale - one
            out[column + 1, 3] = np.float32(heat) * scale - one
            out[column + 1, 4] = level
        for channel in range(CHANNELS):
            out[0, channel] = out[1, channel]
            out[columns + 1, channel] = out[columns, channel]
        for beyond in (0, rows + 1):
            if abs(beyond - row - 1) == 1:
                for column in range(columns + 2):
                    for channel in range(CHANNELS):
                        seen[beyond, column, channel] = out[column, channel]
    return total, squares
