"""Draws the lines of debugging into a finished picture: in their plain colour, behind what stands before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.render.camera import Pinhole

NEAR_M = 0.1
LEAST_HALF_WIDTH_PX = 0.6
DEPTH_SLACK = 0.995
"""A line on a surface is not hidden by it: it may lie this share of its distance behind."""


class StrokeLike(Protocol):
    """See `simulator.world.debug_shapes.Stroke`."""

    @property
    def begin(self) -> Sequence[float]: ...
    @property
    def end(self) -> Sequence[float]: ...
    @property
    def width_m(self) -> float: ...
    @property
    def color(self) -> Sequence[int]: ...


def draw_strokes(
    strokes: Sequence[StrokeLike], eye: Pinhole, inverse_depth: NDArray[np.float32], picture: NDArray[np.uint8]
) -> None:
    """picture (H, W, 4) BGRA is changed in place. inverse_depth (H, W) in 1/m along the optical axis, 0 = sky."""
    ends = np.array([[s.begin, s.end] for s in strokes], np.float64)
    local = (ends - eye.eye.astype(np.float64)) @ eye.rotation.astype(np.float64).T
    for stroke, (a, b) in zip(strokes, local):
        clipped = _before_the_lens(a, b)
        if clipped is not None:
            _draw(clipped, stroke.width_m / 2.0, stroke.color, eye, inverse_depth, picture)


def _before_the_lens(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(2, 3) the part of a line that lies beyond the near plane; right, down, forward."""
    if max(a[2], b[2]) <= NEAR_M:
        return None
    if a[2] < NEAR_M:
        a = a + (b - a) * (NEAR_M - a[2]) / (b[2] - a[2])
    elif b[2] < NEAR_M:
        b = b + (a - b) * (NEAR_M - b[2]) / (a[2] - b[2])
    return np.stack([a, b])


def _draw(
    ends: NDArray[np.float64],
    half_m: float,
    color: Sequence[int],
    eye: Pinhole,
    inverse_depth: NDArray[np.float32],
    picture: NDArray[np.uint8],
) -> None:
    focal = float(eye.focal_px)
    inverse = 1.0 / ends[:, 2]
    x = float(eye.cx_px) + focal * ends[:, 0] * inverse
    y = float(eye.cy_px) + focal * ends[:, 1] * inverse
    half = np.maximum(half_m * focal * inverse, LEAST_HALF_WIDTH_PX)
    left, right = _span(x, half, eye.width)
    top, bottom = _span(y, half, eye.height)
    if left >= right or top >= bottom:
        return
    px, py = np.arange(left, right) + 0.5 - x[0], (np.arange(top, bottom) + 0.5 - y[0])[:, None]
    dx, dy = x[1] - x[0], y[1] - y[0]
    length2 = dx * dx + dy * dy
    # where along the line a pixel's nearest point is; on the screen inverse depth changes evenly
    t = np.clip((px * dx + py * dy) / length2, 0.0, 1.0) if length2 > 1e-12 else np.zeros((bottom - top, right - left))
    gap = np.hypot(px - t * dx, py - t * dy)
    cover = np.clip(half[0] + t * (half[1] - half[0]) - gap + 0.5, 0.0, 1.0)
    nearness = inverse[0] + t * (inverse[1] - inverse[0])
    window = (slice(top, bottom), slice(left, right))
    cover[nearness < DEPTH_SLACK * inverse_depth[window]] = 0.0
    for channel, part in enumerate((color[2], color[1], color[0])):
        before = picture[window][..., channel]
        picture[window][..., channel] = np.rint(before + cover * (float(part) - before)).astype(np.uint8)


def _span(places: NDArray[np.float64], half: NDArray[np.float64], size: int) -> tuple[int, int]:
    low, high = float((places - half).min()) - 1.0, float((places + half).max()) + 1.0
    return int(min(max(np.floor(low), 0), size)), int(min(max(np.ceil(high), 0), size))
