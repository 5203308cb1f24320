"""Towns that were built once, kept on disk: a town takes seconds to build and a twentieth of one to read back.

They lie in the user's cache folder (`$XDG_CACHE_HOME/nightloop/towns`), each under a hash of what it is made of: its
name, the code that builds it, and the versions of what calculates.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.ingredients import ingredients
from simulator.kept import cache_folder, kept_or_made

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
    return kept_or_made(folder / f"{name}-{ingredients('simulator.towns.generator')}.pickle", lambda: _generated(name))


def _generated(name: str) -> Town:
    from simulator.towns.generator import generate  # loads networkx and scipy

    return generate(name)
