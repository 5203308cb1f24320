"""The client of `simulator.stress`: ticks as fast as it can. Prints the number of ticks done, once per 500."""

from __future__ import annotations

import argparse
import os
import random
import sys

import carla

from simulator.proofs.traffic import spawn_vehicles, synchronous, traffic_manager

PER_LINE_TICKS = 500


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.proofs.flat_out")
    for name in ("port", "ticks", "vehicles", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    client = carla.Client("127.0.0.1", options.port)
    client.set_timeout(60.0)
    world = client.get_world()
    synchronous(world, rendering=False)
    manager = traffic_manager(client, options.seed)
    spawn_vehicles(client, world, manager, options.vehicles, random.Random(options.seed))
    for tick in range(1, options.ticks + 1):
        world.tick()
        if tick % PER_LINE_TICKS == 0 or tick == options.ticks:
            print(tick, flush=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # threads of the carla client can abort an orderly exit
