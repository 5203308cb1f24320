"""Fog in numbers: CARLA's weather slider, meteorological visibility, and extinction.

The renderer, the RGB criteria and the thermal camera all mean the same fog because all ask this module.
"""

from __future__ import annotations

import math

KOSCHMIEDER = 3.912
"""-ln(0.02): optical depth at the distance where contrast has fallen to 2 % (Koschmieder's visibility)."""

CLEAR_VISIBILITY_M = 20_000.0
"""Visibility of a night without fog: a clean continental atmosphere."""

THINNEST_FOG_VISIBILITY_M = 2_000.0
THICKEST_FOG_VISIBILITY_M = 15.0
THICKEST_FOG_RATIO = THICKEST_FOG_VISIBILITY_M / THINNEST_FOG_VISIBILITY_M
"""Visibility at fog density 100 over that at a density just above 0: 2000 m falls to 15 m."""


def visibility_m(fog_density: float) -> float:
    """Visibility (2 % contrast) at CARLA's `fog_density`, 0..100, in the embedded simulator."""
    if not 0.0 <= fog_density <= 100.0:
        raise ValueError(f"fog_density must lie in 0..100, got {fog_density}")
    if fog_density == 0.0:
        return CLEAR_VISIBILITY_M
    return THINNEST_FOG_VISIBILITY_M * THICKEST_FOG_RATIO ** (fog_density / 100.0)


def fog_density(visibility_m: float) -> float:
    """The inverse of `visibility_m`: 0 for 2 km and more, 100 at 15 m and less."""
    if not visibility_m > 0.0:
        raise ValueError(f"visibility must be positive, got {visibility_m} m")
    density = 100.0 * math.log(visibility_m / THINNEST_FOG_VISIBILITY_M) / math.log(THICKEST_FOG_RATIO)
    return min(max(density, 0.0), 100.0)


def extinction_per_m(visibility_m: float) -> float:
    """Extinction of visible light (0.55 um) in 1/m: 3.912 / V (Koschmieder)."""
    if not visibility_m > 0.0:
        raise ValueError(f"visibility must be positive, got {visibility_m} m")
    return KOSCHMIEDER / visibility_m
