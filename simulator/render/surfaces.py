"""Triangle tables: what the kernels look up once they know which triangle a pixel shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.render.materials import Material
from simulator.render.mesh import Mesh

ROUNDED = frozenset(
    {
        Material.BARK,
        Material.FOLIAGE,
        Material.POLE,
        Material.CAR_PAINT,
        Material.TRUCK_PAINT,
        Material.CAR_GLASS,
        Material.TYRE,
        Material.SKIN,
        Material.UPPER_CLOTHING,
        Material.LOWER_CLOTHING,
        Material.HAIR,
        Material.RIDER_SKIN,
        Material.RIDER_UPPER_CLOTHING,
        Material.RIDER_LOWER_CLOTHING,
        Material.HELMET,
        Material.MOTORCYCLE_BODY,
        Material.BICYCLE_FRAME,
    }
)
"""Materials whose facets stand for a curved surface: their normals vary smoothly over edges that are not sharp."""

CREASE_COSINE = 0.6
"""Facets that meet at more than about 53 degrees keep their edge."""


class Surfaces(NamedTuple):
    """Per triangle, ready for kernels.

    normals: (n, 16) float32: a (3), G (3 x 3, row-major), facet normal (3), unused (1). The shading normal at a point p
    of the triangle is a + G p, an affine map, so no barycentric coordinates are needed at run time.
    materials: (n,) uint8. objects: (n,) int32.
    """

    normals: NDArray[np.float32]
    materials: NDArray[np.uint8]
    objects: NDArray[np.int32]


def facet_normals(vertices: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """(F, 3) of length twice the area."""
    v = vertices.astype(np.float64)[triangles]
    return np.cross(v[:, 1] - v[:, 0], v[:, 2] - v[:, 0])


def surfaces_of(mesh: Mesh) -> Surfaces:
    area_normal = facet_normals(mesh.vertices, mesh.triangles)
    length = np.linalg.norm(area_normal, axis=1, keepdims=True)
    unit = np.where(length > 1e-12, area_normal / np.maximum(length, 1e-12), [0.0, 0.0, 1.0])
    table = np.zeros((len(unit), 16), np.float32)
    table[:, 0:3] = unit
    table[:, 12:15] = unit
    rounded = np.flatnonzero(np.isin(mesh.materials, [int(m) for m in ROUNDED]) & (length[:, 0] > 1e-9))
    if len(rounded):
        corners = _corner_normals(mesh, rounded, area_normal[rounded], unit[rounded])
        offset, gradient = _affine_normals(mesh.vertices[mesh.triangles[rounded]].astype(np.float64), corners)
        table[rounded, 0:3] = offset
        table[rounded, 3:12] = gradient.reshape(-1, 9)
    return Surfaces(table, np.ascontiguousarray(mesh.materials), np.ascontiguousarray(mesh.objects))


def _corner_normals(
    mesh: Mesh, chosen: NDArray[np.int64], area_normal: NDArray[np.float64], unit: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(k, 3, 3): for each corner the mean normal of the facets around it that are not beyond a crease.

    Winding is not guaranteed, so a neighbour counts with the sign that agrees with the facet itself.
    """
    triangles = mesh.triangles[chosen]
    position = np.round(mesh.vertices[triangles.ravel()].astype(np.float64) * 1000.0).astype(np.int64)
    order = np.lexsort(position.T)  # corners at one place follow each other
    is_first = np.append(True, (position[order[1:]] != position[order[:-1]]).any(axis=1))
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(is_first) - 1
    facet = np.repeat(np.arange(len(chosen)), 3)
    starts = np.flatnonzero(is_first)
    sizes = np.diff(np.append(starts, len(order)))
    total = np.zeros((len(facet), 3))
    # the k-th member of every corner's group, for k = 0, 1, ...: a few passes over whole arrays
    for k in range(min(int(sizes.max()), 24)):
        has = sizes[group] > k
        corner = np.flatnonzero(has)
        neighbour = facet[order[starts[group[corner]] + k]]
        cosine = np.einsum("ij,ij->i", unit[facet[corner]], unit[neighbour])
        weight = np.where(np.abs(cosine) > CREASE_COSINE, np.sign(cosine), 0.0)
        total[corner] += area_normal[neighbour] * weight[:, None]
    length = np.linalg.norm(total, axis=1, keepdims=True)
    normal = np.where(length > 1e-12, total / np.maximum(length, 1e-12), unit[facet])
    return normal.reshape(-1, 3, 3)


def _affine_normals(
    corners: NDArray[np.float64], normals: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solves a + G p = n at the three corners with G zero across the plane. Returns a (k, 3) and G (k, 3, 3)."""
    e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    d11, d12, d22 = (np.einsum("ij,ij->i", a, b) for a, b in ((e1, e1), (e1, e2), (e2, e2)))
    scale = 1.0 / np.maximum(d11 * d22 - d12 * d12, 1e-18)
    u = (d22[:, None] * e1 - d12[:, None] * e2) * scale[:, None]
    v = (d11[:, None] * e2 - d12[:, None] * e1) * scale[:, None]
    along_u, along_v = normals[:, 1] - normals[:, 0], normals[:, 2] - normals[:, 0]
    gradient = along_u[:, :, None] * u[:, None, :] + along_v[:, :, None] * v[:, None, :]
    offset = normals[:, 0] - np.einsum("kij,kj->ki", gradient, corners[:, 0])
    return offset, gradient
