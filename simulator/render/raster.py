"""Draws triangles into a visibility buffer: which triangle each pixel shows, and the inverse of its planar depth.

The inverse depth is affine on the screen, so a row of a triangle is one masked compare-and-store over a span. Bigger is
nearer; 0 is the sky. Where two triangles are exactly equally deep the lower id wins, whatever the drawing order, so the
picture does not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.render.workers import take_next

F = np.float32
NEAR_M = np.float32(0.1)
FAR_M = 1000.0

DYNAMIC = 1 << 30
"""Bit that marks triangles of instances: below it stand slot << LOCAL_BITS | triangle of the template."""
LOCAL_BITS = 15
NOTHING = np.int32(0x7FFFFFFF)
"""The id of pixels that show no triangle."""

PARALLEL_RANGE_M = 2000.0
"""Depths of parallel projections lie within half of this on either side of their origin."""

COVER_PX = np.float32(2e-4)
"""Spans are widened by this much so that rounding leaves no cracks between neighbours."""


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, triangle, depth, ids):  # type: ignore[no-untyped-def]
    """One triangle in pixels; z are inverse depths."""
    height, width = depth.shape
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if area < F(0):
        x1, x2 = x2, x1
        y1, y2 = y2, y1
        z1, z2 = z2, z1
        area = -area
    if area < F(1e-6):
        return
    left, right = min(x0, min(x1, x2)), max(x0, max(x1, x2))
    top, bottom = min(y0, min(y1, y2)), max(y0, max(y1, y2))
    if right < F(0.5) or bottom < F(0.5) or left > F(width) or top > F(height):
        return
    first = max(np.int32(0), np.int32(np.ceil(max(top, F(-1)) - F(0.5))))
    last = min(np.int32(height - 1), np.int32(np.floor(min(bottom, F(height)) - F(0.5))))
    if first > last:
        return
    x_first = max(np.int32(0), np.int32(np.ceil(max(left, F(-1)) - F(0.5) - COVER_PX)))
    x_last = min(np.int32(width - 1), np.int32(np.floor(min(right, F(width)) - F(0.5) + COVER_PX)))
    if x_first > x_last:
        return
    # the depth plane in float64: triangles cut by the near plane reach thousands of pixels off the screen
    scale = 1.0 / np.float64(area)
    dz_dx = (np.float64(z1 - z0) * (y2 - y0) - np.float64(z2 - z0) * (y1 - y0)) * scale
    dz_dy = (np.float64(z2 - z0) * (x1 - x0) - np.float64(z1 - z0) * (x2 - x0)) * scale
    z_origin = np.float64(z0) - dz_dx * x0 - dz_dy * y0
    step = F(dz_dx)
    # edges a x + b y + c >= 0 inside; a span's ends are where they vanish
    a0, b0 = y0 - y1, x1 - x0
    a1, b1 = y1 - y2, x2 - x1
    a2, b2 = y2 - y0, x0 - x2
    c0, c1, c2 = -(a0 * x0 + b0 * y0), -(a1 * x1 + b1 * y1), -(a2 * x2 + b2 * y2)
    tiny = F(1e-7)
    r0 = F(-1) / a0 if abs(a0) > tiny else F(0)
    r1 = F(-1) / a1 if abs(a1) > tiny else F(0)
    r2 = F(-1) / a2 if abs(a2) > tiny else F(0)
    for y in range(first, last + 1):
        py = F(y) + F(0.5)
        start, end = F(x_first) + F(0.5), F(x_last) + F(0.5)
        t = (b0 * py + c0) * r0
        if a0 > tiny:
            start = max(start, t - COVER_PX)
        elif a0 < -tiny:
            end = min(end, t + COVER_PX)
        t = (b1 * py + c1) * r1
        if a1 > tiny:
            start = max(start, t - COVER_PX)
        elif a1 < -tiny:
            end = min(end, t + COVER_PX)
        t = (b2 * py + c2) * r2
        if a2 > tiny:
            start = max(start, t - COVER_PX)
        elif a2 < -tiny:
            end = min(end, t + COVER_PX)
        xa, xb = np.int32(np.ceil(start - F(0.5))), np.int32(np.floor(end - F(0.5)))
        if xa > xb:
            continue
        z = F(z_origin + dz_dx * (np.float64(xa) + 0.5) + dz_dy * np.float64(py))
        row, column = np.uint64(y), np.uint64(xa)
        for k in range(np.uint64(xb - xa + 1)):
            here = z + F(np.int32(k)) * step
            there = depth[row, column + k]
            if (here > there) | ((here == there) & (triangle < ids[row, column + k])):
                depth[row, column + k] = here
                ids[row, column + k] = triangle


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _draw(points, triangles, first, last, id_offset, focal, cx, cy, depth, ids, clip):  # type: ignore[no-untyped-def]
    """points: (n, 6) float32 camera x, y, z, screen x, y, inverse depth. clip: (4, 3) scratch."""
    for i in range(first, last):
        a, b, c = triangles[i, 0], triangles[i, 1], triangles[i, 2]
        za, zb, zc = points[a, 2], points[b, 2], points[c, 2]
        a_in, b_in, c_in = za > NEAR_M, zb > NEAR_M, zc > NEAR_M
        triangle = np.int32(id_offset + i)
        if a_in and b_in and c_in:
            _fill(
                points[a, 3], points[a, 4], points[a, 5], points[b, 3], points[b, 4], points[b, 5],
                points[c, 3], points[c, 4], points[c, 5], triangle, depth, ids,
            )  # fmt: skip
        elif a_in or b_in or c_in:
            corners = 0
            for edge in range(3):
                p = a if edge == 0 else (b if edge == 1 else c)
                q = b if edge == 0 else (c if edge == 1 else a)
                zp, zq = points[p, 2], points[q, 2]
                if zp > NEAR_M:
                    clip[corners, 0], clip[corners, 1], clip[corners, 2] = points[p, 3], points[p, 4], points[p, 5]
                    corners += 1
                if (zp > NEAR_M) != (zq > NEAR_M):
                    t = (NEAR_M - zp) / (zq - zp)
                    inverse = F(1) / NEAR_M
                    x = points[p, 0] + t * (points[q, 0] - points[p, 0])
                    y = points[p, 1] + t * (points[q, 1] - points[p, 1])
                    clip[corners, 0], clip[corners, 1] = x * focal * inverse + cx, y * focal * inverse + cy
                    clip[corners, 2] = inverse
                    corners += 1
            for k in range(1, corners - 1):
                _fill(
                    clip[0, 0], clip[0, 1], clip[0, 2], clip[k, 0], clip[k, 1], clip[k, 2],
                    clip[k + 1, 0], clip[k + 1, 1], clip[k + 1, 2], triangle, depth, ids,
                )  # fmt: skip


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def _project(vertices, first, last, m, focal, cx, cy, parallel, out):  # type: ignore[no-untyped-def]
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
def draw_items(
    items, matrices, static, templates, template_of, focal, cx, cy, parallel, depths, ids, scratch, counter, thread
):  # type: ignore[no-untyped-def]
    """Work items: chunk c of the static mesh as c, instance in slot s as -1 - s.

    matrices: (1 + slots, 3, 4) float32 to camera axes; the first is the static mesh's. static, templates: `Chunks`
    (each template's mesh is one chunk). template_of: (slots,) int32. depths, ids: one (H, W) buffer per thread.
    """
    depth, owner, points = depths[thread], ids[thread], scratch[thread]
    for y in range(depth.shape[0]):
        for x in range(depth.shape[1]):
            depth[y, x] = F(0)
            owner[y, x] = NOTHING
    clip = np.empty((4, 3), np.float32)
    while True:
        k = take_next(counter)
        if k >= items.shape[0]:
            break
        item = items[k]
        if item >= 0:
            first, last = static.first_triangle[item], static.first_triangle[item + 1]
            _project(
                static.vertices,
                static.first_vertex[item],
                static.first_vertex[item + 1],
                matrices[0],
                focal,
                cx,
                cy,
                parallel,
                points,
            )
            _draw(points, static.triangles, first, last, 0, focal, cx, cy, depth, owner, clip)
        else:
            slot = -1 - item
            t = template_of[slot]
            first, last = templates.first_triangle[t], templates.first_triangle[t + 1]
            _project(
                templates.vertices, templates.first_vertex[t], templates.first_vertex[t + 1], matrices[slot + 1],
                focal, cx, cy, parallel, points,
            )  # fmt: skip
            offset = (DYNAMIC | (slot << LOCAL_BITS)) - first
            _draw(points, templates.triangles, first, last, offset, focal, cx, cy, depth, owner, clip)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def merge(depths, ids, counter, thread):  # type: ignore[no-untyped-def]
    """Folds the other threads' buffers into the first one, row by row."""
    threads, height, width = depths.shape
    while True:
        y = take_next(counter)
        if y >= height:
            break
        for other in range(1, threads):
            for x in range(width):
                a, b = depths[0, y, x], depths[other, y, x]
                if (b > a) | ((b == a) & (ids[other, y, x] < ids[0, y, x])):
                    depths[0, y, x] = b
                    ids[0, y, x] = ids[other, y, x]
