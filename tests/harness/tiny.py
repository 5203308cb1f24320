"""The shortest runs that are whole runs: a few metres of Elm02 by foggy night, and agents that do one thing."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from harness.run import main

SCENARIO = """
name: tiny
town: Elm02
routes: tiny.xml
weather: {{sun_altitude_angle: -25, cloudiness: 20}}
fog: {{visibility_m: 60}}
ambient: {{air_temperature_c: 6, relative_humidity: 0.99, local_time_h: 22}}
traffic: {{vehicles: {vehicles}, walkers: {walkers}}}
"""
ROUTES = """<routes>
  <route id="1" town="Elm02">
    <waypoints>
      <position x="-3.5" y="-150.6" z="0.0" />
      <position x="-16.5" y="-147.5" z="0.0" />
    </waypoints>
  </route>
</routes>
"""

TWO_TOWNS = """<routes>
  <route id="a" town="Elm01">
    <waypoints><position x="-120.3" y="93.8" z="0"/><position x="-116.0" y="102.9" z="0"/></waypoints>
  </route>
  <route id="b" town="Elm02">
    <waypoints><position x="-3.5" y="-150.6" z="0"/><position x="-16.5" y="-147.5" z="0"/></waypoints>
  </route>
  <route id="c" town="Town12">
    <waypoints><position x="0" y="0" z="0"/><position x="10" y="0" z="0"/></waypoints>
  </route>
</routes>
"""

# What it does depends on every bit that it is shown, so that equal drives mean equal frames.
SENSITIVE_AGENT = """
import zlib
from agents.blind import BlindAgent

def get_entry_point():
    return "Sensitive"

class Sensitive(BlindAgent):
    def sensors(self):
        camera, *others = super().sensors()
        return [{**camera, "width": 160, "height": 90}, *others]

    def run_step(self, input_data, timestamp):
        control = super().run_step(input_data, timestamp)
        digest = 0
        for name, (_, data) in sorted(input_data.items()):
            digest = zlib.crc32(repr(data).encode() if isinstance(data, dict) else data.tobytes(), digest)
        print("saw", digest, flush=True)
        control.throttle = 0.6 + 0.3 * (digest % 1000) / 1000
        return control
"""

AGENT_WITHOUT_CAMERA = """
from agents.blind import BlindAgent

def get_entry_point():
    return "WithoutCamera"

class WithoutCamera(BlindAgent):
    def sensors(self):
        return [sensor for sensor in super().sensors() if not sensor["type"].startswith("sensor.camera")]
"""

# Drives like SENSITIVE_AGENT, but waits in its fifth step until there is a file `go` beside it: so it can be looked at.
WAITING_AGENT = SENSITIVE_AGENT.replace(
    "        control = super()",
    """        self.steps = getattr(self, "steps", 0) + 1
        while self.steps == 5 and not Path(__file__).with_name("go").exists():
            time.sleep(0.05)
        control = super()""",
).replace("import zlib", "import os, time, zlib\nfrom pathlib import Path")

# Each instance takes a number; the first four fail in a way of their own, those after them drive. All end by sys.exit.
FAILING_AGENT = """
import itertools, os, sys
from pathlib import Path
from agents.blind import BlindAgent

def get_entry_point():
    return "Failing"

def my_number():
    for number in itertools.count(1):
        try:
            os.close(os.open(Path(__file__).with_name(f"taken-{number}"), os.O_CREAT | os.O_EXCL))
            return number
        except FileExistsError:
            pass

SMALL = {"width": 160, "height": 90}
KINDS = ("sensor.camera.rgb", "sensor.camera.x")

class Failing(BlindAgent):
    def setup(self, config):
        self.number, self.steps = my_number(), 0
        if self.number == 1:
            raise FileNotFoundError("no model here")

    def sensors(self):
        camera, *others = super().sensors()
        return [{**camera, **SMALL, "type": KINDS[self.number == 2]}, *others]

    def run_step(self, input_data, timestamp):
        self.steps += 1
        if self.number == 3 and self.steps == 5:
            raise RuntimeError("lost the lane")
        control = super().run_step(input_data, timestamp)
        if self.number == 4 and self.steps == 5:
            control.throttle = float("nan")
        return control

    def destroy(self):
        sys.exit("nobody asked for this")
"""

# In a Python of its own: each instance takes a number, dies in a way that no `try` can catch, hangs or is not set up.
DEADLY_AGENT = """
import ctypes, os, subprocess, sys, time
import carla
from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track

def get_entry_point():
    return "Deadly"

def my_number():
    for number in range(1, 100):
        try:
            os.close(os.open(f"{__file__}-{number}", os.O_CREAT | os.O_EXCL))
            return number
        except FileExistsError:
            pass

class Deadly(AutonomousAgent):
    def setup(self, config):
        self.number, self.steps = my_number(), 0
        if self.number == 3:
            raise FileNotFoundError("no model here")

    def sensors(self):
        return [{"type": "sensor.speedometer", "id": "speed"}]

    def run_step(self, input_data, timestamp):
        self.steps += 1
        if self.steps == 5 and self.number == 1:
            ctypes.string_at(0)
        if self.steps == 2 and self.number == 2:
            subprocess.Popen(["sleep", "600"])
            while True:
                time.sleep(1)
        return carla.VehicleControl(throttle=0.8)

    def destroy(self):
        sys.exit("nobody asked for this")
"""


def scenario_file(folder: Path, vehicles: int = 0, walkers: int = 0) -> Path:
    (folder / "tiny.xml").write_text(ROUTES)
    path = folder / "tiny.yaml"
    path.write_text(SCENARIO.format(vehicles=vehicles, walkers=walkers))
    return path


def agent_file(folder: Path, source: str, name: str = "agent_under_test") -> Path:
    path = folder / f"{name}.py"
    path.write_text(source)
    return path


def marked(mark: str) -> list[psutil.Process]:
    """All living processes whose environment holds this NIGHTLOOP_TEST_RUN: a program and whatever it has started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NIGHTLOOP_TEST_RUN") == mark and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found


def nothing_left(mark: str, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while marked(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@dataclass(frozen=True)
class Ended:
    """A run that is over. `said` is what it wrote to stderr, `printed` to stdout."""

    code: int
    said: str
    printed: str
    mark: str

    def leaves_nothing(self) -> bool:
        return nothing_left(self.mark)


def run_here(*options: object) -> Ended:
    """A whole run in this process, which has loaded what another would load first; its drives have their own."""
    mark, numbers = uuid.uuid4().hex, (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    said, printed = io.StringIO(), io.StringIO()
    try:
        with pytest.MonkeyPatch.context() as patch, redirect_stderr(said), redirect_stdout(printed):
            patch.setenv("NIGHTLOOP_TEST_RUN", mark)
            code = main([*map(str, options)])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return Ended(code, said.getvalue(), printed.getvalue(), mark)


class Run:
    """`python -m harness.run` as a user starts it. Whatever it starts carries its mark in the environment."""

    def __init__(self, *options: object):
        self._mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.run", *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NIGHTLOOP_TEST_RUN": self._mark},
            # A shell's background job ignores Ctrl-C and would hand that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.said = self.printed = ""

    def end(self, timeout_s: float = 200.0) -> int:
        """Waits for it; its exit code. `said` is what it wrote to stderr, `printed` to stdout."""
        self.printed, self.said = self.process.communicate(timeout=timeout_s)
        return self.process.returncode

    def until(self, condition: Callable[[], Any], timeout_s: float = 150.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            assert self.process.poll() is None, f"ended early: {self.process.communicate()}"
            time.sleep(0.05)

    def processes(self) -> list[psutil.Process]:
        """All that this run has started and that still lives, itself included."""
        return marked(self._mark)

    def server(self) -> psutil.Process | None:
        return next((p for p in self.processes() if "simulator.serve" in p.cmdline()), None)

    def leaves_nothing(self, within_s: float = 10.0) -> bool:
        return nothing_left(self._mark, within_s)

    def kill(self) -> None:
        """What a failed test leaves."""
        for process in self.processes():
            process.send_signal(signal.SIGKILL)
        self.process.communicate()


def summary_of(out: Path) -> str:
    """summary.json as it stands, but for the times."""
    kept = json.loads((out / "summary.json").read_text())
    del kept["times"]
    return json.dumps(kept)


def drives_of(out: Path, arm: str = "*") -> dict[str, Any]:
    """Everything that was recorded of every drive, or of those of one arm, to be compared."""
    drives: dict[str, Any] = {}
    for folder in sorted((out / "episodes").glob(f"*-{arm}-seed*")):
        with np.load(folder / "ticks.npz") as columns:
            drives |= {f"{folder.name}/{name}": columns[name].tolist() for name in columns.files}
        for file in sorted(folder.rglob("*.jpg")):
            drives[f"{folder.name}/{file.name}"] = file.read_bytes()
        drives[f"{folder.name}/events"] = (folder / "events.jsonl").read_text()
    return drives
