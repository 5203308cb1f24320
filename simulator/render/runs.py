"""Runs: what a row of the image shows of one triangle. What is the same all along a run is one row of a table."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.render.appearance import PAINTED
from simulator.render.materials import Emission
from simulator.render.project import DYNAMIC, LOCAL_BITS
from simulator.render.raster import NOTHING
from simulator.render.texture import LAYER_TEXELS
from simulator.render.tiles import (
    ALONG_U,
    ALONG_V,
    BLUE,
    CONTRAST,
    EMIT_BLUE,
    EMIT_GREEN,
    EMIT_RED,
    FACING,
    GLOSS,
    GREEN,
    LANES,
    LAYER,
    NX,
    NY,
    NZ,
    RED,
    ROUGH,
    STAIN,
    TILE_PX,
    TILES,
    X,
    Y,
    Z,
)

F = np.float32
WINDOW, SHEETING = int(Emission.WINDOW), int(Emission.SHEETING)
WHITE = 0.72
"""Reflectance of white sheeting: what is coloured sends so much less light back."""
GLASS_GLOSS, GLASS_ROUGH = 0.6, 0.000064
"""From this gloss on a surface is a pane: a lamp mirrored in it is a glint of half a degree, like the lamp itself."""

# What is the same all along a run: normal = NORMAL + TURN p, texture = U p and V p at p relative to the eye, in tiles.
_NORMAL, _TURN, _FACET, _U, _V = 0, 3, 12, 15, 19
_RED, _GLOSS, _ROUGH, _EMIT, _TILES, _CONTRAST, _STAIN = 23, 26, 27, 28, 31, 32, 33
_LAYER, _DIMMED, _POSE = 34, 35, 36
RUN_FIELDS = 48
"""_POSE: (3, 4) relative to the eye -> the axes that the triangle stands in."""
KNOWN_BITS = 10
KNOWN = 1 << KNOWN_BITS
"""Triangles that are remembered from run to run: most are seen in several rows."""
TABLE_ROWS = KNOWN + TILE_PX


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _hashed(number, salt):
    """0..1 from two integers."""
    h = np.uint32(number) * np.uint32(2654435761) + np.uint32(salt) * np.uint32(40503) + np.uint32(97)
    h ^= h >> np.uint32(15)
    h = np.uint32(h * np.uint32(2246822519))
    h ^= h >> np.uint32(13)
    return F(h & np.uint32(0xFFFF)) * F(1.0 / 65536.0)


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def find_runs(row, first, width, runs):
    count = 0
    for x in range(width):
        if x == 0 or row[first + x] != row[first + x - 1]:
            runs[count] = x
            count += 1
    runs[count] = width
    return count


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def describe_runs(row, first, runs, count, eye, surfaces, slots, look, wetness, mark, known, rows, table):
    """Fills table[rows[run]] for each run. mark: differs from tile to tile. One call for all runs and no views:
    counting references to arrays takes long.

    known: the triangle in each of the first rows of the table, and the mark of the tile that needed it last. What two
    triangles of one tile ask for, the second gets from beyond.
    """
    static, lamp_of, templates = surfaces
    e0, e1, e2 = eye[0], eye[1], eye[2]
    record = np.zeros(15, np.float32)
    for run in range(count):
        triangle = row[first + runs[run]]
        n = np.int64(np.uint32(np.uint32(triangle) * np.uint32(2654435761)) >> np.uint32(32 - KNOWN_BITS))
        if known[n, 0] == triangle:
            known[n, 1], rows[run] = mark, n
            continue
        if known[n, 1] == mark:
            n = np.int64(KNOWN + run)
        else:
            known[n, 0], known[n, 1] = triangle, mark
        rows[run] = n
        if triangle == NOTHING:
            for i in range(RUN_FIELDS):
                table[n, i] = F(0)
            table[n, _NORMAL + 2] = table[n, _ROUGH] = F(1)
            continue
        dynamic = triangle >= DYNAMIC
        slot, k, m = -1, triangle, np.int64(0)
        if dynamic:
            slot = (triangle & (DYNAMIC - 1)) >> LOCAL_BITS
            k = slots.first_triangle[slot] + (triangle & ((1 << LOCAL_BITS) - 1))
            m = np.int64(templates.materials[k])
            for i in range(15):
                record[i] = templates.normals[k, i]
            _turn(record, e0, e1, e2, slots.poses, slot, table, n)
        else:
            m = np.int64(static.materials[k])
            for i in range(15):
                record[i] = static.normals[k, i]
            for i in range(12):
                table[n, _POSE + i] = F(1) if i % 5 == 0 else F(0)
            table[n, _POSE + 3], table[n, _POSE + 7], table[n, _POSE + 11] = e0, e1, e2
            table[n, _NORMAL] = record[0] + record[3] * e0 + record[4] * e1 + record[5] * e2
            table[n, _NORMAL + 1] = record[1] + record[6] * e0 + record[7] * e1 + record[8] * e2
            table[n, _NORMAL + 2] = record[2] + record[9] * e0 + record[10] * e1 + record[11] * e2
            for i in range(9):
                table[n, _TURN + i] = record[3 + i]
            table[n, _FACET], table[n, _FACET + 1], table[n, _FACET + 2] = record[12], record[13], record[14]
        ax, ay, az = abs(record[12]), abs(record[13]), abs(record[14])
        axis = 2 if (az >= ax and az >= ay) else (0 if ax >= ay else 1)
        layer, tiles = look.texture[m], look.tiles_per_m[m]
        along_u, along_v = 1 if axis == 0 else 0, 1 if axis == 2 else 2
        for i in range(4):
            table[n, _U + i] = table[n, _POSE + 4 * along_u + i] * tiles
            table[n, _V + i] = table[n, _POSE + 4 * along_v + i] * tiles
        textured = layer > 0
        table[n, _TILES], table[n, _LAYER] = tiles, F(layer * LAYER_TEXELS)
        table[n, _CONTRAST] = look.contrast[m] * F(1.0 / 128.0) if textured else F(0)
        table[n, _STAIN] = F(0.0026) if textured else F(0)
        red, green, blue = look.albedo[m, 0], look.albedo[m, 1], look.albedo[m, 2]
        if look.palette[m] >= 0:
            if dynamic:
                p = look.palette[m]
                red, green, blue = slots.palettes[slot, p, 0], slots.palettes[slot, p, 1], slots.palettes[slot, p, 2]
            elif look.palette[m] == PAINTED:
                paints = look.paints.shape[0]
                p = min(np.int32(_hashed(static.objects[k], 5) * F(paints)), np.int32(paints - 1))
                red, green, blue = look.paints[p, 0], look.paints[p, 1], look.paints[p, 2]
        v = look.variation[m]
        if v > F(0) and not dynamic:
            h1, h2, h3 = _hashed(static.objects[k], 1), _hashed(static.objects[k], 2), _hashed(static.objects[k], 3)
            bright = F(0.6) + F(0.8) * h3
            red *= F(1) - v + v * bright * (F(0.8) + F(0.4) * h1)
            green *= F(1) - v + v * bright * (F(0.85) + F(0.15) * (h1 + h2))
            blue *= F(1) - v + v * bright * (F(0.75) + F(0.5) * h2)
        wet = wetness * look.wettable[m]
        dark = F(1) - F(0.45) * wet
        table[n, _RED], table[n, _RED + 1], table[n, _RED + 2] = red * dark, green * dark, blue * dark
        gloss = max(look.gloss[m], F(0.75) * wet)
        dull = F(1) - gloss
        # GGX alpha^2: glass is a clean mirror, paint a dull one, a wet road a rough one
        rough = F(GLASS_ROUGH) if gloss >= F(GLASS_GLOSS) else F(0.03) * dull * dull * dull * dull
        rough = F(0.02) if wet > F(0) else rough
        table[n, _GLOSS], table[n, _ROUGH] = gloss, rough
        emitting = look.emission[m]
        table[n, _EMIT], table[n, _EMIT + 1], table[n, _EMIT + 2] = F(0), F(0), F(0)
        table[n, _DIMMED] = F(1) if emitting == WINDOW else F(0)
        if emitting != 0:
            power = F(1)
            if emitting != WINDOW and not dynamic:
                power = slots.lamp_power[lamp_of[k]]
            for channel in range(3):
                table[n, _EMIT + channel] = slots.emission[slot + 1, emitting, channel] * power
            if emitting == SHEETING:
                table[n, _EMIT] *= red * F(1.0 / WHITE)
                table[n, _EMIT + 1] *= green * F(1.0 / WHITE)
                table[n, _EMIT + 2] *= blue * F(1.0 / WHITE)


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _turn(record, e0, e1, e2, poses, slot, table, n):
    """The normals of an actor's triangle, a + G p in its own axes, in those of the world. poses[slot]: own -> world."""
    t00, t01, t02 = poses[slot, 0, 0], poses[slot, 0, 1], poses[slot, 0, 2]
    t10, t11, t12 = poses[slot, 1, 0], poses[slot, 1, 1], poses[slot, 1, 2]
    t20, t21, t22 = poses[slot, 2, 0], poses[slot, 2, 1], poses[slot, 2, 2]
    x, y, z = e0 - poses[slot, 0, 3], e1 - poses[slot, 1, 3], e2 - poses[slot, 2, 3]
    q0, q1, q2 = t00 * x + t10 * y + t20 * z, t01 * x + t11 * y + t21 * z, t02 * x + t12 * y + t22 * z
    table[n, _POSE + 0], table[n, _POSE + 1], table[n, _POSE + 2], table[n, _POSE + 3] = t00, t10, t20, q0
    table[n, _POSE + 4], table[n, _POSE + 5], table[n, _POSE + 6], table[n, _POSE + 7] = t01, t11, t21, q1
    table[n, _POSE + 8], table[n, _POSE + 9], table[n, _POSE + 10], table[n, _POSE + 11] = t02, t12, t22, q2
    a0 = record[0] + record[3] * q0 + record[4] * q1 + record[5] * q2
    a1 = record[1] + record[6] * q0 + record[7] * q1 + record[8] * q2
    a2 = record[2] + record[9] * q0 + record[10] * q1 + record[11] * q2
    f0, f1, f2 = record[12], record[13], record[14]
    table[n, _NORMAL], table[n, _FACET] = t00 * a0 + t01 * a1 + t02 * a2, t00 * f0 + t01 * f1 + t02 * f2
    table[n, _NORMAL + 1], table[n, _FACET + 1] = t10 * a0 + t11 * a1 + t12 * a2, t10 * f0 + t11 * f1 + t12 * f2
    table[n, _NORMAL + 2], table[n, _FACET + 2] = t20 * a0 + t21 * a1 + t22 * a2, t20 * f0 + t21 * f1 + t22 * f2
    for i in range(3):
        # column i of G in the world's axes on its right side, then on its left
        c0, c1, c2 = poses[slot, i, 0], poses[slot, i, 1], poses[slot, i, 2]
        g0 = record[3] * c0 + record[4] * c1 + record[5] * c2
        g1 = record[6] * c0 + record[7] * c1 + record[8] * c2
        g2 = record[9] * c0 + record[10] * c1 + record[11] * c2
        table[n, _TURN + i] = t00 * g0 + t01 * g1 + t02 * g2
        table[n, _TURN + 3 + i] = t10 * g0 + t11 * g1 + t12 * g2
        table[n, _TURN + 6 + i] = t20 * g0 + t21 * g1 + t22 * g2


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def fill_runs(runs, count, table, rows, tile):
    """Fills the planes of `tile` that follow from the position and the run alone."""
    for run in range(count):
        _fill(runs[run], runs[run + 1], table, rows[run], tile)
        if table[rows[run], _DIMMED] != F(0):
            _dim_windows(runs[run], runs[run + 1], table, rows[run], tile)


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _fill(start, end, table, n, tile):
    """What row n of the table says of pixels start <= x < end, LANES at a time. What is written beyond belongs to the
    next run, which is written later."""
    n0, n1, n2 = table[n, _NORMAL], table[n, _NORMAL + 1], table[n, _NORMAL + 2]
    g00, g01, g02 = table[n, _TURN], table[n, _TURN + 1], table[n, _TURN + 2]
    g10, g11, g12 = table[n, _TURN + 3], table[n, _TURN + 4], table[n, _TURN + 5]
    g20, g21, g22 = table[n, _TURN + 6], table[n, _TURN + 7], table[n, _TURN + 8]
    f0, f1, f2 = table[n, _FACET], table[n, _FACET + 1], table[n, _FACET + 2]
    u0, u1, u2, u3 = table[n, _U], table[n, _U + 1], table[n, _U + 2], table[n, _U + 3]
    v0, v1, v2, v3 = table[n, _V], table[n, _V + 1], table[n, _V + 2], table[n, _V + 3]
    red, green, blue = table[n, _RED], table[n, _RED + 1], table[n, _RED + 2]
    gloss, rough = table[n, _GLOSS], table[n, _ROUGH]
    emit_r, emit_g, emit_b = table[n, _EMIT], table[n, _EMIT + 1], table[n, _EMIT + 2]
    tiles, contrast, stain, layer = table[n, _TILES], table[n, _CONTRAST], table[n, _STAIN], table[n, _LAYER]
    for block in range(start, end, LANES):
        for lane in range(np.uint64(LANES)):
            k = np.uint64(block) + lane
            px, py, pz = tile[X + k], tile[Y + k], tile[Z + k]
            tile[NX + k] = n0 + g00 * px + g01 * py + g02 * pz
            tile[NY + k] = n1 + g10 * px + g11 * py + g12 * pz
            tile[NZ + k] = n2 + g20 * px + g21 * py + g22 * pz
            tile[FACING + k] = f0 * px + f1 * py + f2 * pz
            tile[ALONG_U + k] = u0 * px + u1 * py + u2 * pz + u3
            tile[ALONG_V + k] = v0 * px + v1 * py + v2 * pz + v3
            tile[RED + k], tile[GREEN + k], tile[BLUE + k] = red, green, blue
            tile[GLOSS + k], tile[ROUGH + k] = gloss, rough
            tile[EMIT_RED + k], tile[EMIT_GREEN + k], tile[EMIT_BLUE + k] = emit_r, emit_g, emit_b
            tile[TILES + k], tile[CONTRAST + k], tile[STAIN + k], tile[LAYER + k] = tiles, contrast, stain, layer


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _dim_windows(start, end, table, n, tile):
    """No two rooms are lit alike."""
    for k in range(np.uint64(start), np.uint64(end)):
        px, py, pz = tile[X + k], tile[Y + k], tile[Z + k]
        wx = table[n, _POSE + 0] * px + table[n, _POSE + 1] * py + table[n, _POSE + 2] * pz + table[n, _POSE + 3]
        wy = table[n, _POSE + 4] * px + table[n, _POSE + 5] * py + table[n, _POSE + 6] * pz + table[n, _POSE + 7]
        wz = table[n, _POSE + 8] * px + table[n, _POSE + 9] * py + table[n, _POSE + 10] * pz + table[n, _POSE + 11]
        cell = (
            np.int32(np.floor(wx * F(0.4))) * 73 + np.int32(np.floor(wy * F(0.4))) * 179 + np.int32(wz * F(0.33)) * 283
        )
        light = F(0.35) + F(1.3) * _hashed(cell, 9)
        tile[EMIT_RED + k], tile[EMIT_GREEN + k] = table[n, _EMIT] * light, table[n, _EMIT + 1] * light
        tile[EMIT_BLUE + k] = table[n, _EMIT + 2] * light
