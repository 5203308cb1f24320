"""Compiles the kernels before the first picture is wanted, so that no client runs into its time-out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.render.camera import KINDS, CameraModel
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.render.renderer import FILM, FOG, SHADING, Renderer
from simulator.render.workers import Workers
from simulator.types import CityObjectLabel, Vector3D, VehicleLightState, WeatherParameters
from simulator.world.view import SceneView

EYE = (-8.0, 0.0, 2.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class _Lamp:
    location: Vector3D
    luminous_flux_lm: float


@dataclass(frozen=True)
class _Plot:
    mesh: Mesh
    street_lamps: tuple[_Lamp, ...]


@dataclass(frozen=True)
class _Crate:
    frames: tuple[Mesh, ...]
    extent: Vector3D
    centre: Vector3D
    tag: CityObjectLabel | None = None
    foot: Vector3D | None = None


class _Without(Workers):
    """Leaves black what the kernels of fog, shading and film would fill in."""

    def begin(self, kernel: Callable[..., Any], *arguments: Any) -> Callable[[], None]:
        if kernel not in (*FOG, *SHADING, *FILM):
            return super().begin(kernel, *arguments)
        arguments[-1].fill(0)
        return lambda: None


def warmup() -> float:
    """Draws two tiny foggy nights with every kind of camera. Returns how many seconds that took."""
    start = time.perf_counter()
    _draw(Workers(2))
    return time.perf_counter() - start


def warm_triangles() -> None:
    """As `warmup`, but for what the next three compile: the four together do the same, in processes of their own."""
    _draw(_Without(2))


def warm_shading() -> None:
    with _renderer(Workers(2)) as renderer:
        renderer.shade_sky(_camera("rgb"), EYE, _view(0, -40.0))


def warm_fog() -> None:
    with _renderer(Workers(2)) as renderer:
        renderer.light_fog(_camera("rgb"), EYE)


def warm_film() -> None:
    with _renderer(Workers(2)) as renderer:
        renderer.develop_black(_camera("rgb"), EYE)


def _draw(workers: Workers) -> None:
    with _renderer(workers) as renderer:
        for frame, altitude_deg in enumerate((-40.0, 30.0)):
            view = _view(frame, altitude_deg)
            for kind in KINDS:
                draw: Callable[..., object] = {"optical_flow": renderer.flow, "dvs": renderer.events}.get(
                    kind, renderer.image
                )
                draw(1, _camera(kind), EYE, view)


def _camera(kind: str) -> CameraModel:
    return CameraModel(64, 32, 90.0, kind)


@contextmanager
def _renderer(workers: Workers) -> Iterator[Renderer]:
    """Of a lamp over a plain; the workers are closed behind it."""
    ground = MeshBuilder()
    ground.quads([[[-50, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]]], Material.ASPHALT)
    ground.box([20.0, 3.0, 6.0], [0.2, 0.2, 0.1], Material.LAMP_HEAD)
    crate = MeshBuilder()
    crate.box([0.0, 0.0, 0.5], [2.0, 1.0, 0.5], Material.CAR_PAINT)
    crate.box([2.0, 0.0, 0.5], [0.05, 0.2, 0.1], Material.HEADLAMP)
    crate.box([-2.0, 0.0, 0.5], [0.05, 0.2, 0.1], Material.TAIL_LAMP)
    model = _Crate((crate.build(),), Vector3D(2.0, 1.0, 0.5), Vector3D(0.0, 0.0, 0.5))
    plot = _Plot(ground.build(), (_Lamp(Vector3D(20.0, 3.0, 6.0), 9000.0),))
    yield Renderer(plot, model_of=lambda _: model, workers=workers)
    workers.close()


def _view(frame: int, altitude_deg: float) -> SceneView:
    """Of a car of two boxes in fog and rain, the sun at that altitude."""
    return SceneView(
        frame=frame,
        elapsed_s=0.05 * frame,
        delta_s=0.05,
        weather=WeatherParameters(fog_density=60.0, precipitation=50.0, wetness=50.0, sun_altitude_angle=altitude_deg),
        ids=np.array([1], np.int32),
        models=("vehicle.crate",),
        poses=np.eye(4, dtype=np.float32)[None, :3] + np.float32(0.0),
        gait=np.zeros(1, np.float32),
        lights=np.array([int(VehicleLightState.LOW_BEAM)], np.uint32),
        palettes=np.full((1, 3, 3), 0.3, np.float32),
        lamps_on=np.ones(1, np.float32),
    )
