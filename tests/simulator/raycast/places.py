"""Small places for rays: what they must meet is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.raycast.scene import RayScene
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.render.workers import Workers
from simulator.world.poses import matrix
from tests.simulator.render.scene import model_of, view

CAR = "vehicle.test.car"


@dataclass(frozen=True, eq=False)
class Place:
    mesh: Mesh


def flat(wall_x: float = 20.0) -> Place:
    """A plane of asphalt at z = 0 and a wall, object 7, across the x axis."""
    b = MeshBuilder()
    b.quads([[[-300, -300, 0], [300, -300, 0], [300, 300, 0], [-300, 300, 0]]], Material.ASPHALT)
    b.object_id = 7
    b.box([wall_x + 0.5, 0.0, 5.0], [0.5, 50.0, 5.0], Material.WALL)
    return Place(b.build())


def scene_of(place: Place, *actors: tuple[int, str, NDArray[np.float32]], threads: int = 1) -> RayScene:
    """actors: (id, model, pose (3, 4))."""
    scene = RayScene(place, Workers(threads), model_of)
    scene.show(view(*((*actor, 0) for actor in actors)))
    return scene


def at(transform) -> NDArray[np.float64]:
    return matrix(transform)
