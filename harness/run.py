"""The main job: paired runs of one unmodified agent on RGB, on fused frames and by clear day, and a report.

python -m harness.run --scenario night_fog
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.loader import BUILT_IN, AgentLoadError
from fusion.errors import FusionError
from harness.arms import CHOICES, COMPARED_ARMS, CONTROLLED, Arm, arm_of
from harness.config import EpisodeSpec, RunConfig, differences, episodes_of, extends
from harness.errors import (
    EXIT_EPISODES_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    HarnessError,
)
from harness.executor import TICK_LIMIT_S, Job, Outcome
from harness.options import Parser, given, metres, path, share, whole, writable
from harness.places import check_place, place_of
from harness.preflight import asked
from harness.progress import RunDisplay
from harness.versions import library_versions, version_of
from results.layout import RunFolder
from results.manifest import Manifest, RouteEntry, read_manifest, write_manifest
from results.record import RecordError, read_episode
from results.scores import DEFAULT_VERSION, METRIC_VERSIONS
from scenarios.definition import ScenarioDefinition, load_scenario
from scenarios.errors import ScenarioError
from scenarios.fitting import left_out, title_of
from scenarios.routes import RouteSpec, routes_subset

QUICK_ROUTES = 2
USER_ERRORS = (HarnessError, ScenarioError, AgentLoadError, FusionError, RecordError)


def main(arguments: list[str] | None = None) -> int:
    options = argparse.Namespace(out=None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_interrupt)
    try:
        _parser().parse_args(arguments, options)
        with ExitStack() as held:
            return run(options, Console(stderr=True), held)
    except USER_ERRORS as error:
        print(f"nightloop: {error}", file=sys.stderr)
        return getattr(error, "exit_code", HarnessError.exit_code)
    except KeyboardInterrupt:
        print(f"nightloop: interrupted; {_go_on(options)}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except OSError as error:  # a full disk tells no name
        print(f"nightloop: {error.filename or options.out}: {error.strerror}; {_go_on(options)}", file=sys.stderr)
        return EXIT_USAGE


def _go_on(options: argparse.Namespace) -> str:
    out = f" --out {options.out}" if options.out else ""
    return f"what is finished is kept, go on with --resume{out}"


def run(options: argparse.Namespace, console: Console, held: ExitStack) -> int:
    """`held`: what is the run's alone until it is over."""
    definition = load_scenario(options.scenario)
    if options.routes:
        definition = definition.on_routes(options.routes)
    routes = _chosen_routes(options, definition)
    check_place(options)
    request = asked(options, definition, routes)
    config = request.config
    folder = RunFolder(options.out or _new_folder(options, config))
    options.out = folder.path
    _hold(folder, held)
    _claim(folder, config, definition, routes, options.resume)

    todo = [spec for spec in episodes_of(config) if not folder.episode(spec.route_id, spec.arm, spec.seed).is_finished]
    for episode in folder.finished_episodes():
        read_episode(episode)  # in the hope of an error: what is damaged is told before the rest is driven
    total = len(episodes_of(config))
    folder.episodes.mkdir(exist_ok=True)

    def tell(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)  # names are the user's

    with ExitStack() as stack:
        place = stack.enter_context(place_of(options, request, folder, len(todo), tell))
        drives = [
            _count(len(config.route_ids), "route"),
            _count(len(config.seeds), "seed"),
            _count(len(config.arms), "arm"),
        ]
        title = definition.title or definition.name
        at_a_time = f"{place.workers} at a time{place.machines}"
        tell(f"{title}: {' x '.join(drives)}, agent {config.agent}, {at_a_time} -> {folder.path}")
        for line in left_out(routes):
            tell(line)
        started = time.monotonic()
        towns = {route.id: route.town for route in routes}
        jobs = [_job(spec, towns[spec.route_id], config, options, folder, place.threads) for spec in todo]
        display = stack.enter_context(RunDisplay(total, total - len(todo), console))
        for outcome in place.run(jobs, lambda job, message: display.message(job.name, message)):
            display.ended(outcome.job.name, _line_of(outcome, folder))
            _write_summary(folder)  # so that a look at a running or a killed run shows what is there
    figures, page = _write_summary(folder), _write_report(folder)
    _print_summary(figures, Console())
    wall_s = time.monotonic() - started
    print(f"report: {page}   ({_count(len(todo), 'episode')} in {wall_s:.0f} s)")
    counts = [arm["episodes"] for arm in figures["arms"].values()]
    missing = sum(count["expected"] - count["driven"] for count in counts)
    if failed := missing + sum(count["crashed"] for count in counts):  # also those of before, where this goes on
        again = "--resume drives what is missing" if missing else "a folder that is deleted there is driven by --resume"
        print(f"nightloop: {failed} of {total} episodes failed (see {folder.episodes}; {again})", file=sys.stderr)
        return EXIT_EPISODES_FAILED
    return EXIT_OK


def _chosen_routes(options: argparse.Namespace, definition: ScenarioDefinition) -> tuple[RouteSpec, ...]:
    if not options.routes_subset:
        routes = definition.load_routes(quick=options.quick)
        return routes[:QUICK_ROUTES] if options.quick and not definition.quick_routes else routes
    try:
        return routes_subset(definition.load_routes(), options.routes_subset)
    except ScenarioError as error:
        raise ScenarioError(f"--routes-subset {options.routes_subset}: {error}") from error


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m harness.run", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    add = parser.add_argument
    add("--scenario", type=given, default="night_fog", help="a scenario's name or YAML file (default: night_fog)")
    add(
        "--agent",
        type=given,
        default="pilot",
        help=f"{', '.join(BUILT_IN)} or the path of a leaderboard agent's .py file",
    )
    add("--agent-config", default="", help="handed to the agent's setup()")
    add(
        "--agent-python",
        type=given,
        default=None,
        metavar="PYTHON",
        help="the interpreter that an agent's file runs in, 3.7 or newer, with its own carla and numpy (default: ours)",
    )
    add(
        "--plan-spacing",
        type=metres,
        default=None,
        metavar="M",
        help="metres between the points of the thinned-out plan that an agent is given (default: its leaderboard's)",
    )
    add(
        "--arms",
        default=None,
        help=f"of {CHOICES}; default: rgb and fused, clear where the scenario names a twin, and unless --quick "
        "is given the other droplets it names, and with the weights sim restored: RGB by the same network taught "
        "without a thermal camera, their control and no other weights'",
    )
    add(
        "--seeds",
        type=whole(1, 10_000),
        default=None,
        metavar="N",
        help="run seeds 0..N-1 (default: 2; with --quick 1)",
    )
    add("--quick", action="store_true", help="two routes (or those of --routes-subset), one seed, rgb, fused and clear")
    add(
        "--routes",
        type=path,
        default=None,
        metavar="FILE",
        help="a leaderboard route file (.xml) to drive in the scenario's weather, each route in its own town",
    )
    add(
        "--routes-subset",
        type=given,
        default=None,
        metavar="IDS",
        help="drive these routes alone: 4, or 1,6, or a range of the file's order as 0-4 (default: all)",
    )
    add("--out", type=path, default=None, metavar="DIR", help="where results go (default: a new folder in runs/)")
    add(
        "--resume",
        action="store_true",
        help="go on with the run in --out (without --out: with the newest of this kind); it may get more arms, seeds "
        "and routes than it had",
    )
    add(
        "--carla",
        type=given,
        default=None,
        metavar="HOST:PORT[,...]",
        help="a running CARLA 0.9.16 server instead of the embedded one; several, one drive each, with commas between",
    )
    add(
        "--fog-table",
        type=path,
        default=None,
        metavar="FILE",
        help="what each fog density means on the server of --carla (from python -m sensors.calibrate_fog)",
    )
    add(
        "--weights",
        type=given,
        default="sim",
        help="FusionProxy's weights: a name or a .safetensors file (default: sim)",
    )
    add(
        "--thermal",
        type=given,
        default=None,
        help="thermal camera: a preset or a YAML file (default: the scenario's, or adk)",
    )
    add(
        "--metric",
        default=DEFAULT_VERSION,
        choices=METRIC_VERSIONS,
        help=f"headline score (default: {DEFAULT_VERSION}); an agent's file also drives as on that leaderboard: "
        "leaderboard-1.0 and bench2drive thin out its plan otherwise, bench2drive tells it so (IS_BENCH2DRIVE)",
    )
    add(
        "--workers",
        type=whole(1, 1_000),
        default=None,
        metavar="N",
        help="episodes at a time (default: one per core, at most 8 unless --ray is given)",
    )
    add(
        "--ray",
        type=given,
        default=None,
        metavar="ADDRESS",
        help="drive on the machines of a Ray cluster: auto, or HOST:PORT of its head, from a machine that is in it; "
        "ray://HOST:10001 from any other (with ray[client]); local makes this machine one",
    )
    add(
        "--ray-gpus",
        type=share,
        default=0.0,
        metavar="N",
        help="GPUs for each drive of --ray, 0.5 for two drives on one (default: none)",
    )
    add(
        "--tick-limit",
        type=whole(1, 1_000_000),
        default=round(TICK_LIMIT_S),
        metavar="S",
        help="a drive that does not tick for so many seconds is ended and run again (default: %(default)s)",
    )
    return parser


def _new_folder(options: argparse.Namespace, config: RunConfig) -> Path:
    """`runs/<scenario>-<agent>-<date>`; with --resume the newest run of the same configuration, or else of a part."""
    runs = Path("runs")
    if options.resume:
        parts = []
        for older in sorted(runs.glob(f"{config.scenario}-*"), reverse=True):
            try:
                held = read_manifest(RunFolder(older))
            except RecordError:
                continue
            if held.config_hash == config.hash:
                return older
            if extends(config.to_dict(), dict(held.config)) and not differences(_versions(config), dict(held.versions)):
                parts.append(older)
        if parts:
            return parts[0]
        raise HarnessError("--resume: no run of this configuration in runs/, nor of a part; name its folder with --out")
    return runs / f"{config.scenario}-{Path(config.agent).stem}-{time.strftime('%Y%m%d-%H%M%S')}"


def _claim(
    folder: RunFolder,
    config: RunConfig,
    definition: ScenarioDefinition,
    routes: tuple[RouteSpec, ...],
    resume: bool,
) -> None:
    """Writes run.json, or checks that the folder holds this very run, or a part of it, and may be gone on with."""
    extended: tuple[str, ...] = ()
    if folder.run.exists():
        held = read_manifest(folder)
        differing = differences(config.to_dict(), dict(held.config))
        others = [f"version of {name}" for name in differences(_versions(config), dict(held.versions))]
        if others or (differing and not extends(config.to_dict(), dict(held.config))):
            raise HarnessError(
                f"{folder.path} holds another run (differs in {', '.join(differing + others)}); choose another --out"
            )
        if not resume and (differing or folder.finished_episodes()):
            part = f"a part of this run (without some {', '.join(differing)})" if differing else "this run already"
            raise HarnessError(f"{folder.path} holds {part}; go on with --resume or choose another --out")
        if not differing:
            return
        extended = (*held.extended, held.config_hash)
    elif any(folder.path.iterdir()):
        raise HarnessError(f"{folder.path} is not empty and holds no run; choose another --out")
    arms = [arm_of(name) for name in config.arms]
    manifest = Manifest(
        scenario=config.scenario,
        agent=config.agent,
        track="PRIVILEGED" if config.agent == "oracle" else "SENSORS",
        arms={arm.name: _weather(definition, arm) for arm in arms},
        routes=tuple(RouteEntry(r.id, title_of(r), r.town) for r in routes),
        seeds=config.seeds,
        config=config.to_dict(),
        config_hash=config.hash,
        server={"kind": config.server, "version": version_of("carla")},
        versions=_versions(config),
        weights={"name": config.weights, "sha256": config.weights_checksum} | _weights_of_their_own(arms),
        metric_version=config.metric_version,
        droplets=_droplets(definition, arms),
        extended=extended,
        limits=definition.limits.model_dump(),
    )
    try:
        write_manifest(folder, manifest)
    except OSError as error:
        raise HarnessError(f"--out {folder.path}: cannot be written: {error.strerror}") from error


def _weather(definition: ScenarioDefinition, arm: Arm) -> str:
    """In words."""
    driven = definition.clear_twin() if arm.clear_twin else definition
    droplets = "" if arm.droplet_radius_um is None else f", droplets of {arm.droplet_radius_um:g} um"
    return (driven.title or driven.name) + droplets


def _weights_of_their_own(arms: Sequence[Arm]) -> dict[str, str]:
    """And of those that they are the control of."""
    from fusion import weights

    told: dict[str, str] = {}
    for arm in arms:
        if arm.weights:
            told[f"{arm.name}_sha256"] = weights.checksum(weights.locate(arm.weights))
            told[f"{arm.name}_controls_sha256"] = weights.shipped_checksum(CONTROLLED)
    return told


def _droplets(definition: ScenarioDefinition, arms: Sequence[Arm]) -> dict[str, dict[str, float]]:
    """Of FusionProxy's arms in fog: what the fog is made of, and how fast infrared fades in it beside light."""
    from sensors.thermal.atmosphere import fog_ratio

    if definition.fog is None:
        return {}
    radii_um = {
        arm.name: arm.droplet_radius_um or definition.fog.droplet_radius_um
        for arm in arms
        if arm.fused and arm.name not in COMPARED_ARMS
    }
    return {name: {"radius_um": r, "lwir_over_visible": fog_ratio(r)} for name, r in radii_um.items()}


def _hold(folder: RunFolder, held: ExitStack) -> None:
    """Lets no other process write to the run's folder meanwhile: two would drive the same episodes."""
    writable(folder.path)
    try:
        descriptor = os.open(folder.path, os.O_RDONLY)
        held.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HarnessError(
            f"{folder.path}: another process is at work on this run; wait for it or choose another --out"
        ) from None
    except OSError:
        return  # some file systems have no locks


def _versions(config: RunConfig) -> dict[str, str]:
    own = {"agent_python": config.agent_python} if config.agent_python else {}
    return {"nightloop": version_of("nightloop")} | library_versions() | own


def _job(
    spec: EpisodeSpec, town: str, config: RunConfig, options: argparse.Namespace, folder: RunFolder, threads: int
) -> Job:
    request: dict[str, Any] = {
        "config": config.to_dict(),
        "config_hash": config.hash,
        "scenario": options.scenario,
        "routes": str(options.routes.absolute()) if options.routes else "",
        "town": town,
        "route_id": spec.route_id,
        "arm": spec.arm,
        "seed": spec.seed,
        "out": str(folder.path.resolve()),
        "carla": options.carla,
        "fog_table": str(options.fog_table.resolve()) if options.fog_table else "",
        "threads": threads,
        "agent_python": options.agent_python,
    }
    name = folder.episode(spec.route_id, spec.arm, spec.seed).path.name
    return Job(spec.name, request, folder.path / "logs" / f"{name}.log")


def _line_of(outcome: Outcome, folder: RunFolder) -> str:
    """One line on how an episode ended."""
    job = outcome.job
    if outcome.finished is None:
        return f"{job.name}: no result after {outcome.attempts} attempts: {outcome.reason} (log: {job.log})"
    request = job.request
    record = read_episode(folder.episode(request["route_id"], request["arm"], request["seed"]))
    if record.is_crash:
        return f"{job.name}: {record.status}: {record.error} (log: {job.log})"
    judged = record.judged_by(version := request["config"]["metric_version"])
    score = record.score(version)
    return (
        f"{job.name}: {judged.status}, driving score {score.driving_score:.1f}, route {score.route_completion:.0f} %, "
        f"{_count(len(judged.infractions), 'infraction')}, {record.tick_count} ticks "
        f"in {record.duration_system_s:.0f} s"
    )


def _write_summary(folder: RunFolder) -> dict[str, Any]:
    from results import summary  # statistics and plots load for a second: not before the workers are on their way

    return summary.write(folder)


def _write_report(folder: RunFolder) -> Path:
    from results import report

    return report.write(folder)


def _print_summary(figures: dict[str, Any], console: Console) -> None:
    table = Table(title=Text(f"{figures['scenario']} · {figures['agent']} · {figures['metric_version']}"))
    for heading in ("arm", "driving score", "route completion", "infraction penalty"):
        table.add_column(heading, justify="left" if heading == "arm" else "right")
    for name, arm in figures["arms"].items():
        table.add_row(
            f"{name}: {arm_of(name).title}",
            f"{arm['driving_score']:.1f}",
            f"{arm['route_completion']:.1f} %",
            f"{arm['infraction_penalty']:.2f}",
        )
    console.print(table)
    counts = {name: arm["episodes"] for name, arm in figures["arms"].items()}
    if undriven := [name for name, count in counts.items() if count["driven"] < count["expected"]]:
        print(f"drives are missing and count as zero ({', '.join(undriven)}): no difference is to be read from these")
        return
    if crashed := [name for name, count in counts.items() if count["crashed"]]:
        print(f"drives crashed and count as zero above ({', '.join(crashed)}); pairs with them are left out below")
    if figures["paired"]:
        _print_difference("fused - rgb", figures["paired"]["without_crashed"])
    if not {"rgb", "fused", "clear"} & set(crashed):
        _print_recovery(figures["recovery"], figures["paired"])
    for entry in figures["droplets"] or ():
        if entry["arm"] != "fused":
            _print_difference(f"{entry['arm']} - rgb", entry["paired"]["without_crashed"])
    for entry in figures["other_fusions"]:
        if entry["fused_over"]:
            _print_difference(f"fused - {entry['arm']}", entry["fused_over"]["without_crashed"])


def _print_difference(what: str, paired: dict[str, Any]) -> None:
    if paired["difference"] is None:
        print(f"{what}: no pair of drives that did not crash")
        return
    ends = paired["ci95"]
    interval = f"95 % interval [{ends[0]:+.1f}, {ends[1]:+.1f}]" if ends else "one pair has no interval"
    print(f"{what}: {paired['difference']:+.1f} driving score, {interval}{_too_few(paired)}")


def _print_recovery(recovery: dict[str, Any] | None, paired: dict[str, Any] | None) -> None:
    if recovery is None or paired is None:
        return
    if recovery["ratio"] is None:
        print(f"recovered of what the weather took: no ratio, {recovery['reason']}")
        return
    ends = recovery["ci95"]
    interval = f"95 % interval [{100 * ends[0]:.0f} %, {100 * ends[1]:.0f} %]" if ends else recovery["reason"]
    print(f"recovered of what the weather took: {100 * recovery['ratio']:.0f} %, {interval}{_too_few(paired)}")


def _too_few(paired: dict[str, Any]) -> str:
    return f" ({_count(paired['routes'], 'route')}: too few to conclude from)" if paired["sample_too_small"] else ""


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
