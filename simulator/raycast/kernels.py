"""What a ray meets first: a town's tree, and below a tree of their boxes the trees of the actors in their own axes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.raycast.bvh import DEPTH, LEAF_BITS
from simulator.render.workers import take_next

F = np.float32
RAYS_PER_ITEM = 256
STATIC = np.int32(-1)
"""Slot of the town itself."""
MISSED = np.int32(-2)
_FLAT = np.float32(1e-12)
_EDGE = np.float32(1e-5)
"""Barycentric slack, so that no ray slips through between two triangles."""


class Placed(NamedTuple):
    """The actors of a frame. roots: (n,) int32 rows in the tables of the models. poses: (n, 3, 4) float32 to world.

    boxes, children, order: the tree over their boxes in the world, see `bvh.Bvh`.
    """

    roots: NDArray[np.int32]
    poses: NDArray[np.float32]
    boxes: NDArray[np.float32]
    children: NDArray[np.int32]
    order: NDArray[np.int32]


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def inverse(x):
    """1 / x, finite also for 0."""
    return F(1) / x if abs(x) > _FLAT else (F(1e12) if x >= F(0) else F(-1e12))


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def entry(boxes, row, side, ox, oy, oz, ix, iy, iz, near, far, grow):
    """Where a ray enters a child's box grown by `grow` (Kay and Kajiya, 1986), or more than `far`: it does not."""
    k = 6 * side
    x0, x1 = (boxes[row, k] - grow - ox) * ix, (boxes[row, k + 3] + grow - ox) * ix
    y0, y1 = (boxes[row, k + 1] - grow - oy) * iy, (boxes[row, k + 4] + grow - oy) * iy
    z0, z1 = (boxes[row, k + 2] - grow - oz) * iz, (boxes[row, k + 5] + grow - oz) * iz
    enter = max(max(min(x0, x1), min(y0, y1)), max(min(z0, z1), near))
    leave = min(min(max(x0, x1), max(y0, y1)), min(max(z0, z1), far))
    # a little slack: flat boxes have no inside, and the products are rounded
    return enter if enter <= leave * F(1.000001) + F(1e-5) else F(1e30)


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def nearest(boxes, children, triangles, root, ox, oy, oz, dx, dy, dz, near, far, stack, at):
    """Distance and row of the first triangle between `near` and `far` (both sides count); (far, -1): none.

    Moeller and Trumbore, "Fast, minimum storage ray-triangle intersection", 1997. stack, at: (DEPTH,) int32, float32.
    """
    ix, iy, iz = inverse(dx), inverse(dy), inverse(dz)
    found = np.int32(-1)
    stack[0], at[0] = root, near
    depth = 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if at[depth] > far:
            continue
        while node >= 0:
            a = entry(boxes, node, 0, ox, oy, oz, ix, iy, iz, near, far, F(0))
            b = entry(boxes, node, 1, ox, oy, oz, ix, iy, iz, near, far, F(0))
            first, second = children[node, 0], children[node, 1]
            if b < a:
                a, b = b, a
                first, second = second, first
            if a > far:
                node = np.int32(0)
                break
            if b <= far:
                stack[depth], at[depth] = second, b
                depth += 1
            node = first
        if node >= 0:
            continue
        leaf = ~node
        begin = leaf >> LEAF_BITS
        for k in range(begin, begin + (leaf & ((1 << LEAF_BITS) - 1))):
            ax, ay, az = triangles[k, 3], triangles[k, 4], triangles[k, 5]
            bx, by, bz = triangles[k, 6], triangles[k, 7], triangles[k, 8]
            px, py, pz = dy * bz - dz * by, dz * bx - dx * bz, dx * by - dy * bx
            det = ax * px + ay * py + az * pz
            if abs(det) < _FLAT:
                continue
            scale = F(1) / det
            sx, sy, sz = ox - triangles[k, 0], oy - triangles[k, 1], oz - triangles[k, 2]
            u = (sx * px + sy * py + sz * pz) * scale
            if u < -_EDGE or u > F(1) + _EDGE:
                continue
            qx, qy, qz = sy * az - sz * ay, sz * ax - sx * az, sx * ay - sy * ax
            v = (dx * qx + dy * qy + dz * qz) * scale
            if v < -_EDGE or u + v > F(1) + _EDGE:
                continue
            t = (bx * qx + by * qy + bz * qz) * scale
            if t >= near and (t < far or (t == far and (found < 0 or k < found))):
                far, found = t, np.int32(k)
    return far, found


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def into(pose, x, y, z):
    """A point of the world in the axes of a rigid pose; differences in float64."""
    x, y, z = np.float64(x) - pose[0, 3], np.float64(y) - pose[1, 3], np.float64(z) - pose[2, 3]
    return (
        F(pose[0, 0] * x + pose[1, 0] * y + pose[2, 0] * z),
        F(pose[0, 1] * x + pose[1, 1] * y + pose[2, 1] * z),
        F(pose[0, 2] * x + pose[1, 2] * y + pose[2, 2] * z),
    )


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def turned(pose, x, y, z):
    """A direction of the world in the axes of a rigid pose."""
    return (
        pose[0, 0] * x + pose[1, 0] * y + pose[2, 0] * z,
        pose[0, 1] * x + pose[1, 1] * y + pose[2, 1] * z,
        pose[0, 2] * x + pose[1, 2] * y + pose[2, 2] * z,
    )


@njit(cache=True, error_model="numpy", nogil=True)
def cast_rays(origins, directions, near, far, ignored, town, models, placed, distance, slots, rows, counter, thread):
    """Many rays. origins: (1 or n, 3), directions: (n, 3) float32 unit vectors. near, far: m. ignored: a slot or -1.

    Out: distance (n,) float32 m, infinite where nothing is met; slots (n,) int32: index into `placed`, STATIC or
    MISSED; rows (n,) int32 of the triangle in the tables of the town or of the models.
    """
    stack, at = np.empty(DEPTH, np.int32), np.empty(DEPTH, np.float32)
    upper, upper_at = np.empty(DEPTH, np.int32), np.empty(DEPTH, np.float32)
    count = len(directions)
    own = len(origins) > 1
    while True:
        begin = take_next(counter) * RAYS_PER_ITEM
        if begin >= count:
            break
        for i in range(begin, min(count, begin + RAYS_PER_ITEM)):
            o = i if own else 0
            ox, oy, oz = origins[o, 0], origins[o, 1], origins[o, 2]
            dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
            best, row = nearest(
                town.boxes, town.children, town.triangles, 0, ox, oy, oz, dx, dy, dz, near, far, stack, at
            )
            slot = STATIC if row >= 0 else MISSED
            ix, iy, iz = inverse(dx), inverse(dy), inverse(dz)
            upper[0], upper_at[0] = 0, near
            depth = 1
            while depth > 0:
                depth -= 1
                node = upper[depth]
                if upper_at[depth] > best:
                    continue
                if node >= 0:
                    for side in range(2):
                        where = entry(placed.boxes, node, side, ox, oy, oz, ix, iy, iz, near, best, F(0))
                        if where <= best:
                            upper[depth], upper_at[depth] = placed.children[node, side], where
                            depth += 1
                    continue
                leaf = ~node
                first = leaf >> LEAF_BITS
                for k in range(first, first + (leaf & ((1 << LEAF_BITS) - 1))):
                    s = placed.order[k]
                    if s == ignored:
                        continue
                    pose = placed.poses[s]
                    x, y, z = into(pose, ox, oy, oz)
                    a, b, c = turned(pose, dx, dy, dz)
                    t, found = nearest(
                        models.boxes, models.children, models.triangles, placed.roots[s], x, y, z, a, b, c, near, best,
                        stack, at,
                    )  # fmt: skip
                    if found >= 0 and (t < best or slot == MISSED or (slot >= 0 and s < slot)):
                        best, slot, row = t, s, found
            distance[i] = best if slot != MISSED else F(math.inf)
            slots[i], rows[i] = slot, row
