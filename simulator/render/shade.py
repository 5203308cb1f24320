"""From surfaces to the light that reaches the camera: sun, sky, lamps, mirror light, air."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.beams import exp_minus
from simulator.render.lamplight import INVERSE_PI, light_fog, light_spots
from simulator.render.sky import FOG_LAYER_M, Daylight
from simulator.render.spots import find_spots, spread
from simulator.render.tiles import (
    BLUE,
    DISTANCE,
    EMIT_BLUE,
    EMIT_GREEN,
    EMIT_RED,
    GLARE_BLUE,
    GLARE_GREEN,
    GLARE_RED,
    GLOSS,
    GREEN,
    LIGHT_BLUE,
    LIGHT_GREEN,
    LIGHT_RED,
    NX,
    NY,
    NZ,
    OPEN,
    RED,
    SKY_M,
    SUN,
    X,
    Y,
    Z,
)

F = np.float32


class Air(NamedTuple):
    """`Daylight` for the kernels; colours: (6, 3) float32, rows sun, sky, ground, zenith, horizon, air."""

    sun: NDArray[np.float32]
    colours: NDArray[np.float32]
    extinction: np.float32
    fog_from: np.float32
    cover: np.float32


def air_of(day: Daylight) -> Air:
    colours = [day.sun_rgb, day.sky_rgb, day.ground_rgb, day.zenith_rgb, day.horizon_rgb, day.air_rgb]
    return Air(
        np.array(day.sun, np.float32),
        np.array(colours, np.float32),
        np.float32(day.extinction_per_m),
        np.float32(day.fog_from_m),
        np.float32(day.cover),
    )


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def shade_tile(
    view, first, width, air, lights, fog_row, has_fog_light, runs, count, columns, first_spot, spots, tile, out
):
    """Shades the planes of `tile` into pixels first <= x < first + width of out: (3, W) float32 radiance, cd/m2.

    lights: (n, FIELDS) float32. fog_row: (ACROSS, SLICES, 3) float32, the froxel grid at this row. runs, count: see
    `resolve.resolve_tile`. columns, first_spot, spots: scratch, see `spots.find_spots`.
    """
    if lights.shape[0] == 0:
        for k in range(np.uint64(width)):
            tile[LIGHT_RED + k], tile[LIGHT_GREEN + k], tile[LIGHT_BLUE + k] = F(0), F(0), F(0)
            tile[GLARE_RED + k], tile[GLARE_GREEN + k], tile[GLARE_BLUE + k] = F(0), F(0), F(0)
    else:
        found, matt, shiny = find_spots(runs, count, tile, columns, first_spot, spots)
        light_spots(air.extinction, air.fog_from, lights, found, matt, shiny, spots)
        if has_fog_light:
            light_fog(first, view.width, fog_row, found, columns, spots)
        spread(runs, count, columns, first_spot, spots, tile)
    _compose(first, width, air, tile, out)


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _compose(first, width, air, tile, out):
    """Daylight and the planes of lamp light, through the air to the camera."""
    c = air.colours
    sun_x, sun_y, sun_z = air.sun[0], air.sun[1], air.sun[2]
    sun_r, sun_g, sun_b = c[0, 0], c[0, 1], c[0, 2]
    down_r, down_g, down_b = c[2, 0], c[2, 1], c[2, 2]
    up_r, up_g, up_b = c[1, 0] - down_r, c[1, 1] - down_g, c[1, 2] - down_b
    zenith_r, zenith_g, zenith_b = c[3, 0], c[3, 1], c[3, 2]
    horizon_r, horizon_g, horizon_b = c[4, 0], c[4, 1], c[4, 2]
    air_r, air_g, air_b = c[5, 0], c[5, 1], c[5, 2]
    extinction, fog_from = air.extinction, air.fog_from
    for k in range(np.uint64(width)):
        up = F(0.5) + F(0.5) * tile[NZ + k]
        facing = max(tile[NX + k] * sun_x + tile[NY + k] * sun_y + tile[NZ + k] * sun_z, F(0)) * tile[SUN + k]
        lit_r = down_r + up * up_r + facing * sun_r + tile[LIGHT_RED + k]
        lit_g = down_g + up * up_g + facing * sun_g + tile[LIGHT_GREEN + k]
        lit_b = down_b + up * up_b + facing * sun_b + tile[LIGHT_BLUE + k]
        away = F(1) / tile[DISTANCE + k]
        dx, dy, dz = tile[X + k] * away, tile[Y + k] * away, tile[Z + k] * away
        sky = tile[DISTANCE + k] >= F(SKY_M)
        cosine = tile[NX + k] * dx + tile[NY + k] * dy + tile[NZ + k] * dz
        mirror_z = dz if sky else dz - F(2) * cosine * tile[NZ + k]
        high = math.sqrt(max(mirror_z, F(0)))
        below = F(1) if sky else min(max(F(1) + mirror_z * F(6), F(0.25)), F(1))
        sky_r = (horizon_r + (zenith_r - horizon_r) * high) * below
        sky_g = (horizon_g + (zenith_g - horizon_g) * high) * below
        sky_b = (horizon_b + (zenith_b - horizon_b) * high) * below
        graze = F(1) + cosine
        graze = min(max(graze, F(0)), F(1))
        mirror = tile[GLOSS + k] * tile[OPEN + k] * (F(0.05) + F(0.8) * graze * graze * graze * graze * graze)
        diffuse = tile[OPEN + k] * INVERSE_PI
        r = tile[RED + k] * lit_r * diffuse + tile[EMIT_RED + k] + mirror * sky_r
        g = tile[GREEN + k] * lit_g * diffuse + tile[EMIT_GREEN + k] + mirror * sky_g
        b = tile[BLUE + k] * lit_b * diffuse + tile[EMIT_BLUE + k] + mirror * sky_b
        r, g, b = (
            (tile[EMIT_RED + k] if sky else r),
            (tile[EMIT_GREEN + k] if sky else g),
            (tile[EMIT_BLUE + k] if sky else b),
        )
        # the sky is seen through the fog layer above, not through endless fog
        path = min(F(FOG_LAYER_M) / max(dz, F(0.01)), F(4000)) if sky else tile[DISTANCE + k]
        through = exp_minus(extinction * max(path - fog_from, F(0)))
        veil = F(1) - through
        out[0, np.uint64(first) + k] = r * through + air_r * veil + tile[GLARE_RED + k]
        out[1, np.uint64(first) + k] = g * through + air_g * veil + tile[GLARE_GREEN + k]
        out[2, np.uint64(first) + k] = b * through + air_b * veil + tile[GLARE_BLUE + k]
