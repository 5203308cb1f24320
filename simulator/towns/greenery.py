"""Trees and bushes: a few shapes, drawn once per town, that are turned and scaled where they stand."""

from __future__ import annotations

import numpy as np

from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.towns.curves import Array

CROWN_FROM_M = 3.0
"""Lowest foliage of street trees: above cars and walkers."""


def icosphere(subdivisions: int) -> tuple[Array, Array]:
    """Vertices (V, 3) on the unit sphere and triangles (F, 3)."""
    g = (1 + 5**0.5) / 2
    v = np.array([[-1, g, 0], [1, g, 0], [-1, -g, 0], [1, -g, 0]], float)
    vertices = np.concatenate([v, v[:, [2, 0, 1]], v[:, [1, 2, 0]]])
    vertices /= np.linalg.norm(vertices[0])
    gap = np.linalg.norm(vertices[:, None] - vertices[None], axis=-1)
    near = (gap > 0) & (gap < 1.2)
    n = len(vertices)
    triangles = np.array(
        [
            (i, j, k)
            for i in range(n)
            for j in range(i + 1, n)
            for k in range(j + 1, n)
            if near[i, j] & near[j, k] & near[i, k]
        ]
    )
    for _ in range(subdivisions):
        edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        unique, index = np.unique(edges, axis=0, return_inverse=True)
        middle = vertices[unique].mean(axis=1)
        a, b, c = triangles.T
        ab, bc, ca = (index.reshape(-1, 3) + len(vertices)).T
        vertices = np.concatenate([vertices, middle / np.linalg.norm(middle, axis=1, keepdims=True)])
        triangles = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return vertices, triangles


def _blob(builder: MeshBuilder, rng: np.random.Generator, centre: object, radii: object, subdivisions: int = 1) -> None:
    vertices, triangles = icosphere(subdivisions)
    dented = vertices * rng.uniform(0.78, 1.18, (len(vertices), 1))
    builder.triangles(dented * np.asarray(radii, float) + np.asarray(centre, float), triangles, Material.FOLIAGE)


def _trunk(builder: MeshBuilder, height: float, foot: float, top: float, sides: int = 6) -> None:
    angle = 2 * np.pi * np.arange(sides + 1) / sides
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides + 1)], axis=1)
    low, high = ring * foot, ring * top
    low[:, 2], high[:, 2] = -0.1, height
    builder.quads(np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1), Material.BARK)


def broadleaf(rng: np.random.Generator, crown_m: float) -> Mesh:
    """A tree of four foliage masses; the crown reaches about 1.7 `crown_m` from the trunk."""
    builder = MeshBuilder()
    radius = crown_m * rng.uniform(0.85, 1.15)
    _trunk(builder, CROWN_FROM_M + radius, 0.19, 0.11)
    _blob(builder, rng, (0, 0, CROWN_FROM_M + 1.15 * radius), (radius, radius, 1.1 * radius))
    for angle in 2 * np.pi * (rng.random() + np.arange(3) / 3):
        reach = radius * rng.uniform(0.55, 0.8)
        height = CROWN_FROM_M + radius * rng.uniform(0.9, 1.5)
        _blob(builder, rng, (reach * np.cos(angle), reach * np.sin(angle), height), radius * rng.uniform(0.6, 0.75, 3))
    return builder.build()


def conifer(rng: np.random.Generator) -> Mesh:
    builder = MeshBuilder()
    _trunk(builder, 2.0, 0.16, 0.13)
    sides, bottom = 8, 1.0
    for tier, radius in enumerate((1.9, 1.5, 1.0)):
        angle = 2 * np.pi * (np.arange(sides) + 0.5 * tier) / sides
        reach = radius * rng.uniform(0.8, 1.15, sides)
        ring = np.stack([reach * np.cos(angle), reach * np.sin(angle), bottom + rng.uniform(-0.2, 0.2, sides)], axis=1)
        tip = bottom + 3.0 - 0.4 * tier
        after = np.roll(np.arange(sides), -1)
        triangles = np.stack([np.arange(sides), after, np.full(sides, sides)], axis=1)
        builder.triangles(np.concatenate([ring, [[0, 0, tip]]]), triangles, Material.FOLIAGE)
        bottom += 1.7
    return builder.build()


def distant_tree(rng: np.random.Generator) -> Mesh:
    """A coarse broadleaf for the woods around the town."""
    builder = MeshBuilder()
    _trunk(builder, 2.5, 0.3, 0.2, sides=4)
    for k in range(2):
        centre = (*rng.uniform(-0.8, 0.8, 2), 3.6 + 2.2 * k)
        _blob(builder, rng, centre, rng.uniform(1.9, 2.8, 3), subdivisions=0)
    return builder.build()


def bush(rng: np.random.Generator) -> Mesh:
    builder = MeshBuilder()
    _blob(builder, rng, (0, 0, 0.45), (0.8, 0.7, 0.6), subdivisions=0)
    _blob(builder, rng, (0.6, 0.1, 0.3), (0.6, 0.6, 0.45), subdivisions=0)
    return builder.build()
