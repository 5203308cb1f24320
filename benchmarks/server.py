"""What the server itself costs, as a client of it sees it.

python -m benchmarks.server [--json FILE] [--town Elm01] [--ticks 600] [--memory-ticks 20000]

Targets on 2 cores: 1 ms of the server's own time per tick with 50 vehicles and no camera; 4 ms per 800x600 image beyond
rendering it; memory grows by less than 5 % over 20,000 ticks of spawning and destroying.

Figures: `tick_N_wall_ms` is the median of `world.tick()` with N driving vehicles, `tick_N_server_ms` the processor time
of the server per tick; `rpc_*` likewise for `world.get_weather()`; `image_added_ms` is what a tick takes longer, at the
median, with a camera that needs no rendering, up to the client's callback (`image_server_ms`: processor time of it).
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import carla
import psutil
from rich.progress import track

from simulator.process import ServerProcess, server_process
from simulator.proofs.traffic import synchronous

VEHICLE_COUNTS = (0, 10, 50, 100)
IMAGE_SIZE = (800, 600)
_WARM_UP = 30
_MEMORY_SETTLES_TICKS = 2000
_ALIVE_AT_A_TIME = 20


class Client:
    """A synchronous world and the clock of its server."""

    def __init__(self, server: ServerProcess) -> None:
        self._carla = carla.Client("127.0.0.1", server.port)
        self._carla.set_timeout(60.0)
        self.world = self._carla.get_world()
        synchronous(self.world)
        self.process = psutil.Process(server.process.pid)
        self.points = self.world.get_map().get_spawn_points()
        cars = self.world.get_blueprint_library().filter("vehicle.*")
        self.cars = sorted((b for b in cars if b.get_attribute("base_type").as_str() == "car"), key=lambda b: b.id)

    def fill(self, count: int) -> int:
        """Spawns vehicles under way until there are `count`, and says how many there are."""
        there = len(self.world.get_actors().filter("vehicle.*"))
        for point in self.points[there:]:
            if there == count:
                break
            car = self.world.try_spawn_actor(self.cars[there % len(self.cars)], point)
            if car is not None:
                car.apply_control(carla.VehicleControl(throttle=0.4))
                there += 1
        self.world.tick()
        return there

    def timed(self, call: Callable[[], object], times: int) -> tuple[float, float]:
        """Median wall time and mean server processor time of a call, ms."""
        for _ in range(_WARM_UP):
            call()
        walls = []
        before = self.process.cpu_times()
        for _ in range(times):
            start = time.perf_counter()
            call()
            walls.append(time.perf_counter() - start)
        after = self.process.cpu_times()
        own_s = after.user + after.system - before.user - before.system
        return 1e3 * statistics.median(walls), 1e3 * own_s / times


def latencies(town: str, ticks: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    with server_process("--town", town) as server:
        client = Client(server)
        wall, own = client.timed(client.world.get_weather, 3 * ticks)
        figures |= {"rpc_wall_ms": wall, "rpc_server_ms": own}
        for count in VEHICLE_COUNTS:
            there = client.fill(count)
            wall, own = client.timed(client.world.tick, ticks)
            figures |= {f"tick_{there}_wall_ms": wall, f"tick_{there}_server_ms": own}
    return figures


def images(town: str, ticks: int) -> dict[str, float]:
    with server_process("--town", town, module="benchmarks.still_server") as server:
        client = Client(server)
        without_wall, without_own = client.timed(client.world.tick, ticks)
        blueprint = client.world.get_blueprint_library().find("sensor.camera.rgb")
        for name, size in zip(("image_size_x", "image_size_y"), IMAGE_SIZE):
            blueprint.set_attribute(name, str(size))
        camera = client.world.spawn_actor(blueprint, client.points[0])
        arrived: queue.Queue[Any] = queue.Queue()
        camera.listen(lambda image: arrived.put(image.frame))

        def tick() -> None:
            frame = client.world.tick()
            while arrived.get(timeout=60.0) < frame:
                pass

        wall, own = client.timed(tick, ticks)
        camera.stop()
        client.world.tick()
    return {
        "image_added_ms": wall - without_wall,
        "image_server_ms": own - without_own,
        "images_per_s": 1e3 / wall,
    }


def memory(town: str, ticks: int) -> dict[str, float]:
    """Vehicles with a GNSS receiver come and go, one of each per tick."""
    with server_process("--town", town) as server:
        client = Client(server)
        gnss = client.world.get_blueprint_library().find("sensor.other.gnss")
        alive: list[carla.Actor] = []
        settled_mb = 0.0
        for tick in track(range(ticks), "memory", transient=True):
            point = client.points[tick % len(client.points)]
            car = client.world.try_spawn_actor(client.cars[tick % len(client.cars)], point)
            if car is not None:
                alive.append(car)
                alive.append(client.world.spawn_actor(gnss, carla.Transform(), car))
            while len(alive) > _ALIVE_AT_A_TIME:
                car, sensor = alive.pop(0), alive.pop(0)
                sensor.destroy()
                car.destroy()
            client.world.tick()
            if tick == min(_MEMORY_SETTLES_TICKS, ticks // 2):
                settled_mb = client.process.memory_info().rss / 2**20
        end_mb = client.process.memory_info().rss / 2**20
    return {"memory_mb": end_mb, "memory_growth_percent": 100.0 * (end_mb / settled_mb - 1.0)}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.server", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--town", default="Elm01")
    parser.add_argument("--ticks", type=int, default=600)
    parser.add_argument("--memory-ticks", type=int, default=20_000, help="0 leaves this part out")
    options = parser.parse_args()
    figures = latencies(options.town, options.ticks) | images(options.town, options.ticks)
    if options.memory_ticks:
        figures |= memory(options.town, options.memory_ticks)
    for name, value in figures.items():
        print(f"{name:24s} {value:8.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # threads of the carla client can abort an orderly exit
