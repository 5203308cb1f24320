"""Which work items of a frame a camera may see, and where each stands before it: one compiled pass before the drawing.

An item is a chunk of the static mesh, as its number, or the instance in slot s, as -1 - s. The pass goes on one thread
while all others wait, which is why it is compiled.
"""

from __future__ import annotations

import numpy as np
from numba import njit

F = np.float32


@njit(cache=True, error_model="numpy", nogil=True)
def outlook(rotation, focal, cx, cy, width, height):
    """(5, 3) float32: forward axis, and inward normals of the planes through the picture's edges (left, right, top,
    bottom), as long as they come."""
    planes = np.empty((5, 3), np.float32)
    for i in range(3):
        planes[0, i] = rotation[2, i]
        planes[1, i] = focal * rotation[0, i] + cx * rotation[2, i]
        planes[2, i] = (F(width) - cx) * rotation[2, i] - focal * rotation[0, i]
        planes[3, i] = focal * rotation[1, i] + cy * rotation[2, i]
        planes[4, i] = (F(height) - cy) * rotation[2, i] - focal * rotation[1, i]
    return planes


@njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _sees(planes, x, y, z, hx, hy, hz, near, far):
    """Whether a box with its middle at x, y, z from the eye, and these half sizes, may be seen."""
    for k in range(5):
        a, b, c = planes[k, 0], planes[k, 1], planes[k, 2]
        middle, reach = x * a + y * b + z * c, hx * abs(a) + hy * abs(b) + hz * abs(c)
        if k == 0 and not (middle + reach > near and middle - reach < far):
            return False
        if k > 0 and middle + reach < F(0):
            return False
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def items_in_view(
    planes, eye, near, far, centres, halves, first_triangle, spheres, model_first_triangle, template, poses, items,
    first,
):  # fmt: skip
    """Fills in items, instances before chunks, and where the records of each begin; returns how many there are, and
    how many records they may need: a triangle that the near plane cuts may become two.

    centres, halves: (chunks, 3) float32. spheres: (templates, 4) float32 in actor axes. template: (slots,) int32.
    poses: (slots, 3, 4) float32 actor -> world. items, first: (slots + chunks,) int32.
    """
    count, room = 0, np.int32(0)
    e0, e1, e2 = eye[0], eye[1], eye[2]
    for slot in range(template.shape[0]):
        t = template[slot]
        u, v, w, r = spheres[t, 0], spheres[t, 1], spheres[t, 2], spheres[t, 3]
        x = poses[slot, 0, 0] * u + poses[slot, 0, 1] * v + poses[slot, 0, 2] * w + poses[slot, 0, 3] - e0
        y = poses[slot, 1, 0] * u + poses[slot, 1, 1] * v + poses[slot, 1, 2] * w + poses[slot, 1, 3] - e1
        z = poses[slot, 2, 0] * u + poses[slot, 2, 1] * v + poses[slot, 2, 2] * w + poses[slot, 2, 3] - e2
        if _sees(planes, x, y, z, r, r, r, near, far):
            items[count], first[count] = -1 - slot, room
            room += np.int32(2) * (model_first_triangle[t + 1] - model_first_triangle[t])
            count += 1
    for chunk in range(centres.shape[0]):
        x, y, z = centres[chunk, 0] - e0, centres[chunk, 1] - e1, centres[chunk, 2] - e2
        if _sees(planes, x, y, z, halves[chunk, 0], halves[chunk, 1], halves[chunk, 2], near, far):
            items[count], first[count] = chunk, room
            room += np.int32(2) * (first_triangle[chunk + 1] - first_triangle[chunk])
            count += 1
    return count, room


@njit(cache=True, error_model="numpy", nogil=True)
def to_camera(rotation, eye, poses):
    """(1 + n, 3, 4) float32: world -> camera axes, then each actor -> camera axes; multiplied in float64."""
    out = np.empty((1 + poses.shape[0], 3, 4), np.float32)
    r = np.empty((3, 3), np.float64)
    for i in range(3):
        for j in range(3):
            r[i, j] = np.float64(rotation[i, j])
            out[0, i, j] = rotation[i, j]
    e0, e1, e2 = np.float64(eye[0]), np.float64(eye[1]), np.float64(eye[2])
    for i in range(3):
        out[0, i, 3] = -(r[i, 0] * e0 + r[i, 1] * e1 + r[i, 2] * e2)
    for n in range(poses.shape[0]):
        for i in range(3):
            for k in range(3):
                total = r[i, 0] * np.float64(poses[n, 0, k]) + r[i, 1] * np.float64(poses[n, 1, k])
                out[n + 1, i, k] = total + r[i, 2] * np.float64(poses[n, 2, k])
            x, y = np.float64(poses[n, 0, 3]) - e0, np.float64(poses[n, 1, 3]) - e1
            out[n + 1, i, 3] = x * r[i, 0] + y * r[i, 1] + (np.float64(poses[n, 2, 3]) - e2) * r[i, 2]
    return out
