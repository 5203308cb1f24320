"""Pictures of geometry alone: surface normals, and how far each point has moved on the image since the last picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.camera import Pinhole
from simulator.render.encode import OPAQUE
from simulator.render.project import DYNAMIC, LOCAL_BITS
from simulator.render.raster import NOTHING
from simulator.render.resolve import resolve_tile
from simulator.render.runs import KNOWN, RUN_FIELDS, TABLE_ROWS
from simulator.render.tiles import NX, NY, NZ, TILE_FLOATS, TILE_PX
from simulator.render.workers import take_next

F = np.float32
LARGEST_FLOW = np.float32(2.0)
_NEAREST = np.float32(1e-3)


@dataclass(frozen=True)
class Seen:
    """Where a camera and the actors of its picture were. poses: actor id -> (3, 4) to world."""

    eye: Pinhole
    poses: dict[int, NDArray[np.float32]]


def seen_by(eye: Pinhole, ids: NDArray[np.int32], poses: NDArray[np.float32]) -> Seen:
    return Seen(eye, dict(zip(ids.tolist(), poses)))


def back_in_time(eye: Pinhole, ids: NDArray[np.int32], poses: NDArray[np.float32], before: Seen) -> NDArray[np.float32]:
    """(1 + n, 3, 4): camera axes now -> camera axes at the picture before, of what stands still and of each actor.

    Limbs and wheels move with their body. Who was not there before is taken to have stood still.
    """
    now, then = _to_camera(eye), _to_camera(before.eye)
    still = then @ np.linalg.inv(now)
    moved = np.tile(np.eye(4), (len(ids), 2, 1, 1))
    past = [before.poses.get(actor, pose) for actor, pose in zip(ids.tolist(), poses)]
    moved[:, 0, :3] = np.array(past, np.float32).reshape(-1, 3, 4)
    moved[:, 1, :3] = poses
    own = then @ moved[:, 0] @ np.linalg.inv(moved[:, 1]) @ np.linalg.inv(now)
    return np.concatenate([still[None], own])[:, :3].astype(np.float32)


def _to_camera(eye: Pinhole) -> NDArray[np.float64]:
    m = np.eye(4)
    m[:3, :3] = eye.rotation
    m[:3, 3] = -m[:3, :3] @ eye.eye.astype(np.float64)
    return m


@njit(cache=True, error_model="numpy", nogil=True)
def optical_flow(ids, inverse_depth, view, back, out, counter, thread):
    """out: (H, W, 2) float32 as CARLA codes it: image widths and heights times 2, x to the right and y **up**.

    What has moved by (u, v) pixels (v down) since the picture before is (2 u / W, -2 v / H), within -2..2: the change
    of the position in normalised device coordinates. back: see `back_in_time`; the sky is infinitely far away.
    """
    height, width = ids.shape
    inverse_focal = F(1) / view.focal_px
    across, down = F(2) * view.focal_px / F(width), F(2) * view.focal_px / F(height)
    while True:
        y = take_next(counter)
        if y >= height:
            break
        b = (F(y) + F(0.5) - view.cy_px) * inverse_focal
        for x in range(width):
            a = (F(x) + F(0.5) - view.cx_px) * inverse_focal
            i = ids[y, x]
            far = inverse_depth[y, x] if i != NOTHING else F(0)
            m = back[0] if i == NOTHING or i < DYNAMIC else back[1 + ((i & (DYNAMIC - 1)) >> LOCAL_BITS)]
            px = m[0, 0] * a + m[0, 1] * b + m[0, 2] + m[0, 3] * far
            py = m[1, 0] * a + m[1, 1] * b + m[1, 2] + m[1, 3] * far
            pz = max(m[2, 0] * a + m[2, 1] * b + m[2, 2] + m[2, 3] * far, _NEAREST)
            u, v = (a - px / pz) * across, -(b - py / pz) * down
            out[y, x, 0] = min(max(u, -LARGEST_FLOW), LARGEST_FLOW)
            out[y, x, 1] = min(max(v, -LARGEST_FLOW), LARGEST_FLOW)


@njit(cache=True, error_model="numpy", nogil=True)
def encode_normals(view, ids, inverse_depth, surfaces, slots, look, out, counter, thread):
    """out: (H, W) uint32 view of BGRA: x, y, z of the normal (world axes, towards the viewer) in R, G, B.

    -1..1 becomes 0..255; the sky, which has no normal, is the middle grey of a zero.
    """
    height, width = ids.shape
    runs, table = np.zeros(TILE_PX + 1, np.int32), np.zeros((TABLE_ROWS, RUN_FIELDS), np.float32)
    known, rows = np.full((KNOWN, 2), -1, np.int32), np.zeros(TILE_PX, np.int32)
    tile = np.zeros(TILE_FLOATS, np.float32)
    while True:
        y = take_next(counter)
        if y >= height:
            break
        for first in range(0, width, TILE_PX):
            n = min(TILE_PX, width - first)
            resolve_tile(
                y, first, n, view, ids, inverse_depth, surfaces, slots, look, F(0), runs, table, known, rows, tile
            )
            for x in range(n):
                code = OPAQUE
                for plane, shift in ((NX, 16), (NY, 8), (NZ, 0)):
                    part = tile[plane + np.uint64(x)] if ids[y, first + x] != NOTHING else F(0)
                    code |= np.uint32(F(128) + F(127.5) * part - F(1e-3)) << np.uint32(shift)
                out[y, first + x] = code
