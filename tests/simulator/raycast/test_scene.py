"""Rays and spheres against triangles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.raycast import bvh
from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder
from simulator.types import CityObjectLabel
from tests.simulator.raycast.places import CAR, Place, flat, scene_of
from tests.simulator.render.scene import MODELS, pose

AHEAD = np.array([[1.0, 0.0, 0.0]], np.float32)


def _soup(seed: int, count: int) -> tuple[Place, np.ndarray]:
    rng = np.random.default_rng(seed)
    corners = (rng.uniform(-20, 20, (count, 1, 3)) + rng.normal(0, 2.0, (count, 3, 3))).astype(np.float32)
    builder = MeshBuilder()
    builder.triangles(corners, np.arange(3 * count).reshape(-1, 3), Material.METAL)
    return Place(builder.build()), corners.astype(np.float64)


def _all_distances(origin: np.ndarray, direction: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """By Cramer's rule, every ray with every triangle: (rays, triangles), infinite where they miss."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    out = np.full((len(direction), len(corners)), np.inf)
    for k, d in enumerate(direction.astype(np.float64)):
        m = np.stack([a, b, np.broadcast_to(-d, a.shape)], axis=2)
        ok = np.abs(np.linalg.det(m)) > 1e-9
        u, v, t = np.linalg.solve(m[ok], (origin - corners[ok, 0])[..., None])[..., 0].T
        inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        out[k, np.flatnonzero(ok)[inside]] = t[inside]
    return out


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 300))
def test_the_tree_finds_what_trying_every_triangle_finds(seed, count):
    place, corners = _soup(seed, count)
    rng = np.random.default_rng(seed + 1)
    origin, directions = rng.uniform(-15, 15, 3).astype(np.float32), rng.normal(size=(40, 3))
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    hits = scene_of(place).cast(origin, directions, 30.0)
    expected = _all_distances(origin.astype(np.float64), directions, corners).min(axis=1, initial=np.inf)
    expected[expected > 30.0] = np.inf
    # a ray along the very edge of a triangle may be counted either way
    agrees = np.isclose(hits.distance, expected, rtol=1e-3, atol=2e-3) | (hits.distance == expected)
    assert agrees.sum() >= len(agrees) - 1
    met = np.isfinite(hits.distance)
    assert np.allclose(np.linalg.norm(hits.normal[met], axis=1), 1.0, atol=1e-5)
    assert (np.einsum("ni,ni->n", hits.normal[met], directions[met]) <= 1e-6).all()


def test_a_hit_says_what_it_is():
    scene = scene_of(flat(), (41, CAR, pose(10.0, 0.0, 0.0, yaw=30.0)))
    origin = np.array([0.0, 0.0, 0.6], np.float32)
    down = np.array([0.6, 0.0, -0.8], np.float32)
    aside = np.array([np.cos(0.5), np.sin(0.5), 0.0], np.float32)
    hits = scene.cast(origin, np.stack([AHEAD[0], down, aside, -AHEAD[0]]), 100.0)
    assert hits.actor.tolist() == [41, 0, 0, 0]
    assert hits.object.tolist() == [0, 0, 7, 0]
    assert hits.tag.tolist() == [CityObjectLabel.CAR, CityObjectLabel.ROADS, CityObjectLabel.WALLS, 0]
    assert hits.distance[1:] == pytest.approx([0.75, 20.0 / np.cos(0.5), np.inf])
    assert 7.5 < hits.distance[0] < 9.5
    assert hits.normal[1] == pytest.approx([0.0, 0.0, 1.0])
    assert hits.normal[2] == pytest.approx([-1.0, 0.0, 0.0])
    assert scene.cast(origin, AHEAD, 100.0, ignored=41).object.tolist() == [7]


def test_rays_follow_an_actor_that_moves():
    scene = scene_of(flat(wall_x=200.0), (41, CAR, pose(10.0, 0.0, 0.0)))
    origin = np.array([0.0, 0.0, 0.6], np.float32)
    near = scene.cast(origin, AHEAD, 100.0).distance[0]
    moved = scene_of(flat(wall_x=200.0), (41, CAR, pose(13.5, 0.0, 0.0))).cast(origin, AHEAD, 100.0).distance[0]
    assert near == pytest.approx(10.0 - 2.2, abs=1e-4)
    assert moved - near == pytest.approx(3.5, abs=1e-4)


def test_the_number_of_threads_changes_nothing():
    place, _ = _soup(3, 2000)
    directions = np.random.default_rng(1).normal(size=(5000, 3))
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    actors = [(k, CAR, pose(3.0 * k, 2.0, -1.0, yaw=20.0 * k)) for k in range(1, 5)]
    one, two = (scene_of(place, *actors, threads=n).cast(np.zeros(3), directions, 50.0) for n in (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two))


def test_only_what_is_inside_a_body_is_enclosed_by_it():
    scene = scene_of(flat(), (41, CAR, pose(10.0, 0.0, 0.0, yaw=45.0)))
    assert scene.encloses(41, np.array([10.0, 0.0, 0.6], np.float32))
    assert not scene.encloses(41, np.array([10.0, 0.0, 1.8], np.float32))
    assert not scene.encloses(0, np.array([10.0, 0.0, 0.6], np.float32))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), radius=st.floats(0.05, 2.0))
def test_a_swept_sphere_stops_where_it_first_touches(seed, radius):
    place, corners = _soup(seed, 40)
    rng = np.random.default_rng(seed)
    start = rng.uniform(-25, 25, 3).astype(np.float32)
    direction = -start + rng.normal(0, 4.0, 3)
    direction = (direction / np.linalg.norm(direction)).astype(np.float32)
    touch = scene_of(place).sweep(start, direction, 60.0, radius, None, 0)
    # points strewn densely over the triangles: none is inside the sphere before it stops, one is near it then
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 40)] * 2), axis=-1).reshape(-1, 2)
    u, v = grid[grid.sum(axis=1) <= 1.0].T
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    points = (corners[:, 0, None] + u[:, None] * a[:, None] + v[:, None] * b[:, None]).reshape(-1, 3)
    offset = points - start
    along = offset @ direction.astype(np.float64)
    aside2 = np.maximum((offset**2).sum(axis=1) - along**2, 0.0)
    reached = along - np.sqrt(np.maximum(radius**2 - aside2, 0.0))
    reached = np.where((aside2 < radius**2) & (along + radius > 0.0), np.maximum(reached, 0.0), np.inf)
    reached = np.where((reached == 0.0) & ((offset**2).sum(axis=1) > radius**2), np.inf, reached)
    first = reached.min()
    stopped = np.inf if touch is None else touch.distance_m
    assert stopped <= min(first, 60.0) + 1e-3 or (first > 60.0 and touch is None)
    if touch is not None and stopped > 0.0:
        gap = np.linalg.norm(points - (start + stopped * direction.astype(np.float64)), axis=1).min() - radius
        assert -1e-2 < gap < 0.35  # as dense as the points are


def test_a_sphere_touches_only_what_it_is_meant_to():
    scene = scene_of(flat(), (41, CAR, pose(10.0, 0.0, 0.0)), (42, "walker.test", pose(14.0, 0.0, 0.93)))
    start, ahead = np.array([0.0, 0.0, 0.7], np.float32), AHEAD[0]
    assert scene.sweep(start, ahead, 50.0, 0.3, None, 0).actor == 41
    assert scene.sweep(start, ahead, 50.0, 0.3, None, 41).actor == 42
    assert scene.sweep(start, ahead, 50.0, 0.3, frozenset({42}), 0).actor == 42
    wall = scene.sweep(np.array([0.0, 8.0, 0.7], np.float32), ahead, 50.0, 0.3, None, 0)
    assert (wall.actor, wall.object, wall.tag) == (0, 7, CityObjectLabel.WALLS)
    assert wall.distance_m == pytest.approx(19.7, abs=1e-4)
    assert scene.sweep(np.array([0.0, 8.0, 0.7], np.float32), ahead, 50.0, 0.3, frozenset({42}), 0) is None
    assert scene.sweep(start, ahead, 50.0, 0.8, None, 0).distance_m == 0.0  # it stands on the road


def test_models_come_when_they_are_first_seen():
    scene = scene_of(flat(wall_x=200.0), (41, CAR, pose(10.0, 0.0, 0.0)))
    for name in MODELS:
        later = scene_of(flat(wall_x=200.0), (41, CAR, pose(10.0, 0.0, 0.0)), (43, name, pose(5.0, 0.0, 0.1)))
        assert later.cast(np.array([0.0, 0.0, 0.6]), AHEAD, 100.0).actor.tolist() == [43]
    assert scene.cast(np.array([0.0, 0.0, 0.6]), AHEAD, 100.0).actor.tolist() == [41]


@pytest.mark.parametrize("huge", [2e30, 3.4e38, np.inf, np.nan])
def test_actors_out_of_all_reach_are_met_by_no_ray_and_the_others_are(huge, monkeypatch):
    # A client may put an actor anywhere, and forces without limit may take it there. The tree is built in Python, where
    # to write beside a table is an error.
    for name in ("_build", "_split", "_measure", "_half_area"):
        monkeypatch.setattr(bvh, name, getattr(bvh, name).py_func)
    near = [(41 + k, CAR, pose(10.0 + 10.0 * k, 0.0, 0.0)) for k in range(7)]
    places = [(huge, 0.0, 0.0), (-huge, 0.0, 0.0), (0.0, huge, -huge)]
    lost = [(80 + k, CAR, pose(*place)) for k, place in enumerate(places)]
    scene = scene_of(flat(wall_x=200.0), *lost, *near)
    hits = scene.cast(np.array([0.0, 0.0, 0.6], np.float32), np.concatenate([AHEAD, -AHEAD]), 100.0)
    assert hits.actor.tolist() == [41, 0]
