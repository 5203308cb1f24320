"""A thermal picture taken from a place of its own, laid over the RGB camera's picture through depth."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from sensors.frames import CameraFrames

OCCLUSION_SHARE = 0.05
"""A point further than this behind what the thermal camera saw is hidden from it."""

_f = np.float32


def reproject(
    picture: NDArray[np.uint8], source: CameraFrames, target: CameraFrames
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """What `picture` (h, w) uint8, taken where `source` stands, shows at each pixel of `target` (H, W).

    Returns the picture (H, W) uint8 and where it is valid (H, W) bool: pixels outside the thermal camera's field or
    hidden from it take the nearest value along its border or the surface in front.
    """
    out = np.zeros(target.tags.shape, np.uint8)
    valid = np.zeros(target.tags.shape, np.bool_)
    there = np.linalg.inv(source.transform.astype(np.float64)) @ target.transform
    _reproject(
        picture, source.depth_m, target.depth_m, there[:3].astype(np.float32), np.float32(_focal_px(source)),
        np.float32(_focal_px(target)), out, valid,
    )  # fmt: skip
    return out, valid


def _focal_px(frames: CameraFrames) -> float:
    return frames.tags.shape[1] / (2.0 * float(np.tan(np.radians(frames.fov_deg) / 2.0)))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _reproject(picture, seen_m, depth_m, pose, source_focal, target_focal, out, valid):
    height, width = depth_m.shape
    rows, columns = picture.shape
    for v in range(height):
        for u in range(width):
            d = depth_m[v, u]
            a = d * (_f(u) + _f(0.5) - _f(0.5) * width) / target_focal
            b = -d * (_f(v) + _f(0.5) - _f(0.5) * height) / target_focal
            x = pose[0, 0] * d + pose[0, 1] * a + pose[0, 2] * b + pose[0, 3]
            y = pose[1, 0] * d + pose[1, 1] * a + pose[1, 2] * b + pose[1, 3]
            z = pose[2, 0] * d + pose[2, 1] * a + pose[2, 2] * b + pose[2, 3]
            if x < _f(0.05):
                continue
            column = source_focal * y / x + _f(0.5) * columns - _f(0.5)
            row = -source_focal * z / x + _f(0.5) * rows - _f(0.5)
            inside = _f(-0.5) <= column <= columns - _f(0.5) and _f(-0.5) <= row <= rows - _f(0.5)
            column = min(max(column, _f(0.0)), _f(columns - 1))
            row = min(max(row, _f(0.0)), _f(rows - 1))
            i, j = min(np.int32(row), rows - 2), min(np.int32(column), columns - 2)
            s, t = row - _f(i), column - _f(j)
            top = picture[i, j] * (_f(1.0) - t) + picture[i, j + 1] * t
            bottom = picture[i + 1, j] * (_f(1.0) - t) + picture[i + 1, j + 1] * t
            out[v, u] = np.uint8(top * (_f(1.0) - s) + bottom * s + _f(0.5))
            nearest = seen_m[np.int32(row + _f(0.5)), np.int32(column + _f(0.5))]
            valid[v, u] = inside and x < nearest * _f(1.0 + OCCLUSION_SHARE) + _f(0.3)
