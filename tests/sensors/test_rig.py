"""The rig on a real server through the real client, and the thermal camera on what it brings."""

from __future__ import annotations

import queue
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import carla
import numpy as np
import pytest

from sensors.rig import DEPTH, INSTANCES, MOST_HELD, RGB, Rig, RigError, _described, _Inbox
from sensors.thermal import Ambient, HeatTracker, ThermalCamera, reproject
from sensors.thermal.presets import PRESETS
from simulator.proofs.traffic import synchronous
from tests.simulator.serving import RunningServer, running_server

FRONT = {
    "type": "sensor.camera.rgb", "id": "Front", "x": 1.3, "y": 0.0, "z": 1.7, "roll": 0.0, "pitch": 0.0, "yaw": 0.0,
    "width": 320, "height": 180, "fov": 90,
}  # fmt: skip
LEFT = {**FRONT, "id": "Left", "yaw": -60.0, "width": 160, "height": 120, "fov": 60}
GNSS = {"type": "sensor.other.gnss", "id": "GPS", "x": 0.0, "y": 0.0, "z": 0.0}
NIGHT = Ambient(air_temperature_c=6.0, relative_humidity=0.75, local_time_h=22.0)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--town", "Elm01") as running:
        yield running


@pytest.fixture
def world(server: RunningServer) -> Iterator[carla.World]:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(60.0)
    world = client.get_world()
    synchronous(world)
    yield world
    world.tick()
    for actor in world.get_actors():
        if actor.type_id.split(".")[0] in ("vehicle", "walker"):
            actor.destroy()
    world.tick()


def spawn_ego(world: carla.World, number: int = 0) -> carla.Vehicle:
    ego = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.lincoln.mkz_2020"), world.get_map().get_spawn_points()[number]
    )
    for _ in range(10):
        world.tick()
    return ego


def ahead_of(world: carla.World, ego: carla.Vehicle, metres: float, z: float) -> carla.Transform:
    place = world.get_map().get_waypoint(ego.get_location()).next(metres)[0].transform
    place.location.z += z
    return place


def sensors_of(world: carla.World) -> list[carla.Actor]:
    return list(world.get_actors().filter("sensor.*"))


def test_frames_of_three_cameras_come_as_one_of_exactly_the_frame_asked_for(world):
    rig = Rig(world, spawn_ego(world), [FRONT, GNSS, LEFT])
    world.tick()
    for _ in range(3):
        frame = world.tick()
        frames = rig.frames(frame)
        assert list(frames) == ["Front", "Left"]
        assert [f.frame for f in frames.values()] == [frame, frame]
        front, left = frames["Front"], frames["Left"]
        assert front.bgra.shape == (180, 320, 4)
        assert left.tags.shape == left.instances.shape == left.depth_m.shape == (120, 160)
        assert (front.tags.dtype, front.instances.dtype, front.depth_m.dtype) == (np.uint8, np.uint16, np.float32)
        assert front.time_s == pytest.approx(world.get_snapshot().timestamp.elapsed_seconds)
    rig.destroy()


def test_depth_tags_and_pose_tell_where_the_road_is(world):
    ego = spawn_ego(world)
    rig = Rig(world, ego, [FRONT])
    front = rig.frames(world.tick())["Front"]
    u, v = np.meshgrid(np.arange(320) + 0.5 - 160, np.arange(180) + 0.5 - 90)
    points = front.depth_m[..., None] * np.stack([np.ones_like(u), u / 160, -v / 160], axis=-1)
    heights = (points @ front.transform[:3, :3].T + front.transform[:3, 3])[..., 2]
    near_road = (front.tags == 1) & (front.depth_m < 30.0)
    assert near_road.sum() > 1000
    assert np.percentile(np.abs(heights[near_road]), 95) < 0.08
    assert (front.depth_m[front.tags == 11] > 990.0).all()
    rig.destroy()


def test_panes_reach_the_rig_and_leave_tags_and_ids_as_other_clients_see_them(world):
    ego = spawn_ego(world)
    blueprint = world.get_blueprint_library().find("sensor.camera.instance_segmentation")
    for name, value in (("image_size_x", "320"), ("image_size_y", "180"), ("fov", "90")):
        blueprint.set_attribute(name, value)
    other, images = world.spawn_actor(blueprint, carla.Transform(carla.Location(1.3, 0.0, 1.7)), ego), queue.Queue()
    other.listen(images.put)
    rig = Rig(world, ego, [FRONT])
    front = rig.frames(world.tick())["Front"]
    image = images.get(timeout=60.0)  # held: a view of its `raw_data` does not keep it
    labels = np.frombuffer(image.raw_data, np.uint8).reshape(180, 320, 4)
    other.destroy()
    rig.destroy()
    assert image.frame == front.frame
    assert np.array_equal(front.tags, labels[..., 2])
    assert np.array_equal(front.instances, labels[..., 1] + 256 * labels[..., 0].astype(np.uint16))
    assert front.panes is not None
    assert all((front.panes == pane).sum() > 50 for pane in (1, 2)), "dark and lit windows"
    assert set(np.unique(front.tags[np.isin(front.panes, (1, 2))])) == {int(carla.CityObjectLabel.Buildings)}
    as_glass, as_wall = (
        ThermalCamera("ideal", 320, 180, 90.0, NIGHT).image(shot, ()).kelvin
        for shot in (front, replace(front, panes=None))
    )
    glass = front.panes > 0
    assert np.abs(as_glass - as_wall)[glass].mean() > 0.5
    assert np.array_equal(as_glass[~glass], as_wall[~glass])
    without = replace(PRESETS["ideal"], windows=False)
    assert np.array_equal(ThermalCamera(without, 320, 180, 90.0, NIGHT).image(front, ()).kelvin, as_wall)


def test_a_server_that_knows_no_panes_is_asked_for_none():
    asked = {}

    class Blueprint:
        def has_attribute(self, name: str) -> bool:
            return name in ("image_size_x", "image_size_y", "fov")

        set_attribute = asked.__setitem__

    class Library:
        def find(self, kind: str) -> Blueprint:
            return Blueprint()

    _described(Library(), FRONT, INSTANCES, {})
    assert asked == {"image_size_x": "320", "image_size_y": "180", "fov": "90.0"}


class Everything:
    """A library whose every blueprint has every attribute, and keeps what is set."""

    def __init__(self) -> None:
        self.set: dict[str, dict[str, str]] = {}

    def find(self, kind: str) -> SimpleNamespace:
        kept = self.set.setdefault(kind, {})
        return SimpleNamespace(has_attribute=lambda name: True, set_attribute=kept.__setitem__)


def test_what_an_rgb_camera_has_of_its_own_goes_to_the_others_where_pixels_or_times_hang_on_it():
    library, own = Everything(), {"lens_k": "-1.0", "sensor_tick": "0.1", "chromatic_aberration_intensity": "0.5"}
    poses = [_described(library, LEFT, kind, own)[1] for kind in (RGB, INSTANCES, DEPTH)]
    size = {"image_size_x": "160", "image_size_y": "120", "fov": "60.0"}
    alike = {"lens_k": "-1.0", "sensor_tick": "0.1"}
    assert library.set == {
        RGB: size | own,
        INSTANCES: size | alike | {"panes": "true"},
        DEPTH: size | alike,
    }
    assert {str(pose) for pose in poses} == {
        str(carla.Transform(carla.Location(1.3, 0.0, 1.7), carla.Rotation(pitch=0.0, yaw=-60.0, roll=0.0)))
    }
    bare = {name: value for name, value in FRONT.items() if name not in ("roll", "pitch", "yaw")}
    tilted = _described(library, {**bare, "pitch": -5.0, "roll": 2.0}, DEPTH, {})[1].rotation
    assert (tilted.pitch, tilted.yaw, tilted.roll) == (-5.0, 0.0, 2.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"fov": "wide"}, "camera 'Front': could not convert"), ({"height": None}, "camera 'Front': int")],
)
def test_a_sensor_dictionary_that_cannot_be_understood_is_told_by_its_camera(change, says):
    with pytest.raises(RigError, match=says):
        _described(Everything(), {**FRONT, **change}, RGB, {})


def test_a_thermal_camera_with_a_place_of_its_own_needs_no_picture(world):
    own = {**FRONT, "type": "sensor.camera.thermal", "id": "Thermal", "y": 0.4, "fov": 75}
    rig = Rig(world, spawn_ego(world), [FRONT, own])
    frames = rig.frames(world.tick())
    rig.destroy()
    assert frames["Thermal"].bgra.size == 0
    picture = ThermalCamera("adk-75", 320, 180, 75.0, NIGHT).image(frames["Thermal"], ())
    laid, valid = reproject(picture.counts, frames["Thermal"], frames["Front"])
    assert laid.shape == (180, 320)
    assert 0.5 < valid.mean() < 0.9
    assert laid[valid & (frames["Front"].tags == 1)].mean() > laid[valid & (frames["Front"].tags == 11)].mean()


def test_a_missing_frame_is_an_error_that_names_the_camera(world):
    rig = Rig(world, spawn_ego(world), [FRONT])
    frame = world.tick()
    rig.frames(frame)
    with pytest.raises(RigError, match=rf"'Front'.* no frame {frame + 5} within 0.2 s"):
        rig.frames(frame + 5, timeout_s=0.2)
    rig.destroy()


def test_what_nobody_reads_is_not_kept_for_ever():
    inbox, source = _Inbox(), ("Front", "depth")
    for frame in range(100):
        inbox.put(*source, SimpleNamespace(frame=frame))
    assert sum(len(held) for held in inbox._images.values()) == MOST_HELD
    assert inbox.take([source], 99 - MOST_HELD // 2, 0.1)[source].frame == 99 - MOST_HELD // 2
    assert inbox.take([source], 99, 0.1)[source].frame == 99
    assert not inbox._images[source]


def test_a_frame_that_was_asked_for_ends_the_wait_for_those_before_it():
    inbox, sources = _Inbox(), [("Front", "depth"), ("Left", "depth")]
    for frame in (6, 7):
        for source in sources:
            inbox.put(*source, SimpleNamespace(frame=frame))
    assert [image.frame for image in inbox.take(sources[:1], 7, 0.1).values()] == [7]
    assert [list(inbox._images[source]) for source in sources] == [[], [7]]
    inbox.put(*sources[0], SimpleNamespace(frame=6))  # late
    assert not inbox._images[sources[0]]
    with pytest.raises(RigError, match=r"^camera 'Front': depth sent no frame 8 within 0\.1 s \(and 1 more\)$"):
        inbox.take(sources, 8, 0.1)
    inbox.put(*sources[1], SimpleNamespace(frame=8))
    with pytest.raises(RigError, match=r"^camera 'Front': depth sent no frame 8 within 0 s$"):
        inbox.take(sources, 8, 0.0)
    inbox.put(*sources[0], SimpleNamespace(frame=8))
    assert [image.frame for image in inbox.take(sources, 8, 0.0).values()] == [8, 8]


def test_who_waits_for_a_frame_goes_on_when_it_comes():
    inbox, source = _Inbox(), ("Front", "depth")
    inbox.put(*source, SimpleNamespace(frame=0))
    assert inbox.take([source], 0, 0.1)[source].frame == 0  # the first frame that a server counts
    late = threading.Timer(0.1, inbox.put, [*source, SimpleNamespace(frame=1)])
    late.start()
    began = time.monotonic()
    assert inbox.take([source], 1, 60.0)[source].frame == 1
    assert time.monotonic() - began < 30.0
    late.join()


def test_destroying_the_rig_removes_its_sensors_and_may_be_done_twice(world):
    ego = spawn_ego(world)
    before = len(sensors_of(world))
    rig = Rig(world, ego, [FRONT, LEFT])
    world.tick()
    assert len(sensors_of(world)) == before + 6
    rig.destroy()
    rig.destroy()
    world.tick()
    assert len(sensors_of(world)) == before


@pytest.mark.parametrize(("change", "message"), [({"fov": "wide"}, "Front"), ({"width": None}, "Front")])
def test_a_sensor_dictionary_that_cannot_be_spawned_leaves_nothing_behind(world, change, message):
    ego = spawn_ego(world)
    before = len(sensors_of(world))
    with pytest.raises(RigError, match=message):
        Rig(world, ego, [LEFT, {**FRONT, **change}])
    world.tick()
    assert len(sensors_of(world)) == before


def test_a_sensor_dictionary_without_a_width_names_the_key(world):
    with pytest.raises(RigError, match="no 'width'"):
        Rig(world, spawn_ego(world), [{k: v for k, v in FRONT.items() if k != "width"}])


def test_a_walker_and_the_exhaust_of_a_running_car_are_warm(world):
    ego = spawn_ego(world)
    library = world.get_blueprint_library()
    walker = world.spawn_actor(library.find("walker.pedestrian.0003"), ahead_of(world, ego, 10.0, 1.0))
    car = world.spawn_actor(library.find("vehicle.audi.a2"), ahead_of(world, ego, 18.0, 0.3))
    rig, tracker = Rig(world, ego, [FRONT]), HeatTracker(world, NIGHT, seed=1)
    camera = ThermalCamera("ideal", 320, 180, 90.0, NIGHT, seed=1)
    for _ in range(12):
        frame = world.tick()
    actors = tracker.update(world.get_snapshot())
    assert {state.id for state in actors} == {ego.id, walker.id, car.id}
    front = rig.frames(frame)["Front"]
    picture = camera.image(front, actors)
    rig.destroy()
    body, road = picture.kelvin[front.tags == 12], picture.kelvin[front.tags == 1]
    assert len(body) > 50
    assert body.max() > 273.15 + 24.0, "the face"
    assert np.median(body) > road.mean() + 0.5
    assert picture.kelvin[front.tags == 14].max() > 273.15 + 20.0, "the exhaust"
    assert picture.counts[front.tags == 12].mean() > picture.counts[front.tags == 1].mean() + 20


def test_heat_follows_the_actors_that_come_and_go(world):
    ego = spawn_ego(world)
    tracker = HeatTracker(world, NIGHT)
    world.tick()
    (start,) = tracker.update(world.get_snapshot())
    ego.apply_control(carla.VehicleControl(throttle=0.7))
    for _ in range(60):
        world.tick()
        (state,) = tracker.update(world.get_snapshot())
    assert state.heat.exhaust_k > start.heat.exhaust_k
    assert not np.array_equal(state.pose, start.pose)
    assert state.extent[0] == pytest.approx(ego.bounding_box.extent.x)
    ego.destroy()
    world.tick()
    assert tracker.update(world.get_snapshot()) == ()


def test_a_script_that_forgets_its_rig_still_ends_cleanly(server, world):
    script = f"""
        import carla
        from sensors.rig import Rig
        client = carla.Client("127.0.0.1", {server.port})
        client.set_timeout(60.0)
        world = client.get_world()
        spawn = world.get_map().get_spawn_points()[3]
        ego = world.spawn_actor(world.get_blueprint_library().find("vehicle.audi.a2"), spawn)
        rig = Rig(world, ego, [{FRONT!r}])
        rig.frames(world.tick())
        print("seen")
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=90)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "seen"


def test_a_kept_frame_stays_what_it_was_when_later_frames_arrive(world):
    ego = spawn_ego(world)
    rig = Rig(world, ego, [FRONT])
    kept = rig.frames(world.tick())["Front"]
    seen = kept.bgra.copy()
    for _ in range(30):
        ego.apply_control(carla.VehicleControl(throttle=1.0))
        latest = rig.frames(world.tick())["Front"]
    assert np.array_equal(kept.bgra, seen)
    assert not np.array_equal(latest.bgra, seen)
    rig.destroy()


def test_first_hits_come_before_the_rgb_frames_and_belong_to_them(world):
    rig = Rig(world, spawn_ego(world), [FRONT, LEFT])
    world.tick()
    frame = world.tick()
    hits = rig.first_hits(frame)
    frames = rig.frames(frame)
    assert list(hits) == list(frames) == ["Front", "Left"]
    for name, hit in hits.items():
        assert hit.bgra.size == 0
        assert frames[name].bgra.shape == (*hit.tags.shape, 4)
        assert frames[name].depth_m is hit.depth_m
        assert hit.frame == frames[name].frame == frame
    with pytest.raises(RigError, match=f"sent no frame {frame}"):
        rig.frames(frame, timeout_s=0.1)
    rig.destroy()
