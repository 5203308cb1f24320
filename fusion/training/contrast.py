"""What a fused frame should show of a pair that nobody has seen clear: the teacher's mean, and in it what is warm.

A teacher that has learnt from photographs alone draws people in the dark as faintly as photographs show them. Where the
thermal frame's contrast is the stronger one, it takes the place of the contrast of the teacher's mean.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

AROUND_PX = 61
"""Of the full frame, as are all lengths here: a pedestrian at 10 m with as much of the street on either side."""
CLOSE_PX = 15
"""Around what a pedestrian at 40 m, or the limbs of one at 15 m, should stand out against."""
NEARBY_PX = 25
"""Over which the strengths of two contrasts are compared, so that one thing is not cut in two."""
NOISE_FLOOR = 0.01
"""Contrast, in grey levels of 0..1, that neither frame's noise should win with."""
WARM = 0.05
"""Contrast, in grey levels of 0..1 after the gain, from which on a thing counts as warm."""
COLD_SHARE = 0.2
"""Of what is colder than its surroundings: it shows cars, but also the grain of every wall."""
BASE_SHARE = 0.5
"""How far the brightness around a warm thing goes to the thermal frame's."""
LIT = 0.3
"""Brightness around, in grey levels of 0..1, at which thermal contrast counts a third: what is lit shows itself."""
MOST_LACK = 0.5
"""Grey levels of 0..1 above which a wish gets no more weight."""
MOST_WEIGHT = 5.0


class Wish(NamedTuple):
    """Planes (h, w)."""

    luminance: Plane
    """Wanted, in [0, 1]."""
    colour: Plane
    """How much of the mean's own is to stay, in [0, 1]."""
    weight: Plane
    """Of the wish, 0 to 5."""


def stronger_contrast(mean: Plane, thermal: Plane, scale: int, gain: float, detail: float = 0.0) -> Wish:
    """What to make of the luminance of the ensemble's mean and thermal frame, (h, w) in [0, 1], reduced by `scale`.

    b_x = mean of x around,  d_mu = mu - b_mu,  d_t = gain (t - b_t) + detail (t - mean of t close by)
    dark = exp(-(b_mu / lit)^2)
    E_mu = (mean of |d_mu| nearby)^2,  E_t = dark (mean of |d_t| nearby)^2 / (gain + detail)
    warmth = cold + (1 - cold) min(max(mean of d_t nearby / warm, 0), 1)
    share = warmth E_t / (E_t + E_mu + floor^2)
    base = b_mu + (mean of share around) (b_t - b_mu) / 2
    wanted = base + (1 - share) d_mu + share d_t
    colour = max(1 - 2 mean of share nearby, 0): in the dark it is the camera's noise, and nobody is green because he
        is warm; it is gone where half of the contrast is the thermal frame's
    weight = 5 (|wanted - mu| / 0.5)^0.5: a person at 30 m covers a thousandth of a frame, the grain of a night all
        of it, and who is far away or warmly dressed stands out least
    """
    around, close, nearby = (side / scale for side in (AROUND_PX, CLOSE_PX, NEARBY_PX))
    bases = [_mean(plane, around) for plane in (mean, thermal)]
    own, warm = mean - bases[0], gain * (thermal - bases[1])
    if detail:
        warm = warm + detail * (thermal - _mean(thermal, close))
    energies = [_mean(np.abs(contrast), nearby) ** 2 for contrast in (own, warm)]
    dark = np.exp(-((bases[0] / np.float32(LIT)) ** 2))
    energies[1] = energies[1] * dark / np.float32(gain + detail)
    share = energies[1] / (energies[0] + energies[1] + np.float32(NOISE_FLOOR**2))
    share = share * (COLD_SHARE + (1.0 - COLD_SHARE) * np.clip(_mean(warm, nearby) / WARM, 0.0, 1.0))
    base = bases[0] + BASE_SHARE * _mean(share, around) * (bases[1] - bases[0])
    wanted = np.clip(base + (1.0 - share) * own + share * warm, 0.0, 1.0).astype(np.float32)
    lack = np.minimum(np.abs(wanted - mean), MOST_LACK)
    colour = np.clip(1.0 - 2.0 * _mean(share, nearby), 0.0, 1.0).astype(np.float32)
    return Wish(wanted, colour, MOST_WEIGHT * np.sqrt(lack / np.float32(MOST_LACK)))


def _mean(plane: Plane, side: float) -> Plane:
    """Of a Gaussian as wide as a square of that side; a square itself would leave its edges in the wish."""
    sigma = max(side, 3.0) / 12.0**0.5
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
