"""The sky as seen: gradient, clouds, the sun's aureole."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simulator.render.sky import FOG_LAYER_M
from simulator.render.texture import CLOUD_LAYER, sample
from simulator.render.tiles import DISTANCE, EMIT_BLUE, EMIT_GREEN, EMIT_RED, SKY_M, X, Y, Z

F = np.float32
SUN_RADIUS = math.radians(0.53 / 2.0)
SUN_CD_M2_PER_LUX = 280.0
"""Of the disc. The real one's is 1 / (pi SUN_RADIUS^2) = 14,900; both are far beyond white."""


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def sun_disc(focal):
    """Cosine of the radius that the sun is drawn with, and its luminance over its illuminance.

    Its own 0.53 degrees, but three quarters of a pixel at least: a smaller disc could fall between the pixels.
    """
    radius = max(F(SUN_RADIUS), F(0.75) / focal)
    share = F(SUN_RADIUS) / radius
    return F(1) - F(0.5) * radius * radius, F(SUN_CD_M2_PER_LUX) * share * share


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def sky_tile(width, focal, air, texels, first_texel, tile):
    """Luminance of the pixels that show the sky, into the emission planes; the fog in front of it comes later."""
    c = air.colours
    disc, bright = sun_disc(focal)
    for k in range(np.uint64(width)):
        if tile[DISTANCE + k] < F(SKY_M):
            continue
        dx, dy, dz = tile[X + k], tile[Y + k], tile[Z + k]
        scale = F(1) / math.sqrt(dx * dx + dy * dy + dz * dz)
        dx, dy, dz = dx * scale, dy * scale, dz * scale
        high = math.sqrt(max(dz, F(0)))
        red = c[4, 0] + (c[3, 0] - c[4, 0]) * high
        green = c[4, 1] + (c[3, 1] - c[4, 1]) * high
        blue = c[4, 2] + (c[3, 2] - c[4, 2]) * high
        toward = max(dx * air.sun[0] + dy * air.sun[1] + dz * air.sun[2], F(0))
        near = toward * toward
        near = near * near
        near = near * near
        wide = near * near * near
        aureole = wide * F(0.02) + (bright if toward > disc else F(0))
        red, green, blue = red + aureole * c[0, 0], green + aureole * c[0, 1], blue + aureole * c[0, 2]
        # no cloud is seen through eight optical depths of fog
        if air.cover > F(0.02) and dz > F(0.01) and air.extinction * (F(FOG_LAYER_M) - air.fog_from * dz) < F(8) * dz:
            flat = F(0.13) / (dz + F(0.12))
            u, v = dx * flat, dy * flat
            density = sample(texels, first_texel, CLOUD_LAYER, u, v, np.int32(0)) * F(1.0 / 255.0)
            density += F(0.3) * (
                sample(texels, first_texel, CLOUD_LAYER, u * F(4), v * F(4), np.int32(1)) * F(1.0 / 255.0) - F(0.5)
            )
            amount = min(max((density - (F(0.92) - F(0.85) * air.cover)) * F(4), F(0)), F(1))
            amount *= min(dz * F(8), F(1))
            thick = F(1) - F(0.35) * amount * density
            white_r = (c[1, 0] * F(0.36) + c[0, 0] * F(0.10)) * thick
            white_g = (c[1, 1] * F(0.36) + c[0, 1] * F(0.10)) * thick
            white_b = (c[1, 2] * F(0.36) + c[0, 2] * F(0.10)) * thick
            red, green, blue = (
                red + (white_r - red) * amount,
                green + (white_g - green) * amount,
                blue + (white_b - blue) * amount,
            )
        tile[EMIT_RED + k], tile[EMIT_GREEN + k], tile[EMIT_BLUE + k] = red, green, blue
