"""Stages on the real server, driven by the real client, without cameras."""

import dataclasses

import carla
import pytest

from harness.sensors import AgentSensors
from harness.server import free_port
from results.events import EventKind
from scenarios.definition import load_scenario
from scenarios.errors import ScenarioError
from scenarios.planner import gps_plan, plan
from scenarios.specs import ScenarioSpec
from scenarios.stage import Stage
from tests.scenarios.route_drive import connected, drive_route

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def server():
    with connected("Elm02") as connection:
        yield connection


def staged(server, scenario="night_clear", route_id="3", add: ScenarioSpec | None = None, leaves_out=False, **changes):
    client, world, _ = server
    definition = load_scenario(scenario).model_copy(update=changes)
    spec = next(route for route in definition.load_routes() if route.id == route_id)
    if add is not None:
        spec = dataclasses.replace(spec, scenarios=(*spec.scenarios, add), leaves_out=leaves_out)
    return Stage(client, world, plan(world.get_map(), spec.keypoints), spec, definition, 0, free_port())


def moving_parts(world):
    kinds = ("vehicle.", "walker.", "sensor.", "static.prop")
    return [actor.id for actor in world.get_actors() if actor.type_id.startswith(kinds)]


def kinds(drive):
    return [event.kind for event in drive.events]


def test_an_agents_gnss_and_its_plan_mean_the_same_place(server):
    world = server[1]
    stage = staged(server)
    sensors = AgentSensors(world, stage.ego, [{"type": "sensor.other.gnss", "id": "gps"}], 60.0)
    try:
        latitude_deg, longitude_deg, _ = sensors.read(world.tick())["gps"][1]
        start = gps_plan(stage.plan, stage.carla_map)[0][0]
        assert abs(stage.ego.get_location().y) > 20.0  # else north and south could not be told apart
        assert abs(latitude_deg - start["lat"]) < 5 * 5e-6  # the noise of the leaderboard's GNSS
        assert abs(longitude_deg - start["lon"]) < 5 * 5e-6
    finally:
        sensors.destroy()
        stage.destroy()
        world.tick()


@pytest.mark.parametrize("route_id", ["1", "5", "7"])
def test_the_oracle_drives_to_the_end_without_a_fault(server, route_id):
    drive = drive_route(*server, "day_clear", route_id, "oracle")
    assert drive.score.driving_score >= 95.0, kinds(drive)
    assert drive.score.route_completion == 100.0
    assert max(tick.route_offset_m for tick in drive.ticks) < 0.5 + 0.3  # points are a metre apart
    assert {name for tick in drive.ticks for name in tick.active_scenarios}


def test_the_blind_agent_hits_what_it_does_not_see(server):
    walkers = drive_route(*server, "day_clear", "2", "blind")
    assert kinds(walkers).count(EventKind.COLLISION_PEDESTRIAN) == 2
    light = drive_route(*server, "day_clear", "5", "blind", longest_s=15.0)
    assert EventKind.RED_LIGHT in kinds(light)


def test_the_same_seed_is_the_same_drive_and_weather_changes_nothing_for_who_does_not_look(server):
    drives = []
    for scenario in ("day_clear", "night_fog"):
        with connected("Elm02") as connection:
            drives.append(drive_route(*connection, scenario, "1", "blind", longest_s=14.0))
    # Frames count from the server's own beginning, before the client had come.
    told = [[repr(dataclasses.replace(tick, frame=0)) for tick in drive.ticks] for drive in drives]
    assert told[0] == told[1]
    events = [[dataclasses.replace(event, frame=0) for event in drive.events] for drive in drives]
    assert events[0] == events[1]
    assert EventKind.COLLISION_PEDESTRIAN in kinds(drives[0])
    # Another seed is other traffic, and what was driven on a server before is not.
    again, other = (drive_route(*server, "day_clear", "1", "blind", seed=seed, longest_s=2.0) for seed in (0, 1))
    speeds = [[tick.background_mean_speed_mps for tick in drive.ticks[:40]] for drive in (drives[0], again, other)]
    assert speeds[0] == speeds[1]
    assert all(speed_mps > 0.0 for speed_mps in speeds[2])
    assert not set(speeds[2]) & set(speeds[0])


def test_nothing_outlives_its_stage(server):
    _, world, _ = server
    world.tick()
    assert moving_parts(world) == []
    stage = staged(server)
    world.tick()
    assert len(moving_parts(world)) > 10
    stage.destroy()
    stage.destroy()
    world.tick()
    assert moving_parts(world) == []


def test_nothing_outlives_a_stage_that_could_not_be_built(server):
    _, world, _ = server
    spec = load_scenario("night_clear").load_routes()[2]
    trigger = spec.scenarios[0].trigger
    lost = ScenarioSpec("Light_9", "VanillaSignalizedTurnEncounterRedLight", trigger, {}, "routes.xml:7")
    with pytest.raises(ScenarioError, match=r"routes\.xml:7: no traffic light on the route ahead of scenario Light_9"):
        staged(server, add=lost)
    far = dataclasses.replace(lost, trigger=dataclasses.replace(trigger, x=trigger.x + 80.0))
    with pytest.raises(ScenarioError, match=r"routes\.xml:7: trigger point of Light_9 is \d+\.\d m off the route"):
        staged(server, add=far)
    world.tick()
    assert moving_parts(world) == []


def test_scenario_types_that_are_not_known_are_named_and_skipped(server):
    trigger = load_scenario("night_clear").load_routes()[2].scenarios[0].trigger
    stage = staged(server, add=ScenarioSpec("Accident_1", "Accident", trigger))
    assert list(stage.left_out) == ["Accident_1"]
    stage.destroy()


def test_what_lies_beside_the_way_of_a_benchmarks_route_is_skipped(server):
    trigger = load_scenario("night_clear").load_routes()[2].scenarios[0].trigger
    far = ScenarioSpec("Walker_9", "DynamicObjectCrossing", dataclasses.replace(trigger, x=trigger.x + 80.0))
    stage = staged(server, add=far, leaves_out=True)
    try:
        assert list(stage.left_out) == ["Walker_9"]
        assert "Walker_9" not in stage.hazards
        assert stage.hazards
    finally:
        stage.destroy()


def test_what_cannot_be_set_up_of_a_benchmarks_route_is_skipped_and_leaves_nobody_behind(server):
    _, world, _ = server
    first = load_scenario("night_clear").load_routes()[2].scenarios[0]
    light = ScenarioSpec("Light_9", "VanillaSignalizedTurnEncounterRedLight", first.trigger, {}, "routes.xml:7")
    unknown = {"walker_model": {"value": "walker.pedestrian.yeti"}, "distance": {"value": "12"}}
    walker = ScenarioSpec("Walker_9", "ParkingCrossingPedestrian", first.trigger, unknown, "routes.xml:9")
    bare = staged(server, leaves_out=True)
    counted = len(bare._spawner.actors)
    bare.destroy()
    for add, why in (
        (light, "routes.xml:7: no traffic light on the route ahead of scenario Light_9"),
        (walker, "routes.xml:9: Walker_9: the server has no blueprint 'walker.pedestrian.yeti'"),
    ):
        stage = staged(server, add=add, leaves_out=True)
        try:
            world.tick()
            assert stage.left_out == {add.name: why}
            assert list(stage.hazards) == list(bare.hazards)
            assert len(stage._spawner.actors) == counted
            assert len(moving_parts(world)) == counted
        finally:
            stage.destroy()
            world.tick()


def test_at_night_lamps_and_low_beams_burn_and_the_stopped_car_is_dark(server):
    _, world, _ = server
    stage = staged(server, "night_clear", "3")
    try:
        for frame in range(3):
            world.tick()
            stage.step(frame * 0.05)
        world.tick()
        low_beam = carla.VehicleLightState.LowBeam
        stopped = next(a for a in stage.hazard_actors if isinstance(a, carla.Vehicle))
        assert stage.ego.get_light_state() & low_beam
        assert int(stopped.get_light_state()) == 0
        here = stage.ego.get_location()
        lamps = world.get_lightmanager().get_all_lights(carla.LightGroup.Street)
        near = [lamp.is_on for lamp in lamps if lamp.location.distance(here) < 95.0]
        far = [lamp.is_on for lamp in lamps if lamp.location.distance(here) > 130.0]
        assert near
        assert all(near)
        assert not any(far)
    finally:
        stage.destroy()


def test_by_day_nothing_burns(server):
    _, world, _ = server
    stage = staged(server, "day_clear", "3")
    try:
        world.tick()
        stage.step(0.0)
        world.tick()
        assert not stage.ego.get_light_state() & carla.VehicleLightState.LowBeam
        assert not any(lamp.is_on for lamp in world.get_lightmanager().get_all_lights(carla.LightGroup.Street))
    finally:
        stage.destroy()


def test_background_walkers_stay_on_the_sidewalk(server):
    _, world, _ = server
    stage = staged(server, "day_clear", "1")
    try:
        walkers = [w.actor for w in stage._walkers.walkers]
        assert walkers
        started = [walker.get_location() for walker in walkers]
        for frame in range(200):
            world.tick()
            stage.step(frame * 0.05)
        walked = [walker.get_location().distance(start) for walker, start in zip(walkers, started)]
        assert sum(distance > 5.0 for distance in walked) >= 0.7 * len(walkers)
        for walker in walkers:
            lane = stage.carla_map.get_waypoint(walker.get_location(), lane_type=carla.LaneType.Sidewalk)
            assert lane.transform.location.distance(walker.get_location()) < 0.5 * lane.lane_width + 1.0
    finally:
        stage.destroy()
