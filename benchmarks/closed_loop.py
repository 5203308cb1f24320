"""What a tick of the whole loop costs, and where the time goes.

    python -m benchmarks.closed_loop [--json FILE] [--ticks 200] [--agent pilot] [--arm fused]
        [--size 640x360] [--cameras 1] [--vehicles 30] [--walkers 20]

The main job's own parts: night_fog's first route on the embedded simulator with its hazards, 30 vehicles and 20
walkers, RGB, instance segmentation and depth, the thermal camera, FusionProxy, the agent. Times are wall-clock times of
one episode alone on the machine; the processor time of both processes stands beside them, since neighbours on a shared
machine change the former and hardly the latter. The fastest tick of each part is what it takes undisturbed. The agent
gets its frames at the size that it declared, whatever the cameras' size. The server draws while the client goes on:
what drawing costs beyond that shows in the rig's wait. `docs/speed.md` has the figures, floor and now.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import carla
import cv2
import numpy as np
import psutil

from agents.libraries import seed_libraries
from agents.loader import BUILT_IN, load_agent_class, make_agent
from harness.air import ambient_for
from harness.arms import ARMS
from harness.cameras import Cameras
from harness.cores import usable_cores
from harness.kernels import compile_kernels
from harness.loop import PATIENCE_S, STEP_S, WARM_UP_TICKS
from harness.prepared_world import prepared_world
from harness.sensors import CAMERA, AgentSensors, check_declared
from harness.server import embedded_server, free_port
from scenarios.criteria import Judgement
from scenarios.definition import Traffic, load_scenario
from scenarios.planner import gps_plan, plan
from scenarios.stage import Stage

PARTS = {
    "server": "server: step, Traffic Manager",
    "rig": "rig: wait for images, decode",
    "heat": "heat of the actors",
    "thermal": "thermal camera",
    "fusion": "FusionProxy",
    "agent": "agent",
    "stage": "scenario, criteria",
}
FAN_DEG = 50.0
"""Between the cameras when there are several, as on a car with a surround view."""


class Clock:
    """Milliseconds per part and tick."""

    def __init__(self) -> None:
        self.ticks: list[dict[str, float]] = []
        self._now: dict[str, float] = defaultdict(float)

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self._now[part] += (time.perf_counter() - start) * 1e3

        return call

    def tick(self, whole_ms: float) -> None:
        spent = {part: self._now[part] for part in PARTS}
        self.ticks.append({**spent, "rest": whole_ms - sum(spent.values()), "tick": whole_ms})
        self._now.clear()


@dataclass(frozen=True)
class Load:
    """How much there is to see: pixels of a camera, cameras, actors around the route."""

    width: int
    height: int
    cameras: int
    traffic: Traffic

    def pairs(self, declared: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The agent's own cameras at this size; more of its first one, turned, where more are asked for."""
        own = [{**s, "width": self.width, "height": self.height} for s in declared if s["type"] == CAMERA]
        more = [
            {**own[0], "id": f"{own[0]['id']}-{k}", "yaw": float(own[0].get("yaw", 0.0)) + FAN_DEG * k}
            for k in range(1, self.cameras - len(own) + 1)
        ]
        return own + more


def measured(scenario: str, agent_name: str, arm: str, ticks: int, threads: int, load: Load) -> dict[str, Any]:
    """Drives `ticks` ticks after the warm-up; all figures by name."""
    from fusion.proxy import FusionProxy

    definition = load_scenario(scenario).model_copy(update={"traffic": load.traffic})
    spec = definition.load_routes(quick=True)[0]
    seed_libraries(0, threads)
    clock = Clock()
    with ExitStack() as stack:
        address = stack.enter_context(embedded_server(definition.town, 0, threads))
        (server,) = (p for p in psutil.Process().children() if "simulator.serve" in p.cmdline())
        client = carla.Client(address.host, address.port)
        client.set_timeout(PATIENCE_S)
        world = prepared_world(client, definition.town, stack)
        route = plan(world.get_map(), spec.keypoints)
        stage = Stage(client, world, route, spec, definition, 0, free_port())
        stack.callback(stage.destroy)
        gps = gps_plan(route, stage.carla_map)
        agent = make_agent(load_agent_class(agent_name), address.host, address.port, "", gps, route.points)
        stack.callback(agent.destroy)
        if hasattr(agent, "set_world"):
            agent.set_world(world, stage.ego, route)
        declared = check_declared(agent.sensors(), agent_name)
        pairs = load.pairs(declared)
        declared = [s for s in declared if s["type"] != CAMERA] + pairs
        proxy = FusionProxy.from_pretrained(threads=threads)
        air = ambient_for(definition, stage.weather)
        cameras = Cameras(world, stage.ego, pairs, ARMS[arm].fused, proxy, "adk", air, 0)
        stack.callback(cameras.destroy)
        sensors = AgentSensors(world, stage.ego, declared, PATIENCE_S)
        stack.callback(sensors.destroy)
        _time_parts(clock, cameras)
        wanted = {s["id"]: (int(s["width"]), int(s["height"])) for s in agent.sensors() if s["type"] == CAMERA}
        world_tick, run_step = clock.timed("server", world.tick), clock.timed("agent", agent.run_step)
        observe, step = clock.timed("stage", stage.observe_snapshot), clock.timed("stage", stage.step)
        judge, judge_contacts = clock.timed("stage", Judgement), clock.timed("stage", Judgement.events)
        criteria = stage.criteria()
        control = carla.VehicleControl(brake=1.0, hand_brake=True)
        for number in range(-WARM_UP_TICKS, ticks):
            if number == 0:
                clock.ticks.clear()
                before_s = (_cpu_s(psutil.Process()), _cpu_s(server))
                began = time.perf_counter()
            start, time_s = time.perf_counter(), max(number, 0) * STEP_S
            stage.ego.apply_control(control)
            frame = world_tick(PATIENCE_S)
            snapshot = world.get_snapshot()
            cameras.begin(snapshot, PATIENCE_S)
            own = sensors.read(frame)
            tick = observe(snapshot, time_s)
            judgement = judge(criteria, tick)
            data = cameras.read(snapshot, time_s, PATIENCE_S) | own
            judge_contacts(judgement, stage.with_contacts(tick, snapshot))
            for name, size in wanted.items():
                if size != (load.width, load.height):
                    data[name] = (data[name][0], cv2.resize(data[name][1], size, interpolation=cv2.INTER_AREA))
            control = run_step(data, snapshot.timestamp.elapsed_seconds)
            step(time_s)
            clock.tick((time.perf_counter() - start) * 1e3)
        wall_s = time.perf_counter() - began
        spent_s = (_cpu_s(psutil.Process()) - before_s[0], _cpu_s(server) - before_s[1])
    figures: dict[str, Any] = {
        "ticks_per_s": round(ticks / wall_s, 2),
        "real_time_factor": round(ticks * STEP_S / wall_s, 3),
        "client_cpu_ms_per_tick": round(spent_s[0] / ticks * 1e3, 2),
        "server_cpu_ms_per_tick": round(spent_s[1] / ticks * 1e3, 2),
    }
    for part in (*PARTS, "rest", "tick"):
        values = np.array([row[part] for row in clock.ticks])
        figures[f"{part}_mean_ms"] = round(float(values.mean()), 2)
        figures[f"{part}_least_ms"] = round(float(values.min()), 2)
        figures[f"{part}_p95_ms"] = round(float(np.percentile(values, 95)), 2)
    return figures


def _time_parts(clock: Clock, cameras: Cameras) -> None:
    """The parts inside `Cameras.read`, each with a clock around it."""
    inside: Any = cameras
    inside._rig.first_hits = clock.timed("rig", inside._rig.first_hits)
    inside._rig.frames = clock.timed("rig", inside._rig.frames)
    inside._heat.update = clock.timed("heat", inside._heat.update)
    inside._proxy = clock.timed("fusion", inside._proxy)
    for camera in inside._thermal.values():
        camera.image = clock.timed("thermal", camera.image)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def machine() -> dict[str, Any]:
    return {"cores": usable_cores(), "processor": _processor(), "load_before": round(os.getloadavg()[0], 2)}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.closed_loop", description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--ticks", type=int, default=200)
    parser.add_argument("--scenario", default="night_fog")
    parser.add_argument("--agent", default="pilot", help=f"{', '.join(BUILT_IN)} or a file")
    parser.add_argument("--arm", default="fused", choices=ARMS)
    parser.add_argument("--threads", type=int, default=None, help="of the renderer and the pilot (default: the cores)")
    parser.add_argument("--size", default="640x360", help="of each camera")
    parser.add_argument("--cameras", type=int, default=1, help="camera pairs")
    parser.add_argument("--vehicles", type=int, default=30)
    parser.add_argument("--walkers", type=int, default=20)
    chosen = parser.parse_args(arguments)
    width, height = (int(n) for n in chosen.size.split("x"))
    load = Load(width, height, chosen.cameras, Traffic(vehicles=chosen.vehicles, walkers=chosen.walkers))
    here = machine()
    threads = chosen.threads or here["cores"]
    compile_kernels(print)
    figures = measured(chosen.scenario, chosen.agent, chosen.arm, chosen.ticks, threads, load)
    print(
        f"{chosen.scenario}, {chosen.arm} arm, agent {chosen.agent}, {chosen.cameras} x {chosen.size} pair, "
        f"{chosen.vehicles} vehicles, {chosen.walkers} walkers, {chosen.ticks} ticks\n"
        f"{here['cores']} cores, {here['processor']}, load {here['load_before']} before the start, {threads} threads"
    )
    print(f"\n{'ms per tick':32}{'least':>9}{'mean':>9}{'p95':>9}")
    for part, title in {**PARTS, "rest": "rest", "tick": "whole tick"}.items():
        print(f"{title:32}" + "".join(f"{figures[f'{part}_{kind}_ms']:9.2f}" for kind in ("least", "mean", "p95")))
    client_ms, server_ms = figures["client_cpu_ms_per_tick"], figures["server_cpu_ms_per_tick"]
    print(f"\nprocessor time: client {client_ms:.1f} ms, server {server_ms:.1f} ms per tick")
    print(f"ticks_per_s {figures['ticks_per_s']:.1f}   (20 is real time)")
    print("Wall-clock figures: on a machine that others use too they vary from run to run.")
    if chosen.json:
        settings = {"scenario": chosen.scenario, "arm": chosen.arm, "agent": chosen.agent, "ticks": chosen.ticks}
        record = {**figures, **settings, "load": asdict(load) | {"traffic": load.traffic.model_dump()}}
        record |= {"threads": threads, "machine": here}
        chosen.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
