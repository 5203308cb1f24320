"""Everything that a run needs, checked before the first process starts: the workers would find out one by one."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import carla

from agents.loader import BUILT_IN, is_thinned_here, load_agent_class, neighbours
from agents.outside.process import Examined, examine, find_python
from harness.agent_environment import agent_environment
from harness.arms import ARMS, COMPARED_ARMS, Arm, fused_with_droplets, parse_arms
from harness.config import RunConfig, checksum
from harness.errors import HarnessError
from harness.server import EMBEDDED
from harness.server_pool import check_servers, parse_addresses
from harness.versions import code_checksum
from results.arms import CONTROLLED
from scenarios.definition import ScenarioDefinition
from scenarios.errors import ScenarioError
from scenarios.fitting import check_models, plan_route, triggers
from scenarios.specs import RouteSpec
from sensors.fog_table import FogTableError, load_fog_table


@dataclass(frozen=True)
class Asked:
    """What a command asks for: `config` decides the numbers, `files` are those named in it that drives read.

    `agent_python` is the interpreter of `--agent-python` as it was found, "" without one.
    """

    config: RunConfig
    files: tuple[Path, ...]
    agent_python: str


def asked(options: argparse.Namespace, definition: ScenarioDefinition, routes: tuple[RouteSpec, ...]) -> Asked:
    """Reads a command's options; the first thing that is wrong with them is raised."""
    from fusion import weights

    weights_file = weights.locate(options.weights)
    is_controlled = weights.is_copy_of(weights_file, CONTROLLED)
    arms = _arms(options, definition, is_controlled)
    twin = definition.clear_twin()
    if options.fog_table:
        _check_fog_table(options, (definition, twin))
    server = EMBEDDED
    if options.carla:
        servers = parse_addresses(options.carla)
        check_servers(servers)
        server = servers[0].kind
    else:
        check_routes(definition, routes)
    with agent_environment(definition.routes_path, options.metric):
        python, outside = _loaded_agent(options)
    thermal = options.thermal or definition.thermal_preset
    own_thermal = _thermal_files(options, (definition, twin), routes)
    if not weights.is_shipped(weights_file):
        from fusion.weights.tensors import load_student

        load_student(weights_file)  # in the hope of an error
    scenario_files = (Path(definition.source), Path(twin.source), definition.routes_path)
    agent = agent_files(options.agent, options.agent_config, outside)
    config = RunConfig(
        scenario=definition.name,
        scenario_checksum=checksum(*scenario_files),
        # Of the whole file: a run of a part of it may get more of its routes, in other towns.
        town=",".join(dict.fromkeys(route.town for route in definition.load_routes())),
        route_ids=tuple(route.id for route in routes),
        arms=tuple(arm.name for arm in arms),
        seeds=tuple(range(options.seeds or (1 if options.quick else 2))),
        agent=options.agent,
        agent_config=options.agent_config,
        agent_checksum=_checksum_told(agent),
        weights=options.weights,
        weights_checksum=weights.checksum(weights_file),
        thermal_preset=thermal,
        thermal_checksum=checksum(*own_thermal) if own_thermal else "",
        metric_version=options.metric,
        server=server,
        code_checksum=code_checksum(),
        fog_table_checksum=checksum(options.fog_table) if options.fog_table else "",
        agent_python=outside.versions if outside else "",
        routes_file=options.routes.name if options.routes else "",
        plan_spacing_m=options.plan_spacing or 0.0,
    )
    return Asked(config, (*scenario_files, *agent, *own_thermal, weights_file), python)


def _loaded_agent(options: argparse.Namespace) -> tuple[str, Examined | None]:
    """Loads an agent's file in the hope of an error: the workers load it again.

    Its own Python, if it has one, and what is known of it there.
    """
    if options.agent_python:
        if options.agent in BUILT_IN:
            raise HarnessError(
                f"--agent-python belongs to an agent's file: {options.agent} comes with nightloop and runs inside"
            )
        python = find_python(options.agent_python)
        examined = examine(python, options.agent)
        _check_plan_spacing(options, examined.is_thinned_here)
        return python, examined
    if options.agent in BUILT_IN:
        return "", None
    here = Path.cwd()
    try:
        _check_plan_spacing(options, is_thinned_here(load_agent_class(options.agent)))
    finally:
        os.chdir(here)  # an agent's file may go elsewhere, where --out means another folder
    return "", None


def _check_plan_spacing(options: argparse.Namespace, is_thinned_here: bool) -> None:
    if options.plan_spacing and not is_thinned_here:
        raise HarnessError(
            f"--plan-spacing: {options.agent} has the base class of an installed leaderboard, which thins the plan by "
            "itself; leave the option out"
        )


def _arms(options: argparse.Namespace, definition: ScenarioDefinition, is_controlled: bool) -> tuple[Arm, ...]:
    """What is called the agent's ceiling by clear day must not be driven in the scenario's own weather."""
    text = options.arms
    if text is None:
        return default_arms(definition, options.quick, is_controlled)
    arms, fog = parse_arms(text), definition.fog
    for arm in arms:
        if arm.clear_twin and definition.clear is None:
            raise HarnessError(f"--arms {text}: {definition.source} names no clear twin (`clear: NAME`) to drive")
        if arm.droplet_radius_um is not None and fog is None:
            raise HarnessError(f"--arms {text}: {definition.source} has no fog (`fog:`), so there are no droplets")
        if fog is not None and arm.droplet_radius_um == fog.droplet_radius_um:
            raise HarnessError(f"--arms {text}: {arm.name} is the arm fused: {definition.source} has these droplets")
    return arms


def default_arms(definition: ScenarioDefinition, quick: bool, is_controlled: bool = True) -> tuple[Arm, ...]:
    """All that the scenario has: clear where it names its twin and, unless it is a quick look, its other droplets and
    the control without a thermal camera, if the run's weights have one."""
    others = definition.fog.other_droplet_radii_um if definition.fog and not quick else ()
    known = [arm for arm in ARMS.values() if definition.clear is not None or not arm.clear_twin]
    control = () if quick or not is_controlled else (COMPARED_ARMS["restored"],)
    return (*known, *(fused_with_droplets(radius_um) for radius_um in others), *control)


def _check_fog_table(options: argparse.Namespace, definitions: Sequence[ScenarioDefinition]) -> None:
    """Every scenario of the run must have its fog in the table."""
    if not options.carla:
        raise HarnessError("--fog-table belongs to --carla: the embedded simulator knows its own fog")
    try:
        table = load_fog_table(options.fog_table)
        for definition in definitions:
            if definition.fog:
                table.fog_density(definition.fog.visibility_m)
    except FogTableError as error:
        raise HarnessError(f"--fog-table: {error}") from error


def _thermal_files(
    options: argparse.Namespace, definitions: Sequence[ScenarioDefinition], routes: Sequence[RouteSpec]
) -> list[Path]:
    """The preset's file and its table of materials, where it is no preset of ours. Makes one camera in the hope of an
    error."""
    # Imported late: numba takes seconds, which a mistyped option should not cost.
    from harness.air import ambient_for
    from sensors.thermal import ThermalCamera, preset

    own = definitions[0]
    name = options.thermal or own.thermal_preset
    try:
        config = preset(name)
    except ValueError as error:
        where = f"--thermal {name}" if options.thermal else f"{own.source}: thermal"
        raise HarnessError(f"{where}: {error}") from error
    airs = []
    for definition in definitions:
        try:
            airs += [ambient_for(definition, definition.weather_parameters(route)) for route in routes]
        except ValueError as error:
            raise HarnessError(f"{definition.source}: {error}") from error
    # Where puddles lie is found by what may have to be compiled first.
    ThermalCamera(config, config.width, config.height, config.fov_deg, replace(airs[0], puddles=0.0))
    named = [name] if Path(name).is_file() else []
    return [Path(file) for file in (*named, *([config.materials] if config.materials else []))]


def agent_files(agent: str, agent_config: str, outside: Examined | None = None) -> list[Path]:
    """The agent's code and the file or folder that its configuration names, if it names one.

    The code of a file's agent is that file and the modules beside it that it has imported on being loaded.
    """
    if agent in BUILT_IN:
        package = Path(__file__).parent.parent / "agents"
        code = [*sorted(package.glob("*.py")), package / "pilot"]
    else:
        file = Path(agent).expanduser()
        code = [file, *(outside.modules if outside else neighbours(file))]
    return [*code, *_configured(agent_config)]


def _checksum_told(files: Sequence[Path]) -> str:
    try:
        return checksum(*files)
    except OSError as error:
        raise HarnessError(f"{error.filename}: cannot be read: {error.strerror}") from error


def _configured(agent_config: str) -> list[Path]:
    """The files or folders that an agent's configuration names; it may be any other text as well.

    Bench2Drive's agents are given several, with a plus sign between.
    """
    return _named(agent_config) or [path for part in agent_config.split("+") for path in _named(part)]


def _named(text: str) -> list[Path]:
    with contextlib.suppress(OSError, RuntimeError):  # too long for a path, or `~` and nobody's name
        named = Path(text).expanduser()
        if text and (named.is_file() or named.is_dir()):
            return [named]
    return []


def check_routes(definition: ScenarioDefinition, routes: Sequence[RouteSpec]) -> None:
    """Whether the embedded simulator has towns and models, and the routes fit: workers would find out one by one."""
    from simulator.towns import build_town
    from simulator.world.blueprints.catalogue import definitions_by_id

    maps: dict[str, carla.Map] = {}
    for spec in routes:
        if spec.town not in maps:
            where = f"{definition.source}: town" if spec.town == definition.town else f"{spec.source}: route {spec.id}"
            try:
                town = build_town(spec.town)
            except ValueError as error:
                raise ScenarioError(f"{where}: {error}; CARLA's own towns need --carla HOST:PORT") from error
            maps[spec.town] = carla.Map(town.name, town.opendrive)
        triggers(plan_route(maps[spec.town], spec), spec)
        check_models(spec, definitions_by_id())
