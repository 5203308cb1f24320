"""Towns kept on disk: as good as new, and never trusted when broken."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

import simulator
from simulator.ingredients import sources_of
from simulator.kept import clear_out
from simulator.towns import Town
from simulator.towns.generator import generate
from simulator.towns.store import stored_town


@pytest.fixture(scope="module")
def generated() -> Town:
    return generate("Ring01")


@pytest.fixture
def built(generated: Town, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the towns that were built: each takes seconds, and one is like the other."""
    names: list[str] = []

    def build(name: str) -> Town:
        names.append(name)
        return generated

    monkeypatch.setattr("simulator.towns.generator.generate", build)
    return names


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


def test_a_town_that_was_kept_is_the_one_that_was_built(tmp_path: Path, generated: Town, built: list[str]) -> None:
    assert alike(stored_town("Ring01", tmp_path / "towns"), generated)
    (kept,) = (tmp_path / "towns").iterdir()
    written = kept.stat().st_ino
    read = stored_town("Ring01", tmp_path / "towns")
    assert read is not generated
    assert alike(read, generated)
    assert kept.stat().st_ino == written
    assert built == ["Ring01"]
    # a file that was cut short is replaced
    kept.write_bytes(kept.read_bytes()[:100_000])
    assert alike(stored_town("Ring01", tmp_path / "towns"), generated)
    assert kept.stat().st_size > 100_000
    assert built == ["Ring01"] * 2


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, built: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert stored_town("Ring01", tmp_path / "file").name == "Ring01"
    assert built == ["Ring01"]


def test_what_was_used_within_a_day_stays_and_the_longest_unread_goes_first(tmp_path: Path) -> None:
    days = {"today": 0.5, "last week": 7.0, "the week before": 14.0, "long ago": 31.0}
    for name, age in days.items():
        (tmp_path / name).write_bytes(bytes(100))
        then = time.time() - 86_400.0 * age
        os.utime(tmp_path / name, (then, then))
    clear_out(tmp_path, most_bytes=1000)
    assert {file.name for file in tmp_path.iterdir()} == days.keys() - {"long ago"}
    clear_out(tmp_path, most_bytes=200)
    assert {file.name for file in tmp_path.iterdir()} == {"today", "last week"}
    clear_out(tmp_path, most_bytes=0)
    assert {file.name for file in tmp_path.iterdir()} == {"today"}


def test_two_versions_of_the_code_do_not_evict_each_other(tmp_path: Path, built: list[str]) -> None:
    other = tmp_path / "Ring01-0123456789abcdef01234567.pickle"
    other.write_bytes(b"of another checkout")
    stored_town("Ring01", tmp_path)
    assert other.is_file()
    assert len(list(tmp_path.glob("Ring01-*.pickle"))) == 2


def test_a_town_is_known_by_the_code_that_builds_it() -> None:
    root = Path(simulator.__file__).parents[1]
    names = {str(source.relative_to(root)) for source in sources_of("simulator.towns.generator")}
    assert {"simulator/towns/generator.py", "simulator/towns/town.py", "simulator/render/mesh.py"} <= names
    assert {"simulator/towns/designs/ring.py", "simulator/types.py", "simulator/__init__.py"} <= names
    assert not any(
        name.startswith(("simulator/world/world", "simulator/wire/", "simulator/methods/")) for name in names
    )
