"""Automatic gain control: 14 bits to 8, so that a few kelvin of scene fill the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
from numpy.typing import NDArray

from sensors.thermal.lookup import of_counts
from sensors.thermal.microbolometer import FULL_SCALE


@dataclass(frozen=True)
class Agc:
    """How counts become grey.

    mode: plateau (histogram equalisation with clipped bins), linear (between two percentiles) or manual (between
    `manual_c`). plateau: most pixels that count of one bin, per 640x512 pixels. linear_share: how much of the grey
    range is spread evenly over the counts whatever their pixels (Boson's "linear percent"): small warm things keep
    their distance from the wide road. max_gain: most grey levels per count. tail_share: share of the pixels ignored
    at either end. skip_top: share of the picture's height, from its top, that the histogram leaves out (region of
    interest): else a clear sky, far below everything, takes half of the greys. smoothing_s: time constant of the
    mapping. polarity: whether hot is white or black.
    """

    mode: Literal["plateau", "linear", "manual"] = "plateau"
    plateau: float = 60.0
    linear_share: float = 0.3
    max_gain: float = 2.0
    tail_share: float = 0.0005
    skip_top: float = 0.4
    smoothing_s: float = 0.5
    polarity: Literal["white_hot", "black_hot"] = "white_hot"
    manual_c: tuple[float, float] = (-10.0, 40.0)

    def __post_init__(self) -> None:
        if self.mode not in ("plateau", "linear", "manual"):
            raise ValueError(f"AGC mode must be plateau, linear or manual, got {self.mode!r}")
        if self.polarity not in ("white_hot", "black_hot"):
            raise ValueError(f"AGC polarity must be white_hot or black_hot, got {self.polarity!r}")
        if not 0.0 <= self.tail_share < 0.5:
            raise ValueError(f"AGC tail_share must lie in 0..0.5, got {self.tail_share}")
        if not 0.0 <= self.linear_share <= 1.0:
            raise ValueError(f"AGC linear_share must lie in 0..1, got {self.linear_share}")
        if not 0.0 <= self.skip_top <= 0.9:
            raise ValueError(f"AGC skip_top must lie in 0..0.9, got {self.skip_top}")
        if not (self.plateau > 0.0 and self.max_gain > 0.0 and self.smoothing_s >= 0.0):
            raise ValueError(
                "AGC plateau and max_gain must be positive, smoothing_s not negative, got "
                f"{self.plateau}, {self.max_gain} and {self.smoothing_s}"
            )
        if len(self.manual_c) != 2 or not -math.inf < self.manual_c[0] < self.manual_c[1] < math.inf:
            raise ValueError(f"AGC manual_c must be (low, high), got {self.manual_c}")


_COUNTS = np.arange(FULL_SCALE + 1, dtype=np.float64)


def mapping(agc: Agc, histogram: NDArray[np.int64], manual_counts: tuple[float, float]) -> NDArray[np.float32]:
    """(16384,) float32 grey 0..255 of each count, white hot, for the histogram of one frame."""
    counts = _COUNTS
    if agc.mode == "manual":
        low, high = manual_counts
        return np.clip((counts - low) / max(high - low, 1.0) * 255.0, 0.0, 255.0).astype(np.float32)
    cumulative = np.cumsum(histogram)
    total = int(cumulative[-1])
    low = int(np.searchsorted(cumulative, agc.tail_share * total, side="right"))
    high = int(np.searchsorted(cumulative, (1.0 - agc.tail_share) * total, side="left"))
    high = max(high, low + 1)
    if agc.mode == "linear":
        gain = min(255.0 / (high - low), agc.max_gain)
        return np.clip(127.5 + gain * (counts - (low + high) / 2.0), 0.0, 255.0).astype(np.float32)
    plateau = max(agc.plateau * total / (640.0 * 512.0), 1.0)
    clipped = np.minimum(histogram[low : high + 1], plateau)
    share = (1.0 - agc.linear_share) * clipped / max(clipped.sum(), 1.0) + agc.linear_share / len(clipped)
    slope = np.minimum(255.0 * share, agc.max_gain)
    inside = np.cumsum(slope) - 0.5 * slope
    # What the gain limit leaves unused is shared between both ends: the picture stays centred.
    inside += (255.0 - slope.sum()) / 2.0
    # Rejected tails go on at one level per count instead of saturating at once: within 256 counts they do as well.
    first, end = max(low - 256, 0), min(high + 257, FULL_SCALE + 1)
    below = np.maximum(inside[0] - (low - counts[first:low]), 0.0)
    above = np.minimum(inside[-1] + (counts[high + 1 : end] - high), 255.0)
    grey = np.empty(FULL_SCALE + 1, np.float32)
    grey[:first], grey[end:] = 0.0, 255.0
    grey[first:end] = np.clip(np.concatenate([below, inside, above]), 0.0, 255.0)
    return grey


class GainControl:
    """An AGC with its memory: the mapping eases towards that of each new frame in simulation time."""

    def __init__(self, agc: Agc, manual_counts: tuple[float, float]) -> None:
        self.agc = agc
        self._manual_counts = manual_counts
        self._mapping: NDArray[np.float32] | None = None
        self._time_s = 0.0

    def grey(self, counts: NDArray[np.uint16], time_s: float) -> NDArray[np.uint8]:
        """(H, W) uint8 of (H, W) uint16 counts."""
        region = counts[int(self.agc.skip_top * len(counts)) :]
        target = mapping(self.agc, _histogram(region), self._manual_counts)
        if self._mapping is None or self.agc.smoothing_s == 0.0:
            self._mapping = target
        else:
            share = 1.0 - math.exp(-max(time_s - self._time_s, 0.0) / self.agc.smoothing_s)
            self._mapping = self._mapping + np.float32(share) * (target - self._mapping)
        self._time_s = time_s
        table = (self._mapping + np.float32(0.5)).astype(np.uint8)
        if self.agc.polarity == "black_hot":
            table = 255 - table
        grey: NDArray[np.uint8] = of_counts(table, counts)
        return grey


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _histogram(counts):
    bins = np.zeros(FULL_SCALE + 1, np.int64)
    for v in range(counts.shape[0]):
        for u in range(counts.shape[1]):
            bins[counts[v, u]] += 1
    return bins
