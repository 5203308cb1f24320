"""A small street for the renderer's tests: what it must draw is known exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.models.actor_model import ActorModel, actor_model
from simulator.render.camera import rotation_matrix
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.types import Vector3D, VehicleLightState, WeatherParameters
from simulator.world.view import SceneView

DAY = WeatherParameters(cloudiness=10.0, sun_altitude_angle=45.0)
NIGHT = WeatherParameters(cloudiness=10.0, sun_altitude_angle=-40.0)
BEAMS = int(VehicleLightState.POSITION | VehicleLightState.LOW_BEAM)


@dataclass(frozen=True)
class Lamp:
    location: Vector3D
    luminous_flux_lm: float


@dataclass(frozen=True)
class Street:
    mesh: Mesh
    street_lamps: tuple[Lamp, ...]


def street() -> Street:
    """A road along x, 7 m wide, with sidewalks, house fronts, lamps every 40 m and a parked car's worth of a box."""
    b = MeshBuilder()
    for x in np.arange(-40.0, 400.0, 10.0):
        _ground(b, x, -3.5, 3.5, 0.0, Material.ASPHALT)
        _ground(b, x, 3.5, 6.5, 0.15, Material.PAVING)
        _ground(b, x, -6.5, -3.5, 0.15, Material.PAVING)
        _ground(b, x, 6.5, 60.0, 0.1, Material.GRASS)
        _ground(b, x, -60.0, -6.5, 0.1, Material.GRASS)
        b.quads([[[x, -0.07, 0.01], [x + 4, -0.07, 0.01], [x + 4, 0.07, 0.01], [x, 0.07, 0.01]]], Material.LANE_PAINT)
    b.object_id = 1
    for k, x in enumerate(np.arange(-20.0, 200.0, 24.0)):
        b.object_id = 10 + k
        b.box([x + 10, -13.0, 6.0], [10.0, 5.0, 6.0], Material.BRICK if k % 2 else Material.PLASTER)
        for floor in range(3):
            for column in range(5):
                lit = (k * 7 + floor * 3 + column * 5) % 6 == 0
                cx, cz = x + 2.5 + 3.7 * column, 2.0 + 3.3 * floor
                q = [[cx, -7.98, cz], [cx + 1.6, -7.98, cz], [cx + 1.6, -7.98, cz + 1.5], [cx, -7.98, cz + 1.5]]
                b.quads([q], Material.LIT_WINDOW if lit else Material.WINDOW)
    lamps = []
    for k, x in enumerate(np.arange(0.0, 300.0, 40.0)):
        b.object_id = 100 + k
        b.box([x, 5.0, 4.0], [0.07, 0.07, 4.0], Material.POLE)
        b.box([x, 4.2, 8.0], [0.15, 0.9, 0.05], Material.POLE)
        b.box([x, 3.6, 7.92], [0.15, 0.3, 0.04], Material.LAMP_HEAD)
        lamps.append(Lamp(Vector3D(float(x), 3.6, 7.9), 9000.0))
    return Street(b.build(), tuple(lamps))


def _ground(b: MeshBuilder, x: float, left: float, right: float, z: float, material: Material) -> None:
    b.quads([[[x, left, z], [x + 10, left, z], [x + 10, right, z], [x, right, z]]], material)


def plain(*boxes: tuple[tuple[float, float, float], tuple[float, float, float], Material, int]) -> Street:
    """Nothing but boxes: (centre, half size, material, object id)."""
    b = MeshBuilder()
    for centre, half, material, object_id in boxes:
        b.object_id = object_id
        b.box(centre, half, material)
    return Street(b.build(), ())


def car() -> ActorModel:
    b = MeshBuilder()
    b.box([0, 0, 0.6], [2.2, 0.9, 0.35], Material.CAR_PAINT)
    b.box([-0.2, 0, 1.15], [1.2, 0.8, 0.3], Material.CAR_GLASS)
    for side in (-0.65, 0.65):
        b.box([2.2, side, 0.65], [0.02, 0.15, 0.08], Material.HEADLAMP)
        b.box([-2.2, side, 0.75], [0.02, 0.15, 0.08], Material.TAIL_LAMP)
        for x in (-1.4, 1.4):
            b.box([x, side, 0.3], [0.3, 0.1, 0.3], Material.TYRE)
    return actor_model([b.build()])


def walker() -> ActorModel:
    b = MeshBuilder()
    b.box([0, 0, -0.5], [0.1, 0.18, 0.43], Material.LOWER_CLOTHING)
    b.box([0, 0, 0.25], [0.12, 0.22, 0.33], Material.UPPER_CLOTHING)
    b.box([0, 0, 0.72], [0.1, 0.09, 0.13], Material.SKIN)
    return actor_model([b.build()])


def signal() -> ActorModel:
    b = MeshBuilder()
    b.box([0, 0, 2.5], [0.06, 0.06, 2.5], Material.POLE)
    b.box([0, 0.1, 4.5], [0.2, 0.1, 0.55], Material.SIGNAL_HOUSING)
    for z, lamp in ((4.85, Material.SIGNAL_RED), (4.5, Material.SIGNAL_YELLOW), (4.15, Material.SIGNAL_GREEN)):
        b.box([0, 0.21, z], [0.13, 0.02, 0.13], lamp)
    return actor_model([b.build()])


def black_board() -> ActorModel:
    """A square metre or two whose colour is the instance's first."""
    b = MeshBuilder()
    b.box([0.005, 0, 0], [0.005, 1.5, 1.5], Material.UPPER_CLOTHING)
    return actor_model([b.build()])


MODELS = {"vehicle.test.car": car(), "walker.test": walker(), "traffic.test": signal(), "target.black": black_board()}


def model_of(blueprint_id: str) -> ActorModel:
    return MODELS[blueprint_id]


def pose(x: float, y: float, z: float, yaw: float = 0.0) -> NDArray[np.float32]:
    return np.column_stack([rotation_matrix(0.0, yaw, 0.0), [x, y, z]]).astype(np.float32)


def view(
    *actors: tuple[int, str, NDArray[np.float32], int],
    weather: WeatherParameters = DAY,
    frame: int = 1,
    lamps: int = 8,
    lamps_on: float = 0.0,
) -> SceneView:
    """actors: (id, model, pose, lights)."""
    n = len(actors)
    palette = np.tile(np.array([[0.3, 0.05, 0.05], [0.05, 0.06, 0.12], [0.4, 0.26, 0.2]], np.float32), (n, 1, 1))
    return SceneView(
        frame=frame,
        elapsed_s=frame * 0.05,
        delta_s=0.05,
        weather=weather,
        ids=np.array([a[0] for a in actors], np.int32),
        models=tuple(a[1] for a in actors),
        poses=np.array([a[2] for a in actors], np.float32).reshape(n, 3, 4),
        gait=np.zeros(n, np.float32),
        lights=np.array([a[3] for a in actors], np.uint32),
        palettes=palette.reshape(n, 3, 3),
        lamps_on=np.full(lamps, lamps_on, np.float32),
    )


def in_fog(weather: WeatherParameters, density: float) -> WeatherParameters:
    return replace(weather, fog_density=density)
