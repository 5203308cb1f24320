"""Shadows: of the town in the sun from a depth map, of actors from their boxes, and the dark beneath vehicles."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.project import PARALLEL_RANGE_M
from simulator.render.rows import DISTANCE, NX, NY, NZ, OPEN, SKY_M, SUN, X, Y, Z

F = np.float32
SEGMENT_PX = 64
LONGEST_SHADOW_M = 25.0
CASTER_REACH_M = 90.0
"""Actors farther away than this cast no shadow of their own."""
BOX, CYLINDER, CONTACT = 0, 1, 2


class Casters(NamedTuple):
    """Boxes of actors.

    bounds: (n, 6) float32, low and high corner of what box and shadow may cover, relative to the eye.

    frames: (n, 3, 4) float32: relative to the eye -> box axes with the box's middle as origin. halves: (n, 3) float32.
    kind: (n,) float32: BOX, CYLINDER (people), or CONTACT (shaded by the depth map already; only dark beneath).
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
) -> Casters:
    """poses: (n, 3, 4) box frame -> world. boxes: (n, 6) centre and half size in that frame; the first `parked` of them
    belong to the static mesh. sun: unit vector towards it."""
    rotation = poses[:, :, :3].astype(np.float64)
    centre = np.einsum("nij,nj->ni", rotation, boxes[:, :3].astype(np.float64)) + poses[:, :, 3] - eye
    half = boxes[:, 3:].astype(np.float64)
    near = np.linalg.norm(centre, axis=1) < CASTER_REACH_M
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
    return Casters(
        bounds.astype(np.float32).reshape(-1, 6),
        np.ascontiguousarray(frames, np.float32).reshape(-1, 3, 4),
        half.astype(np.float32).reshape(-1, 3),
        np.where(static, CONTACT, np.where(people, CYLINDER, BOX)).astype(np.float32),
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def shadow_row(view, sun, sun_shines, depth_map, to_texel, texel_m, casters, row):  # type: ignore[no-untyped-def]
    """Fills SUN and OPEN of `row`. depth_map, to_texel: see `visibility.ParallelDepth`."""
    width = view.width
    for x in range(width):
        row[SUN, x], row[OPEN, x] = F(1), F(1)
    e0, e1, e2 = view.eye[0], view.eye[1], view.eye[2]
    if sun_shines:
        m = to_texel
        m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
        m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
        m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
        bias = texel_m * F(1.0 / PARALLEL_RANGE_M)
        rows, columns = F(depth_map.shape[0] - 2), F(depth_map.shape[1] - 2)
        for x in range(width):
            facing = row[NX, x] * sun[0] + row[NY, x] * sun[1] + row[NZ, x] * sun[2]
            if facing <= F(0) or row[DISTANCE, x] >= F(SKY_M):
                continue
            # moved off the surface by about a texel, so that it does not shade itself
            lift = texel_m * (F(1.0) + F(2.0) * (F(1) - facing))
            wx, wy, wz = (
                row[X, x] + e0 + row[NX, x] * lift,
                row[Y, x] + e1 + row[NY, x] * lift,
                row[Z, x] + e2 + row[NZ, x] * lift,
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
                row[SUN, x] = (a * (F(1) - tu) + b * tu) * (F(1) - tv) + (c * (F(1) - tu) + d * tu) * tv
    for first in range(0, width, SEGMENT_PX):
        end = min(first + SEGMENT_PX, width)
        low_x = low_y = low_z = F(1e9)
        high_x = high_y = high_z = F(-1e9)
        for i in range(first, end):
            away = F(0) if row[DISTANCE, i] < F(SKY_M) else F(1e9)
            low_x, high_x = min(low_x, row[X, i] + away), max(high_x, row[X, i] - away)
            low_y, high_y = min(low_y, row[Y, i] + away), max(high_y, row[Y, i] - away)
            low_z, high_z = min(low_z, row[Z, i] + away), max(high_z, row[Z, i] - away)
        for k in range(casters.bounds.shape[0]):
            bounds = casters.bounds[k]
            if bounds[0] > high_x or bounds[3] < low_x or bounds[1] > high_y or bounds[4] < low_y:
                continue
            if bounds[2] > high_z or bounds[5] < low_z:
                continue
            m = casters.frames[k]
            m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
            m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
            m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
            hx, hy, hz = casters.halves[k, 0], casters.halves[k, 1], casters.halves[k, 2]
            kind = casters.kind[k]
            blunt = kind == F(CYLINDER)
            sx = m00 * sun[0] + m01 * sun[1] + m02 * sun[2]
            sy = m10 * sun[0] + m11 * sun[1] + m12 * sun[2]
            sz = m20 * sun[0] + m21 * sun[1] + m22 * sun[2]
            for i in range(first, end):
                px, py, pz = row[X, i], row[Y, i], row[Z, i]
                x = m00 * px + m01 * py + m02 * pz + m03
                y = m10 * px + m11 * py + m12 * pz + m13
                z = m20 * px + m21 * py + m22 * pz + m23
                ox, oy = max(abs(x) - hx, F(0)), max(abs(y) - hy, F(0))
                height = z + hz
                if row[NZ, i] > F(0.7) and height < F(0.35) and height > F(-0.5):
                    out = math.sqrt(ox * ox + oy * oy)
                    fade = max(F(1) - out * (F(2.2) if blunt else F(1.3)), F(0))
                    row[OPEN, i] *= F(1) - (F(0.45) if blunt else F(0.8)) * fade * fade
                if not sun_shines or kind == F(CONTACT) or row[SUN, i] <= F(0):
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
                        row[SUN, i] = F(0)
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
                        row[SUN, i] = F(0)
