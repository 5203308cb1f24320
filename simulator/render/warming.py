"""Compiles the kernels before the first picture is wanted, so that no client runs into its time-out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.render.antialias import smooth_edges
from simulator.render.camera import KINDS, CameraModel, Pinhole, pinhole
from simulator.render.film import Film
from simulator.render.frames import Frames
from simulator.render.froxels import fill_froxels
from simulator.render.glare import add_sprites
from simulator.render.ground_truth import draw_normals
from simulator.render.lighting import NO_FOG, casters_in, empty_plane, fill_fog, shade, smooth_and_glare
from simulator.render.lights import FIELDS
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.render.motion import encode_normals
from simulator.render.radiance import render_rows
from simulator.render.raster import NOTHING
from simulator.render.renderer import Renderer
from simulator.render.scenery import scenery_of
from simulator.render.sensor import develop
from simulator.render.templates import Templates
from simulator.render.visibility import VisibilityBuffer
from simulator.render.workers import Workers
from simulator.types import CityObjectLabel, Vector3D, VehicleLightState, WeatherParameters
from simulator.world.view import SceneView

EYE = (-8.0, 0.0, 2.0, 0.0, 0.0, 0.0)
SHADING: tuple[Callable[..., None], ...] = (render_rows, encode_normals)
FOG: tuple[Callable[..., None], ...] = (fill_froxels,)
FILM: tuple[Callable[..., None], ...] = (smooth_edges, add_sprites, develop)
OTHER_PARTS = (*SHADING, *FOG, *FILM)
"""Of what is compiled, next to `warm_triangles`; the last argument of each kernel gets what it fills in."""
NO_LIGHTS = np.zeros((0, FIELDS), np.float32)


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


class _Triangles(Workers):
    """Leaves black what the kernels of the other parts would fill in."""

    def begin(self, kernel: Callable[..., Any], *arguments: Any) -> Callable[[], None]:
        if kernel not in OTHER_PARTS:
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
    _draw(_Triangles(2))


def warm_shading() -> None:
    """`SHADING` as pictures run it, and no other kernel, on a picture in which nothing was drawn."""
    with _workers() as workers:
        frames = Frames(scenery_of(_plot()), Templates(_model), workers)
        frame, eye = frames.of(_view(0, -40.0)), _eye()
        looks, size = frames.looks(frame), (eye.height, eye.width)
        nothing = VisibilityBuffer(np.full(size, NOTHING), np.zeros(size, np.float32), np.zeros((0, 0), np.int64))
        casters = casters_in(frame, looks, eye)
        shade(workers, frame, looks, eye, nothing, NO_LIGHTS, None, casters, None, empty_plane(eye))
        draw_normals(workers, frame, looks, eye, nothing, np.empty(size, np.uint32))


def warm_fog() -> None:
    """`FOG` as pictures run it, and no other kernel."""
    with _workers() as workers:
        fill_fog(workers, _eye(), NO_LIGHTS, 0.01, 0.0, np.zeros_like(NO_FOG))()


def warm_film() -> None:
    """`FILM` as pictures run it, and no other kernel, on a black picture."""
    with _workers() as workers:
        eye = _eye()
        black, smooth = np.zeros_like(empty_plane(eye)), empty_plane(eye)
        keys, lamps = np.zeros((2 * eye.height + 1, 2 * eye.width + 2), np.int64), np.zeros((1, 8), np.float32)
        smooth_and_glare(workers, eye, keys, lamps, black, smooth)
        Film(0, workers).develop(_camera("rgb"), smooth, 0.0, 0.0, np.uint32(0))


def _draw(workers: Workers) -> None:
    renderer = Renderer(_plot(), model_of=_model, workers=workers)
    for frame, altitude_deg in enumerate((-40.0, 30.0)):
        view = _view(frame, altitude_deg)
        for kind in KINDS:
            draw: Callable[..., object] = {"optical_flow": renderer.flow, "dvs": renderer.events}.get(
                kind, renderer.image
            )
            draw(1, _camera(kind), EYE, view)
    renderer.close()


@contextmanager
def _workers() -> Iterator[Workers]:
    workers = Workers(2)
    yield workers
    workers.close()


def _eye() -> Pinhole:
    return pinhole(_camera("rgb"), EYE)


def _camera(kind: str) -> CameraModel:
    return CameraModel(64, 32, 90.0, kind)


def _plot() -> _Plot:
    """A lamp over a plain."""
    ground = MeshBuilder()
    ground.quads([[[-50, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]]], Material.ASPHALT)
    ground.box([20.0, 3.0, 6.0], [0.2, 0.2, 0.1], Material.LAMP_HEAD)
    return _Plot(ground.build(), (_Lamp(Vector3D(20.0, 3.0, 6.0), 9000.0),))


def _model(_: str) -> _Crate:
    """A car of three boxes."""
    crate = MeshBuilder()
    crate.box([0.0, 0.0, 0.5], [2.0, 1.0, 0.5], Material.CAR_PAINT)
    crate.box([2.0, 0.0, 0.5], [0.05, 0.2, 0.1], Material.HEADLAMP)
    crate.box([-2.0, 0.0, 0.5], [0.05, 0.2, 0.1], Material.TAIL_LAMP)
    return _Crate((crate.build(),), Vector3D(2.0, 1.0, 0.5), Vector3D(0.0, 0.0, 0.5))


def _view(frame: int, altitude_deg: float) -> SceneView:
    """Of one such car in fog and rain, the sun at that altitude."""
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
