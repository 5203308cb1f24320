"""One pass over the image: resolve what each part of a row shows and shade it."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.render.froxels import DOWN
from simulator.render.heaven import sky_tile
from simulator.render.resolve import resolve_tile
from simulator.render.runs import KNOWN, RUN_FIELDS, TABLE_ROWS
from simulator.render.shade import shade_tile
from simulator.render.shadows import shadow_tile
from simulator.render.spots import MOST_SPOTS, SPOT_FLOATS
from simulator.render.tiles import TILE_FLOATS, TILE_PX
from simulator.render.workers import take_next

F = np.float32


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def render_rows(
    view, ids, inverse_depth, surfaces, slots, look, wetness, air, lights, sun_shines, sun_depth, sun_texel, texel_m,
    casters, grid, has_fog_light, out, counter, thread,
):  # fmt: skip
    """out: (H, 3, W) float32 radiance in cd/m2. grid: see `froxels.fill_froxels`; surfaces: `resolve.resolve_tile`."""
    tile, spots = np.zeros(TILE_FLOATS, np.float32), np.zeros(SPOT_FLOATS, np.float32)
    runs, table = np.zeros(TILE_PX + 1, np.int32), np.zeros((TABLE_ROWS, RUN_FIELDS), np.float32)
    known, rows = np.full((KNOWN, 2), -1, np.int32), np.zeros(TILE_PX, np.int32)
    columns, first_spot = np.zeros(MOST_SPOTS, np.int32), np.zeros(TILE_PX + 1, np.int32)
    fog_row = np.zeros((grid.shape[1], grid.shape[2], 3), np.float32)
    per_row = F(DOWN - 1) / F(view.height)
    while True:
        y = take_next(counter)
        if y >= view.height:
            break
        if has_fog_light:
            fy = (F(y) + F(0.5)) * per_row
            iy = min(np.int32(fy), np.int32(DOWN - 2))
            ty = fy - F(iy)
            upper, lower = grid[iy], grid[iy + 1]
            for i in range(fog_row.shape[0]):
                for k in range(fog_row.shape[1]):
                    for channel in range(3):
                        fog_row[i, k, channel] = upper[i, k, channel] * (F(1) - ty) + lower[i, k, channel] * ty
        for first in range(0, view.width, TILE_PX):
            width = min(TILE_PX, view.width - first)
            count = resolve_tile(
                y,
                first,
                width,
                view,
                ids,
                inverse_depth,
                surfaces,
                slots,
                look,
                wetness,
                runs,
                table,
                known,
                rows,
                tile,
            )
            sky_tile(width, view.focal_px, air, look.texels, look.first_texel, tile)
            shadow_tile(width, view, air.sun, sun_shines, sun_depth, sun_texel, texel_m, casters, tile)
            shade_tile(
                view, first, width, air, lights, fog_row, has_fog_light, runs, count, columns, first_spot, spots, tile,
                out[y],
            )  # fmt: skip
