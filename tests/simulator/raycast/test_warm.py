"""What lidars need is compiled when the first of them is there, and not by the process that measures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

PROGRAM = """
import asyncio
from simulator.range_sensors import RangeSensors
from simulator.raycast import bvh, kernels, sweep
from tests.simulator.raycast.places import flat

async def main():
    await RangeSensors(flat(), threads=1).prepare()
    for loop in (bvh._build, kernels.cast_rays, sweep.sweep_sphere):
        assert loop.stats.cache_hits, "not in the cache"
        assert not loop.stats.cache_misses, "compiled here"

asyncio.run(main())
"""
LINE = "simulator: compiling what lidars and radars need, once for this machine\n"


def _started(cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
    )


def test_the_first_lidar_of_a_machine_measures_with_what_another_process_compiled_and_the_next_waits_for_nothing(
    tmp_path: Path,
) -> None:
    for said in (LINE, ""):
        process = _started(tmp_path)
        assert process.communicate(timeout=120.0)[1] == said
        assert process.returncode == 0


def test_the_compiling_process_ends_with_the_one_that_waits_for_it(tmp_path: Path) -> None:
    waiting = _started(tmp_path)
    assert waiting.stderr is not None
    assert waiting.stderr.readline() == LINE
    children: list[psutil.Process] = []
    while not children:
        children = psutil.Process(waiting.pid).children()
    waiting.kill()
    waiting.communicate()
    assert not psutil.wait_procs(children, timeout=30.0)[1]
