"""What goes wrong with a thermal camera beside a visible one, and what changes from one frame to the next.

Drift of the calibration (shift, rotation, scale, parallax), gain control and polarity, dead columns, noise, motion
blur, rows that were read at another time than the visible frame, and no frame at all.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

MAX_SHIFT_PX = 7
"""`next_moment` moves a frame by less than a cell of the student's grid (8 px): whole cells would change nothing."""
FRAME_ZOOM = 0.02
"""How much a driver's view expands from one frame to the next: at 20 m/s and 20 Hz, what was 50 m ahead is at 49 m."""


@dataclass(frozen=True)
class Disturbance:
    """How much of each; shares are probabilities per frame. The design's limits are 30 px and 10 degrees."""

    drift_px: float = 3.0
    drift_deg: float = 0.5
    gain: float = 0.2
    offset: float = 0.05
    noise: float = 0.01
    dead_columns_share: float = 0.1
    polarity_share: float = 0.0
    drift_scale: float = 0.0  # 0.02: up to 2 % larger or smaller
    parallax_px: float = 0.0  # sideways, at the bottom row; nothing at half height, where the horizon is
    motion_blur_px: float = 0.0
    rolling_frames: float = 0.0  # the last row was read up to this many frames before or after the visible one

    @classmethod
    def none(cls) -> "Disturbance":
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def disturb_thermal(thermal: Bytes, how: Disturbance, rng: np.random.Generator) -> Bytes:
    """A frame (H, W) as a drifted, differently exposed camera would have given it; half of the frames do not drift."""
    if rng.random() < 0.5 and (how.drift_px > 0.0 or how.drift_deg > 0.0):
        thermal = _affine(thermal, how, rng)
    if how.parallax_px > 0.0 or how.rolling_frames > 0.0:
        thermal = _bent(thermal, how, rng)
    if how.motion_blur_px > 0.0:
        thermal = _blurred(thermal, float(rng.uniform(0.0, how.motion_blur_px)), float(rng.uniform(0.0, np.pi)))
    gain = 1.0 + float(rng.uniform(-how.gain, how.gain))
    offset = 255.0 * float(rng.uniform(-how.offset, how.offset))
    values = (thermal.astype(np.float32) - 128.0) * gain + 128.0 + offset
    if how.noise > 0.0:
        values = values + 255.0 * how.noise * float(rng.random()) * rng.standard_normal(thermal.shape, np.float32)
    if rng.random() < how.polarity_share:
        values = 255.0 - values
    if rng.random() < how.dead_columns_share:
        values[:, rng.integers(0, thermal.shape[1], 3)] = 0.0
    return _bytes(values)


def drop_thermal(thermal: Bytes) -> Bytes:
    """What arrives when the thermal camera gives nothing: all zero. `is_valid` is the flag that goes with it."""
    return np.zeros_like(thermal)


def is_valid(thermal: Bytes) -> bool:
    """False for a frame that is missing: all zero."""
    return bool(thermal.any())


def next_moment(visible: Bytes, thermal: Bytes, rng: np.random.Generator) -> tuple[Bytes, Bytes, tuple[int, int]]:
    """The same pair a moment later, as far as no scene is needed for it: the view has moved by `shift` (rows, columns,
    0 to 7 px: content is found that much further up and left), both sensors have fresh noise and the gain control has
    stepped. What a fused video should not flicker with (Eilertsen et al., CVPR 2019: single-frame regularisation)."""
    shift = (int(rng.integers(0, MAX_SHIFT_PX + 1)), int(rng.integers(0, MAX_SHIFT_PX + 1)))
    border = ((0, shift[0]), (0, shift[1]), (0, 0))
    moved = [np.pad(image[shift[0] :, shift[1] :], border[: image.ndim], "edge") for image in (visible, thermal)]
    grain = 255.0 * 0.01 * rng.standard_normal(visible.shape)
    gain, offset = float(rng.uniform(0.97, 1.03)), 255.0 * float(rng.uniform(-0.01, 0.01))
    heat = (moved[1] - 128.0) * gain + 128.0 + offset + 255.0 * 0.01 * rng.standard_normal(thermal.shape)
    return _bytes(moved[0] + grain), _bytes(heat), shift


def _affine(thermal: Bytes, how: Disturbance, rng: np.random.Generator) -> Bytes:
    height, width = thermal.shape
    angle = float(rng.uniform(-how.drift_deg, how.drift_deg))
    scale = 1.0 + float(rng.uniform(-how.drift_scale, how.drift_scale)) if how.drift_scale > 0.0 else 1.0
    matrix = np.array(cv2.getRotationMatrix2D((width / 2.0, height / 2.0), angle, scale), np.float64)
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-how.drift_px, how.drift_px, 2)
    return np.asarray(cv2.warpAffine(thermal, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _bent(thermal: Bytes, how: Disturbance, rng: np.random.Generator) -> Bytes:
    """Parallax moves what is near, at the bottom, more than what is far; rows read later show a view that has grown."""
    height, width = thermal.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    below = np.clip(2.0 * y / height - 1.0, 0.0, 1.0)
    parallax = float(rng.uniform(-how.parallax_px, how.parallax_px)) * below
    zoom = 1.0 + FRAME_ZOOM * float(rng.uniform(-how.rolling_frames, how.rolling_frames)) * y / height
    across = (x - width / 2.0) * zoom + width / 2.0 + parallax
    down = (y - height / 2.0) * zoom + height / 2.0
    bent = cv2.remap(thermal, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(bent, np.uint8)


def _blurred(thermal: Bytes, length_px: float, angle_rad: float) -> Bytes:
    """Mean along a line of this length and direction."""
    radius = int(np.ceil(length_px / 2.0))
    if radius == 0:
        return thermal
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    for along in np.linspace(-length_px / 2.0, length_px / 2.0, 4 * radius + 1):
        kernel[round(radius + along * np.sin(angle_rad)), round(radius + along * np.cos(angle_rad))] += 1.0
    blurred = cv2.filter2D(thermal, cv2.CV_32F, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return _bytes(np.asarray(blurred, np.float32))


def _bytes(values: NDArray[np.floating]) -> Bytes:
    return np.asarray(values.clip(0.0, 255.0) + 0.5, np.uint8)
