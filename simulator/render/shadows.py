"""Shadows: of the town in the sun from a depth map, of actors from their boxes, and the dark beneath vehicles."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.project import PARALLEL_RANGE_M
from simulator.render.tiles import DISTANCE, NX, NY, NZ, OPEN, SKY_M, SUN, X, Y, Z

F = np.float32
SEGMENT_PX = 64
LONGEST_SHADOW_M = 25.0
CASTER_REACH_M, CASTER_FOCAL_PX = 90.0, 320.0
"""Actors farther away than this, over the ground and at this focal length, cast no shadow of their own. From above that
far is what stands within the picture: half as far again as the camera is high."""
SEEN_FROM_ABOVE = 1.5
BOX, CYLINDER, CONTACT = 0, 1, 2


class Casters(NamedTuple):
    """Boxes of actors.

    bounds: (n, 6) float32, low and high corner of what box and shadow may cover, relative to the eye.

    frames: (n, 3, 4) float32: relative to the eye -> box axes with the box's middle as origin. halves: (n, 3) float32.
    kind: (n,) float32: BOX, CYLINDER (people and riders), or CONTACT (shaded by the depth map already; only dark
    beneath).
    """

    bounds: NDArray[np.float32]
    frames: NDArray[np.float32]
    halves: NDArray[np.float32]
    kind: NDArray[np.float32]


def casters_of(
    poses: NDArray[np.float32],
    boxes: NDArray[np.float32],
    parked: int,
    eye: NDArray[np.float32],
    sun: tuple[float, float, float],
    focal_px: float,
) -> Casters:
    """poses: (n, 3, 4) box frame -> world. boxes: (n, 6) centre and half size in that frame; the first `parked` of them
    belong to the static mesh. sun: unit vector towards it."""
    rotation = poses[:, :, :3].astype(np.float64)
    centre = np.einsum("nij,nj->ni", rotation, boxes[:, :3].astype(np.float64)) + poses[:, :, 3] - eye
    half = boxes[:, 3:].astype(np.float64)
    reach_m = np.maximum(CASTER_REACH_M * max(focal_px / CASTER_FOCAL_PX, 1.0), -SEEN_FROM_ABOVE * centre[:, 2])
    near = np.hypot(centre[:, 0], centre[:, 1]) < reach_m
    static = (np.arange(len(poses)) < parked)[near]
    rotation, centre, half = rotation[near], centre[near], half[near]
    reach = np.einsum("nij,nj->ni", np.abs(rotation), half)
    low, high = centre - reach, centre + reach
    if sun[2] > 0.01:
        length = np.minimum(2.0 * reach[:, 2] / sun[2], LONGEST_SHADOW_M)[:, None] * -np.array(sun)
        shadow_low, shadow_high = low + np.minimum(length, 0.0), high + np.maximum(length, 0.0)
    else:
        shadow_low, shadow_high = low, high
    around = np.array([1.0, 1.0, 0.3])  # the dark beneath a vehicle reaches a little beyond its outline
    bounds = np.concatenate([shadow_low - around, shadow_high + around], axis=1)
    inverse = rotation.transpose(0, 2, 1)
    frames = np.concatenate([inverse, -np.einsum("nij,nj->ni", inverse, centre)[:, :, None]], axis=2)
    people = (half[:, 0] < 0.7) & (half[:, 1] < 0.7)
    people |= (half[:, 0] < 1.3) & (half[:, 1] < 0.45) & (half[:, 2] > 0.7)  # riders: mostly air below and before them
    return Casters(
        bounds.astype(np.float32).reshape(-1, 6),
        np.ascontiguousarray(frames, np.float32).reshape(-1, 3, 4),
        half.astype(np.float32).reshape(-1, 3),
        np.where(static, CONTACT, np.where(people, CYLINDER, BOX)).astype(np.float32),
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _extent(first, end, tile):
    """The box around what pixels first <= x < end show, without the sky: low and high x, y and z."""
    low_x = low_y = low_z = F(1e9)
    high_x = high_y = high_z = F(-1e9)
    for k in range(np.uint64(first), np.uint64(end)):
        away = F(0) if tile[DISTANCE + k] < F(SKY_M) else F(1e9)
        low_x, high_x = min(low_x, tile[X + k] + away), max(high_x, tile[X + k] - away)
        low_y, high_y = min(low_y, tile[Y + k] + away), max(high_y, tile[Y + k] - away)
        low_z, high_z = min(low_z, tile[Z + k] + away), max(high_z, tile[Z + k] - away)
    return low_x, high_x, low_y, high_y, low_z, high_z


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def _reaches(bounds, j, low_x, high_x, low_y, high_y, low_z, high_z):
    apart = (bounds[j, 0] > high_x) | (bounds[j, 3] < low_x) | (bounds[j, 1] > high_y) | (bounds[j, 4] < low_y)
    return not (apart | (bounds[j, 2] > high_z) | (bounds[j, 5] < low_z))


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def shadow_tile(width, view, sun, sun_shines, depth_map, to_texel, texel_m, casters, tile):
    """Fills SUN and OPEN of `tile`. depth_map, to_texel: see `visibility.ParallelDepth`."""
    for k in range(np.uint64(width)):
        tile[SUN + k], tile[OPEN + k] = F(1), F(1)
    e0, e1, e2 = view.eye[0], view.eye[1], view.eye[2]
    if sun_shines:
        m = to_texel
        m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
        m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
        m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
        bias = texel_m * F(1.0 / PARALLEL_RANGE_M)
        rows, columns = F(depth_map.shape[0] - 2), F(depth_map.shape[1] - 2)
        for k in range(np.uint64(width)):
            facing = tile[NX + k] * sun[0] + tile[NY + k] * sun[1] + tile[NZ + k] * sun[2]
            if facing <= F(0) or tile[DISTANCE + k] >= F(SKY_M):
                continue
            # moved off the surface by about a texel, so that it does not shade itself
            lift = texel_m * (F(1.0) + F(2.0) * (F(1) - facing))
            wx, wy, wz = (
                tile[X + k] + e0 + tile[NX + k] * lift,
                tile[Y + k] + e1 + tile[NY + k] * lift,
                tile[Z + k] + e2 + tile[NZ + k] * lift,
            )
            u = m00 * wx + m01 * wy + m02 * wz + m03 - F(0.5)
            v = m10 * wx + m11 * wy + m12 * wz + m13 - F(0.5)
            depth = m20 * wx + m21 * wy + m22 * wz + m23 + bias
            if u >= F(1) and v >= F(1) and u < columns and v < rows:
                left, top = np.uint32(u), np.uint32(v)
                tu, tv = u - F(left), v - F(top)
                right, bottom = left + np.uint32(1), top + np.uint32(1)
                a = F(0) if depth_map[top, left] > depth else F(1)
                b = F(0) if depth_map[top, right] > depth else F(1)
                c = F(0) if depth_map[bottom, left] > depth else F(1)
                d = F(0) if depth_map[bottom, right] > depth else F(1)
                tile[SUN + k] = (a * (F(1) - tu) + b * tu) * (F(1) - tv) + (c * (F(1) - tu) + d * tu) * tv
    near = np.empty(casters.bounds.shape[0], np.int32)
    count = 0
    low_x, high_x, low_y, high_y, low_z, high_z = _extent(0, width, tile)
    for j in range(casters.bounds.shape[0]):
        if _reaches(casters.bounds, j, low_x, high_x, low_y, high_y, low_z, high_z):
            near[count] = j
            count += 1
    for first in range(0, width if count > 0 else 0, SEGMENT_PX):
        end = min(first + SEGMENT_PX, width)
        low_x, high_x, low_y, high_y, low_z, high_z = _extent(first, end, tile)
        for n in range(count):
            j = near[n]
            if not _reaches(casters.bounds, j, low_x, high_x, low_y, high_y, low_z, high_z):
                continue
            m = casters.frames[j]
            m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
            m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
            m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
            hx, hy, hz = casters.halves[j, 0], casters.halves[j, 1], casters.halves[j, 2]
            kind = casters.kind[j]
            blunt = kind == F(CYLINDER)
            sx = m00 * sun[0] + m01 * sun[1] + m02 * sun[2]
            sy = m10 * sun[0] + m11 * sun[1] + m12 * sun[2]
            sz = m20 * sun[0] + m21 * sun[1] + m22 * sun[2]
            reach, most = (F(2.2), F(0.45)) if blunt else (F(1.3), F(0.8))
            for i in range(np.uint64(first), np.uint64(end)):
                px, py, pz = tile[X + i], tile[Y + i], tile[Z + i]
                ox = max(abs(m00 * px + m01 * py + m02 * pz + m03) - hx, F(0))
                oy = max(abs(m10 * px + m11 * py + m12 * pz + m13) - hy, F(0))
                height = m20 * px + m21 * py + m22 * pz + m23 + hz
                beneath = (tile[NZ + i] > F(0.7)) & (height < F(0.35)) & (height > F(-0.5))
                fade = max(F(1) - math.sqrt(ox * ox + oy * oy) * reach, F(0))
                tile[OPEN + i] *= F(1) - most * (fade * fade if beneath else F(0))
            if not sun_shines or kind == F(CONTACT):
                continue
            for i in range(np.uint64(first), np.uint64(end)):
                px, py, pz = tile[X + i], tile[Y + i], tile[Z + i]
                x = m00 * px + m01 * py + m02 * pz + m03
                y = m10 * px + m11 * py + m12 * pz + m13
                z = m20 * px + m21 * py + m22 * pz + m23
                if tile[SUN + i] <= F(0):
                    continue
                if abs(x) < hx + F(0.06) and abs(y) < hy + F(0.06) and abs(z) < hz - F(0.02):
                    continue  # on the caster itself
                if blunt:
                    # a person: an upright elliptic cylinder a little thinner than the box
                    qx, qy, rx, ry = x / hx, y / hy, sx / hx, sy / hy
                    a = max(rx * rx + ry * ry, F(1e-6))
                    b = qx * rx + qy * ry
                    t = -b / a
                    if t > F(0) and qx * qx + qy * qy - b * b / a < F(0.35) and abs(z + t * sz) < hz:
                        tile[SUN + i] = F(0)
                else:
                    ix = F(1) / (sx if abs(sx) > F(1e-5) else F(1e-5))
                    iy = F(1) / (sy if abs(sy) > F(1e-5) else F(1e-5))
                    iz = F(1) / (sz if abs(sz) > F(1e-5) else F(1e-5))
                    # the body of a vehicle is narrower than its box and does not reach down to the ground
                    wide, low = hx * F(0.95), hy * F(0.88)
                    a0, a1 = (-wide - x) * ix, (wide - x) * ix
                    b0, b1 = (-low - y) * iy, (low - y) * iy
                    c0, c1 = (-hz * F(0.8) - z) * iz, (hz * F(0.85) - z) * iz
                    enter = max(max(min(a0, a1), min(b0, b1)), min(c0, c1))
                    leave = min(min(max(a0, a1), max(b0, b1)), max(c0, c1))
                    if leave > max(enter, F(0)):
                        tile[SUN + i] = F(0)
