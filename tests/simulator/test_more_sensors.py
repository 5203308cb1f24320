"""Lidars, radar, obstacle detection, normals, optical flow and events, as an unmodified client of CARLA gets them."""

from __future__ import annotations

import math
import queue
from collections.abc import Iterator
from typing import Any

import carla
import numpy as np
import pytest

from simulator.proofs.traffic import synchronous
from tests.simulator.serving import RunningServer, running_server

WIDTH, HEIGHT = 96, 64
SEMANTIC_POINT = np.dtype(
    [(n, np.float32) for n in ("x", "y", "z", "cos")] + [("object", np.uint32), ("tag", np.uint32)]
)
EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("polarity", "?")])


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--cameras") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> carla.Client:
    connected = carla.Client("127.0.0.1", server.port)
    connected.set_timeout(90.0)
    return connected


class Stage:
    """A synchronous day with a car at the second spawn point; what it makes is destroyed after the test."""

    def __init__(self, client: carla.Client) -> None:
        self.world = client.get_world()
        synchronous(self.world)
        self.world.set_weather(carla.WeatherParameters(sun_altitude_angle=50.0))
        self.place = self.world.get_map().get_spawn_points()[1]
        self.actors: list[carla.Actor] = []
        self.car = self.spawn("vehicle.tesla.model3", self.place)

    def spawn(self, kind: str, place: carla.Transform, parent: carla.Actor | None = None, **more: object) -> Any:
        blueprint = self.world.get_blueprint_library().find(kind)
        for name, value in more.items():
            blueprint.set_attribute(name, str(value))
        actor = self.world.spawn_actor(blueprint, place, attach_to=parent)
        self.actors.append(actor)
        return actor

    def listen(self, kind: str, place: carla.Transform, attached: bool = True, **more: object) -> queue.Queue[Any]:
        sensor = self.spawn(kind, place, self.car if attached else None, **more)
        messages: queue.Queue[Any] = queue.Queue()
        sensor.listen(messages.put)
        return messages

    def camera(self, kind: str, **more: object) -> queue.Queue[Any]:
        place = carla.Transform(carla.Location(x=2.7, z=1.3))  # before the bonnet, which it does not see
        return self.listen(f"sensor.camera.{kind}", place, image_size_x=WIDTH, image_size_y=HEIGHT, **more)

    def ahead(self, metres: float, z: float = 0.3) -> carla.Transform:
        way = self.place.get_forward_vector()
        return carla.Transform(self.place.location + way * metres + carla.Location(z=z), self.place.rotation)

    def tick(self, times: int = 1) -> int:
        for _ in range(times):
            frame = self.world.tick()
        return frame

    def clear(self) -> None:
        for actor in reversed(self.actors):
            if isinstance(actor, carla.Sensor):
                actor.stop()
            actor.destroy()
        self.world.apply_settings(carla.WorldSettings())


@pytest.fixture
def stage(client: carla.Client) -> Iterator[Stage]:
    made = Stage(client)
    yield made
    made.clear()


ROOF = carla.Transform(carla.Location(z=2.2))
LOSSLESS = {"dropoff_general_rate": 0.0, "dropoff_intensity_limit": 0.0}


def test_a_lidar_tells_where_the_road_is(stage: Stage) -> None:
    messages = stage.listen("sensor.lidar.ray_cast", ROOF, channels=16, range=40, points_per_second=64000, **LOSSLESS)
    frames = [stage.tick() for _ in range(3)]
    sweeps = [messages.get(timeout=60.0) for _ in frames]
    assert [sweep.frame for sweep in sweeps] == frames
    assert [round(math.degrees(sweep.horizontal_angle)) % 360 for sweep in sweeps] == [180, 0, 180]
    for sweep in sweeps:
        points = np.frombuffer(sweep.raw_data, np.float32).reshape(-1, 4)
        assert sweep.channels == 16
        assert sum(sweep.get_point_count(k) for k in range(16)) == len(points) == len(sweep)
        assert max(sweep.get_point_count(k) for k in range(16)) == 200
        assert np.linalg.norm(points[:, :3], axis=1).max() <= 40.001
        world = np.array(sweep.transform.get_matrix()) @ np.c_[points[:, :3], np.ones(len(points))].T
        low = world[2] < 0.3
        assert low.mean() > 0.4  # the ground around the car
        assert world[2, low].min() > -0.5
    first = np.frombuffer(sweeps[0].raw_data, np.float32).reshape(-1, 4)
    assert first[:, 1].max() < 0.01  # the first half of a turn: all that lies to the left


def test_a_lidar_has_measured_before_a_world_is_made_synchronous_after_the_next_spawn(stage: Stage) -> None:
    stage.world.apply_settings(carla.WorldSettings())
    for _ in range(3):
        messages = stage.listen("sensor.lidar.ray_cast", ROOF, channels=4, range=20, points_per_second=4000)
        stage.camera("rgb")
        stage.world.apply_settings(carla.WorldSettings(synchronous_mode=True))
        assert len(messages.get(timeout=5.0)) > 0
        stage.world.apply_settings(carla.WorldSettings())


def test_a_semantic_lidar_names_the_car_ahead_and_its_own(stage: Stage) -> None:
    other = stage.spawn("vehicle.audi.tt", stage.ahead(10.0))
    messages = stage.listen(
        "sensor.lidar.ray_cast_semantic", ROOF, channels=32, range=30, points_per_second=200000, rotation_frequency=20
    )
    stage.tick()
    sweep = messages.get(timeout=60.0)  # held: a view of its `raw_data` does not keep it
    points = np.frombuffer(sweep.raw_data, SEMANTIC_POINT)
    on_other = points[points["object"] == other.id]
    assert len(on_other) > 30
    assert set(on_other["tag"]) == {int(carla.CityObjectLabel.Car)}
    assert on_other["x"] == pytest.approx(np.full(len(on_other), 10.0), abs=2.6)
    assert (points["object"] == stage.car.id).sum() > 10
    assert (points["cos"] >= 0.0).all()
    assert (points["tag"] == int(carla.CityObjectLabel.Roads)).sum() > 200


def test_a_radar_sees_the_car_ahead_come_nearer(stage: Stage) -> None:
    other = stage.spawn("vehicle.audi.tt", stage.ahead(14.0))
    stage.car.enable_constant_velocity(carla.Vector3D(5.0, 0.0, 0.0))
    front = carla.Transform(carla.Location(x=2.0, z=0.7))  # behind the bumper
    messages = stage.listen("sensor.other.radar", front, points_per_second=10000, range=60)
    stage.tick(5)
    measured = [messages.get(timeout=60.0) for _ in range(5)][-1]
    gap = stage.car.get_location().distance(other.get_location()) - 2.0 - other.bounding_box.extent.x
    on_other = [d for d in measured if abs(d.depth - gap) < 0.8 and abs(d.azimuth) < 0.05 and abs(d.altitude) < 0.03]
    assert len(on_other) > 3
    assert [d.velocity for d in on_other] == pytest.approx([-5.0] * len(on_other), abs=0.2)
    assert np.frombuffer(measured.raw_data, np.float32).reshape(-1, 4)[:, 3].min() > 1.0  # not its own bumper


def test_a_radar_that_looks_at_the_sky_says_nothing(stage: Stage) -> None:
    up = carla.Transform(stage.place.location + carla.Location(z=60.0), carla.Rotation(pitch=90.0))
    messages = stage.listen("sensor.other.radar", up, attached=False)
    frame = stage.tick()
    measured = messages.get(timeout=60.0)
    assert (measured.frame, len(measured)) == (frame, 0)


def test_an_obstacle_detector_reports_what_is_ahead(stage: Stage) -> None:
    front = carla.Transform(carla.Location(x=2.4, z=0.8))
    messages = stage.listen("sensor.other.obstacle", front, distance=12, hit_radius=0.4, only_dynamics="true")
    stage.tick(2)
    assert messages.empty()
    other = stage.spawn("vehicle.audi.tt", stage.ahead(12.0))
    frame = stage.tick()
    event = messages.get(timeout=60.0)
    assert (event.frame, event.other_actor.id) == (frame, other.id)
    assert event.distance == pytest.approx(12.0 - 2.4 - other.bounding_box.extent.x - 0.4, abs=0.3)


def test_an_obstacle_detector_names_the_ground(stage: Stage) -> None:
    down = carla.Transform(carla.Location(x=2.6, z=2.0), carla.Rotation(pitch=-90.0))
    messages = stage.listen("sensor.other.obstacle", down, distance=5, hit_radius=0.3)
    stage.tick(12)  # the car is set down from above
    event = [messages.get(timeout=60.0) for _ in range(12)][-1]
    assert event.other_actor.type_id.startswith("static.road")
    assert event.distance == pytest.approx(1.7, abs=0.1)


def test_normals_point_at_the_camera_in_the_axes_of_the_world(stage: Stage) -> None:
    normals, depth = stage.camera("normals"), stage.camera("depth")
    stage.tick()
    images = normals.get(timeout=60.0), depth.get(timeout=60.0)  # held: a view of their `raw_data` does not keep them
    bgra, distances = (np.frombuffer(image.raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4) for image in images)
    far = distances[..., :3].min(axis=2) == 255
    normal = bgra[..., 2::-1].astype(float) / 127.5 - 1.0
    assert np.linalg.norm(normal[~far], axis=1) == pytest.approx(np.ones((~far).sum()), abs=0.02)
    assert np.abs(normal[far]).max(initial=0.0) < 0.01
    middle = slice(WIDTH // 3, 2 * WIDTH // 3)
    assert normal[-1, middle, 2].mean() > 0.95  # the road before the car faces upwards
    assert (bgra[..., 3] == 255).all()


def test_optical_flow_says_where_each_point_was_in_the_frame_before(stage: Stage) -> None:
    stage.spawn("vehicle.audi.tt", stage.ahead(10.0))
    stage.car.enable_constant_velocity(carla.Vector3D(6.0, 0.0, 0.0))
    flow, depth = stage.camera("optical_flow"), stage.camera("depth")
    ticks = 14  # then the other car has come to rest on the road
    stage.tick(ticks)
    flows = [flow.get(timeout=60.0) for _ in range(ticks)]
    depths = [depth.get(timeout=60.0) for _ in range(ticks)]
    assert not np.frombuffer(flows[0].raw_data, np.float32).any()  # nothing to compare with
    assert (flows[-1].width, flows[-1].height) == (WIDTH, HEIGHT)
    pixel = np.frombuffer(flows[-1].raw_data, np.float32).reshape(HEIGHT, WIDTH, 2)
    b, g, r = np.moveaxis(
        np.frombuffer(depths[-1].raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4)[..., :3].astype(int), 2, 0
    )
    metres = (r + 256 * g + 65536 * b) / (2**24 - 1) * 1000.0
    # what stands still: put every pixel into the world and look at it with the camera of the frame before
    focal = WIDTH / 2.0
    i, j = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    there = np.stack([metres, (i - WIDTH / 2) / focal * metres, -(j - HEIGHT / 2) / focal * metres, np.ones_like(i)])
    now, before = (np.array(image.transform.get_matrix()) for image in (flows[-1], flows[-2]))
    x, y, z, _ = np.einsum("ij,jhw->ihw", np.linalg.inv(before) @ now, there)
    moved = np.stack([i - (WIDTH / 2 + focal * y / x), j - (HEIGHT / 2 - focal * z / x)], axis=2)
    found = pixel * np.array([WIDTH / 2.0, -HEIGHT / 2.0])
    still = metres < 900.0
    assert np.abs(found - moved)[still].max() < 0.05
    assert np.abs(found[-1]).max() > 0.5  # the road runs past below


def test_events_come_from_edges_that_move_and_in_order(stage: Stage) -> None:
    events, frames = stage.camera("dvs"), stage.camera("rgb")
    stage.tick(3)
    stage.car.enable_constant_velocity(carla.Vector3D(8.0, 0.0, 0.0))
    stage.tick(3)
    shown = [frames.get(timeout=60.0) for _ in range(6)]
    found = []
    while not events.empty():
        found.append(events.get())
    assert found
    assert found[-1].frame == shown[-1].frame
    last = found[-1]
    array = np.frombuffer(last.raw_data, EVENT)
    assert len(array) == len(last) > 20
    assert (last.width, last.height) == (WIDTH, HEIGHT)
    assert array["x"].max() < WIDTH
    assert array["y"].max() < HEIGHT
    assert (np.diff(array["t"]) >= 0).all()
    now_ns = last.timestamp * 1e9
    assert now_ns - 0.05e9 - 1e3 <= array["t"].min()
    assert array["t"].max() <= now_ns + 1e3
    assert array["polarity"].any()
    assert not array["polarity"].all()


def test_all_of_them_keep_their_rhythm_and_serve_several_listeners(server: RunningServer, stage: Stage) -> None:
    kinds = ("sensor.lidar.ray_cast", "sensor.lidar.ray_cast_semantic", "sensor.other.radar")
    slow = [stage.listen(kind, ROOF, sensor_tick=0.2, points_per_second=2000) for kind in kinds]
    shared = stage.spawn("sensor.lidar.ray_cast", ROOF, stage.car, points_per_second=2000, **LOSSLESS)
    stage.tick()
    both: list[queue.Queue[Any]] = [queue.Queue(), queue.Queue()]
    other = carla.Client("127.0.0.1", server.port)  # one client cannot listen twice to the same stream
    other.set_timeout(90.0)
    again = other.get_world().get_actor(shared.id)
    for sensor, messages in zip((shared, again), both):
        sensor.listen(messages.put)
    frames = [stage.tick() for _ in range(8)]
    got = [[messages.get(timeout=60.0) for _ in frames] for messages in both]
    assert [m.frame for m in got[0]] == [m.frame for m in got[1]] == frames
    assert bytes(got[0][-1].raw_data) == bytes(got[1][-1].raw_data)
    again.stop()
    for messages in slow:
        assert [messages.get(timeout=60.0).frame for _ in range(3)] == [frames[0] - 1, frames[3], frames[7]]
        assert messages.empty()


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("sensor.lidar.ray_cast", "channels", "0"),
        ("sensor.other.radar", "horizontal_fov", "200"),
        ("sensor.other.obstacle", "distance", "-1"),
        ("sensor.camera.dvs", "positive_threshold", "0"),
    ],
)
def test_a_sensor_that_makes_no_sense_is_refused_in_words(stage: Stage, kind: str, name: str, value: str) -> None:
    with pytest.raises(RuntimeError, match=kind):
        stage.spawn(kind, ROOF, stage.car, **{name: value})


def test_whole_numbers_may_be_written_as_decimals(stage: Stage) -> None:
    """CARLA's server cuts what follows the number; its own examples ask for 64.0 channels."""
    sweeps = stage.listen("sensor.lidar.ray_cast", ROOF, channels="16.0", points_per_second=2000)
    fixes = stage.listen("sensor.other.gnss", ROOF, noise_seed="3.0", noise_lat_stddev=0.001)
    camera = stage.camera("depth", fov="100")
    stage.tick()
    assert sweeps.get(timeout=60.0).channels == 16
    assert fixes.get(timeout=60.0).latitude != 0.0
    assert camera.get(timeout=60.0).fov == 100.0


@pytest.mark.parametrize("value", ["many", "nan", ""])
def test_what_is_no_number_is_refused(stage: Stage, value: str) -> None:
    for kind, name in (("sensor.other.gnss", "noise_seed"), ("sensor.other.imu", "noise_accel_stddev_x")):
        with pytest.raises(RuntimeError, match="invalid actor description"):
            stage.spawn(kind, ROOF, stage.car, **{name: value})
    stage.tick()


def test_the_cosmos_camera_shows_tags_in_the_colours_of_cityscapes(stage: Stage) -> None:
    shown, tags = stage.camera("cosmos_visualization"), stage.camera("semantic_segmentation")
    stage.tick()
    picture, labels = shown.get(timeout=60.0), tags.get(timeout=60.0)
    labels.convert(carla.ColorConverter.CityScapesPalette)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert bytes(picture.raw_data) == bytes(labels.raw_data)
    assert len(set(np.frombuffer(picture.raw_data, np.uint32).tolist())) > 4
