"""Background walkers: they go up and down the sidewalks along the route."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np

from scenarios.planner import RoutePlan
from scenarios.spawning import Spawner, beside

HEIGHT_M = 1.0
STEP_M = 2.0
LONGEST_WALK_M = 60.0
REACHED_M = 1.0
FROM_HAZARD_M = 10.0
SEARCH_M = 9.0
MODELS = tuple(f"walker.pedestrian.{number:04d}" for number in range(1, 50))


@dataclass
class Stroller:
    """A walker on its way along `path` (n, 2), there and back again."""

    actor: carla.Walker
    path: np.ndarray
    speed_mps: float
    target: int = 1
    heading: int = 1

    def step(self) -> Any | None:
        """A command when the direction changes."""
        location = self.actor.get_location()
        reached = math.hypot(self.path[self.target, 0] - location.x, self.path[self.target, 1] - location.y) < REACHED_M
        if not reached and self.actor.get_control().speed > 0.0:
            return None
        if reached:
            if not 0 <= self.target + self.heading < len(self.path):
                self.heading = -self.heading
            self.target += self.heading
        dx, dy = self.path[self.target, 0] - location.x, self.path[self.target, 1] - location.y
        length = math.hypot(dx, dy) or 1.0
        control = carla.WalkerControl(
            direction=carla.Vector3D(x=dx / length, y=dy / length, z=0.0), speed=self.speed_mps, jump=False
        )
        return carla.command.ApplyWalkerControl(self.actor.id, control)


class Strollers:
    """`hazards_m` are the places along the route from which they keep away."""

    def __init__(
        self,
        carla_map: carla.Map,
        plan: RoutePlan,
        spawner: Spawner,
        count: int,
        hazards_m: tuple[float, ...],
        seed: int,
    ) -> None:
        rng = np.random.default_rng([seed, 0x3A1C])
        self.walkers: list[Stroller] = []
        for _ in range(10 * count):
            if len(self.walkers) == count:
                break
            path = _sidewalk_path(carla_map, plan, float(rng.uniform(0.0, plan.length_m)), rng)
            speed_mps, model = float(rng.uniform(0.9, 1.6)), MODELS[int(rng.integers(len(MODELS)))]
            if path is None or _comes_near(path, plan, hazards_m):
                continue
            yaw = math.degrees(math.atan2(path[1, 1] - path[0, 1], path[1, 0] - path[0, 0]))
            start = carla.Transform(
                carla.Location(x=float(path[0, 0]), y=float(path[0, 1]), z=float(path[0, 2]) + HEIGHT_M),
                carla.Rotation(yaw=yaw),
            )
            actor = spawner.try_spawn(model, start, "background")
            if actor is not None:
                self.walkers.append(Stroller(actor, path[:, :2], speed_mps))

    def step(self) -> list[Any]:
        return [command for walker in self.walkers if (command := walker.step()) is not None]


def _sidewalk_path(
    carla_map: carla.Map, plan: RoutePlan, along_m: float, rng: np.random.Generator
) -> np.ndarray | None:
    """Points (n, 3) every 2 m along a sidewalk lane beside the route; None where there is none."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    forward, shift_m = bool(rng.random() < 0.5), float(rng.uniform(-0.3, 0.3))
    beside_route = beside(plan.at(along_m), side * SEARCH_M).location
    waypoint = carla_map.get_waypoint(beside_route, lane_type=carla.LaneType.Sidewalk)
    if waypoint is None or waypoint.transform.location.distance(beside_route) > SEARCH_M:
        return None
    points: list[tuple[float, float, float]] = []
    for _ in range(int(LONGEST_WALK_M / STEP_M)):
        location = beside(waypoint.transform, shift_m).location
        points.append((location.x, location.y, location.z))
        onward = [w for w in (waypoint.next(STEP_M) if forward else waypoint.previous(STEP_M)) if not w.is_junction]
        if not onward:
            break
        waypoint = onward[0]
    return np.array(points) if len(points) >= 5 else None


def _comes_near(path: np.ndarray, plan: RoutePlan, hazards_m: tuple[float, ...]) -> bool:
    """Whether the path passes a hazard: nobody strolls through the place where somebody is to step out."""
    for place_m in hazards_m:
        location = plan.at(place_m).location
        if np.hypot(path[:, 0] - location.x, path[:, 1] - location.y).min() < FROM_HAZARD_M:
            return True
    return False
