"""Cuts a large static mesh into chunks of neighbouring triangles, each small enough to be culled as a whole."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.render.mesh import Mesh

CHUNK_TRIANGLES = 256


class Chunks(NamedTuple):
    """vertices: (V', 3) float32, those of each chunk together. triangles: (F, 3) int32 into the chunk's own vertices.

    first_vertex, first_triangle: (chunks + 1,) int32. low, high: (chunks, 3) float32 bounds.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    first_vertex: NDArray[np.int32]
    first_triangle: NDArray[np.int32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def sort_in_space(mesh: Mesh) -> Mesh:
    """The same mesh with its triangles ordered along a Morton curve of their centroids."""
    if len(mesh.triangles) == 0:
        return mesh
    centre = mesh.vertices[mesh.triangles].mean(axis=1)
    low = centre.min(axis=0)
    span = float(np.ptp(centre, axis=0).max()) + 1e-6
    cell = ((centre - low) / span * 1023.0).astype(np.uint64)
    key = _spread(cell[:, 0]) | (_spread(cell[:, 1]) << np.uint64(1)) | (_spread(cell[:, 2]) << np.uint64(2))
    order = np.argsort(key, kind="stable")
    return Mesh(mesh.vertices, mesh.triangles[order], mesh.materials[order], mesh.objects[order])


def _spread(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Moves bit i to bit 3 i (10 bits)."""
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        x = (x | (x << np.uint64(shift))) & np.uint64(mask)
    return x


def cut(mesh: Mesh, size: int = CHUNK_TRIANGLES) -> Chunks:
    """`mesh` should be sorted in space, otherwise the chunks' boxes are large."""
    count = len(mesh.triangles)
    starts = np.arange(0, count, size)
    local = np.empty((count, 3), np.int32)
    vertices, first_vertex, low, high = [], [0], [], []
    for start in starts:
        used, inverse = np.unique(mesh.triangles[start : start + size], return_inverse=True)
        local[start : start + size] = inverse.reshape(-1, 3)
        points = mesh.vertices[used]
        vertices.append(points)
        first_vertex.append(first_vertex[-1] + len(points))
        low.append(points.min(axis=0))
        high.append(points.max(axis=0))
    return Chunks(
        np.concatenate(vertices).astype(np.float32) if vertices else np.zeros((0, 3), np.float32),
        local,
        np.array(first_vertex, np.int32),
        np.append(starts, count).astype(np.int32),
        np.array(low, np.float32).reshape(-1, 3),
        np.array(high, np.float32).reshape(-1, 3),
    )
