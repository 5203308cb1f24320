"""Lamp posts, benches, bins, fences and walls, each in its own frame: x along the street, y away from it, z up."""

from __future__ import annotations

import numpy as np

from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder

LAMP_HEIGHT_M = 7.2
LAMP_REACH_M = 1.7
"""How far the arm of a lamp reaches out over the road."""


def _tube(builder: MeshBuilder, start: object, end: object, radius: float, material: Material, sides: int = 6) -> None:
    a, b = np.asarray(start, float), np.asarray(end, float)
    axis = (b - a) / np.linalg.norm(b - a)
    across = np.cross(axis, [0.0, 1.0, 0.0] if abs(axis[1]) < 0.9 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    other = np.cross(axis, across)
    angle = 2 * np.pi * np.arange(sides + 1) / sides
    ring = radius * (np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * other)
    builder.quads(np.stack([a + ring[:-1], a + ring[1:], b + ring[1:], b + ring[:-1]], axis=1), material)


def lamp_post() -> Mesh:
    builder = MeshBuilder()
    _tube(builder, (0, 0, 0), (0, 0, 0.9), 0.11, Material.POLE)
    _tube(builder, (0, 0, 0.9), (0, 0, LAMP_HEIGHT_M - 0.5), 0.07, Material.POLE)
    _tube(builder, (0, 0, LAMP_HEIGHT_M - 0.55), (0, -LAMP_REACH_M + 0.3, LAMP_HEIGHT_M), 0.045, Material.POLE)
    builder.box((0, -LAMP_REACH_M, LAMP_HEIGHT_M + 0.06), (0.17, 0.42, 0.05), Material.POLE)
    builder.box((0, -LAMP_REACH_M, LAMP_HEIGHT_M - 0.015), (0.13, 0.34, 0.02), Material.LAMP_HEAD)
    return builder.build()


def bench() -> Mesh:
    """Looks at the street."""
    builder = MeshBuilder()
    for y in (-0.15, 0.0, 0.15):
        builder.box((0, y, 0.45), (0.8, 0.06, 0.02), Material.WOOD)
    for z in (0.62, 0.78):
        builder.box((0, 0.24, z), (0.8, 0.02, 0.06), Material.WOOD)
    for x in (-0.6, 0.6):
        builder.box((x, 0.0, 0.22), (0.04, 0.2, 0.21), Material.METAL)
        builder.box((x, 0.26, 0.4), (0.03, 0.02, 0.4), Material.METAL)
    return builder.build()


def bin_on_post() -> Mesh:
    builder = MeshBuilder()
    _tube(builder, (0, 0, 0), (0, 0, 0.4), 0.04, Material.METAL)
    _tube(builder, (0, 0, 0.35), (0, 0, 0.95), 0.2, Material.METAL, sides=8)
    builder.box((0, 0, 0.95), (0.2, 0.2, 0.02), Material.METAL)
    return builder.build()


def garden_wall(length: float) -> Mesh:
    builder = MeshBuilder()
    builder.box((0, 0, 0.35), (length / 2, 0.12, 0.45), Material.WALL)
    builder.box((0, 0, 0.83), (length / 2 + 0.03, 0.16, 0.04), Material.WALL)
    return builder.build()


def fence(length: float) -> Mesh:
    builder = MeshBuilder()
    for z in (0.35, 0.85):
        builder.box((0, 0, z), (length / 2, 0.02, 0.04), Material.FENCE)
    x = np.arange(-length / 2 + 0.1, length / 2, 0.25)[:, None]
    plank = np.array([[-0.07, -0.03, -0.05], [0.07, -0.03, -0.05], [0.07, -0.03, 1.05], [-0.07, -0.03, 1.05]])
    planks = np.broadcast_to(plank, (len(x), 4, 3)).copy()
    planks[:, :, 0] += x
    builder.quads(planks, Material.FENCE)
    return builder.build()


def hedge(length: float, rng: np.random.Generator) -> Mesh:
    """A clipped hedge with an uneven skin."""
    builder = MeshBuilder()
    columns = max(2, int(length / 1.2) + 1)
    x = np.linspace(-length / 2, length / 2, columns)
    section = np.array([[-0.35, -0.1], [-0.38, 0.7], [-0.25, 1.25], [0.25, 1.25], [0.38, 0.7], [0.35, -0.1]])
    rings = section[None] * rng.uniform(0.88, 1.1, (columns, len(section), 1))
    skin = np.concatenate([np.broadcast_to(x[:, None, None], (columns, len(section), 1)), rings], axis=2)
    a, b, c, d = skin[:-1, :-1], skin[1:, :-1], skin[1:, 1:], skin[:-1, 1:]
    builder.quads(np.stack([a, b, c, d], axis=2).reshape(-1, 4, 3), Material.FOLIAGE)
    for end in (skin[0], skin[-1]):
        builder.triangles(end, [(0, 1, 4), (0, 4, 5), (1, 2, 3), (1, 3, 4)], Material.FOLIAGE)
    return builder.build()
