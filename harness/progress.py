"""What a run shows while it runs: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

LOG_PERIOD_S = 15.0


class RunDisplay(AbstractContextManager["RunDisplay"]):
    """Shows every running episode (route, arm, seed, simulated time, real-time factor, score so far) and what ended."""

    def __init__(self, total: int, done: int, console: Console | None = None):
        self._console = console or Console(stderr=True)
        self._rows: dict[str, dict[str, Any]] = {}
        self._logged_at: dict[str, float] = {}
        self._bar = Progress(
            TextColumn("episodes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=self._console
        )
        self._task = self._bar.add_task("episodes", total=total, completed=done)
        self._live = Live(console=self._console, refresh_per_second=4) if self._console.is_terminal else None

    def __enter__(self) -> RunDisplay:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def message(self, name: str, message: Mapping[str, Any]) -> None:
        """Takes one message of an episode's worker."""
        event = message["event"]
        row = self._rows.setdefault(name, {"state": "starting"})
        if event == "progress":
            row.update(message, state="driving")
            self._log_now_and_then(name, row)
        elif event == "state":
            row["state"] = message["text"]
        elif event == "retry":
            row["state"] = "again"
            self.line(f"{name}: {message['reason']}; running it again (attempt {message['attempt'] + 1})")
        elif event == "waiting":
            row["state"] = "waiting"
            self.line(f"{name}: {message['reason']}; waiting for one")
        self._refresh()

    def ended(self, name: str, line: str) -> None:
        self._rows.pop(name, None)
        self._bar.advance(self._task)
        self.line(line)
        self._refresh()

    def line(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _log_now_and_then(self, name: str, row: Mapping[str, Any]) -> None:
        if self._live or time.monotonic() - self._logged_at.get(name, 0.0) < LOG_PERIOD_S:
            return
        self._logged_at[name] = time.monotonic()
        self.line(
            f"{name}: {row['time_s']:.0f} s simulated, real-time factor {row['real_time_factor']:.2f}, "
            f"{row['completion']:.0f} % of the route, driving score so far {row['score']:.1f}"
        )

    def _refresh(self) -> None:
        if not self._live:
            return
        table = Table(box=None, pad_edge=False)
        for heading in ("route · arm · seed", "state", "sim time", "real-time", "route", "score so far"):
            table.add_column(heading, justify="left" if heading in ("route · arm · seed", "state") else "right")
        for name, row in self._rows.items():
            driving = "time_s" in row
            table.add_row(
                Text(name),
                Text(str(row["state"])),
                f"{row['time_s']:.1f} s" if driving else "",
                f"x{row['real_time_factor']:.2f}" if driving else "",
                f"{row['completion']:.0f} %" if driving else "",
                f"{row['score']:.1f}" if driving else "",
            )
        self._live.update(Group(table, self._bar) if self._rows else self._bar)
