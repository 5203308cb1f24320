"""Drives a town's traffic with CARLA's own Traffic Manager and says who stood still or left the lanes.

python -m benchmarks.town_traffic [--town Fell01] [--vehicles 12] [--seconds 60] [--json FILE]

Figures: metres driven (least and median of all vehicles), the longest time that one stood without a red light or
another vehicle before it, and the farthest that one was from the middle of its lane. Ends with 1 when a vehicle stood
for more than 20 s or was more than 2 m off.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import carla

from harness.server import embedded_server

DELTA_S = 0.05
STANDING_MPS = 0.2
MOST_STANDING_S, MOST_OFF_M = 20.0, 2.0
QUEUE_M = 14.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.town_traffic", description=__doc__)
    parser.add_argument("--town", default="Fell01")
    parser.add_argument("--vehicles", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with embedded_server(chosen.town, 0, 1) as address:
        figures = traffic(address.host, address.port, chosen.vehicles, chosen.seconds)
    print(json.dumps(figures, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(figures["longest_standing_s"] > MOST_STANDING_S or figures["farthest_off_m"] > MOST_OFF_M)


def traffic(host: str, port: int, count: int, seconds: float) -> dict[str, float]:
    client = carla.Client(host, port)
    client.set_timeout(120.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, DELTA_S
    world.apply_settings(settings)
    manager = client.get_trafficmanager(8000)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(0)
    points = world.get_map().get_spawn_points()
    car = world.get_blueprint_library().find("vehicle.lincoln.mkz_2020")
    chosen = points[:: max(1, len(points) // count)][:count]
    vehicles = [world.spawn_actor(car, point) for point in chosen]
    for vehicle in vehicles:
        vehicle.set_autopilot(True, 8000)
    world.tick()
    carla_map = world.get_map()
    driven = {vehicle.id: 0.0 for vehicle in vehicles}
    standing = dict.fromkeys(driven, 0.0)
    longest = farthest = 0.0
    before = {vehicle.id: vehicle.get_location() for vehicle in vehicles}
    for _ in range(round(seconds / DELTA_S)):
        world.tick()
        places = {vehicle.id: vehicle.get_location() for vehicle in vehicles}
        for vehicle in vehicles:
            at = places[vehicle.id]
            driven[vehicle.id] += at.distance(before[vehicle.id])
            middle = carla_map.get_waypoint(at).transform.location
            farthest = max(farthest, carla.Location(at.x, at.y, 0.0).distance(carla.Location(middle.x, middle.y, 0.0)))
            waits = vehicle.is_at_traffic_light() or any(
                other != vehicle.id and place.distance(at) < QUEUE_M for other, place in places.items()
            )
            still = vehicle.get_velocity().length() < STANDING_MPS and not waits
            standing[vehicle.id] = standing[vehicle.id] + DELTA_S if still else 0.0
            longest = max(longest, standing[vehicle.id])
        before = places
    manager.set_synchronous_mode(False)
    client.apply_batch_sync([carla.command.DestroyActor(vehicle.id) for vehicle in vehicles], True)
    return {
        "vehicles": len(vehicles),
        "least_driven_m": round(min(driven.values()), 1),
        "median_driven_m": round(statistics.median(driven.values()), 1),
        "longest_standing_s": round(longest, 2),
        "farthest_off_m": round(farthest, 2),
    }


if __name__ == "__main__":
    raise SystemExit(main())
