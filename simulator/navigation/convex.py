"""Cuts a polygon with holes into convex ones of few corners, without a vertex that the outline does not have.

Triangles of a constrained Delaunay triangulation are joined, the longest common edge first, as long as the result is
convex (the way of Hertel and Mehlhorn, 1983).
"""

from __future__ import annotations

import heapq

import numpy as np
import shapely

MOST_CORNERS = 6
"""Of a polygon of a Detour mesh."""

Ring = list[tuple[float, float]]


def convex_pieces(outline: shapely.Polygon) -> list[Ring]:
    """Rings of 3..6 corners, strictly convex, all turning the same way (counter-clockwise for y up)."""
    triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(outline))
    if not len(triangles):
        return []
    corners = shapely.get_coordinates(triangles).reshape(-1, 4, 2)[:, :3]
    points, flat = np.unique(corners.reshape(-1, 2), axis=0, return_inverse=True)
    rings = {k: _turned(ring, points) for k, ring in enumerate(flat.reshape(-1, 3).tolist())}
    _join(rings, points)
    return [[(float(points[v, 0]), float(points[v, 1])) for v in ring] for ring in rings.values()]


def _turned(ring: list[int], points: np.ndarray) -> list[int]:
    return ring if _turn(points[ring[0]], points[ring[1]], points[ring[2]]) > 0.0 else ring[::-1]


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    return float((b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]))


def _join(rings: dict[int, list[int]], points: np.ndarray) -> None:
    """Joins neighbours in place."""
    owner = {(ring[i - 1], ring[i]): k for k, ring in rings.items() for i in range(len(ring))}
    queue = [(-float(np.hypot(*(points[a] - points[b]))), a, b) for a, b in owner if a < b and (b, a) in owner]
    heapq.heapify(queue)
    while queue:
        _, a, b = heapq.heappop(queue)
        first, second = owner[a, b], owner[b, a]
        if first == second:
            continue
        joined = _joined(rings[first], rings[second], a, b)
        if len(joined) > MOST_CORNERS or not _convex(joined, points):
            continue
        rings[first] = joined
        for i in range(len(joined)):
            owner[joined[i - 1], joined[i]] = first
        del rings[second]


def _joined(first: list[int], second: list[int], a: int, b: int) -> list[int]:
    """The ring around both, where `first` has the edge a -> b and `second` b -> a."""
    i, j = first.index(b), second.index(a)
    return [*first[i:], *first[:i], *(second[j:] + second[:j])[1:-1]]


def _convex(ring: list[int], points: np.ndarray) -> bool:
    n = len(ring)
    return all(_turn(points[ring[k - 2]], points[ring[k - 1]], points[ring[k]]) > 1e-4 for k in range(n))
