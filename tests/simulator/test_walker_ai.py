"""CARLA's own walker AI, which runs in the client, on our navigation mesh."""

from __future__ import annotations

import random
from collections.abc import Iterator

import carla
import numpy as np
import pytest
import shapely

from simulator.navigation.walkable import _ground
from simulator.towns import build_town
from simulator.types import CityObjectLabel
from tests.simulator.serving import RunningServer, running_server

WALKERS, TICKS = 20, 200


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server() as running:
        yield running


@pytest.fixture
def world(server: RunningServer) -> Iterator[carla.World]:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(20.0)
    world = client.get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    yield world
    left = [*world.get_actors().filter("controller.*"), *world.get_actors().filter("walker.*")]
    for actor in left:
        if actor.type_id.startswith("controller"):
            actor.stop()
    client.apply_batch_sync([carla.command.DestroyActor(actor.id) for actor in left], True)
    world.apply_settings(carla.WorldSettings())


def _stroll(server: RunningServer, seed: int, cross_factor: float, ticks: int = TICKS) -> np.ndarray:
    """The set-up of CARLA's generate_traffic.py; (ticks, walkers, 3) where the walkers were."""
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(20.0)
    world = client.get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05))
    world.set_pedestrians_seed(seed)
    chance = random.Random(seed)
    blueprints = sorted(world.get_blueprint_library().filter("walker.pedestrian.*"), key=lambda b: b.id)
    places = [world.get_random_location_from_navigation() for _ in range(WALKERS)]
    batch = [carla.command.SpawnActor(chance.choice(blueprints), carla.Transform(place)) for place in places]
    walkers = [answer.actor_id for answer in client.apply_batch_sync(batch, True) if not answer.has_error()]
    controller = world.get_blueprint_library().find("controller.ai.walker")
    batch = [carla.command.SpawnActor(controller, carla.Transform(), walker) for walker in walkers]
    controllers = [answer.actor_id for answer in client.apply_batch_sync(batch, True)]
    world.tick()
    world.set_pedestrians_cross_factor(cross_factor)
    for minder in world.get_actors(controllers):
        minder.start()
        minder.go_to_location(world.get_random_location_from_navigation())
        minder.set_max_speed(1.4)
    actors = [world.get_actor(walker) for walker in walkers]
    track = []
    for _ in range(ticks):
        world.tick()
        track.append([[a.get_location().x, a.get_location().y, a.get_location().z] for a in actors])
    for minder in world.get_actors(controllers):
        minder.stop()
    client.apply_batch_sync([carla.command.DestroyActor(i) for i in (*controllers, *walkers)], True)
    world.apply_settings(carla.WorldSettings())
    return np.array(track)


@pytest.fixture(scope="module")
def strolls(server: RunningServer) -> dict[str, np.ndarray]:
    return {
        "orderly": _stroll(server, 7, 0.0),
        "again": _stroll(server, 7, 0.0),
        "other": _stroll(server, 8, 0.0, ticks=1),
        "jaywalking": _stroll(server, 7, 1.0),
    }


def test_the_walkers_of_generate_traffic_walk(strolls: dict[str, np.ndarray]) -> None:
    track = strolls["orderly"]
    assert track.shape[1] >= WALKERS - 1
    walked = np.linalg.norm(np.diff(track[..., :2], axis=0), axis=-1).sum(axis=0)
    assert (walked > 5.0).all()
    assert np.median(walked) > 0.8 * 1.4 * 0.05 * TICKS


def _carriageway_share(track: np.ndarray) -> tuple[float, int]:
    """How much of the time is spent on the road beside crosswalks, and how many points lie in buildings."""
    town = build_town("Elm01")
    walk = _ground(town, (CityObjectLabel.SIDEWALKS,), shapely.Polygon()).buffer(0.05)
    stripes = shapely.union_all([shapely.Polygon(p[:, :2]).buffer(0.5) for p in town.crosswalks])
    points = shapely.points(track[..., :2].reshape(-1, 2))
    allowed = shapely.union_all([walk, stripes])
    shapely.prepare(allowed)
    houses = shapely.points([o.box.location[:2] for o in town.obstacles if o.tag is CityObjectLabel.BUILDINGS])
    radius = min(min(o.box.extent.x, o.box.extent.y) for o in town.obstacles if o.tag is CityObjectLabel.BUILDINGS)
    inside = shapely.STRtree(points).query(houses, predicate="dwithin", distance=radius)
    return float(1.0 - shapely.contains(allowed, points).mean()), inside.shape[1]


def test_walkers_keep_to_sidewalks_and_crosswalks(strolls: dict[str, np.ndarray]) -> None:
    share, in_houses = _carriageway_share(strolls["orderly"])
    assert share < 0.002
    assert in_houses == 0


def test_who_may_cross_the_road_anywhere_does(strolls: dict[str, np.ndarray]) -> None:
    assert _carriageway_share(strolls["jaywalking"])[0] > 0.01


def test_walkers_stand_on_the_ground(strolls: dict[str, np.ndarray]) -> None:
    heights = strolls["orderly"][5:, :, 2]
    assert heights.min() > 0.6  # their origin is the middle of the body, and children are small
    assert heights.max() < 1.3


def test_the_same_seed_gives_the_same_walk(strolls: dict[str, np.ndarray]) -> None:
    apart = np.argwhere((strolls["orderly"] != strolls["again"]).any(axis=2))
    assert len(apart) == 0, f"walkers {sorted(set(apart[:, 1].tolist()))} from tick {apart[0, 0]} to {apart[-1, 0]}"
    assert not np.array_equal(strolls["orderly"][0], strolls["other"][0])


def test_a_walker_sent_across_the_road_takes_the_crosswalk(world: carla.World) -> None:
    corners = world.get_map().get_crosswalks()[:4]
    flat = np.array([[c.x, c.y] for c in corners])
    across = max(flat[1] - flat[0], flat[2] - flat[1], key=lambda edge: float(np.hypot(*edge)))
    length, middle = float(np.hypot(*across)), flat.mean(axis=0)
    across = across / length
    start, goal = middle - across * (length / 2 + 1.0), middle + across * (length / 2 + 1.0)
    blueprint = world.get_blueprint_library().filter("walker.pedestrian.*")[0]
    walker = world.spawn_actor(blueprint, carla.Transform(carla.Location(*start.tolist(), 1.0)))
    minder = world.spawn_actor(
        world.get_blueprint_library().find("controller.ai.walker"), carla.Transform(), attach_to=walker
    )
    world.tick()
    minder.start()
    minder.go_to_location(carla.Location(*goal.tolist(), 0.2))
    minder.set_max_speed(1.5)
    way = []
    for _ in range(300):
        world.tick()
        place = walker.get_location()
        way.append((np.array([place.x, place.y]) - middle) @ across)
        if way[-1] > length / 2:
            break
    assert way[0] < -length / 2 + 0.5
    assert way[-1] > length / 2
    speed = walker.get_velocity().length()
    assert 0.5 < speed < 2.0


def test_walkers_of_an_asynchronous_world_can_be_sent_off_as_soon_as_they_are_spawned(world: carla.World) -> None:
    world.apply_settings(carla.WorldSettings())
    blueprint = world.get_blueprint_library().filter("walker.pedestrian.*")[0]
    ai = world.get_blueprint_library().find("controller.ai.walker")
    walkers = []
    for _ in range(3):
        place = world.get_random_location_from_navigation()
        walker = world.spawn_actor(blueprint, carla.Transform(place))
        minder = world.spawn_actor(ai, carla.Transform(), attach_to=walker)
        # the client's AI begins where the last snapshot says that the walker is, and dies where it is off the mesh
        assert walker.get_location().distance_2d(place) < 1.0
        assert minder.parent.id == walker.id
        minder.start()
        minder.go_to_location(world.get_random_location_from_navigation())
        minder.set_max_speed(1.4)
        walkers.append((walker, place))
    for _ in range(40):
        world.wait_for_tick()
    for walker, place in walkers:
        assert 0.3 < walker.get_location().distance_2d(place) < 10.0


def test_a_burst_of_spawns_does_not_stop_an_asynchronous_world_for_long(world: carla.World) -> None:
    world.apply_settings(carla.WorldSettings())
    blueprint = world.get_blueprint_library().filter("walker.pedestrian.*")[0]
    for _ in range(80):  # four seconds of steps
        world.spawn_actor(blueprint, carla.Transform(world.get_random_location_from_navigation()))
    before = world.get_snapshot()
    after = world.wait_for_tick(3.0)
    assert after.frame > before.frame
    assert after.delta_seconds == pytest.approx(0.05)
