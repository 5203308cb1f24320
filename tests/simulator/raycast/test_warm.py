"""What lidars need is compiled before the first of them is there."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio
from simulator.range_sensors import RangeSensors
from simulator.raycast import bvh, kernels, sweep
from tests.simulator.raycast.places import flat

LOOPS = bvh._build, kernels.cast_rays, sweep.sweep_sphere

async def main():
    sensors = RangeSensors(flat(), threads=1)
    await sensors.warm()
    warm = [len(loop.signatures) for loop in LOOPS]
    await sensors.prepare()
    assert warm == [len(loop.signatures) for loop in LOOPS], "compiled again for the town"
    assert all(warm), "not compiled"

asyncio.run(main())
"""


def test_the_first_lidar_of_a_town_compiles_nothing_any_more() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=120.0)
