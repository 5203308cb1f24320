"""Runs a kernel on several threads that share one counter of work items."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray


def _take_next(typing_context: Any, counter: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        one = context.get_constant(types.int64, 1)
        return builder.atomic_rmw("add", builder.gep(array.data, [cgutils.intp_t(0)]), one, "monotonic")

    return types.int64(counter), generate


take_next: Any = intrinsic(_take_next)
"""Atomically takes the next work item: `take_next(counter)` returns `counter[0]` and adds one to it (int64 array)."""


class Workers:
    """`threads` threads in all; the caller's own is one of them, so that one thread means no other."""

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"a renderer needs at least one thread, got {threads}")
        self.threads = threads
        self._inboxes: list[SimpleQueue[_Task | None]] = [SimpleQueue() for _ in range(1, threads)]
        for number, inbox in enumerate(self._inboxes, 1):
            Thread(target=_work, args=(inbox, number), name=f"render_{number}", daemon=True).start()
        self._end = weakref.finalize(self, _dismiss, self._inboxes)

    def run(self, kernel: Callable[..., Any], *arguments: Any) -> None:
        """Calls `kernel(*arguments, counter, thread)` on every thread and waits.

        The kernels release the GIL and take work items from `counter` until none is left. A process wide OpenMP or
        TBB team is not used: with a busy neighbour its barriers cost milliseconds. Nor are futures: a dozen kernels a
        picture wait for each other, and a queue hands over in a fifth of the time.
        """
        self.begin(kernel, *arguments)()

    def begin(self, kernel: Callable[..., Any], *arguments: Any) -> Callable[[], None]:
        """As `run`, but the caller may do something else first: it takes part from when it calls what this returns."""
        counter = np.zeros(1, np.int64)
        task = _Task(kernel, arguments, counter, SimpleQueue())
        for inbox in self._inboxes:
            inbox.put(task)

        def finish() -> None:
            kernel(*arguments, counter, 0)
            for _ in self._inboxes:
                error = task.done.get()
                if error is not None:
                    raise error

        return finish

    def close(self) -> None:
        self._end()


class _Task(NamedTuple):
    """done: what each of the other threads puts in when it is through, its error if it failed."""

    kernel: Callable[..., Any]
    arguments: tuple[Any, ...]
    counter: NDArray[np.int64]
    done: SimpleQueue[BaseException | None]


def _work(inbox: SimpleQueue[_Task | None], thread: int) -> None:
    while (task := inbox.get()) is not None:
        error: BaseException | None = None
        try:
            task.kernel(*task.arguments, task.counter, thread)
        except BaseException as raised:  # whatever it is: who waits for this thread raises it
            error = raised
        task.done.put(error)
        del task, error


def _dismiss(inboxes: Sequence[SimpleQueue[_Task | None]]) -> None:
    for inbox in inboxes:
        inbox.put(None)
