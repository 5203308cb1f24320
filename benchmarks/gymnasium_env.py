"""How long the Gymnasium environment takes to start, to be reset and to make a step.

    python -m benchmarks.gymnasium_env [--json FILE] [--steps 100] [--resets 5] [--scenario night_fog] [--size 640x360]

For each choice of frames the environment is started, reset several times, to another route each time, and driven
straight on. Times are wall-clock times of one environment alone on the machine, seen by the program that steers;
beside them stands the processor time of a step, client and server together, which neighbours hardly change.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil

import harness.gymnasium_env
from harness.kernels import compile_kernels

CHOICES: tuple[tuple[str, ...], ...] = ((), ("rgb",), ("rgb", "thermal"), ("rgb", "thermal", "fused"))
AHEAD = np.array([0.0, 0.4], np.float32)


def measured(scenario: str, frames: Sequence[str], width: int, height: int, steps: int, resets: int) -> dict[str, Any]:
    """All figures by name."""
    camera = {"width": width, "height": height}
    env = gymnasium.make(harness.gymnasium_env.ID, scenario=scenario, frames=frames, camera=camera)
    start_s = _spent_s(lambda: env.reset(seed=0))
    resets_s = [_spent_s(lambda seed=seed: env.reset(seed=seed)) for seed in range(1, resets + 1)]
    processes = psutil.Process().children(recursive=True)
    before_s = _cpu_s(processes)
    steps_ms = []
    for _ in range(steps):
        began = time.perf_counter()
        _, _, terminated, truncated, _ = env.step(AHEAD)
        steps_ms.append((time.perf_counter() - began) * 1e3)
        if terminated or truncated:
            break
    spent_s = _cpu_s(processes) - before_s
    return {
        "start_s": round(start_s, 2),
        "reset_least_s": round(min(resets_s), 2),
        "reset_mean_s": round(float(np.mean(resets_s)), 2),
        "step_least_ms": round(min(steps_ms), 1),
        "step_mean_ms": round(float(np.mean(steps_ms)), 1),
        "step_p95_ms": round(float(np.percentile(steps_ms, 95)), 1),
        "step_cpu_ms": round(spent_s / len(steps_ms) * 1e3, 1),
        "close_s": round(_spent_s(env.close), 2),
    }


def _spent_s(what: Any) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(t.user + t.system for t in times)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gymnasium_env", description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--resets", type=int, default=5)
    parser.add_argument("--scenario", default="night_fog")
    parser.add_argument("--size", default="640x360", help="of the camera")
    chosen = parser.parse_args(arguments)
    width, height = (int(n) for n in chosen.size.split("x"))
    compile_kernels(print)
    load = os.getloadavg()[0]
    print(f"{chosen.scenario}, {chosen.size}, {chosen.steps} steps, load {load:.2f} before the start\n")
    print(f"{'frames':22}{'start s':>9}{'reset s':>9}{'step ms: least':>16}{'mean':>8}{'p95':>8}{'processor':>11}")
    record: dict[str, Any] = {}
    for frames in CHOICES:
        name = " ".join(frames) or "none"
        f = record[name] = measured(chosen.scenario, frames, width, height, chosen.steps, chosen.resets)
        print(
            f"{name:22}{f['start_s']:9.2f}{f['reset_mean_s']:9.2f}{f['step_least_ms']:16.1f}{f['step_mean_ms']:8.1f}"
            f"{f['step_p95_ms']:8.1f}{f['step_cpu_ms']:11.1f}",
            flush=True,
        )
    print("\nWall-clock figures: on a machine that others use too they vary from run to run.")
    if chosen.json:
        settings = {"scenario": chosen.scenario, "size": chosen.size, "load_before": round(load, 2)}
        chosen.json.write_text(json.dumps(settings | record, indent=1) + "\n")


if __name__ == "__main__":
    main()
