"""What decides what a module makes: its code, that of all modules of ours that it imports, and what calculates."""

from __future__ import annotations

import hashlib
import re
import sys
from functools import cache
from pathlib import Path

import numpy as np


@cache
def ingredients(module: str) -> str:
    """A name for the versions of all that: another one, another result."""
    found = hashlib.sha256(f"{sys.version} {np.__version__}".encode())
    root = Path(__file__).parents[1]
    for source in sources_of(module):
        found.update(str(source.relative_to(root)).encode() + source.read_bytes())
    return found.hexdigest()[:24]


_IMPORT = re.compile(r"^\s*(?:from\s+(simulator[\w.]*)\s+import\s+(\([^)]*\)|[^\n]*)|import\s+(simulator[\w.]*))", re.M)


def sources_of(module: str) -> list[Path]:
    """The module's file and those of all modules of the simulator that it imports, directly or through others."""
    root, found, open_names = Path(__file__).parents[1], set[Path](), {module}
    while open_names:
        name = open_names.pop()
        file, package = root.joinpath(*name.split(".")).with_suffix(".py"), root.joinpath(*name.split("."))
        source = file if file.is_file() else package / "__init__.py"
        if source in found or not source.is_file():
            continue
        found.add(source)
        if "." in name:
            open_names.add(name.rpartition(".")[0])  # a package runs before its modules
        for origin, names, plain in _IMPORT.findall(source.read_text(encoding="utf-8")):
            open_names.add(origin or plain)
            open_names.update(f"{origin}.{part}" for part in re.findall(r"\w+", names) if origin)
    return sorted(found)
