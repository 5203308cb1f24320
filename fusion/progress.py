"""Progress of what takes long: a bar on a terminal, elsewhere (a log, a batch job) a line now and then."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")
LINE_EVERY_S = 30.0


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function that moves the bar on by a number of steps."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what, total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)

        def advance(steps: int) -> None:
            progress.advance(task, steps)

        yield advance


def _lines(what: str, total: int) -> Callable[[int], None]:
    done, told = 0, time.monotonic()

    def advance(steps: int) -> None:
        nonlocal done, told
        done += steps
        if time.monotonic() - told >= LINE_EVERY_S:
            told = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    return advance


def along(what: str, items: Iterable[T], total: int) -> Iterator[T]:
    """The items, one by one, with a bar beside them."""
    with bar(what, total) as advance:
        for item in items:
            yield item
            advance(1)
