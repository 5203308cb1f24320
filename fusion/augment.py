"""What goes wrong with a thermal camera beside a visible one: drift of the calibration, gain control, dead columns."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Disturbance:
    """How much of each; shares are probabilities per frame."""

    drift_px: float = 3.0
    drift_deg: float = 0.5
    gain: float = 0.2
    offset: float = 0.05
    noise: float = 0.01
    dead_columns_share: float = 0.1
    polarity_share: float = 0.0

    @classmethod
    def none(cls) -> "Disturbance":
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def disturb_thermal(thermal: NDArray[np.uint8], how: Disturbance, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A frame (H, W) as a drifted, differently exposed camera would have given it; half of the frames do not drift."""
    height, width = thermal.shape
    if rng.random() < 0.5 and (how.drift_px > 0.0 or how.drift_deg > 0.0):
        angle = float(rng.uniform(-how.drift_deg, how.drift_deg))
        matrix = np.array(cv2.getRotationMatrix2D((width / 2.0, height / 2.0), angle, 1.0), np.float64)
        matrix[:, 2] = matrix[:, 2] + rng.uniform(-how.drift_px, how.drift_px, 2)
        thermal = np.asarray(
            cv2.warpAffine(thermal, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
    gain = 1.0 + float(rng.uniform(-how.gain, how.gain))
    offset = 255.0 * float(rng.uniform(-how.offset, how.offset))
    values = (thermal.astype(np.float32) - 128.0) * gain + 128.0 + offset
    if how.noise > 0.0:
        values = values + 255.0 * how.noise * float(rng.random()) * rng.standard_normal(thermal.shape)
    if rng.random() < how.polarity_share:
        values = 255.0 - values
    if rng.random() < how.dead_columns_share:
        values[:, rng.integers(0, width, 3)] = 0.0
    return np.asarray(values.clip(0.0, 255.0) + 0.5, np.uint8)
