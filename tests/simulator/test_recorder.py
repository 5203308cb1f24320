"""Recorder and replayer, as a client of CARLA uses them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import carla
import pytest

from tests.simulator.serving import RunningServer, running_server

DELTA_S = 0.05


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with running_server("--recordings", str(folder), "--town", "Elm02") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> carla.Client:
    connected = carla.Client("127.0.0.1", server.port)
    connected.set_timeout(30.0)
    return connected


@pytest.fixture
def world(client: carla.Client) -> Iterator[carla.World]:
    world = client.get_world()
    world.apply_settings(carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=DELTA_S))
    yield world
    client.stop_recorder()
    client.stop_replayer(False)
    client.set_replayer_ignore_hero(False)
    client.set_replayer_ignore_spectator(False)
    client.set_replayer_time_factor(1.0)
    world.tick()
    left = [a.id for a in world.get_actors() if a.type_id.split(".")[0] in ("vehicle", "walker", "sensor")]
    client.apply_batch_sync([carla.command.DestroyActor(i) for i in left], True)
    world.apply_settings(carla.WorldSettings())


def _car(world: carla.World, place: int = 0, role: str = "autopilot") -> carla.Vehicle:
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    blueprint.set_attribute("role_name", role)
    return world.spawn_actor(blueprint, world.get_map().get_spawn_points()[place])


def _drive(world: carla.World, car: carla.Vehicle, ticks: int) -> list[carla.Transform]:
    car.apply_control(carla.VehicleControl(throttle=0.7))
    poses = []
    for _ in range(ticks):
        world.tick()
        poses.append(car.get_transform())
    return poses


def _record_a_drive(
    client: carla.Client, world: carla.World, name: str, ticks: int = 60
) -> tuple[int, list[carla.Transform]]:
    car = _car(world)
    world.tick()
    client.start_recorder(name)
    poses = _drive(world, car, ticks)
    client.stop_recorder()
    actor_id = car.id
    car.destroy()
    world.tick()
    return actor_id, poses


def test_a_replayed_car_goes_where_it_went(client: carla.Client, world: carla.World) -> None:
    actor_id, poses = _record_a_drive(client, world, "drive.log")
    assert not world.get_actors().filter("vehicle.*")
    told = client.replay_file("drive.log", 0.0, 0.0, 0)
    assert "Total time recorded: 2.95" in told
    assert "Replaying from 0 s - 2.95 s (2.95 s) at 1.0x" in told
    fastest = 0.0
    for expected in poses[1:]:
        world.tick()
        (car,) = world.get_actors().filter("vehicle.*")
        assert car.id == actor_id
        assert car.get_location().distance(expected.location) < 0.01
        assert abs(car.get_transform().rotation.yaw - expected.rotation.yaw) < 0.01
        fastest = max(fastest, car.get_velocity().length())
    assert fastest > 3.0
    assert car.get_control().throttle == pytest.approx(0.7)


def test_after_its_end_a_replay_leaves_the_car_at_rest(client: carla.Client, world: carla.World) -> None:
    _, poses = _record_a_drive(client, world, "rest.log", ticks=30)
    client.replay_file("rest.log", 0.0, 0.0, 0)
    for _ in range(60):
        world.tick()
    (car,) = world.get_actors().filter("vehicle.*")
    assert car.get_velocity().length() < 0.2
    start = car.get_location()
    assert start.distance(poses[-1].location) < 0.5
    _drive(world, car, 40)
    assert car.get_location().distance(start) > 1.0


def test_start_duration_and_time_factor(client: carla.Client, world: carla.World) -> None:
    _, poses = _record_a_drive(client, world, "part.log")
    client.set_replayer_time_factor(2.0)
    told = client.replay_file("part.log", 1.0, 1.0, 0)
    assert "Replaying from 1 s - 2 s (2.95 s) at 2.0x" in told
    for k in (22, 24, 26, 28, 30):
        world.tick()
        (car,) = world.get_actors().filter("vehicle.*")
        assert car.get_location().distance(poses[k].location) < 0.01
    client.set_replayer_time_factor(0.5)
    world.tick()
    halfway = poses[30].location + (poses[31].location - poses[30].location) * 0.5
    assert car.get_location().distance(halfway) < 0.01
    told = client.replay_file("part.log", -1.0, 0.0, 0)
    assert "Replaying from 1.95 s - 2.95 s" in told


def test_the_spectator_follows_as_told(client: carla.Client, world: carla.World) -> None:
    actor_id, _ = _record_a_drive(client, world, "follow.log")
    client.replay_file("follow.log", 0.0, 0.0, actor_id, False, carla.Transform(carla.Location(x=-8.0, z=3.0)))
    for _ in range(20):
        world.tick()
    (car,) = world.get_actors().filter("vehicle.*")
    spectator = world.get_spectator().get_transform()
    behind = car.get_transform().transform(carla.Location(x=-8.0, z=3.0))
    assert spectator.location.distance(behind) < 0.01


def test_the_spectator_stays_when_it_is_ignored(client: carla.Client, world: carla.World) -> None:
    _record_a_drive(client, world, "stay.log")
    place = carla.Transform(carla.Location(x=5.0, y=6.0, z=7.0))
    world.get_spectator().set_transform(place)
    client.set_replayer_ignore_spectator(True)
    assert "Ignoring Spectator camera" in client.replay_file("stay.log", 0.0, 0.0, 0)
    for _ in range(5):
        world.tick()
    assert world.get_spectator().get_location().distance(place.location) < 1e-3


def test_a_hero_is_left_out_when_it_is_ignored(client: carla.Client, world: carla.World) -> None:
    hero, other = _car(world, 0, "hero"), _car(world, 1)
    world.tick()
    client.start_recorder("hero.log")
    _drive(world, other, 20)
    client.stop_recorder()
    hero.destroy()
    other.destroy()
    world.tick()
    client.set_replayer_ignore_hero(True)
    assert "Ignoring Hero vehicle" in client.replay_file("hero.log", 0.0, 0.0, 0)
    world.tick()
    assert [car.attributes["role_name"] for car in world.get_actors().filter("vehicle.*")] == ["autopilot"]


def test_actors_come_and_go_as_they_did(client: carla.Client, world: carla.World) -> None:
    world.tick()
    client.start_recorder("life.log")
    for _ in range(10):
        world.tick()
    car = _car(world)
    for _ in range(10):
        world.tick()
    car.destroy()
    for _ in range(10):
        world.tick()
    client.stop_recorder()
    info = client.show_recorder_file_info("life.log", False)
    assert f" Create {car.id}: vehicle.tesla.model3 (1) at (" in info
    assert f"\n Destroy {car.id}\n" in info
    client.replay_file("life.log", 0.0, 0.0, 0)
    there = []
    for _ in range(28):
        world.tick()
        there.append(len(world.get_actors().filter("vehicle.*")))
    assert there == [0] * 9 + [1] * 10 + [0] * 9


def test_a_recorded_sensor_that_the_server_does_not_take_is_left_out(
    client: carla.Client, world: carla.World, folder: Path
) -> None:
    """As of a recording that was made on another server."""
    car = _car(world)
    blueprint = world.get_blueprint_library().find("sensor.other.radar")
    blueprint.set_attribute("horizontal_fov", "179.0")
    radar = world.spawn_actor(blueprint, carla.Transform(), car)
    client.start_recorder("radar.log")
    _drive(world, car, 5)
    client.stop_recorder()
    radar.destroy()
    car.destroy()
    world.tick()
    recorded = (folder / "radar.log").read_bytes()
    assert b"179.0" in recorded
    (folder / "wide.log").write_bytes(recorded.replace(b"179.0", b"999.0"))
    client.replay_file("wide.log", 0.0, 0.0, 0, True)
    world.tick()
    assert len(world.get_actors().filter("vehicle.*")) == 1
    assert not world.get_actors().filter("sensor.*")


def test_a_replay_that_is_stopped_takes_its_actors_along(client: carla.Client, world: carla.World) -> None:
    _record_a_drive(client, world, "stop.log")
    client.replay_file("stop.log", 0.0, 0.0, 0)
    world.tick()
    assert len(world.get_actors().filter("vehicle.*")) == 1
    client.stop_replayer(False)
    world.tick()
    assert not world.get_actors().filter("vehicle.*")


def test_traffic_lights_are_replayed(client: carla.Client, world: carla.World) -> None:
    lights = world.get_actors().filter("traffic.traffic_light")
    client.start_recorder("lights.log")
    states = []
    for _ in range(100):
        world.tick()
        states.append([str(light.state) for light in lights])
    client.stop_recorder()
    for _ in range(60):
        world.tick()
    client.replay_file("lights.log", 0.0, 0.0, 0)
    for expected in states[1:]:
        world.tick()
        assert [str(light.state) for light in lights] == expected


def test_the_text_reads_like_that_of_carlas_server(client: carla.Client, world: carla.World, folder: Path) -> None:
    path = client.start_recorder("text.log", True)
    assert path == str(folder / "text.log")
    car = _car(world)
    _drive(world, car, 5)
    client.stop_recorder()
    world.tick()
    short, full = (client.show_recorder_file_info("text.log", show_all) for show_all in (False, True))
    assert short.startswith("Version: 1\nMap: Elm02\nDate: ")
    assert "\nFrame 1 at 0 seconds\n Create " in short
    assert "  number_of_wheels = 4\n" in short
    assert short.endswith("\nFrames: 5\nDuration: 0.2 seconds\n")
    for title in ("Positions: ", "State traffic lights: ", "Vehicle animations: 1", "Dynamic actors: 1"):
        assert f"\n {title}" in full
    assert f"Id: {car.id} Steering: 0 Throttle: 0.7 Brake: 0 Handbrake: 0 Gear: 1" in full
    assert "Current platform time: " in full


def test_collisions_are_listed_by_kind(client: carla.Client, world: carla.World) -> None:
    first = _car(world, 0, "hero")
    place = first.get_transform() if world.tick() else None
    ahead = place.transform(carla.Location(x=9.0, z=0.3))
    blueprint = world.get_blueprint_library().find("vehicle.nissan.patrol")
    second = world.spawn_actor(blueprint, carla.Transform(ahead, place.rotation))
    detector = world.spawn_actor(
        world.get_blueprint_library().find("sensor.other.collision"), carla.Transform(), attach_to=first
    )
    detector.listen(lambda _: None)
    client.start_recorder("crash.log")
    _drive(world, first, 80)
    client.stop_recorder()
    detector.stop()
    row = client.show_recorder_collisions("crash.log", "h", "v")
    assert row.count("vehicle.nissan.patrol") >= 1
    assert f" {first.id} vehicle.tesla.model3" in row
    assert f" {second.id} vehicle.nissan.patrol" in row
    assert "vehicle.nissan" not in client.show_recorder_collisions("crash.log", "w", "a")


def test_who_stood_still_is_listed(client: carla.Client, world: carla.World) -> None:
    stands, drives = _car(world, 0), _car(world, 1)
    world.tick()
    client.start_recorder("blocked.log")
    _drive(world, drives, 120)
    client.stop_recorder()
    text = client.show_recorder_actors_blocked("blocked.log", 4.0, 100.0)
    ids = [line.split()[1] for line in text.splitlines() if "vehicle." in line]
    assert ids == [str(stands.id)]


def test_names_stay_in_the_folder(client: carla.Client, world: carla.World, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="does not name a file in"):
        client.start_recorder("../outside.log")
    with pytest.raises(RuntimeError, match="does not name a file in"):
        client.show_recorder_file_info("../../etc/passwd", False)
    absolute = tmp_path / "here.log"
    assert client.start_recorder(str(absolute)) == str(absolute)
    world.tick()
    client.stop_recorder()
    world.tick()
    assert absolute.read_bytes()[:18] == struct.pack("<HH", 1, 14) + b"CARLA_RECORDER"


def test_what_is_no_recording_is_told_so(client: carla.Client, world: carla.World, folder: Path) -> None:
    (folder / "text.txt").write_text("no recording at all")
    assert "not found on server" in client.show_recorder_file_info("missing.log", False)
    assert "not found on server" in client.replay_file("missing.log", 0.0, 0.0, 0)
    assert client.show_recorder_file_info("text.txt", False) == "File is not a CARLA recorder\n"
    assert "not a CARLA recorder" in client.replay_file("text.txt", 0.0, 0.0, 0)
    world.tick()
