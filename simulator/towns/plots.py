"""What stands on the land beside the streets: houses with their front gardens, trees, and the woods around the town."""

from __future__ import annotations

import math

import numpy as np

from simulator.towns import furniture, greenery
from simulator.towns.buildings import House, build_house, draw_house
from simulator.towns.curves import Array
from simulator.towns.road import SIDEWALK_M
from simulator.towns.roadways import LAND_Z_M, VERGE_M
from simulator.towns.scene import Frame, Scene, Streets, beside
from simulator.towns.streetscape import add_tree
from simulator.types import CityObjectLabel as Tag

BETWEEN_HOUSES_M = 1.6
OUTSKIRTS_M = 45.0
"""Land around a town's roads that is the town's; the woods begin beyond."""


def add_house(scene: Scene, house: House, frame: Frame, rng: np.random.Generator) -> None:
    w, d = house.width / 2, house.depth
    frame = scene.sunk(frame, frame.footprint(-w, w, 0.0, d))
    id = scene.add(build_house(house, rng), frame)
    scene.block(id, frame, (-w, 0.0, -0.3), (w, d, house.height_m), Tag.BUILDINGS, "House")
    scene.plots.take(frame.footprint(-w - 0.6, w + 0.6, -0.6, d + 0.6))


def add_street_houses(scene: Scene, network: Streets, rng: np.random.Generator) -> None:
    """Rows of houses along every street; the avenue is built higher and closer to the sidewalk."""
    for road in sorted(network.streets, key=lambda road: not road.avenue):
        for sign in (-1, 1):
            s = 1.0
            while s < road.path.length - 4.0:
                urban = road.avenue or rng.random() < 0.2
                house = draw_house(rng, urban)
                setback = float(rng.uniform(0.8, 1.3) if urban else rng.uniform(2.0, 5.0))
                middle = s + house.width / 2
                if middle > road.path.length:
                    break
                frame = beside(road, sign, middle, SIDEWALK_M + VERGE_M + setback, LAND_Z_M)
                w, d = house.width / 2, house.depth
                if scene.plots.is_free(frame.footprint(-w - 0.5, w + 0.5, -0.05, d + 0.5)):
                    add_house(scene, house, frame, rng)
                    if setback > 1.5 and rng.random() < 0.7:
                        _garden_border(scene, frame, house, setback, rng)
                    s += house.width + BETWEEN_HOUSES_M + float(rng.exponential(1.2))
                else:
                    s += 3.0


def _garden_border(scene: Scene, house_frame: Frame, house: House, setback: float, rng: np.random.Generator) -> None:
    """A hedge, fence or wall between garden and verge, with a gate."""
    y = -setback + 0.9
    gate = float(rng.uniform(-0.3, 0.3)) * house.width
    kind = rng.integers(3)
    for x0, x1 in ((-house.width / 2, gate - 0.7), (gate + 0.7, house.width / 2)):
        length = x1 - x0
        frame = Frame(house_frame.point((x0 + x1) / 2, y), house_frame.yaw_deg)
        if length < 1.5 or not scene.plots.is_free(frame.footprint(-length / 2, length / 2, -0.1, 0.1)):
            continue
        if kind == 0:
            id = scene.add(furniture.garden_wall(length), frame)
            scene.block(id, frame, (-length / 2, -0.12, 0.0), (length / 2, 0.12, 0.87), Tag.WALLS, "Wall")
        elif kind == 1:
            id = scene.add(furniture.fence(length), frame)
            scene.block(id, frame, (-length / 2, -0.05, 0.0), (length / 2, 0.05, 1.05), Tag.FENCES, "Fence")
        else:
            id = scene.add(furniture.hedge(length, rng), frame)
            scene.block(id, frame, (-length / 2, -0.35, 0.0), (length / 2, 0.35, 1.25), Tag.VEGETATION, "Hedge")


def add_garden_trees(scene: Scene, network: Streets, rng: np.random.Generator) -> None:
    """Trees and bushes in the gaps between and before the houses."""
    trees = [greenery.broadleaf(rng, 1.75) for _ in range(3)] + [greenery.conifer(rng) for _ in range(3)]
    bushes = [greenery.bush(rng) for _ in range(4)]
    for road in network.streets:
        for sign in (-1, 1):
            for s in np.arange(4.0, road.path.length - 4.0, 4.5):
                out = SIDEWALK_M + VERGE_M + float(rng.uniform(0.8, 7.0))
                frame = beside(road, sign, float(s + rng.uniform(-2, 2)), out, LAND_Z_M)
                tree = rng.random() < 0.45
                reach = 1.3 if tree else 0.9
                if not scene.plots.is_free(frame.footprint(-reach, reach, -reach, reach)):
                    continue
                if tree:
                    add_tree(scene, trees[rng.integers(len(trees))], frame, float(rng.uniform(0.8, 1.2)), rng)
                else:
                    scene.add(bushes[rng.integers(len(bushes))], frame, float(rng.uniform(0.7, 1.2)))
                scene.plots.take(frame.footprint(-reach, reach, -reach, reach))


def add_hinterland(scene: Scene, rng: np.random.Generator, houses: int, trees: int) -> None:
    """Free-standing houses and trees on the land that the street fronts have left free."""
    rows, columns = scene.plots.taken.shape
    extent = np.array([columns, rows]) * 0.5
    shapes = [greenery.distant_tree(rng) for _ in range(6)] + [greenery.conifer(rng) for _ in range(3)]
    for k in range(8 * houses + 3 * trees):
        where = scene.plots.origin + rng.random(2) * extent
        frame = Frame(np.array([*where, LAND_Z_M]), float(rng.uniform(0.0, 360.0)))
        if houses > 0 and k < 8 * houses:
            house = draw_house(rng, urban=bool(rng.random() < 0.5))
            w, d = house.width / 2, house.depth
            if scene.plots.is_free(frame.footprint(-w - 3.0, w + 3.0, -3.0, d + 3.0)):
                add_house(scene, house, frame, rng)
                houses -= 1
        elif trees > 0 and scene.plots.is_free(frame.footprint(-1.5, 1.5, -1.5, 1.5)):
            add_tree(scene, shapes[rng.integers(len(shapes))], frame, float(rng.uniform(0.8, 1.6)), rng)
            scene.plots.take(frame.footprint(-1.0, 1.0, -1.0, 1.0))
            trees -= 1


def add_woods(scene: Scene, low: Array, high: Array, rng: np.random.Generator, spacing_m: float = 7.0) -> None:
    """Two rows of trees all around the town, low .. high (x, y), so that no view ends at the edge of the land."""
    shapes = [greenery.distant_tree(rng) for _ in range(5)] + [greenery.conifer(rng) for _ in range(3)]
    centre, half = (low + high) / 2, (high - low) / 2
    perimeter = 4.0 * float(half.sum())
    for row in range(2):
        count = int(perimeter / spacing_m)
        for k in range(count):
            angle = 2 * math.pi * (k + 0.5 * row + float(rng.uniform(-0.3, 0.3))) / count
            # A superellipse follows the town's bounds and has no corners.
            x, y = math.cos(angle), math.sin(angle)
            reach = (x**4 + y**4) ** -0.25 + row * 0.04
            where = centre + half * reach * np.array([x, y])
            frame = Frame(np.array([*where, LAND_Z_M]), 0.0)
            if scene.plots.is_free(frame.footprint(-1.5, 1.5, -1.5, 1.5)):
                add_tree(scene, shapes[rng.integers(len(shapes))], frame, float(rng.uniform(1.4, 2.3)), rng)
