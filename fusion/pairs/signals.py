"""Lit signals of a recorded pair: a handful of pixels whose colour says whether to stop."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError
from fusion.pairs.labelled import Box

TRAFFIC_LIGHT = 7
"""CARLA's semantic tag, 0.9.14 and later."""
LEAST_COLOUR = 60
"""By how much the strongest of a lit lamp's channels is above its weakest in the clear twin, of 255."""
LEAST_BRIGHTNESS = 150
"""Of a lit lamp's strongest channel; dark glass in the sun has colour too, and reaches 140."""
LEAST_PX = 3
"""Pixels of a lamp below which its colour could not be told in any frame."""


def read_signals(tags: Path, clear: NDArray[np.uint8]) -> tuple[Box, ...]:
    """A box around each lit lamp. tags: the semantic tags of a recording; clear: its clear twin, (H, W, 3)."""
    image = cv2.imread(str(tags), cv2.IMREAD_UNCHANGED)
    if image is None or image.shape != clear.shape[:2]:
        raise FusionError(f"{tags} is no picture of one tag per pixel of its frame: record with --labels")
    colour = clear.max(axis=2) - clear.min(axis=2)
    bright = clear.max(axis=2) >= LEAST_BRIGHTNESS
    lit = ((image == TRAFFIC_LIGHT) & bright & (colour >= LEAST_COLOUR)).astype(np.uint8)
    _, _, found, _ = cv2.connectedComponentsWithStats(lit)
    return tuple(
        (float(x), float(y), float(x + width), float(y + height))
        for x, y, width, height, size in found[1:]
        if size >= LEAST_PX
    )
