"""Spots of a tile: the pixels at which the light of lamps is worked out. Between them it runs straight.

On one flat triangle that light changes little over a few pixels, so there every fourth pixel is a spot, and the last.
Where the surface curves every pixel is one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.render.tiles import DISTANCE, GLOSS, LANES, LIGHT_RED, NX, NY, NZ, ROUGH, SKY_M, STRIDE, TILE_PX, X, Y, Z

F = np.float32
LEAST_GLOSS = 0.1
"""Surfaces duller than this mirror no lamps."""
STEP_PX = 4
"""Between spots of one run."""
MOST_TURN = 0.01
"""Of the normal from pixel to pixel, squared, as a share of the mirror lobe's width squared: what counts as flat."""
MOST_SPOTS = TILE_PX + 3 * LANES
"""With those that stand for nothing: each kind begins at a multiple of LANES."""
SPOT_STRIDE = 304
"""Floats from plane to plane, see `tiles.STRIDE`."""

(
    SPOT_X, SPOT_Y, SPOT_Z, SPOT_NX, SPOT_NY, SPOT_NZ, SPOT_DISTANCE, SPOT_GLOSS, SPOT_ROUGH, SPOT_SHARE, SPOT_RED,
    SPOT_GREEN, SPOT_BLUE, SPOT_GLARE_RED, SPOT_GLARE_GREEN, SPOT_GLARE_BLUE
) = (np.uint64(SPOT_STRIDE * n) for n in range(16))  # fmt: skip
"""Planes of the spots of a tile, one flat float32 array (SPOT_FLOATS,), as those of `tiles`. SPOT_SHARE: 1 over the
pixels to the next spot, 0 for the last of a run. SPOT_RED to SPOT_GLARE_BLUE: LIGHT_* and GLARE_*, in their order."""
SPOT_FLOATS = 16 * SPOT_STRIDE


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def find_spots(runs, count, tile, columns, first_spot, spots):
    """Fills all planes but those of light; returns how many spots there are, where those begin that do not show the
    sky, and where those that mirror lamps: they stand in this order. runs, count: see `resolve.resolve_tile`.

    columns: (MOST_SPOTS,) int32, set to the pixels of the spots; first_spot: (TILE_PX + 1,) int32, to the first
    spot of each run.
    """
    found = shiny_from = np.int64(0)
    for run in range(count):
        if tile[DISTANCE + np.uint64(runs[run])] >= F(SKY_M):
            first_spot[run] = found
            found = _add(np.int64(runs[run]), np.int64(runs[run + 1]) - 1, tile, columns, spots, found)
    matt = found = _padded(found, columns)
    for shiny in range(2):
        for run in range(count):
            a = np.uint64(runs[run])
            if tile[DISTANCE + a] < F(SKY_M) and (tile[GLOSS + a] > F(LEAST_GLOSS)) == (shiny == 1):
                first_spot[run] = found
                found = _add(np.int64(runs[run]), np.int64(runs[run + 1]) - 1, tile, columns, spots, found)
        if shiny == 0:
            shiny_from = found = _padded(found, columns)
    for k in range(np.uint64(found)):
        x = np.uint64(columns[k])
        spots[SPOT_X + k], spots[SPOT_Y + k], spots[SPOT_Z + k] = tile[X + x], tile[Y + x], tile[Z + x]
        spots[SPOT_NX + k], spots[SPOT_NY + k], spots[SPOT_NZ + k] = tile[NX + x], tile[NY + x], tile[NZ + x]
        spots[SPOT_DISTANCE + k] = tile[DISTANCE + x]
        spots[SPOT_GLOSS + k], spots[SPOT_ROUGH + k] = tile[GLOSS + x], tile[ROUGH + x]
    return found, matt, shiny_from


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _padded(found, columns):
    while found % LANES != 0:
        columns[found] = 0
        found += 1
    return found


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _add(start, last, tile, columns, spots, found):
    """The spots of the run from pixel `start` to `last`; returns how many there are with them."""
    long = last - start
    a, b = np.uint64(start), np.uint64(last)
    bx, by, bz = tile[NX + b] - tile[NX + a], tile[NY + b] - tile[NY + a], tile[NZ + b] - tile[NZ + a]
    turn = bx * bx + by * by + bz * bz
    flat = turn <= F(MOST_TURN) * min(tile[ROUGH + a], F(0.02)) * F(long * long)
    step = STEP_PX if flat else 1
    share = F(1.0 / STEP_PX) if flat else F(1)
    for x in range(start, last, step):
        columns[found] = x
        spots[SPOT_SHARE + np.uint64(found)] = share
        found += 1
    if long > 0:
        spots[SPOT_SHARE + np.uint64(found - 1)] = F(1) / F(last - columns[found - 1])
    columns[found] = last
    spots[SPOT_SHARE + np.uint64(found)] = F(0)
    return found + 1


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def spread(runs, count, columns, first_spot, spots, tile):
    """LIGHT_* and GLARE_* from the spots to all pixels of a tile, STEP_PX at a time: what is written beyond the next
    spot is overwritten by what belongs there."""
    for run in range(count):
        k, last = np.uint64(first_spot[run]), np.int32(runs[run + 1]) - 1
        while True:
            share, x = spots[SPOT_SHARE + k], LIGHT_RED + np.uint64(columns[k])
            for plane in range(np.uint64(6)):
                light = SPOT_RED + np.uint64(SPOT_STRIDE) * plane + k
                here = spots[light]
                step = (spots[light + np.uint64(1)] - here) * share
                for lane in range(np.uint64(STEP_PX)):
                    tile[x + np.uint64(STRIDE) * plane + lane] = here + F(np.int32(lane)) * step
            if columns[k] == last:
                break
            k += np.uint64(1)
