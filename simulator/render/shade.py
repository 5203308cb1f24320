"""From surfaces to the light that reaches the camera: sun, sky, lamps, mirror light, air."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.beams import beam, exp_minus, reach_window, street_lamp
from simulator.render.froxels import OCTAVES
from simulator.render.lights import COLOUR, DIRECTION, KIND, POSITION, RANGE, SHAPE, SIDE, UP
from simulator.render.rows import (
    BLUE,
    DISTANCE,
    EMIT_BLUE,
    EMIT_GREEN,
    EMIT_RED,
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
    ROUGH,
    SHINE_BLUE,
    SHINE_GREEN,
    SHINE_RED,
    SKY_M,
    SUN,
    X,
    Y,
    Z,
)
from simulator.render.sky import FOG_LAYER_M, Daylight

F = np.float32
SEGMENT_PX = 64
"""Lights are culled against this much of a row at a time."""
LEAST_GLOSS = 0.1
"""Surfaces duller than this mirror no lamps."""
INVERSE_PI = np.float32(1.0 / math.pi)


class Air(NamedTuple):
    """`Daylight` for the kernels; colours: (6, 3) float32, rows sun, sky, ground, zenith, horizon, air."""

    sun: NDArray[np.float32]
    colours: NDArray[np.float32]
    extinction: np.float32
    cover: np.float32


def air_of(day: Daylight) -> Air:
    colours = [day.sun_rgb, day.sky_rgb, day.ground_rgb, day.zenith_rgb, day.horizon_rgb, day.air_rgb]
    return Air(
        np.array(day.sun, np.float32),
        np.array(colours, np.float32),
        np.float32(day.extinction_per_m),
        np.float32(day.cover),
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def shade_row(view, y, air, lights, fog_row, has_fog_light, row, out):  # type: ignore[no-untyped-def]
    """Shades the planes of `row`; out: (3, W) float32 radiance, cd/m2.

    lights: (n, FIELDS) float32. fog_row: (ACROSS, SLICES, 3) float32, the froxel grid at this row.
    """
    width = out.shape[1]
    c = air.colours
    sun_x, sun_y, sun_z = air.sun[0], air.sun[1], air.sun[2]
    sun_r, sun_g, sun_b = c[0, 0], c[0, 1], c[0, 2]
    down_r, down_g, down_b = c[2, 0], c[2, 1], c[2, 2]
    up_r, up_g, up_b = c[1, 0] - down_r, c[1, 1] - down_g, c[1, 2] - down_b
    zenith_r, zenith_g, zenith_b = c[3, 0], c[3, 1], c[3, 2]
    horizon_r, horizon_g, horizon_b = c[4, 0], c[4, 1], c[4, 2]
    air_r, air_g, air_b = c[5, 0], c[5, 1], c[5, 2]
    extinction = air.extinction
    for first in range(0, width, SEGMENT_PX):
        n = min(SEGMENT_PX, width - first)
        end = first + n
        px, py, pz = row[X, first:end], row[Y, first:end], row[Z, first:end]
        nx, ny, nz = row[NX, first:end], row[NY, first:end], row[NZ, first:end]
        distance, gloss = row[DISTANCE, first:end], row[GLOSS, first:end]
        light_r, light_g, light_b = row[LIGHT_RED, first:end], row[LIGHT_GREEN, first:end], row[LIGHT_BLUE, first:end]
        shine_r, shine_g, shine_b = row[SHINE_RED, first:end], row[SHINE_GREEN, first:end], row[SHINE_BLUE, first:end]
        in_sun, clear, rough = row[SUN, first:end], row[OPEN, first:end], row[ROUGH, first:end]
        for i in range(n):
            up = F(0.5) + F(0.5) * nz[i]
            facing = max(nx[i] * sun_x + ny[i] * sun_y + nz[i] * sun_z, F(0)) * in_sun[i]
            light_r[i] = down_r + up * up_r + facing * sun_r
            light_g[i] = down_g + up * up_g + facing * sun_g
            light_b[i] = down_b + up * up_b + facing * sun_b
        low_x = low_y = low_z = near = F(1e9)
        high_x = high_y = high_z = F(-1e9)
        shiny = F(0)
        for i in range(n):
            away = F(0) if distance[i] < F(SKY_M) else F(1e9)
            low_x, high_x = min(low_x, px[i] + away), max(high_x, px[i] - away)
            low_y, high_y = min(low_y, py[i] + away), max(high_y, py[i] - away)
            low_z, high_z = min(low_z, pz[i] + away), max(high_z, pz[i] - away)
            near = min(near, distance[i])
            shiny = max(shiny, gloss[i])
        for i in range(n):
            shine_r[i], shine_g[i], shine_b[i] = F(0), F(0), F(0)
        # beyond twelve optical depths there and back nothing of a lamp's light on a surface is left
        dark = extinction * near > F(8)
        for j in range(lights.shape[0]):
            light = lights[j]
            lx, ly, lz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
            reach2 = light[RANGE] * light[RANGE]
            gap_x = max(max(low_x - lx, lx - high_x), F(0))
            gap_y = max(max(low_y - ly, ly - high_y), F(0))
            gap_z = max(max(low_z - lz, lz - high_z), F(0))
            if dark or gap_x * gap_x + gap_y * gap_y + gap_z * gap_z > reach2:
                continue
            inverse_reach2 = F(1) / reach2
            ax, ay, az = light[DIRECTION], light[DIRECTION + 1], light[DIRECTION + 2]
            red, green, blue = light[COLOUR], light[COLOUR + 1], light[COLOUR + 2]
            if light[KIND] == F(0):
                for i in range(n):
                    vx, vy, vz = lx - px[i], ly - py[i], lz - pz[i]
                    d2 = vx * vx + vy * vy + vz * vz + F(0.01)
                    inverse = F(1) / math.sqrt(d2)
                    facing = max((nx[i] * vx + ny[i] * vy + nz[i] * vz) * inverse, F(0))
                    window = reach_window(d2 * inverse_reach2)
                    shape = street_lamp(-(ax * vx + ay * vy + az * vz) * inverse)
                    e = facing * window * shape * inverse * inverse * exp_minus(extinction * d2 * inverse)
                    light_r[i] += e * red
                    light_g[i] += e * green
                    light_b[i] += e * blue
            else:
                sx, sy, sz = light[SIDE], light[SIDE + 1], light[SIDE + 2]
                ux, uy, uz = light[UP], light[UP + 1], light[UP + 2]
                p0, p1, p2, p3 = light[SHAPE], light[SHAPE + 1], light[SHAPE + 2], light[SHAPE + 3]
                p4, p5 = light[SHAPE + 4], light[SHAPE + 5]
                for i in range(n):
                    vx, vy, vz = px[i] - lx, py[i] - ly, pz[i] - lz
                    d2 = vx * vx + vy * vy + vz * vz + F(0.01)
                    inverse = F(1) / math.sqrt(d2)
                    forward = ax * vx + ay * vy + az * vz
                    inverse_forward = F(1) / max(forward, F(1e-3))
                    across = (sx * vx + sy * vy + sz * vz) * inverse_forward
                    above = (ux * vx + uy * vy + uz * vz) * inverse_forward
                    shape = beam(across, above, p0, p1, p2, p3, p4, p5)
                    shape = shape if forward > F(0.01) else F(0)
                    facing = max(-(nx[i] * vx + ny[i] * vy + nz[i] * vz) * inverse, F(0))
                    window = reach_window(d2 * inverse_reach2)
                    e = facing * window * shape / (d2 + F(0.1)) * exp_minus(extinction * d2 * inverse)
                    light_r[i] += e * red
                    light_g[i] += e * green
                    light_b[i] += e * blue
            if shiny > F(LEAST_GLOSS):
                # mirror light of the lamp on a rough film (GGX with a half vector)
                for i in range(n):
                    vx, vy, vz = lx - px[i], ly - py[i], lz - pz[i]
                    d2 = vx * vx + vy * vy + vz * vz + F(0.01)
                    inverse = F(1) / math.sqrt(d2)
                    eye = F(1) / max(distance[i], F(0.1))
                    hx, hy, hz = vx * inverse - px[i] * eye, vy * inverse - py[i] * eye, vz * inverse - pz[i] * eye
                    length2 = hx * hx + hy * hy + hz * hz + F(1e-6)
                    cosine = max(nx[i] * hx + ny[i] * hy + nz[i] * hz, F(0))
                    graze = F(1) - (hx * vx + hy * vy + hz * vz) * inverse / math.sqrt(length2)
                    graze = max(graze, F(0))
                    fresnel = F(0.04) + F(0.96) * graze * graze * graze * graze * graze
                    rough2 = rough[i]
                    lobe = cosine * cosine / length2 * (rough2 - F(1)) + F(1)
                    forward = -(ax * vx + ay * vy + az * vz) * inverse
                    toward = max(min(forward * F(4) - F(0.2), F(1)), F(0))
                    window = reach_window(d2 * inverse_reach2 * F(0.25))
                    e = (
                        max(gloss[i] - F(LEAST_GLOSS), F(0)) * fresnel * rough2 * INVERSE_PI / (lobe * lobe)
                        * F(0.6) * toward * window * inverse * inverse * exp_minus(extinction * d2 * inverse)
                    )  # fmt: skip
                    shine_r[i] += e * red
                    shine_g[i] += e * green
                    shine_b[i] += e * blue
        albedo_r, albedo_g, albedo_b = row[RED, first:end], row[GREEN, first:end], row[BLUE, first:end]
        emit_r, emit_g, emit_b = row[EMIT_RED, first:end], row[EMIT_GREEN, first:end], row[EMIT_BLUE, first:end]
        out_r, out_g, out_b = out[0, first:end], out[1, first:end], out[2, first:end]
        for i in range(n):
            away = F(1) / distance[i]
            dx, dy, dz = px[i] * away, py[i] * away, pz[i] * away
            sky = distance[i] >= F(SKY_M)
            cosine = nx[i] * dx + ny[i] * dy + nz[i] * dz
            mirror_z = dz if sky else dz - F(2) * cosine * nz[i]
            high = math.sqrt(max(mirror_z, F(0)))
            below = F(1) if sky else min(max(F(1) + mirror_z * F(6), F(0.25)), F(1))
            sky_r = (horizon_r + (zenith_r - horizon_r) * high) * below
            sky_g = (horizon_g + (zenith_g - horizon_g) * high) * below
            sky_b = (horizon_b + (zenith_b - horizon_b) * high) * below
            graze = F(1) + cosine
            graze = min(max(graze, F(0)), F(1))
            mirror = gloss[i] * clear[i] * (F(0.05) + F(0.8) * graze * graze * graze * graze * graze)
            diffuse = clear[i] * INVERSE_PI
            r = albedo_r[i] * light_r[i] * diffuse + emit_r[i] + mirror * sky_r + shine_r[i]
            g = albedo_g[i] * light_g[i] * diffuse + emit_g[i] + mirror * sky_g + shine_g[i]
            b = albedo_b[i] * light_b[i] * diffuse + emit_b[i] + mirror * sky_b + shine_b[i]
            r, g, b = (emit_r[i] if sky else r), (emit_g[i] if sky else g), (emit_b[i] if sky else b)
            # the sky is seen through the fog layer above, not through endless fog
            path = min(F(FOG_LAYER_M) / max(dz, F(0.01)), F(4000)) if sky else distance[i]
            through = exp_minus(extinction * path)
            veil = F(1) - through
            out_r[i] = r * through + air_r * veil
            out_g[i] = g * through + air_g * veil
            out_b[i] = b * through + air_b * veil
        if has_fog_light:
            columns, slices = fog_row.shape[0], fog_row.shape[1]
            per_column = F(columns - 1) / F(view.width)
            per_octave = F(slices - 1) * F(1.0 / OCTAVES)
            for i in range(n):
                fx = (F(first + i) + F(0.5)) * per_column
                d = min(max(distance[i], F(1)), F(127.9))
                # the float's own exponent and mantissa: log2, linear within an octave, as the slices are
                fz = F(np.float32(d).view(np.int32) - np.int32(1065353216)) * F(1.0 / 8388608.0) * per_octave
                ix, iz = min(np.int32(fx), np.int32(columns - 2)), min(np.int32(fz), np.int32(slices - 2))
                tx, tz = fx - F(ix), fz - F(iz)
                ux, uz = np.uint32(ix), np.uint32(iz)
                vx, vz = ux + np.uint32(1), uz + np.uint32(1)
                w00, w10, w01, w11 = (F(1) - tx) * (F(1) - tz), tx * (F(1) - tz), (F(1) - tx) * tz, tx * tz
                nearby = min(distance[i], F(1))
                w00, w10, w01, w11 = w00 * nearby, w10 * nearby, w01 * nearby, w11 * nearby
                out_r[i] += (
                    w00 * fog_row[ux, uz, 0] + w10 * fog_row[vx, uz, 0]
                    + w01 * fog_row[ux, vz, 0] + w11 * fog_row[vx, vz, 0]
                )  # fmt: skip
                out_g[i] += (
                    w00 * fog_row[ux, uz, 1] + w10 * fog_row[vx, uz, 1]
                    + w01 * fog_row[ux, vz, 1] + w11 * fog_row[vx, vz, 1]
                )  # fmt: skip
                out_b[i] += (
                    w00 * fog_row[ux, uz, 2] + w10 * fog_row[vx, uz, 2]
                    + w01 * fog_row[ux, vz, 2] + w11 * fog_row[vx, vz, 2]
                )  # fmt: skip
