"""Drives routes on the real server with the real client, without cameras: seconds instead of minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import carla

from agents.loader import load_agent_class, make_agent
from harness.loop import STEP_S, WARM_UP_TICKS
from harness.prepared_world import prepared_world
from harness.sensors import AgentSensors
from harness.server import free_port
from results.events import TERMINATING_KINDS, Event
from results.scores import Score, completion_of, score
from results.ticks import Tick
from scenarios.definition import load_scenario
from scenarios.planner import RoutePlan, gps_plan, plan
from scenarios.stage import Stage


@dataclass
class Drive:
    plan: RoutePlan
    signs: object
    ticks: list[Tick] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def score(self) -> Score:
        return score(self.events, completion_of(self.events))


@contextmanager
def connected(town: str, seed: int = 0) -> Iterator[tuple[carla.Client, carla.World, int]]:
    """Client and synchronous world of a fresh embedded server, and its port."""
    command = [sys.executable, "-m", "simulator.serve", "--port", "0", "--town", town, "--seed", str(seed)]
    # Without --cameras: nobody looks, and the renderer need not be loaded.
    command += ["--parent-pid", str(os.getpid())]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert server.stdout is not None
        port = int(json.loads(server.stdout.readline())["rpc_port"])
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(60.0)
        with ExitStack() as stack:
            yield client, prepared_world(client, town, stack), port
    finally:
        server.terminate()
        server.wait(timeout=20.0)


def drive_route(
    client: carla.Client,
    world: carla.World,
    port: int,
    scenario: str,
    route_id: str,
    agent_name: str = "oracle",
    seed: int = 0,
    longest_s: float = 150.0,
) -> Drive:
    """One route to its end, judged by the criteria."""
    definition = load_scenario(scenario)
    spec = next(route for route in definition.load_routes() if route.id == route_id)
    route = plan(world.get_map(), spec.keypoints)
    stage = Stage(client, world, route, spec, definition, seed, free_port())
    sensors = None
    try:
        result = Drive(route, stage.signs)
        gps = gps_plan(route, stage.carla_map)
        agent = make_agent(load_agent_class(agent_name), "localhost", port, "", gps, route.points)
        if hasattr(agent, "set_world"):
            agent.set_world(world, stage.ego, route)
        sensors = AgentSensors(world, stage.ego, agent.sensors(), 60.0)
        for _ in range(WARM_UP_TICKS):
            stage.ego.apply_control(carla.VehicleControl(brake=1.0, hand_brake=True))
            sensors.read(world.tick())
        criteria = stage.criteria()
        started = time.process_time()
        while len(result.ticks) * STEP_S < longest_s:
            time_s = len(result.ticks) * STEP_S
            data = sensors.read(world.tick())
            snapshot = world.get_snapshot()
            tick = stage.observe(snapshot, time_s)
            result.ticks.append(tick)
            new = [event for criterion in criteria for event in criterion.update(tick)]
            result.events += new
            if any(event.kind in TERMINATING_KINDS for event in new):
                break
            stage.ego.apply_control(agent.run_step(data, snapshot.timestamp.elapsed_seconds))
            stage.step(time_s)
        result.cpu_s = time.process_time() - started
        result.events += [event for criterion in criteria for event in criterion.finish(result.ticks[-1])]
        return result
    finally:
        if sensors is not None:
            sensors.destroy()
        stage.destroy()
        world.tick()
