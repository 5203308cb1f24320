"""The detector: optics blur, thermal lag, noise, fixed pattern, dead pixels, shutter, 14 bits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from sensors.thermal.lookup import of_counts
from sensors.thermal.radiometry import HIGHEST_K, LOWEST_K, Band

FULL_SCALE = 16383
DRAW_BITS = 12

_f = np.float32


_MOST = {"dead_share": 0.5, "blur_px": 50.0}


@dataclass(frozen=True)
class Detector:
    """A microbolometer. Noise figures are for a 300 K scene, as makers quote them.

    netd_mk: temporal noise. column_mk, row_mk, pixel_mk: fixed pattern just after a shutter event (deviation).
    drift: how many times its own size the pattern has moved when the next event is due. lag_s: thermal time constant.
    blur_px: deviation of the optics' point spread in pixels (Airy disc of 10 um at f/1.0 on 12 um pixels, aberrations
    included). dead_share: pixels replaced by their neighbour. shutter_interval_s: infinite for a detector that never
    shuts, whose pattern then stays as it is. scene_c: range of the 14 bits.
    """

    netd_mk: float = 50.0
    column_mk: float = 15.0
    row_mk: float = 8.0
    pixel_mk: float = 12.0
    drift: float = 1.0
    lag_s: float = 0.010
    blur_px: float = 0.5
    dead_share: float = 1e-4
    shutter_interval_s: float = 180.0
    shutter_freeze_s: float = 0.5
    scene_c: tuple[float, float] = (-40.0, 140.0)

    def __post_init__(self) -> None:
        for name in ("netd_mk", "column_mk", "row_mk", "pixel_mk", "drift", "lag_s", "blur_px", "dead_share"):
            value = getattr(self, name)
            if value < 0.0:
                raise ValueError(f"{name} must not be negative, got {value}")
            if not value <= _MOST.get(name, 1e6):
                raise ValueError(f"{name} must be a number up to {_MOST.get(name, 1e6):g}, got {value}")
        least, most = LOWEST_K - 273.15, HIGHEST_K - 273.15
        if len(self.scene_c) != 2 or not least <= self.scene_c[0] < self.scene_c[1] <= most:
            raise ValueError(f"scene_c must be (low, high) within {least:.0f}..{most:.0f} C, got {self.scene_c}")
        if not 0.0 <= self.shutter_freeze_s < self.shutter_interval_s:
            raise ValueError(
                "shutter_freeze_s must not be negative and be shorter than shutter_interval_s, got "
                f"{self.shutter_freeze_s} and {self.shutter_interval_s}"
            )


def _normal_quantiles() -> NDArray[np.float32]:
    """Normal deviates at the middle of 2^DRAW_BITS equal shares, scaled to deviation 1."""
    from scipy.special import ndtri

    n = 1 << DRAW_BITS
    values = ndtri((np.arange(n) + 0.5) / n)
    return (values / values.std()).astype(np.float32)


def _philox(seed: int, *key: int) -> np.random.Generator:
    mixed = np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, *(k & 0xFFFFFFFFFFFFFFFF for k in key)])
    return np.random.Generator(np.random.Philox(mixed))


@dataclass
class Microbolometer:
    """One detector with its memory: the last picture (lag, shutter) and its fixed pattern.

    `sensor` tells the cameras of one run apart: noise is keyed by (seed, sensor, frame) alone.
    """

    detector: Detector
    band: Band
    shape: tuple[int, int]
    seed: int = 0
    sensor: int = 0
    _state: NDArray[np.float32] | None = None
    _time_s: float = 0.0
    _pattern_event: int | None = None
    _pattern: tuple[NDArray[np.float32], ...] = ()
    _quantiles: NDArray[np.float32] = field(default_factory=_normal_quantiles)

    def __post_init__(self) -> None:
        low, high = (float(self.band.radiance(c + 273.15)) for c in self.detector.scene_c)
        self._low, self._per_count = low, (high - low) / FULL_SCALE
        self._slope = self.band.slope(300.0)
        rng = _philox(self.seed, self.sensor, 1)
        phase, interval_s = float(rng.random()), self.detector.shutter_interval_s
        self._phase_s = phase * interval_s if math.isfinite(interval_s) else 0.0
        dead = rng.random(self.shape) < self.detector.dead_share
        self._dead = np.argwhere(dead).astype(np.int32)
        self._kelvin_of = self.band.kelvin(low + np.arange(FULL_SCALE + 1) * self._per_count).astype(np.float32)

    def shutter_closed(self, time_s: float) -> bool:
        """Whether the camera is looking at its own shutter at this simulation time."""
        interval_s = self.detector.shutter_interval_s
        return math.isfinite(interval_s) and (time_s + self._phase_s) % interval_s < self.detector.shutter_freeze_s

    def expose(self, radiance: NDArray[np.float32], frame: int, time_s: float) -> NDArray[np.uint16]:
        """(H, W) uint16 14-bit counts of a frame of radiance (W m-2 sr-1, float32) at the lens."""
        image = radiance
        if self.detector.blur_px > 0.05:
            image = np.empty_like(radiance)
            cv2.GaussianBlur(radiance, (0, 0), self.detector.blur_px, image, borderType=cv2.BORDER_REPLICATE)
        keep = 0.0
        if self._state is not None and self.detector.lag_s > 0.0:
            keep = math.exp(-max(time_s - self._time_s, 0.0) / self.detector.lag_s)
        self._time_s = time_s
        state = np.zeros(self.shape, np.float32) if self._state is None else self._state
        self._state = state
        columns, rows, pixels = self._fixed_pattern(time_s)
        counts = np.empty(self.shape, np.uint16)
        key = np.uint32(_philox(self.seed, self.sensor, 2, frame).integers(1 << 32))
        sigma = self.detector.netd_mk * 1e-3 * self._slope
        _digitise(
            image, state, np.float32(keep), columns, rows, pixels, self._quantiles, key, np.float32(sigma),
            np.float32(self._low), np.float32(1.0 / self._per_count), counts,
        )  # fmt: skip
        for v, u in self._dead:
            counts[v, u] = counts[v, u - 1] if u > 0 else counts[v, 1]
        return counts

    def kelvin(self, counts: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Apparent (black body) temperature of counts."""
        found: NDArray[np.float32] = of_counts(self._kelvin_of, counts)
        return found

    def _fixed_pattern(self, time_s: float) -> tuple[NDArray[np.float32], ...]:
        """Offsets in radiance by column (W,), row (H,), pixel (H, W): drawn anew at a shutter event, then drifting."""
        d = self.detector
        event = math.floor((time_s + self._phase_s) / d.shutter_interval_s)
        height, width = self.shape
        if event != self._pattern_event:
            rng = _philox(self.seed, self.sensor, 3, event)
            scale = 1e-3 * self._slope
            self._pattern = tuple(
                (rng.standard_normal(shape, np.float32) * np.float32(mk * scale))
                for mk, shape in (
                    (d.column_mk, width),
                    (d.row_mk, height),
                    (d.pixel_mk, (height, width)),
                    (d.column_mk * d.drift, width),
                    (d.row_mk * d.drift, height),
                )
            )
            self._pattern_event = event
        columns, rows, pixels, column_drift, row_drift = self._pattern
        age = np.float32(((time_s + self._phase_s) % d.shutter_interval_s) / d.shutter_interval_s)
        return columns + age * column_drift, rows + age * row_drift, pixels


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _digitise(image, state, keep, columns, rows, pixels, quantiles, key, sigma, low, per_radiance, counts):
    """Lag, noise by a hash of pixel and key, offsets, counts. `state` is updated in place."""
    height, width = image.shape
    shift = np.uint32(32 - DRAW_BITS)
    draws, noise = np.empty(width, np.uint32), np.empty(width, np.float32)
    for v in range(height):
        first = np.uint32(v * width)
        seen, kept, fixed, row, offset = image[v], state[v], pixels[v], counts[v], rows[v]
        # Only the reading of the table goes pixel by pixel; the other loops take several at a time.
        for n in range(width):
            u = np.uint32(n)
            # Murmur3's finaliser over a counter: neighbouring pixels and frames are unrelated. Numba widens products of
            # 32 bits to 64, so each is cut back.
            h = np.uint32(np.uint32(first + u) * np.uint32(0x9E3779B1)) ^ key
            h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
            h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
            h = np.uint32(h ^ (h >> np.uint32(16)))
            draws[u] = h >> shift
        for n in range(width):
            u = np.uint32(n)
            noise[u] = quantiles[draws[u]]
        for n in range(width):
            u = np.uint32(n)
            value = seen[u] + keep * (kept[u] - seen[u])
            kept[u] = value
            value += sigma * noise[u] + columns[u] + offset + fixed[u]
            count = (value - low) * per_radiance + _f(0.5)
            row[u] = np.uint16(np.int32(min(max(count, _f(0.0)), _f(FULL_SCALE))))
