"""Names of the planes of a tile: part of an image row on its way to a colour, TILE_PX pixels at most.

A tile is one flat float32 array (TILE_FLOATS,): pixel x of plane P stands at P + x. Planes lie a constant apart, so
that the compiler knows that they do not overlap and takes many pixels at a time.
"""

import numpy as np

TILE_PX = 256
LANES = 8
"""Pixels that `resolve` works on at a time: it may write as many beyond the last."""
STRIDE = 272
"""Floats from plane to plane: an odd number of cache lines, or all planes would share the same few of the cache."""

(
    X, Y, Z, NX, NY, NZ, RED, GREEN, BLUE, GLOSS, EMIT_RED, EMIT_GREEN, EMIT_BLUE, DISTANCE, LIGHT_RED, LIGHT_GREEN,
    LIGHT_BLUE, GLARE_RED, GLARE_GREEN, GLARE_BLUE, SUN, OPEN, ROUGH, CONTRAST, STAIN,
    DEPTH
) = (np.uint64(STRIDE * n) for n in range(26))  # fmt: skip
"""X, Y, Z: position relative to the eye, world axes, m.
NX, NY, NZ: shading normal, world axes, towards the viewer.
RED, GREEN, BLUE: reflectance.
EMIT_*: luminance of the surface's own light, cd/m2.
DISTANCE: from the eye, m; SKY_M and more for the sky.
LIGHT_*: illuminance from lamps, lux; the planes of GLARE_* come next.
SUN: 1 in the sun, 0 in shadow.
GLARE_*: what reaches the camera of lamps mirrored by the surface and scattered by fog before it, cd/m2.
OPEN: how much of the hemisphere is open to the sky.
ROUGH: square of the roughness of the mirror lobe (GGX alpha^2).
CONTRAST, STAIN: how far the reflectance follows the texture and the cloudy pattern over it.
DEPTH: planar depth, m."""

TEXEL_00, TEXEL_01, TEXEL_10, TEXEL_11, TEXEL_STAIN = LIGHT_RED, LIGHT_GREEN, LIGHT_BLUE, GLARE_RED, GLARE_GREEN
ALONG_U, ALONG_V = GLARE_BLUE, OPEN
"""Before there is light: places of texels, and how far a pixel lies between them."""
TILES, LAYER, FACING = TEXEL_00, TEXEL_01, SUN
"""And before that: tiles of texture in a metre, first texel of the layer, and the facet's normal times the position."""
TILE_FLOATS = 26 * STRIDE

SKY_M = 1.0e5
