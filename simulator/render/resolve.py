"""From triangle ids to what a surface is like: position, normal, reflectance, own light."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.appearance import PAINTED
from simulator.render.materials import Emission
from simulator.render.project import DYNAMIC, LOCAL_BITS
from simulator.render.raster import NOTHING
from simulator.render.rows import (
    BLUE,
    DISTANCE,
    EMIT_BLUE,
    EMIT_GREEN,
    EMIT_RED,
    GLOSS,
    GREEN,
    NX,
    NY,
    NZ,
    RED,
    ROUGH,
    SKY_M,
    X,
    Y,
    Z,
)
from simulator.render.texture import CLOUD_LAYER, LEVELS, TEXELS, sample

F = np.float32
STREET_LAMP = int(Emission.STREET_LAMP)
WINDOW = int(Emission.WINDOW)


class Slots(NamedTuple):
    """Instances of a frame. first_triangle: (n,) int32 in the template tables. poses: (n, 3, 4), palettes: (n, 3, 3).

    emission: (1 + n, kinds, 3) float32 cd/m2 of each kind of lamp; row 0 is the static mesh's.
    lamp_power: (street lamps + 1,) float32 0..1; the last is for heads that belong to no lamp.
    """

    first_triangle: NDArray[np.int32]
    poses: NDArray[np.float32]
    palettes: NDArray[np.float32]
    emission: NDArray[np.float32]
    lamp_power: NDArray[np.float32]


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def hashed(number, salt):  # type: ignore[no-untyped-def]
    """0..1 from two integers."""
    h = np.uint32(number) * np.uint32(2654435761) + np.uint32(salt) * np.uint32(40503) + np.uint32(97)
    h ^= h >> np.uint32(15)
    h = np.uint32(h * np.uint32(2246822519))
    h ^= h >> np.uint32(13)
    return F(h & np.uint32(0xFFFF)) * F(1.0 / 65536.0)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def resolve_row(y, view, ids, inverse_depth, static, lamp_of, templates, slots, look, wetness, row):  # type: ignore[no-untyped-def]
    """Fills the planes of `row` for image row y. static, templates: `Surfaces`; lamp_of: (static triangles,) int32."""
    r = view.rotation
    r00, r01, r02 = r[0, 0], r[0, 1], r[0, 2]
    e0, e1, e2 = view.eye[0], view.eye[1], view.eye[2]
    inverse_focal = F(1) / view.focal_px
    b = (F(y) + F(0.5) - view.cy_px) * inverse_focal
    base_x, base_y, base_z = r[1, 0] * b + r[2, 0], r[1, 1] * b + r[2, 1], r[1, 2] * b + r[2, 2]
    width = ids.shape[1]
    previous = np.int32(-1)
    dynamic = False
    layer, emitting = np.int32(0), np.int32(0)
    n0 = n1 = n2 = F(0)
    g00 = g01 = g02 = g10 = g11 = g12 = g20 = g21 = g22 = F(0)
    f0 = f1 = f2 = F(0)
    t00 = t01 = t02 = t03 = t10 = t11 = t12 = t13 = t20 = t21 = t22 = t23 = F(0)
    red = green = blue = gloss = rough = tiles = contrast = er = eg = eb = F(0)
    axis = np.int32(0)
    for x in range(width):
        i = ids[y, x]
        a = (F(x) + F(0.5) - view.cx_px) * inverse_focal
        dx, dy, dz = base_x + r00 * a, base_y + r01 * a, base_z + r02 * a
        if i == NOTHING:
            row[X, x], row[Y, x], row[Z, x] = dx * F(SKY_M), dy * F(SKY_M), dz * F(SKY_M)
            row[NX, x], row[NY, x], row[NZ, x] = F(0), F(0), F(1)
            row[RED, x], row[GREEN, x], row[BLUE, x], row[GLOSS, x] = F(0), F(0), F(0), F(0)
            row[EMIT_RED, x], row[EMIT_GREEN, x], row[EMIT_BLUE, x] = F(0), F(0), F(0)
            row[ROUGH, x] = F(1)
            row[DISTANCE, x] = F(SKY_M) * F(2)
            continue
        if i != previous:
            previous = i
            dynamic = i >= DYNAMIC
            if dynamic:
                slot = (i & (DYNAMIC - 1)) >> LOCAL_BITS
                k = slots.first_triangle[slot] + (i & ((1 << LOCAL_BITS) - 1))
                record, m = templates.normals[k], templates.materials[k]
                pose = slots.poses[slot]
                t00, t01, t02, t03 = pose[0, 0], pose[0, 1], pose[0, 2], pose[0, 3]
                t10, t11, t12, t13 = pose[1, 0], pose[1, 1], pose[1, 2], pose[1, 3]
                t20, t21, t22, t23 = pose[2, 0], pose[2, 1], pose[2, 2], pose[2, 3]
            else:
                slot, k = -1, i
                record, m = static.normals[k], static.materials[k]
            n0, n1, n2 = record[0], record[1], record[2]
            g00, g01, g02 = record[3], record[4], record[5]
            g10, g11, g12 = record[6], record[7], record[8]
            g20, g21, g22 = record[9], record[10], record[11]
            f0, f1, f2 = record[12], record[13], record[14]
            ax, ay, az = abs(f0), abs(f1), abs(f2)
            axis = np.int32(2) if (az >= ax and az >= ay) else (np.int32(0) if ax >= ay else np.int32(1))
            red, green, blue = look.albedo[m, 0], look.albedo[m, 1], look.albedo[m, 2]
            if look.palette[m] >= 0:
                if dynamic:
                    colour = slots.palettes[slot, look.palette[m]]
                    red, green, blue = colour[0], colour[1], colour[2]
                elif look.palette[m] == PAINTED:
                    paints = look.paints.shape[0]
                    colour = look.paints[min(np.int32(hashed(static.objects[k], 5) * F(paints)), np.int32(paints - 1))]
                    red, green, blue = colour[0], colour[1], colour[2]
            v = look.variation[m]
            if v > F(0) and not dynamic:
                h1, h2, h3 = hashed(static.objects[k], 1), hashed(static.objects[k], 2), hashed(static.objects[k], 3)
                bright = F(0.6) + F(0.8) * h3
                red *= F(1) - v + v * bright * (F(0.8) + F(0.4) * h1)
                green *= F(1) - v + v * bright * (F(0.85) + F(0.15) * (h1 + h2))
                blue *= F(1) - v + v * bright * (F(0.75) + F(0.5) * h2)
            wet = wetness * look.wettable[m]
            red, green, blue = (
                red * (F(1) - F(0.45) * wet),
                green * (F(1) - F(0.45) * wet),
                blue * (F(1) - F(0.45) * wet),
            )
            gloss = max(look.gloss[m], F(0.75) * wet)
            dull = F(1) - gloss
            # GGX alpha^2: glass is a clean mirror, a wet road a rough one
            rough = max(F(0.03) * dull * dull * dull * dull, F(0.0004)) if wet <= F(0) else F(0.02)
            layer, tiles = look.texture[m], look.tiles_per_m[m]
            contrast = look.contrast[m] * F(1.0 / 128.0)
            emitting = look.emission[m]
            er = eg = eb = F(0)
            if emitting != 0:
                glow = slots.emission[slot + 1, emitting]
                power = F(1)
                if emitting == STREET_LAMP and not dynamic:
                    power = slots.lamp_power[lamp_of[k]]
                er, eg, eb = glow[0] * power, glow[1] * power, glow[2] * power
        z = F(1) / inverse_depth[y, x]
        px, py, pz = z * dx, z * dy, z * dz
        wx, wy, wz = px + e0, py + e1, pz + e2
        if dynamic:
            qx, qy, qz = wx - t03, wy - t13, wz - t23
            wx, wy, wz = t00 * qx + t10 * qy + t20 * qz, t01 * qx + t11 * qy + t21 * qz, t02 * qx + t12 * qy + t22 * qz
        nx = n0 + g00 * wx + g01 * wy + g02 * wz
        ny = n1 + g10 * wx + g11 * wy + g12 * wz
        nz = n2 + g20 * wx + g21 * wy + g22 * wz
        sx, sy, sz = f0, f1, f2
        if dynamic:
            nx, ny, nz = t00 * nx + t01 * ny + t02 * nz, t10 * nx + t11 * ny + t12 * nz, t20 * nx + t21 * ny + t22 * nz
            sx, sy, sz = t00 * sx + t01 * sy + t02 * sz, t10 * sx + t11 * sy + t12 * sz, t20 * sx + t21 * sy + t22 * sz
        facing = sx * dx + sy * dy + sz * dz
        scale = F(1) / math.sqrt(max(nx * nx + ny * ny + nz * nz, F(1e-12)))
        if facing > F(0):
            scale = -scale
        facing = abs(facing)
        nx, ny, nz = nx * scale, ny * scale, nz * scale
        ray2 = dx * dx + dy * dy + dz * dz
        gain = F(1)
        if layer > 0:
            u, v = wx, wz
            if axis == 2:
                v = wy
            elif axis == 0:
                u = wy
            u, v = u * tiles, v * tiles
            # texels per pixel, stretched by half of what the slant asks for: a compromise between blur and shimmer
            footprint = z * inverse_focal * tiles * F(TEXELS) / math.sqrt(max(facing / math.sqrt(ray2), F(0.02)))
            # the level is dithered between neighbouring pixels, so that no line shows where it changes
            footprint *= F(0.75) + F(0.1875) * F((x * 5 + y * 3 + (x >> 2) + (y >> 1)) & 3)
            level = np.int32(0)
            if footprint > F(1):
                level = (np.float32(footprint).view(np.int32) >> np.int32(23)) - np.int32(127)
            detail = sample(look.texels, look.first_texel, layer, u, v, min(level, np.int32(LEVELS - 1)))
            # a cloudy pattern, turned and a twelfth as fine, hides that the tiles repeat
            coarse = min(max(level - np.int32(4), np.int32(0)), np.int32(LEVELS - 1))
            n = np.int32(TEXELS) >> coarse
            wrap = n - np.int32(1)
            i0 = np.int32(np.floor((u * F(0.066) + v * F(0.05)) * F(n))) & wrap
            j0 = np.int32(np.floor((v * F(0.066) - u * F(0.05)) * F(n))) & wrap
            stain = F(look.texels[CLOUD_LAYER, np.uint32(look.first_texel[coarse] + j0 * n + i0)])
            gain = (F(1) + contrast * (detail - F(128))) * (F(1) + F(0.0026) * (stain - F(128)))
            gain = max(gain, F(0.08))
        light = F(1)
        if emitting == WINDOW:
            cell = (
                np.int32(np.floor(wx * F(0.4))) * 73
                + np.int32(np.floor(wy * F(0.4))) * 179
                + np.int32(wz * F(0.33)) * 283
            )
            light = F(0.35) + F(1.3) * hashed(cell, 9)
        row[X, x], row[Y, x], row[Z, x] = px, py, pz
        row[NX, x], row[NY, x], row[NZ, x] = nx, ny, nz
        row[RED, x], row[GREEN, x], row[BLUE, x], row[GLOSS, x] = red * gain, green * gain, blue * gain, gloss
        row[EMIT_RED, x], row[EMIT_GREEN, x], row[EMIT_BLUE, x] = er * light, eg * light, eb * light
        row[ROUGH, x] = rough
        row[DISTANCE, x] = z * math.sqrt(ray2)
