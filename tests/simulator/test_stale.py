"""Cached kernels must not outlive the sources they were made from."""

from __future__ import annotations

import os
from pathlib import Path

from simulator.stale import drop_stale_kernels


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
