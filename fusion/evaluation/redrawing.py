"""Frames drawn anew (bootstrap): how far a figure moves with other frames, and who is ahead on the same ones.

Two fusions that are judged on the same frames share most of what makes a frame hard. The interval of their difference,
both judged on the same redrawn frames, tells them apart long before their own intervals part.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.compared import STUDENT

DRAWS = 1000

Statistic = Callable[[NDArray[np.int64]], float]
"""A figure of some frames, each of which counts as often as it was drawn: (frames,) -> value."""


def redrawn(statistic: Statistic, frames: int, block: int = 1, seed: int = 0) -> NDArray[np.float64]:
    """The statistic of DRAWS sets of as many frames, drawn with replacement in blocks of `block` neighbours; the same
    frames for everything that has as many of them. Neighbours of one drive are no independent witnesses."""
    blocks = -(-frames // block)
    rng = np.random.default_rng(seed)
    drawn = (np.bincount(rng.integers(0, blocks, blocks), minlength=blocks) for _ in range(DRAWS))
    return np.array([statistic(np.repeat(times, block)[:frames]) for times in drawn])


def bounds(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval; draws in which there is nothing to judge (NaN) are left out."""
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def judged(statistics: Mapping[str, Statistic], frames: int, key: str, block: int = 1) -> dict[str, Any]:
    """fusion -> its value under `key`, low and high; of a student also how far it is ahead of every other fusion, with
    the interval of that difference. `statistics`: of each fusion, all of the same `frames` in the same order. Low and
    high are None where the frames are one block."""
    values = {name: statistic(np.ones(frames, np.int64)) for name, statistic in statistics.items()}
    drawn = {name: redrawn(statistic, frames, block) for name, statistic in statistics.items()}

    def interval(of: NDArray[np.float64]) -> dict[str, Any]:
        # One block drawn anew is always the same block: no width, which says nothing of how sure a figure is.
        low, high = bounds(of) if frames > block else (None, None)
        return {"low": low, "high": high}

    table: dict[str, Any] = {}
    for name, value in values.items():
        table[name] = {key: value, **interval(drawn[name])}
        if name.startswith(STUDENT):
            table[name]["ahead of"] = {
                other: {"by": value - values[other], **interval(drawn[name] - drawn[other])}
                for other in statistics
                if other != name
            }
    return table
