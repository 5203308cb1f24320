"""Records drives of the privileged agent for training: RGB, thermal, segmentation and depth of one camera.

    python -m harness.record --scenario elm01_day --out data/elm01_day

The same routes and seed under another weather show the same scene frame by frame, since nothing in the loop depends on
light: a recording in fog and its clear twin pair up by file name. One command records both and pairs them:

    python -m harness.record --scenario elm01_night_fog --twin --out data/twins/elm01

leaves the drives in OUT/drives/SCENARIO and the pairs in OUT/rgb, thermal, clear, depth, tags and instances, as
`python -m fusion.train_teacher --data OUT` reads them. `--twin SCENARIO` names another twin than the scenario's own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import carla

from agents.loader import load_agent_class, make_agent
from fusion import FusionError
from fusion.twins import gather
from harness.air import ambient_for
from harness.errors import EXIT_EPISODES_FAILED, EXIT_USAGE, HarnessError
from harness.loop import PATIENCE_S, STEP_S, WARM_UP_TICKS
from harness.options import Parser, given, path, seconds, whole, writable
from harness.prepared_world import prepared_world
from harness.recording import EVALUATION_TOWNS, finish_drive, is_finished, keep_frame, paired_camera
from harness.sensors import AgentSensors
from harness.server import embedded_server, free_port
from scenarios.definition import ScenarioDefinition, load_scenario
from scenarios.errors import ScenarioError
from scenarios.fitting import plan_route
from scenarios.planner import gps_plan
from scenarios.route_subset import select_routes
from scenarios.specs import RouteSpec
from scenarios.stage import Stage
from sensors.rig import Rig
from sensors.thermal import HeatTracker, ThermalCamera


def main() -> int:
    try:
        options = _options()
        definition = load_scenario(options.scenario)
        if definition.town in EVALUATION_TOWNS:
            raise HarnessError(f"{definition.town} is for evaluation only: nothing is ever trained on it")
        if options.route:
            (spec,) = select_routes(definition.load_routes(), [options.route])
            folder = _folder(options, spec.id)
            started = time.monotonic()
            count = record_route(definition, spec, options, folder)
            print(f"{folder}: {count} frames in {time.monotonic() - started:.0f} s", flush=True)
            return 0
        paired_camera(options.thermal)
        writable(options.out)
        lost = record_all(definition, options) if options.twin is None else record_twins(definition, options)
        if lost:
            print(f"nightloop: {len(lost)} routes were not recorded: {', '.join(lost)}", file=sys.stderr)
            return EXIT_EPISODES_FAILED
    except (HarnessError, ScenarioError, FusionError) as error:
        print(f"nightloop: {error}", file=sys.stderr)
        return EXIT_USAGE
    return 0


def record_all(definition: ScenarioDefinition, options: argparse.Namespace) -> list[str]:
    """Every chosen route of the scenario that is not recorded yet; the ids of those that could not be."""
    routes = definition.load_routes()[options.first :: options.every_route]
    chosen = routes[: options.routes or None]
    for spec in chosen:
        if not is_finished(_folder(options, spec.id)):
            # A process per route: a client's Traffic Manager goes on asking a server that has ended.
            # A drawn route may have no room for one of its actors; the others are recorded all the same.
            subprocess.run(
                [sys.executable, "-m", "harness.record", *_arguments(options), "--route", spec.id], check=False
            )
    return [spec.id for spec in chosen if not is_finished(_folder(options, spec.id))]


def record_twins(definition: ScenarioDefinition, options: argparse.Namespace) -> list[str]:
    """The scenario and its clear twin, then the frames that both show from the same place as pairs."""
    twin = load_scenario(options.twin) if options.twin else definition.clear_twin()
    if twin.source == definition.source:
        raise HarnessError(f"{options.scenario} names no clear twin: give --twin SCENARIO")
    if twin.town != definition.town:
        raise HarnessError(
            f"{twin.town} cannot show the drives of {definition.town} by day: a twin needs the same town"
        )
    folders, missing = [], []
    for one in (definition, twin):
        folders.append(Path(options.out) / "drives" / Path(one.source).stem)
        each = {"scenario": str(one.source), "out": folders[-1], "labels": one is definition}
        missing += record_all(one, argparse.Namespace(**{**vars(options), **each}))
    count, lost = gather(folders[0], folders[1], Path(options.out))
    print(f"{count} pairs with their clear twin in {options.out}; {lost} frames had none", flush=True)
    return list(dict.fromkeys(missing))


def _arguments(options: argparse.Namespace) -> list[str]:
    """The command line of these options, for one route's own process."""
    named = ("scenario", "out", "seed", "period", "thermal", "threads", "max_time")
    words = [word for name in named for word in (f"--{name.replace('_', '-')}", str(getattr(options, name)))]
    return [*words, *(["--labels"] if options.labels else [])]


def _options() -> argparse.Namespace:
    parser = Parser(
        prog="python -m harness.record", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", type=given, required=True, help="a scenario's name or YAML file")
    parser.add_argument("--out", type=path, required=True, metavar="DIR", help="where the pairs go")
    parser.add_argument("--seed", type=whole(0, 2**31 - 1), default=0, help="of traffic and hazards (default: 0)")
    parser.add_argument(
        "--period", type=whole(1, 10_000), default=5, metavar="TICKS", help="ticks between kept frames (default: 5)"
    )
    parser.add_argument("--thermal", default="adk", help="thermal camera preset (default: adk)")
    parser.add_argument("--threads", type=whole(1, 1_000), default=1, help="of the simulator (default: 1)")
    parser.add_argument("--first", type=whole(0, 1_000_000), default=0, help="begin with this route ...")
    parser.add_argument(
        "--every-route",
        type=whole(1, 1_000_000),
        default=1,
        help="... and take every n-th: several processes share a job",
    )
    parser.add_argument("--route", default="", metavar="ID", help="this route alone")
    parser.add_argument(
        "--max-time", type=seconds, default=90.0, metavar="S", help="simulated seconds per route at most (default: 90)"
    )
    parser.add_argument(
        "--routes", type=whole(0, 1_000_000), default=0, metavar="N", help="at most so many routes; 0 is all"
    )
    parser.add_argument(
        "--twin", nargs="?", const="", metavar="SCENARIO", help="record the clear twin too and pair them, with labels"
    )
    parser.add_argument("--labels", action="store_true", help="keep segmentation and depth too")
    return parser.parse_args()


def _folder(options: argparse.Namespace, route_id: str) -> Path:
    return Path(options.out) / f"{route_id}-seed{options.seed}"


def record_route(definition: ScenarioDefinition, spec: RouteSpec, options: argparse.Namespace, folder: Path) -> int:
    """Drives one route with the oracle and keeps every n-th frame; frames.jsonl, written last, says it is whole."""
    from agents.pilot.camera import FOV_DEG, HEIGHT, SENSOR, WIDTH

    with ExitStack() as stack:
        address = stack.enter_context(embedded_server(definition.town, options.seed, options.threads))
        client = carla.Client(address.host, address.port)
        client.set_timeout(PATIENCE_S)
        world = prepared_world(client, definition.town, stack)
        route = plan_route(world.get_map(), spec)
        stage = Stage(client, world, route, spec, definition, options.seed, free_port())
        stack.callback(stage.destroy)
        agent = make_agent(
            load_agent_class("oracle"), address.host, address.port, "", gps_plan(route, stage.carla_map), route.points
        )
        agent.set_world(world, stage.ego, route)
        sensors = AgentSensors(world, stage.ego, agent.sensors(), PATIENCE_S)
        stack.callback(sensors.destroy)
        ambient = ambient_for(definition, stage.weather)
        # Cameras work only on the ticks that are kept, counted from the first one after they listen.
        rig = Rig(world, stage.ego, [SENSOR], {"sensor_tick": f"{options.period * STEP_S:.3f}"})
        stack.callback(rig.destroy)
        heat = HeatTracker(world, ambient, options.seed)
        thermal = ThermalCamera(paired_camera(options.thermal), WIDTH, HEIGHT, FOV_DEG, ambient, options.seed)
        kept: list[dict[str, Any]] = []
        for number in range(int(options.max_time / STEP_S)):
            world.tick(PATIENCE_S)
            snapshot = world.get_snapshot()
            time_s = max(number - WARM_UP_TICKS, 0) * STEP_S
            actors = heat.update(snapshot)
            if number % options.period == 0:
                (frames,) = rig.frames(snapshot.frame, PATIENCE_S).values()
                image = thermal.image(frames, actors).counts
                if number >= WARM_UP_TICKS:
                    kept.append(keep_frame(folder, len(kept), frames, image, world, stage.ego, options.labels))
            own = sensors.read(snapshot.frame)
            tick = stage.observe(snapshot, time_s)
            if number < WARM_UP_TICKS:
                stage.ego.apply_control(carla.VehicleControl(brake=1.0))
                continue
            before = stage.weather
            stage.ego.apply_control(agent.run_step(own, snapshot.timestamp.elapsed_seconds))
            stage.step(time_s)
            if stage.weather is not before:
                heat.ambient = thermal.ambient = ambient_for(definition, stage.weather)
            if tick.route_progress_m > route.length_m - 5.0:
                break
        finish_drive(folder, kept)
    return len(kept)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the client's threads can abort an orderly exit
