"""Frames of bytes fused on the CPU: a small view, the network on it, and the maps applied at full resolution."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.crew import Crew
from fusion.grids import GridMaker
from fusion.shape import CELL_PX
from fusion.slicing import slice_rows
from fusion.small_view import CHANNELS, view_rows, view_shape
from fusion.weights.arrays import StudentArrays

Bytes = NDArray[np.uint8]
FLAT_GREY_LEVELS = 0.5
"""A thermal frame whose standard deviation is below half a grey level of 255 says nothing: it counts as missing."""


class BytePath:
    """`fuse(visible, thermal, red)` for one student, with its own threads if there is to be more than one."""

    def __init__(self, learnt: StudentArrays, threads: int = 1) -> None:
        curves = learnt.guide_table()
        self._curves = {red: np.ascontiguousarray(curves[[red, 1, 2 - red, 3]]) for red in (0, 2)}
        self._grids = GridMaker(learnt)
        self._threads = threads
        self._crew = Crew(threads - 1, "fusion") if threads > 1 else None

    def fuse(self, visible: Bytes, thermal: Bytes, red: int) -> Bytes:
        """(H, W, 3 or 4) and (H, W) -> as `visible`; red is at index 0 or 2. Flat thermal frames change nothing."""
        pixels, heat = _words(visible), _read_only(np.ascontiguousarray(thermal))
        height, width = heat.shape
        rows, columns = view_shape(height, width)
        seen = np.empty((rows + 2, columns + 2, CHANNELS), np.float32)
        sums = self._in_bands(rows, 1, lambda top, end: view_rows(pixels, heat, red, seen, top, end))
        total, squares = (sum(part) for part in zip(*sums))
        mean = total / heat.size
        if max(squares / heat.size - mean * mean, 0.0) < FLAT_GREY_LEVELS**2:
            return visible.copy()
        grid = self._grids(seen, red, lambda rows, work: self._in_bands(rows, 1, work))
        fused = np.empty((height, width), np.uint32)
        curves = self._curves[red]
        self._in_bands(height, CELL_PX, lambda top, end: slice_rows(pixels, heat, grid, curves, fused, top, end))
        frame = fused[..., None].view(np.uint8)
        return frame if visible.shape[2] == 4 else np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR), np.uint8)

    def _in_bands(self, rows: int, step: int, work: Callable[[int, int], Any]) -> list[Any]:
        """Calls work(top, end) for as many bands of the rows as there are threads, at multiples of `step`."""
        if self._crew is None:
            return [work(0, rows)]
        cuts = [min(rows, rows * i // self._threads // step * step) for i in range(self._threads)] + [rows]
        return self._crew.run(work, list(pairwise(cuts)))


def _words(image: Bytes) -> NDArray[np.uint32]:
    """(H, W, 3 or 4) bytes -> (H, W) pixels of four bytes, without a copy where they are that already."""
    if image.shape[2] == 3:
        image = np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2BGRA), np.uint8)
    elif not image.flags.c_contiguous or image.ctypes.data % 4:
        image = image.copy()
    return _read_only(image.view(np.uint32)[..., 0])


def _read_only(image: NDArray[Any]) -> NDArray[Any]:
    """One and the same type for the kernels, whether or not the caller may write to the image: compiled once only."""
    view = image.view()
    view.flags.writeable = False
    return view
