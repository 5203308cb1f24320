"""From meshes to triangles on the screen: projects, cuts at the near plane, drops what meets no row or column.

What is left is a list of records per work item (a chunk or an instance), read by every band of the picture that the
item reaches (`raster`). What decides over bits (areas here, spans and depths there) is written out with its roundings,
without fast floating point: the same wherever the compiler puts it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.lanes import fused
from simulator.render.workers import take_next

F = np.float32
NEAR_M = np.float32(0.1)
FAR_M = 1000.0

DYNAMIC = 1 << 30
"""Bit that marks triangles of instances: below it stand slot << LOCAL_BITS | triangle of the template."""
LOCAL_BITS = 15

PARALLEL_RANGE_M = 2000.0
"""Depths of parallel projections lie within half of this on either side of their origin."""

COVER_PX = np.float32(2e-4)
"""Spans are widened by this much so that rounding leaves no cracks between neighbours."""

X0, Y0, Z0, X1, Y1, Z1, X2, Y2, Z2, AREA, NEAREST = range(11)
"""Columns of `OnScreen.corners`: the corners with positive area (twice the triangle's), and a bound of the samples."""
TRIANGLE, TOP, BOTTOM, LEFT, RIGHT = range(5)
"""Columns of `OnScreen.marks` and `OnScreen.boxes`: the triangle's id (of a box: how many); samples, all inclusive."""
RECORD_FLOATS, RECORD_INTS = 11, 5


class OnScreen(NamedTuple):
    """corners: (n, 11) float32, marks: (n, 5) int32, see above; those of item k begin at first[k].

    first: (items,) int32. boxes: (items, 5) int32, what all records of an item cover. nearest: (items,) float32.
    """

    first: NDArray[np.int32]
    boxes: NDArray[np.int32]
    nearest: NDArray[np.float32]
    corners: NDArray[np.float32]
    marks: NDArray[np.int32]


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _samples(x0, y0, x1, y1, x2, y2, height, width):
    """Twice the signed area, and the first and last row and column of samples; first > last where there are none."""
    area = fused(x1 - x0, y2 - y0, (x0 - x2) * (y1 - y0))
    left, right = min(x0, min(x1, x2)), max(x0, max(x1, x2))
    top, bottom = min(y0, min(y1, y2)), max(y0, max(y1, y2))
    none = np.int32(0)
    if abs(area) < F(1e-6) or right < F(0.5) or bottom < F(0.5) or left > F(width) or top > F(height):
        return area, np.int32(1), none, none, none
    first = max(none, np.int32(np.ceil(max(top, F(-1)) - F(0.5))))
    last = min(np.int32(height - 1), np.int32(np.floor(min(bottom, F(height)) - F(0.5))))
    x_first = max(none, np.int32(np.ceil(max(left, F(-1)) - (F(0.5) + COVER_PX))))
    x_last = min(np.int32(width - 1), np.int32(np.floor(min(right, F(width)) - (F(0.5) - COVER_PX))))
    return area, first, last if x_first <= x_last else np.int32(-1), x_first, x_last


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _keep(x0, y0, z0, x1, y1, z1, x2, y2, z2, area, triangle, first, last, x_first, x_last, corners, marks, n):
    """Writes record n. `NEAREST` is a bound of all its samples, however thin the triangle."""
    if area < F(0):
        x1, y1, z1, x2, y2, z2 = x2, y2, z2, x1, y1, z1
        area = -area
    corners[n, X0], corners[n, Y0], corners[n, Z0] = x0, y0, z0
    corners[n, X1], corners[n, Y1], corners[n, Z1] = x1, y1, z1
    corners[n, X2], corners[n, Y2], corners[n, Z2] = x2, y2, z2
    left, right = min(x0, min(x1, x2)), max(x0, max(x1, x2))
    top, bottom = min(y0, min(y1, y2)), max(y0, max(y1, y2))
    closest, far = max(z0, max(z1, z2)), min(z0, min(z1, z2))
    wide, tall = right - left, bottom - top
    reach = max(max(abs(left), abs(right)), max(abs(top), abs(bottom)))
    # samples lie outside an edge by what spans are widened and by rounding, here with room to spare; each pushes the
    # inverse depth out of the corners' range by its share of the height over that edge, the area's rounding likewise
    loose = (wide + tall) * (F(1e-3) + F(4e-6) * reach) + F(2e-5) * wide * tall
    corners[n, AREA] = area
    corners[n, NEAREST] = (
        closest + F(1e-5) * max(abs(closest), abs(far)) + (closest - far) * loose / area if loose < area else F(3e38)
    )
    marks[n, TRIANGLE], marks[n, TOP], marks[n, BOTTOM] = triangle, first, last
    marks[n, LEFT], marks[n, RIGHT] = x_first, x_last


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _clip(points, a, b, c, focal, cx, cy, clip):
    """What of a triangle lies beyond the near plane: returns the number of its corners; `clip` gets their places."""
    held = 0
    for edge in range(3):
        p = a if edge == 0 else (b if edge == 1 else c)
        q = b if edge == 0 else (c if edge == 1 else a)
        zp, zq = points[p, 2], points[q, 2]
        if zp > NEAR_M:
            clip[held, 0], clip[held, 1], clip[held, 2] = points[p, 3], points[p, 4], points[p, 5]
            held += 1
        if (zp > NEAR_M) != (zq > NEAR_M):
            t = (NEAR_M - zp) / (zq - zp)
            inverse = F(1) / NEAR_M
            x = points[p, 0] + t * (points[q, 0] - points[p, 0])
            y = points[p, 1] + t * (points[q, 1] - points[p, 1])
            clip[held, 0], clip[held, 1] = x * focal * inverse + cx, y * focal * inverse + cy
            clip[held, 2] = inverse
            held += 1
    return held


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _record(points, triangles, first, last, id_offset, focal, cx, cy, height, width, corners, marks, begin, clip):
    """points: (n, 6) float32 camera x, y, z, screen x, y, inverse depth. clip: (4, 3) scratch."""
    n = begin
    for i in range(first, last):
        a, b, c = triangles[i, 0], triangles[i, 1], triangles[i, 2]
        a_in, b_in, c_in = points[a, 2] > NEAR_M, points[b, 2] > NEAR_M, points[c, 2] > NEAR_M
        triangle = np.int32(id_offset + i)
        if a_in & b_in & c_in:
            x0, y0, x1, y1, x2, y2 = points[a, 3], points[a, 4], points[b, 3], points[b, 4], points[c, 3], points[c, 4]
            area, top, bottom, left, right = _samples(x0, y0, x1, y1, x2, y2, height, width)
            if top <= bottom:
                _keep(
                    x0, y0, points[a, 5], x1, y1, points[b, 5], x2, y2, points[c, 5],
                    area, triangle, top, bottom, left, right, corners, marks, n,
                )  # fmt: skip
                n += 1
        elif a_in | b_in | c_in:
            for k in range(1, _clip(points, a, b, c, focal, cx, cy, clip) - 1):
                x0, y0, x1, y1, x2, y2 = clip[0, 0], clip[0, 1], clip[k, 0], clip[k, 1], clip[k + 1, 0], clip[k + 1, 1]
                area, top, bottom, left, right = _samples(x0, y0, x1, y1, x2, y2, height, width)
                if top <= bottom:
                    _keep(
                        x0, y0, clip[0, 2], x1, y1, clip[k, 2], x2, y2, clip[k + 1, 2],
                        area, triangle, top, bottom, left, right, corners, marks, n,
                    )  # fmt: skip
                    n += 1
    return n - begin


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _around(corners, marks, begin, count, height, width, item, boxes, nearest):
    """What the records of an item cover together."""
    top, bottom, left, right = np.int32(height), np.int32(-1), np.int32(width), np.int32(-1)
    closest = F(-3e38)
    for n in range(begin, begin + count):
        top, bottom = min(top, marks[n, TOP]), max(bottom, marks[n, BOTTOM])
        left, right = min(left, marks[n, LEFT]), max(right, marks[n, RIGHT])
        closest = max(closest, corners[n, NEAREST])
    boxes[item, TRIANGLE], boxes[item, TOP], boxes[item, BOTTOM] = count, top, bottom
    boxes[item, LEFT], boxes[item, RIGHT] = left, right
    nearest[item] = closest


@njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _project(vertices, first, last, m, focal, cx, cy, parallel, out):
    """m: (3, 4) world or actor -> camera (right, down, forward).

    parallel: rays run side by side (the sun's); focal is then pixels per metre and the "inverse depth" falls linearly
    with depth, within PARALLEL_RANGE_M.
    """
    m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    for i in range(first, last):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        px = m00 * x + m01 * y + m02 * z + m03
        py = m10 * x + m11 * y + m12 * z + m13
        pz = m20 * x + m21 * y + m22 * z + m23
        inverse = F(1) / max(pz, NEAR_M)
        k = i - first
        if parallel:
            out[k, 2], out[k, 3], out[k, 4] = F(1), px * focal + cx, py * focal + cy
            out[k, 5] = F(0.5) - pz * F(1.0 / PARALLEL_RANGE_M)
            continue
        out[k, 0], out[k, 1], out[k, 2] = px, py, pz
        out[k, 3], out[k, 4], out[k, 5] = px * focal * inverse + cx, py * focal * inverse + cy, inverse


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def project_items(
    items,
    matrices,
    static,
    templates,
    template_of,
    focal,
    cx,
    cy,
    parallel,
    height,
    width,
    screen,
    scratch,
    counter,
    thread,
):
    """Work items: chunk c of the static mesh as c, instance in slot s as -1 - s.

    matrices: (1 + slots, 3, 4) float32 to camera axes; the first is the static mesh's. static, templates: `Chunks`
    (each template's mesh is one chunk). template_of: (slots,) int32. height, width: of the picture, in samples.
    screen: `OnScreen`, filled in. scratch: (threads, most vertices, 6) float32.
    """
    points = scratch[thread]
    clip = np.empty((4, 3), np.float32)
    starts, boxes, nearest, corners, marks = screen.first, screen.boxes, screen.nearest, screen.corners, screen.marks
    while True:
        k = take_next(counter)
        if k >= items.shape[0]:
            break
        item = items[k]
        if item >= 0:
            first, last = static.first_triangle[item], static.first_triangle[item + 1]
            _project(
                static.vertices, static.first_vertex[item], static.first_vertex[item + 1], matrices[0],
                focal, cx, cy, parallel, points,
            )  # fmt: skip
            count = _record(
                points, static.triangles, first, last, 0, focal, cx, cy, height, width, corners, marks, starts[k], clip
            )
        else:
            slot = -1 - item
            t = template_of[slot]
            first, last = templates.first_triangle[t], templates.first_triangle[t + 1]
            _project(
                templates.vertices, templates.first_vertex[t], templates.first_vertex[t + 1], matrices[slot + 1],
                focal, cx, cy, parallel, points,
            )  # fmt: skip
            offset = (DYNAMIC | (slot << LOCAL_BITS)) - first
            count = _record(
                points, templates.triangles, first, last, offset, focal, cx, cy, height, width, corners, marks,
                starts[k], clip,
            )  # fmt: skip
        _around(corners, marks, starts[k], count, height, width, k, boxes, nearest)
