"""Names that published agents import, for machines where the leaderboard or CARLA's PythonAPI is not installed.

What is installed wins: a stand-in module is made only for a name that cannot be found, or for a leaderboard's base
class that cannot be imported for want of what it needs.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pkgutil import extend_path
from types import ModuleType
from typing import Any, Sequence

from . import interface, plan

BASE_CLASS = "leaderboard.autoagents.autonomous_agent"
ORIGINS = {
    "agents": "CARLA's PythonAPI/carla has it, of the release that the agent was written for: put that on PYTHONPATH",
    "srunner": "scenario_runner has it, as the agent's repository or CARLA's: put its folder on PYTHONPATH",
    "leaderboard": "the leaderboard has it, as the agent's repository or CARLA's: put its folder on PYTHONPATH",
}
PACKAGES = ("leaderboard", "leaderboard.autoagents", "leaderboard.utils", "leaderboard.envs")
STAND_INS: dict[str, dict[str, object]] = {
    BASE_CLASS: {"AutonomousAgent": interface.AutonomousAgent, "Track": interface.Track},
    "leaderboard.utils.route_manipulation": {"downsample_route": plan.downsample_route},
    "leaderboard.envs.sensor_interface": {"SensorInterface": interface.SensorInterface},
}


def provide_published_names() -> None:
    """Make `leaderboard.autoagents.autonomous_agent` and its neighbours importable.

    CARLA's own `agents.navigation` is found as well when an agent puts the PythonAPI on `sys.path` by itself.
    """
    if not any(isinstance(finder, _LateLeaderboard) for finder in sys.meta_path):
        sys.meta_path.insert(0, _InstalledBaseClass())
        sys.meta_path += [_LatePythonAPI(), _LateLeaderboard()]


def data_provider() -> Any:
    """scenario_runner's `CarlaDataProvider`, where the agent has imported it: Bench2Drive's base class finds the ego
    through it. None elsewhere."""
    module = sys.modules.get("srunner.scenariomanager.carla_data_provider")
    return getattr(module, "CarlaDataProvider", None)


def tell_provider_the_hero(provider: Any, hero: Any) -> None:
    """Makes the ego its only actor, which `get_hero_actor()` finds: a leaderboard spawns it through the provider."""
    pool = getattr(provider, "_carla_actor_pool", None)
    if isinstance(pool, dict):
        pool.clear()
        pool[hero.id] = hero


def in_the_agents_words(points: Sequence[tuple[Any, int]]) -> list[tuple[Any, Any]]:
    """A plan with the manoeuvres of CARLA's PythonAPI where there is one: the agent compares with these."""
    option = _road_option()
    return [(place, option(int(manoeuvre))) for place, manoeuvre in points]


def _road_option() -> Any:
    try:
        return importlib.import_module("agents.navigation.local_planner").RoadOption
    except Exception:  # the PythonAPI needs more than carla
        return plan.RoadOption


def where_it_is(error: BaseException) -> str:
    """Where a module comes from that an agent lacks, if that is known; empty for others."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return f"; {ORIGINS[name]}" if name in ORIGINS else ""


class _InstalledBaseClass:
    """Finds the base class of an installed leaderboard, whose own needs may not be met."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path, target) if fullname == BASE_CLASS else None
        if found is None or found.origin is None or not isinstance(found.loader, SourceFileLoader):
            return None
        return importlib.util.spec_from_file_location(
            fullname, found.origin, loader=_BaseClassLoader(fullname, found.origin)
        )


class _BaseClassLoader(SourceFileLoader):
    """What an agent needs may lie beside a leaderboard that its repository brings along and nobody has set up."""

    def exec_module(self, module: ModuleType) -> None:
        try:
            super().exec_module(module)
        except ModuleNotFoundError as error:
            print(
                f"nightloop: {self.path} cannot be imported ({error}): nightloop's own base class stands in for it; to "
                "have that one, put scenario_runner and CARLA's PythonAPI/carla on PYTHONPATH, with what these need",
                file=sys.stderr,
                flush=True,
            )
            vars(module).update(STAND_INS[BASE_CLASS])


class _LateLeaderboard:
    """Finds what no leaderboard on the path has: a folder of that name is found as one that lacks it all."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in PACKAGES:
            return importlib.util.spec_from_loader(fullname, _StandIn(), is_package=True)
        if fullname in STAND_INS:
            return importlib.util.spec_from_loader(fullname, _StandIn(**STAND_INS[fullname]))
        return None


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
