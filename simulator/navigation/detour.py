"""Writes a navigation mesh in the binary that CARLA's client loads: an 'MSET' container with one Detour tile.

Detour (recastnavigation), tile version 7 with 32-bit references; coordinates are x, up, y. Link slots are left empty:
the loader fills them from the neighbours that polygons name.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.navigation.walkable import AGENT_RADIUS_M, HEAD_ROOM_M, STEP_M, Area

MOST_POLYGONS, MOST_VERTICES = 0x7FFE, 0xFFFE
"""Of one tile: neighbours are 15-bit numbers, vertices 16-bit ones."""

_CONTAINER_MAGIC, _CONTAINER_VERSION = 0x4D534554, 1  # 'MSET'
_TILE_MAGIC, _TILE_VERSION = 0x444E4156, 7  # 'DNAV'
_CORNERS = 6
_LINK_BYTES = 12
_FLAGS = {Area.SIDEWALK: 2, Area.CROSSWALK: 4, Area.ROAD: 8, Area.GRASS: 16}
_QUANTA_PER_M = 1.0 / 0.3
_TREE_NODE = np.dtype([("low", "<u2", 3), ("high", "<u2", 3), ("i", "<i4")])


@dataclass(frozen=True)
class Tile:
    """vertices (n, 3) float32: x, up, y. polygons: vertex numbers in order. neighbours: per edge (k -> k + 1) 1 + the
    polygon beyond it, 0 where there is none."""

    vertices: NDArray[np.float32]
    polygons: tuple[tuple[int, ...], ...]
    neighbours: tuple[tuple[int, ...], ...]
    areas: tuple[Area, ...]


def tile_of(
    rings: Sequence[tuple[Area, Sequence[tuple[float, float]]]],
    height_m: Callable[[NDArray[np.float64]], NDArray[np.float32]],
) -> Tile:
    """A tile of convex rings (x, y), counter-clockwise for y up; those that share an edge become neighbours.

    height_m: (n, 2) -> (n,) height of the ground.
    """
    number: dict[tuple[float, float], int] = {}
    polygons = [tuple(number.setdefault(point, len(number)) for point in reversed(ring)) for _, ring in rings]
    plan = np.array(list(number), np.float64)
    vertices = np.column_stack([plan[:, 0], height_m(plan), plan[:, 1]]).astype(np.float32)
    owner = {(p[k], p[(k + 1) % len(p)]): i for i, p in enumerate(polygons) for k in range(len(p))}
    neighbours = [tuple(1 + owner.get((p[(k + 1) % len(p)], p[k]), -1) for k in range(len(p))) for p in polygons]
    return Tile(vertices, tuple(polygons), tuple(neighbours), tuple(area for area, _ in rings))


def write_mesh(tile: Tile) -> bytes:
    """The whole file."""
    low = tile.vertices.min(axis=0).astype(float) - np.array([1.0, 2.0, 1.0])
    high = tile.vertices.max(axis=0).astype(float) + np.array([1.0, 4.0, 1.0])
    data = _tile(tile, low, high)
    polygon_bits = max(1, math.ceil(math.log2(len(tile.polygons) + 1)))
    width, depth = high[0] - low[0], high[2] - low[2]
    parameters = struct.pack("<5f2i", *low, width, depth, 1, 1 << polygon_bits)
    reference = 1 << polygon_bits  # salt 1, tile 0, polygon 0: one tile needs no bits of its own
    container = struct.pack("<3i", _CONTAINER_MAGIC, _CONTAINER_VERSION, 1)
    return container + parameters + struct.pack("<Ii", reference, len(data)) + data


def _tile(tile: Tile, low: NDArray[np.float64], high: NDArray[np.float64]) -> bytes:
    polygons, details, triangles, triangle_count = [], [], [], 0
    for corners, beyond, area in zip(tile.polygons, tile.neighbours, tile.areas):
        n = len(corners)
        rest = (0,) * (_CORNERS - n)
        polygons.append(
            struct.pack("<I12HHBB", 0xFFFFFFFF, *corners, *rest, *beyond, *rest, _FLAGS[area], n, int(area))
        )
        details.append(struct.pack("<IIBBxx", 0, triangle_count, 0, n - 2))
        triangle_count += n - 2
        for k in range(2, n):  # a fan; two bits per edge say whether it lies on the polygon's rim
            rim = (k == 2) | 1 << 2 | (k == n - 1) << 4
            triangles.append(struct.pack("<4B", 0, k - 1, k, rim))
    tree = _tree(tile, low)
    edges = sum(map(len, tile.polygons))
    count = len(tile.polygons)
    header = struct.pack("<5iI", _TILE_MAGIC, _TILE_VERSION, 0, 0, 0, 0)
    header += struct.pack("<9i", count, len(tile.vertices), edges, count, 0, triangle_count, len(tree), 0, count)
    header += struct.pack("<10f", HEAD_ROOM_M, AGENT_RADIUS_M, STEP_M, *low, *high, _QUANTA_PER_M)
    return b"".join(
        [
            header,
            tile.vertices.astype("<f4").tobytes(),
            *polygons,
            bytes(edges * _LINK_BYTES),
            *details,
            *triangles,
            tree.tobytes(),
        ]
    )


def _tree(tile: Tile, low: NDArray[np.float64]) -> NDArray[np.void]:
    """The tree of bounding boxes by which Detour finds polygons: depth first, inner nodes with -(nodes below them)."""
    boxes = []
    for corners in tile.polygons:
        points = (tile.vertices[list(corners)] - low) * _QUANTA_PER_M
        boxes.append([np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))])
    bounds = np.clip(np.array(boxes), 0, 0xFFFF).astype(np.int64)
    nodes: list[tuple[NDArray[np.int64], NDArray[np.int64], int]] = []

    def add(chosen: NDArray[np.intp]) -> None:
        least, most = bounds[chosen, 0].min(axis=0), bounds[chosen, 1].max(axis=0)
        if len(chosen) == 1:
            nodes.append((least, most, int(chosen[0])))
            return
        place = len(nodes)
        nodes.append((least, most, 0))
        axis = int(np.argmax(most - least))
        order = chosen[np.argsort(bounds[chosen, 0, axis], kind="stable")]
        add(order[: len(order) // 2])
        add(order[len(order) // 2 :])
        nodes[place] = (least, most, place - len(nodes))

    add(np.arange(len(tile.polygons)))
    return np.array(nodes, _TREE_NODE)
