"""From tags and ranges to radiance at the lens: one pass over the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from sensors.thermal import atmosphere
from sensors.thermal.ambient import Ambient
from sensors.thermal.association import associate, box_frames
from sensors.thermal.glazing import FIRST_ROW
from sensors.thermal.heat import ActorState
from sensors.thermal.materials import SKY_TAG, SurfaceMaterial
from sensors.thermal.parts import part_table, person_part, vehicle_part
from sensors.thermal.radiometry import LOWEST_K, STEP_K, Band
from sensors.thermal.temperature import (
    EMISSIVITY,
    LEVEL_K,
    PATTERN_CELLS,
    PUDDLE_K,
    SPECULAR,
    UPRIGHT_K,
    VARIATION_K,
    pattern,
    surface_table,
)

SKY_STEPS = 256
DEPTH_LIMIT_M = 999.0
"""CARLA's depth image ends at 1000 m: beyond is sky, unless tagged otherwise."""

PATTERN_SCALES_M = (2.3, 11.0)
"""Grid of the two layers of the pattern on surfaces: patches and wide drifts."""

WATER_EMISSIVITY = 0.96
SHORE = 0.15
"""Width of a puddle's border, in deviations of the pattern: within which water and ground mix."""

_f = np.float32


@dataclass(frozen=True, eq=False)
class World:
    """The tables of one ambient and one band; they hold as long as the weather does."""

    ambient: Ambient
    band: Band
    surfaces: NDArray[np.float32]
    sky: NDArray[np.float32]
    transmission: NDArray[np.float32]
    pattern: NDArray[np.float32]
    air_radiance: float
    shore: float
    """Where the pattern is above this, level wettable ground lies under water."""


def thermal_world(ambient: Ambient, band: Band, seed: int, materials: Mapping[int, SurfaceMaterial]) -> World:
    """The tables. `sky`: radiance by the sine of elevation 0..1 in SKY_STEPS steps, through fog and rain."""
    air = float(band.radiance(ambient.air_k))
    clear = atmosphere.sky_clearness(np.linspace(0.0, 1.0, SKY_STEPS + 1), ambient)
    sky = air + (float(band.radiance(ambient.sky_k)) - air) * clear
    tile = pattern(seed)
    return World(
        ambient,
        band,
        surface_table(materials, ambient),
        sky.astype(np.float32),
        atmosphere.transmission_table(ambient),
        tile,
        air,
        _shore(tile, ambient.puddles),
    )


def _shore(tile: NDArray[np.float32], share: float) -> float:
    """What `share` 0..1 of level ground's pattern lies above: water gathers at the same places, the more the wider."""
    if share <= 0.0:
        return float("inf")
    on_a_grid = np.arange(0.0, 320.0, 1.37, dtype=np.float32)
    return float(np.quantile(_ground_pattern(tile, on_a_grid), 1.0 - share))


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
        world.sky, world.transmission, world.pattern, world.band.radiance_table, np.float32(world.air_radiance),
        np.float32(world.ambient.air_k), np.float32(world.shore), out,
    )  # fmt: skip
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _pattern_at(tile, x, y, z):  # type: ignore[no-untyped-def]
    """Trilinear lookup in the repeating tile."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    tx, ty, tz = x - fx, y - fy, z - fz
    mask = PATTERN_CELLS - 1
    i0, j0, k0 = np.int32(fx) & mask, np.int32(fy) & mask, np.int32(fz) & mask
    i1, j1, k1 = (i0 + 1) & mask, (j0 + 1) & mask, (k0 + 1) & mask
    one = _f(1.0)
    low = (tile[i0, j0, k0] * (one - tx) + tile[i1, j0, k0] * tx) * (one - ty)
    low += (tile[i0, j1, k0] * (one - tx) + tile[i1, j1, k0] * tx) * ty
    high = (tile[i0, j0, k1] * (one - tx) + tile[i1, j0, k1] * tx) * (one - ty)
    high += (tile[i0, j1, k1] * (one - tx) + tile[i1, j1, k1] * tx) * ty
    return low * (one - tz) + high * tz


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _ground_pattern(tile, metres):  # type: ignore[no-untyped-def]
    """(n, n) pattern that `_radiance` lays over the level ground at height 0, every pair of `metres` (n,) float32."""
    patch, drift = _f(1.0 / PATTERN_SCALES_M[0]), _f(1.0 / PATTERN_SCALES_M[1])
    out = np.empty((len(metres), len(metres)), np.float32)
    for i in range(len(metres)):
        for j in range(len(metres)):
            x, y = metres[i], metres[j]
            out[i, j] = _pattern_at(tile, x * patch, y * patch, _f(0.0))
            out[i, j] += _pattern_at(tile, x * drift, y * drift + _f(0.5), _f(0.0))
    return out


_GEOMETRY = 7
_X, _Y, _Z, _LENGTH, _SINE, _FACING, _UP = range(_GEOMETRY)
"""Planes of a row's geometry: position in the world (m), length of the ray at 1 m of depth, sine of its elevation,
cosine between the normal and the ray (0 or less), vertical share of the normal."""


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _geometry(v, depth_m, endless, pose, focal, row):  # type: ignore[no-untyped-def]
    """Fills `row` (_GEOMETRY, W) float32 for image row v, without a branch: several pixels at a time.

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
    here[1 : width + 1] = depth_m[v]
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
def _radiance(  # type: ignore[no-untyped-def]
    tags, panes, instances, depth_m, pose, focal, actor_of, frames, extents, parts, surfaces,
    sky, transmission, tile, planck, air_radiance, air_k, shore, out,
):  # fmt: skip
    height, width = tags.shape
    px, py, pz = pose[0, 3], pose[1, 3], pose[2, 3]
    one, half, zero = _f(1.0), _f(0.5), _f(0.0)
    patch, drift = _f(1.0 / PATTERN_SCALES_M[0]), _f(1.0 / PATTERN_SCALES_M[1])
    range_steps = _f(1.0 / atmosphere.RANGE_STEP_M)
    last_range = _f(len(transmission) - 2)
    per_k, lowest_k = _f(1.0 / STEP_K), _f(LOWEST_K)
    sky_mean = sky[SKY_STEPS // 2]
    row = np.empty((_GEOMETRY, width), np.float32)
    endless = np.full(width + 2, np.inf, np.float32)
    for v in range(height):
        _geometry(v, depth_m, endless, pose, focal, row)
        for u in range(width):
            d = depth_m[v, u]
            tag = tags[v, u]
            if tag == SKY_TAG or (d > _f(DEPTH_LIMIT_M) and tag == 0):
                sine = min(max(row[_SINE, u], zero), one)
                out[v, u] = sky[np.int32(sine * _f(SKY_STEPS))]
                continue
            wx, wy, wz = row[_X, u], row[_Y, u], row[_Z, u]
            facing, up = row[_FACING, u], row[_UP, u]
            pane = panes[v, u]
            s = surfaces[np.uint8(FIRST_ROW) + pane if pane > 0 else tag]
            emissivity, specular = s[EMISSIVITY], s[SPECULAR]
            level = max(up, zero)
            kelvin = s[UPRIGHT_K] + level * (s[LEVEL_K] - s[UPRIGHT_K])
            sample_x, sample_y, sample_z = wx, wy, wz
            range_m = d * row[_LENGTH, u]
            if 12 <= tag <= 19 and pane == 0:
                k = actor_of[instances[v, u]]
                if k >= 0:
                    f, e = frames[k], extents[k]
                    x = f[0, 0] * wx + f[0, 1] * wy + f[0, 2] * wz + f[0, 3]
                    y = f[1, 0] * wx + f[1, 1] * wy + f[1, 2] * wz + f[1, 3]
                    z = f[2, 0] * wx + f[2, 1] * wy + f[2, 2] * wz + f[2, 3]
                    if 14 <= tag <= 17:
                        if abs(x) > e[0] + half or abs(y) > e[1] + half or abs(z) > e[2] + half:
                            # The depth looked through a window that the instance image stopped at.
                            range_m = _into_box(f, e, px, py, pz, wx, wy, wz, range_m)
                            x, y, z, up = zero, e[1], half * e[2], zero
                        warmth, glass = vehicle_part(x, y, z, e[0], e[1], e[2], up, parts[k])
                        kelvin += warmth
                        if glass > half:
                            kelvin = air_k + warmth
                            emissivity, specular = _f(0.90), one
                    elif tag == 18:
                        kelvin += parts[k, 0] * max(zero, one - abs(x) / e[0] * _f(2.2))
                    elif tag == 12 or tag == 13:
                        kelvin = air_k + person_part(x, y, z, e[0], e[1], e[2], parts[k], tag == 13)
                    # On an actor the pattern rides along.
                    offset = _f(17.0) * _f(k)
                    sample_x, sample_y, sample_z = x * _f(3.0) + offset, y * _f(3.0), z * _f(3.0)
                elif tag == 12 or tag == 13:
                    kelvin += _f(5.0)
            grain = _pattern_at(tile, sample_x * patch, sample_y * patch, sample_z * patch)
            wide = _pattern_at(tile, sample_x * drift, sample_y * drift + half, sample_z * drift)
            kelvin += s[VARIATION_K] * (grain + wide)
            if s[PUDDLE_K] > zero and grain + wide > shore - _f(SHORE) and up > _f(0.97):
                depth = min(max((grain + wide - shore) * _f(0.5 / SHORE) + half, zero), one)
                kelvin += depth * (s[PUDDLE_K] - kelvin)
                emissivity += depth * (_f(WATER_EMISSIVITY) - emissivity)
                specular += depth * (one - specular)

            t = (kelvin - lowest_k) * per_k
            i = np.int32(t)
            emitted = planck[i] + (planck[i + 1] - planck[i]) * (t - _f(i))
            # Smooth surfaces reflect more at grazing angles (Schlick).
            grazing = one + facing
            grazing *= grazing
            emissivity *= one - specular * grazing * grazing * (one + facing)
            aloft = half + half * up
            reflected = air_radiance + aloft * (sky_mean - air_radiance)
            if specular > zero:
                mirror_z = row[_SINE, u] - _f(2.0) * facing * up
                mirrored = air_radiance
                if mirror_z > zero:
                    mirrored = sky[np.int32(min(mirror_z, one) * _f(SKY_STEPS))]
                reflected += specular * (mirrored - reflected)
            surface = emissivity * emitted + (one - emissivity) * reflected
            r = min(range_m * range_steps, last_range)
            i = np.int32(r)
            tau = transmission[i] + (transmission[i + 1] - transmission[i]) * (r - _f(i))
            out[v, u] = air_radiance + tau * (surface - air_radiance)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _into_box(f, e, px, py, pz, wx, wy, wz, range_m):  # type: ignore[no-untyped-def]
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
