"""What the visibility buffer shows: the nearest triangle of each sample, whatever is left out on the way."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.render.camera import CameraModel, Pinhole, pinhole
from simulator.render.chunks import Chunks, cut
from simulator.render.mesh import Mesh
from simulator.render.raster import NOTHING, inverse_depth_of
from simulator.render.templates import Templates
from simulator.render.visibility import Instances, Visibility, VisibilityBuffer
from simulator.render.workers import Workers
from tests.simulator.render import scene

NOBODY = Instances(np.zeros(0, np.int32), np.zeros((0, 3, 4), np.float32))


def soup(seed: int, count: int) -> Mesh:
    """Walls, shards and needles all around, some across the near plane, half of them behind a wall."""
    rng = np.random.default_rng(seed)
    places = rng.uniform([-2.0, -12.0, -8.0], [40.0, 12.0, 8.0], (count, 1, 3))
    size = 10.0 ** rng.uniform(-2.0, 1.3, (count, 1, 1))
    corners = places + size * rng.normal(size=(count, 3, 3)) * rng.uniform(0.0, 1.0, (count, 1, 3)) ** 3
    corners[::7, 2] = corners[::7, 1] + 1e-3 * rng.normal(size=corners[::7, 2].shape)
    corners[3::5] = corners[2::5][: len(corners[3::5])]  # exactly as deep as the one before
    corners[0] = [[2.0, -300.0, -300.0], [30.0, 300.0, -300.0], [20.0, 0.0, 600.0]]  # hides half of what follows
    triangles = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    nothing = np.zeros(count, np.int32)
    return Mesh(corners.reshape(-1, 3).astype(np.float32), triangles, nothing.astype(np.uint8), nothing)


def seen(chunks: Chunks, view: Pinhole, threads: int = 1) -> VisibilityBuffer:
    workers = Workers(threads)
    buffer = Visibility(chunks, Templates(scene.model_of), workers).render(view, NOBODY)
    workers.close()
    return buffer


def ids_of(keys: NDArray[np.int64]) -> NDArray[np.int32]:
    """(H, W) int32 of (H, W) keys."""
    return NOTHING - keys.view(np.int32)[:, ::2]


@pytest.mark.parametrize("seed", range(6))
def test_what_nearer_triangles_hide_may_be_left_out(seed: int) -> None:
    mesh = soup(seed, 120)
    view = pinhole(CameraModel(96, 70, 90.0, "rgb"), (0.0, 0.0, 0.0, 3.0 * seed, 2.0 * seed, 5.0 * seed))
    together = seen(cut(mesh, 16), view)
    nearest = np.zeros(together.fine.shape, np.float32)
    owner = np.full(together.fine.shape, NOTHING, np.int32)
    for k in range(len(mesh.triangles)):
        one = Mesh(mesh.vertices[3 * k : 3 * k + 3], mesh.triangles[:1], mesh.materials[:1], mesh.objects[:1])
        alone = seen(cut(one), view).fine
        wins = (ids_of(alone) != NOTHING) & (inverse_depth_of(alone) > nearest)
        nearest[wins], owner[wins] = inverse_depth_of(alone)[wins], k
    inside = np.s_[: 2 * view.height + 1, : 2 * view.width + 1]
    assert len(np.unique(owner)) > 4
    np.testing.assert_array_equal(ids_of(together.fine)[inside], owner[inside])
    np.testing.assert_array_equal(inverse_depth_of(together.fine)[inside], nearest[inside])


@pytest.mark.parametrize(("width", "height"), [(96, 70), (1, 1), (13, 9), (64, 16), (130, 33)])
def test_threads_and_order_change_nothing_and_pixels_show_their_centres(width: int, height: int) -> None:
    mesh = soup(9, 400)
    view = pinhole(CameraModel(width, height, 90.0, "rgb"), (0.0, 0.0, 0.0, 1.0, 2.0, 3.0))
    one = seen(cut(mesh, 16), view)
    fine = np.s_[1 : 2 * height + 1 : 2, 1 : 2 * width + 1 : 2]
    np.testing.assert_array_equal(one.ids, ids_of(one.fine)[fine])
    np.testing.assert_array_equal(one.inverse_depth, inverse_depth_of(one.fine)[fine])
    for threads, size in ((2, 16), (3, 400), (1, 1)):
        other = seen(cut(mesh, size), view, threads)
        inside = np.s_[:, : 2 * width + 1]
        np.testing.assert_array_equal(other.fine[inside], one.fine[inside])
