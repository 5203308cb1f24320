"""The meshes of actors, loaded once each and shared by all instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.render.chunks import Chunks
from simulator.render.lamps import Lamps, lamps_of
from simulator.render.materials import PANES, SURFACES, Material, Pane
from simulator.render.mesh import Mesh
from simulator.render.project import LOCAL_BITS
from simulator.render.retro import Reflectors, reflectors_of
from simulator.render.surfaces import Surfaces, surfaces_of
from simulator.types import CityObjectLabel, Vector3D

TAG_OF_MATERIAL = np.array([int(SURFACES[m].tag) for m in sorted(SURFACES)], np.uint8)
PANE_OF_MATERIAL = np.array([int(PANES.get(m, Pane.NONE)) for m in sorted(SURFACES)], np.uint8)
BODY_MATERIALS = (Material.TRUCK_PAINT, Material.BUS_PAINT, Material.MOTORCYCLE_BODY, Material.BICYCLE_FRAME)
"""A model that has one of these is of its kind as a whole: wheels and glass of a bus are tagged as bus, not as car."""


class Model(Protocol):
    """What is needed of `simulator.models.ActorModel`."""

    @property
    def frames(self) -> tuple[Mesh, ...]: ...
    @property
    def extent(self) -> Vector3D: ...
    @property
    def centre(self) -> Vector3D: ...
    @property
    def tag(self) -> CityObjectLabel | None: ...
    @property
    def foot(self) -> Vector3D | None: ...


class Templates:
    """All models seen so far, one mesh per gait frame, in tables that grow as new models appear.

    chunks: one chunk per gait frame. surfaces, tags (uint8 `CityObjectLabel`): of all triangles.
    spheres: (frames, 4) float32 bounding sphere in actor axes.
    boxes: (frames, 6) float32 centre and half size of the box that throws the model's shadow.
    """

    def __init__(self, model_of: Callable[[str], Model]) -> None:
        self._model_of = model_of
        self._first: dict[str, tuple[int, int]] = {}
        self._largest = 0
        self._cast: tuple[tuple[str, ...], NDArray[np.int32]] = (), np.zeros((0, 2), np.int32)
        self.lamps: list[Lamps] = []
        self.reflectors: list[Reflectors] = []
        self.chunks = Chunks(
            np.zeros((0, 3), np.float32),
            np.zeros((0, 3), np.int32),
            np.zeros(1, np.int32),
            np.zeros(1, np.int32),
            np.zeros((0, 3), np.float32),
            np.zeros((0, 3), np.float32),
        )
        self.surfaces = Surfaces(np.zeros((0, 16), np.float32), np.zeros(0, np.uint8), np.zeros(0, np.int32))
        self.tags: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.spheres: NDArray[np.float32] = np.zeros((0, 4), np.float32)
        self.boxes: NDArray[np.float32] = np.zeros((0, 6), np.float32)

    def index(self, models: tuple[str, ...], gait: NDArray[np.float32]) -> NDArray[np.int32]:
        """The template of each instance: (n,) int32; gait is the phase 0..1 of the stride."""
        if models != self._cast[0]:
            self._load([name for name in dict.fromkeys(models) if name not in self._first])
            self._cast = models, np.array([self._first[name] for name in models], np.int32).reshape(-1, 2)
        first_and_count = self._cast[1]
        phase = np.floor((gait % 1.0) * first_and_count[:, 1]).astype(np.int32)
        return first_and_count[:, 0] + np.minimum(phase, first_and_count[:, 1] - 1)

    def largest(self) -> int:
        """Most vertices of any template."""
        return self._largest

    def _load(self, names: list[str]) -> None:
        if not names:
            return
        meshes: list[Mesh] = []
        tags = [self.tags]
        boxes, lamps = [self.boxes], []
        for name in names:
            model = self._model_of(name)
            self._first[name] = (len(self.spheres) + len(meshes), len(model.frames))
            for frame in model.frames:
                if len(frame.triangles) >= 1 << LOCAL_BITS:
                    raise ValueError(
                        f"model {name} has {len(frame.triangles)} triangles, at most {(1 << LOCAL_BITS) - 1} fit"
                    )
                meshes.append(frame)
                tags.append(tags_of(frame, model.tag))
                boxes.append(_shadow_box(model))
            lamps.extend([lamps_of(model.frames[0])] * len(model.frames))
            self.reflectors.extend([reflectors_of(model.frames[0])[0]] * len(model.frames))
        self._append(meshes)
        self.boxes = np.concatenate(boxes).astype(np.float32)
        self.lamps.extend(lamps)
        self.tags = np.concatenate(tags)

    def _append(self, meshes: list[Mesh]) -> None:
        old = self.chunks
        low = np.array([m.vertices.min(axis=0) for m in meshes], np.float32)
        high = np.array([m.vertices.max(axis=0) for m in meshes], np.float32)
        self.chunks = Chunks(
            np.concatenate([old.vertices, *(m.vertices for m in meshes)]).astype(np.float32),
            np.concatenate([old.triangles, *(m.triangles for m in meshes)]).astype(np.int32),
            np.append(old.first_vertex, old.first_vertex[-1] + np.cumsum([len(m.vertices) for m in meshes])).astype(
                np.int32
            ),
            np.append(
                old.first_triangle, old.first_triangle[-1] + np.cumsum([len(m.triangles) for m in meshes])
            ).astype(np.int32),
            np.concatenate([old.low, low]),
            np.concatenate([old.high, high]),
        )
        self._largest = int(np.diff(self.chunks.first_vertex).max(initial=0))
        new = [surfaces_of(m) for m in meshes]
        self.surfaces = Surfaces(
            np.concatenate([self.surfaces.normals, *(s.normals for s in new)]),
            np.concatenate([self.surfaces.materials, *(s.materials for s in new)]),
            np.concatenate([self.surfaces.objects, *(s.objects for s in new)]),
        )
        centre = (low + high) / 2.0
        radius = np.array([np.linalg.norm(m.vertices - c, axis=1).max() for m, c in zip(meshes, centre, strict=True)])
        self.spheres = np.concatenate([self.spheres, np.column_stack([centre, radius])]).astype(np.float32)


def _shadow_box(model: Model) -> NDArray[np.float32]:
    box = [*model.centre, *model.extent] if model.foot is None else [0.0, 0.0, model.foot.z, *model.foot]
    return np.array([box], np.float32)


def tags_of(mesh: Mesh, whole: CityObjectLabel | None = None) -> NDArray[np.uint8]:
    """(F,) semantic tags of a model's triangles. whole: of the model, where it has one (`ActorModel.tag`)."""
    if whole is not None:
        return np.full(len(mesh.triangles), whole, np.uint8)
    tags = TAG_OF_MATERIAL[mesh.materials]
    for body in BODY_MATERIALS:
        if np.any(mesh.materials == body):
            tags = np.where(tags == CityObjectLabel.CAR, np.uint8(SURFACES[body].tag), tags)
    return tags
