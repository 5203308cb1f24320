"""Cached kernels must not outlive the sources they were made from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.kernels import PACKAGES
from simulator import stale
from simulator.stale import ROOT, drop_stale_kernels, sources_of, stamp_of


def test_cached_kernels_go_when_any_source_changes_and_only_then(tmp_path: Path) -> None:
    source, other = tmp_path / "shade.py", tmp_path / "rows.py"
    source.write_text("x = 1\n")
    other.write_text("y = 1\n")
    drop_stale_kernels(tmp_path)
    kernel = tmp_path / "__pycache__" / "shade.f-1.py311.1.nbc"
    kernel.write_bytes(b"machine code")
    assert drop_stale_kernels(tmp_path) == 0
    assert kernel.exists()
    os.utime(other, ns=(1, 1))
    assert drop_stale_kernels(tmp_path) == 1
    assert not kernel.exists()


def test_whoever_imports_a_package_with_kernels_gets_none_that_are_stale() -> None:
    source = """
import importlib, sys
from simulator import stale
dropped = []
stale.drop_stale_kernels = dropped.append
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*(folder.relative_to(stale.ROOT) for folder in dropped), sep="\\n")
"""
    names = [package.replace("/", ".") for package in PACKAGES]
    done = subprocess.run([sys.executable, "-c", source, *names], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == set(PACKAGES)


def test_the_students_kernels_hold_constants_of_its_shape_too() -> None:
    assert ROOT / "fusion/shape.py" in sources_of(ROOT / "fusion/cpu")


def test_kernels_of_rays_hold_code_of_the_workers_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert ROOT / "simulator/render/workers.py" in sources_of(ROOT / "simulator/raycast")
    package, beyond = tmp_path / "simulator/raycast", tmp_path / "simulator/render/workers.py"
    for file in (package / "bvh.py", beyond):
        file.parent.mkdir(parents=True)
        file.write_text("x = 1\n")
    monkeypatch.setattr(stale, "ROOT", tmp_path)
    drop_stale_kernels(package)
    before = stamp_of(sources_of(package))
    (package / "__pycache__/bvh.f-1.py311.1.nbc").write_bytes(b"machine code")
    os.utime(beyond, ns=(1, 1))
    assert stamp_of(sources_of(package)) != before
    assert drop_stale_kernels(package) == 1
