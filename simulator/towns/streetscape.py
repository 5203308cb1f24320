"""What stands in the street: lamps, parked cars, street trees, benches and bins."""

from __future__ import annotations

import numpy as np

from simulator.models import model_of
from simulator.render.mesh import Mesh
from simulator.towns import furniture, greenery
from simulator.towns.markings import bay_spaces
from simulator.towns.opendrive import CURB_HEIGHT_M
from simulator.towns.road import PARKING_M, SIDEWALK_M
from simulator.towns.scene import Frame, Scene, Street, Streets, beside
from simulator.towns.town import StreetLamp
from simulator.types import CityObjectLabel as Tag
from simulator.types import Vector3D

LAMP_SPACING_M = 27.0
LAMP_FLUX_LM = 7500.0
POLE_FROM_CURB_M = 0.55

STREET_CROWN_M = 1.1
"""Slim, so that crowns hide neither the lamps nor the traffic lights from the lanes."""

PARKED = (
    "vehicle.audi.a2",
    "vehicle.audi.tt",
    "vehicle.citroen.c3",
    "vehicle.ford.mustang",
    "vehicle.jeep.wrangler_rubicon",
    "vehicle.mercedes.coupe_2020",
    "vehicle.mini.cooper_s",
    "vehicle.nissan.micra",
    "vehicle.nissan.patrol",
    "vehicle.seat.leon",
    "vehicle.toyota.prius",
    "vehicle.volkswagen.t2_2021",
)
"""Narrow enough for a parking strip of 2.2 m."""


def add_lamps(scene: Scene, network: Streets) -> None:
    """Alternating between the sides of the street, about 27 m apart, arms over the road."""
    mesh = furniture.lamp_post()
    for road in network.streets:
        length = road.path.length
        count = max(2, round((length - 16.0) / LAMP_SPACING_M) + 1)
        for k, s in enumerate(np.linspace(8.0, length - 8.0, count)):
            sign = -1 if (k + road.id) % 2 else 1
            frame = beside(road, sign, float(s), POLE_FROM_CURB_M, CURB_HEIGHT_M)
            if not scene.is_clear(frame, 1.2):
                frame = beside(road, sign, float(s) + 2.0, POLE_FROM_CURB_M, CURB_HEIGHT_M)
            if not scene.is_off_road(frame):
                continue
            id = scene.add(mesh, frame)
            scene.block(id, frame, (-0.12, -0.12, 0.0), (0.12, 0.12, furniture.LAMP_HEIGHT_M), Tag.POLES, "StreetLamp")
            head = scene.grounded(frame).point(0.0, -furniture.LAMP_REACH_M, furniture.LAMP_HEIGHT_M - 0.04)
            scene.lamps.append(StreetLamp(len(scene.lamps) + 1, Vector3D(*(float(v) for v in head)), LAMP_FLUX_LM))
            scene.stand(frame)


def add_parked_cars(scene: Scene, network: Streets, rng: np.random.Generator, wanted: int) -> None:
    """`wanted` cars in the bays; the avenue fills first, but some spaces stay empty everywhere."""
    spaces = [
        (road, sign, float(start), float(end))
        for road in network.streets
        for sign in (-1, 1)
        for bay in ((road.right if sign < 0 else road.left) or road.right).bays
        for start, end in bay_spaces(*bay)
    ]
    eagerness = [rng.random() * (0.55 if road.avenue else 1.0) for road, *_ in spaces]
    for k in sorted(np.argsort(eagerness, kind="stable")[:wanted]):
        road, sign, start, end = spaces[k]
        _park(scene, road, sign, start, end, rng)


def _park(scene: Scene, road: Street, sign: int, start: float, end: float, rng: np.random.Generator) -> None:
    model = model_of(PARKED[rng.integers(len(PARKED))])
    half, centre = model.extent, model.centre
    slack = max(0.0, (end - start) / 2 - half.x - 0.4)
    s = (start + end) / 2 + rng.uniform(-slack, slack)
    gap_to_curb = min(0.25, PARKING_M - 2 * half.y - 0.08) * rng.uniform(0.4, 1.0)
    frame = beside(road, sign, float(s), -(half.y + gap_to_curb))
    frame = Frame(frame.origin, frame.yaw_deg + float(rng.uniform(-0.8, 0.8)))
    id = scene.add(model.frames[0], frame)
    low = (centre.x - half.x, centre.y - half.y, centre.z - half.z)
    high = (centre.x + half.x, centre.y + half.y, centre.z + half.z)
    scene.block(id, frame, low, high, Tag.CAR, "ParkedCar")


def add_street_trees(scene: Scene, network: Streets, rng: np.random.Generator) -> None:
    """Along the avenue and here and there elsewhere, at the curb between the lamps."""
    shapes = [greenery.broadleaf(rng, STREET_CROWN_M) for _ in range(5)]
    for road in network.streets:
        for sign in (-1, 1):
            step = 13.0 if road.avenue else 22.0
            for s in np.arange(20.0, road.path.length - 20.0, step):
                frame = beside(road, sign, float(s + rng.uniform(-1.5, 1.5)), 0.5, CURB_HEIGHT_M)
                wanted = rng.random() < (0.75 if road.avenue else 0.35)
                if wanted and scene.is_clear(frame, 4.0) and scene.is_off_road(frame):
                    add_tree(scene, shapes[rng.integers(len(shapes))], frame, float(rng.uniform(0.9, 1.15)), rng)


def add_tree(scene: Scene, shape: Mesh, frame: Frame, scale: float, rng: np.random.Generator) -> None:
    turned = Frame(frame.origin, frame.yaw_deg + float(rng.uniform(0, 360)))
    id = scene.add(shape, turned, scale)
    scene.block(id, turned, (-0.2, -0.2, 0.0), (0.2, 0.2, 2.8), Tag.VEGETATION, "Tree")
    scene.stand(frame)


def add_furniture(scene: Scene, network: Streets, rng: np.random.Generator) -> None:
    bench, bin_mesh = furniture.bench(), furniture.bin_on_post()
    for road in network.streets:
        for sign in (-1, 1):
            for s in np.arange(24.0, road.path.length - 24.0, 30.0 if road.avenue else 55.0):
                frame = beside(road, sign, float(s + rng.uniform(-4, 4)), SIDEWALK_M - 0.4, CURB_HEIGHT_M)
                if rng.random() < 0.6 and scene.is_off_road(frame):
                    id = scene.add(bench, frame)
                    scene.block(id, frame, (-0.8, -0.25, 0.0), (0.8, 0.3, 0.85), Tag.STATIC, "Bench")
                frame = beside(road, sign, float(s + 7.0), SIDEWALK_M - 0.3, CURB_HEIGHT_M)
                if not scene.is_off_road(frame):
                    continue
                id = scene.add(bin_mesh, frame)
                scene.block(id, frame, (-0.2, -0.2, 0.0), (0.2, 0.2, 0.97), Tag.STATIC, "Bin")
