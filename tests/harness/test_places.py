"""Where drives take place: how many at a time, and with how many threads each."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from harness import places
from harness.executor import FIRST_TICK_LIMIT_S, first_limit_s
from results.layout import RunFolder


def threads(jobs: int, workers: int | None, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    monkeypatch.setattr(places, "usable_cores", lambda: 12)
    monkeypatch.setattr(places, "compile_kernels", lambda tell: None)
    options = Namespace(ray=None, carla=None, workers=workers, tick_limit=90)
    with places.place_of(options, None, RunFolder(Path()), jobs, print) as place:  # type: ignore[arg-type]
        return place.workers, place.threads


def test_the_last_drives_of_a_run_have_the_threads_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads(48, 4, monkeypatch) == (4, 3)
    assert threads(1, 4, monkeypatch) == (1, 3)
    assert threads(48, None, monkeypatch) == (8, 1)
    assert threads(2, None, monkeypatch) == (2, 1)


def test_whoever_waits_longer_for_a_tick_waits_as_long_for_the_first() -> None:
    assert first_limit_s(5.0) == FIRST_TICK_LIMIT_S
    assert first_limit_s(3600.0) == 3600.0
