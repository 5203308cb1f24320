"""Where in a frame the student's loss looks: anywhere, or at what the thermal frame alone shows."""

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.student import VIEW_PX

WINDOW_PX = 41
MOST_EVIDENT_SHARE = 0.004
"""Of a frame's pixels: about four pedestrians at 20 m."""


def patch_origin(
    thermal: NDArray[np.uint8], patch: int, unit: int, evidence_share: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Top left corner (y, x), multiples of `unit`, of a square patch inside a thermal frame (H, W).

    A person at 30 m covers a thousandth of a frame, and a patch anywhere rarely holds one: `evidence_share` of the
    patches hold one of the pixels that differ most from their surroundings (people, engines, exhausts).
    """
    height, width = thermal.shape
    if rng.random() >= evidence_share:
        y, x = (int(rng.integers(0, (size - patch) // unit + 1)) * unit for size in (height, width))
        return y, x
    # What stands out is looked for in the student's own view, which is no finer.
    small = (max(width // VIEW_PX, 1), max(height // VIEW_PX, 1))
    heat = cv2.resize(thermal, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    stands_out = np.abs(heat - cv2.blur(heat, (WINDOW_PX // VIEW_PX, WINDOW_PX // VIEW_PX)))
    count = max(int(stands_out.size * MOST_EVIDENT_SHARE), 1)
    chosen = np.argpartition(stands_out, -count, axis=None)[-count:]
    row, column = (VIEW_PX * place for place in divmod(int(rng.choice(chosen)), small[0]))
    y, x = (
        int(np.clip(place - rng.integers(patch // 4, 3 * patch // 4 + 1), 0, size - patch)) // unit * unit
        for place, size in ((row, height), (column, width))
    )
    return y, x
