"""Threads that share short pieces of work: what passes between them costs a fraction of an executor's futures."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

Part = tuple[int, int]
Work = Callable[[int, int], Any]
_Done = SimpleQueue[tuple[int, Any, BaseException | None]]
_Orders = SimpleQueue[tuple[int, Work, Part, _Done] | None]
_crews: weakref.WeakSet[Crew] = weakref.WeakSet()


class Crew:
    """`count` threads beside the caller's own. May be called from several threads, and from a forked process."""

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._orders: list[_Orders] = []
        self._begin_anew()
        weakref.finalize(self, _dismiss, self._orders)
        _crews.add(self)

    def _begin_anew(self) -> None:
        """Without threads, which the next work brings: a fork copies none, and the lock as it just was."""
        self._giving = threading.Lock()  # parts may wait for each other: all threads get works in the same order
        self._orders.clear()

    def _start(self) -> None:
        started: list[_Orders] = []
        try:
            for number in range(self._count):
                orders: _Orders = SimpleQueue()
                threading.Thread(target=_serve, args=(orders,), name=f"{self._name}_{number}", daemon=True).start()
                started.append(orders)
        except RuntimeError:  # there may be no more threads than so many: no order goes to one that is not there
            _dismiss(started)
            raise
        self._orders.extend(started)

    def run(self, work: Work, parts: Sequence[Part]) -> list[Any]:
        """work(*part) for every part, at most one more than there are threads; the results in their order.

        Returns, or raises what a part raised, when all of them are done.
        """
        done: _Done = SimpleQueue()
        with self._giving:
            if not self._orders:
                self._start()
            for number, (orders, part) in enumerate(zip(self._orders, parts[1:], strict=False), 1):
                orders.put((number, work, part, done))
        results: list[Any] = [None] * len(parts)
        error: BaseException | None = None
        try:
            results[0] = work(*parts[0])
        except BaseException as own:
            error = own
        for _ in parts[1:]:
            number, value, failed = done.get()
            results[number] = value
            error = error or failed
        if error is not None:
            raise error
        return results


def _after_fork() -> None:
    for crew in _crews:
        crew._begin_anew()


os.register_at_fork(after_in_child=_after_fork)


def _serve(orders: _Orders) -> None:
    while (order := orders.get()) is not None:
        number, work, part, done = order
        try:
            done.put((number, work(*part), None))
        except BaseException as error:
            done.put((number, None, error))
        del order, work, done  # nothing is kept alive by a thread that waits


def _dismiss(orders: list[_Orders]) -> None:
    for queue in orders:
        queue.put(None)
