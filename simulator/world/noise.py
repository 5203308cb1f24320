"""Sensor noise that depends on what is measured when, not on what was asked before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def generator(*, seed: int, sensor: int, step: int) -> np.random.Generator:
    """The random numbers of this sensor at this step of the episode."""
    return np.random.Generator(np.random.Philox(key=[seed & 0xFFFFFFFFFFFFFFFF, sensor], counter=[0, 0, 0, step]))


def normal(count: int, *, seed: int, sensor: int, step: int) -> NDArray[np.float64]:
    """(count,) standard normal numbers of this sensor at this step of the episode."""
    return generator(seed=seed, sensor=sensor, step=step).standard_normal(count)
