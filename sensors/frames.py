"""What one RGB camera and the two helpers at its pose saw at one tick."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

LAST_PANE = 3


@dataclass(frozen=True, eq=False)
class CameraFrames:
    """One camera's set of frames.

    bgra (H, W, 4) uint8, empty for a thermal camera with a place of its own; tags (H, W) uint8 semantic tags of first
    hits; instances (H, W) uint16; depth_m (H, W) float32 along the optical axis, 1000 is the sky; transform (4, 4)
    float32 camera -> world; fov_deg horizontal. panes (H, W) uint8: which kind of glass of the town a pixel is, see
    `sensors.thermal.glazing`, 0 for none; None where the server does not tell.
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
    panes: NDArray[np.uint8] | None = None


@numba.njit(nogil=True, cache=True, error_model="numpy")
def decode(instances, depth):  # type: ignore[no-untyped-def]
    """(H, W, 4) BGRA of the instance and depth cameras -> tags uint8, ids uint16, metres float32, panes uint8.

    CARLA: instance R = tag, G + 256 B = id; depth (R + 256 G + 65536 B) / (2^24 - 1) of 1000 m.
    The instance camera's A is 255 on every CARLA server; the embedded one takes the kind of pane from it.
    """
    height, width, _ = instances.shape
    tags = np.empty((height, width), np.uint8)
    ids = np.empty((height, width), np.uint16)
    metres = np.empty((height, width), np.float32)
    panes = np.empty((height, width), np.uint8)
    scale = 1000.0 / 16777215.0
    for v in range(height):
        for u in range(width):
            tags[v, u] = instances[v, u, 2]
            ids[v, u] = np.uint16(instances[v, u, 1]) + np.uint16(256) * np.uint16(instances[v, u, 0])
            pane = 255 - np.int64(instances[v, u, 3])
            panes[v, u] = pane if pane <= LAST_PANE else 0
            code = np.int64(depth[v, u, 2]) + 256 * np.int64(depth[v, u, 1]) + 65536 * np.int64(depth[v, u, 0])
            metres[v, u] = np.float32(code * scale)
    return tags, ids, metres, panes
