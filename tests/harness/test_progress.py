"""What a run shows: a table that moves on a terminal, lines anywhere else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.console import line_of, print_summary
from harness.executor import Job, Outcome
from harness.progress import RunDisplay
from results.layout import RunFolder

PROGRESS = {
    "event": "progress",
    "time_s": 12.5,
    "ticks": 250,
    "real_time_factor": 0.8,
    "completion": 40.0,
    "score": 26.0,
}


def shown(terminal: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100, color_system=None)
    with RunDisplay(2, 0, console) as display:
        display.message("1-rgb-seed0", {"event": "state", "text": "starting the server"})
        display.message("1-rgb-seed0", PROGRESS)
        display.message("1-rgb-seed0", {"event": "retry", "reason": "the simulator ended", "attempt": 1})
        display.message("1-fused-seed0", PROGRESS)
        display.ended("1-rgb-seed0", "1-rgb-seed0: Completed [93]")
    return text.getvalue()


def test_a_log_has_plain_lines() -> None:
    assert shown(terminal=False).splitlines() == [
        "1-rgb-seed0: 12 s simulated, real-time factor 0.80, 40 % of the route, driving score so far 26.0",
        "1-rgb-seed0: the simulator ended; running it again (attempt 2)",
        "1-fused-seed0: 12 s simulated, real-time factor 0.80, 40 % of the route, driving score so far 26.0",
        "1-rgb-seed0: Completed [93]",
    ]


def test_a_terminal_shows_every_running_episode() -> None:
    text = shown(terminal=True)
    last = text[text.rindex("Completed [93]") :]
    for part in ("1-fused-seed0", "driving", "12.5 s", "x0.80", "40 %", "26.0", "1/2"):
        assert part in last
    assert "1-rgb-seed0" not in last  # it has ended


def test_names_in_brackets_are_shown_as_they_are() -> None:
    text = io.StringIO()
    with RunDisplay(1, 0, Console(file=text, force_terminal=True, width=100, color_system=None)) as display:
        display.message("[/b]-rgb-seed0", PROGRESS)
    assert "[/b]-rgb-seed0" in text.getvalue()
    text = io.StringIO()
    episodes = {"expected": 2, "driven": 2, "crashed": 0}
    arm = {"driving_score": 50.0, "route_completion": 100.0, "infraction_penalty": 0.5, "episodes": episodes}
    figures = {"scenario": "fog", "agent": "[/new]/a.py", "metric_version": "bench2drive", "arms": {"rgb": arm}}
    empty = {"paired": None, "recovery": None, "droplets": None, "other_fusions": []}
    print_summary({**figures, **empty}, Console(file=text, width=100))
    assert "fog · [/new]/a.py · bench2drive" in text.getvalue()


@pytest.mark.parametrize(("attempts", "told"), [(0, "0 attempts"), (1, "1 attempt"), (3, "3 attempts")])
def test_a_drive_without_a_result_says_after_how_many_attempts(attempts: int, told: str) -> None:
    outcome = Outcome(Job("1-rgb-seed0", {}, Path("logs/1.log")), None, "the server ended", attempts)
    assert line_of(outcome, RunFolder(Path("out"))) == (
        f"1-rgb-seed0: no result after {told}: the server ended (log: logs/1.log)"
    )
