"""How much a fused video flickers: what changes from frame to frame without anything in the scene having changed.

The warping error of Lai et al. ("Learning blind video temporal consistency", ECCV 2018, eq. 8): the frame before is
brought to the present one along the optical flow of the sources, and compared where the flow can be trusted,

    E_warp(f_t, f_{t-1}) = sum_p M(p) |f_t(p) - warp(f_{t-1})(p)|^2 / sum_p M(p)

M leaves out what was hidden before (the flow forth and back does not return) and what was outside the frame. The flow
is taken from the sources and never from the fused frames: every method is judged along the same motion.

A frame of a camera flickers by itself (noise, head lamps), so that the figure to look at is `ratio`: the root of the
fused video's error over that of the visible video. A fused video brighter than its source has larger errors for that
reason alone; therefore each root is divided by its own video's standard deviation first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError
from fusion.metrics import grey

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

OCCLUSION = (0.01, 0.5)
"""A point is lost where |forth + back|^2 > 0.01 (|forth|^2 + |back|^2) + 0.5 (Sundaram et al. 2010, in pixels)."""


@dataclass(frozen=True)
class Flicker:
    """Root of the mean warping error in grey levels of 255, of the fused and of the visible video, and their ratio,
    each relative to its video's contrast; `known` is the share of pixels that could be compared."""

    fused: float
    visible: float
    ratio: float
    known: float


def flicker(fused: Sequence[Bytes], visible: Sequence[Bytes], thermal: Sequence[Bytes]) -> Flicker:
    """Of consecutive frames: fused and visible (H, W, 3), thermal (H, W), all uint8. Raises FusionError for fewer than
    two, for lists of unequal length and where no pixel can be followed."""
    if not len(fused) == len(visible) == len(thermal) or len(fused) < 2:
        counts = f"{len(fused)} fused, {len(visible)} visible and {len(thermal)} thermal frames"
        raise FusionError(f"flicker is measured on two or more frames of each kind, not on {counts}")
    errors, known = np.zeros(2), 0
    for index in range(1, len(fused)):
        back = _flow(_guide(visible, thermal, index), _guide(visible, thermal, index - 1))
        forth = _flow(_guide(visible, thermal, index - 1), _guide(visible, thermal, index))
        trusted = returns(back, forth)
        known += int(trusted.sum())
        for kind, frames in enumerate((fused, visible)):
            before = warp(np.asarray(frames[index - 1], np.float32), back)
            squares = np.square(np.asarray(frames[index], np.float32) - before).mean(axis=-1)
            errors[kind] += float(squares[trusted].sum())
    if known == 0:
        raise FusionError("no pixel could be followed from one frame to the next: are these consecutive frames?")
    roots = np.sqrt(errors / known)
    contrast = [max(float(np.std([grey(frame) for frame in frames])), 1.0) for frames in (fused, visible)]
    relative = roots / contrast
    total = (len(fused) - 1) * thermal[0].size
    return Flicker(float(roots[0]), float(roots[1]), float(relative[0] / max(relative[1], 1e-9)), known / total)


def warp(image: Floats, flow: Floats) -> Floats:
    """image (H, W, C) as seen at p + flow(p), flow (H, W, 2) in pixels (x, y)."""
    rows, columns = np.mgrid[0 : flow.shape[0], 0 : flow.shape[1]].astype(np.float32)
    moved = cv2.remap(image, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    return np.asarray(moved, np.float32)


def returns(back: Floats, forth: Floats) -> NDArray[np.bool_]:
    """(H, W): where going back and forth ends near the start, inside the frame."""
    height, width = back.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = columns + back[..., 0], rows + back[..., 1]
    inside = (x >= 0.0) & (x <= width - 1.0) & (y >= 0.0) & (y <= height - 1.0)
    there = warp(forth, back)
    gap = np.square(back + there).sum(axis=-1)
    limit = OCCLUSION[0] * (np.square(back).sum(axis=-1) + np.square(there).sum(axis=-1)) + OCCLUSION[1]
    return np.asarray(inside & (gap <= limit), np.bool_)


def _guide(visible: Sequence[Bytes], thermal: Sequence[Bytes], index: int) -> Bytes:
    """What motion is seen in: the mean of luminance and heat, since either may be dark where the other is not."""
    return np.asarray(0.5 * grey(visible[index]) + 0.5 * thermal[index] + 0.5, np.uint8)


def _flow(one: Bytes, other: Bytes) -> Floats:
    """(H, W, 2): where each pixel of `one` is found in `other`; dense inverse search (Kroeger et al. 2016)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(one, other, np.zeros((*one.shape, 2), np.float32)), np.float32)
