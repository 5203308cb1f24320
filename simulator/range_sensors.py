"""The sensors of a session that work with rays: what each is, and what it measures, in a thread beside the event loop.

The town's tree of triangles is built when the first of them is spawned, and before that, once on a machine, the loops
are compiled; nothing is cast for one that nobody listens to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.raycast import lidar, obstacle, radar
from simulator.raycast.compiling import ensure_compiled
from simulator.raycast.lidar import LidarModel, lidar_model
from simulator.raycast.obstacle import ObstacleModel, obstacle_model
from simulator.raycast.radar import RadarModel, radar_model
from simulator.raycast.scene import Meshed, RayScene, Touch
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.render.workers import Workers
from simulator.types import ActorDescription
from simulator.world.noise import generator
from simulator.world.poses import matrix

if TYPE_CHECKING:
    from simulator.towns.town import Town
    from simulator.world.actor import Actor
    from simulator.world.view import SceneView
    from simulator.world.world import World

RangeModel = LidarModel | RadarModel | ObstacleModel
Measured = lidar.Sweep | NDArray[np.float32] | Touch | None

MODELS: dict[str, Callable[[ActorDescription], RangeModel]] = {
    "sensor.lidar.ray_cast": lidar_model,
    "sensor.lidar.ray_cast_semantic": lidar_model,
    "sensor.other.radar": radar_model,
    "sensor.other.obstacle": obstacle_model,
}


def range_model(description: ActorDescription) -> RangeModel:
    """The sensor that a client asks for; raises ValueError with one clear line."""
    try:
        return MODELS[description.id](description)
    except ValueError as error:
        raise ValueError(f"{description.id}: {error}") from None


@dataclass(frozen=True, eq=False)
class Shot:
    """A measurement to be made: where the sensor is and what it needs to know of the world at that moment.

    pose: (4, 4) sensor -> world. velocity: (3,) m/s of the sensor, velocities: of all bodies, world axes. mount: id of
    the body that carries it, 0 without one. dynamic: ids of the actors that can move.
    """

    sensor_id: int
    model: RangeModel
    pose: NDArray[np.float64]
    velocity: NDArray[np.float64]
    velocities: dict[int, NDArray[np.float64]]
    dynamic: frozenset[int]
    mount: int
    delta_s: float
    random: np.random.Generator


def shot_of(world: World, actor: Actor, model: RangeModel) -> Shot:
    """Of this frame."""
    noise_seed = int(actor.description.get("noise_seed", "0") or 0)
    carrier = world.carrier_of(actor)
    return Shot(
        actor.id,
        model,
        matrix(world.transform_of(actor.id)),
        world.motion_of(actor)[0],
        world.velocities() if isinstance(model, RadarModel) else {},
        world.dynamic_ids() if isinstance(model, ObstacleModel) and model.only_dynamics else frozenset(),
        carrier.id if carrier.kind.has_body else 0,
        world.delta_s,
        # a sensor is known by its place among the actors of the episode: what came before leaves no trace
        generator(seed=world.seed ^ noise_seed << 32, sensor=actor.id - world.spectator_id, step=world.steps),
    )


@dataclass(frozen=True, eq=False)
class _Plot:
    """A town of one box."""

    mesh: Mesh


def compile_rays(workers: Workers) -> None:
    """The loops that work with rays, on next to nothing."""
    builder = MeshBuilder()
    builder.box([5.0, 0.0, 0.0], [1.0, 1.0, 1.0], Material.CONCRETE)
    _load(_Plot(builder.build()), workers)


def _ready(town: Meshed, workers: Workers) -> RayScene:
    ensure_compiled()
    return _load(town, workers)


def _load(town: Meshed, workers: Workers) -> RayScene:
    """With everything loaded, so that no client waits for it in a tick."""
    scene = RayScene(town, workers)
    start, ahead = np.zeros(3, np.float32), np.array([1.0, 0.0, 0.0], np.float32)
    scene.cast(start, ahead[None], 1.0)
    scene.sweep(start, ahead, 1.0, 0.1, None, 0)
    return scene


class RangeSensors:
    """Measures in one town at a time."""

    def __init__(self, town: Town, threads: int) -> None:
        self._town = town
        self._worker = ThreadPoolExecutor(1, "rays")  # one: the scene is not for use by two threads
        self._workers = Workers(threads)
        self._scene: asyncio.Future[RayScene] | None = None
        self._angles_rad: dict[int, float] = {}

    def prepare(self) -> asyncio.Future[RayScene]:
        """Begins to compile and to build the town's tree unless that was done; may be called often."""
        if self._scene is None:
            loop = asyncio.get_running_loop()
            self._scene = loop.run_in_executor(self._worker, _ready, self._town, self._workers)
        return self._scene

    def warm(self) -> asyncio.Future[None]:
        """Compiles what has never been used on this machine; the town's tree is left for the first sensor."""
        return asyncio.get_running_loop().run_in_executor(self._worker, ensure_compiled)

    def show(self, town: Town) -> None:
        """A new episode, in `town`."""
        self._angles_rad.clear()
        if town is not self._town:
            self._town = town
            if self._scene is not None:
                self._scene = None
                self.prepare()

    async def measure(self, shots: list[Shot], view: SceneView) -> list[Measured]:
        """What each sensor finds at the frame of `view`: a sweep, (n, 4) detections, or a touch or nothing."""
        scene = await self.prepare()
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._measure, scene, shots, view)

    def forget(self, sensor_id: int) -> None:
        self._angles_rad.pop(sensor_id, None)

    def _measure(self, scene: RayScene, shots: list[Shot], view: SceneView) -> list[Measured]:
        scene.show(view)
        return [self._one(scene, shot) for shot in shots]

    def _one(self, scene: RayScene, shot: Shot) -> Measured:
        model = shot.model
        if isinstance(model, ObstacleModel):
            return obstacle.detect(model, scene, shot.pose, shot.dynamic, shot.mount)
        # rays leave a body unseen from within, as where surfaces have an outside only: a radar looks through the bumper
        mount = shot.mount if scene.encloses(shot.mount, shot.pose[:3, 3].astype(np.float32)) else 0
        if isinstance(model, RadarModel):
            return radar.detect(
                model, scene, shot.pose, shot.velocity, shot.velocities, shot.delta_s, shot.random, mount
            )
        angle_rad = self._angles_rad.get(shot.sensor_id, 0.0)
        sweep = lidar.scan(model, scene, shot.pose, angle_rad, shot.delta_s, shot.random, mount)
        self._angles_rad[shot.sensor_id] = sweep.angle_rad
        return sweep
