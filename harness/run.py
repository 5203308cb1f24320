"""The main job: paired runs of one unmodified agent on RGB, on fused frames and by clear day, and a report.

python -m harness.run --scenario night_fog
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from agents.loader import AgentLoadError
from fusion.errors import FusionError
from harness.claim import claim, hold, new_folder
from harness.config import EpisodeSpec, episodes_of
from harness.console import line_of, print_summary
from harness.errors import (
    EXIT_EPISODES_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    HarnessError,
)
from harness.executor import Job
from harness.places import check_place, place_of
from harness.preflight import Asked, asked
from harness.progress import RunDisplay
from harness.request import Request
from harness.run_options import parser_of
from results.counting import counted
from results.layout import RunFolder
from results.record import RecordError, read_episode
from scenarios.definition import ScenarioDefinition, load_scenario
from scenarios.errors import ScenarioError
from scenarios.fitting import left_out
from scenarios.route_subset import routes_subset
from scenarios.specs import RouteSpec

QUICK_ROUTES = 2
USER_ERRORS = (HarnessError, ScenarioError, AgentLoadError, FusionError, RecordError)


def main(arguments: list[str] | None = None) -> int:
    options = argparse.Namespace(out=None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_interrupt)
    try:
        parser_of(__doc__.splitlines()[0]).parse_args(arguments, options)
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
    wanted = asked(options, definition, routes)
    config = wanted.config
    folder = RunFolder(options.out or new_folder(options, config))
    options.out = folder.path
    hold(folder, held)
    claim(folder, config, definition, routes, options.resume)

    todo = [spec for spec in episodes_of(config) if not folder.episode(spec.route_id, spec.arm, spec.seed).is_finished]
    for episode in folder.finished_episodes():
        read_episode(episode)  # in the hope of an error: what is damaged is told before the rest is driven
    total = len(episodes_of(config))
    folder.episodes.mkdir(exist_ok=True)

    def tell(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)  # names are the user's

    with ExitStack() as stack:
        place = stack.enter_context(place_of(options, wanted, folder, len(todo), tell))
        drives = [
            counted(len(config.route_ids), "route"),
            counted(len(config.seeds), "seed"),
            counted(len(config.arms), "arm"),
        ]
        title = definition.title or definition.name
        at_a_time = f"{place.workers} at a time{place.machines}"
        tell(f"{title}: {' x '.join(drives)}, agent {config.agent}, {at_a_time} -> {folder.path}")
        for line in left_out(routes):
            tell(line)
        started = time.monotonic()
        towns = {route.id: route.town for route in routes}
        jobs = [_job(spec, towns[spec.route_id], wanted, options, folder, place.threads) for spec in todo]
        display = stack.enter_context(RunDisplay(total, total - len(todo), console))
        for outcome in place.run(jobs, lambda job, message: display.message(job.name, message)):
            display.ended(outcome.job.name, line_of(outcome, folder))
            _write_summary(folder)  # so that a look at a running or a killed run shows what is there
    figures, page = _write_summary(folder), _write_report(folder)
    print_summary(figures, Console())
    wall_s = time.monotonic() - started
    print(f"report: {page}   ({counted(len(todo), 'episode')} in {wall_s:.0f} s)")
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


def _job(
    spec: EpisodeSpec, town: str, wanted: Asked, options: argparse.Namespace, folder: RunFolder, threads: int
) -> Job:
    config = wanted.config
    request: Request = {
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
        "agent_python": wanted.agent_python,
    }
    name = folder.episode(spec.route_id, spec.arm, spec.seed).path.name
    return Job(spec.name, dict(request), folder.path / "logs" / f"{name}.log")


def _write_summary(folder: RunFolder) -> dict[str, Any]:
    from results import summary  # statistics and plots load for a second: not before the workers are on their way

    return summary.write(folder)


def _write_report(folder: RunFolder) -> Path:
    from results import report

    return report.write(folder)


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
