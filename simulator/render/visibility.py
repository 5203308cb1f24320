"""What each pixel shows: chooses what may be seen, draws it, keeps the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.render.camera import Pinhole
from simulator.render.chunks import Chunks, boxes_in_view
from simulator.render.project import FAR_M, NEAR_M, PARALLEL_RANGE_M, OnScreen, project_items
from simulator.render.raster import LANES, draw_bands
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

    fine_ids, fine_depth: the same with two samples per pixel each way, (2 H + 1, 2 W + 1); the sample [2 j, 2 i] lies
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
        self._static_largest = int(np.diff(static.first_vertex).max(initial=0))
        self._scratch = np.zeros((workers.threads, 0, 6), np.float32)
        self._free: dict[tuple[int, ...], list[NDArray[np.int64]]] = {}

    def render(self, view: Pinhole, instances: Instances) -> VisibilityBuffer:
        chunks = boxes_in_view(view, self._static_centre, self._static_half, float(NEAR_M), FAR_M)
        slots = self._instances_in_view(view, instances)
        items = np.concatenate([-1 - slots, chunks]).astype(np.int32)
        largest = max(self._static_largest, self._templates.largest())
        if self._scratch.shape[1] < largest:
            self._scratch = np.zeros((self._workers.threads, largest + 64, 6), np.float32)
        fine = view._replace(
            focal_px=view.focal_px * np.float32(2.0),
            cx_px=view.cx_px * np.float32(2.0) + np.float32(0.5),
            cy_px=view.cy_px * np.float32(2.0) + np.float32(0.5),
            width=2 * view.width + 1,
            height=2 * view.height + 1,
        )
        matrices = to_camera(view, instances.poses)
        screen = self._screen(items, instances.template)
        self._workers.run(
            project_items, items, matrices, self._static, self._templates.chunks, instances.template,
            fine.focal_px, fine.cx_px, fine.cy_px, False, fine.height, fine.width, screen, self._scratch,
        )  # fmt: skip
        order = np.argsort(-screen.nearest, kind="stable")
        seen = self._buffer(fine)
        shape = (view.height, view.width)
        centre_depth, centre_ids = np.empty(shape, np.float32), np.empty(shape, np.int32)
        self._workers.run(draw_bands, order, screen, fine.width, seen, centre_depth, centre_ids)
        return VisibilityBuffer(centre_ids, centre_depth, seen)

    def _screen(self, items: NDArray[np.int32], template: NDArray[np.int32]) -> OnScreen:
        chunk = np.maximum(items, 0)
        counts = np.diff(self._static.first_triangle)[chunk] if len(items) else np.zeros(0, np.int32)
        dyn = items < 0
        counts[dyn] = np.diff(self._templates.chunks.first_triangle)[template[-1 - items[dyn]]]
        first = np.concatenate([[0], np.cumsum(2 * counts)])
        n = int(first[-1])
        return OnScreen(
            first[:-1].astype(np.int32), np.empty((len(items), 5), np.int32), np.empty(len(items), np.float32),
            np.empty((n, 11), np.float32), np.empty((n, 5), np.int32),
        )

    def release(self, buffer: VisibilityBuffer) -> None:
        """Gives back a buffer that is no longer wanted, for the next picture of its size."""
        self._free.setdefault(buffer.fine.shape, []).append(buffer.fine)

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
        largest = self._static_largest
        depth = np.zeros((1, 2 * half[1], 2 * half[0]), np.float32)
        draw_items(
            np.arange(len(self._static.low), dtype=np.int32), matrix[None].astype(np.float32), self._static,
            self._templates.chunks, np.zeros(0, np.int32), scale, np.float32(half[0]), np.float32(half[1]), True,
            depth, np.zeros(depth.shape, np.int32), np.zeros((1, largest + 64, 6), np.float32),
            np.zeros(1, np.int64), 0,
        )  # fmt: skip
        texels = matrix.copy()
        texels[:2] *= float(scale)
        texels[:2, 3] += half
        texels[2] *= -1.0 / PARALLEL_RANGE_M
        texels[2, 3] += 0.5
        return ParallelDepth(depth[0], texels.astype(np.float32), np.float32(texel_m))

    def _buffer(self, view: Pinhole) -> NDArray[np.int64]:
        lines = -(-(view.width + LANES - 1) // 16) | 1
        shape = (view.height, 16 * lines)
        free = self._free.get(shape)
        if free:
            return free.pop()
        return np.empty(shape, np.int64)

    def _instances_in_view(self, view: Pinhole, instances: Instances) -> NDArray[np.int32]:
        if len(instances.template) == 0:
            return np.zeros(0, np.int32)
        sphere = self._templates.spheres[instances.template]
        centre = np.einsum("nij,nj->ni", instances.poses[:, :, :3], sphere[:, :3]) + instances.poses[:, :, 3]
        half = np.repeat(sphere[:, 3:4], 3, axis=1)
        return boxes_in_view(view, centre.astype(np.float32), half, float(NEAR_M), FAR_M)


def to_camera(view: Pinhole, poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1 + n, 3, 4): world -> camera axes, then each actor -> camera axes; multiplied in float64."""
    r, eye = view.rotation.astype(np.float64), view.eye.astype(np.float64)
    out = np.empty((1 + len(poses), 3, 4), np.float32)
    out[0, :, :3] = r
    out[0, :, 3] = -r @ eye
    p = poses.astype(np.float64)
    out[1:, :, :3] = np.einsum("ij,njk->nik", r, p[:, :, :3])
    out[1:, :, 3] = (p[:, :, 3] - eye) @ r.T
    return out
