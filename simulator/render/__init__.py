"""Pictures of the simulated world: one visibility buffer per camera pose serves RGB, depth and segmentation."""

from __future__ import annotations


def warmup() -> float:
    """Compiles all kernels (some ten seconds the first time, then read from numba's cache). Returns the seconds it took."""
    from simulator.render.warming import warmup as run

    return run()
