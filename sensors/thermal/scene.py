"""From tags and ranges to radiance at the lens: one pass over the pixels."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from sensors.thermal import atmosphere
from sensors.thermal.association import associate, box_frames
from sensors.thermal.glazing import FIRST_ROW
from sensors.thermal.heat import ActorState
from sensors.thermal.lookup import PATTERN_SCALES_M, lay_pattern, scratch_for
from sensors.thermal.materials import SKY_TAG
from sensors.thermal.parts import part_table, person_part, vehicle_part
from sensors.thermal.radiometry import LOWEST_K, STEP_K
from sensors.thermal.temperature import (
    EMISSIVITY,
    LEVEL_K,
    PUDDLE_K,
    SPECULAR,
    UPRIGHT_K,
    VARIATION_K,
)
from sensors.thermal.world import SKY_STEPS, World

DEPTH_LIMIT_M = 999.0
"""CARLA's depth image ends at 1000 m: beyond is sky, unless tagged otherwise."""

WATER_EMISSIVITY = 0.96
SHORE = 0.15
"""Width of a puddle's border, in deviations of the pattern: within which water and ground mix."""

_f = np.float32


def radiance_at_lens(
    world: World,
    tags: NDArray[np.uint8],
    instances: NDArray[np.uint16],
    depth_m: NDArray[np.float32],
    pose: NDArray[np.float32],
    fov_deg: float,
    actors: tuple[ActorState, ...],
    panes: NDArray[np.uint8] | None = None,
) -> NDArray[np.float32]:
    """(H, W) float32 radiance, W m-2 sr-1. pose: (3, 4) or (4, 4) camera -> world, CARLA axes; fov horizontal."""
    height, width = tags.shape
    focal = np.float32(width / (2.0 * np.tan(np.radians(fov_deg) / 2.0)))
    camera = np.ascontiguousarray(pose[:3, :4], np.float32)
    frames, extents = box_frames(actors)
    actor_of = associate(tags, instances, depth_m, camera, focal, frames, extents)
    out = np.empty((height, width), np.float32)
    glass = np.zeros((height, width), np.uint8) if panes is None else panes
    _radiance(
        tags, glass, instances, depth_m, camera, focal, actor_of, frames, extents, part_table(actors), world.surfaces,
        world.sky, world.transmission, world.pattern, world.planck, np.float32(world.air_radiance),
        np.float32(world.ambient.air_k), np.float32(world.shore), out,
    )  # fmt: skip
    return out


_PLANES = 15
(
    _X, _Y, _Z, _LENGTH, _SINE, _FACING, _UP,
    _RANGE, _KELVIN, _EMISSIVITY, _SPECULAR, _VARIATION, _PUDDLE, _GRAIN, _WIDE,
) = range(_PLANES)  # fmt: skip
"""Planes of a row. Its geometry: position in the world (m; later that in the pattern), length of the ray at 1 m of
depth, sine of its elevation, cosine between the normal and the ray (0 or less), vertical share of the normal. Then the
range in m, what `surface_table` holds for the pixel, as `_actors`, `_warm` and `_flood` change it, and both
patterns."""


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _geometry(v, depth_m, endless, pose, focal, row):
    """Fills `row` (_PLANES, W) float32 for image row v, without a branch: several pixels at a time.

    endless: (W + 2,) float32, infinite.
    """
    height, width = depth_m.shape
    one, zero = _f(1.0), _f(0.0)
    inverse_focal = one / focal
    cx, cy = _f(0.5 * width - 0.5), _f(0.5 * height - 0.5)
    r00, r01, r02, px = pose[0, 0], pose[0, 1], pose[0, 2], pose[0, 3]
    r10, r11, r12, py = pose[1, 0], pose[1, 1], pose[1, 2], pose[1, 3]
    r20, r21, r22, pz = pose[2, 0], pose[2, 1], pose[2, 2], pose[2, 3]
    b = -(_f(v) - cy) * inverse_focal
    here = endless.copy()
    for u in range(width):  # as a slice it would take numba three seconds, with what says that the lengths differ
        here[u + 1] = depth_m[v, u]
    above = depth_m[v - 1] if v > 0 else endless[:width]
    below = depth_m[v + 1] if v + 1 < height else endless[:width]
    x, y, z, lengths, sines = row[_X], row[_Y], row[_Z], row[_LENGTH], row[_SINE]
    facings, ups = row[_FACING], row[_UP]
    for u in range(width):
        k = np.uint32(u)
        d, left, right = here[k + np.uint32(1)], here[k], here[k + np.uint32(2)]
        a = (_f(np.int32(u)) - cx) * inverse_focal
        length = np.sqrt(one + a * a + b * b)
        ray_z = r20 + r21 * a + r22 * b
        x[k] = (r00 + r01 * a + r02 * b) * d + px
        y[k] = (r10 + r11 * a + r12 * b) * d + py
        z[k] = ray_z * d + pz
        # Normal from the nearer neighbour on each axis, so that edges do not bend it.
        leftward, upward = abs(left - d) < abs(right - d), abs(above[k] - d) < abs(below[k] - d)
        du, dh = (-one if leftward else one), (left if leftward else right)
        dv, dw = (-one if upward else one), (above[k] if upward else below[k])
        # Tangents in camera axes (x forward, y right, z up).
        hx, hy, hz = dh - d, a * (dh - d) + dh * du * inverse_focal, b * (dh - d)
        vx, vy, vz = dw - d, a * (dw - d), b * (dw - d) - dw * dv * inverse_focal
        nx, ny, nz = hy * vz - hz * vy, hz * vx - hx * vz, hx * vy - hy * vx
        norm = one / np.sqrt(nx * nx + ny * ny + nz * nz + _f(1e-20))
        facing = (nx + ny * a + nz * b) * norm / length
        turned = facing > zero
        norm, facing = (-norm if turned else norm), (-facing if turned else facing)
        up = (r20 * nx + r21 * ny + r22 * nz) * norm
        sine = ray_z / length
        lengths[k], sines[k], facings[k], ups[k] = length, sine, facing, up


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _radiance(
    tags, panes, instances, depth_m, pose, focal, actor_of, frames, extents, parts, surfaces,
    sky, transmission, tile, planck, air_radiance, air_k, shore, out,
):  # fmt: skip
    """Row by row in stages. A loop either only calculates, without a branch, and then takes several pixels at a time,
    or only looks up in tables: with both in one loop the compiler would go pixel by pixel throughout.

    sky, transmission, planck: of `World`; tile: its pattern.
    """
    height, width = tags.shape
    zero = _f(0.0)
    patch, drift = _f(1.0 / PATTERN_SCALES_M[0]), _f(1.0 / PATTERN_SCALES_M[1])
    row, kinds, scratch = np.empty((_PLANES, width), np.float32), np.empty(width, np.uint8), scratch_for(width)
    endless = np.full(width + 2, np.inf, np.float32)
    for v in range(height):
        _geometry(v, depth_m, endless, pose, focal, row)
        _surfaces(tags[v], panes[v], depth_m[v], surfaces, kinds, row)
        _actors(kinds, instances[v], pose, actor_of, frames, extents, parts, air_k, row)
        lay_pattern(tile, row[_X], row[_Y], row[_Z], patch, zero, scratch, row[_GRAIN])
        lay_pattern(tile, row[_X], row[_Y], row[_Z], drift, _f(0.5), scratch, row[_WIDE])
        _warm(row)
        if shore < np.inf:
            # Water gathers at the same places whatever the height: between its cells the pattern is flatter.
            row[_Z] = zero
            lay_pattern(tile, row[_X], row[_Y], row[_Z], patch, zero, scratch, row[_GRAIN])
            lay_pattern(tile, row[_X], row[_Y], row[_Z], drift, _f(0.5), scratch, row[_WIDE])
            _flood(shore, row)
        _at_lens(kinds, sky, transmission, planck, air_radiance, row, scratch, out[v])


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _surfaces(tags, panes, depth_m, surfaces, kinds, row):
    """Fills `kinds` (W,) uint8, row of `surfaces` or SKY_TAG, and the planes from _RANGE to _PUDDLE."""
    zero, sky_tag = _f(0.0), np.uint8(SKY_TAG)
    x, y, z, lengths, ups, facings = row[_X], row[_Y], row[_Z], row[_LENGTH], row[_UP], row[_FACING]
    ranges, kelvins, emissivities, speculars = row[_RANGE], row[_KELVIN], row[_EMISSIVITY], row[_SPECULAR]
    variations, puddles = row[_VARIATION], row[_PUDDLE]
    for n in range(len(kinds)):
        u = np.uint32(n)
        tag, pane = tags[u], panes[u]
        kind = np.uint8(np.uint8(FIRST_ROW) + pane) if pane > 0 else tag
        kinds[u] = sky_tag if tag == sky_tag or (depth_m[u] > _f(DEPTH_LIMIT_M) and tag == 0) else kind
    for n in range(len(kinds)):
        u = np.uint32(n)
        ranges[u] = depth_m[u] * lengths[u]
        # The later stages go over the sky as well: whatever its depth, they need numbers that tables can be read at.
        if kinds[u] == sky_tag:
            x[u], y[u], z[u], ups[u], facings[u], ranges[u] = zero, zero, zero, zero, zero, zero
    for n in range(len(kinds)):
        u = np.uint32(n)
        s = surfaces[kinds[u]]
        emissivities[u], speculars[u] = s[EMISSIVITY], s[SPECULAR]
        variations[u], puddles[u] = s[VARIATION_K], s[PUDDLE_K]
        kelvins[u] = s[UPRIGHT_K] + max(ups[u], zero) * (s[LEVEL_K] - s[UPRIGHT_K])


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _actors(kinds, instances, pose, actor_of, frames, extents, parts, air_k, row):
    """Warms the pixels of vehicles and people; moves their sample position."""
    one, half, zero = _f(1.0), _f(0.5), _f(0.0)
    px, py, pz = pose[0, 3], pose[1, 3], pose[2, 3]
    for n in range(len(kinds)):
        u = np.uint32(n)
        tag = kinds[u]
        if tag < 12 or tag > 19:
            continue
        k = actor_of[instances[u]]
        if k < 0:
            if tag == 12 or tag == 13:
                row[_KELVIN, u] += _f(5.0)
            continue
        wx, wy, wz = row[_X, u], row[_Y, u], row[_Z, u]
        f, e = frames[k], extents[k]
        x = f[0, 0] * wx + f[0, 1] * wy + f[0, 2] * wz + f[0, 3]
        y = f[1, 0] * wx + f[1, 1] * wy + f[1, 2] * wz + f[1, 3]
        z = f[2, 0] * wx + f[2, 1] * wy + f[2, 2] * wz + f[2, 3]
        if 14 <= tag <= 17:
            up = row[_UP, u]
            if abs(x) > e[0] + half or abs(y) > e[1] + half or abs(z) > e[2] + half:
                # The depth looked through a window that the instance image stopped at.
                row[_RANGE, u] = _into_box(f, e, px, py, pz, wx, wy, wz, row[_RANGE, u])
                x, y, z, up = zero, e[1], half * e[2], zero
                row[_UP, u] = up
            warmth, glass = vehicle_part(x, y, z, e[0], e[1], e[2], up, parts[k])
            row[_KELVIN, u] += warmth
            if glass > half:
                row[_KELVIN, u] = air_k + warmth
                row[_EMISSIVITY, u], row[_SPECULAR, u] = _f(0.90), one
        elif tag == 18:
            row[_KELVIN, u] += parts[k, 0] * max(zero, one - abs(x) / e[0] * _f(2.2))
        elif tag == 12 or tag == 13:
            # What the table has of people, the sun above all, is for their clothes.
            warmed = row[_KELVIN, u] - air_k
            row[_KELVIN, u] = air_k + person_part(x, y, z, e[1], e[2], parts[k], warmed, tag == 13)
        # On an actor the pattern rides along.
        offset = _f(17.0) * _f(k)
        row[_X, u], row[_Y, u], row[_Z, u] = x * _f(3.0) + offset, y * _f(3.0), z * _f(3.0)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _warm(row):
    """Lays the pattern over kelvin."""
    kelvins, variations, grains, wides = row[_KELVIN], row[_VARIATION], row[_GRAIN], row[_WIDE]
    for n in range(len(kelvins)):
        u = np.uint32(n)
        kelvins[u] += variations[u] * (grains[u] + wides[u])


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _flood(shore, row):
    """Lays the puddles over kelvin, emissivity and specular share."""
    one, half, zero = _f(1.0), _f(0.5), _f(0.0)
    ups, kelvins, emissivities, speculars = row[_UP], row[_KELVIN], row[_EMISSIVITY], row[_SPECULAR]
    puddles, grains, wides = row[_PUDDLE], row[_GRAIN], row[_WIDE]
    for n in range(len(ups)):
        u = np.uint32(n)
        laid = grains[u] + wides[u]
        wet = (puddles[u] > zero) & (laid > shore - _f(SHORE)) & (ups[u] > _f(0.97))
        depth = min(max((laid - shore) * _f(0.5 / SHORE) + half, zero), one)
        kelvin, emissivity, specular = kelvins[u], emissivities[u], speculars[u]
        kelvins[u] = kelvin + depth * (puddles[u] - kelvin) if wet else kelvin
        emissivities[u] = emissivity + depth * (_f(WATER_EMISSIVITY) - emissivity) if wet else emissivity
        speculars[u] = specular + depth * (one - specular) if wet else specular


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _at_lens(kinds, sky, transmission, planck, air_radiance, row, scratch, out):
    """Emission and reflection of each pixel's surface, through the air. sky, transmission, planck: of `World`."""
    one, half, zero = _f(1.0), _f(0.5), _f(0.0)
    per_k, lowest_k, last_kelvin = _f(1.0 / STEP_K), _f(LOWEST_K), _f(len(planck) - 2)
    range_steps, last_range = _f(1.0 / atmosphere.RANGE_STEP_M), _f(len(transmission) - 2)
    sky_mean, sky_tag = sky[SKY_STEPS // 2], np.uint8(SKY_TAG)
    sines, facings, ups, ranges, kelvins = row[_SINE], row[_FACING], row[_UP], row[_RANGE], row[_KELVIN]
    emissivities, speculars = row[_EMISSIVITY], row[_SPECULAR]
    planes, indices, words, halves = scratch
    kelvin_shares, range_shares, skies = planes[0], planes[1], planes[2]
    kelvin_at, range_at, sky_at = indices[0], indices[1], indices[2]
    for n in range(len(out)):
        u = np.uint32(n)
        t = min(max((kelvins[u] - lowest_k) * per_k, zero), last_kelvin)
        i = np.int32(t)
        kelvin_at[u], kelvin_shares[u] = i, t - _f(i)
        r = min(ranges[u] * range_steps, last_range)
        i = np.int32(r)
        range_at[u], range_shares[u] = i, r - _f(i)
        # Of the sky where the pixel is sky, else of what its surface mirrors.
        sine = sines[u] if kinds[u] == sky_tag else sines[u] - _f(2.0) * facings[u] * ups[u]
        i = np.int32(min(max(sine, zero), one) * _f(SKY_STEPS))
        sky_at[u] = i if (sine > zero) | (kinds[u] == sky_tag) else np.int32(SKY_STEPS + 1)
    emission, through = words[0], words[1]
    for n in range(len(out)):
        u = np.uint32(n)
        emission[u], through[u] = planck[np.uint32(kelvin_at[u])], transmission[np.uint32(range_at[u])]
        skies[u] = sky[np.uint32(sky_at[u])]
    emitted_of, through_of = halves[0], halves[1]
    for n in range(len(out)):
        u = np.uint32(n)
        low, high = np.uint32(2) * u, np.uint32(2) * u + np.uint32(1)
        emitted = emitted_of[low] + (emitted_of[high] - emitted_of[low]) * kelvin_shares[u]
        tau = through_of[low] + (through_of[high] - through_of[low]) * range_shares[u]
        specular, facing = speculars[u], facings[u]
        # Smooth surfaces reflect more at grazing angles (Schlick).
        grazing = one + facing
        grazing *= grazing
        emissivity = emissivities[u] * (one - specular * grazing * grazing * (one + facing))
        aloft = half + half * ups[u]
        reflected = air_radiance + aloft * (sky_mean - air_radiance)
        reflected += specular * (skies[u] - reflected)
        surface = emissivity * emitted + (one - emissivity) * reflected
        seen = air_radiance + tau * (surface - air_radiance)
        out[u] = skies[u] if kinds[u] == sky_tag else seen


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _into_box(f, e, px, py, pz, wx, wy, wz, range_m):
    """Range at which the ray from the camera enters a box (slab test), or the given range where it misses."""
    enter, leave = _f(0.0), _f(1.0)
    for axis in range(3):
        start = f[axis, 0] * px + f[axis, 1] * py + f[axis, 2] * pz + f[axis, 3]
        step = f[axis, 0] * wx + f[axis, 1] * wy + f[axis, 2] * wz + f[axis, 3] - start
        if abs(step) < _f(1e-6):
            continue
        first, second = (-e[axis] - start) / step, (e[axis] - start) / step
        enter = max(enter, min(first, second))
        leave = min(leave, max(first, second))
    return range_m * enter if enter < leave else range_m
