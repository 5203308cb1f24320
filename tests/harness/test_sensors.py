"""What an agent may declare, by the leaderboard's rules."""

from __future__ import annotations

from typing import Any

import carla
import pytest

from harness.errors import HarnessError
from harness.sensors import AgentSensors, check_declared

CAMERA = {"type": "sensor.camera.rgb", "id": "front", "x": 0, "y": 0, "z": 2, "width": 640, "height": 360, "fov": 90}
GNSS = {"type": "sensor.other.gnss", "id": "gps"}
RADAR = {"type": "sensor.other.radar", "id": "radar", "horizontal_fov": 64, "vertical_fov": 0.1}  # as LEAD has it


def test_what_is_allowed_is_handed_back_as_it_was_declared() -> None:
    declared = [CAMERA, GNSS, RADAR, {"type": "sensor.speedometer", "id": "speed"}]
    assert check_declared(declared, "mine") == declared


@pytest.mark.parametrize(
    ("declared", "line"),
    [
        (None, "sensors() must return a list of dicts"),
        ([5], "sensors() must return a list of dicts"),
        ([{**CAMERA, "type": "sensor.camera.depth"}], "sensor 'front' has type 'sensor.camera.depth'; known: "),
        ([{"type": "sensor.other.gnss"}], "every sensor needs an id of its own, got None"),
        ([{**GNSS, "id": ["gps"]}], "every sensor needs an id of its own, got ['gps']"),
        ([{**GNSS, "id": 7}, {**CAMERA, "id": 7}], "every sensor needs an id of its own, got 7"),
        ([CAMERA, {**GNSS, "id": "front"}], "every sensor needs an id of its own, got 'front'"),
        ([{"type": "sensor.camera.rgb", "id": "front", "width": 640}], "sensor 'front' lacks x, y, z, height, fov"),
        ([{k: v for k, v in CAMERA.items() if k != "y"}], "sensor 'front' lacks y"),
        ([GNSS, {**GNSS, "id": "another"}], "more than 1 sensors of type sensor.other.gnss"),
        ([{**CAMERA, "width": "wide"}], "sensor 'front' has width 'wide', which is not from 2 to 8192"),
        ([{**CAMERA, "height": 0}], "sensor 'front' has height 0, which is not from 2 to 8192"),
        ([{**CAMERA, "width": 640.5}], "sensor 'front' has width 640.5, which is not from 2 to 8192"),
        ([{**CAMERA, "fov": 180}], "sensor 'front' has fov 180, which is not from 1 to 179"),
        ([{**CAMERA, "fov": None}], "sensor 'front' has fov None, which is not from 1 to 179"),
        ([{**RADAR, "vertical_fov": 0}], "sensor 'radar' has vertical_fov 0, which is not from 0.01 to 179"),
        ([{**CAMERA, "x": float("nan")}], "sensor 'front' has x nan, which is not a number"),
        ([{**GNSS, "yaw": "left"}], "sensor 'gps' has yaw 'left', which is not a number"),
        ([{**CAMERA, "id": f"c{i}"} for i in range(9)], "more than 8 sensors of type sensor.camera.rgb"),
    ],
)
def test_what_is_not_is_named_in_one_line(declared: Any, line: str) -> None:
    with pytest.raises(HarnessError) as raised:
        check_declared(declared, "mine")
    assert str(raised.value).startswith(f"agent mine: {line}")
    assert "\n" not in str(raised.value)


def test_ids_need_not_be_texts() -> None:
    declared = [{**CAMERA, "id": 0}, {**GNSS, "id": None}, {"type": "sensor.speedometer", "id": ("speed", 1)}]
    assert check_declared(declared, "mine") == declared


def test_the_speed_is_a_number_of_numpys_as_the_leaderboards_speedometer_has_it() -> None:
    class World:
        def get_blueprint_library(self) -> None:
            return None

    class Ego:
        def get_velocity(self) -> carla.Vector3D:
            return carla.Vector3D(0.0, -3.0, 0.0)

        def get_transform(self) -> carla.Transform:
            return carla.Transform(carla.Location(), carla.Rotation(yaw=-90.0))

    world: Any = World()
    ego: Any = Ego()
    sensors = AgentSensors(world, ego, [{"type": "sensor.speedometer", "id": "speed"}], timeout_s=1.0)
    frame, reading = sensors.read(7)["speed"]
    assert (frame, reading["speed"].item()) == (7, pytest.approx(3.0))


MAP = {"type": "sensor.opendrive_map", "id": "map", "reading_frequency": 1}


@pytest.mark.parametrize("track", ["MAP", "MAP_QUALIFIER", "SENSORS_QUALIFIER", "PRIVILEGED"])
def test_the_map_is_refused_on_the_track_sensors_alone(track: str) -> None:
    assert check_declared([MAP], "mine", track) == [MAP]
    with pytest.raises(
        HarnessError, match=r"^agent mine: sensor 'map' is the map, which belongs to the track MAP, not SENSORS$"
    ):
        check_declared([MAP], "mine")


@pytest.mark.parametrize("track", ["SENSORS_QUALIFIER", "MAP_QUALIFIER"])
@pytest.mark.parametrize(("kind", "most"), [("camera.rgb", 4), ("lidar.ray_cast", 1), ("other.radar", 2)])
def test_the_qualifier_tracks_admit_half_of_it(track: str, kind: str, most: int) -> None:
    declared = [{**CAMERA, "type": f"sensor.{kind}", "id": number} for number in range(2 * most)]
    assert check_declared(declared, "mine", "MAP")
    assert check_declared(declared[:most], "mine", track)
    with pytest.raises(HarnessError, match=rf"more than {most} sensors of type sensor.{kind} on the track {track}$"):
        check_declared(declared, "mine", track)


@pytest.mark.parametrize(
    ("metric", "most_m", "hint"),
    [
        ("leaderboard-2.0", 3, " (--metric bench2drive 100 m, leaderboard-1.0 1000 m)"),
        ("leaderboard-2.1", 3, " (--metric bench2drive 100 m, leaderboard-1.0 1000 m)"),
        ("bench2drive", 100, " (--metric leaderboard-1.0 1000 m)"),
        ("leaderboard-1.0", 1000, ""),
    ],
)
def test_sensors_are_as_near_as_the_leaderboard_wants_them(metric: str, most_m: float, hint: str) -> None:
    def declared(z_m: float) -> list[dict[str, Any]]:
        return [{**CAMERA, "z": 2.0}, {**GNSS, "id": "high", "x": 0.0, "y": 0.0, "z": z_m}]

    assert check_declared(declared(most_m), "mine", metric_version=metric)
    with pytest.raises(HarnessError) as raised:
        check_declared(declared(most_m + 1.5), "mine", metric_version=metric)
    assert str(raised.value) == (
        f"agent mine: sensor 'high' is {most_m + 1.5:.4g} m from the ego's origin, {most_m} m are allowed{hint}"
    )


def test_sizes_may_be_texts_or_floats_as_under_the_leaderboard() -> None:
    (camera,) = check_declared([{**CAMERA, "width": "640", "height": 360.0}], "mine")
    assert (camera["width"], camera["height"]) == (640, 360)
    assert isinstance(camera["height"], int)
