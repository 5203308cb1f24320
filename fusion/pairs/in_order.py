"""A function of many files by several threads, results in order: decoding and hashing leave the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fusion.progress import bar

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], items: Sequence[T], title: str) -> Iterator[R]:
    """work(item) for every item; the first that raises ends it."""
    threads = ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 16))
    with bar(title, len(items)) as advance, threads:
        for result in threads.map(work, items):
            advance(1)
            yield result
