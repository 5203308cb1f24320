"""Lets our packages live beside others of the same name, above all CARLA's own `agents`.

When CARLA's PythonAPI comes first on `sys.path`, `import agents` gives a package without `agents.interface`. Joining
adds our folder to that package's search path, so that `agents.navigation` and `agents.interface` both resolve. Call
`join_packages()` before anything of ours is imported.
"""

from __future__ import annotations

import importlib
from pathlib import Path

OWN_PACKAGES = ("agents", "benchmarks", "fusion", "results", "scenarios", "sensors", "simulator")


def join_packages() -> None:
    """Make every package of ours importable whatever stands first on the path."""
    root = Path(__file__).resolve().parent.parent
    for name in OWN_PACKAGES:
        folder = str(root / name)
        package = importlib.import_module(name)
        search = getattr(package, "__path__", None)
        if search is None:
            raise ImportError(
                f"{package.__file__} hides the package {name!r} of nightloop: take its folder off the path"
            )
        if folder not in [str(Path(entry).resolve()) for entry in search]:
            # Ours goes last: modules that the other package has keep their meaning.
            package.__path__ = [*search, folder]
