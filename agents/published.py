"""Names that published agents import, for machines where the leaderboard or CARLA's PythonAPI is not installed.

What is installed wins: a stand-in module is made only for a name that cannot be found.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from pkgutil import extend_path
from types import ModuleType
from typing import Any, Sequence

from . import interface, plan


def provide_published_names() -> None:
    """Make `leaderboard.autoagents.autonomous_agent` and its neighbours importable.

    CARLA's own `agents.navigation` is found as well when an agent puts the PythonAPI on `sys.path` by itself.
    """
    if not any(isinstance(finder, _LatePythonAPI) for finder in sys.meta_path):
        sys.meta_path.append(_LatePythonAPI())
    if not _is_found("leaderboard"):
        for package in ("leaderboard", "leaderboard.autoagents", "leaderboard.utils", "leaderboard.envs"):
            _add_module(package, is_package=True)
        _add_module(
            "leaderboard.autoagents.autonomous_agent", AutonomousAgent=interface.AutonomousAgent, Track=interface.Track
        )
        _add_module("leaderboard.utils.route_manipulation", downsample_route=plan.downsample_route)
        _add_module("leaderboard.envs.sensor_interface", SensorInterface=interface.SensorInterface)


def data_provider() -> Any:
    """scenario_runner's `CarlaDataProvider`, where the agent has imported it: Bench2Drive's base class finds the ego
    through it. None elsewhere."""
    module = sys.modules.get("srunner.scenariomanager.carla_data_provider")
    return getattr(module, "CarlaDataProvider", None)


class _LatePythonAPI:
    """Finds `agents.navigation` in folders that joined `sys.path` after a package `agents` was imported.

    Without a PythonAPI anywhere, `RoadOption` alone stands in for `agents.navigation.local_planner`: most camera
    agents take nothing else from there. In an agent's own Python there may be no `agents` at all.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "agents":
            return importlib.util.spec_from_loader(fullname, _StandIn(), is_package=True)
        if not fullname.startswith("agents."):
            return None
        agents = sys.modules["agents"]
        agents.__path__ = extend_path(agents.__path__, "agents")
        search = agents.__path__ if fullname.count(".") == 1 else path
        found = PathFinder.find_spec(fullname, search, target)
        if found is None and fullname == "agents.navigation":
            return importlib.util.spec_from_loader(fullname, _StandIn(), is_package=True)
        if found is None and fullname == "agents.navigation.local_planner":
            return importlib.util.spec_from_loader(fullname, _StandIn(RoadOption=plan.RoadOption))
        return found


class _StandIn(Loader):
    def __init__(self, **names: object) -> None:
        self._names = names

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self._names)


def _is_found(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _add_module(name: str, is_package: bool = False, **names: object) -> None:
    spec = importlib.util.spec_from_loader(name, loader=None, is_package=is_package)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(names)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
