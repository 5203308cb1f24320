"""Life of actors, episodes, determinism, what cameras and clients see."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from simulator.models import MODELS
from simulator.types import (
    ActorAttributeValue,
    ActorDescription,
    AttributeType,
    CityObjectLabel,
    LightState,
    Rotation,
    Transform,
    Vector3D,
    VehicleControl,
    VehicleLightState,
    WalkerControl,
    WeatherParameters,
)
from simulator.world.actor import ActorNotFound, SpawnError
from simulator.world.attachment import Attachment, spring_arm
from simulator.world.blueprints.catalogue import bounding_box, definitions, definitions_by_id
from tests.simulator.world.places import CAR, PEDESTRIAN, attach, describe, make_town, make_world, put, run, speed

EXPECTED = """vehicle.lincoln.mkz_2017 vehicle.lincoln.mkz_2020 vehicle.tesla.model3 vehicle.audi.tt vehicle.audi.a2
vehicle.audi.etron vehicle.nissan.patrol vehicle.nissan.micra vehicle.toyota.prius vehicle.ford.mustang
vehicle.ford.crown vehicle.dodge.charger_2020 vehicle.mini.cooper_s vehicle.bmw.grandtourer
vehicle.mercedes.coupe vehicle.jeep.wrangler_rubicon vehicle.seat.leon vehicle.citroen.c3
vehicle.volkswagen.t2 vehicle.carlamotors.carlacola vehicle.carlamotors.firetruck vehicle.ford.ambulance
vehicle.mercedes.sprinter vehicle.mitsubishi.fusorosa vehicle.harley-davidson.low_rider
vehicle.yamaha.yzf vehicle.kawasaki.ninja vehicle.vespa.zx125 vehicle.bh.crossbike
vehicle.diamondback.century vehicle.gazelle.omafiets walker.pedestrian.0001 walker.pedestrian.0040
static.prop.streetbarrier sensor.camera.rgb sensor.camera.depth sensor.camera.instance_segmentation
sensor.other.collision sensor.other.gnss sensor.other.imu controller.ai.walker static.trigger.friction"""


def test_the_blueprints_that_users_ask_for_are_there():
    ids = {definition.id for definition in definitions()}
    assert set(EXPECTED.split()) <= ids
    assert len({definition.uid for definition in definitions()}) == len(ids)


def test_every_blueprint_has_usable_attributes_and_every_body_a_size():
    for definition in definitions():
        names = [attribute.id for attribute in definition.attributes]
        assert len(names) == len(set(names))
        assert "role_name" in names
        if definition.id.startswith("vehicle."):
            values = {attribute.id: attribute.value for attribute in definition.attributes}
            assert values["number_of_wheels"] in ("2", "4")
            assert values["base_type"] in ("car", "truck", "van", "bus", "motorcycle", "bicycle")
            assert len(values["color"].split(",")) == 3
        if definition.id.split(".")[0] in ("vehicle", "walker") or definition.id.startswith("static.prop"):
            extent = bounding_box(definition.id).extent
            assert min(extent) > 0.005
            assert max(extent) < 7.0


def test_variants_of_one_pedestrian_are_of_one_gender():
    """The figures of CARLA's catalogue of pedestrians: adults, children, police."""
    women = ((1, 5, 6, 7, 8), (15, 19), (20, 21), (22, 23), (35, 36, 37), (42, 43, 44), (9, 10, 11), (32,))
    men = ((2, 3, 4), (16, 17), (18, 26), (24, 25), (27, 28, 29), (34, 38), (46, 47), (12, 13, 14), (30,))
    for gender, figures in (("female", women), ("male", men)):
        for number in itertools.chain(*figures):
            attributes = definitions_by_id()[f"walker.pedestrian.{number:04d}"].attributes
            assert {a.id: a.value for a in attributes}["gender"] == gender, number


def test_what_can_be_set_recommends_at_least_its_default():
    """Examples set `dropoff_general_rate` to the first recommended value of a lidar's."""
    for definition in definitions():
        for attribute in definition.attributes:
            assert (attribute.value in attribute.recommended_values) == attribute.is_modifiable, attribute


def test_everything_can_be_spawned():
    world = make_world()
    for k, definition in enumerate(definitions()):
        column, row = divmod(k, 20)
        where = Transform(Vector3D(-300.0 + 15.0 * row, 60.0 + 20.0 * column + 50.0, 1.0))
        record = world.spawn(ActorDescription(definition.uid, definition.id), where)
        assert record.description.id == definition.id
        assert len(record.description.attributes) == len(definition.attributes)
    run(world, 0.2)
    assert len(world.snapshot_rows()) == len(world.actors)
    assert np.isfinite(world.snapshot_rows()["transform"]).all()


@pytest.mark.parametrize(
    "description",
    [
        ActorDescription(0, "vehicle.no.such"),
        ActorDescription(0, CAR, (ActorAttributeValue("color", AttributeType.COLOR, "red"),)),
        ActorDescription(0, CAR, (ActorAttributeValue("color", AttributeType.COLOR, "-1,0,0"),)),
        ActorDescription(0, CAR, (ActorAttributeValue("color", AttributeType.COLOR, "0,256,0"),)),
        ActorDescription(0, "sensor.camera.rgb", (ActorAttributeValue("fstop", AttributeType.FLOAT, "1e200"),)),
        ActorDescription(
            0, "sensor.lidar.ray_cast", (ActorAttributeValue("rotation_frequency", AttributeType.FLOAT, "1e308"),)
        ),
        ActorDescription(0, "sensor.other.gnss", (ActorAttributeValue("noise_seed", AttributeType.INT, "x"),)),
        ActorDescription(0, "traffic.traffic_light"),
    ],
)
def test_a_wrong_description_is_refused_in_carlas_words(description):
    with pytest.raises(SpawnError, match="Spawn failed because of invalid actor description"):
        make_world().spawn(description, Transform())


def test_a_missing_parent_is_refused_and_a_missing_actor_named():
    world = make_world()
    with pytest.raises(SpawnError, match="parent actor not found"):
        world.spawn(describe("sensor.camera.rgb"), Transform(), 99)
    with pytest.raises(ActorNotFound, match="Actor Id: 99"):
        world.apply_control_to_vehicle(99, VehicleControl())
    with pytest.raises(ActorNotFound, match="is no vehicle"):
        world.apply_control_to_vehicle(world.spectator_id, VehicleControl())


def test_ids_and_streams_are_never_used_again():
    world = make_world()
    seen, streams = set(), set()
    for _ in range(3):
        car = put(world, CAR, 0.0, 20.0)
        sensors = [attach(world, "sensor.camera.rgb", car), attach(world, "sensor.other.imu", car)]
        new = {car, *sensors}
        assert not new & seen
        seen |= new
        fresh = {world.actors[sensor].stream_id for sensor in sensors}
        assert len(fresh) == 2
        assert not fresh & streams
        assert 0 not in fresh
        assert 1 not in fresh
        streams |= fresh
        world.destroy(car)
        assert not new & set(world.actors)  # what was attached goes too
        world.load(make_town())


def test_a_new_episode_starts_at_time_0_and_frames_go_on():
    world = make_world()
    put(world, CAR, 0.0, 20.0)
    run(world, 1.0)
    frame, episode = world.frame, world.episode_id
    world.load(make_town())
    assert world.elapsed_s == 0.0
    assert world.episode_id != episode
    assert not world.vehicles
    event = world.step(0.05)
    assert event.frame == frame + 1
    assert event.elapsed_s == 0.05


def _busy_run():
    """500 steps with cars that collide, walkers, lights, noise; everything a client could see of them."""
    world = make_world(3)
    world.load(make_town())
    rng = np.random.default_rng(1)
    cars = [put(world, CAR, 9.0 * k, 20.0 + (k % 3)) for k in range(8)]
    walkers = [put(world, PEDESTRIAN, 6.0 * k, 25.0, z=1.0) for k in range(6)]
    attach(world, "sensor.other.imu", cars[0], noise_accel_stddev_x=0.1)
    attach(world, "sensor.other.gnss", cars[0], noise_lat_stddev=1e-6)
    for car in cars:
        attach(world, "sensor.other.collision", car)
    seen = []
    for k in range(500):
        if k % 20 == 0:
            for car in cars:
                throttle, steer, brake = rng.uniform(0, 1), rng.uniform(-0.6, 0.6), float(rng.random() < 0.2)
                world.apply_control_to_vehicle(car, VehicleControl(throttle, steer, brake))
            for walker in walkers:
                heading = Vector3D(*rng.normal(size=2).tolist(), 0.0)
                world.apply_control_to_walker(walker, WalkerControl(heading, float(rng.uniform(0, 3))))
        events = world.step(0.05)
        first = world.spectator_id
        hits = [(h.sensor_actor_id - first, h.other_id - first, h.impulse) for h in events.collisions]
        readings = [(r.accelerometer, r.gyroscope, r.compass) for r in events.imu], [r.latitude for r in events.gnss]
        seen.append((repr((hits, readings)), world.snapshot_rows()["transform"].tobytes()))
    return seen


def test_500_steps_are_the_same_to_the_last_bit():
    first = _busy_run()
    assert first == _busy_run()
    assert any(not text.startswith("([]") for text, _ in first)  # there were collisions to agree on


def test_the_view_shows_what_moves_and_what_stands():
    world = make_world()
    car, walker = put(world, CAR, 0.0, 20.0, yaw=90.0, color="255,0,0"), put(world, PEDESTRIAN, 5.0, 20.0, z=0.93)
    run(world, 0.1)
    view = world.view()
    assert view.frame == world.frame
    assert set(view.ids.tolist()) >= {car, walker}
    assert len(view.models) == len(view.ids) == len(view.poses) == len(view.lights) == len(view.palettes)
    assert set(view.models) <= set(MODELS)
    k = view.ids.tolist().index(car)
    assert view.poses[k] == pytest.approx(np.array([[0, -1, 0, 0], [1, 0, 0, 20], [0, 0, 1, 0]], np.float32), abs=1e-5)
    assert view.palettes[k, 0] == pytest.approx([1.0, 0.0, 0.0])
    assert view.models.count("traffic.traffic_light") == 4
    for actor_id, flags in zip(view.ids.tolist(), view.lights.tolist()):
        if world.actors[actor_id].type_id == "traffic.traffic_light":
            assert flags == 1 << int(world.signals.states[world.actors[actor_id].row])
    assert view.poses.dtype == view.gait.dtype == view.palettes.dtype == view.lamps_on.dtype == np.float32
    assert view.lights.dtype == np.uint32
    assert view.ids.dtype == np.int32


def test_lamps_burn_as_told_and_brake_lamps_with_the_pedal():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    world.set_vehicle_light_state(car, VehicleLightState.POSITION | VehicleLightState.LOW_BEAM)
    run(world, 0.1)
    place = world.view().ids.tolist().index(car)
    assert world.view().lights[place] == 3
    world.apply_control_to_vehicle(car, VehicleControl(brake=0.5))
    run(world, 0.2)
    assert world.view().lights[place] == 3 | VehicleLightState.BRAKE
    assert world.get_vehicle_light_state(car) == 3  # the client's own flags stay as it set them
    assert dict(world.get_vehicle_light_states()) == {car: 3}


def test_street_lamps_are_switched_by_the_light_manager():
    world = make_world()
    assert world.view().lamps_on.tolist() == [0.0, 0.0]
    first, second = world.query_lights_state()
    on = LightState(second.id, second.location, second.intensity / 2, second.group, second.color, active=True)
    world.update_lights_state([on, LightState(777, second.location)])
    assert world.view().lamps_on.tolist() == [0.0, 0.5]
    assert world.query_lights_state() == (first, on)


def test_poses_set_are_poses_read():
    world = make_world()
    car, walker = put(world, CAR, 0.0, 20.0), put(world, PEDESTRIAN, 9.0, 20.0, z=0.93)
    for actor in (car, walker, world.spectator_id):
        pose = Transform(Vector3D(12.5, -3.25, 2.0), Rotation(0.0, 180.0, 0.0))
        world.set_actor_transform(actor, pose)
        assert world.transform_of(actor).rotation.yaw == 180.0
        assert world.transform_of(actor).location == pose.location
        world.set_actor_location(actor, Vector3D(1.0, -30.0, 2.0))
        assert world.transform_of(actor).rotation.yaw == 180.0
        assert world.transform_of(actor).location.y == -30.0
    rows = world.snapshot_rows()
    assert rows[rows["id"] == world.spectator_id][0]["transform"][4] == 180.0


def test_actors_ride_on_actors():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    barrel = world.spawn(describe("static.prop.barrel"), Transform(Vector3D(0.0, 0.0, 1.8)), car).id
    camera = world.spawn(describe("sensor.camera.rgb"), Transform(Vector3D(0.0, 0.0, 1.0)), barrel).id
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.5))
    run(world, 2.0)
    assert world.transform_of(barrel).location.x == pytest.approx(world.transform_of(car).location.x, abs=0.1)
    assert world.transform_of(camera).location.z == pytest.approx(2.8, abs=0.1)
    assert speed(world, car) > 3.0  # its load does not hold it
    world.set_actor_location(camera, Vector3D(0.0, 0.0, 2.0))
    assert world.transform_of(camera).location.z == pytest.approx(3.8, abs=0.1)


def test_a_spring_arm_looks_at_its_parent_turns_with_it_and_does_not_tilt():
    world = make_world()
    car = put(world, CAR, 10.0, 20.0, yaw=30.0)
    ghost, arm = (
        world.spawn(
            describe("sensor.camera.rgb"),
            Transform(rotation=Rotation(pitch=turned)),
            car,
            place=spring_arm(kind, Vector3D(-6.0, 0.0, 3.0)),
        ).id
        for kind, turned in ((Attachment.SPRING_ARM_GHOST, 0.0), (Attachment.SPRING_ARM, 8.0))
    )
    down = math.degrees(math.atan2(3.0, 6.0))
    for yaw, tilt in ((30.0, 0.0), (-120.0, 20.0)):
        pose = Transform(Vector3D(10.0, 20.0, 0.0), Rotation(tilt, yaw, tilt))
        world.set_actor_transform(car, pose)
        world._follow_parents()
        seen = world.transform_of(ghost)
        turned = seen.rotation.yaw
        assert turned == pytest.approx(yaw, abs=0.01 if tilt == 0.0 else 12.0)
        assert (seen.rotation.pitch, seen.rotation.roll) == pytest.approx((-down, 0.0), abs=1e-6)
        ahead = np.array([math.cos(math.radians(turned)), math.sin(math.radians(turned))])
        assert seen.location[:2] == pytest.approx(np.array([10.0, 20.0]) - 6.0 * ahead, abs=1e-6)
        assert seen.location.z == pytest.approx(3.0)
        assert world.transform_of(arm).rotation.pitch == pytest.approx(8.0 - down)
        assert world.transform_of(arm).location.z == pytest.approx(3.3)


def test_what_hangs_on_a_bone_stands_at_the_bone():
    world = make_world()
    car = put(world, CAR, 10.0, 20.0, yaw=90.0)
    bones = {bone.name: bone for bone in world.get_actor_bones(car)}
    at = Transform(Vector3D(0.0, 0.0, 0.5))
    lamp = world.spawn(describe("sensor.camera.rgb"), at, car, place=world.bone_place(car, "Wheel_Front_Left")).id
    wheel = bones["Wheel_Front_Left"].world.location
    assert world.transform_of(lamp).location == pytest.approx((wheel.x, wheel.y, wheel.z + 0.5))
    assert world.bone_place(car, "no such bone") is None
    assert world.bone_place(put(world, PEDESTRIAN, 0.0, 0.0, z=0.93), "crl_Head__C") is None


def test_minus_one_in_the_weather_is_the_towns_own():
    world = make_world()
    first = world.view().weather
    left_to_the_town = dict.fromkeys(list(vars(first))[:10], -1.0)
    world.weather = WeatherParameters(**left_to_the_town)
    assert world.view().weather == first
    assert world.weather.sun_altitude_angle == -1.0  # as it was set
    world.weather = WeatherParameters(sun_altitude_angle=-1.0, sun_azimuth_angle=20.0, cloudiness=-1.0)
    assert world.view().weather == WeatherParameters(sun_altitude_angle=-1.0, sun_azimuth_angle=20.0)


def test_an_unsticky_vehicle_forgets_its_control():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0, sticky_control="false")
    world.apply_control_to_vehicle(car, VehicleControl(throttle=1.0))
    world.step(0.05)
    rows = world.snapshot_rows()
    assert rows[rows["id"] == car][0]["vehicle.throttle"] == 0.0


def test_rays_meet_ground_walls_and_cars():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    down = world.project_point(Vector3D(0.0, 20.0, 10.0), Vector3D(0.0, 0.0, -1.0), 100.0)
    assert down.label == CityObjectLabel.CAR
    box = world.actors[car].bounding_box
    top = box.location.z + box.extent.z
    assert top - 0.03 < down.location.z <= top  # the roof is curved
    ground = world.project_point(Vector3D(30.0, 60.0, 10.0), Vector3D(0.0, 0.0, -1.0), 100.0)
    assert ground.label == CityObjectLabel.SIDEWALKS
    assert ground.location == pytest.approx((30.0, 60.0, 0.15), abs=1e-4)
    assert world.project_point(Vector3D(30.0, 60.0, 10.0), Vector3D(0.0, 0.0, 1.0), 100.0) is None
    hits = world.cast_ray(Vector3D(-10.0, 20.0, 0.7), Vector3D(10.0, 20.0, 0.7))
    assert [hit.label for hit in hits] == [CityObjectLabel.CAR]
    wall = world.project_point(Vector3D(50.0, 0.0, 1.0), Vector3D(1.0, 0.0, 0.0), 100.0)
    assert (wall.label, round(wall.location.x, 3)) == (CityObjectLabel.BUILDINGS, 100.0)


@pytest.mark.parametrize("delta_s", [0.0, -0.05, math.nan])
def test_a_step_needs_a_time(delta_s):
    with pytest.raises(ValueError, match="positive number of seconds"):
        make_world().step(delta_s)
