"""The material table as the kernels read it, and the variation between objects of one material."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.render.materials import SURFACES, Emission, Material, Palette, Texture
from simulator.render.texture import CONTRAST, TILE_M, patterns

CAR_COLOURS = (
    (0.55, 0.56, 0.57),
    (0.30, 0.31, 0.33),
    (0.06, 0.06, 0.07),
    (0.72, 0.72, 0.70),
    (0.02, 0.02, 0.025),
    (0.05, 0.09, 0.22),
    (0.33, 0.03, 0.03),
    (0.12, 0.13, 0.12),
)
"""Linear reflectance of the paints of parked cars, roughly as often as they are seen."""


class Appearance(NamedTuple):
    """albedo: (materials, 3) float32. texture, emission: (materials,) int32; palette: (materials,) int32, -1 = none.

    tiles_per_m, contrast, gloss, variation: (materials,) float32; variation is how much the albedo differs between
    objects. paints: (n, 3) float32. texels, first_texel: see `texture.patterns`.
    """

    albedo: NDArray[np.float32]
    texture: NDArray[np.int32]
    emission: NDArray[np.int32]
    palette: NDArray[np.int32]
    tiles_per_m: NDArray[np.float32]
    contrast: NDArray[np.float32]
    gloss: NDArray[np.float32]
    variation: NDArray[np.float32]
    wettable: NDArray[np.float32]
    paints: NDArray[np.float32]
    texels: NDArray[np.uint8]
    first_texel: NDArray[np.int32]


VARIATION = {
    Material.BRICK: 0.7,
    Material.PLASTER: 0.8,
    Material.CONCRETE: 0.5,
    Material.CONCRETE_WALL: 0.5,
    Material.CONCRETE_BRIDGE: 0.5,
    Material.CONCRETE_GROUND: 0.5,
    Material.ROOF: 0.5,
    Material.DOOR: 0.8,
    Material.FOLIAGE: 0.5,
    Material.WALL: 0.4,
    Material.FENCE: 0.4,
    Material.WOOD: 0.3,
}
WETTABLE = {
    Material.ASPHALT: 1.0,
    Material.LANE_PAINT: 0.9,
    Material.LANE_PAINT_YELLOW: 0.9,
    Material.CURB: 0.6,
    Material.PAVING: 0.7,
    Material.SOIL: 0.3,
}
"""Where a film of water can stand."""


@lru_cache(maxsize=1)  # nobody writes to it
def appearance() -> Appearance:
    surfaces = [SURFACES[m] for m in sorted(SURFACES)]
    texels, first_texel = patterns()
    paint_contrast = {
        Material.LANE_PAINT: 0.35,
        Material.LANE_PAINT_YELLOW: 0.35,
        Material.UPPER_CLOTHING: 0.6,
        Material.LOWER_CLOTHING: 0.6,
    }
    contrast = [
        paint_contrast.get(m, CONTRAST.get(SURFACES[m].texture, 0.0)) if SURFACES[m].texture != Texture.PLAIN else 0.0
        for m in sorted(SURFACES)
    ]
    return Appearance(
        np.array([s.albedo for s in surfaces], np.float32),
        np.array([int(s.texture) for s in surfaces], np.int32),
        np.array([int(s.emission) for s in surfaces], np.int32),
        np.array([int(s.palette) for s in surfaces], np.int32),
        np.array([1.0 / TILE_M.get(s.texture, 1.0) for s in surfaces], np.float32),
        np.array(contrast, np.float32),
        np.array([s.gloss for s in surfaces], np.float32),
        np.array([VARIATION.get(m, 0.0) for m in sorted(SURFACES)], np.float32),
        np.array([WETTABLE.get(m, 0.0) for m in sorted(SURFACES)], np.float32),
        np.array(CAR_COLOURS, np.float32),
        texels,
        first_texel,
    )


EMISSIONS = len(Emission)
PAINTED = int(Palette.FIRST)
