"""Houses: walls with rows of windows, doors, gable or flat roofs; each in its own frame, from a random generator.

The frame: origin on the ground in the middle of the front, x along the front, y into the plot, z up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.towns.curves import Array

FLOOR_M = 3.0
PLINTH_M = 0.3
FOOT_Z_M = -0.3
"""Walls reach below the ground, so that no light shows under them."""

FRAME_OUT_M, PANE_OUT_M, DOOR_OUT_M = 0.02, 0.045, 0.04
LIT_SHARE = 0.22


@dataclass(frozen=True)
class House:
    """width: along the street; depth; eaves_m: height of the walls; ridge_m: of the roof above them (0 = flat)."""

    width: float
    depth: float
    floors: int
    wall: Material
    ridge_m: float
    shop: bool

    @property
    def eaves_m(self) -> float:
        return PLINTH_M + self.floors * FLOOR_M + (0.0 if self.ridge_m else 0.5)

    @property
    def height_m(self) -> float:
        return self.eaves_m + self.ridge_m


def draw_house(rng: np.random.Generator, urban: bool) -> House:
    """Urban: three to five floors, flat roofs, shops below; else one or two floors under a gable roof."""
    wall = (Material.BRICK, Material.PLASTER, Material.PLASTER, Material.CONCRETE)[rng.integers(4 if urban else 3)]
    if urban:
        ridge = 0.0 if rng.random() < 0.6 else 2.6
        return House(
            float(rng.uniform(11, 19)),
            float(rng.uniform(10, 13)),
            int(rng.integers(3, 6)),
            wall,
            ridge,
            bool(rng.random() < 0.6),
        )
    return House(
        float(rng.uniform(8.5, 13)),
        float(rng.uniform(8, 10.5)),
        int(rng.integers(1, 4)),
        wall,
        float(rng.uniform(2.2, 3.6)),
        False,
    )


def build_house(house: House, rng: np.random.Generator) -> Mesh:
    builder = MeshBuilder()
    w, d, top = house.width / 2, house.depth, house.eaves_m
    corners = [(-w, 0.0), (w, 0.0), (w, d), (-w, d)]
    door_at = float(rng.uniform(-0.6, 0.6)) * (w - 2.0)
    for k in range(4):
        start, end = np.array(corners[k]), np.array(corners[(k + 1) % 4])
        _wall(builder, start, end, top, house.wall)
        _windows(builder, start, end, house, rng, front=k == 0, door_at=door_at)
    _door(builder, door_at)
    if house.ridge_m:
        _gable_roof(builder, house)
    else:
        _flat_roof(builder, house)
    return builder.build()


def _wall(builder: MeshBuilder, start: Array, end: Array, top: float, wall: Material) -> None:
    low, high = np.full(1, FOOT_Z_M), np.full(1, top)
    a, b = np.concatenate([start, low]), np.concatenate([end, low])
    c, d = np.concatenate([end, high]), np.concatenate([start, high])
    builder.quads([[a, b, c, d]], wall)


def _panels(start: Array, end: Array, centres: Array, sizes: Array, out_m: float) -> Array:
    """Upright quads (n, 4, 3) before a wall. centres (n, 2): distance from `start`, height; sizes (n, 2) or (2,)."""
    along = (end - start) / np.linalg.norm(end - start)
    outward = np.array([along[1], -along[0]])
    half = np.broadcast_to(np.asarray(sizes, float) / 2, centres.shape)
    quads = np.empty((len(centres), 4, 3))
    for k, (sx, sz) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1))):
        distance = centres[:, 0] + sx * half[:, 0]
        quads[:, k, :2] = start + distance[:, None] * along + outward * out_m
        quads[:, k, 2] = centres[:, 1] + sz * half[:, 1]
    return quads


def _windows(
    builder: MeshBuilder, start: Array, end: Array, house: House, rng: np.random.Generator, front: bool, door_at: float
) -> None:
    length = float(np.linalg.norm(end - start))
    pitch = 2.6 if front else 3.4
    count = max(1, int((length - 0.8) / pitch))
    across = (np.arange(count) + 0.5) * length / count
    up = PLINTH_M + FLOOR_M * (np.arange(house.floors) + 0.52)
    centres = np.stack(np.meshgrid(across, up, indexing="ij"), axis=-1).reshape(-1, 2)
    sizes = np.tile([1.15, 1.35], (len(centres), 1))
    ground = centres[:, 1] < PLINTH_M + FLOOR_M
    if front:
        if house.shop:
            sizes[ground] = [length / count * 0.82, 2.1]
            centres[ground, 1] = PLINTH_M + 1.25
        free = ~(ground & (np.abs(centres[:, 0] - length / 2 - door_at) < sizes[:, 0] / 2 + 0.8))
        centres, sizes, ground = centres[free], sizes[free], ground[free]
    share = np.where(ground & house.shop & front, 0.6, LIT_SHARE)
    lit = rng.random(len(centres)) < share
    panes = _panels(start, end, centres, sizes, PANE_OUT_M)
    if front:
        trim = Material.CONCRETE if house.wall != Material.CONCRETE else Material.PLASTER
        builder.quads(_panels(start, end, centres, sizes + 0.24, FRAME_OUT_M), trim)
    builder.quads(panes[lit], Material.LIT_WINDOW)
    builder.quads(panes[~lit], Material.WINDOW)


def _door(builder: MeshBuilder, at: float) -> None:
    front = np.array([at - 0.5, 0.0]), np.array([at + 0.5, 0.0])
    builder.quads(_panels(*front, np.array([[0.5, PLINTH_M + 1.05]]), np.array([1.0, 2.1]), DOOR_OUT_M), Material.DOOR)
    builder.box((at, -0.45, PLINTH_M / 2 - 0.05), (0.8, 0.45, PLINTH_M / 2), Material.CONCRETE)


def _gable_roof(builder: MeshBuilder, house: House) -> None:
    """The ridge along the street; the roof stands 0.4 m out over the walls."""
    w, d, low, over = house.width / 2, house.depth, house.eaves_m, 0.4
    drop = over * house.ridge_m / (d / 2)
    top = low + house.ridge_m
    for y in (-over, d + over):
        z = low - drop
        builder.quads(
            [[(-w - over, y, z), (w + over, y, z), (w + over, d / 2, top), (-w - over, d / 2, top)]], Material.ROOF
        )
    for x in (-w, w):
        builder.triangles([(x, 0, low), (x, d, low), (x, d / 2, top)], [(0, 1, 2)], house.wall)
    builder.box((w * 0.5, d * 0.62, top - 0.2), (0.35, 0.35, 0.9), Material.BRICK)


def _flat_roof(builder: MeshBuilder, house: House) -> None:
    """A roof half a metre below the parapet, with a box for the stairs."""
    w, d, top = house.width / 2, house.depth, house.eaves_m
    z = top - 0.4
    builder.quads([[(-w, 0, z), (w, 0, z), (w, d, z), (-w, d, z)]], Material.ROOF)
    builder.box((w * 0.3, d * 0.6, top + 0.5), (1.4, 1.6, 1.2), house.wall)
    builder.box((0.0, -0.06, top - 0.05), (w + 0.1, 0.1, 0.12), Material.CONCRETE)
