"""Frames of bytes fused on the CPU: a small view, the network on it, and the maps applied at full resolution."""

import threading
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.cpu.crew import Crew
from fusion.cpu.grids import GridMaker
from fusion.cpu.meeting import call_off, meet, meeting
from fusion.cpu.slicing import slice_rows
from fusion.cpu.small_view import view_rows, view_shape
from fusion.shape import CELL_PX
from fusion.weights.arrays import StudentArrays

Bytes = NDArray[np.uint8]
FLAT_GREY_LEVELS = 0.5
"""A thermal frame whose standard deviation is below half a grey level of 255 says nothing: it counts as missing."""


class BytePath:
    """`fuse(visible, thermal, red)` for one student, with its own threads if there is to be more than one."""

    def __init__(self, learnt: StudentArrays, threads: int = 1) -> None:
        learnt = _in_two_bins(learnt) if learnt.config.bins == 1 else learnt
        curves = learnt.guide_table()
        self._curves = {red: np.ascontiguousarray(curves[[red, 1, 2 - red, 3]]) for red in (0, 2)}
        self._grids = GridMaker(learnt, threads)
        self._threads = threads
        self._crew = Crew(threads - 1, "fusion") if threads > 1 else None
        self._kept = threading.local()

    def fuse(self, visible: Bytes, thermal: Bytes, red: int) -> Bytes:
        """(H, W, 3 or 4) and (H, W) -> as `visible`; red is at index 0 or 2. Flat thermal frames change nothing."""
        pixels, heat = self._words(visible), _read_only(np.ascontiguousarray(thermal))
        height, width = heat.shape
        rows, columns = view_shape(height, width)
        network, curves = self._grids.of_view(rows, columns, red), self._curves[red]
        fused = np.empty((height, width), np.uint32) if visible.shape[2] == 4 else self._room("fused", height, width)
        met = meeting()
        sums = np.zeros((self._threads, 2), np.int64)

        def run(part: int, parts: int) -> bool:
            try:
                sums[part] = view_rows(pixels, heat, red, network.seen, *_band(rows, 1, part, parts))
                meet(met, parts)
                if _is_flat(sums, heat.size):
                    return False
                network.run(met, parts, part, parts)
                slice_rows(pixels, heat, network.grid, curves, fused, *_band(height, CELL_PX, part, parts))
                return True
            except BaseException:
                call_off(met)
                raise

        parts = [(part, self._threads) for part in range(self._threads)]
        if not all(self._crew.run(run, parts) if self._crew else [run(0, 1)]):
            return visible.copy()
        frame = _bytes_of(fused)
        return frame if visible.shape[2] == 4 else np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR), np.uint8)

    def _words(self, image: Bytes) -> NDArray[np.uint32]:
        """(H, W, 3 or 4) bytes -> (H, W) pixels of four bytes, without a copy where they are that already."""
        if image.shape[2] == 3:
            words = self._room("words", *image.shape[:2])
            cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2BGRA, dst=_bytes_of(words))
            return _read_only(words)
        if not image.flags.c_contiguous or image.ctypes.data % 4:
            image = image.copy()
        return _read_only(image.view(np.uint32)[..., 0])

    def _room(self, name: str, height: int, width: int) -> NDArray[np.uint32]:
        """Kept for the thread's next frame: fresh memory is handed out page by page, up to 4 ms a frame of 640x480."""
        rooms: dict[str, NDArray[np.uint32]] = self._kept.__dict__
        if name not in rooms or rooms[name].shape != (height, width):
            rooms[name] = np.empty((height, width), np.uint32)
        return rooms[name]


def _in_two_bins(learnt: StudentArrays) -> StudentArrays:
    """A student without a guide has one bin. Slicing goes from one bin to the next: here to one that is the same."""
    head = {name: np.concatenate([learnt.arrays[name]] * 2) for name in ("network.head.weight", "network.head.bias")}
    return StudentArrays(replace(learnt.config, bins=2), learnt.arrays | head)


def _bytes_of(words: NDArray[np.uint32]) -> Bytes:
    """(H, W) -> (H, W, 4), the same memory."""
    return words[..., None].view(np.uint8)


def _band(rows: int, step: int, part: int, parts: int) -> tuple[int, int]:
    """The first row of a part and the one after its last; parts begin at multiples of `step`."""
    cuts = [rows if cut == parts else rows * cut // parts // step * step for cut in (part, part + 1)]
    return cuts[0], cuts[1]


def _is_flat(sums: NDArray[np.int64], pixels: int) -> bool:
    """Of the sums of thermal pixels and of their squares, by parts of the frame."""
    total, squares = (int(value) for value in sums.sum(axis=0))
    mean = total / pixels
    return max(squares / pixels - mean * mean, 0.0) < FLAT_GREY_LEVELS**2


def _read_only(image: NDArray[Any]) -> NDArray[Any]:
    """One and the same type for the kernels, whether or not the caller may write to the image: compiled once only."""
    view = image.view()
    view.flags.writeable = False
    return view
