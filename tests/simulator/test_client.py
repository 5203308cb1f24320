"""What an unmodified client of CARLA meets at the real server."""

from __future__ import annotations

import math
import queue
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import carla
import numpy as np
import pytest

from tests.simulator.serving import RunningServer, running_server

DELTA_S = 0.05
SPAWNED = ("vehicle", "walker", "sensor", "static", "controller")


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--cameras") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> carla.Client:
    connected = carla.Client("127.0.0.1", server.port)
    connected.set_timeout(60.0)
    return connected


@pytest.fixture
def world(client: carla.Client) -> Iterator[carla.World]:
    """A synchronous world; what a test spawned is gone after it."""
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, DELTA_S
    world.apply_settings(settings)
    yield world
    world = client.get_world()
    world.tick()
    left = [actor for actor in world.get_actors() if actor.type_id.split(".")[0] in SPAWNED]
    for actor in left:
        if isinstance(actor, carla.Sensor):
            actor.stop()
    client.apply_batch_sync([carla.command.DestroyActor(actor.id) for actor in left], True)
    world.set_weather(carla.WeatherParameters())
    world.apply_settings(carla.WorldSettings())


def _spawn_car(world: carla.World, spawn_point: int = 0, model: str = "vehicle.tesla.model3") -> carla.Vehicle:
    blueprint = world.get_blueprint_library().find(model)
    return world.spawn_actor(blueprint, world.get_map().get_spawn_points()[spawn_point])


def _listen(
    world: carla.World, kind: str, parent: carla.Actor, place: carla.Transform | None = None, **attributes: object
) -> tuple[carla.Sensor, queue.Queue[Any]]:
    blueprint = world.get_blueprint_library().find(kind)
    for name, value in attributes.items():
        blueprint.set_attribute(name, str(value))
    sensor = world.spawn_actor(blueprint, place or carla.Transform(), attach_to=parent)
    messages: queue.Queue[Any] = queue.Queue()
    sensor.listen(messages.put)
    return sensor, messages


def test_frames_grow_by_one_and_time_by_the_step(world: carla.World) -> None:
    before = world.get_snapshot()
    frames = [world.tick() for _ in range(20)]
    after = world.get_snapshot()
    assert frames == list(range(before.frame + 1, before.frame + 21))
    assert after.frame == frames[-1]
    assert after.timestamp.elapsed_seconds - before.timestamp.elapsed_seconds == pytest.approx(20 * DELTA_S)
    assert after.timestamp.delta_seconds == pytest.approx(DELTA_S)


def test_settings_come_back_as_they_were_set(world: carla.World) -> None:
    settings = world.get_settings()
    assert settings.synchronous_mode
    assert settings.fixed_delta_seconds == DELTA_S
    settings.fixed_delta_seconds = 0.1
    settings.no_rendering_mode = True
    world.apply_settings(settings)
    world.tick()
    assert world.get_settings() == settings
    assert world.get_snapshot().timestamp.delta_seconds == pytest.approx(0.1)


def test_a_time_step_that_makes_no_sense_is_refused(world: carla.World) -> None:
    settings = world.get_settings()
    settings.fixed_delta_seconds = 1000.0
    with pytest.raises(RuntimeError, match="fixed_delta_seconds must lie in"):
        world.apply_settings(settings)


def test_an_asynchronous_world_runs_by_itself(world: carla.World) -> None:
    world.apply_settings(carla.WorldSettings(fixed_delta_seconds=0.02))
    first = world.wait_for_tick()
    second = world.wait_for_tick()
    assert second.frame > first.frame
    assert second.timestamp.delta_seconds == pytest.approx(0.02)


def test_a_car_comes_goes_and_leaves_its_place_free(world: carla.World) -> None:
    car = _spawn_car(world)
    world.tick()
    assert car.id in [actor.id for actor in world.get_actors().filter("vehicle.*")]
    assert car.bounding_box.extent.x > 1.5
    place = world.get_map().get_spawn_points()[0]
    assert car.get_transform().location.distance(place.location) < 1.0
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    assert world.try_spawn_actor(blueprint, place) is None
    with pytest.raises(RuntimeError, match="Spawn failed because of collision at spawn position"):
        world.spawn_actor(blueprint, place)
    assert car.destroy()
    world.tick()
    assert not world.get_actors().filter("vehicle.*")
    assert world.try_spawn_actor(blueprint, place) is not None


def test_actor_ids_are_never_used_again(world: carla.World) -> None:
    first = _spawn_car(world)
    world.tick()
    first.destroy()
    assert _spawn_car(world).id > first.id


def test_throttle_drives_and_brake_stops_a_car(world: carla.World) -> None:
    car = _spawn_car(world)
    world.tick()
    start = car.get_transform()
    car.apply_control(carla.VehicleControl(throttle=0.6))
    for _ in range(40):
        world.tick()
    moved = car.get_location() - start.location
    ahead = start.get_forward_vector()
    assert moved.x * ahead.x + moved.y * ahead.y > 2.0
    assert car.get_velocity().length() > 2.0
    assert car.get_control().throttle == pytest.approx(0.6)
    car.apply_control(carla.VehicleControl(brake=1.0))
    for _ in range(60):
        world.tick()
    assert car.get_velocity().length() < 0.1


def test_many_commands_go_in_one_call(client: carla.Client, world: carla.World) -> None:
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    places = world.get_map().get_spawn_points()
    go = carla.command.ApplyVehicleControl(carla.command.FutureActor, carla.VehicleControl(throttle=1.0))
    spawn = [carla.command.SpawnActor(blueprint, places[i]).then(go) for i in (0, 0, 1)]
    answers = client.apply_batch_sync(spawn, True)
    assert [answer.has_error() for answer in answers] == [False, True, False]
    assert "collision at spawn position" in answers[1].error
    for _ in range(20):
        world.tick()
    cars = world.get_actors([answers[0].actor_id, answers[2].actor_id])
    assert all(car.get_velocity().length() > 1.0 for car in cars)
    done = client.apply_batch_sync([carla.command.DestroyActor(car.id) for car in cars], True)
    assert not any(answer.has_error() for answer in done)
    missing = client.apply_batch_sync([carla.command.DestroyActor(999_999)], True)
    assert "unable to destroy actor: not found" in missing[0].error


def test_what_another_client_destroyed_is_refused_in_words(world: carla.World, server: RunningServer) -> None:
    car = _spawn_car(world)
    world.tick()
    other = carla.Client("127.0.0.1", server.port)
    other.set_timeout(10.0)
    assert not other.apply_batch_sync([carla.command.DestroyActor(car.id)], False)[0].has_error()
    with pytest.raises(RuntimeError, match=f"Actor could not be found in the registry.  Actor Id: {car.id}"):
        car.get_physics_control()
    with pytest.raises(RuntimeError, match="unable to attach actor: parent actor not found"):
        _listen(world, "sensor.other.imu", car)
    assert car.bounding_box.extent.x > 1.5  # the Traffic Manager asks for it, and an error would end the client
    car.set_simulate_physics(True)


CAMERAS = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")


def test_all_cameras_show_the_same_frame(world: carla.World) -> None:
    car = _spawn_car(world)
    place = carla.Transform(carla.Location(x=1.6, z=1.7))
    listening = {
        kind: _listen(world, f"sensor.camera.{kind}", car, place, image_size_x=160, image_size_y=96, fov=100)
        for kind in CAMERAS
    }
    images: dict[str, Any] = {}
    for _ in range(3):
        frame = world.tick()
        for kind, (_, messages) in listening.items():
            image = images[kind] = messages.get(timeout=60.0)
            assert (image.frame, image.width, image.height) == (frame, 160, 96)
            assert image.fov == pytest.approx(100.0)
            assert len(image.raw_data) == 160 * 96 * 4
            assert image.timestamp == world.get_snapshot().timestamp.elapsed_seconds
    sensor = listening["rgb"][0]
    assert images["rgb"].transform == sensor.get_transform()
    assert not any(messages.qsize() for _, messages in listening.values())
    rgb, depth, semantic, instance = (
        np.frombuffer(images[kind].raw_data, np.uint8).reshape(96, 160, 4).astype(np.int64) for kind in CAMERAS
    )
    assert rgb[..., :3].std() > 5.0
    depth_m = 1000.0 * (depth[..., 2] + 256 * depth[..., 1] + 65536 * depth[..., 0]) / (2**24 - 1)
    assert 1.0 < depth_m[80:, 60:100].mean() < 10.0
    assert (semantic[80:, 60:100, 2] == int(carla.CityObjectLabel.Roads)).mean() > 0.5
    assert (instance[..., 2] == semantic[..., 2]).all()
    for kind in CAMERAS:
        listening[kind][0].destroy()


def test_a_camera_goes_on_without_rendering_as_on_a_carla_server(world: carla.World) -> None:
    car = _spawn_car(world)
    settings = world.get_settings()
    settings.no_rendering_mode = True
    world.apply_settings(settings)
    camera, messages = _listen(world, "sensor.camera.semantic_segmentation", car, image_size_x=64, image_size_y=48)
    frame = world.tick()
    assert messages.get(timeout=60.0).frame == frame
    camera.destroy()


@pytest.mark.parametrize("kind", [carla.AttachmentType.SpringArm, carla.AttachmentType.SpringArmGhost])
def test_a_chase_camera_sees_its_car(world: carla.World, kind: carla.AttachmentType) -> None:
    car = _spawn_car(world)
    blueprint = world.get_blueprint_library().find("sensor.other.gnss")
    place = carla.Transform(carla.Location(x=-6.0, y=4.0, z=3.0))
    chasing = world.spawn_actor(blueprint, place, car, kind)
    world.tick()
    at, there = car.get_transform(), chasing.get_transform()
    way = at.location - there.location
    assert there.get_forward_vector().get_vector_angle(way) < 0.1
    assert way.length() == pytest.approx(math.sqrt(61.0), abs=0.4)
    chasing.destroy()


def test_a_sensor_hangs_on_the_bone_that_is_named(client: carla.Client, world: carla.World) -> None:
    car = _spawn_car(world)
    blueprint = world.get_blueprint_library().find("sensor.other.gnss")
    bones = dict(zip(car.get_bone_names(), car.get_vehicle_bone_world_transforms(), strict=True))
    rigid, bone = carla.AttachmentType.Rigid, "Wheel_Rear_Right"
    hung = [
        world.spawn_actor(blueprint, carla.Transform(), car, rigid, bone).id,
        client.apply_batch_sync([carla.command.SpawnActor(blueprint, carla.Transform(), car, rigid, bone)])[0].actor_id,
    ]
    world.tick()
    for sensor in world.get_actors(hung):
        assert sensor.get_location().distance(bones[bone].location) < 0.05
        sensor.destroy()


def test_a_camera_sees_the_car_ahead(world: carla.World) -> None:
    car = _spawn_car(world)
    place = carla.Transform(carla.Location(x=-8.0, z=3.0), carla.Rotation(pitch=-15.0))
    camera, messages = _listen(
        world, "sensor.camera.instance_segmentation", car, place, image_size_x=160, image_size_y=96
    )
    world.tick()
    image = messages.get(timeout=60.0)  # held: a view of its `raw_data` does not keep it
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(96, 160, 4).astype(np.int64)
    on_car = pixels[..., 2] == int(carla.CityObjectLabel.Car)
    ids = pixels[..., 1] + 256 * pixels[..., 0]
    assert (on_car & (ids == car.id)).sum() > 200
    camera.destroy()


def test_a_slow_sensor_reports_when_it_is_due(world: carla.World) -> None:
    car = _spawn_car(world)
    imu, messages = _listen(world, "sensor.other.imu", car, sensor_tick=0.2)
    frames = [world.tick() for _ in range(12)]
    received = [messages.get(timeout=5.0).frame for _ in range(3)]
    assert received == frames[::4]
    imu.destroy()


def test_gnss_agrees_with_the_map(world: carla.World) -> None:
    car = _spawn_car(world)
    gnss, messages = _listen(world, "sensor.other.gnss", car)
    frame = world.tick()
    fix = messages.get(timeout=5.0)
    expected = world.get_map().transform_to_geolocation(gnss.get_location())
    assert fix.frame == frame
    assert fix.latitude == pytest.approx(expected.latitude, abs=1e-7)
    assert fix.longitude == pytest.approx(expected.longitude, abs=1e-7)
    gnss.destroy()


def test_an_imu_at_rest_feels_gravity(world: carla.World) -> None:
    car = _spawn_car(world)
    imu, messages = _listen(world, "sensor.other.imu", car)
    for _ in range(40):
        world.tick()
    reading = [messages.get(timeout=5.0) for _ in range(40)][-1]
    assert reading.accelerometer.z == pytest.approx(9.81, abs=0.3)
    assert reading.gyroscope.z == pytest.approx(0.0, abs=0.05)
    yaw = car.get_transform().rotation.yaw
    assert math.cos(reading.compass) == pytest.approx(math.cos(math.radians(yaw + 90.0)), abs=0.01)
    imu.destroy()


def test_a_crash_is_reported_with_both_actors(world: carla.World) -> None:
    car = _spawn_car(world)
    world.tick()
    ahead = car.get_transform()
    ahead.location += ahead.get_forward_vector() * 12.0
    other = world.spawn_actor(world.get_blueprint_library().find("vehicle.audi.tt"), ahead)
    sensor, messages = _listen(world, "sensor.other.collision", car)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(80):
        world.tick()
    event = messages.get(timeout=5.0)
    assert event.actor.id == car.id
    assert event.other_actor.id == other.id
    assert event.other_actor.type_id == "vehicle.audi.tt"
    assert event.normal_impulse.length() > 100.0
    sensor.destroy()


def test_weather_comes_back_as_it_was_set(world: carla.World) -> None:
    weather = carla.WeatherParameters(sun_altitude_angle=-30.0, fog_density=65.0, wetness=40.0, cloudiness=12.5)
    world.set_weather(weather)
    world.tick()
    assert world.get_weather() == weather


def test_traffic_manager_drives(client: carla.Client, world: carla.World) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    manager = client.get_trafficmanager(port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(3)
    cars = [_spawn_car(world, i) for i in range(0, 10, 2)]
    world.tick()
    starts = [car.get_location() for car in cars]
    travelled = [0.0] * 5
    for car in cars:
        car.set_autopilot(True, port)
    for _ in range(200):
        world.tick()
        for i, car in enumerate(cars):
            travelled[i] += car.get_velocity().length() * DELTA_S
    assert sum(distance > 15.0 for distance in travelled) >= 4
    assert sum(car.get_location().distance(start) > 5.0 for car, start in zip(cars, starts)) >= 4
    for car in cars:
        car.set_autopilot(False, port)
        nearest = world.get_map().get_waypoint(car.get_location()).transform.location
        assert nearest.distance(car.get_location()) < 1.5
    for car in cars:
        car.destroy()
    for _ in range(5):
        world.tick()
    manager.set_synchronous_mode(False)
    manager.shut_down()


def test_a_traffic_manager_survives_that_its_cars_disappear(client: carla.Client, world: carla.World) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    manager = client.get_trafficmanager(port)
    manager.set_synchronous_mode(True)
    cars = [_spawn_car(world, i) for i in (0, 4, 8)]
    world.tick()
    for car in cars:
        car.set_autopilot(True, port)
    for _ in range(10):
        world.tick()
    cars[0].destroy()
    for _ in range(10):
        world.tick()
    again = client.reload_world(False)
    for _ in range(10):
        again.tick()
    manager.set_synchronous_mode(False)
    manager.shut_down()
    assert not again.get_actors().filter("vehicle.*")


def test_reload_starts_a_new_episode(client: carla.Client, world: carla.World) -> None:
    car = _spawn_car(world)
    frame = world.tick()
    again = client.reload_world(False)
    assert again.id != world.id
    assert again.get_settings().synchronous_mode
    snapshot = again.get_snapshot()
    assert snapshot.frame > frame
    assert snapshot.timestamp.elapsed_seconds <= 3 * DELTA_S
    assert not again.get_actors().filter("vehicle.*")
    assert _spawn_car(again).id > car.id


def test_an_episode_repeats_bit_for_bit(client: carla.Client, world: carla.World) -> None:
    def episode() -> tuple[list[bytes], list[Any]]:
        fresh = client.reload_world(False)
        cars = [_spawn_car(fresh, i) for i in (0, 4)]
        camera, images = _listen(fresh, "sensor.camera.rgb", cars[0], image_size_x=96, image_size_y=64)
        imu, readings = _listen(fresh, "sensor.other.imu", cars[0], noise_accel_stddev_x=0.1)
        seen, felt = [], []
        for car in cars:
            car.apply_control(carla.VehicleControl(throttle=0.7, steer=0.1))
        for _ in range(6):
            fresh.tick()
            image = images.get(timeout=60.0)
            seen.append(bytes(image.raw_data))
            vector = readings.get(timeout=5.0).accelerometer
            place = cars[1].get_transform()
            felt.append((vector.x, vector.y, vector.z, place.location.x, place.location.y, place.rotation.yaw))
        camera.destroy()
        imu.destroy()
        return seen, felt

    first_seen, first_felt = episode()
    again_seen, again_felt = episode()
    assert again_felt == first_felt
    assert again_seen == first_seen
    assert len(set(first_seen)) == 6


def test_another_town_can_be_loaded(client: carla.Client, world: carla.World) -> None:
    assert {name.rsplit("/", 1)[-1] for name in client.get_available_maps()} >= {"Elm01", "Elm02"}
    other = client.load_world("Elm02", False)
    assert other.get_map().name.endswith("Elm02")
    assert other.get_map().get_spawn_points()
    assert client.load_world("/Game/Carla/Maps/Elm01", False).get_map().name.endswith("Elm01")
    with pytest.raises(RuntimeError, match="Map 'Town77' not found"):
        client.load_world("Town77")


def test_two_clients_share_the_world(client: carla.Client, world: carla.World, server: RunningServer) -> None:
    second = carla.Client("127.0.0.1", server.port)
    second.set_timeout(10.0)
    theirs = second.get_world()
    car = _spawn_car(world)
    frame = world.tick()
    deadline_s = time.monotonic() + 5.0
    while theirs.get_snapshot().frame < frame and time.monotonic() < deadline_s:
        time.sleep(0.005)
    assert theirs.get_snapshot().frame == frame
    seen = theirs.get_actor(car.id)
    assert seen.type_id == "vehicle.tesla.model3"
    assert seen.get_location().distance(car.get_location()) < 0.01
    camera, messages = _listen(theirs, "sensor.camera.depth", seen, image_size_x=64, image_size_y=48)
    frame = world.tick()
    assert messages.get(timeout=60.0).frame == frame
    camera.destroy()


def test_a_peer_that_talks_nonsense_harms_nobody(world: carla.World, server: RunningServer) -> None:
    for port in (server.port, server.stream_port):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(b"\xc1GET / HTTP/1.1\r\n\r\n" * 10)
    assert world.tick() + 1 == world.tick()


def test_what_the_server_does_not_have_is_refused_in_words(client: carla.Client, world: carla.World) -> None:
    with pytest.raises(RuntimeError, match="could not be correctly parsed"):
        client.generate_opendrive_world("<OpenDRIVE/>")


CALLS: dict[str, Callable[[carla.Vehicle], object]] = {
    "bounding_box": lambda car: car.bounding_box.extent,
    "physics": lambda car: car.get_physics_control().mass,
    "telemetry": lambda car: car.get_telemetry_data().speed,
    "lights": lambda car: car.get_light_state(),
    "steer": lambda car: car.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel),
    "ackermann": lambda car: car.get_ackermann_controller_settings(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_vehicle_answers_for_itself(world: carla.World, name: str) -> None:
    car = _spawn_car(world)
    world.tick()
    assert CALLS[name](car) is not None


def test_lights_that_were_switched_on_stay_on(world: carla.World) -> None:
    car = _spawn_car(world)
    low = carla.VehicleLightState(carla.VehicleLightState.LowBeam | carla.VehicleLightState.Position)
    car.set_light_state(low)
    world.tick()
    assert car.get_light_state() == low
    assert world.get_vehicles_light_states()[car.id] == low


def test_a_walker_walks(world: carla.World) -> None:
    blueprint = world.get_blueprint_library().filter("walker.pedestrian.*")[0]
    place = world.get_map().get_spawn_points()[3]
    place.location.z += 1.0
    walker = world.spawn_actor(blueprint, place)
    world.tick()
    start = walker.get_location()
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 1.4))
    for _ in range(40):
        world.tick()
    assert walker.get_location().x - start.x == pytest.approx(2.8, abs=0.4)


def test_traffic_lights_are_those_of_the_map(world: carla.World) -> None:
    world.tick()
    lights = world.get_actors().filter("traffic.traffic_light")
    assert lights
    light = lights[0]
    light.set_state(carla.TrafficLightState.Green)
    light.freeze(True)
    world.tick()
    assert light.get_state() == carla.TrafficLightState.Green
    assert light.get_affected_lane_waypoints()
    landmarks = {mark.id for mark in world.get_map().get_all_landmarks_of_type("1000001")}
    assert {each.get_opendrive_id() for each in lights} <= landmarks
    light.freeze(False)


def test_street_lamps_can_be_switched(world: carla.World) -> None:
    manager = world.get_lightmanager()
    lamps = manager.get_all_lights(carla.LightGroup.Street)
    assert len(lamps) > 10
    manager.turn_on(lamps)
    world.tick()
    assert all(manager.is_active(lamps))
    manager.turn_off(lamps)
    world.tick()
    assert not any(manager.is_active(lamps))


def test_a_ray_down_finds_the_road(world: carla.World) -> None:
    place = world.get_map().get_spawn_points()[0].location
    place.z += 5.0
    hit = world.ground_projection(place, 20.0)
    assert hit is not None
    assert hit.location.z == pytest.approx(0.0, abs=0.3)


def test_a_picture_shows_the_step_it_belongs_to_whatever_is_changed_right_after_the_tick(world: carla.World) -> None:
    car, seen = _spawn_car(world), _spawn_car(world, 1)
    for _ in range(10):
        world.tick()
    seen.set_simulate_physics(False)
    car.set_simulate_physics(False)
    start = car.get_transform()
    near, far = (
        carla.Transform(start.location + start.get_forward_vector() * metres, start.rotation) for metres in (8.0, 14.0)
    )
    seen.set_transform(near)
    size = {"image_size_x": 320, "image_size_y": 180}
    place = carla.Transform(carla.Location(x=1.0, z=1.8))
    kinds = ("rgb", "instance_segmentation", "depth")
    cameras = [_listen(world, f"sensor.camera.{kind}", car, place, **size) for kind in kinds]

    def look(and_then: Callable[[], object]) -> list[bytes]:
        frame = world.tick()
        and_then()
        images = [messages.get(timeout=60.0) for _, messages in cameras]
        assert [image.frame for image in images] == [frame] * 3
        return [bytes(image.raw_data) for image in images]

    waiting = look(lambda: time.sleep(0.5))
    hurried = look(lambda: (seen.set_transform(far), world.set_weather(carla.WeatherParameters.HardRainNight)))
    moved = look(seen.destroy)
    gone = look(lambda: None)
    assert waiting[1:] == hurried[1:]
    assert waiting[1] != moved[1]
    assert moved[1] != gone[1]
    brightness = [np.frombuffer(pictures[0], np.uint8).mean() for pictures in (waiting, hurried, moved)]
    assert abs(brightness[0] - brightness[1]) < 10.0 < brightness[1] - brightness[2]
