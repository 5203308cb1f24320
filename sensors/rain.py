"""Rain in numbers: CARLA's weather slider, rain rate, and extinction.

The renderer and the thermal camera mean the same rain because both ask this module.
"""

from __future__ import annotations

HARDEST_MM_H = 40.0
"""Rain rate at CARLA's `precipitation` 100."""


def rain_mm_h(precipitation: float) -> float:
    """Rain rate at CARLA's `precipitation` 0..100: soft 30 is 3.6, mid 60 is 14, hard 100 is 40 mm/h (our scale)."""
    return HARDEST_MM_H * (max(precipitation, 0.0) / 100.0) ** 2


def rain_extinction_per_m(rate_mm_h: float) -> float:
    """0.365 R^0.63 per km (Atlas 1953; LOWTRAN-7's rain). Drops dwarf any wavelength: light and LWIR alike."""
    return 0.365e-3 * rate_mm_h**0.63 if rate_mm_h > 0.0 else 0.0
