"""Towns kept on disk: as good as new, and never trusted when broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.towns import Town
from simulator.towns.store import stored_town


def alike(one: Town, other: Town) -> bool:
    meshes = all(
        np.array_equal(getattr(one.mesh, part), getattr(other.mesh, part))
        for part in ("vertices", "triangles", "materials", "objects")
    )
    return meshes and (one.opendrive, one.obstacles, one.spawn_points) == (
        other.opendrive,
        other.obstacles,
        other.spawn_points,
    )


def test_a_town_that_was_kept_is_the_one_that_was_built(tmp_path: Path) -> None:
    built = stored_town("Ring01", tmp_path / "towns")
    (kept,) = (tmp_path / "towns").iterdir()
    written = kept.stat().st_mtime_ns
    assert alike(stored_town("Ring01", tmp_path / "towns"), built)
    assert kept.stat().st_mtime_ns == written
    # a file that was cut short is replaced
    kept.write_bytes(kept.read_bytes()[:100_000])
    assert alike(stored_town("Ring01", tmp_path / "towns"), built)
    assert kept.stat().st_size > 100_000


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert stored_town("Ring01", tmp_path / "file").name == "Ring01"
