"""Camera frames in memory that two processes share: a pipe would take longer than the thermal camera."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.steered.settings import FRAMES


class SharedFrames:
    """`arrays[name]` is (height, width, channels) uint8: the memory behind the file descriptor `fd`."""

    def __init__(self, names: Sequence[str], height: int, width: int, fd: int):
        size = sum(height * width * FRAMES[name] for name in names)
        os.ftruncate(fd, max(size, 1))
        memory = np.frombuffer(mmap.mmap(fd, max(size, 1)), np.uint8)
        self.arrays: dict[str, NDArray[np.uint8]] = {}
        start = 0
        for name in names:
            end = start + height * width * FRAMES[name]
            self.arrays[name] = memory[start:end].reshape(height, width, FRAMES[name])
            start = end


def memory_file() -> int:
    """A file descriptor of memory that is gone with the last process that holds it."""
    return os.memfd_create("nightloop-frames")
