"""A town and its actors of one frame, ready for rays."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.raycast.bvh import Bvh, bvh_of, joined, tree
from simulator.raycast.kernels import MISSED, STATIC, Placed, cast_rays
from simulator.raycast.sweep import sweep_sphere
from simulator.render.mesh import Mesh
from simulator.render.templates import TAG_OF_MATERIAL, Model, tags_of
from simulator.render.workers import Workers
from simulator.world.view import SceneView

Floats = NDArray[np.float32]
NO_ACTOR = 0
LONGEST_M = 1e6
"""No ray goes farther."""
_NOWHERE_M = 1e9
_AXES = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)


class Hits(NamedTuple):
    """What rays met. distance: (n,) float32 m, infinite for those that met nothing.

    normal: (n, 3) float32, world axes, towards where the ray came from; 0 where nothing was met.
    actor: (n,) int32 id, 0 for the town. object: (n,) int32 id of the town's object, 0 for ground and actors.
    tag: (n,) uint8 `CityObjectLabel`.
    """

    distance: Floats
    normal: Floats
    actor: NDArray[np.int32]
    object: NDArray[np.int32]
    tag: NDArray[np.uint8]


class Met(NamedTuple):
    """distance: (n,) float32 m, infinite where nothing was met. slots, rows: (n,) int32, see `kernels.cast_rays`."""

    distance: Floats
    slots: NDArray[np.int32]
    rows: NDArray[np.int32]


class Touch(NamedTuple):
    """What a swept sphere touches first: after how many metres, which actor (0: the town's `object`), its tag."""

    distance_m: float
    actor: int
    object: int
    tag: int


class _Shape(NamedTuple):
    """One gait frame of a model: its root row, its tags, the middle and half size of its box in its own axes."""

    tree: Bvh
    tags: NDArray[np.uint8]
    centre: Floats
    half: Floats


class StaticTown(NamedTuple):
    """tags: (F,) uint8 and objects: (F,) int32 in the order of the tree's triangles."""

    tree: Bvh
    tags: NDArray[np.uint8]
    objects: NDArray[np.int32]


class Meshed(Protocol):
    """What is needed of a `simulator.towns.town.Town`."""

    @property
    def mesh(self) -> Mesh: ...


@lru_cache(maxsize=2)
def static_town(town: Meshed) -> StaticTown:
    """Made once for each town in memory (a town is what it is: the key is its identity)."""
    mesh = town.mesh
    found = bvh_of(mesh)
    return StaticTown(found, TAG_OF_MATERIAL[mesh.materials][found.order], mesh.objects[found.order])


def _without(town: StaticTown, object_ids: tuple[int, ...]) -> StaticTown:
    """The same town with the triangles of some objects where no ray gets."""
    if not object_ids:
        return town
    triangles = town.tree.triangles.copy()
    triangles[np.isin(town.objects, object_ids) & (town.objects > 0)] = [_NOWHERE_M] * 3 + [0.0] * 6
    return town._replace(tree=town.tree._replace(triangles=triangles))


class RayScene:
    """For one thread at a time; it spreads many rays over `workers` itself. The result does not depend on how many."""

    def __init__(self, town: Meshed, workers: Workers, model_of: Callable[[str], Model] | None = None) -> None:
        if model_of is None:
            from simulator.models import model_of as of_blueprint

            model_of = of_blueprint
        self._model_of = model_of
        self._whole_town = self._static = static_town(town)  # type: ignore[arg-type]
        self._hidden: tuple[int, ...] = ()
        self._workers = workers
        self._first: dict[str, tuple[int, int]] = {}
        self._shapes: list[_Shape] = []
        self._models, self._roots = joined([])
        self._tags = np.zeros(0, np.uint8)
        self._ids, self._shape_of_slot = np.zeros(0, np.int32), np.zeros(0, np.int64)
        self._placed = self._tree_of(np.zeros(0, np.int32), np.zeros((0, 3, 4), np.float32))

    def show(self, view: SceneView) -> None:
        """Puts the actors where they are at this frame; leaves hidden objects of the town out."""
        if view.hidden != self._hidden:
            self._hidden, self._static = view.hidden, _without(self._whole_town, view.hidden)
        missing = [name for name in dict.fromkeys(view.models) if name not in self._first]
        if missing:
            self._load(missing)
        first_and_count = np.array([self._first[name] for name in view.models], np.int64).reshape(-1, 2)
        phase = np.floor((np.asarray(view.gait) % 1.0) * first_and_count[:, 1]).astype(np.int64)
        shapes = first_and_count[:, 0] + np.minimum(phase, first_and_count[:, 1] - 1)
        self._ids, self._shape_of_slot = np.asarray(view.ids, np.int32), shapes
        self._placed = self._tree_of(shapes, np.ascontiguousarray(view.poses, np.float32).reshape(-1, 3, 4))

    def cast(
        self, origins: Floats, directions: Floats, reach_m: float, near_m: float = 0.0, ignored: int = NO_ACTOR
    ) -> Hits:
        """What each ray meets first. origins: (3,) of all or (n, 3), m; directions: (n, 3) unit vectors, world axes.

        Nothing nearer than `near_m` or farther than `reach_m` counts, and nothing of the actor `ignored`.
        """
        return self._hits(directions, self.meet(origins, directions, reach_m, near_m, ignored))

    def meet(
        self, origins: Floats, directions: Floats, reach_m: float, near_m: float = 0.0, ignored: int = NO_ACTOR
    ) -> Met:
        """How far each ray gets, see `cast`; cheaper than to ask also what it meets."""
        o = np.ascontiguousarray(np.asarray(origins, np.float32).reshape(-1, 3))
        d = np.ascontiguousarray(directions, np.float32)
        distance = np.empty(len(d), np.float32)
        slots, rows = np.empty(len(d), np.int32), np.empty(len(d), np.int32)
        near, far = np.float32(near_m), np.float32(min(reach_m, LONGEST_M))
        self._workers.run(
            cast_rays, o, d, near, far, self._slot(ignored), self._static.tree, self._models, self._placed, distance,
            slots, rows,
        )  # fmt: skip
        return Met(distance, slots, rows)

    def sweep(
        self,
        start: Floats,
        direction: Floats,
        reach_m: float,
        radius_m: float,
        seen: frozenset[int] | None,
        ignored: int,
    ) -> Touch | None:
        """The first thing that a sphere touches whose centre goes `reach_m` along the unit vector `direction`.

        seen: None for all, otherwise only these actors (and not the town). ignored: this actor is never touched.
        """
        wanted = self._ids != ignored
        if seen is not None:
            wanted &= np.isin(self._ids, np.fromiter(seen, np.int32))
        distance, slot, row = sweep_sphere(
            np.asarray(start, np.float32), np.asarray(direction, np.float32), np.float32(reach_m),
            np.float32(radius_m), seen is None, wanted, self._static.tree, self._models, self._placed,
        )  # fmt: skip
        if slot == MISSED:
            return None
        if slot == STATIC:
            return Touch(float(distance), 0, int(self._static.objects[row]), int(self._static.tags[row]))
        return Touch(float(distance), int(self._ids[slot]), 0, int(self._tags[row]))

    def encloses(self, actor: int, point: Floats) -> bool:
        """Whether a point lies inside an actor's shell: to all six sides there is something of it."""
        slot = self._slot(actor)
        if slot < 0:
            return False
        alone = self._tree_of(np.array([self._shape_of_slot[slot]]), self._placed.poses[slot : slot + 1])
        axes = _AXES @ np.ascontiguousarray(self._placed.poses[slot, :, :3].T)
        distance, slots, rows = np.empty(6, np.float32), np.empty(6, np.int32), np.empty(6, np.int32)
        cast_rays(
            np.asarray(point, np.float32).reshape(1, 3), axes, np.float32(0.0), np.float32(50.0), np.int32(-1),
            _nothing(), self._models, alone, distance, slots, rows, np.zeros(1, np.int64), 0,
        )  # fmt: skip
        return bool(np.isfinite(distance).all())

    def _slot(self, actor: int) -> np.int32:
        found = np.flatnonzero((self._ids == actor) & (actor != NO_ACTOR))
        return np.int32(found[0]) if len(found) else np.int32(-1)

    def _hits(self, directions: Floats, met: Met) -> Hits:
        distance, slots, rows = met
        count = len(distance)
        edges, tag = np.zeros((count, 9), np.float32), np.zeros(count, np.uint8)
        actor, thing = np.zeros(count, np.int32), np.zeros(count, np.int32)
        still, moving = np.flatnonzero(slots == STATIC), np.flatnonzero(slots >= 0)
        edges[still] = self._static.tree.triangles[rows[still]]
        tag[still], thing[still] = self._static.tags[rows[still]], self._static.objects[rows[still]]
        edges[moving], tag[moving] = self._models.triangles[rows[moving]], self._tags[rows[moving]]
        actor[moving] = self._ids[slots[moving]]
        normal = np.cross(edges[:, 3:6], edges[:, 6:9])
        normal[moving] = np.einsum("nij,nj->ni", self._placed.poses[slots[moving], :, :3], normal[moving])
        length = np.linalg.norm(normal, axis=1)
        away = np.einsum("ni,ni->n", normal, directions) > 0.0
        normal *= (np.where(away, -1.0, 1.0) / np.maximum(length, 1e-20))[:, None].astype(np.float32)
        return Hits(distance, normal, actor, thing, tag)

    def _load(self, names: list[str]) -> None:
        for name in names:
            model = self._model_of(name)
            self._first[name] = (len(self._shapes), len(model.frames))
            for frame in model.frames:
                found, half = bvh_of(frame), np.float32(0.5)
                low, high = frame.vertices.min(axis=0) * half, frame.vertices.max(axis=0) * half
                self._shapes.append(_Shape(found, tags_of(frame, model.tag)[found.order], high + low, high - low))
        self._models, self._roots = joined([shape.tree for shape in self._shapes])
        self._tags = np.concatenate([shape.tags for shape in self._shapes])

    def _tree_of(self, shapes: NDArray[np.integer], poses: Floats) -> Placed:
        centre = np.array([self._shapes[k].centre for k in shapes], np.float32).reshape(-1, 3)
        half = np.array([self._shapes[k].half for k in shapes], np.float32).reshape(-1, 3)
        middle = np.einsum("nij,nj->ni", poses[:, :, :3], centre) + poses[:, :, 3]
        reach = np.einsum("nij,nj->ni", np.abs(poses[:, :, :3]), half) + np.float32(1e-3)
        boxes, children, order = tree(middle - reach, middle + reach)
        return Placed(self._roots[shapes].astype(np.int32), poses, boxes, children, order)


@lru_cache(maxsize=1)
def _nothing() -> Bvh:
    boxes, children, order = tree(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32))
    return Bvh(boxes, children, np.zeros((0, 9), np.float32), order)
