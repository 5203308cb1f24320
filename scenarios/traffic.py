"""Background vehicles, driven by CARLA's own Traffic Manager (it lives in the client)."""

from __future__ import annotations

import contextlib
import math

import carla
import numpy as np

from scenarios.planner import RoutePlan
from scenarios.spawning import DROP_M, Spawner

# Cars and vans of common sizes; colours are drawn from what each blueprint recommends.
MODELS = (
    "vehicle.audi.a2",
    "vehicle.citroen.c3",
    "vehicle.nissan.micra",
    "vehicle.seat.leon",
    "vehicle.tesla.model3",
    "vehicle.toyota.prius",
    "vehicle.mini.cooper_s",
    "vehicle.volkswagen.t2",
)
NEAR_ROUTE_M = 120.0
# Ahead of the ego its own lane belongs to the hazards; behind it somebody would push.
OWN_LANE_M = 25.0
FROM_START_M = 30.0
APART_M = 12.0
# Residential streets: about 25 km/h where 50 are allowed, so that the ego is rarely in anybody's way.
SLOWER_PERCENT = 45.0


class Traffic:
    """A fixed set of vehicles near the route, spawned before the first tick."""

    def __init__(
        self,
        client: carla.Client,
        carla_map: carla.Map,
        plan: RoutePlan,
        spawner: Spawner,
        count: int,
        seed: int,
        tm_port: int,
    ) -> None:
        self.vehicles: list[carla.Vehicle] = []
        self._manager: carla.TrafficManager | None = None
        self._port = tm_port
        if count == 0:
            return
        rng = np.random.default_rng([seed, 0x7AFF1C])
        self._manager = client.get_trafficmanager(tm_port)
        self._manager.set_synchronous_mode(True)
        self._manager.set_hybrid_physics_mode(False)
        self._manager.set_random_device_seed(seed)
        self._manager.set_global_distance_to_leading_vehicle(3.0)
        self._manager.global_percentage_speed_difference(SLOWER_PERCENT)
        for transform in _places(carla_map, plan, rng):
            if len(self.vehicles) == count:
                break
            transform.location.z += DROP_M
            model = MODELS[int(rng.integers(len(MODELS)))]
            vehicle = spawner.try_spawn(model, transform, "background", {"color": _paint(rng)})
            if vehicle is not None:
                self.vehicles.append(vehicle)

    def start(self) -> None:
        """Hand the vehicles over; call it when every actor of the stage exists and one tick has told their poses."""
        if self._manager is None:
            return
        for vehicle in self.vehicles:
            vehicle.set_autopilot(True, self._port)
            self._manager.auto_lane_change(vehicle, False)

    def mean_speed_mps(self) -> float:
        """NaN without vehicles."""
        # The Traffic Manager removes vehicles that were stuck for 90 s.
        speeds = [_speed_mps(vehicle) for vehicle in self.vehicles if vehicle.is_alive]
        return float(np.mean(speeds)) if speeds else math.nan

    def stop(self) -> None:
        """Take the vehicles back: the Traffic Manager must not know actors that are about to be destroyed."""
        for vehicle in (vehicle for vehicle in self.vehicles if vehicle.is_alive):
            with contextlib.suppress(RuntimeError):
                vehicle.set_autopilot(False, self._port)
        if self._manager is not None:
            # Its thread would go on asking the server, and end the process once that is gone.
            with contextlib.suppress(RuntimeError):
                self._manager.shut_down()
            self._manager = None


def _places(carla_map: carla.Map, plan: RoutePlan, rng: np.random.Generator) -> list[carla.Transform]:
    """Lane points near the route in a drawn order, not on the ego's own way and not on top of each other."""
    points = [waypoint for waypoint in carla_map.generate_waypoints(APART_M) if not waypoint.is_junction]
    kept: list[carla.Transform] = []
    for index in rng.permutation(len(points)):
        transform = points[index].transform
        x, y = transform.location.x, transform.location.y
        along_m, away_m = plan.nearest(x, y)
        heading = math.radians(transform.rotation.yaw - plan.at(along_m).rotation.yaw)
        on_own_lane = away_m < OWN_LANE_M and math.cos(heading) > 0.3
        near_start = math.hypot(x - plan.xyz[0, 0], y - plan.xyz[0, 1]) < FROM_START_M
        if away_m > NEAR_ROUTE_M or on_own_lane or near_start:
            continue
        if all(transform.location.distance(other.location) >= APART_M for other in kept):
            kept.append(transform)
    return kept


def _paint(rng: np.random.Generator) -> str:
    """Car colours as streets have them: mostly white, grey and black."""
    palette = ("225,225,222", "140,142,145", "40,42,46", "95,98,102", "120,20,24", "28,52,96", "182,160,120")
    return palette[int(rng.choice(len(palette), p=(0.28, 0.22, 0.18, 0.14, 0.06, 0.08, 0.04)))]


def _speed_mps(vehicle: carla.Vehicle) -> float:
    velocity = vehicle.get_velocity()
    return math.hypot(velocity.x, velocity.y)
