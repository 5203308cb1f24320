"""Bounding volume hierarchies: binary trees of boxes over triangles, built by the surface area heuristic.

The cost of a split is estimated from binned centroids (Wald, "On fast construction of SAH-based bounding volume
hierarchies", 2007). The tree depends on the triangles alone, so it is the same on every machine and thread.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.mesh import Mesh

F = np.float32
LEAF_BITS = 3
MOST_PER_LEAF = 4
BINS = 16
DEPTH = 64
"""Entries of a traversal stack; splits below the 40th level halve by count, so no tree is deeper."""
NOWHERE = np.float32(1e30)
FARTHEST = np.float32(1e9)
"""No box of a tree reaches farther, m: of what lies beyond, where no ray gets, the bins could not be counted."""


class Bvh(NamedTuple):
    """boxes: (n, 12) float32: low corner and high corner of the first child, then of the second, m.

    children: (n, 2) int32: row of a child; a negative value is a leaf, `~(first << LEAF_BITS | count)`.
    triangles: (F, 9) float32 in the order of the leaves: a corner and the two edges that leave it.
    order: (F,) int32, which triangle of the mesh each of them is.
    """

    boxes: NDArray[np.float32]
    children: NDArray[np.int32]
    triangles: NDArray[np.float32]
    order: NDArray[np.int32]


def bvh_of(mesh: Mesh) -> Bvh:
    """The tree over a mesh; an empty mesh gives a tree that nothing meets."""
    corners = mesh.vertices[mesh.triangles].astype(np.float32)
    low, high = corners.min(axis=1), corners.max(axis=1)
    boxes, children, order = tree(low, high)
    corners = corners[order]
    edges = np.concatenate([corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=1)
    return Bvh(boxes, children, np.ascontiguousarray(edges, np.float32), order)


def tree(
    low: NDArray[np.float32], high: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Boxes, children and order (see `Bvh`) over n boxes of corners `low`, `high` (n, 3)."""
    low, high = (
        np.ascontiguousarray(np.nan_to_num(corner, nan=float(FARTHEST)).clip(-FARTHEST, FARTHEST), np.float32)
        for corner in (low, high)
    )
    room = max(1, len(low))
    boxes, children = np.empty((room, 12), np.float32), np.empty((room, 2), np.int32)
    order = np.arange(len(low), dtype=np.int32)
    used = _build(low, high, order, boxes, children)
    return boxes[:used].copy(), children[:used].copy(), order


def joined(trees: list[Bvh]) -> tuple[Bvh, NDArray[np.int32]]:
    """Several trees in one set of tables and the row of each one's root."""
    nodes = np.cumsum([0, *(len(t.boxes) for t in trees)])
    leaves = np.cumsum([0, *(len(t.triangles) for t in trees)])
    children = [
        np.where(t.children >= 0, t.children + node, ~(~t.children + (leaf << LEAF_BITS)))
        for t, node, leaf in zip(trees, nodes, leaves)
    ]
    whole = Bvh(
        np.concatenate([np.zeros((0, 12), np.float32), *(t.boxes for t in trees)]),
        np.concatenate([np.zeros((0, 2)), *children]).astype(np.int32),
        np.concatenate([np.zeros((0, 9), np.float32), *(t.triangles for t in trees)]),
        np.concatenate([np.zeros(0, np.int32), *(t.order for t in trees)]),
    )
    return whole, nodes[:-1].astype(np.int32)


@njit(cache=True, nogil=True)
def _build(low, high, order, boxes, children):
    """Fills `boxes` and `children`, sorts `order`; the number of rows used."""
    todo = np.empty((2 * DEPTH, 4), np.int64)  # row, first, count, level
    todo[0, 0], todo[0, 1], todo[0, 2], todo[0, 3] = 0, 0, len(order), 0
    waiting, used = 1, 1
    while waiting > 0:
        waiting -= 1
        row, first, count, level = todo[waiting, 0], todo[waiting, 1], todo[waiting, 2], todo[waiting, 3]
        left = count if count <= MOST_PER_LEAF else _split(low, high, order, first, count, level)
        for side in range(2):
            begin = first if side == 0 else first + left
            size = left if side == 0 else count - left
            _measure(low, high, order, begin, size, boxes[row, 6 * side : 6 * side + 6])
            if size <= MOST_PER_LEAF:
                children[row, side] = ~np.int32((begin << LEAF_BITS) | size)
            else:
                children[row, side] = used
                todo[waiting, 0], todo[waiting, 1], todo[waiting, 2], todo[waiting, 3] = used, begin, size, level + 1
                waiting += 1
                used += 1
    return used


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _measure(low, high, order, first, count, box):
    for axis in range(3):
        box[axis], box[axis + 3] = NOWHERE, -NOWHERE
    for k in range(first, first + count):
        for axis in range(3):
            box[axis] = min(box[axis], low[order[k], axis])
            box[axis + 3] = max(box[axis + 3], high[order[k], axis])


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _half_area(box):
    x, y, z = box[3] - box[0], box[4] - box[1], box[5] - box[2]
    return x * y + y * z + z * x if x >= F(0) else F(0)


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _split(low, high, order, first, count, level):
    """Partitions a range of `order` in place where it costs rays least; the size of the first part."""
    least, most = np.full(3, NOWHERE), np.full(3, -NOWHERE)
    for k in range(first, first + count):
        for axis in range(3):
            centre = low[order[k], axis] + high[order[k], axis]
            least[axis], most[axis] = min(least[axis], centre), max(most[axis], centre)
    best, best_axis, best_bin = np.inf, -1, 0
    boxes, counts = np.empty((BINS, 6), np.float32), np.empty(BINS, np.int64)
    right = np.empty(BINS)
    grown = np.empty(6, np.float32)
    for axis in range(3):
        span = most[axis] - least[axis]
        if span <= F(1e-6) or level > 40:
            continue
        scale = F(BINS * 0.9999) / span
        counts[:] = 0
        for b in range(BINS):
            for a in range(3):
                boxes[b, a], boxes[b, a + 3] = NOWHERE, -NOWHERE
        for k in range(first, first + count):
            i = order[k]
            b = int((low[i, axis] + high[i, axis] - least[axis]) * scale)
            counts[b] += 1
            for a in range(3):
                boxes[b, a], boxes[b, a + 3] = min(boxes[b, a], low[i, a]), max(boxes[b, a + 3], high[i, a])
        for direction in range(2):
            for a in range(3):
                grown[a], grown[a + 3] = NOWHERE, -NOWHERE
            number = 0
            for step in range(BINS - 1):
                b = BINS - 1 - step if direction == 0 else step
                number += counts[b]
                for a in range(3):
                    grown[a], grown[a + 3] = min(grown[a], boxes[b, a]), max(grown[a + 3], boxes[b, a + 3])
                cost = float(_half_area(grown)) * number
                if direction == 0:
                    right[b - 1] = cost  # of all bins beyond b - 1
                elif 0 < number < count and cost + right[b] < best:
                    best, best_axis, best_bin = cost + right[b], axis, b
    if best_axis < 0:
        return count // 2
    axis = best_axis
    scale = F(BINS * 0.9999) / (most[axis] - least[axis])
    i, j = first, first + count - 1
    while i <= j:
        k = order[i]
        if int((low[k, axis] + high[k, axis] - least[axis]) * scale) <= best_bin:
            i += 1
        else:
            order[i], order[j] = order[j], k
            j -= 1
    return i - first
