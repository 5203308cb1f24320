"""Progress of what takes longer than two seconds: a bar on a terminal, nothing anywhere else."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function that moves the bar on by a number of steps."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=total)

        def advance(steps: int) -> None:
            progress.advance(task, steps)

        yield advance


def along(what: str, items: Iterable[T], total: int) -> Iterator[T]:
    """The items, one by one, with a bar beside them."""
    with bar(what, total) as advance:
        for item in items:
            yield item
            advance(1)
