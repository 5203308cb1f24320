"""Lets our packages live beside others of the same name, above all CARLA's own `agents`.

When CARLA's PythonAPI comes first on `sys.path`, `import agents` gives a package without `agents.interface`. Joining
adds our folder to that package's search path, so that `agents.navigation` and `agents.interface` both resolve. Call
`join_packages()` before anything of ours is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

OWN_PACKAGES = ("agents", "benchmarks", "fusion", "results", "scenarios", "sensors", "simulator")


def join_packages() -> None:
    """Make every package of ours importable whatever stands first on the path.

    Only a package that stands in for one of ours is imported: looking for them all costs nothing.
    """
    root = Path(__file__).resolve().parent.parent
    for name in OWN_PACKAGES:
        folder = str(root / name)
        found = importlib.util.find_spec(name)
        if found is None:
            raise ImportError(f"the package {name!r} of nightloop is not on the path")
        if found.submodule_search_locations is None:
            raise ImportError(f"{found.origin} hides the package {name!r} of nightloop: take its folder off the path")
        if folder in [str(Path(entry).resolve()) for entry in found.submodule_search_locations]:
            continue
        package = importlib.import_module(name)
        if folder not in [str(Path(entry).resolve()) for entry in package.__path__]:
            # Ours goes last: modules that the other package has keep their meaning.
            package.__path__ = [*package.__path__, folder]
