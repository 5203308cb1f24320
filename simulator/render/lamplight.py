"""Light of lamps at the spots of an image row: on surfaces, mirrored by them, and scattered by the fog before them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from simulator.render.beams import beam, exp_minus, reach_window, street_lamp
from simulator.render.froxels import OCTAVES
from simulator.render.lights import COLOUR, DIRECTION, KIND, POSITION, RANGE, SHAPE, SIDE, STREET, UP
from simulator.render.spots import (
    LEAST_GLOSS,
    SPOT_BLUE,
    SPOT_DISTANCE,
    SPOT_GLARE_BLUE,
    SPOT_GLARE_GREEN,
    SPOT_GLARE_RED,
    SPOT_GLOSS,
    SPOT_GREEN,
    SPOT_NX,
    SPOT_NY,
    SPOT_NZ,
    SPOT_RED,
    SPOT_ROUGH,
    SPOT_X,
    SPOT_Y,
    SPOT_Z,
)
from simulator.render.tiles import LANES

F = np.float32
TOGETHER = 64
"""Spots that lamps are culled against at a time."""
INVERSE_PI = np.float32(1.0 / math.pi)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _mirrored(vx, vy, vz, inverse, reach, spots, k):
    """Mirror light of a lamp on a rough film (GGX with a half vector), per candela and 1/m2.

    v: from spot k to the lamp, `inverse` of its length; reach: squared share of it.
    """
    eye = F(1) / max(spots[SPOT_DISTANCE + k], F(0.1))
    hx = vx * inverse - spots[SPOT_X + k] * eye
    hy = vy * inverse - spots[SPOT_Y + k] * eye
    hz = vz * inverse - spots[SPOT_Z + k] * eye
    length2 = hx * hx + hy * hy + hz * hz + F(1e-6)
    cosine = max(spots[SPOT_NX + k] * hx + spots[SPOT_NY + k] * hy + spots[SPOT_NZ + k] * hz, F(0))
    graze = max(F(1) - (hx * vx + hy * vy + hz * vz) * inverse / math.sqrt(length2), F(0))
    fresnel = F(0.04) + F(0.96) * graze * graze * graze * graze * graze
    rough2 = spots[SPOT_ROUGH + k]
    lobe = cosine * cosine / length2 * (rough2 - F(1)) + F(1)
    gloss = max(spots[SPOT_GLOSS + k] - F(LEAST_GLOSS), F(0))
    return gloss * fresnel * rough2 * INVERSE_PI / (lobe * lobe) * F(0.6) * reach_window(reach * F(0.25))


def _street_kernel(mirrors: bool) -> Any:
    """Adds the light of one lamp to the spots; with or without mirror light, so that no loop has a branch."""

    @njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def add(extinction, light, first, end, spots):
        lx, ly, lz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
        ax, ay, az = light[DIRECTION], light[DIRECTION + 1], light[DIRECTION + 2]
        red, green, blue = light[COLOUR], light[COLOUR + 1], light[COLOUR + 2]
        inverse_reach2 = F(1) / (light[RANGE] * light[RANGE])
        for block in range(first, end, LANES):
            for lane in range(np.uint64(LANES)):
                k = np.uint64(block) + lane
                vx, vy, vz = lx - spots[SPOT_X + k], ly - spots[SPOT_Y + k], lz - spots[SPOT_Z + k]
                d2 = vx * vx + vy * vy + vz * vz + F(0.01)
                inverse = F(1) / math.sqrt(d2)
                facing = spots[SPOT_NX + k] * vx + spots[SPOT_NY + k] * vy + spots[SPOT_NZ + k] * vz
                facing = max(facing * inverse, F(0))
                forward = -(ax * vx + ay * vy + az * vz) * inverse
                arriving = inverse * inverse * exp_minus(extinction * d2 * inverse)
                e = facing * reach_window(d2 * inverse_reach2) * street_lamp(forward) * arriving
                spots[SPOT_RED + k] += e * red
                spots[SPOT_GREEN + k] += e * green
                spots[SPOT_BLUE + k] += e * blue
                if mirrors:
                    # also above its cut-off the glass of a street lamp is seen
                    toward = max(min(forward * F(4) - F(0.2), F(1)), F(0))
                    e = _mirrored(vx, vy, vz, inverse, d2 * inverse_reach2, spots, k) * toward * arriving
                    spots[SPOT_GLARE_RED + k] += e * red
                    spots[SPOT_GLARE_GREEN + k] += e * green
                    spots[SPOT_GLARE_BLUE + k] += e * blue

    return add


def _beam_kernel(mirrors: bool) -> Any:
    """Adds the light of one lamp to the spots; with or without mirror light, so that no loop has a branch."""

    @njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def add(extinction, light, first, end, spots):
        lx, ly, lz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
        ax, ay, az = light[DIRECTION], light[DIRECTION + 1], light[DIRECTION + 2]
        sx, sy, sz = light[SIDE], light[SIDE + 1], light[SIDE + 2]
        ux, uy, uz = light[UP], light[UP + 1], light[UP + 2]
        p0, p1, p2, p3 = light[SHAPE], light[SHAPE + 1], light[SHAPE + 2], light[SHAPE + 3]
        p4, p5 = light[SHAPE + 4], light[SHAPE + 5]
        red, green, blue = light[COLOUR], light[COLOUR + 1], light[COLOUR + 2]
        inverse_reach2 = F(1) / (light[RANGE] * light[RANGE])
        for block in range(first, end, LANES):
            for lane in range(np.uint64(LANES)):
                k = np.uint64(block) + lane
                vx, vy, vz = lx - spots[SPOT_X + k], ly - spots[SPOT_Y + k], lz - spots[SPOT_Z + k]
                d2 = vx * vx + vy * vy + vz * vz + F(0.01)
                inverse = F(1) / math.sqrt(d2)
                forward = -(ax * vx + ay * vy + az * vz)
                inverse_forward = F(-1) / max(forward, F(1e-3))
                across = (sx * vx + sy * vy + sz * vz) * inverse_forward
                above = (ux * vx + uy * vy + uz * vz) * inverse_forward
                shape = beam(across, above, p0, p1, p2, p3, p4, p5)
                shape = shape if forward > F(0.01) else F(0)
                facing = spots[SPOT_NX + k] * vx + spots[SPOT_NY + k] * vy + spots[SPOT_NZ + k] * vz
                facing = max(facing * inverse, F(0))
                thinned = exp_minus(extinction * d2 * inverse)
                e = facing * reach_window(d2 * inverse_reach2) * shape / (d2 + F(0.1)) * thinned
                spots[SPOT_RED + k] += e * red
                spots[SPOT_GREEN + k] += e * green
                spots[SPOT_BLUE + k] += e * blue
                if mirrors:
                    e = _mirrored(vx, vy, vz, inverse, d2 * inverse_reach2, spots, k) * shape
                    e *= inverse * inverse * thinned
                    spots[SPOT_GLARE_RED + k] += e * red
                    spots[SPOT_GLARE_GREEN + k] += e * green
                    spots[SPOT_GLARE_BLUE + k] += e * blue

    return add


_street, _street_mirrored = _street_kernel(False), _street_kernel(True)
_beam, _beam_mirrored = _beam_kernel(False), _beam_kernel(True)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def light_spots(extinction, fog_from, lights, found, matt, shiny, spots):
    """Fills SPOT_RED ... and SPOT_GLARE_RED ..., the latter as it reaches the camera through the air.

    The air has `extinction` 1/m from `fog_from` m from the camera on; lamps nearer than that light what they light
    through clear air. lights: (n, FIELDS) float32; found, matt, shiny, spots: see `spots.find_spots`.
    """
    for k in range(np.uint64(found + 1)):
        spots[SPOT_RED + k], spots[SPOT_GREEN + k], spots[SPOT_BLUE + k] = F(0), F(0), F(0)
        spots[SPOT_GLARE_RED + k], spots[SPOT_GLARE_GREEN + k], spots[SPOT_GLARE_BLUE + k] = F(0), F(0), F(0)
    for first in range(matt, shiny, TOGETHER):
        _light(extinction, fog_from, lights, first, min(first + TOGETHER, shiny), False, spots)
    for first in range(shiny, found, TOGETHER):
        _light(extinction, fog_from, lights, first, min(first + TOGETHER, found), True, spots)
    for k in range(np.uint64(shiny), np.uint64(found)):
        through = exp_minus(extinction * max(spots[SPOT_DISTANCE + k] - fog_from, F(0)))
        spots[SPOT_GLARE_RED + k] *= through
        spots[SPOT_GLARE_GREEN + k] *= through
        spots[SPOT_GLARE_BLUE + k] *= through


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _light(fog, fog_from, lights, first, end, mirrors, spots):
    """Spots first <= k < end; what comes up to LANES after them is written as well."""
    low_x = low_y = low_z = near = F(1e9)
    high_x = high_y = high_z = F(-1e9)
    for k in range(np.uint64(first), np.uint64(end)):
        low_x, high_x = min(low_x, spots[SPOT_X + k]), max(high_x, spots[SPOT_X + k])
        low_y, high_y = min(low_y, spots[SPOT_Y + k]), max(high_y, spots[SPOT_Y + k])
        low_z, high_z = min(low_z, spots[SPOT_Z + k]), max(high_z, spots[SPOT_Z + k])
        near = min(near, spots[SPOT_DISTANCE + k])
    # beyond twelve optical depths there and back nothing of a lamp's light on a surface is left
    if fog * (near - fog_from) > F(8):
        return
    for j in range(lights.shape[0]):
        light = lights[j]
        lx, ly, lz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
        extinction = F(0) if lx * lx + ly * ly + lz * lz < fog_from * fog_from else fog
        # a lamp is mirrored from twice as far as it lights up anything
        reach2 = light[RANGE] * light[RANGE] * (F(4) if mirrors else F(1))
        gap_x = max(max(low_x - lx, lx - high_x), F(0))
        gap_y = max(max(low_y - ly, ly - high_y), F(0))
        gap_z = max(max(low_z - lz, lz - high_z), F(0))
        gap2 = gap_x * gap_x + gap_y * gap_y + gap_z * gap_z
        # five optical depths leave less than a hundredth of what is little at that distance anyway
        if gap2 > reach2 or extinction * extinction * gap2 > F(25):
            continue
        street = light[KIND] == F(STREET)
        if street and mirrors:
            _street_mirrored(extinction, light, first, end, spots)
        elif street:
            _street(extinction, light, first, end, spots)
        elif mirrors:
            _beam_mirrored(extinction, light, first, end, spots)
        else:
            _beam(extinction, light, first, end, spots)


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def light_fog(first, width, fog_row, count, columns, spots):
    """Adds the luminance of lit fog to SPOT_GLARE_RED ...

    fog_row: (ACROSS, SLICES, 3) float32, the froxel grid at this row of `width` pixels; the tile begins at `first`.
    """
    across, slices = fog_row.shape[0], fog_row.shape[1]
    per_column = F(across - 1) / F(width)
    per_octave = F(slices - 1) * F(1.0 / OCTAVES)
    for k in range(np.uint64(count)):
        distance = spots[SPOT_DISTANCE + k]
        fx = (F(first + columns[k]) + F(0.5)) * per_column
        d = min(max(distance, F(1)), F(127.9))
        # the float's own exponent and mantissa: log2, linear within an octave, as the slices are
        fz = F(np.float32(d).view(np.int32) - np.int32(1065353216)) * F(1.0 / 8388608.0) * per_octave
        ix, iz = min(np.int32(fx), np.int32(across - 2)), min(np.int32(fz), np.int32(slices - 2))
        tx, tz = fx - F(ix), fz - F(iz)
        ux, uz = np.uint32(ix), np.uint32(iz)
        vx, vz = ux + np.uint32(1), uz + np.uint32(1)
        nearby = min(distance, F(1))
        w00, w10 = (F(1) - tx) * (F(1) - tz) * nearby, tx * (F(1) - tz) * nearby
        w01, w11 = (F(1) - tx) * tz * nearby, tx * tz * nearby
        spots[SPOT_GLARE_RED + k] += (
            w00 * fog_row[ux, uz, 0] + w10 * fog_row[vx, uz, 0] + w01 * fog_row[ux, vz, 0] + w11 * fog_row[vx, vz, 0]
        )
        spots[SPOT_GLARE_GREEN + k] += (
            w00 * fog_row[ux, uz, 1] + w10 * fog_row[vx, uz, 1] + w01 * fog_row[ux, vz, 1] + w11 * fog_row[vx, vz, 1]
        )
        spots[SPOT_GLARE_BLUE + k] += (
            w00 * fog_row[ux, uz, 2] + w10 * fog_row[vx, uz, 2] + w01 * fog_row[ux, vz, 2] + w11 * fog_row[vx, vz, 2]
        )
