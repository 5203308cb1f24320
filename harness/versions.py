"""Which nightloop and which libraries a drive's numbers come from: those of one run must not be mixed."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

from harness.config import checksum

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agents", "fusion", "harness", "results", "scenarios", "sensors", "simulator")
LIBRARIES = ("carla", "numpy", "scipy", "torch", "numba", "opencv-python-headless")
"""torch: an agent may use it."""


def library_versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version_of(name) for name in LIBRARIES}


def version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # torch need not be there, nor nightloop itself in a source tree
        return "not installed"


def code_checksum() -> str:
    """Of all that comes with an installation, shipped weights among it, and of nothing that a run leaves there."""
    kinds = {".py", ".yaml", ".xml", ".json", ".safetensors"}
    files = [file for name in PACKAGES for file in sorted((ROOT / name).rglob("*")) if file.suffix in kinds]
    return checksum(*(file for file in files if "__pycache__" not in file.parts))


def is_nightloops(file: Path) -> bool:
    return any((ROOT / name) in file.parents for name in PACKAGES)
