"""Batches made ahead of the training step by worker processes: a GPU would otherwise wait for one CPU core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")

_AHEAD = 4


class _Steps(Dataset[Any]):
    def __init__(self, make: Callable[[int], Any], first: int, last: int) -> None:
        self._make, self._first, self._last = make, first, last

    def __len__(self) -> int:
        return self._last - self._first

    def __getitem__(self, index: int) -> Any:
        return self._make(self._first + index)


def batches(make: Callable[[int], T], first: int, last: int, workers: int) -> Iterator[T]:
    """make(step) for step in first .. last - 1, in this order. A batch hangs on its step alone, so that the number of
    worker processes changes the time and nothing else; 0 makes them here, one by one."""
    if workers == 0 or last <= first:
        yield from map(make, range(first, last))
        return
    # Batches hold many small tensors: an open file for each would exceed what a process may have.
    torch.multiprocessing.set_sharing_strategy("file_system")
    yield from DataLoader(
        _Steps(make, first, last),
        batch_size=None,
        collate_fn=_as_it_is,  # by default tuples would come out as lists
        num_workers=workers,
        prefetch_factor=_AHEAD,
        multiprocessing_context="fork",  # the workers read the scenes that are in memory already
        worker_init_fn=_one_thread,
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
