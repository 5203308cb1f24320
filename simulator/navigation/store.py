"""The navigation mesh of a town for the clients of a server, kept on disk.

A mesh takes seconds to make and every client asks for it when it connects, so one that was made is kept in the user's
cache folder (`$XDG_CACHE_HOME/nightloop/navigation`) by a hash of all that it is made of.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulator.kept import cache_folder, clear_out, used, write_whole

if TYPE_CHECKING:
    from simulator.towns.town import Town


@dataclass(frozen=True)
class NavigationFile:
    """`name` as clients ask for it; it bears a hash of `content` because they keep files by name for ever."""

    name: str
    content: bytes


class Navigation:
    """Of one town. Lives in the event loop's thread."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._made: asyncio.Future[NavigationFile | None] | None = None

    async def file(self) -> NavigationFile | None:
        """None for a town in which nobody can walk."""
        if self._made is None:
            self._made = asyncio.ensure_future(
                asyncio.to_thread(stored_navigation, self._town, cache_folder("navigation"))
            )
        return await asyncio.shield(self._made)


def stored_navigation(town: Town, folder: Path) -> NavigationFile | None:
    """The mesh kept in `folder`, or a new one, which is then kept there if the folder can be written."""
    path = folder / f"{_ingredients(town)}.bin"
    try:
        content = path.read_bytes()
        used(path)
    except OSError:
        from simulator.navigation.file import navigation_bytes  # loads shapely

        content = navigation_bytes(town) or b""
        with contextlib.suppress(OSError):
            write_whole(path, content)
            clear_out(folder)
    return named(town, content) if content else None


def named(town: Town, content: bytes) -> NavigationFile:
    digest = hashlib.sha256(content).hexdigest()[:12]
    return NavigationFile(f"Carla/Maps/Nav/{town.name}-{digest}.bin", content)


def _ingredients(town: Town) -> str:
    """A hash of what the mesh is made of: the town's record and the code that makes it."""
    found = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        found.update(source.read_bytes())
    mesh, ground, relief = town.mesh, town.ground, town.relief
    arrays: list[np.ndarray] = [
        mesh.vertices,
        mesh.triangles,
        mesh.materials,
        mesh.objects,
        ground.heights_m,
        *town.crosswalks,
    ]
    places: list[object] = [ground.origin, ground.cell_m, town.obstacles]
    if relief is not None:
        arrays += [relief.ground] if relief.deck is None else [relief.ground, relief.deck]
        places += [relief.origin, relief.cell_m]
    for array in arrays:
        found.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    found.update(repr(places).encode())
    return found.hexdigest()
