from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.harness import tiny


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., tiny.Run]]:
    """Starts `python -m harness.run` with options; whatever a failed test leaves of it is ended."""
    runs: list[tiny.Run] = []

    def begin(*options: object) -> tiny.Run:
        runs.append(tiny.Run(*options))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A test may call a command's `main`, which takes signals for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
