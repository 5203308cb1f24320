"""Where a model's lamps are, read off the materials of its triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.render.materials import SURFACES, Emission, Material
from simulator.render.mesh import Mesh

EMISSION_OF_MATERIAL = np.array([int(SURFACES[m].emission) for m in SURFACES], np.uint8)

BICYCLE_STRENGTH = 0.04
"""A dynamo lamp gives some 800 cd where a car's low beam gives 21 000."""


@dataclass(frozen=True, eq=False)
class Lamps:
    """Glass of lamps in actor axes, one row per lamp.

    kinds: (n,) uint8 `Emission`. centres: (n, 3) float32. areas_m2: (n,) float32.
    normals: (n, 3) float32, outward mean direction (away from the middle of the model); zero when the glass faces all
    around. strength: of its headlamps over those of a car. front_m, back_m: x of the model's foremost and rearmost
    point.
    """

    kinds: NDArray[np.uint8]
    centres: NDArray[np.float32]
    areas_m2: NDArray[np.float32]
    normals: NDArray[np.float32]
    strength: float = 1.0
    front_m: float = 0.0
    back_m: float = 0.0


def lamps_of(mesh: Mesh) -> Lamps:
    """Groups a model's glowing triangles by kind and place: those nearer than 0.35 m to each other are one lamp."""
    emission = EMISSION_OF_MATERIAL[mesh.materials]
    glowing = np.flatnonzero(~np.isin(emission, (Emission.NONE, Emission.WINDOW, Emission.SHEETING)))
    corners = mesh.vertices[mesh.triangles[glowing]].astype(np.float64)
    middle = corners.mean(axis=1)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2.0
    area = np.linalg.norm(cross, axis=1)
    body = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2.0
    outward = np.where(np.einsum("ij,ij->i", cross, middle - body) < 0.0, -1.0, 1.0)[:, None] * cross
    kinds, centres, areas, normals = [], [], [], []
    for kind in np.unique(emission[glowing]):
        left = list(np.flatnonzero(emission[glowing] == kind))
        while left:
            group, frontier = [], [left.pop(0)]
            while frontier:
                i = frontier.pop()
                group.append(i)
                near = [j for j in left if np.linalg.norm(middle[j] - middle[i]) < 0.35]
                frontier.extend(near)
                left = [j for j in left if j not in near]
            weight = np.maximum(area[group], 1e-9)
            total = outward[group].sum(axis=0)
            length = float(np.linalg.norm(total))
            kinds.append(int(kind))
            centres.append(np.average(middle[group], axis=0, weights=weight))
            areas.append(float(weight.sum()))
            normals.append(total / length if length > 0.3 * weight.sum() else np.zeros(3))
    return Lamps(
        np.array(kinds, np.uint8),
        np.array(centres, np.float32).reshape(-1, 3),
        np.array(areas, np.float32),
        np.array(normals, np.float32).reshape(-1, 3),
        BICYCLE_STRENGTH if np.any(mesh.materials == Material.BICYCLE_FRAME) else 1.0,
        float(mesh.vertices[:, 0].max()),
        float(mesh.vertices[:, 0].min()),
    )
