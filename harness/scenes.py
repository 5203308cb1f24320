"""Records posed scenes of a training town, each in several weathers: RGB, thermal, segmentation and depth.

    python -m harness.scenes --views elm01_day,elm01_night_fog --count 400 --out data/scenes

Every view is a scenario's weather; OUT/<view>/<shard>/NNNNN.png is the same scene in all of them, so that a night view
and a clear one are twins (`python -m fusion.twins`), and the clear days teach the pilot
(`python -m agents.pilot.train`). A shard is a process and a server of its own: what is finished stays, the same command
goes on with the rest.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import carla
import numpy as np

from harness.air import ambient_for
from harness.errors import EXIT_USAGE, HarnessError
from harness.loop import PATIENCE_S
from harness.options import Parser, path, whole, writable
from harness.prepared_world import prepared_world
from harness.recording import EVALUATION_TOWNS, finish_drive, is_finished, keep_frame, paired_camera
from harness.server import embedded_server
from scenarios.definition import ScenarioDefinition, load_scenario
from scenarios.errors import ScenarioError
from scenarios.lights import RouteLights
from scenarios.posed_scenes import Places, PosedScene, pose_scene
from scenarios.spawning import Spawner
from sensors.fog import THICKEST_FOG_VISIBILITY_M, THINNEST_FOG_VISIBILITY_M
from sensors.rig import Rig
from sensors.thermal import HeatTracker, ThermalCamera

SCENES_PER_SHARD = 50
# A fog view's visibility is drawn within a factor of two either way, its droplets between these radii.
FOG_FACTOR_LOG2 = 1.0
DRAWN_RADII_UM = (3.0, 8.0)
AIR_TEMPERATURE_SPREAD_K = 6.0


@dataclass(frozen=True)
class View:
    """A weather to look at scenes in."""

    name: str
    definition: ScenarioDefinition


def main() -> int:
    try:
        options = _options()
        names = options.views.split(",")
        if len(set(names)) < len(names):
            raise HarnessError(f"--views {options.views}: each view once")
        views = [View(name, load_scenario(name)) for name in names]
        paired_camera(options.thermal)
        towns = {view.definition.town for view in views}
        if len(towns) > 1:
            raise HarnessError(f"--views {options.views}: they lie in different towns, {' and '.join(sorted(towns))}")
        if towns & set(EVALUATION_TOWNS):
            raise HarnessError(f"{towns.pop()} is for evaluation only: nothing is ever trained on it")
        writable(options.out)
        if options.shard is not None:
            started = time.monotonic()
            count = record_shard(views, options, options.shard)
            print(f"shard {options.shard}: {count} scenes in {time.monotonic() - started:.0f} s", flush=True)
            return 0
        shards = -(-options.count // SCENES_PER_SHARD)
        for shard in range(options.first, shards, options.every):
            if not all(is_finished(_folder(options, view, shard)) for view in views):
                # A process per shard: a client's threads go on asking a server that has ended.
                command = [sys.executable, "-m", "harness.scenes", *sys.argv[1:], "--shard", str(shard)]
                if subprocess.run(command, check=False).returncode:
                    raise HarnessError(f"shard {shard} failed; the same command tries it again")
    except (HarnessError, ScenarioError) as error:
        print(f"nightloop: {error}", file=sys.stderr)
        return EXIT_USAGE
    return 0


def _options() -> argparse.Namespace:
    parser = Parser(
        prog="python -m harness.scenes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--views", required=True, help="scenarios of one town whose weathers the scenes are seen in")
    parser.add_argument(
        "--count", type=whole(1, 1_000_000), default=400, help=f"scenes, in shards of {SCENES_PER_SHARD} (default: 400)"
    )
    parser.add_argument("--out", type=path, required=True, metavar="DIR", help="where the pairs go")
    parser.add_argument("--seed", type=whole(0, 2**31 - 1), default=0, help="of what is drawn (default: 0)")
    parser.add_argument("--thermal", default="adk", help="thermal camera preset (default: adk)")
    parser.add_argument(
        "--vary-air", action="store_true", help="draw fog, droplets and temperature anew for each scene"
    )
    parser.add_argument("--labels", action="store_true", help="keep segmentation and depth too")
    parser.add_argument("--threads", type=whole(1, 1_000), default=1, help="of the simulator (default: 1)")
    parser.add_argument("--first", type=whole(0, 1_000_000), default=0, help="begin with this shard ...")
    parser.add_argument(
        "--every", type=whole(1, 1_000_000), default=1, help="... and take every n-th: several processes share a job"
    )
    parser.add_argument("--shard", type=whole(0, 1_000_000), default=None, metavar="N", help="this shard alone")
    return parser.parse_args()


def _folder(options: argparse.Namespace, view: View, shard: int) -> Path:
    return Path(options.out) / view.name / f"scenes{shard:03d}-seed{options.seed}"


def record_shard(views: list[View], options: argparse.Namespace, shard: int) -> int:
    """Poses the shard's scenes and keeps every view of each; returns how many scenes."""
    town = views[0].definition.town
    count = min(SCENES_PER_SHARD, options.count - shard * SCENES_PER_SHARD)
    kept: dict[str, list[dict[str, Any]]] = {view.name: [] for view in views}
    with ExitStack() as stack:
        address = stack.enter_context(embedded_server(town, options.seed, options.threads))
        client = carla.Client(address.host, address.port)
        client.set_timeout(PATIENCE_S)
        world = prepared_world(client, town, stack)
        places = Places(world.get_map())
        for number in range(count):
            rng = np.random.default_rng([options.seed, shard, number])
            spawner = Spawner(client, world)
            try:
                scene = pose_scene(client, world, places, spawner, rng)
                lights = RouteLights(world, scene.ego, scene.vehicles)
                for view in views:
                    definition = _drawn(view.definition, rng) if options.vary_air else view.definition
                    folder = _folder(options, view, shard)
                    kept[view.name].append(_look(client, world, scene, lights, definition, folder, number, options))
            finally:
                spawner.destroy_all()
        for view in views:
            finish_drive(_folder(options, view, shard), kept[view.name])
    return count


def _drawn(definition: ScenarioDefinition, rng: np.random.Generator) -> ScenarioDefinition:
    """The same weather with other fog and another temperature of the air."""
    spread = float(rng.uniform(-AIR_TEMPERATURE_SPREAD_K, AIR_TEMPERATURE_SPREAD_K))
    air = definition.ambient
    changed: dict[str, Any] = {"ambient": air.model_copy(update={"air_temperature_c": air.air_temperature_c + spread})}
    if definition.fog is not None:
        factor = 2.0 ** float(rng.uniform(-FOG_FACTOR_LOG2, FOG_FACTOR_LOG2))
        visibility_m = max(definition.fog.visibility_m * factor, THICKEST_FOG_VISIBILITY_M)
        fog = {
            "visibility_m": min(visibility_m, math.nextafter(THINNEST_FOG_VISIBILITY_M, 0.0)),
            "droplet_radius_um": float(rng.uniform(*DRAWN_RADII_UM)),
        }
        changed["fog"] = definition.fog.model_copy(update=fog)
    return definition.model_copy(update=changed)


def _look(
    client: carla.Client,
    world: carla.World,
    scene: PosedScene,
    lights: RouteLights,
    definition: ScenarioDefinition,
    folder: Path,
    number: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """One view of a scene. Cameras are new in every view: exposure and gain control start where they would settle."""
    from agents.pilot.camera import FOV_DEG, HEIGHT, SENSOR, WIDTH

    weather = definition.weather_parameters(None)
    world.set_weather(weather)
    client.apply_batch_sync(lights.begin(scene.ego.get_location(), weather, scene.unlit), False)
    world.tick()
    ambient = ambient_for(definition, weather)
    heat = HeatTracker(world, ambient, options.seed)
    camera = ThermalCamera(paired_camera(options.thermal), WIDTH, HEIGHT, FOV_DEG, ambient, options.seed + number)
    rig = Rig(world, scene.ego, [SENSOR])
    try:
        world.tick()
        snapshot = world.get_snapshot()
        (frames,) = rig.frames(snapshot.frame, PATIENCE_S).values()
        thermal = camera.image(frames, heat.update(snapshot)).counts
    finally:
        rig.destroy()
    line = keep_frame(folder, number, frames, thermal, world, scene.ego, options.labels)
    if definition.fog is not None:
        line |= {"visibility_m": definition.fog.visibility_m, "droplet_radius_um": definition.fog.droplet_radius_um}
    return line | {"air_temperature_c": definition.ambient.air_temperature_c}


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # the client's threads can abort an orderly exit
