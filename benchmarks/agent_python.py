"""What a tick costs more when the agent has a Python of its own, which is how its frames get there.

python -m benchmarks.agent_python [--json FILE] [--agent-python PYTHON] [--ticks 300]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.interface import InputData
from agents.loader import load_agent_class, make_agent
from agents.outside.process import examine, find_python, outside_agent
from benchmarks.closed_loop import machine

# An agent that does nothing: what is left is the way there and back.
AGENT = """
import carla
from leaderboard.autoagents.autonomous_agent import AutonomousAgent

def get_entry_point():
    return "Idle"

class Idle(AutonomousAgent):
    def run_step(self, input_data, timestamp):
        return carla.VehicleControl(throttle=0.5)
"""
# cameras, width, height
LOADS = ((1, 640, 360), (4, 1024, 512))
LIDAR_POINTS = 30_000


def tick_of(cameras: int, width: int, height: int, number: int) -> InputData:
    """What an agent is shown: cameras, a lidar, GNSS, IMU and speed."""
    random = np.random.default_rng(number)
    shown: InputData = {
        f"camera{k}": (number, random.integers(0, 256, (height, width, 4), np.uint8)) for k in range(cameras)
    }
    shown["lidar"] = (number, random.random((LIDAR_POINTS, 4), np.float32))
    shown["gnss"] = (number, random.random(3))
    shown["imu"] = (number, random.random(7))
    shown["speed"] = (number, {"speed": random.random()})
    return shown


def spent_ms(call: Callable[[InputData], object], ticks: Sequence[InputData], times: int) -> dict[str, float]:
    spent = []
    for number in range(-10, times):
        shown = ticks[number % len(ticks)]
        start = time.perf_counter()
        call(shown)
        if number >= 0:
            spent.append(1e3 * (time.perf_counter() - start))
    return {"least": round(min(spent), 3), "median": round(statistics.median(spent), 3)}


def copied_ms(ticks: Sequence[InputData], times: int) -> dict[str, float]:
    """The floor: every array copied once, into memory that is there already."""
    places = {name: np.empty_like(data) for name, (_, data) in ticks[0].items() if isinstance(data, np.ndarray)}

    def copy(shown: InputData) -> None:
        for name, place in places.items():
            np.copyto(place, shown[name][1])

    return spent_ms(copy, ticks, times)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.agent_python",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--agent-python", default=sys.executable)
    parser.add_argument("--ticks", type=int, default=300)
    options = parser.parse_args()
    python, here = find_python(options.agent_python), machine()
    figures: dict[str, Any] = {"machine": here, "ticks": options.ticks, "loads": []}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "idle_agent.py"
        file.write_text(AGENT)
        figures["agent_python"] = examine(python, str(file)).versions
        inside = make_agent(load_agent_class(str(file)), "localhost", 2000, "", [], [])
        outside = outside_agent(python, str(file), "localhost", 2000, "", [], [], seed=0, threads=1)
        with contextlib.closing(outside):
            for cameras, width, height in LOADS:
                ticks = [tick_of(cameras, width, height, number) for number in range(4)]
                megabytes = sum(d.nbytes for _, d in ticks[0].values() if isinstance(d, np.ndarray)) / 1e6
                figures["loads"].append(
                    {
                        "cameras": f"{cameras} x {width}x{height}",
                        "megabytes": round(megabytes, 1),
                        "one_copy_ms": copied_ms(ticks, options.ticks),
                        "inside_ms": spent_ms(lambda shown: inside.run_step(shown, 0.05), ticks, options.ticks),
                        "outside_ms": spent_ms(lambda shown: outside.run_step(shown, 0.05), ticks, options.ticks),
                    }
                )
    print(f"{here['cores']} cores, {here['processor']}, load {here['load_before']} before; {figures['agent_python']}")
    print(f"{'least / median ms of a tick':30}{'one copy':>16}{'inside':>16}{'outside':>16}")
    for load in figures["loads"]:
        name = f"{load['cameras']}, {load['megabytes']} MB"
        times = [load[key] for key in ("one_copy_ms", "inside_ms", "outside_ms")]
        print(f"{name:30}" + "".join(f"{t['least']:8.3f}{t['median']:8.3f}" for t in times))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
