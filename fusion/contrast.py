"""What a fused frame should show of a pair that nobody has seen clear: the teacher's mean, and in it what is warm.

A teacher that has learnt from photographs alone draws people in the dark as faintly as photographs show them. Where the
thermal frame's contrast is the stronger one, it takes the place of the contrast of the teacher's mean.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

AROUND_PX = 61
"""Of the full frame: a pedestrian at 10 m with as much of the street on either side."""
ENERGY_PX = 9
"""Over which the strengths of two contrasts are compared, so that one thing is not cut in two."""
NOISE_FLOOR = 0.01
"""Contrast, in grey levels of 0..1, that neither frame's noise should win with."""
MOST_LACK = 0.5
"""Grey levels of 0..1 above which a wish gets no more weight."""


def stronger_contrast(mean: Plane, thermal: Plane, scale: int, gain: float) -> tuple[Plane, Plane]:
    """Luminance of the ensemble's mean and thermal frame, (h, w) in [0, 1], reduced by `scale` -> wanted luminance in
    [0, 1] and how much weight the wish has, 0 to 5, both (h, w).

        d_x = x - mean of x around,  E_x = (mean of |d_x| nearby)^2
        share = E_t gain^2 / (E_t gain^2 + E_mu + floor^2)
        wanted = mean of mu around + (1 - share) d_mu + share gain d_t
        weight = |wanted - mu| / 0.1: a person at 30 m covers a thousandth of a frame, the grain of a night all of it
    """
    around = max(round(AROUND_PX / scale), 3) | 1
    nearby = max(round(ENERGY_PX / scale), 3) | 1
    base = _mean(mean, around)
    own, warm = mean - base, gain * (thermal - _mean(thermal, around))
    energies = [_mean(np.abs(contrast), nearby) ** 2 for contrast in (own, warm)]
    share = energies[1] / (energies[0] + energies[1] + np.float32(NOISE_FLOOR**2))
    wanted = np.clip(base + (1.0 - share) * own + share * warm, 0.0, 1.0).astype(np.float32)
    lack = np.minimum(np.abs(wanted - mean), MOST_LACK)
    return wanted, (lack / 0.1).astype(np.float32)


def _mean(plane: Plane, side: int) -> Plane:
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)
