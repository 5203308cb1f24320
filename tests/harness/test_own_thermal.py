"""A thermal camera with a place of its own beside the agent's camera, driven a few ticks on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import carla
import numpy as np
import pytest

from fusion.proxy import FusionProxy
from harness.cameras import Cameras, CameraView
from harness.errors import HarnessError
from harness.recording import paired_camera
from sensors.thermal import Ambient
from simulator.proofs.traffic import synchronous
from tests.simulator.serving import RunningServer, running_server

NIGHT = Ambient(air_temperature_c=6.0, relative_humidity=0.8, local_time_h=22.0)
FRONT = {
    "type": "sensor.camera.rgb", "id": "Front", "x": 1.3, "y": 0.0, "z": 1.7, "roll": 0.0, "pitch": 0.0, "yaw": 0.0,
    "width": 192, "height": 108, "fov": 90,
}  # fmt: skip
PLACE = "base: adk-50\nwidth: 192\nheight: 128\nfov_deg: 60\nplace: {y_m: 0.5, z_m: -0.3, yaw_deg: 4}\n"
MOUNTED = PLACE + "mounting: {yaw_deg: 0.2, drift_deg: 0.3, drift_period_s: 20, delay_s: 0.1}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("--town", "Elm01", "--cameras") as running:
        yield running


@pytest.fixture(scope="module")
def scene(server: RunningServer) -> Iterator[tuple[carla.World, carla.Vehicle]]:
    """By night: the ego, and a walker 8 m ahead of it."""
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(60.0)
    world = client.get_world()
    synchronous(world)
    world.set_weather(carla.WeatherParameters(sun_altitude_angle=-40.0))
    library = world.get_blueprint_library()
    ego = world.spawn_actor(library.find("vehicle.lincoln.mkz_2020"), world.get_map().get_spawn_points()[0])
    world.tick()
    ahead = world.get_map().get_waypoint(ego.get_location()).next(8.0)[0].transform
    ahead.location.z += 1.0
    walker = world.spawn_actor(library.find("walker.pedestrian.0004"), ahead)
    for _ in range(10):
        world.tick()
    yield world, ego
    walker.destroy()
    ego.destroy()
    world.tick()


def driven(scene: tuple[carla.World, carla.Vehicle], preset: str, ticks: int = 4) -> tuple[np.ndarray, CameraView]:
    """What the agent got at the last tick, and the view behind it."""
    world, ego = scene
    cameras = Cameras(world, ego, [FRONT], True, FusionProxy.from_pretrained(), preset, NIGHT, seed=3)
    try:
        for tick in range(ticks):
            world.tick()
            data = cameras.read(world.get_snapshot(), 0.05 * tick, 60.0)
        assert list(data) == ["Front"], "the thermal camera is no sensor of the agent's"
        assert cameras._latest is not None
        return data["Front"][1], cameras._latest
    finally:
        cameras.destroy()
        world.tick()


def test_the_agent_gets_rgb_where_the_thermal_camera_sees_nothing_and_the_walker_where_it_is(
    scene: tuple[carla.World, carla.Vehicle], tmp_path: Path
) -> None:
    preset = tmp_path / "aside.yaml"
    preset.write_text(PLACE)
    got, view = driven(scene, str(preset))
    valid = view.heat.valid
    assert valid is not None
    assert 0.2 < valid.mean() < 0.8, "60 degrees beside 90"
    assert np.array_equal(got[~valid], view.frames.bgra[~valid])
    assert (got[valid] != view.frames.bgra[valid]).any(axis=-1).mean() > 0.5
    walker = (view.frames.tags == 12) & valid
    assert walker.sum() > 50
    around = np.roll(walker, 12, axis=1) & (view.frames.tags != 12) & valid
    assert np.median(view.thermal[walker]) > np.median(view.thermal[around]) + 20, "laid where the RGB camera sees it"
    strip = view.moment(0.0).thermal
    assert strip is not None
    assert len(np.unique(strip[~valid])) == 2, "holes are hatched in the report's pictures"


def test_drift_and_delay_move_the_picture_against_the_calibration(
    scene: tuple[carla.World, carla.Vehicle], tmp_path: Path
) -> None:
    frames = {}
    for name, text in (("ideal", PLACE), ("mounted", MOUNTED)):
        preset = tmp_path / f"{name}.yaml"
        preset.write_text(text)
        _, frames[name] = driven(scene, str(preset))
    ideal, mounted = frames["ideal"], frames["mounted"]
    assert not np.array_equal(ideal.thermal, mounted.thermal)
    assert ideal.heat.valid is not None
    assert mounted.heat.valid is not None
    assert mounted.heat.valid.sum() < ideal.heat.valid.sum(), "what the turned camera does not see is marked as well"


def test_two_rigs_at_the_same_ticks_see_the_same_bits(scene: tuple[carla.World, carla.Vehicle], tmp_path: Path) -> None:
    preset = tmp_path / "aside.yaml"
    preset.write_text(MOUNTED)
    world, ego = scene
    proxy = FusionProxy.from_pretrained()
    rigs = [Cameras(world, ego, [FRONT], True, proxy, str(preset), NIGHT, seed=3) for _ in range(2)]
    try:
        for tick in range(3):
            world.tick()
            for rig in rigs:
                rig.read(world.get_snapshot(), 0.05 * tick, 60.0)
        assert np.array_equal(rigs[0]._recent[-1].thermal, rigs[1]._recent[-1].thermal)
    finally:
        for rig in rigs:
            rig.destroy()
        world.tick()


def test_all_cameras_of_an_agent_see_one_world_each_with_a_noise_of_its_own(
    scene: tuple[carla.World, carla.Vehicle],
) -> None:
    world, ego = scene
    pair = [FRONT, {**FRONT, "id": "Second"}]
    proxy = FusionProxy.from_pretrained()
    ideal, noisy, other_run = (
        Cameras(world, ego, pair, True, proxy, name, NIGHT, seed)
        for name, seed in (("ideal", 3), ("adk", 3), ("adk", 4))
    )
    rigs = (ideal, noisy, other_run)
    try:
        world.tick()
        seen = [rig.views(world.get_snapshot(), 0.0, 60.0) for rig in rigs]
        assert np.array_equal(seen[0]["Front"].thermal, seen[0]["Second"].thermal)
        assert not np.array_equal(seen[1]["Front"].thermal, seen[1]["Second"].thermal)
        assert not np.array_equal(seen[1]["Second"].thermal, seen[2]["Front"].thermal), "of another run"
    finally:
        for rig in rigs:
            rig.destroy()
        world.tick()


def test_a_change_of_weather_shows_from_the_next_frame_on_and_in_no_frame_before(
    scene: tuple[carla.World, carla.Vehicle],
) -> None:
    world, ego = scene
    proxy = FusionProxy.from_pretrained()
    changed, same = rigs = [Cameras(world, ego, [FRONT], False, proxy, "ideal", NIGHT, seed=3) for _ in range(2)]
    try:
        views = []
        for fog_m in (None, 20.0):
            if fog_m:
                changed.ambient = replace(NIGHT, visibility_m=fog_m)
            world.tick()
            views.append([rig.views(world.get_snapshot(), 0.0, 60.0)["Front"] for rig in rigs])
        # Made late, as for a report: in the order of time.
        assert np.array_equal(views[0][0].thermal, views[0][1].thermal)
        assert not np.array_equal(views[1][0].thermal, views[1][1].thermal)
        assert same.ambient is NIGHT
    finally:
        for rig in rigs:
            rig.destroy()
        world.tick()


def test_recordings_need_pairs_and_say_so(tmp_path: Path) -> None:
    preset = tmp_path / "aside.yaml"
    preset.write_text(PLACE)
    with pytest.raises(HarnessError, match="recordings need a camera without a place of its own"):
        paired_camera(str(preset))
    assert paired_camera("boson").place is None
