"""What a thermal picture needs of weather, air and sky, in the tables of one ambient and one band."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.thermal import atmosphere
from sensors.thermal.ambient import Ambient
from sensors.thermal.lookup import ground_pattern, pairs, pattern_tile
from sensors.thermal.materials import SurfaceMaterial
from sensors.thermal.radiometry import Band
from sensors.thermal.temperature import surface_table

SKY_STEPS = 256


@dataclass(frozen=True, eq=False)
class World:
    """Holds as long as the weather does.

    sky: its last value is the air's, which mirrors see that see no sky. transmission, pattern, planck: as words, see
    `lookup.pairs`.
    """

    ambient: Ambient
    surfaces: NDArray[np.float32]
    sky: NDArray[np.float32]
    transmission: NDArray[np.int64]
    pattern: NDArray[np.int64]
    planck: NDArray[np.int64]
    air_radiance: float
    shore: float
    """Where the pattern is above this, level wettable ground lies under water."""


def thermal_world(ambient: Ambient, band: Band, seed: int, materials: Mapping[int, SurfaceMaterial]) -> World:
    """The tables. `sky`: radiance by the sine of elevation 0..1 in SKY_STEPS steps, through fog and rain."""
    air = float(band.radiance(ambient.air_k))
    clear = atmosphere.sky_clearness(np.linspace(0.0, 1.0, SKY_STEPS + 1), ambient)
    sky = air * (1.0 - ambient.sky_deficit * clear)
    tile = pattern_tile(seed)
    return World(
        ambient,
        surface_table(materials, ambient),
        np.append(sky, air).astype(np.float32),
        pairs(atmosphere.transmission_table(ambient)),
        tile,
        pairs(band.radiance_table),
        air,
        _shore(tile, ambient.puddles),
    )


def _shore(tile: NDArray[np.int64], share: float) -> float:
    """What `share` 0..1 of level ground's pattern lies above: water gathers at the same places, the more the wider."""
    if share <= 0.0:
        return float("inf")
    on_a_grid = np.arange(0.0, 320.0, 1.37, dtype=np.float32)
    return float(np.quantile(ground_pattern(tile, on_a_grid), 1.0 - share))
