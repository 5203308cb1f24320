"""What a tick of the world costs without pictures: CPU milliseconds of one thread.

python -m benchmarks.world_step [--json FILE] [--town Elm01] [--vehicles 50] [--walkers 30]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from simulator.towns import build_town
from simulator.types import ActorDescription, Transform, Vector3D, VehicleControl, WalkerControl
from simulator.world.actor import SpawnError
from simulator.world.blueprints.vehicles import VEHICLES
from simulator.world.blueprints.walkers import WALKERS
from simulator.world.world import World

DELTA_S = 0.05
SENSORS = ("sensor.other.imu", "sensor.other.gnss", "sensor.other.collision", *["sensor.camera.rgb"] * 3)


def populated(town_name: str, vehicles: int, walkers: int) -> World:
    """Vehicles at the spawn points under way, walkers beside them, the usual sensors on the first vehicle."""
    world = World(build_town(town_name), seed=0)
    points = world.town.spawn_points
    models = [name for name, kind in VEHICLES.items() if kind.base_type == "car"]
    for k in range(vehicles):
        try:
            car = world.spawn(ActorDescription(0, models[k % len(models)]), points[k % len(points)]).id
        except SpawnError:
            continue
        world.apply_control_to_vehicle(car, VehicleControl(throttle=0.4))
        if len(world.vehicles) == 1:
            for sensor in SENSORS:
                world.spawn(ActorDescription(0, sensor), Transform(Vector3D(z=1.5)), car)
    for k in range(walkers):
        x, y, _ = points[-1 - k % len(points)].location
        try:
            place = Transform(Vector3D(x, y + 4.0, 1.2))
            walker = world.spawn(ActorDescription(0, WALKERS[k % len(WALKERS)]), place).id
        except SpawnError:
            continue
        world.apply_control_to_walker(walker, WalkerControl(Vector3D(1.0, 0.3, 0.0), 1.4))
    return world


def median_ms(call: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        start = time.thread_time()
        call()
        spent.append(time.thread_time() - start)
    return 1e3 * statistics.median(spent)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.world_step",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--town", default="Elm01")
    parser.add_argument("--vehicles", type=int, default=50)
    parser.add_argument("--walkers", type=int, default=30)
    options = parser.parse_args()
    world = populated(options.town, options.vehicles, options.walkers)
    median_ms(lambda: (world.step(DELTA_S), world.snapshot_rows(), world.view()), 20)
    figures = {
        "vehicles": len(world.vehicles),
        "walkers": len(world.walkers),
        "obstacles": len(world.obstacles.boxes),
        "step_ms": median_ms(lambda: world.step(DELTA_S), 200),
        "snapshot_ms": median_ms(world.snapshot_rows, 200),
        "view_ms": median_ms(world.view, 200),
    }
    for name, value in figures.items():
        print(f"{name:12s} {value:8.3f}" if name.endswith("_ms") else f"{name:12s} {value:8d}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
