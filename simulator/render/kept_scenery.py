"""The scenery of large towns, kept on disk: half a second of work that each server would do again.

It lies in the user's cache folder (`$XDG_CACHE_HOME/nightloop/scenery`), each under a hash of the town's mesh, lamps
and obstacles and of the code that makes tables of them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from simulator.ingredients import ingredients
from simulator.kept import cache_folder, kept_or_made
from simulator.render.scenery import Scenery, TownScenery, scenery_of

LARGE_TRIANGLES = 50_000


def kept_scenery(town: TownScenery) -> Scenery:
    """`scenery_of` the town, from disk where it is large and was there before."""
    if len(town.mesh.triangles) < LARGE_TRIANGLES:
        return scenery_of(town)
    return stored_scenery(town, cache_folder("scenery"))


def stored_scenery(town: TownScenery, folder: Path) -> Scenery:
    return kept_or_made(folder / f"{_name(town)}.pickle", lambda: scenery_of(town))


def _name(town: TownScenery) -> str:
    found = hashlib.blake2b(ingredients("simulator.render.scenery").encode(), digest_size=12)
    for part in (town.mesh.vertices, town.mesh.triangles, town.mesh.materials, town.mesh.objects):
        found.update(np.ascontiguousarray(part).data)
    found.update(repr((town.street_lamps, getattr(town, "obstacles", ()))).encode())
    return found.hexdigest()
