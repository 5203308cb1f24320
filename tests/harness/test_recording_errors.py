"""What is wrong with a command that records is one line, and a route that was not recorded is no success."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness import record, scenes


def run(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *options])
    return int(module.main())


@pytest.mark.parametrize(
    ("module", "options", "line"),
    [
        (record, ["--period", "0"], "argument --period: 0 is not a positive number"),
        (record, ["--every-route", "0"], "argument --every-route: 0 is not a positive number"),
        (record, ["--max-time", "nan"], "argument --max-time: nan is not a time of up to a day, in seconds"),
        (record, ["--routes", "-1"], "argument --routes: -1 is less than 0"),
        (record, ["--thermal", "nosuch"], "--thermal nosuch: unknown thermal preset 'nosuch'"),
        (record, ["--out", "FILE"], "--out FILE is no folder; choose another --out"),
        (scenes, ["--every", "0"], "argument --every: 0 is not a positive number"),
        (scenes, ["--count", "-1"], "argument --count: -1 is not a positive number"),
        (scenes, ["--views", "elm01_day,elm01_day"], "--views elm01_day,elm01_day: each view once"),
        (scenes, ["--thermal", "nosuch"], "--thermal nosuch: unknown thermal preset 'nosuch'"),
    ],
)
def test_a_wrong_option_is_one_line(
    module: ModuleType,
    options: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.touch()
    options = [option.replace("FILE", str(file)) for option in options]
    scenario = "--scenario" if module is record else "--views"
    assert run(module, monkeypatch, scenario, "elm01_day", "--out", str(tmp_path / "out"), *options) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"nightloop: {line}".replace("FILE", str(file)))
    assert said.count("\n") == 1


def test_routes_that_were_not_recorded_are_named_and_are_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(record.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 2))
    options = ("--scenario", "elm01_day", "--out", str(tmp_path), "--routes", "2")
    assert run(record, monkeypatch, *options) == 1
    assert capsys.readouterr().err == "nightloop: 2 routes were not recorded: 1, 2\n"
