"""Where and how fast the ego drove, thinned out of the ticks for maps and timelines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.ticks import Tick

HAZARD_RANGE_M = 30.0
_STEP_S = 0.2  # finer than this no printed line shows
_SAME_LEVEL_M = 10.0  # actors in waiting may be kept far below or above the road


@dataclass(frozen=True)
class Trace:
    """One row per kept tick: `time_s`, `speed_kmh`, `hazard_near` (n,), `xy` (n, 2) in m. `hazards` are the paths
    (k, 2) of the scenario's actors while they were within range."""

    time_s: NDArray
    xy: NDArray
    speed_kmh: NDArray
    hazard_near: NDArray
    hazards: tuple[NDArray, ...]


def trace_of(ticks: Sequence[Tick]) -> Trace:
    kept = _thinned(ticks)
    paths: dict[int, list[tuple[float, float]]] = {}
    near = np.zeros(len(kept), np.bool_)
    for row, tick in enumerate(kept):
        x, y, z = tick.location
        for actor in tick.actors:
            if math.hypot(actor.x - x, actor.y - y) <= HAZARD_RANGE_M and abs(actor.z - z) <= _SAME_LEVEL_M:
                near[row] = True
                paths.setdefault(actor.actor_id, []).append((actor.x, actor.y))
    return Trace(
        time_s=np.array([tick.time_s for tick in kept]),
        xy=np.array([tick.location[:2] for tick in kept]).reshape(-1, 2),
        speed_kmh=np.array([3.6 * tick.speed_mps for tick in kept]),
        hazard_near=near,
        hazards=tuple(np.array(path) for _, path in sorted(paths.items())),
    )


def _thinned(ticks: Sequence[Tick]) -> list[Tick]:
    """One tick per `_STEP_S`, and the last."""
    kept: list[Tick] = []
    for tick in ticks:
        if not kept or tick.time_s - kept[-1].time_s >= _STEP_S - 1e-6:
            kept.append(tick)
    if ticks and kept[-1] is not ticks[-1]:
        kept.append(ticks[-1])
    return kept
