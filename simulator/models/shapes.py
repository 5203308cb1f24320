"""The few solids that all models are built from: lofts, limbs, ellipsoids, cylinders, slabs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder

Points = NDArray[np.float64]


def point(x: float, y: float, z: float) -> Points:
    return np.array([x, y, z])


def loft(builder: MeshBuilder, rings: Points, materials: Material | NDArray[np.uint8], caps: Material | None) -> None:
    """Joins closed rings of points into a skin.

    rings: (k, n, 3), point j of each ring joined to point j of the next. materials: one, or (k - 1, n) with one for the
    quad between points j and j + 1 of rings i and i + 1. caps: what closes the two ends, if anything.
    """
    rings = np.asarray(rings, float)
    after = np.roll(rings, -1, axis=1)
    corners = np.stack([rings[:-1], after[:-1], after[1:], rings[1:]], axis=2)
    if isinstance(materials, Material):
        builder.quads(corners.reshape(-1, 4, 3), materials)
    else:
        for value in np.unique(materials):
            builder.quads(corners[materials == value], Material(int(value)))
    if caps is not None:
        fan(builder, rings[0], caps)
        fan(builder, rings[-1], caps)


def fan(builder: MeshBuilder, ring: Points, material: Material) -> None:
    """Fills a convex ring (n, 3) from its mean point."""
    n = len(ring)
    j = np.arange(n)
    builder.triangles(np.vstack([ring, ring.mean(axis=0)]), np.stack([j, (j + 1) % n, np.full(n, n)], axis=1), material)


def limb(
    builder: MeshBuilder,
    start: Points,
    end: Points,
    start_radius_m: float,
    end_radius_m: float,
    material: Material,
    sides: int = 6,
) -> None:
    """A tapered prism with pointed-off ends between two points: arms, legs, tubes, struts."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    axis = end - start
    axis = axis / max(float(np.linalg.norm(axis)), 1e-9)
    helper = np.array([0.0, 1.0, 0.0]) if abs(axis[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    u = np.cross(axis, helper)
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    angle = 2.0 * np.pi * np.arange(sides) / sides
    circle = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
    loft(builder, np.stack([start + start_radius_m * circle, end + end_radius_m * circle]), material, material)


def ellipsoid(
    builder: MeshBuilder, centre: Points, radii: Points, material: Material, sides: int = 8, rings: int = 4
) -> None:
    """An upright ellipsoid of `rings` bands with flat poles closed to points."""
    latitude = np.linspace(-np.pi / 2.0, np.pi / 2.0, rings + 1)
    angle = 2.0 * np.pi * np.arange(sides) / sides
    unit = np.stack(
        [
            np.cos(latitude)[:, None] * np.cos(angle),
            np.cos(latitude)[:, None] * np.sin(angle),
            np.repeat(np.sin(latitude)[:, None], sides, axis=1),
        ],
        axis=-1,
    )
    loft(builder, np.asarray(centre, float) + unit * np.asarray(radii, float), material, None)


def circle_xz(centre: Points, radius_m: float, sides: int) -> Points:
    """(sides, 3) points of an upright circle in the plane y = centre y: wheels seen from the side."""
    angle = 2.0 * np.pi * np.arange(sides) / sides - np.pi / 2.0
    offset = np.stack([np.cos(angle), np.zeros(sides), np.sin(angle)], axis=1)
    return np.asarray(centre, float) + radius_m * offset


def circle_xy(centre: Points, radius_m: float, sides: int) -> Points:
    """(sides, 3) points of a level circle: posts, cones, barrels."""
    angle = 2.0 * np.pi * (np.arange(sides) + 0.5) / sides
    return np.asarray(centre, float) + radius_m * np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], axis=1)


def turned(builder: MeshBuilder, profile: list[tuple[float, float]], material: Material, sides: int = 10) -> None:
    """A solid of revolution about z from (height, radius) pairs, closed at both ends."""
    loft(builder, np.stack([circle_xy(np.array([0.0, 0.0, z]), r, sides) for z, r in profile]), material, material)


def slab(
    builder: MeshBuilder, low: tuple[float, float, float], high: tuple[float, float, float], material: Material
) -> None:
    """An upright box given by two corners."""
    a, b = np.asarray(low, float), np.asarray(high, float)
    builder.box((a + b) / 2.0, (b - a) / 2.0, material)


def wheel(builder: MeshBuilder, centre: Points, radius_m: float, width_m: float, sides: int = 10) -> None:
    """A car's wheel: tyre with a rounded tread, rim set in on both sides."""
    c = np.asarray(centre, float)
    half = width_m / 2.0
    outline = [(-half, 0.66), (-half * 0.8, 1.0), (half * 0.8, 1.0), (half, 0.66)]
    rings = np.stack([circle_xz(c + point(0.0, y, 0.0), radius_m * r, sides) for y, r in outline])
    loft(builder, rings, Material.TYRE, None)
    fan(builder, rings[0], Material.RIM)
    fan(builder, rings[-1], Material.RIM)
