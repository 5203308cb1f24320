"""One episode: a route, an arm and a seed, driven to its end on one server and written to disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import carla

from agents.libraries import seed_libraries
from fusion.proxy import FusionProxy
from harness.agent_environment import agent_environment
from harness.air import ambient_for
from harness.arms import arm_of
from harness.drive import Drive, Tell
from harness.errors import HarnessError
from harness.loop import PATIENCE_S
from harness.prepared_world import prepared_world
from harness.request import Request, name_of
from harness.server import ServerAddress, free_port
from results.layout import RunFolder
from results.record import EpisodeRecord, write_episode
from scenarios.definition import load_scenario
from scenarios.fitting import plan_route, title_of
from scenarios.route_subset import select_routes
from scenarios.stage import Stage
from sensors.fog_table import load_fog_table


def run_episode(request: Request, tell: Tell, server: Callable[[], ServerAddress]) -> dict[str, Any]:
    """Drives what `request` asks for, writes the episode's folder and returns its last message.

    `server()` waits for the server, which may still be starting (`harness.server.server_for`).
    An agent's failure is a result and is recorded; a simulation's failure raises, so that the episode is run again.
    """
    config = request["config"]
    arm = arm_of(request["arm"])
    seed = int(request["seed"])
    seed_libraries(seed, int(request["threads"]))
    definition = load_scenario(request["scenario"])
    if request["routes"]:
        definition = definition.on_routes(Path(request["routes"]))
    driven = definition.clear_twin() if arm.clear_twin else definition
    if arm.droplet_radius_um is not None:
        driven = driven.with_droplets(arm.droplet_radius_um)
    if request["fog_table"]:
        driven = driven.with_fog_table(load_fog_table(Path(request["fog_table"])))
    (spec,) = select_routes(definition.load_routes(), [request["route_id"]])
    started = time.monotonic()
    with ExitStack() as stack:
        tell({"event": "state", "text": "starting the server"})
        routes = definition.routes_path
        # In the run's own folder: a drive may be killed.
        own_name = Path(request["out"]) / "logs" / f"{routes.stem}_{name_of(request)}{routes.suffix}"
        stack.enter_context(agent_environment(routes, config["metric_version"], own_name))
        proxy = FusionProxy.from_pretrained(arm.weights or config["weights"], threads=int(request["threads"]))
        address = server()
        client = carla.Client(address.host, address.port)
        client.set_timeout(PATIENCE_S)
        world = prepared_world(client, spec.town, stack)
        route = plan_route(world.get_map(), spec)
        tell({"event": "state", "text": "setting the stage"})
        stage = Stage(client, world, route, spec, driven, seed, free_port())
        stack.callback(stage.destroy)
        for why in stage.left_out.values():
            print(f"left out: {why}")
        air = ambient_for(driven, stage.weather)
        drive = Drive(request, address, client, world, stage, route, proxy, air, seed, tell)
        stack.callback(drive.destroy)
        drive.run()
        server_version = client.get_server_version()
    record = EpisodeRecord(
        scenario=definition.name,
        town=spec.town,
        route_id=spec.id,
        arm=arm.name,
        seed=seed,
        agent=config["agent"],
        track=drive.track,
        events=tuple(drive.events),
        route_length_m=route.length_m,
        duration_game_s=drive.ticks[-1].time_s if drive.ticks else 0.0,
        duration_system_s=time.monotonic() - started,
        tick_count=len(drive.ticks),
        config_hash=request["config_hash"],
        server_kind=address.kind,
        server_version=server_version,
        attempt=int(request["attempt"]),
        failure=drive.failure,
        error=drive.error,
        route_name=title_of(spec, stage.left_out),
        sensors=drive.sensors,
        clips=tuple(drive.clips),
        route_xy=tuple((float(x), float(y)) for x, y in route.xyz[::2, :2]),
    )
    folder = RunFolder(Path(request["out"])).episode(spec.id, arm.name, seed)
    try:
        write_episode(folder, record, drive.ticks, drive.strips)
    except OSError as error:  # driving it again would not make room
        raise HarnessError(f"{folder.path} cannot be written: {error.strerror}") from error
    return {"status": record.status}
