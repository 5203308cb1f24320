"""Runs a kernel on several threads that share one counter of work items."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _take_next(typing_context: Any, counter: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        one = context.get_constant(types.int64, 1)
        return builder.atomic_rmw("add", builder.gep(array.data, [cgutils.intp_t(0)]), one, "monotonic")

    return types.int64(counter), generate


take_next: Any = intrinsic(_take_next)
"""Atomically takes the next work item: `take_next(counter)` returns `counter[0]` and adds one to it (int64 array)."""


class Workers:
    """`threads` threads in all; the caller's own is one of them, so that one thread means no pool."""

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"a renderer needs at least one thread, got {threads}")
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "render") if threads > 1 else None

    def run(self, kernel: Callable[..., Any], *arguments: Any) -> None:
        """Calls `kernel(*arguments, counter, thread)` on every thread and waits.

        The kernels release the GIL and take work items from `counter` until none is left. A process wide OpenMP or
        TBB team is not used: with a busy neighbour its barriers cost milliseconds.
        """
        self.begin(kernel, *arguments)()

    def begin(self, kernel: Callable[..., Any], *arguments: Any) -> Callable[[], None]:
        """As `run`, but the caller may do something else first: it takes part from when it calls what this returns."""
        counter = np.zeros(1, np.int64)
        pool = self._pool
        others = [] if pool is None else [pool.submit(kernel, *arguments, counter, i) for i in range(1, self.threads)]

        def finish() -> None:
            kernel(*arguments, counter, 0)
            for other in others:
                other.result()

        return finish

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
