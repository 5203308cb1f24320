"""From triangle ids to what a surface is like: position, normal, reflectance, own light.

What is the same all along a run of one triangle (`runs`) is worked out once, and the rest is affine in the position: so
many pixels are taken at a time. Only the texels are fetched one by one.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simulator.render.runs import describe_runs, fill_runs, find_runs
from simulator.render.texture import (
    CLOUD_LAYER,
    LAYER_TEXELS,
    TEXELS,
    level_of,
    texels_across,
    texels_before,
)
from simulator.render.tiles import (
    ALONG_U,
    ALONG_V,
    BLUE,
    CONTRAST,
    DEPTH,
    DISTANCE,
    FACING,
    GREEN,
    LAYER,
    NX,
    NY,
    NZ,
    RED,
    SKY_M,
    STAIN,
    TEXEL_00,
    TEXEL_01,
    TEXEL_10,
    TEXEL_11,
    TEXEL_STAIN,
    TILES,
    X,
    Y,
    Z,
)

F = np.float32


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def resolve_tile(
    y, first, width, view, ids, inverse_depth, surfaces, slots, look, wetness, runs, table, known, rows, tile
):
    """Fills the planes of `tile` for pixels first <= x < first + width of image row y; returns the number of runs.

    surfaces: (static, lamp_of, templates), the first and last `Surfaces`, lamp_of: (static triangles,) int32.
    runs: (TILE_PX + 1,) int32, set to the first pixel of each run, counted from `first`, and at last to `width`.
    table: (TABLE_ROWS, RUN_FIELDS) float32, known: (KNOWN, 2) int32, which begins as -1, and rows: (TILE_PX,) int32
    are scratch for one frame.
    """
    depths = inverse_depth[y]
    for k in range(np.uint64(width)):
        tile[DEPTH + k] = depths[np.uint64(first) + k]
    count = find_runs(ids[y], first, width, runs)
    describe_runs(
        ids[y], first, runs, count, view.eye, surfaces, slots, look, wetness, y * view.width + first, known, rows, table
    )  # fmt: skip
    r = view.rotation
    inverse_focal = F(1) / view.focal_px
    b = (F(y) + F(0.5) - view.cy_px) * inverse_focal
    right = r[0, 0], r[0, 1], r[0, 2]
    ahead = r[1, 0] * b + r[2, 0], r[1, 1] * b + r[2, 1], r[1, 2] * b + r[2, 2]
    _place(first, width, view.cx_px, inverse_focal, right, ahead, tile)
    fill_runs(runs, count, table, rows, tile)
    _look_up(y, first, width, inverse_focal, tile)
    _paint(width, look.texels.reshape(-1), tile)
    return count


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _place(first, width, cx_px, inverse_focal, right, ahead, tile):
    """Positions, from the inverse depths in DEPTH, which become depths.

    The ray of a pixel is ahead + a right, where a is its tangent to the right of the axis.
    """
    r00, r01, r02 = right
    base_x, base_y, base_z = ahead
    shift = F(0.5) - cx_px
    for k in range(np.uint64(width)):
        a = (F(np.int32(np.int32(first) + np.int32(k))) + shift) * inverse_focal
        dx, dy, dz = base_x + r00 * a, base_y + r01 * a, base_z + r02 * a
        inverse = tile[DEPTH + k]
        sky = inverse <= F(0)
        z = F(1) / (F(1 / SKY_M) if sky else inverse)
        tile[DEPTH + k] = z
        tile[X + k], tile[Y + k], tile[Z + k] = z * dx, z * dy, z * dz
        distance = z * math.sqrt(dx * dx + dy * dy + dz * dz)
        tile[DISTANCE + k] = F(2 * SKY_M) if sky else distance


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _look_up(y, first, width, inverse_focal, tile):
    """Normals of length 1, and where the texels stand that a pixel shows."""
    for k in range(np.uint64(width)):
        nx, ny, nz, facing = tile[NX + k], tile[NY + k], tile[NZ + k], tile[FACING + k]
        scale = F(1) / math.sqrt(max(nx * nx + ny * ny + nz * nz, F(1e-12)))
        scale = -scale if facing > F(0) else scale
        tile[NX + k], tile[NY + k], tile[NZ + k] = nx * scale, ny * scale, nz * scale
        # texels per pixel, stretched by half of what the slant asks for: a compromise between blur and shimmer
        slant = F(1) / math.sqrt(max(abs(facing) / tile[DISTANCE + k], F(0.02)))
        tile[FACING + k] = tile[DEPTH + k] * tile[TILES + k] * (inverse_focal * F(TEXELS)) * slant
    dither = np.int32(y * 3 + (y >> 1))
    for k in range(np.uint64(width)):
        # the level is dithered between neighbouring pixels, so that no line shows where it changes
        column = np.int32(np.int32(first) + np.int32(k))
        turn = np.int32(np.int32(column * np.int32(5)) + np.int32(column >> np.int32(2)))
        turn = np.int32(np.int32(turn + dither) & np.int32(3))
        level = level_of(tile[FACING + k] * (F(0.75) + F(0.1875) * F(turn)))
        u, v, layer = tile[ALONG_U + k], tile[ALONG_V + k], tile[LAYER + k]
        size = texels_across(level)
        wrap = np.int32(np.int32(size) - np.int32(1))
        across, down = u * size, v * size
        left, top = np.floor(across), np.floor(down)
        tile[ALONG_U + k], tile[ALONG_V + k] = across - left, down - top
        i0, j0 = np.int32(left), np.int32(top)
        i1, j1 = np.int32(np.int32(i0 + np.int32(1)) & wrap), np.int32(np.int32(j0 + np.int32(1)) & wrap)
        i0, j0 = np.int32(i0 & wrap), np.int32(j0 & wrap)
        # places are whole numbers below 2^24, so float32 has them exactly
        before = layer + texels_before(size)
        upper, lower = before + F(j0) * size, before + F(j1) * size
        tile[TEXEL_00 + k], tile[TEXEL_01 + k] = upper + F(i0), upper + F(i1)
        tile[TEXEL_10 + k], tile[TEXEL_11 + k] = lower + F(i0), lower + F(i1)
        # a cloudy pattern, turned and a twelfth as fine, hides that the tiles repeat
        size = texels_across(np.int32(max(np.int32(level - np.int32(4)), np.int32(0))))
        wrap = np.int32(np.int32(size) - np.int32(1))
        i0 = np.int32(np.int32(np.floor((u * F(0.066) + v * F(0.05)) * size)) & wrap)
        j0 = np.int32(np.int32(np.floor((v * F(0.066) - u * F(0.05)) * size)) & wrap)
        tile[TEXEL_STAIN + k] = F(CLOUD_LAYER * LAYER_TEXELS) + texels_before(size) + F(j0) * size + F(i0)


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _paint(width, texels, tile):
    """Reflectance follows the texture: bilinear."""
    for k in range(np.uint64(width)):
        t00, t01 = F(texels[np.uint32(tile[TEXEL_00 + k])]), F(texels[np.uint32(tile[TEXEL_01 + k])])
        t10, t11 = F(texels[np.uint32(tile[TEXEL_10 + k])]), F(texels[np.uint32(tile[TEXEL_11 + k])])
        stain = F(texels[np.uint32(tile[TEXEL_STAIN + k])])
        tile[TEXEL_00 + k], tile[TEXEL_01 + k], tile[TEXEL_10 + k], tile[TEXEL_11 + k] = t00, t01, t10, t11
        tile[TEXEL_STAIN + k] = stain
    for k in range(np.uint64(width)):
        along_u = tile[ALONG_U + k]
        top = tile[TEXEL_00 + k] + (tile[TEXEL_01 + k] - tile[TEXEL_00 + k]) * along_u
        bottom = tile[TEXEL_10 + k] + (tile[TEXEL_11 + k] - tile[TEXEL_10 + k]) * along_u
        detail = top + (bottom - top) * tile[ALONG_V + k]
        gain = (F(1) + tile[CONTRAST + k] * (detail - F(128))) * (
            F(1) + tile[STAIN + k] * (tile[TEXEL_STAIN + k] - F(128))
        )
        gain = max(gain, F(0.08))
        tile[RED + k], tile[GREEN + k], tile[BLUE + k] = (
            tile[RED + k] * gain,
            tile[GREEN + k] * gain,
            tile[BLUE + k] * gain,
        )
