"""Loads agents by name or from a file, and says in one line what is wrong with one that does not load."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .hidden import hidden_import
from .interface import AutonomousAgent, InputData
from .plan import GpsPlan, WorldPlan, between_lane_changes
from .published import provide_published_names, where_it_is

LEADERBOARD_1 = "leaderboard-1.0"
"""Among the versions of the metric."""

LEADERBOARD_1_SPACING_M = 50.0
"""Of the thinned-out plan; Bench2Drive's, too."""

BUILT_IN = {"pilot": "agents.pilot", "oracle": "agents.oracle", "blind": "agents.blind"}


class AgentLoadError(Exception):
    """The agent cannot be used; the message is one line for the user."""


def load_agent_class(name_or_path: str) -> type[Any]:
    """The class of an agent that comes with nightloop, or of a file with `get_entry_point()`."""
    provide_published_names()
    if name_or_path in BUILT_IN:
        module = importlib.import_module(BUILT_IN[name_or_path])
        return _entry_class(module, name_or_path)
    try:
        path = Path(name_or_path).expanduser()
    except RuntimeError as error:
        raise AgentLoadError(f"agent {name_or_path}: {error}") from error
    if path.suffix != ".py" and not path.exists():
        raise AgentLoadError(
            f"no agent named {name_or_path!r}: give one of {', '.join(BUILT_IN)}, or the path of an agent's .py file"
        )
    if not path.is_file():
        raise AgentLoadError(f"agent file not found: {path}")
    return _entry_class(_import_file(path.resolve()), str(path))


def neighbours(path: Path) -> list[Path]:
    """The Python files below the agent's folder that are imported by now: its own modules, without the agent's file.

    Not those of nightloop, which may lie there too, and not what is installed.
    """
    own, nightloop = path.resolve(), Path(__file__).resolve().parent.parent
    standard = Path(sysconfig.get_paths()["stdlib"]).resolve()  # a whole Python may lie there, too
    found = set()
    for module in list(sys.modules.values()):
        file = Path(getattr(module, "__file__", None) or "/").resolve()
        if file.suffix != ".py" or own.parent not in file.parents or file == own:
            continue
        installed = {"site-packages", "dist-packages"} & set(file.parts)
        # Modules without a file may name one all the same: torch.ops says "_ops.py", wherever one is.
        if not installed and standard not in file.parents and not _is_part_of(nightloop, file) and file.is_file():
            found.add(file)
    return sorted(found)


def _is_inside() -> bool:
    """Whether the agent runs in nightloop's Python; in one of its own our packages have another name."""
    return __package__ == "agents"


def _is_part_of(nightloop: Path, file: Path) -> bool:
    """Whether a file belongs to one of nightloop's packages."""
    if nightloop not in file.parents:
        return False
    return (nightloop / file.relative_to(nightloop).parts[0] / "__init__.py").is_file()


def make_agent(
    agent_class: type[Any],
    host: str,
    port: int,
    config: str,
    gps_plan: GpsPlan,
    world_plan: WorldPlan,
    hero: Any = None,
    plan_spacing_m: float = 0.0,
    metric_version: str = "",
) -> Any:
    """An agent ready for its first tick: constructed, told its route and set up, in the order its leaderboard uses.

    A class whose constructor takes the configuration's path alone is a leaderboard 1.0 agent and calls `setup` itself.
    So does one that inherits our constructor, which takes both forms, where `metric_version` is that leaderboard's.
    `plan_spacing_m` is that of the thinned-out plan; 0 stands for that of the agent's leaderboard.
    """
    AutonomousAgent.hero_actor = hero
    is_old = metric_version == LEADERBOARD_1 and agent_class.__init__ is AutonomousAgent.__init__
    if is_old or takes_only_config(agent_class):
        agent = agent_class(config)
        _tell_plan(agent, gps_plan, world_plan, plan_spacing_m or LEADERBOARD_1_SPACING_M)
        return agent
    agent = agent_class(host, port, False)
    _tell_plan(agent, gps_plan, world_plan, plan_spacing_m)
    agent.setup(config)
    return agent


def _tell_plan(agent: Any, gps_plan: GpsPlan, world_plan: WorldPlan, spacing_m: float) -> None:
    if isinstance(agent, AutonomousAgent):
        agent.plan_spacing_m = spacing_m or agent.plan_spacing_m
        agent.set_global_plan(gps_plan, world_plan)
        return
    # An installed leaderboard keeps every point of a lane change: CARLA's planner makes two of it.
    between = between_lane_changes(world_plan)
    kept = [index for index in range(len(world_plan)) if index not in between]
    agent.set_global_plan([gps_plan[index] for index in kept], [world_plan[index] for index in kept])


def decision(agent: Any, data: InputData, timestamp: float) -> Any:
    """What the agent decides on its sensors' data; AgentLoadError where that is no control.

    It is called as the leaderboard calls it. The base class of an installed leaderboard would wait for sensors that
    nobody has registered with it: `run_step` is then called in its place.
    """
    import carla

    put = getattr(getattr(agent, "sensor_interface", None), "put", None)
    if put is not None and callable(agent):
        put(data, timestamp)
        control = agent()
    else:
        control = agent.run_step(data, timestamp)
    if not isinstance(control, carla.VehicleControl):
        raise AgentLoadError(f"run_step returned {type(control).__name__}, not carla.VehicleControl")
    return control


def _import_file(path: Path) -> ModuleType:
    # The agent's neighbours are importable and come first, as under the leaderboard.
    if sys.path[:1] != [str(path.parent)]:
        sys.path.insert(0, str(path.parent))
    hidden = hidden_import(path) if _is_inside() else ""
    if hidden:
        raise AgentLoadError(f"{hidden}: rename that, or give the agent a Python of its own (--agent-python)")
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None:
        if getattr(loaded, "__file__", None) == str(path):
            return loaded
        name = f"agent_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AgentLoadError(f"agent file is not a Python file: {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        sys.modules.pop(name, None)
        raise AgentLoadError(f"{error.filename}:{error.lineno}: syntax error: {error.msg}") from error
    except KeyboardInterrupt:
        sys.modules.pop(name, None)
        raise
    except BaseException as error:  # an agent's file may also call sys.exit
        sys.modules.pop(name, None)
        raise AgentLoadError(f"{path}:{_line_in(path, error)}: {_one_line(error)}{_hint(error)}") from error
    return module


def _entry_class(module: ModuleType, source: str) -> type[Any]:
    entry_point = getattr(module, "get_entry_point", None)
    if not callable(entry_point):
        raise AgentLoadError(f"{source}: no function get_entry_point() that returns the name of the agent's class")
    class_name = entry_point()
    agent_class = getattr(module, class_name, None) if isinstance(class_name, str) else class_name
    if not inspect.isclass(agent_class):
        raise AgentLoadError(f"{source}: get_entry_point() names {class_name!r}, which is no class of this file")
    for method in ("setup", "sensors", "run_step", "set_global_plan"):
        if not callable(getattr(agent_class, method, None)):
            raise AgentLoadError(f"{source}: class {agent_class.__name__} has no method {method}()")
    return agent_class


def is_thinned_here(agent_class: type[Any]) -> bool:
    """Whether the agent's plan is thinned out by our base class: an installed leaderboard does it by itself."""
    return issubclass(agent_class, AutonomousAgent)


def takes_only_config(agent_class: type[Any]) -> bool:
    """Whether the constructor needs one argument beside self (leaderboard 1.0)."""
    try:
        parameters = inspect.signature(agent_class).parameters.values()
    except (TypeError, ValueError):
        return False
    # A port is of leaderboard 2.x, also where it has a default: as in our base class, which takes both forms.
    if any(p.kind is p.VAR_POSITIONAL or p.name.endswith("port") for p in parameters):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in positional if p.default is p.empty]
    return len(needed) == 1 or len(positional) == 1


def told(error: BaseException, agent_folder: Path, caller: Path) -> str:
    """What an agent's error says, in one line, and where it came out of the agent.

    That is the innermost line in its own folder, not that of a library it called; for want of one, the innermost that
    is not in the caller's folder.
    """
    text = str(error).splitlines()[0] if str(error) else ""
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if agent_folder in Path(frame.filename).parents]
    own = own or [frame for frame in frames if caller not in Path(frame.filename).parents]
    place = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    return f"{said}{place}{_hint(error)}"


def _hint(error: BaseException) -> str:
    """What helps against an error that agents run into: one that was written for an older numpy in nightloop's Python,
    or one without CARLA's PythonAPI or scenario_runner."""
    text = str(error)
    is_gone = isinstance(error, AttributeError) and text.startswith(("module 'numpy' has no attribute", "`np."))
    # Since numpy 2.4 an array of one number and several dimensions is no number.
    is_no_number = isinstance(error, TypeError) and text.startswith("only 0-dimensional arrays can be converted")
    if not (_is_inside() and (is_gone or is_no_number)):
        return where_it_is(error)
    return f"; the agent may need a numpy older than {np.__version__}: --agent-python runs it in its own Python"


def _line_in(path: Path, error: BaseException) -> int:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] or 0) if lines else 0


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
