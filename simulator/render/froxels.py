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
NEAREST_M = 0.05
"""Where rays begin."""
NEAR_BEAM_M = 12.0
"""Beams of lamps nearer than this are integrated in FINE_STEPS per slice, unless they are broad."""
SHARP = 10.0
"""Inverse of the width of a cut-off (a tangent) from which on a beam counts as sharp."""

# A row of rays is worked on together, in one flat array with a plane of RAYS lanes for each quantity: plane and lane
# are a constant and a counter, so that the compiler knows that planes do not overlap and takes many rays at a time.
RAYS = 72
PLANES = 18
LANES = np.uint64(RAYS)
_DX, _DY, _DZ, _ALONG, _MISS, _AXIS, _SIDE, _UP, _T, _ANGLE, _LEAN, _SO_FAR, _INVERSE = (
    np.uint64(RAYS * n) for n in range(13)
)
_SINE, _COSINE, _S, _AWAY, _ADDED = (np.uint64(RAYS * n) for n in range(13, PLANES))

# Radiation fog, 0.55 um: a forward lobe, and a backward lobe of 0.03 /sr at 170 to 180 degrees (an extinction to
# backscatter ratio near 18 sr at exactly 180 degrees: O'Connor, Illingworth and Hogan 2004, for liquid clouds).
_FORWARD, _FORWARD_SHARE = 0.85, 0.98
_BACKWARD = -0.70


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def phase(cosine):
    """Scattering phase function of fog in 1/sr (two Henyey-Greenstein lobes)."""
    forward = F(1 + _FORWARD * _FORWARD) - F(2 * _FORWARD) * cosine
    backward = F(1 + _BACKWARD * _BACKWARD) - F(2 * _BACKWARD) * cosine
    a = F(_FORWARD_SHARE * (1 - _FORWARD * _FORWARD) / (4 * math.pi))
    b = F((1 - _FORWARD_SHARE) * (1 - _BACKWARD * _BACKWARD) / (4 * math.pi))
    return a / (forward * math.sqrt(forward)) + b / (backward * math.sqrt(backward))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def arc_tangent(x):
    """atan, absolute error 1e-5; vectorises."""
    a = abs(x)
    z = F(1) / a if a > F(1) else a
    z2 = z * z
    r = z * (F(0.9998660) + z2 * (F(-0.3302995) + z2 * (F(0.1801410) + z2 * (F(-0.0851330) + z2 * F(0.0208351)))))
    r = F(1.57079633) - r if a > F(1) else r
    return -r if x < F(0) else r


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _pass_by(light, extinction_spread, begin, flat):
    """Where each ray passes the lamp, and how its axes lie to the rays. extinction_spread: see `fill_froxels`."""
    wx, wy, wz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
    ax, ay, az = light[DIRECTION], light[DIRECTION + 1], light[DIRECTION + 2]
    sx, sy, sz = light[SIDE], light[SIDE + 1], light[SIDE + 2]
    ux, uy, uz = light[UP], light[UP + 1], light[UP + 2]
    far2 = wx * wx + wy * wy + wz * wz
    # a ray that meets a lamp head on is spread over the cell it stands for
    least = F(0.06) + extinction_spread * far2
    for k in range(LANES):
        dx, dy, dz = flat[_DX + k], flat[_DY + k], flat[_DZ + k]
        along = wx * dx + wy * dy + wz * dz
        miss = math.sqrt(max(far2 - along * along, F(0)) + least)
        inverse_miss = F(1) / miss
        flat[_ALONG + k], flat[_MISS + k], flat[_INVERSE + k] = along, miss, inverse_miss
        flat[_AXIS + k] = ax * dx + ay * dy + az * dz
        flat[_SIDE + k] = sx * dx + sy * dy + sz * dz
        flat[_UP + k] = ux * dx + uy * dy + uz * dz
        t = (begin - along) * inverse_miss
        flat[_T + k], flat[_ANGLE + k] = t, arc_tangent(t)
        flat[_LEAN + k] = F(1) / math.sqrt(F(1) + t * t)
        flat[_SO_FAR + k] = F(0)


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _advance(extinction, edge, flat):
    """From the last edge of each ray to `edge` m: where light is sampled, and what an even lamp would add from there.

    Short loops: of one that did it all the processor could hold too little at a time to keep itself busy.
    """
    for k in range(LANES):
        inverse_miss = flat[_INVERSE + k]
        t0, lean0, angle0 = flat[_T + k], flat[_LEAN + k], flat[_ANGLE + k]
        t1 = (edge - flat[_ALONG + k]) * inverse_miss
        angle1, lean1 = arc_tangent(t1), F(1) / math.sqrt(F(1) + t1 * t1)
        flat[_T + k], flat[_ANGLE + k], flat[_LEAN + k] = t1, angle1, lean1
        flat[_SINE + k], flat[_COSINE + k] = t0 * lean0 + t1 * lean1, lean0 + lean1
        flat[_ADDED + k] = (angle1 - angle0) * inverse_miss
    for k in range(LANES):
        # halfway between the angles of both edges
        miss, sine, cosine = flat[_MISS + k], flat[_SINE + k], flat[_COSINE + k]
        length2 = sine * sine + cosine * cosine
        inverse, slope = F(1) / math.sqrt(length2), miss / cosine
        s, away = flat[_ALONG + k] + sine * slope, slope * length2 * inverse
        flat[_S + k], flat[_AWAY + k] = s, away
        flat[_ADDED + k] *= phase(-sine * inverse) * exp_minus(extinction * (max(s, F(0)) + away))


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _add_street(light, flat):
    """Adds what the last step of each ray gets of a street lamp, relative to its brightest direction."""
    axis_w = light[DIRECTION] * light[POSITION] + light[DIRECTION + 1] * light[POSITION + 1]
    axis_w += light[DIRECTION + 2] * light[POSITION + 2]
    for k in range(LANES):
        shape = street_lamp((flat[_S + k] * flat[_AXIS + k] - axis_w) / flat[_AWAY + k])
        flat[_SO_FAR + k] += flat[_ADDED + k] * shape


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _add_beam(light, flat):
    """The same of a headlamp."""
    wx, wy, wz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
    axis_w = light[DIRECTION] * wx + light[DIRECTION + 1] * wy + light[DIRECTION + 2] * wz
    side_w = light[SIDE] * wx + light[SIDE + 1] * wy + light[SIDE + 2] * wz
    up_w = light[UP] * wx + light[UP + 1] * wy + light[UP + 2] * wz
    p0, p1, p2, p3 = light[SHAPE], light[SHAPE + 1], light[SHAPE + 2], light[SHAPE + 3]
    p4, p5 = light[SHAPE + 4], light[SHAPE + 5]
    for k in range(LANES):
        s = flat[_S + k]
        forward = s * flat[_AXIS + k] - axis_w
        inverse_forward = F(1) / max(forward, F(1e-3))
        across, above = (s * flat[_SIDE + k] - side_w) * inverse_forward, (s * flat[_UP + k] - up_w) * inverse_forward
        shape = beam(across, above, p0, p1, p2, p3, p4, p5)
        shape = shape if forward > F(0.02) * flat[_AWAY + k] else F(0)
        flat[_SO_FAR + k] += flat[_ADDED + k] * shape


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def slice_distance(q):
    """Distance in m of slice q (may be fractional), which is what the float's own exponent makes of log2."""
    octaves = q / F(SLICES - 1) * F(OCTAVES)
    octave = np.int32(octaves)
    return F(1 << octave) * (F(1) + octaves - F(octave))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def fill_froxels(view, lights, extinction, fog_from, grid, counter, thread):
    """grid: (DOWN, ACROSS, SLICES, 3) float32, luminance scattered in between the eye and each distance, cd/m2.

    Air that is clear up to `fog_from` m scatters nothing there.
    """
    r = view.rotation
    inverse_focal = F(1) / view.focal_px
    coarse, fine = np.empty(SLICES + 1, np.float32), np.empty(SLICES * FINE_STEPS + 1, np.float32)
    coarse[0] = fine[0] = F(NEAREST_M)
    for k in range(SLICES):
        coarse[k + 1] = slice_distance(F(k))
        for j in range(FINE_STEPS):
            share = F(j + 1) / F(FINE_STEPS)
            fine[k * FINE_STEPS + j + 1] = (
                slice_distance(F(k - 1) + share) if k > 0 else F(NEAREST_M) + F(1.0 - NEAREST_M) * share
            )  # fmt: skip
    flat, total = np.empty(PLANES * RAYS, np.float32), np.empty((3 * SLICES, RAYS), np.float32)
    begin = max(F(NEAREST_M), fog_from)
    cleared = extinction / exp_minus(extinction * min(fog_from, F(1 << OCTAVES)))
    spacing = F(view.width) / F(ACROSS - 1) * inverse_focal
    while True:
        y = take_next(counter)
        if y >= DOWN:
            break
        b = (F(y) / F(DOWN - 1) * F(view.height) - view.cy_px) * inverse_focal
        for x in range(RAYS):
            a = (F(x) / F(ACROSS - 1) * F(view.width) - view.cx_px) * inverse_focal
            dx = r[0, 0] * a + r[1, 0] * b + r[2, 0]
            dy = r[0, 1] * a + r[1, 1] * b + r[2, 1]
            dz = r[0, 2] * a + r[1, 2] * b + r[2, 2]
            scale = F(1) / math.sqrt(dx * dx + dy * dy + dz * dz)
            ray = np.uint64(x)
            flat[_DX + ray], flat[_DY + ray], flat[_DZ + ray] = dx * scale, dy * scale, dz * scale
        total[:] = F(0)
        for i in range(lights.shape[0]):
            light = lights[i]
            wx, wy, wz = light[POSITION], light[POSITION + 1], light[POSITION + 2]
            far2 = wx * wx + wy * wy + wz * wz
            if extinction * math.sqrt(far2) > F(9):
                continue
            # a near beam is a thin sheet to most rays, which one sample per slice would miss
            street = light[KIND] == F(STREET)
            sharp = not street and light[SHAPE + 1] > F(SHARP)
            near_beam = sharp and far2 < F(NEAR_BEAM_M * NEAR_BEAM_M)
            substeps = FINE_STEPS if near_beam else 1
            edges = fine if near_beam else coarse
            _pass_by(light, F(0.16) * spacing * spacing, begin, flat)
            so_far = flat[_SO_FAR : _SO_FAR + LANES]
            for k in range(SLICES):
                for j in range(substeps):
                    edge = edges[k * substeps + j + 1]
                    if edge <= begin:
                        continue
                    _advance(extinction, edge, flat)
                    if street:
                        _add_street(light, flat)
                    else:
                        _add_beam(light, flat)
                for channel in range(3):
                    colour, sums = light[COLOUR + channel], total[3 * k + channel]
                    for x in range(RAYS):
                        sums[x] += so_far[x] * colour
        for x in range(ACROSS):
            for k in range(SLICES):
                for channel in range(3):
                    grid[y, x, k, channel] = total[3 * k + channel, x] * cleared
