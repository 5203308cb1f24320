"""The pilot's network as it runs in the loop: the formulas of `network.PilotNetwork`, compiled for the CPU.

A test holds it together with the module that is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.pilot.folding import fold
from agents.pilot.plan import COARSEST, Plan, Work, plan_for
from agents.pilot.rows import chain_rows
from agents.pilot.vectors import PIXEL

Floats = NDArray[np.float32]

LEAST_WIDTH = 160
"""The coarsest image is at least a tile wide, whatever the machine's tiles are."""
# The rows of one frame keep no more threads busy.
MOST_THREADS = 8


class CompiledNetwork:
    """Frame -> grid, with `threads` threads; the grid is the same to the last bit for any number of them.

    rows: the first row of the grid that is wanted, and the one after the last; the others are not made. One caller at
    a time: the memory that the layers write to is kept. `learnt` is what `network.PilotNetwork.state_dict` holds.
    """

    def __init__(
        self, learnt: Mapping[str, NDArray[Any]], threads: int = 1, rows: tuple[int, int] | None = None
    ) -> None:
        self._layers = fold(learnt)
        self._threads, self._rows = min(threads, MOST_THREADS), rows
        self._pool = ThreadPoolExecutor(self._threads - 1, "pilot") if self._threads > 1 else None
        self._plan: Plan | None = None

    def __call__(self, bgra: NDArray[np.uint8]) -> Floats:
        """bgra (H, W, 4) -> (H / 8, W / 8, 7 or more): logits by `Thing`, then ln(distance / m), then padding.

        H and W are multiples of 16, W at least LEAST_WIDTH; ValueError if not. The next call overwrites the result.
        """
        frame, (height, width) = _checked(bgra), bgra.shape[:2]
        if self._plan is None or self._plan.shape != (height, width):
            self._plan = plan_for(self._layers, height, width, self._threads, self._rows)
        plan = self._plan

        def run(work: Work) -> None:
            chain_rows(work.layers, work.order, plan.weights, plan.memory, frame, work.line)

        for own, *others in plan.steps:
            waiting = [self._pool.submit(run, work) for work in others] if self._pool is not None else []
            run(own)
            for other in waiting:
                other.result()
        return plan.grid


def _checked(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Flat, contiguous and read-only: one and the same type for the kernel."""
    if bgra.ndim != 3 or bgra.shape[2] != PIXEL or bgra.dtype != np.uint8:
        raise ValueError(f"a frame is (H, W, {PIXEL}) uint8, not {bgra.shape} {bgra.dtype}")
    height, width = bgra.shape[:2]
    if height % COARSEST or width % COARSEST or height == 0 or width < LEAST_WIDTH:
        raise ValueError(
            f"a frame's sides are multiples of {COARSEST}, its width is {LEAST_WIDTH} or more, not {width}x{height}"
        )
    view = np.ascontiguousarray(bgra).reshape(-1).view()
    view.flags.writeable = False
    return view
