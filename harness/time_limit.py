"""A limit of wall-clock time for what may hang."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    """Raises TimeoutError where what is done inside takes longer."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"took more than {limit_s:g} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
