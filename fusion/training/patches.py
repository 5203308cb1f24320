"""Where in a frame the loss looks: anywhere, at what the thermal frame alone shows, or at what is labelled."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.pairs.labelled import Box
from fusion.shape import VIEW_PX

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
    return _around((row, column), (height, width), patch, unit, rng)


def box_origin(
    boxes: Sequence[Box], size: tuple[int, int], patch: int, unit: int, rng: np.random.Generator
) -> tuple[int, int]:
    """As `patch_origin`, of a patch that holds a place inside one of `boxes`; `size` is (height, width) of the frame.

    Every box has the same chance: by area, the few that are near would be all that is looked at.
    """
    left, top, right, bottom = boxes[int(rng.integers(len(boxes)))]
    place = (int(rng.uniform(top, bottom)), int(rng.uniform(left, right)))
    return _around(place, size, patch, unit, rng)


def inside(boxes: Sequence[Box], origin: tuple[int, int], patch: int) -> NDArray[np.float32]:
    """Of the patch at `origin` (y, x): 1 where a pixel lies in a box, else 0, (patch, patch)."""
    plane = np.zeros((patch, patch), np.float32)
    for left, top, right, bottom in boxes:
        rows, columns = (
            slice(max(round(first) - start, 0), max(round(last) - start, 0))
            for first, last, start in ((top, bottom, origin[0]), (left, right, origin[1]))
        )
        plane[rows, columns] = 1.0
    return plane


def _around(
    place: tuple[int, int], size: tuple[int, int], patch: int, unit: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Top left corner of a patch that has `place` in the middle half of it, where the frame allows that."""
    y, x = (
        int(np.clip(at - rng.integers(patch // 4, 3 * patch // 4 + 1), 0, length - patch)) // unit * unit
        for at, length in zip(place, size)
    )
    return y, x
