"""Triangle meshes: what the towns and the actor models are made of and what the cameras draw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.render.materials import Material


@dataclass(frozen=True)
class Mesh:
    """Triangles with a material each.

    vertices: (V, 3) float32, metres, CARLA axes. triangles: (F, 3) int32, drawn from both sides.
    materials: (F,) uint8, values of `Material`. objects: (F,) int32, which object a triangle belongs to (0 = none).
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    materials: NDArray[np.uint8]
    objects: NDArray[np.int32]


@dataclass
class MeshBuilder:
    """Collects triangles and quads; `object_id` is stamped on what is added after it is set."""

    object_id: int = 0
    _vertices: list[NDArray[np.float32]] = field(default_factory=list)
    _triangles: list[NDArray[np.int32]] = field(default_factory=list)
    _materials: list[NDArray[np.uint8]] = field(default_factory=list)
    _objects: list[NDArray[np.int32]] = field(default_factory=list)
    _count: int = 0

    def triangles(self, vertices: object, triangles: object, material: Material) -> None:
        """Adds an indexed triangle list: vertices (V, 3), triangles (F, 3)."""
        v = np.asarray(vertices, np.float32).reshape(-1, 3)
        f = np.asarray(triangles, np.int32).reshape(-1, 3)
        self._vertices.append(v)
        self._triangles.append(f + np.int32(self._count))
        self._materials.append(np.full(len(f), material, np.uint8))
        self._objects.append(np.full(len(f), self.object_id, np.int32))
        self._count += len(v)

    def quads(self, corners: object, material: Material) -> None:
        """Adds quads: corners (n, 4, 3) in order around each quad."""
        q = np.asarray(corners, np.float32).reshape(-1, 4, 3)
        first = np.arange(len(q), dtype=np.int32)[:, None] * 4
        f = np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])], axis=1)
        self.triangles(q.reshape(-1, 3), f.reshape(-1, 3), material)

    def box(self, centre: object, half_size: object, material: Material, yaw_deg: float = 0.0) -> None:
        """Adds an upright box turned by `yaw_deg` about z."""
        c, h = np.asarray(centre, float), np.asarray(half_size, float)
        s = np.array(
            [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]
        )
        cos, sin = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
        v = (s * h) @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + c
        faces = [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
        self.quads(v[np.array(faces)], material)

    def extend(self, mesh: Mesh, matrix: object | None = None, object_id: int | None = None) -> None:
        """Adds a copy of `mesh`, moved by `matrix` (3, 4) or (4, 4) when given."""
        v = mesh.vertices
        if matrix is not None:
            m = np.asarray(matrix, np.float32)
            v = (v @ m[:3, :3].T + m[:3, 3]).astype(np.float32)
        self._vertices.append(v)
        self._triangles.append(mesh.triangles + np.int32(self._count))
        self._materials.append(mesh.materials)
        self._objects.append(mesh.objects if object_id is None else np.full(len(mesh.triangles), object_id, np.int32))
        self._count += len(v)

    def build(self) -> Mesh:
        if not self._vertices:
            return Mesh(
                np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros(0, np.uint8), np.zeros(0, np.int32)
            )
        return Mesh(
            np.ascontiguousarray(np.concatenate(self._vertices)),
            np.ascontiguousarray(np.concatenate(self._triangles)),
            np.concatenate(self._materials),
            np.concatenate(self._objects),
        )
