"""Light that fog scatters into the camera from lamps, on a coarse grid of rays and distances (a froxel grid).

Single scattering along each ray, integrated over equal angles as seen from the lamp, which places the samples where the
light is: the integral of an isotropic lamp is then exact. The veil of the own headlamps, the cones under street lamps
and the halos around oncoming lamps all come out of this one integral.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simulator.render.beams import beam, exp_minus, street_lamp
from simulator.render.lights import COLOUR, DIRECTION, KIND, POSITION, SHAPE, SIDE, STREET, UP
from simulator.render.workers import take_next

F = np.float32
ACROSS, DOWN, SLICES = 65, 37, 16
"""Grid corners across and down the image, and distances: powers of two from 1 to 128 m, with linear steps between."""
OCTAVES = 7
FINE_STEPS = 4
NEAR_BEAM_M = 12.0
"""Beams of lamps nearer than this are integrated in this many steps per slice."""

# Radiation fog, 0.55 um: a forward lobe, and a backward lobe of 0.03 /sr at 170 to 180 degrees (an extinction to
# backscatter ratio near 18 sr at exactly 180 degrees: O'Connor, Illingworth and Hogan 2004, for liquid clouds).
_FORWARD, _FORWARD_SHARE = 0.85, 0.98
_BACKWARD = -0.70


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def phase(cosine):  # type: ignore[no-untyped-def]
    """Scattering phase function of fog in 1/sr (two Henyey-Greenstein lobes)."""
    forward = F(1 + _FORWARD * _FORWARD) - F(2 * _FORWARD) * cosine
    backward = F(1 + _BACKWARD * _BACKWARD) - F(2 * _BACKWARD) * cosine
    a = F(_FORWARD_SHARE * (1 - _FORWARD * _FORWARD) / (4 * math.pi))
    b = F((1 - _FORWARD_SHARE) * (1 - _BACKWARD * _BACKWARD) / (4 * math.pi))
    return a / (forward * math.sqrt(forward)) + b / (backward * math.sqrt(backward))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def arc_tangent(x):  # type: ignore[no-untyped-def]
    """atan, absolute error 1e-5; vectorises."""
    a = abs(x)
    z = F(1) / a if a > F(1) else a
    z2 = z * z
    r = z * (F(0.9998660) + z2 * (F(-0.3302995) + z2 * (F(0.1801410) + z2 * (F(-0.0851330) + z2 * F(0.0208351)))))
    r = F(1.57079633) - r if a > F(1) else r
    return -r if x < F(0) else r


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _scatter(light, dx, dy, dz, along, miss, extinction, edges, steps, angle, lean, amount):  # type: ignore[no-untyped-def]
    """amount[k]: relative light that a ray collects between edges[k] and edges[k + 1], for k < steps.

    The ray starts at the eye and runs along (dx, dy, dz); it passes the lamp at `miss` metres, `along` metres ahead.
    """
    inverse_miss = F(1) / miss
    for k in range(steps + 1):
        t = (edges[k] - along) * inverse_miss
        angle[k] = arc_tangent(t)
        lean[k] = F(1) / math.sqrt(F(1) + t * t)
    wx, wy, wz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
    ax, ay, az = light[DIRECTION], light[DIRECTION + 1], light[DIRECTION + 2]
    axis_d, axis_w = ax * dx + ay * dy + az * dz, ax * wx + ay * wy + az * wz
    if light[KIND] == F(STREET):
        for k in range(steps):
            t0, t1 = (edges[k] - along) * inverse_miss, (edges[k + 1] - along) * inverse_miss
            tangent = (t0 * lean[k] + t1 * lean[k + 1]) / (lean[k] + lean[k + 1])
            away = miss * math.sqrt(F(1) + tangent * tangent)
            s = along + miss * tangent
            shape = street_lamp((s * axis_d - axis_w) / away)
            amount[k] = (
                (angle[k + 1] - angle[k]) * inverse_miss * shape * phase(-tangent * miss / away)
                * exp_minus(extinction * (max(s, F(0)) + away))
            )  # fmt: skip
    else:
        sx, sy, sz = light[SIDE], light[SIDE + 1], light[SIDE + 2]
        ux, uy, uz = light[UP], light[UP + 1], light[UP + 2]
        side_d, side_w = sx * dx + sy * dy + sz * dz, sx * wx + sy * wy + sz * wz
        up_d, up_w = ux * dx + uy * dy + uz * dz, ux * wx + uy * wy + uz * wz
        p0, p1, p2, p3 = light[SHAPE], light[SHAPE + 1], light[SHAPE + 2], light[SHAPE + 3]
        p4, p5 = light[SHAPE + 4], light[SHAPE + 5]
        for k in range(steps):
            t0, t1 = (edges[k] - along) * inverse_miss, (edges[k + 1] - along) * inverse_miss
            tangent = (t0 * lean[k] + t1 * lean[k + 1]) / (lean[k] + lean[k + 1])
            away = miss * math.sqrt(F(1) + tangent * tangent)
            s = along + miss * tangent
            forward = s * axis_d - axis_w
            inverse_forward = F(1) / max(forward, F(1e-3))
            across, above = (s * side_d - side_w) * inverse_forward, (s * up_d - up_w) * inverse_forward
            shape = beam(across, above, p0, p1, p2, p3, p4, p5)
            shape = shape if forward > F(0.02) * away else F(0)
            amount[k] = (
                (angle[k + 1] - angle[k]) * inverse_miss * shape * phase(-tangent * miss / away)
                * exp_minus(extinction * (max(s, F(0)) + away))
            )  # fmt: skip


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def slice_distance(q):  # type: ignore[no-untyped-def]
    """Distance in m of slice q (may be fractional), which is what the float's own exponent makes of log2."""
    octaves = q / F(SLICES - 1) * F(OCTAVES)
    octave = np.int32(octaves)
    return F(1 << octave) * (F(1) + octaves - F(octave))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def fill_froxels(view, lights, extinction, grid, counter, thread):  # type: ignore[no-untyped-def]
    """grid: (DOWN, ACROSS, SLICES, 3) float32, luminance scattered in between the eye and each distance, cd/m2."""
    r = view.rotation
    inverse_focal = F(1) / view.focal_px
    coarse, fine = np.empty(SLICES + 1, np.float32), np.empty(SLICES * FINE_STEPS + 1, np.float32)
    coarse[0] = fine[0] = F(0.05)
    for k in range(SLICES):
        coarse[k + 1] = slice_distance(F(k))
        for j in range(FINE_STEPS):
            share = F(j + 1) / F(FINE_STEPS)
            fine[k * FINE_STEPS + j + 1] = (
                slice_distance(F(k - 1) + share) if k > 0 else F(0.05) + F(0.95) * share
            )  # fmt: skip
    most = SLICES * FINE_STEPS
    angle, lean, amount = np.empty(most + 1, np.float32), np.empty(most + 1, np.float32), np.empty(most, np.float32)
    total = np.empty((3, SLICES), np.float32)
    spacing = F(view.width) / F(ACROSS - 1) * inverse_focal
    while True:
        y = take_next(counter)
        if y >= DOWN:
            break
        b = (F(y) / F(DOWN - 1) * F(view.height) - view.cy_px) * inverse_focal
        for x in range(ACROSS):
            a = (F(x) / F(ACROSS - 1) * F(view.width) - view.cx_px) * inverse_focal
            dx = r[0, 0] * a + r[1, 0] * b + r[2, 0]
            dy = r[0, 1] * a + r[1, 1] * b + r[2, 1]
            dz = r[0, 2] * a + r[1, 2] * b + r[2, 2]
            scale = F(1) / math.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx * scale, dy * scale, dz * scale
            for k in range(SLICES):
                total[0, k], total[1, k], total[2, k] = F(0), F(0), F(0)
            for i in range(lights.shape[0]):
                light = lights[i]
                wx, wy, wz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
                far2 = wx * wx + wy * wy + wz * wz
                if extinction * math.sqrt(far2) > F(9):
                    continue
                along = wx * dx + wy * dy + wz * dz
                # a ray that meets a lamp head on is spread over the cell it stands for
                least = F(0.06) + F(0.16) * spacing * spacing * far2
                miss = math.sqrt(max(far2 - along * along, F(0)) + least)
                # a near beam is a thin sheet to most rays, which one sample per slice would miss
                near_beam = light[KIND] != F(STREET) and far2 < F(NEAR_BEAM_M * NEAR_BEAM_M)
                substeps = FINE_STEPS if near_beam else 1
                edges = fine if near_beam else coarse
                _scatter(
                    light, dx, dy, dz, along, miss, extinction, edges, SLICES * substeps, angle, lean, amount
                )  # fmt: skip
                red, green, blue = light[COLOUR], light[COLOUR + 1], light[COLOUR + 2]
                so_far = F(0)
                for k in range(SLICES):
                    for j in range(substeps):
                        so_far += amount[k * substeps + j]
                    total[0, k] += so_far * red
                    total[1, k] += so_far * green
                    total[2, k] += so_far * blue
            for k in range(SLICES):
                for channel in range(3):
                    grid[y, x, k, channel] = total[channel, k] * extinction
