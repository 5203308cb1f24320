"""What of a town never changes, in the tables that the renderer looks up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.render.camera import rotation_matrix
from simulator.render.chunks import Chunks, cut, sort_in_space
from simulator.render.materials import Material
from simulator.render.mesh import Mesh
from simulator.render.retro import Reflectors, reflectors_of
from simulator.render.surfaces import Surfaces, surfaces_of
from simulator.render.templates import PANE_OF_MATERIAL, TAG_OF_MATERIAL
from simulator.types import CityObjectLabel, Vector3D

TOWN_OBJECT = 0x8000
"""Bit of the instance id that marks objects of the town."""
REACH_OF_LAMP_M = 3.0
"""A triangle of a lamp head farther than this from every street lamp belongs to none."""


class StreetLampSite(Protocol):
    @property
    def location(self) -> Vector3D: ...
    @property
    def luminous_flux_lm(self) -> float: ...


class TownScenery(Protocol):
    """What the renderer needs of `simulator.towns.town.Town`."""

    @property
    def mesh(self) -> Mesh: ...
    @property
    def street_lamps(self) -> Sequence[StreetLampSite]: ...


@dataclass(frozen=True)
class Scenery:
    """codes: (triangles,) uint32 tag | instance id << 8 | `Pane` << 24. lamp_of: (triangles,) int32, which street lamp
    a glowing triangle belongs to, the number of lamps where it is none, and from there on the `reflectors`.
    lamp_heads: (n, 3) and lamp_flux_lm: (n,) float32. parked_poses: (m, 3, 4), parked_boxes: (m, 6) float32, see
    `shadows.casters_of`; parked_ids: (m,) their objects.
    """

    chunks: Chunks
    surfaces: Surfaces
    codes: NDArray[np.uint32]
    lamp_heads: NDArray[np.float32]
    lamp_flux_lm: NDArray[np.float32]
    lamp_of: NDArray[np.int32]
    reflectors: Reflectors
    parked_poses: NDArray[np.float32]
    parked_boxes: NDArray[np.float32]
    parked_ids: NDArray[np.int64]


def scenery_of(town: TownScenery) -> Scenery:
    mesh = sort_in_space(town.mesh)
    heads = np.array([lamp.location for lamp in town.street_lamps], np.float32).reshape(-1, 3)
    flux_lm = np.array([lamp.luminous_flux_lm for lamp in town.street_lamps], np.float32)
    reflectors, reflector_of = reflectors_of(mesh)
    lamp_of = np.where(reflector_of < 0, _nearest_lamp(mesh, heads), reflector_of + len(heads) + 1).astype(np.int32)
    parked = _parked(getattr(town, "obstacles", ()))
    return Scenery(cut(mesh), surfaces_of(mesh), _static_codes(mesh), heads, flux_lm, lamp_of, reflectors, *parked)


def without(scenery: Scenery, object_ids: Sequence[int]) -> Scenery:
    """The same scenery with the triangles of some objects shrunk to nothing: they stay in the tables, unseen."""
    if not object_ids:
        return scenery
    gone = np.isin(
        scenery.codes >> np.uint32(8) & np.uint32(0xFFFF), np.uint32(TOWN_OBJECT) | np.array(object_ids, np.uint32)
    )
    triangles = scenery.chunks.triangles.copy()
    triangles[gone] = 0
    left = ~np.isin(scenery.parked_ids, object_ids)
    return replace(
        scenery,
        chunks=scenery.chunks._replace(triangles=triangles),
        parked_poses=scenery.parked_poses[left],
        parked_boxes=scenery.parked_boxes[left],
        parked_ids=scenery.parked_ids[left],
    )


def _static_codes(mesh: Mesh) -> NDArray[np.uint32]:
    """(F,) tag | instance id << 8 | pane << 24. Object 0 is ground and road."""
    identity = (np.uint32(TOWN_OBJECT) | mesh.objects.astype(np.uint32)) & np.uint32(0xFFFF)
    pane = PANE_OF_MATERIAL[mesh.materials].astype(np.uint32) << np.uint32(24)
    return TAG_OF_MATERIAL[mesh.materials].astype(np.uint32) | (identity << np.uint32(8)) | pane


def _nearest_lamp(mesh: Mesh, heads: NDArray[np.float32]) -> NDArray[np.int32]:
    """(F,) which street lamp a triangle of a lamp head belongs to; the number of lamps where it is none."""
    out = np.full(len(mesh.triangles), len(heads), np.int32)
    glass = np.flatnonzero(mesh.materials == Material.LAMP_HEAD)
    middle = mesh.vertices[mesh.triangles[glass]].mean(axis=1).astype(np.float64)
    nearest_m = np.full(len(glass), REACH_OF_LAMP_M)
    for lamp, head in enumerate(heads):
        distance_m = np.linalg.norm(middle - head, axis=1)
        nearer = distance_m < nearest_m
        nearest_m[nearer], out[glass[nearer]] = distance_m[nearer], lamp
    return out


def _parked(obstacles: Sequence[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Poses (n, 3, 4), boxes (n, 6) and objects of the parked cars of a town, which darken the ground beneath them."""
    parked = [o for o in obstacles if o.tag == CityObjectLabel.CAR]
    cars = [o.box for o in parked]
    poses = np.zeros((len(cars), 3, 4), np.float32)
    boxes = np.zeros((len(cars), 6), np.float32)
    for i, box in enumerate(cars):
        poses[i, :, :3] = rotation_matrix(box.rotation.pitch, box.rotation.yaw, box.rotation.roll)
        poses[i, :, 3] = box.location
        boxes[i, 3:] = box.extent
    return poses, boxes, np.array([o.object_id for o in parked], np.int64)
