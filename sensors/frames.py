"""What one RGB camera and the two helpers at its pose saw at one tick."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

TAG_BITS = 6
"""Of R, in an image with panes. CARLA's tags end at 28."""


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


def decode(
    instances: NDArray[np.uint8], depth: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.float32]]:
    """(H, W, 4) BGRA of the instance and depth cameras -> tags uint8, ids uint16, metres float32.

    CARLA: instance R = tag, G + 256 B = id; depth (R + 256 G + 65536 B) / (2^24 - 1) of 1000 m.
    """
    found: tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.float32]]
    found = _decode(_words(instances), _words(depth))
    return found


def tags_and_panes(labels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(H, W) uint8 each, of the R that `decode` takes for tags, when the instance camera was asked for `panes`."""
    return labels & np.uint8((1 << TAG_BITS) - 1), labels >> np.uint8(TAG_BITS)


def _words(bgra: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(H, W): B in the lowest byte of each pixel's word."""
    return np.ascontiguousarray(bgra).view("<u4")[..., 0]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _decode(instances, depth):
    """A loop for each plane, so that the compiler takes several pixels at a time."""
    height, width = instances.shape
    tags = np.empty((height, width), np.uint8)
    ids = np.empty((height, width), np.uint16)
    metres = np.empty((height, width), np.float32)
    scale = 1000.0 / 16777215.0
    low, high = np.uint32(0xFF), np.uint32(0xFF00)
    eight, sixteen = np.uint32(8), np.uint32(16)
    for v in range(height):
        labels, codes = instances[v], depth[v]
        tag, name, metre = tags[v], ids[v], metres[v]
        for n in range(width):
            u = np.uint32(n)
            tag[u] = np.uint8(labels[u] >> sixteen)
        for n in range(width):
            u = np.uint32(n)
            name[u] = np.uint16(((labels[u] >> eight) & low) | ((labels[u] & low) << eight))
        for n in range(width):
            u = np.uint32(n)
            code = np.int32(((codes[u] >> sixteen) & low) | (codes[u] & high) | ((codes[u] & low) << sixteen))
            metre[u] = np.float32(np.float64(code) * scale)
    return tags, ids, metres
