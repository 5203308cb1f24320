"""What a fused frame is compared with: each source alone, the visible one enhanced, fusions that need no learning."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Fusion = Callable[[Bytes, Bytes], Bytes]
"""RGB (H, W, 3) and thermal (H, W) -> RGB (H, W, 3)."""


def visible(frame: Bytes, thermal: Bytes) -> Bytes:
    return frame


def equalized(frame: Bytes, thermal: Bytes) -> Bytes:
    """No fusion: the visible frame's luminance equalized in 8 x 8 tiles, each bin of their histograms clipped at twice
    its mean (CLAHE)."""
    return _with_luminance(frame, cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply)


def thermal(frame: Bytes, thermal: Bytes) -> Bytes:
    return np.repeat(thermal[..., None], 3, axis=2)


def average(frame: Bytes, thermal: Bytes) -> Bytes:
    return np.asarray((frame.astype(np.uint16) + thermal[..., None] + 1) // 2, np.uint8)


def maximum(frame: Bytes, thermal: Bytes) -> Bytes:
    return np.maximum(frame, thermal[..., None])


def luminance_swap(frame: Bytes, thermal: Bytes) -> Bytes:
    """The thermal frame as luminance, with the visible frame's colour (YCrCb)."""
    return _with_luminance(frame, lambda own: thermal)


def _with_luminance(frame: Bytes, made_of: Callable[[Bytes], Any]) -> Bytes:
    planes = np.asarray(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2YCrCb), np.uint8)
    planes[..., 0] = made_of(planes[..., 0])
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)


FUSIONS: dict[str, Fusion] = {
    "visible": visible, "equalized": equalized, "thermal": thermal, "average": average, "maximum": maximum,
    "luminance swap": luminance_swap,
}  # fmt: skip


def like_proxy(name: str) -> Callable[..., Bytes]:
    """One of FUSIONS in FusionProxy's place: BGRA (H, W, 4) and thermal (H, W), both uint8, to BGRA; alpha is kept."""
    fuse = FUSIONS[name]

    def fused(bgra: Bytes, heat: Bytes, channel_order: str = "bgr") -> Bytes:
        assert channel_order == "bgr"
        result = bgra.copy()
        result[..., :3] = fuse(bgra[..., 2::-1], heat)[..., ::-1]
        return result

    return fused
