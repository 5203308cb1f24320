"""What one RGB camera and the two helpers at its pose saw at one tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CameraFrames:
    """One camera's set of frames.

    bgra (H, W, 4) uint8, empty for a thermal camera with a place of its own; tags (H, W) uint8 semantic tags of first
    hits; instances (H, W) uint16; depth_m (H, W) float32 along the optical axis, 1000 is the sky; transform (4, 4)
    float32 camera -> world; fov_deg horizontal.
    """

    id: str
    frame: int
    time_s: float
    bgra: NDArray[np.uint8]
    tags: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    depth_m: NDArray[np.float32]
    transform: NDArray[np.float32]
    fov_deg: float
