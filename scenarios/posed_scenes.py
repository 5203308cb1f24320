"""Random street scenes for training: an ego somewhere in a town, people and vehicles around its lane, all held still.

Evaluation routes are written by hand and drives repeat themselves frame by frame; a learner gets more from scenes that
have nothing in common. A scene that stands still can be looked at in any weather: every view of it shows the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import carla
import numpy as np

from scenarios.spawning import DROP_M, EGO_BLUEPRINT, Spawner, beside
from scenarios.walkers import HEIGHT_M, MODELS

WAYPOINTS_EVERY_M = 4.0
AHEAD_M, AHEAD_STEP_M = 62.0, 2.0
SETTLE_TICKS = 14
# One scene in three looks at a junction, where lights and signs are.
AT_JUNCTION_SHARE = 0.35
JUNCTION_FROM_M, JUNCTION_TO_M = 8, 48
WALKERS, VEHICLES = 4.5, 2.5  # means of Poisson distributions
MOST_WALKERS, MOST_VEHICLES = 9, 6
WALKS_IN_ROAD_SHARE = 0.5
UNLIT_SHARE = 0.3
TWO_WHEELED_SHARE = 0.25
BRAKING_SHARE = 0.3
# In some scenes a vehicle stands just ahead, mostly braking: few stand there by chance, and what is near matters most.
LED_SHARE = 0.35
LEADER_FROM, LEADER_TO = 2, 10  # of the way ahead: 6 to 22 m
LEADER_BRAKING_SHARE = 0.65


@dataclass(frozen=True)
class PosedScene:
    """What stands in a scene; `unlit` vehicles have neither lights nor a warm engine."""

    ego: carla.Vehicle
    vehicles: tuple[carla.Vehicle, ...]
    walkers: tuple[carla.Walker, ...]
    unlit: frozenset[int] = field(default_factory=frozenset)


class Places:
    """Where an ego can stand in a town: anywhere on its driving lanes, and before its junctions."""

    def __init__(self, carla_map: carla.Map) -> None:
        everywhere = [point for point in carla_map.generate_waypoints(WAYPOINTS_EVERY_M) if not point.is_junction]
        # The order of generate_waypoints is the map's own; sorting owes nothing to it.
        self.everywhere = sorted(everywhere, key=lambda point: (point.road_id, point.lane_id, point.s))
        self.before_junctions = [point for point in self.everywhere if _faces_junction(point)]

    def draw(self, rng: np.random.Generator) -> carla.Waypoint:
        places = self.everywhere
        if self.before_junctions and rng.random() < AT_JUNCTION_SHARE:
            places = self.before_junctions
        return places[int(rng.integers(len(places)))]


def pose_scene(
    client: carla.Client, world: carla.World, places: Places, spawner: Spawner, rng: np.random.Generator
) -> PosedScene:
    """Spawns a scene, lets it settle for less than a second (people walk, so that no two stand alike), and stops it.

    The world must be synchronous; it is ticked SETTLE_TICKS times. Everything spawned belongs to `spawner`.
    """
    lane = places.draw(rng)
    pose = beside(lane.transform, rng.normal(0.0, 0.25), DROP_M, rng.normal(0.0, 2.0))
    ego = spawner.spawn(EGO_BLUEPRINT, pose, "hero")
    ahead = _way_ahead(lane, rng)
    vehicles, parked = _spawn_vehicles(world, spawner, lane, ahead, rng)
    walkers = _spawn_walkers(spawner, ahead, rng)
    _set_lights(world, rng)
    world.tick()
    strolls = {walker: (int(rng.integers(2, SETTLE_TICKS - 1)), rng.uniform(0.6, 2.2)) for walker in walkers}
    for tick in range(SETTLE_TICKS):
        client.apply_batch_sync([_step(walker, *stroll, tick) for walker, stroll in strolls.items()], False)
        world.tick()
    actors = [ego, *vehicles, *walkers]
    client.apply_batch_sync([carla.command.SetSimulatePhysics(actor.id, False) for actor in actors], False)
    return PosedScene(ego, tuple(vehicles), tuple(walkers), parked)


def _faces_junction(point: carla.Waypoint) -> bool:
    for distance_m in range(JUNCTION_FROM_M, JUNCTION_TO_M, 8):
        following = point.next(float(distance_m))
        if following and following[0].is_junction:
            return True
    return False


def _way_ahead(lane: carla.Waypoint, rng: np.random.Generator) -> list[carla.Waypoint]:
    """The lane from 2 m ahead on, in steps of 2 m, turning anywhere at junctions."""
    way = []
    for _ in range(int(AHEAD_M / AHEAD_STEP_M)):
        following = lane.next(AHEAD_STEP_M)
        if not following:
            break
        lane = following[int(rng.integers(len(following)))]
        way.append(lane)
    return way


def _spawn_vehicles(
    world: carla.World,
    spawner: Spawner,
    lane: carla.Waypoint,
    ahead: Sequence[carla.Waypoint],
    rng: np.random.Generator,
) -> tuple[list[carla.Vehicle], frozenset[int]]:
    """Ahead in the ego's lane, coming towards it, and at the kerb; some of them stand there cold and dark."""
    library = world.get_blueprint_library()
    cars = sorted(b.id for b in library.filter("vehicle.*") if int(b.get_attribute("number_of_wheels")) >= 4)
    bikes = sorted(b.id for b in library.filter("vehicle.*") if int(b.get_attribute("number_of_wheels")) == 2)
    vehicles, unlit = [], set()
    is_led = bool(rng.random() < LED_SHARE)
    for number in range(min(int(rng.poisson(VEHICLES)), MOST_VEHICLES) + is_led):
        if len(ahead) <= LEADER_TO:
            break
        leads = is_led and number == 0
        place = ahead[int(rng.integers(LEADER_FROM, LEADER_TO + 1) if leads else rng.integers(3, len(ahead)))]
        rides = not leads and bool(rng.random() < TWO_WHEELED_SHARE)
        side = "lane" if leads else rng.choice(["lane", "oncoming", "kerb"], p=[0.5, 0.35, 0.15])
        towards = place.get_left_lane() if side == "oncoming" else None
        if towards is not None and towards.lane_type == carla.LaneType.Driving:
            pose = beside(towards.transform, rng.normal(0.0, 0.3), DROP_M, rng.normal(0.0, 3.0))
        else:
            right_m = 1.6 if side == "kerb" else (rng.uniform(0.0, 1.3) if rides else rng.normal(0.0, 0.3))
            pose = beside(place.transform, right_m, DROP_M, rng.normal(0.0, 4.0))
        is_parked = not rides and bool(rng.random() < UNLIT_SHARE)
        name = str(rng.choice(bikes if rides else cars))
        vehicle = spawner.try_spawn(name, pose, "parked" if is_parked else "autopilot")
        if vehicle is None:
            continue
        if is_parked:
            unlit.add(vehicle.id)
        is_braking = rng.random() < (LEADER_BRAKING_SHARE if leads else BRAKING_SHARE)
        vehicle.apply_control(carla.VehicleControl(brake=1.0 if is_braking else 0.0, hand_brake=True))
        vehicles.append(vehicle)
    return vehicles, frozenset(unlit)


def _spawn_walkers(spawner: Spawner, ahead: Sequence[carla.Waypoint], rng: np.random.Generator) -> list[carla.Walker]:
    walkers = []
    for _ in range(min(int(rng.poisson(WALKERS)), MOST_WALKERS)):
        if not ahead:
            break
        # Nearer ones are more often where it matters, far ones are the harder to see: even over the distance.
        place = ahead[int(rng.integers(len(ahead)))].transform
        in_road = rng.random() < WALKS_IN_ROAD_SHARE
        right_m = rng.uniform(-4.0, 3.5) if in_road else float(rng.choice([-1.0, 1.0])) * rng.uniform(3.5, 8.0)
        crosses = rng.random() < (0.7 if in_road else 0.2)
        turn_deg = float(rng.choice([-90.0, 90.0])) + rng.normal(0.0, 15.0) if crosses else rng.uniform(-180.0, 180.0)
        pose = beside(place, right_m, HEIGHT_M + 0.15, turn_deg)
        walker = spawner.try_spawn(str(rng.choice(MODELS)), pose, "walker", {"is_invincible": "false"})
        if walker is not None:
            walkers.append(walker)
    return walkers


def _set_lights(world: carla.World, rng: np.random.Generator) -> None:
    """Every traffic light shows anything, and keeps it."""
    lights = sorted(world.get_actors().filter("traffic.traffic_light"), key=lambda light: light.id)
    states = (carla.TrafficLightState.Red, carla.TrafficLightState.Green, carla.TrafficLightState.Yellow)
    for light in lights:
        light.set_state(states[int(rng.choice(3, p=[0.5, 0.38, 0.12]))])
    if lights:
        lights[0].freeze(True)


def _step(walker: carla.Walker, ticks: int, speed_mps: float, tick: int) -> carla.command.ApplyWalkerControl:
    yaw = math.radians(walker.get_transform().rotation.yaw)
    direction = carla.Vector3D(x=math.cos(yaw), y=math.sin(yaw), z=0.0)
    speed = float(speed_mps) if tick < ticks else 0.0
    return carla.command.ApplyWalkerControl(walker.id, carla.WalkerControl(direction=direction, speed=speed))
