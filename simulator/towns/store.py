"""Towns that were built once, kept on disk: a town takes seconds to build and a twentieth of one to read back.

They lie in the user's cache folder (`$XDG_CACHE_HOME/nightloop/towns`), each under a hash of what it is made of: its
name, the code that builds it, and the versions of what calculates.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulator.kept import cache_folder, clear_out, used, write_whole

if TYPE_CHECKING:
    from simulator.towns.town import Town


NAMES = ("Elm01", "Elm02", "Fell01", "Mere01", "Ring01")


def build_town(name: str) -> Town:
    """The town of this name; `Carla/Maps/Elm01` and `/Game/Carla/Maps/Elm01` mean `Elm01`."""
    short = name.rsplit("/", 1)[-1]
    if short not in NAMES:
        raise ValueError(f"unknown town {name!r}; available: {', '.join(NAMES)}")
    return _town(short)


@lru_cache(maxsize=2)
def _town(name: str) -> Town:
    return stored_town(name, cache_folder("towns"))


def stored_town(name: str, folder: Path) -> Town:
    """The town kept in `folder`, or one built anew, which is then kept there if the folder can be written."""
    path = folder / f"{name}-{_ingredients()}.pickle"
    # a file that was cut short or written by other versions is one that is not there
    with contextlib.suppress(Exception):
        kept: Town = pickle.loads(path.read_bytes())
        used(path)
        return kept
    from simulator.towns.generator import generate  # loads networkx and scipy

    town = generate(name)
    with contextlib.suppress(OSError):
        write_whole(path, pickle.dumps(town, protocol=5))
        clear_out(folder)
    return town


@lru_cache(maxsize=1)
def _ingredients() -> str:
    found = hashlib.sha256(f"{sys.version} {np.__version__}".encode())
    root = Path(__file__).parents[2]
    for source in _sources(root):
        found.update(str(source.relative_to(root)).encode() + source.read_bytes())
    return found.hexdigest()[:24]


_IMPORT = re.compile(r"^\s*(?:from\s+(simulator[\w.]*)\s+import\s+(\([^)]*\)|[^\n]*)|import\s+(simulator[\w.]*))", re.M)


def _sources(root: Path) -> list[Path]:
    """The generator and all modules of the simulator that it imports, directly or through others."""
    found: set[Path] = set()
    open_names = {"simulator.towns.generator"}
    while open_names:
        name = open_names.pop()
        module, package = root.joinpath(*name.split(".")).with_suffix(".py"), root.joinpath(*name.split("."))
        source = module if module.is_file() else package / "__init__.py"
        if source in found or not source.is_file():
            continue
        found.add(source)
        if "." in name:
            open_names.add(name.rpartition(".")[0])  # a package runs before its modules
        for origin, names, plain in _IMPORT.findall(source.read_text(encoding="utf-8")):
            open_names.add(origin or plain)
            open_names.update(f"{origin}.{part}" for part in re.findall(r"\w+", names) if origin)
    return sorted(found)
