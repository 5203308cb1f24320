"""What each pixel shows: chooses what may be seen, draws it, keeps the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.render.camera import Pinhole
from simulator.render.choosing import items_in_view, outlook, to_camera
from simulator.render.chunks import Chunks
from simulator.render.project import (
    FAR_M,
    NEAR_M,
    PARALLEL_RANGE_M,
    RECORD_FLOATS,
    RECORD_INTS,
    OnScreen,
    project_items,
)
from simulator.render.raster import draw_bands, inverse_depth_of, stride_of
from simulator.render.templates import Templates
from simulator.render.workers import Workers

MOST_SHADOW_TEXELS = 4096


@dataclass(frozen=True)
class Instances:
    """Actors of one frame. template: (n,) int32 row of `Templates`. poses: (n, 3, 4) float32 actor -> world."""

    template: NDArray[np.int32]
    poses: NDArray[np.float32]


@dataclass(frozen=True)
class VisibilityBuffer:
    """ids: (H, W) int32, see `raster`. inverse_depth: (H, W) float32 in 1/m along the optical axis, 0 = sky.

    fine: (2 H + 1, 2 W + 1 or more) int64 keys (`raster`), two samples per pixel each way; the sample [2 j, 2 i] lies
    at the upper left corner of pixel [j, i], so that [2 j + 1, 2 i + 1] is its centre.
    """

    ids: NDArray[np.int32]
    inverse_depth: NDArray[np.float32]
    fine: NDArray[np.int64]


class ParallelDepth(NamedTuple):
    """depth: (h, w) float32, bigger = nearer to the light. to_texel: (3, 4) float32, world -> column, row, depth.

    texel_m: edge length of a texel.
    """

    depth: NDArray[np.float32]
    to_texel: NDArray[np.float32]
    texel_m: np.float32


class Visibility:
    """Draws one static mesh and any number of instances."""

    def __init__(self, static: Chunks, templates: Templates, workers: Workers) -> None:
        self._static = static
        self._static_centre = (static.low + static.high) / np.float32(2.0)
        # a millimetre of slack: the culling test itself rounds
        self._static_half = (static.high - static.low) / np.float32(2.0) + np.float32(1e-3)
        self._templates = templates
        self._workers = workers
        self._scratch = np.zeros((workers.threads, 0, 6), np.float32)
        self._records = np.zeros((0, RECORD_FLOATS), np.float32), np.zeros((0, RECORD_INTS), np.int32)
        self._largest = int(np.diff(static.first_vertex).max(initial=0))
        self._free: dict[tuple[int, ...], list[NDArray[np.int64]]] = {}

    def render(
        self, view: Pinhole, instances: Instances, meanwhile: Callable[[], object] | None = None
    ) -> VisibilityBuffer:
        """`meanwhile` is called once, when the other threads already work."""
        static, models = self._static, self._templates
        most = len(self._static_centre) + len(instances.template)
        items, first = np.empty(most, np.int32), np.empty(most, np.int32)
        count, room = items_in_view(
            outlook(view.rotation, view.focal_px, view.cx_px, view.cy_px, view.width, view.height), view.eye,
            NEAR_M, np.float32(FAR_M), self._static_centre, self._static_half, static.first_triangle, models.spheres,
            models.chunks.first_triangle, instances.template, instances.poses, items, first,
        )  # fmt: skip
        fine = view._replace(
            focal_px=view.focal_px * np.float32(2.0),
            cx_px=view.cx_px * np.float32(2.0) + np.float32(0.5),
            cy_px=view.cy_px * np.float32(2.0) + np.float32(0.5),
            width=2 * view.width + 1,
            height=2 * view.height + 1,
        )
        centre_depth = np.empty((view.height, view.width), np.float32)
        centre_ids = np.empty((view.height, view.width), np.int32)
        seen = self._draw(
            items[:count], self._screen(first[:count], room), to_camera(view.rotation, view.eye, instances.poses),
            instances.template, fine, centre_depth, centre_ids, meanwhile,
        )  # fmt: skip
        return VisibilityBuffer(centre_ids, centre_depth, seen)

    def release(self, buffer: VisibilityBuffer) -> None:
        """Gives back a buffer that is no longer wanted, for the next picture of its size."""
        self._free.setdefault(buffer.fine.shape, []).append(buffer.fine)

    def drop(self, height: int, width: int) -> None:
        """Lets go of the buffers that were given back for pictures of this size."""
        self._free.pop((2 * height + 1, stride_of(2 * width + 1)), None)

    def along(self, direction: NDArray[np.float64], texel_m: float) -> ParallelDepth:
        """What a distant light sees of the static mesh. direction: unit vector towards the light."""
        up = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
        right = np.cross(up, direction)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(-direction, right), -direction])
        corners = np.concatenate([self._static.low, self._static.high]).astype(np.float64)
        low, high = corners.min(axis=0), corners.max(axis=0)
        middle = (low + high) / 2.0
        box = (np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T - middle) @ rotation.T
        texel_m = max(texel_m, float(np.abs(box[:, :2]).max()) * 2.0 / MOST_SHADOW_TEXELS)
        half = np.ceil(np.abs(box[:, :2]).max(axis=0) / texel_m).astype(int) + 2
        matrix = np.column_stack([rotation, -rotation @ middle])
        scale = np.float32(1.0 / texel_m)
        width, height = 2 * int(half[0]), 2 * int(half[1])
        sun = Pinhole(
            rotation.astype(np.float32),
            np.zeros(3, np.float32),
            scale,
            np.float32(half[0]),
            np.float32(half[1]),
            width,
            height,
        )
        chunks = np.arange(len(self._static.low), dtype=np.int32)
        screen = self._screen(2 * self._static.first_triangle[:-1], 2 * int(self._static.first_triangle[-1]))
        seen = self._draw(
            chunks, screen, matrix[None].astype(np.float32), np.zeros(0, np.int32), sun,
            np.zeros((0, 0), np.float32), np.zeros((0, 0), np.int32), parallel=True,
        )  # fmt: skip
        texels = matrix.copy()
        texels[:2] *= float(scale)
        texels[:2, 3] += half
        texels[2] *= -1.0 / PARALLEL_RANGE_M
        texels[2, 3] += 0.5
        return ParallelDepth(inverse_depth_of(seen)[:, :width].copy(), texels.astype(np.float32), np.float32(texel_m))

    def _draw(
        self,
        items: NDArray[np.int32],
        screen: OnScreen,
        matrices: NDArray[np.float32],
        template: NDArray[np.int32],
        view: Pinhole,
        centre_depth: NDArray[np.float32],
        centre_ids: NDArray[np.int32],
        meanwhile: Callable[[], object] | None = None,
        parallel: bool = False,
    ) -> NDArray[np.int64]:
        """(H, W or more) keys of what `view` sees of the items, for `release`; fills in every second sample's."""
        projected = self._workers.begin(
            project_items, items, matrices, self._static, self._templates.chunks, template,
            view.focal_px, view.cx_px, view.cy_px, parallel, view.height, view.width, screen, self._scratch,
        )  # fmt: skip
        if meanwhile is not None:
            meanwhile()
        shape = (view.height, stride_of(view.width))
        free = self._free.get(shape)
        seen = free.pop() if free else np.empty(shape, np.int64)
        projected()
        nearest_first = np.argsort(-screen.nearest, kind="stable")
        self._workers.run(draw_bands, nearest_first, screen, view.width, seen, centre_depth, centre_ids)
        return seen

    def _screen(self, first: NDArray[np.int32], room: int) -> OnScreen:
        """For items whose records begin at `first`, `room` in all."""
        largest = max(self._largest, self._templates.largest())
        if self._scratch.shape[1] < largest:
            self._scratch = np.zeros((self._workers.threads, largest + 64, 6), np.float32)
        if len(self._records[0]) < room:
            more = room + room // 4
            self._records = np.empty((more, RECORD_FLOATS), np.float32), np.empty((more, RECORD_INTS), np.int32)
        boxes, nearest = np.empty((len(first), RECORD_INTS), np.int32), np.empty(len(first), np.float32)
        return OnScreen(first, boxes, nearest, *self._records)
