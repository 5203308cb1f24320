from __future__ import annotations

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
