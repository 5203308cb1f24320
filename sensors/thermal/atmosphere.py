"""What the air between surface and camera takes away: humid air, fog, rain."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sensors import fog
from sensors.rain import rain_extinction_per_m
from sensors.thermal.ambient import Ambient

DROPLET_RADIUS_UM = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0])
LWIR_EXTINCTION_RATIO = np.array([0.08, 0.22, 0.37, 0.52, 0.65, 0.77, 0.93, 1.03, 1.10, 1.10])
"""8-14 um over 0.55 um extinction of a gamma distribution of water droplets by effective radius (Mie); 3 um agrees with
LOWTRAN-7's radiation fog (0.346), 12 um and more with its advection fog (1.109)."""

RANGE_STEP_M = 0.5
RANGE_LIMIT_M = 1000.0

FOG_LAYER_M = 100.0
"""Fog ends this far above the ground as seen by a camera that looks up into the sky."""
SLANT = 0.57
"""The clear sky's optical depth grows with this power of the air mass: less than the path, for the band is not grey.
So its mean over the hemisphere is within 2 % of e (1.4 - 0.4 e), e overhead (Idso 1981), for all e up to 0.9."""


def fog_ratio(droplet_radius_um: float) -> float:
    """LWIR extinction of fog as a multiple of its extinction of visible light."""
    return float(np.interp(droplet_radius_um, DROPLET_RADIUS_UM, LWIR_EXTINCTION_RATIO))


def fog_extinction_per_m(visibility_m: float, droplet_radius_um: float) -> float:
    """LWIR extinction of fog in 1/m. Haze of a clear night (visibility 10 km and more) is left to `clear_air`."""
    if visibility_m >= 10_000.0:
        return 0.0
    return fog_ratio(droplet_radius_um) * fog.extinction_per_m(visibility_m)


def clear_air_transmission(
    range_m: ArrayLike, air_temperature_c: float, relative_humidity: float
) -> NDArray[np.float64]:
    """FLIR's short-path model (constants as in Thermimage's raw2temp): water vapour only; any shape of ranges."""
    t = air_temperature_c
    vapour = relative_humidity * math.exp(1.5587 + 0.06939 * t - 2.7816e-4 * t**2 + 6.8455e-7 * t**3)
    root = np.sqrt(np.asarray(range_m, np.float64))
    strong = np.exp(-root * (0.006569 - 0.002276 * math.sqrt(vapour)))
    weak = np.exp(-root * (0.01262 - 0.00667 * math.sqrt(vapour)))
    return np.clip(1.9 * strong - 0.9 * weak, 0.0, 1.0)


def transmission(range_m: ArrayLike, ambient: Ambient) -> NDArray[np.float64]:
    """Share of a surface's LWIR radiance that arrives from `range_m` away: clear air x fog x rain."""
    r = np.asarray(range_m, np.float64)
    per_m = fog_extinction_per_m(ambient.visibility_m, ambient.droplet_radius_um)
    per_m += rain_extinction_per_m(ambient.rain_mm_h)
    return clear_air_transmission(r, ambient.air_temperature_c, ambient.relative_humidity) * np.exp(-per_m * r)


def transmission_table(ambient: Ambient) -> NDArray[np.float32]:
    """(n,) float32 transmission every RANGE_STEP_M from 0 to RANGE_LIMIT_M."""
    ranges = np.arange(0.0, RANGE_LIMIT_M + RANGE_STEP_M, RANGE_STEP_M)
    return transmission(ranges, ambient).astype(np.float32)


def sky_clearness(sin_elevation: ArrayLike, ambient: Ambient) -> NDArray[np.float64]:
    """How much of the cold sky is seen at an elevation, 0 (only air of the ground) .. 1 (overhead on a clear night).

    Towards the horizon the path through moist air grows as 1 / sin, see SLANT; fog hides the sky behind its own layer,
    rain too.
    """
    air_mass = 1.0 / np.maximum(np.asarray(sin_elevation, np.float64), 1e-3)
    per_m = fog_extinction_per_m(ambient.visibility_m, ambient.droplet_radius_um)
    depth = (per_m * FOG_LAYER_M + rain_extinction_per_m(ambient.rain_mm_h) * 2000.0) * air_mass
    return np.asarray(ambient.window_transmission ** (air_mass**SLANT - 1.0) * np.exp(-depth))
