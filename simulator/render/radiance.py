"""One pass over the image rows: resolve each row's surfaces and shade it."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.render.froxels import DOWN
from simulator.render.heaven import sky_row
from simulator.render.resolve import resolve_row
from simulator.render.shade import shade_row
from simulator.render.shadows import shadow_row
from simulator.render.workers import take_next

F = np.float32


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def render_rows(
    view, ids, inverse_depth, static, lamp_of, templates, slots, look, wetness, air, lights, sun_shines, sun_depth,
    sun_texel, texel_m, casters, grid, has_fog_light, scratch, out, counter, thread,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """out: (H, 3, W) float32 radiance in cd/m2. grid: see `froxels.fill_froxels`.

    scratch: (threads, PLANES, W or more), zeros at first.
    """
    row = scratch[thread]
    fog_row = np.zeros((grid.shape[1], grid.shape[2], 3), np.float32)
    per_row = F(DOWN - 1) / F(view.height)
    while True:
        y = take_next(counter)
        if y >= view.height:
            break
        resolve_row(y, view, ids, inverse_depth, static, lamp_of, templates, slots, look, wetness, row)
        sky_row(air, look.texels, look.first_texel, row)
        shadow_row(view, air.sun, sun_shines, sun_depth, sun_texel, texel_m, casters, row)
        if has_fog_light:
            fy = (F(y) + F(0.5)) * per_row
            iy = min(np.int32(fy), np.int32(DOWN - 2))
            ty = fy - F(iy)
            upper, lower = grid[iy], grid[iy + 1]
            for i in range(fog_row.shape[0]):
                for k in range(fog_row.shape[1]):
                    for channel in range(3):
                        fog_row[i, k, channel] = upper[i, k, channel] * (F(1) - ty) + lower[i, k, channel] * ty
        shade_row(view, y, air, lights, fog_row, has_fog_light, row, out[y])
