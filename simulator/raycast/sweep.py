"""A sphere that moves along a line: where it first touches a triangle.

It does so where the line of its centre enters the triangle thickened by the radius: two faces, three cylinders along
the edges and three spheres at the corners (Ericson, "Real-time collision detection", 2005, section 5.5).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from simulator.raycast.bvh import DEPTH, LEAF_BITS
from simulator.raycast.kernels import MISSED, STATIC, entry, into, inverse, turned

F = np.float32


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _into_ball(mx, my, mz, dx, dy, dz, radius, best):
    """m: from the middle of the ball to the start, d: unit vector; the distance if it is less than `best`."""
    c = mx * mx + my * my + mz * mz - radius * radius
    if c <= 0.0:
        return 0.0
    b = mx * dx + my * dy + mz * dz
    root = b * b - c
    if b >= 0.0 or root < 0.0:
        return best
    return min(best, -b - math.sqrt(root))


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _into_rod(mx, my, mz, dx, dy, dz, ex, ey, ez, radius, best):
    """m: from one end of the rod to the start; e: to its other end. The round ends are not part of it."""
    ee = ex * ex + ey * ey + ez * ez
    if ee <= 1e-18:
        return best
    md, me, de = mx * dx + my * dy + mz * dz, mx * ex + my * ey + mz * ez, dx * ex + dy * ey + dz * ez
    mm = mx * mx + my * my + mz * mz
    a, b, c = ee - de * de, ee * md - me * de, ee * (mm - radius * radius) - me * me
    if c <= 0.0:
        return 0.0 if 0.0 <= me <= ee else best
    root = b * b - a * c
    if a <= 1e-12 * ee or b >= 0.0 or root < 0.0:
        return best
    t = (-b - math.sqrt(root)) / a
    along = me + t * de
    return min(best, t) if 0.0 <= along <= ee else best


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def touches(triangle, ox, oy, oz, dx, dy, dz, radius, best):
    """Metres (float64) until a sphere meets a triangle (9,), 0 if it does at the start; `best` if not before that."""
    mx, my, mz = ox - triangle[0], oy - triangle[1], oz - triangle[2]
    ax, ay, az = np.float64(triangle[3]), np.float64(triangle[4]), np.float64(triangle[5])
    bx, by, bz = np.float64(triangle[6]), np.float64(triangle[7]), np.float64(triangle[8])
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    nn = math.sqrt(nx * nx + ny * ny + nz * nz)
    if nn > 1e-12:
        nx, ny, nz = nx / nn, ny / nn, nz / nn
        height = mx * nx + my * ny + mz * nz
        if height < 0.0:
            nx, ny, nz, height = -nx, -ny, -nz, -height
        closing = -(dx * nx + dy * ny + dz * nz)
        t = 0.0 if height <= radius else ((height - radius) / closing if closing > 1e-12 else best)
        if t < best:
            # the foot of the sphere's centre on the plane at that moment, in barycentric coordinates
            px, py, pz = mx + t * dx, my + t * dy, mz + t * dz
            aa, ab, bb = ax * ax + ay * ay + az * az, ax * bx + ay * by + az * bz, bx * bx + by * by + bz * bz
            pa, pb = px * ax + py * ay + pz * az, px * bx + py * by + pz * bz
            scale = 1.0 / (aa * bb - ab * ab)
            u, v = (bb * pa - ab * pb) * scale, (aa * pb - ab * pa) * scale
            if u >= 0.0 and v >= 0.0 and u + v <= 1.0:
                return t
    best = _into_rod(mx, my, mz, dx, dy, dz, ax, ay, az, radius, best)
    best = _into_rod(mx, my, mz, dx, dy, dz, bx, by, bz, radius, best)
    best = _into_rod(mx - ax, my - ay, mz - az, dx, dy, dz, bx - ax, by - ay, bz - az, radius, best)
    best = _into_ball(mx, my, mz, dx, dy, dz, radius, best)
    best = _into_ball(mx - ax, my - ay, mz - az, dx, dy, dz, radius, best)
    return _into_ball(mx - bx, my - by, mz - bz, dx, dy, dz, radius, best)


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _sweep_tree(tree, root, ox, oy, oz, dx, dy, dz, radius, best):
    """(metres, row of the triangle) or (best, -1)."""
    stack = np.empty(DEPTH, np.int32)
    ix, iy, iz = inverse(dx), inverse(dy), inverse(dz)
    grow = F(radius) + F(1e-4)
    stack[0], depth, found = root, 1, np.int32(-1)
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if node >= 0:
            for side in range(2):
                where = entry(tree.boxes, node, side, ox, oy, oz, ix, iy, iz, F(0), F(best), grow)
                if where <= F(best):
                    stack[depth] = tree.children[node, side]
                    depth += 1
            continue
        leaf = ~node
        first = leaf >> LEAF_BITS
        for k in range(first, first + (leaf & ((1 << LEAF_BITS) - 1))):
            t = touches(
                tree.triangles[k], np.float64(ox), np.float64(oy), np.float64(oz), np.float64(dx), np.float64(dy),
                np.float64(dz), radius, best,
            )  # fmt: skip
            if t < best:
                best, found = t, np.int32(k)
    return best, found


@njit(cache=True, error_model="numpy", nogil=True)
def sweep_sphere(start, direction, reach, radius, with_town, wanted, town, models, placed):
    """(metres, slot, row of the triangle) of the first touch, see `kernels.cast_rays`; wanted: (slots,) bool."""
    ox, oy, oz = start[0], start[1], start[2]
    dx, dy, dz = direction[0], direction[1], direction[2]
    r, best = np.float64(radius), np.float64(reach)
    slot, row = MISSED, np.int32(-1)
    if with_town:
        best, row = _sweep_tree(town, 0, ox, oy, oz, dx, dy, dz, r, best)
        if row >= 0:
            slot = STATIC
    for s in range(len(placed.roots)):
        if not wanted[s]:
            continue
        pose = placed.poses[s]
        x, y, z = into(pose, ox, oy, oz)
        a, b, c = turned(pose, dx, dy, dz)
        t, found = _sweep_tree(models, placed.roots[s], x, y, z, a, b, c, r, best)
        if found >= 0:
            best, slot, row = t, np.int32(s), found
    return best, slot, row
