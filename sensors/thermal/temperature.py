"""How warm the static world is: a diurnal model per material and a pattern that sticks to the world."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensors.thermal.ambient import Ambient
from sensors.thermal.glazing import EMISSIVITY as GLASS_EMISSIVITY
from sensors.thermal.glazing import FIRST_ROW, PANES, glass_k
from sensors.thermal.materials import SurfaceMaterial

COLUMNS = 6
LEVEL_K, UPRIGHT_K, EMISSIVITY, SPECULAR, VARIATION_K, PUDDLE_K = range(COLUMNS)

PATTERN_CELLS = 32
GLASS_HOURS = 0.2
"""A pane of 4 mm holds 10 kJ/(m2 K) and exchanges some 14 W/(m2 K)."""
FOG_HOURS = 6.0
"""Fog now is taken to have lain for this long: it shades the sun of these hours, not of the day before."""


def stored_sun(time_constant_h: float, ambient: Ambient) -> float:
    """Share of the clear noon equilibrium that a surface holds: the sun of the last 24 h, exponentially forgotten."""
    ages = np.arange(0.0, 24.0, 0.1)
    sun = np.maximum(0.0, np.cos(2.0 * np.pi * (ambient.local_time_h - ages - 13.0) / 24.0))
    sun *= 1.0 - 0.75 * ambient.cloudiness / 100.0
    if ambient.visibility_m < 1000.0:
        sun[ages < FOG_HOURS] *= 0.25
    weight = np.exp(-ages / time_constant_h)
    return float((sun * weight).sum() / weight.sum())


def surface_table(materials: Mapping[int, SurfaceMaterial], ambient: Ambient) -> NDArray[np.float32]:
    """(256, COLUMNS) float32 by semantic tag, from FIRST_ROW on by pane: what `scene` needs of every static surface.

    LEVEL_K and UPRIGHT_K: kelvin of surfaces that look up and sideways. Wind (m/s) brings both nearer to the air:
    convection grows about as 1 + 0.4 v beside a still-air share that radiation and free convection hold.
    PUDDLE_K: kelvin of the water that stands on the level surface, 0 where none does.
    """
    table = np.zeros((256, COLUMNS), np.float32)
    calm = 1.4 / (1.4 + 0.4 * ambient.wind_mps)
    # Fog of 100 m depth hides the sky: its cooling must go with it.
    hidden = 1.0 if ambient.visibility_m >= 10_000.0 else min(1.0, ambient.visibility_m / 2000.0)
    deficit = (ambient.air_k - ambient.sky_k) * hidden
    for tag in range(256):
        m = materials.get(tag, materials[0])
        sun = m.solar_gain_k * stored_sun(m.time_constant_h, ambient) * calm
        cooling = m.sky_cooling * deficit * calm
        level = ambient.air_k + m.offset_k + sun - cooling
        upright = ambient.air_k + m.offset_k + 0.45 * sun - 0.5 * cooling
        wet = ambient.wetness if m.wettable else 0.0
        # A film takes its warmth from the ground; standing water has more of its own and nears the wet bulb.
        puddle = level + 0.85 * (ambient.wet_bulb_k - level) if m.wettable and ambient.puddles > 0.0 else 0.0
        level += 0.7 * wet * (ambient.wet_bulb_k - level)
        emissivity = m.emissivity + wet * (0.96 - m.emissivity)
        specular = m.specular + wet * (1.0 - m.specular)
        table[tag] = (level, upright, emissivity, specular, m.variation_k * (1.0 - 0.6 * wet), puddle)
    for pane, glazing in PANES.items():
        sun = stored_sun(GLASS_HOURS, ambient)
        level, upright = (glass_k(glazing, ambient, sun * share, sky) for share, sky in ((1.0, 1.0), (0.45, 0.5)))
        table[FIRST_ROW + pane] = (level, upright, GLASS_EMISSIVITY, 1.0, 0.0, 0.0)
    return table


@lru_cache(maxsize=8)
def pattern(seed: int) -> NDArray[np.float32]:
    """(32, 32, 32) float32, mean 0, deviation 1: a tile that repeats seamlessly, sampled at world positions."""
    rng = np.random.Generator(np.random.Philox(key=[seed & 0xFFFFFFFFFFFFFFFF, 0x7468]))
    tile = rng.standard_normal((PATTERN_CELLS,) * 3)
    return ((tile - tile.mean()) / tile.std()).astype(np.float32)
