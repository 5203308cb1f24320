"""The lights that a picture reckons with: of street lamps and beams of vehicles the brightest for their distance.

The choice goes on one thread while all others wait, which is why it is compiled.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.camera import Pinhole
from simulator.render.lamp_table import FAR_ONLY, NEAR_ONLY, PAIR_BEYOND_M, LampTable
from simulator.render.lights import (
    BEAM,
    COLOUR,
    DIRECTION,
    FIELDS,
    KIND,
    MOST_LIGHTS,
    POSITION,
    RANGE,
    SHAPE,
    SIDE,
    STREET,
    UP,
    WARM_WHITE,
)

F = np.float32
STREET_RANGE_M = np.float32(32.0)
STREET_WITHIN_M, STREET_BEHIND_M = np.float32(130.0), np.float32(20.0)
LIT_SHARE, UNSEEN_SHARE = 0.15, 0.05
"""A beam is as near as what it lights, at this share of its range: one that looks away is farther than its lamp. From
behind the eye, and looking back, it is worth this much of itself."""
RED, GREEN, BLUE = (float(c) for c in WARM_WHITE)


def brightest(
    heads: NDArray[np.float32],
    flux_lm: NDArray[np.float32],
    power: NDArray[np.float32],
    table: LampTable,
    poses: NDArray[np.float32],
    view: Pinhole,
) -> NDArray[np.float32]:
    """(n, FIELDS) float32 records, MOST_LIGHTS at most, street lamps before beams, each in the order of the tables.

    heads: (lamps, 3) and flux_lm: (lamps,) of the town's street lamps, power: (lamps,) 0..1. poses: (actors, 3, 4).
    """
    found: NDArray[np.float32] = _brightest(
        heads, flux_lm, power, table.beam_slot, table.beam_centre, table.beam_sign, table.beam_candela,
        table.beam_shape, table.beam_range, table.beam_when, poses, view.eye, view.rotation, MOST_LIGHTS,
    )  # fmt: skip
    return found


@njit(cache=True, error_model="numpy", nogil=True)
def _brightest(
    heads, flux_lm, power, slots, centres, signs, candela, shapes, ranges_m, when, poses, eye, rotation, most
):
    streets, count = heads.shape[0], 0
    places = np.empty((streets + slots.shape[0], 3), np.float32)
    worth = np.empty(streets + slots.shape[0], np.float64)
    fx, fy, fz = rotation[2, 0], rotation[2, 1], rotation[2, 2]
    rows = np.empty(streets + slots.shape[0], np.int64)
    for k in range(streets):
        x, y, z = heads[k, 0] - eye[0], heads[k, 1] - eye[1], heads[k, 2] - eye[2]
        ahead = x * fx + y * fy + z * fz
        if power[k] > F(0.01) and math.sqrt(x * x + y * y + z * z) < STREET_WITHIN_M and ahead > -STREET_BEHIND_M:
            places[count, 0], places[count, 1], places[count, 2] = x, y, z
            worth[count] = _worth(F(flux_lm[k] * power[k]), STREET_RANGE_M, x, y, z)
            rows[count] = k
            count += 1
    for k in range(slots.shape[0]):
        p = poses[slots[k]]
        x, y, z = p[0, 3] - np.float64(eye[0]), p[1, 3] - np.float64(eye[1]), p[2, 3] - np.float64(eye[2])
        far = x * x + y * y + z * z > PAIR_BEYOND_M**2
        if when[k] == NEAR_ONLY if far else when[k] == FAR_ONLY:
            continue
        for i in range(3):
            turned = np.float64(p[i, 0]) * centres[k, 0] + np.float64(p[i, 1]) * centres[k, 1]
            turned += np.float64(p[i, 2]) * centres[k, 2]
            places[count, i] = turned + np.float64(p[i, 3]) - np.float64(eye[i])
        x, y, z = places[count, 0], places[count, 1], places[count, 2]
        luminous = 0.2126 * candela[k, 0] + 0.7152 * candela[k, 1] + 0.0722 * candela[k, 2]
        reach = F(signs[k] * ranges_m[k])
        ahead = x * fx + y * fy + z * fz
        on = (p[0, 0] * fx + p[1, 0] * fy + p[2, 0] * fz) * reach
        part = F(LIT_SHARE) * reach
        x, y, z = x + p[0, 0] * part, y + p[1, 0] * part, z + p[2, 0] * part
        worth[count] = _worth(F(luminous * _solid_angle(shapes[k])), F(ranges_m[k]), x, y, z)
        if ahead < F(0) and ahead + on < F(0):
            worth[count] *= UNSEEN_SHARE
        rows[count] = streets + k
        count += 1
    chosen = _greatest(worth[:count], most)
    out = np.zeros((len(chosen), FIELDS), np.float32)
    for n in range(len(chosen)):
        k = rows[chosen[n]]
        record = out[n]
        for i in range(3):
            record[POSITION + i] = places[chosen[n], i]
        if k < streets:
            # a full cut-off luminaire spreads its flux over about 3.5 steradian (see `beams.street_lamp`)
            bright = np.float64(_street_candela(flux_lm[k], power[k]))
            record[DIRECTION + 2] = F(-1)
            record[COLOUR], record[COLOUR + 1], record[COLOUR + 2] = bright * RED, bright * GREEN, bright * BLUE
            record[RANGE], record[KIND] = STREET_RANGE_M, F(STREET)
            continue
        k -= streets
        p = poses[slots[k]]
        for i in range(3):
            record[DIRECTION + i], record[SIDE + i] = p[i, 0] * F(signs[k]), p[i, 1] * F(signs[k])
            record[UP + i], record[COLOUR + i] = p[i, 2], candela[k, i]
        record[RANGE], record[KIND] = ranges_m[k], F(BEAM)
        for i in range(6):
            record[SHAPE + i] = shapes[k, i]
    return out


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _street_candela(flux_lm, power):
    return flux_lm * power / F(3.5)


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _solid_angle(shape):
    """About how much of `beams.beam`'s space is bright, sr: the widths at which its quadratic falls end."""
    half_pi = 0.5 * math.pi
    return half_pi / math.sqrt(shape[3]) * (half_pi * (1.0 / shape[1] + 1.0 / shape[2]) + 0.015)


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _worth(flux_lm, range_m, x, y, z):
    """How much a light matters: float64 of float32 values. By its flux: a beam is brighter than it is worth."""
    a, b, c = np.float64(x), np.float64(y), np.float64(z)
    return np.float64(flux_lm * min(range_m / F(30), F(1))) / (a * a + b * b + c * c + 100.0)


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _greatest(worth, most):
    """Places of the `most` greatest in ascending order; of equal ones the first."""
    kept = np.zeros(len(worth), np.bool_)
    for _ in range(min(len(worth), most)):
        best = -1
        for k in range(len(worth)):
            if not kept[k] and (best < 0 or worth[k] > worth[best]):
                best = k
        kept[best] = True
    places, count = np.empty(min(len(worth), most), np.int64), 0
    for k in range(len(worth)):
        if kept[k]:
            places[count] = k
            count += 1
    return places
