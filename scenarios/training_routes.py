"""Random routes full of hazards for recording training data: `python -m scenarios.training_routes --town Elm01`.

Evaluation routes are written by hand (see `routes/elm02.xml`); these are drawn, from a town that is never evaluated on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from xml.sax.saxutils import quoteattr

import carla
import numpy as np

from scenarios.errors import ScenarioError
from scenarios.keypoints import outside_junctions
from scenarios.planner import RoutePlan, plan
from simulator.towns import build_town

LENGTH_M = 320.0
FIRST_HAZARD_M, HAZARD_EVERY_M, LAST_BEFORE_END_M = 30.0, 75.0, 60.0
# How often each kind is drawn: people most, since they are what a camera agent has to find.
KINDS = {
    "DynamicObjectCrossing": 0.34,
    "ParkingCrossingPedestrian": 0.2,
    "ParkedObstacle": 0.12,
    "HazardAtSideLane": 0.17,
    "HardBreakRoute": 0.17,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--town", default="Elm01")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.count < 1 or options.seed < 0:
        parser.error("--count must be at least 1 and --seed at least 0")
    try:
        carla_map = carla.Map(options.town, build_town(options.town).opendrive)
        options.out.touch()
    except (ValueError, OSError) as error:
        parser.error(f"--out {options.out}: {error.strerror}" if isinstance(error, OSError) else f"--town: {error}")
    generator = np.random.default_rng(options.seed)
    routes: list[str] = []
    while len(routes) < options.count:
        route = _draw(carla_map, generator)
        if route is not None:
            routes.append(_xml(str(len(routes) + 1), options.town, *route, generator))
    options.out.write_text("<routes>\n" + "".join(routes) + "</routes>\n")
    print(f"{options.out}: {len(routes)} routes")


def _draw(carla_map: carla.Map, generator: np.random.Generator) -> tuple[list[carla.Location], RoutePlan] | None:
    """A random drive through the lanes, as key points every 10 m; None where the planner finds another way."""
    spawn_points = carla_map.get_spawn_points() or [w.transform for w in carla_map.generate_waypoints(20.0)]
    here = carla_map.get_waypoint(spawn_points[int(generator.integers(len(spawn_points)))].location)
    if here.is_junction:
        return None
    points = [here.transform.location]
    for _ in range(int(LENGTH_M / 10.0)):
        onward = here.next(10.0)
        if not onward:
            return None
        here = onward[int(generator.integers(len(onward)))]
        points.append(here.transform.location)
    try:
        points = outside_junctions(carla_map, points)
        route = plan(carla_map, [(p.x, p.y, p.z) for p in points])
    except ScenarioError:
        return None
    return (points, route) if abs(route.length_m - LENGTH_M) < 30.0 else None


def _xml(
    route_id: str, town: str, points: list[carla.Location], route: RoutePlan, generator: np.random.Generator
) -> str:
    positions = "".join(f'<position x="{p.x:.2f}" y="{p.y:.2f}" z="{p.z:.2f}"/>' for p in points)
    scenarios = "".join(_hazards(route, generator))
    return (
        f"  <route id={quoteattr(route_id)} town={quoteattr(town)}>\n    <waypoints>{positions}</waypoints>\n"
        f"    <scenarios>\n{scenarios}    </scenarios>\n  </route>\n"
    )


def _hazards(route: RoutePlan, generator: np.random.Generator) -> list[str]:
    hazards: list[str] = []
    at_m = FIRST_HAZARD_M
    while at_m < route.length_m - LAST_BEFORE_END_M:
        trigger_m = at_m + float(generator.uniform(0.0, 20.0))
        at_m += HAZARD_EVERY_M
        bends = abs(
            (route.at(trigger_m + 45.0).rotation.yaw - route.at(trigger_m).rotation.yaw + 180.0) % 360.0 - 180.0
        )
        if bends > 15.0:  # what happens round a corner is another matter
            continue
        kind = str(generator.choice(list(KINDS), p=list(KINDS.values())))
        trigger = route.at(trigger_m)
        place, yaw = trigger.location, trigger.rotation.yaw
        parameters = "".join(f'<{name} value="{value}"/>' for name, value in _parameters(kind, generator).items())
        hazards.append(
            f'      <scenario name="{kind}_{len(hazards) + 1}" type="{kind}">'
            f'<trigger_point x="{place.x:.2f}" y="{place.y:.2f}" z="{place.z:.2f}" yaw="{yaw:.1f}"/>'
            f"{parameters}</scenario>\n"
        )
    return hazards


def _parameters(kind: str, generator: np.random.Generator) -> dict[str, str]:
    def between(low: float, high: float) -> str:
        return f"{generator.uniform(low, high):.1f}"

    if kind in ("DynamicObjectCrossing", "ParkingCrossingPedestrian"):
        return {
            "distance": between(26, 36),
            "crossing_speed": between(1.0, 2.2),
            "direction": str(generator.choice(["left", "right"])) if kind == "DynamicObjectCrossing" else "right",
            "walker_model": f"walker.pedestrian.{int(generator.integers(1, 40)):04d}",
        }
    if kind == "ParkedObstacle":
        return {"distance": between(30, 45), "wait": between(1.0, 3.0)}
    if kind == "HazardAtSideLane":
        return {
            "distance": between(15, 30),
            "bicycle_speed": between(2.5, 4.0),
            "bicycle_drive_distance": between(25, 50),
        }
    return {"distance": between(12, 20), "brake_distance": between(30, 50), "wait": between(1.0, 3.0)}


if __name__ == "__main__":
    main()
