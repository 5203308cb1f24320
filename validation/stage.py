"""Places where the answer is known: boards, lamps, people on a plain, seen by renderer and thermal camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.frames import CameraFrames, decode, tags_and_panes
from sensors.thermal import ActorState, Ambient
from sensors.thermal.heat import initial_heat
from simulator.models import model_of
from simulator.models.actor_model import ActorModel, actor_model
from simulator.render.camera import CameraModel, rotation_matrix
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.render.renderer import Renderer
from simulator.types import Vector3D, WeatherParameters
from simulator.world.view import SceneView

Pose = tuple[float, float, float, float, float, float]
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
EYE: Pose = (0.0, 0.0, 1.7, 0.0, 0.0, 0.0)
LAMP_FLUX_LM = 9000.0


@dataclass(frozen=True)
class Lamp:
    location: Vector3D
    luminous_flux_lm: float


@dataclass(frozen=True)
class Place:
    """As much of a town as the renderer asks for."""

    mesh: Mesh
    street_lamps: tuple[Lamp, ...] = ()


@dataclass(frozen=True)
class Thing:
    """An actor: blueprint id, place (m), heading, VehicleLightState flags, its first colour (linear RGB)."""

    model: str
    x: float
    y: float
    z: float = 0.0
    yaw_deg: float = 0.0
    lights: int = 0
    colour: tuple[float, float, float] = (0.05, 0.05, 0.06)

    @property
    def pose(self) -> NDArray[np.float32]:
        """(3, 4) actor -> world."""
        rotation = rotation_matrix(0.0, self.yaw_deg, 0.0)
        return np.column_stack([rotation, [self.x, self.y, self.z]]).astype(np.float32)


def emptiness() -> Place:
    return Place(MeshBuilder().build())


def road(lamps: bool) -> Place:
    """A straight road along x, 8 m wide, sidewalks, grass; street lamps every 30 m on the right at 8 m height."""
    b = MeshBuilder()
    for x in np.arange(-40.0, 400.0, 10.0):
        for left, right, z, material in (
            (-4.0, 4.0, 0.0, Material.ASPHALT),
            (4.0, 7.0, 0.15, Material.PAVING),
            (-7.0, -4.0, 0.15, Material.PAVING),
            (7.0, 80.0, 0.1, Material.GRASS),
            (-80.0, -7.0, 0.1, Material.GRASS),
        ):
            b.quads([[[x, left, z], [x + 10.0, left, z], [x + 10.0, right, z], [x, right, z]]], material)
    places = np.arange(15.0, 300.0, 30.0) if lamps else ()
    return Place(b.build(), tuple(Lamp(Vector3D(float(x), 4.2, 7.9), LAMP_FLUX_LM) for x in places))


def board() -> ActorModel:
    """A square of 2 m that faces the camera, in the actor's first colour."""
    b = MeshBuilder()
    b.box([0.005, 0.0, 0.0], [0.005, 1.0, 1.0], Material.UPPER_CLOTHING)
    return actor_model([b.build()])


def lamp_post() -> ActorModel:
    """A vehicle reduced to a single headlamp, 0.65 m above the ground and looking along x."""
    b = MeshBuilder()
    b.box([-0.5, 0.0, 0.65], [0.4, 0.1, 0.1], Material.CAR_TRIM)
    b.box([0.0, 0.0, 0.65], [0.02, 0.08, 0.08], Material.HEADLAMP)
    return actor_model([b.build()])


MODELS = {"static.board": board(), "vehicle.one_lamp": lamp_post()}


def known_model(blueprint_id: str) -> ActorModel:
    return MODELS[blueprint_id] if blueprint_id in MODELS else model_of(blueprint_id)


def renderer(place: Place, seed: int = 0) -> Renderer:
    return Renderer(place, threads=1, seed=seed, model_of=known_model)


def view(place: Place, things: Sequence[Thing], weather: WeatherParameters, frame: int = 1) -> SceneView:
    n = len(things)
    palettes = [[t.colour, (0.06, 0.06, 0.09), (0.40, 0.26, 0.20)] for t in things]
    return SceneView(
        frame=frame,
        elapsed_s=0.05 * frame,
        delta_s=0.05,
        weather=weather,
        ids=np.arange(1, n + 1, dtype=np.int32),
        models=tuple(t.model for t in things),
        poses=np.array([t.pose for t in things], np.float32).reshape(n, 3, 4),
        gait=np.zeros(n, np.float32),
        lights=np.array([t.lights for t in things], np.uint32),
        palettes=np.array(palettes, np.float32).reshape(n, 3, 3),
        lamps_on=np.ones(len(place.street_lamps), np.float32),
    )


def luminance(render: Renderer, camera: CameraModel, eye: Pose, scene: SceneView) -> NDArray[np.float64]:
    """(H, W) cd/m2 at the lens."""
    return render.radiance(camera, eye, scene) @ LUMINANCE


def camera_frames(render: Renderer, camera: CameraModel, eye: Pose, scene: SceneView) -> CameraFrames:
    """Tags, panes, instances and depth as the thermal camera takes them."""
    kinds = (("instance_segmentation", (("panes", "true"),)), ("depth", ()))
    labels, depth = (
        render.image(1, CameraModel(camera.width, camera.height, camera.fov_deg, *kind), eye, scene) for kind in kinds
    )
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3] = rotation_matrix(*eye[3:])
    pose[:3, 3] = eye[:3]
    nothing = np.empty((0, 0, 4), np.uint8)
    coded, instances, depth_m = decode(labels, depth)
    tags, panes = tags_and_panes(coded)
    return CameraFrames(
        "front", scene.frame, scene.elapsed_s, nothing, tags, instances, depth_m, pose, camera.fov_deg, panes
    )


def actor_states(scene: SceneView, ambient: Ambient, seed: int = 0) -> tuple[ActorState, ...]:
    """The vehicles and walkers of a scene, as warm as they enter the world."""
    states = []
    for actor_id, name, pose in zip(scene.ids.tolist(), scene.models, scene.poses):
        if name.startswith(("vehicle.", "walker.")):
            shape = known_model(name)
            matrix = np.eye(4, dtype=np.float32)
            matrix[:3] = pose
            heat = initial_heat(name, "", ambient, seed, actor_id)
            centre, extent = ((v.x, v.y, v.z) for v in (shape.centre, shape.extent))
            states.append(ActorState(actor_id, name, matrix, centre, extent, heat))
    return tuple(states)
