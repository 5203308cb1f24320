"""Started by the agent's own Python: makes our modules importable there without taking a name from the agent.

PYTHON -u agents/outside REQUESTS REPLIES FRAMES LAST_WORDS, all four numbers of open files
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import struct
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = "nightloop_agents"
NEEDED = ("numpy", "carla")


def main() -> None:
    requests, replies, frames, last_words = (int(number) for number in sys.argv[1:5])
    for number in (requests, replies, frames, last_words):
        os.set_inheritable(number, False)  # what the agent starts must not hold them open
    here = Path(__file__).resolve().parent
    # As under the leaderboard, the agent's own names come first; ours are none of them.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != here]
    sys.path.append(str(Path.cwd()))
    hello = {"python": platform.python_version(), **{name: _looked_at(name) for name in NEEDED}}
    text = json.dumps(hello).encode()
    os.write(replies, struct.pack("<Q", len(text)) + text)
    if any("version" not in hello[name] for name in NEEDED):
        return
    package = ModuleType(PACKAGE)
    package.__path__ = [str(here.parent)]
    sys.modules[PACKAGE] = package
    importlib.import_module(PACKAGE + ".outside.host").serve(requests, replies, frames, last_words)


def _looked_at(name: str) -> dict:
    """A library's version here, or why there is none."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        return {"missing": True} if missing else {"error": " ".join(str(error).split())}
    except Exception as error:
        return {"error": "{}: {}".format(type(error).__name__, " ".join(str(error).split()))}
    if name == "carla" and not hasattr(module, "VehicleControl"):
        return {"missing": True}  # a folder of that name on the path
    return {"version": getattr(module, "__version__", None) or _installed_version(module)}


def _installed_version(module: ModuleType) -> str:
    """carla does not say its version: it stands in the name of its egg, or of the folder beside it."""
    name, root = module.__name__, Path(str(module.__file__)).parent.parent
    names = [root.name, *(sorted(entry.name for entry in root.iterdir()) if root.is_dir() else [])]
    for text in names:
        found = re.match(name + r"-(\d[\w.]*?)(-py\d.*)?\.(egg|dist-info|egg-info)$", text)
        if found:
            return found.group(1)
    return "of unknown version"


if __name__ == "__main__":
    main()
