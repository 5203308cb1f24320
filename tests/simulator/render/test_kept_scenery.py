"""A town's tables kept on disk: those that were made, and never those of another town or of other code."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import simulator
from simulator.ingredients import sources_of
from simulator.render.kept_scenery import kept_scenery, stored_scenery
from simulator.render.scenery import scenery_of
from simulator.towns import Town, build_town


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town("Ring01")


def test_what_was_kept_is_what_was_made(town: Town, tmp_path: Path) -> None:
    made = pickle.dumps(scenery_of(town))
    assert pickle.dumps(stored_scenery(town, tmp_path)) == made
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_ino
    assert pickle.dumps(stored_scenery(town, tmp_path)) == made
    assert kept.stat().st_ino == written


def test_another_town_has_tables_of_its_own(town: Town, tmp_path: Path) -> None:
    first = stored_scenery(town, tmp_path)
    moved = replace(town, mesh=replace(town.mesh, vertices=town.mesh.vertices + np.float32(1.0)))
    assert stored_scenery(moved, tmp_path).chunks.low == pytest.approx(first.chunks.low + 1.0, abs=1e-4)
    assert len(stored_scenery(replace(town, street_lamps=()), tmp_path).lamp_heads) == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_small_scenes_are_not_kept(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mesh = town.mesh
    few = replace(mesh, triangles=mesh.triangles[:9], materials=mesh.materials[:9], objects=mesh.objects[:9])
    kept_scenery(replace(town, mesh=few))
    assert not list(tmp_path.rglob("*.pickle"))
    kept_scenery(town)
    assert len(list(tmp_path.rglob("*.pickle"))) == 1


def test_tables_are_known_by_the_code_that_makes_them() -> None:
    root = Path(simulator.__file__).parents[1]
    names = {str(source.relative_to(root)) for source in sources_of("simulator.render.scenery")}
    assert {f"simulator/render/{name}.py" for name in ("scenery", "chunks", "surfaces", "retro", "materials")} <= names
    assert not any(name.startswith(("simulator/wire/", "simulator/methods/")) for name in names)
