"""Pictures of the simulated world: one visibility buffer per camera pose serves RGB, depth and segmentation."""

from __future__ import annotations

from pathlib import Path

from simulator.stale import drop_stale_kernels

drop_stale_kernels(Path(__file__).parent)


def warmup() -> float:
    """Compiles all kernels (ten seconds the first time, then read from a cache). Returns the seconds it took."""
    from simulator.render.warming import warmup as run

    return run()
