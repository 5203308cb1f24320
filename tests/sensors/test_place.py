"""A thermal camera with a place of its own: where the rig puts it, and what a user's file may say."""

import math

import carla
import numpy as np
import pytest

from sensors.thermal import Place, preset, sensor_at

RGB = {
    "type": "sensor.camera.rgb", "id": "Front", "x": 1.3, "y": 0.2, "z": 1.7, "yaw": -30.0, "pitch": 5.0, "roll": 0.0,
    "width": 640, "height": 360, "fov": 90,
}  # fmt: skip


def matrix(x: float, y: float, z: float, yaw: float, pitch: float, roll: float) -> np.ndarray:
    """CARLA's own."""
    transform = carla.Transform(carla.Location(x, y, z), carla.Rotation(yaw=yaw, pitch=pitch, roll=roll))
    return np.array(transform.get_matrix())


def test_the_place_is_counted_from_the_rgb_camera_and_turns_with_it() -> None:
    place = Place(x_m=0.1, y_m=0.4, z_m=-0.2, yaw_deg=12.0, pitch_deg=-3.0, roll_deg=2.0)
    sensor = sensor_at(place, RGB, 640, 512, 50.0)
    wanted = matrix(1.3, 0.2, 1.7, -30.0, 5.0, 0.0) @ matrix(0.1, 0.4, -0.2, 12.0, -3.0, 2.0)
    got = matrix(*(sensor[key] for key in ("x", "y", "z", "yaw", "pitch", "roll")))
    assert np.allclose(got, wanted, atol=1e-5)
    assert (sensor["id"], sensor["type"]) == ("Front/thermal", "sensor.camera.thermal")
    assert (sensor["width"], sensor["height"], sensor["fov"]) == (640, 512, 50.0)


def test_a_users_file_gives_the_place_and_without_one_the_pair_shares_a_pose(tmp_path) -> None:
    own = tmp_path / "aside.yaml"
    own.write_text("base: adk-50\nplace: {y_m: 0.3, yaw_deg: -1}\nmounting: {drift_deg: 0.1, delay_s: 0.05}\n")
    config = preset(own)
    assert config.place == Place(y_m=0.3, yaw_deg=-1.0)
    assert (config.fov_deg, config.mounting.delay_s) == (50.0, 0.05)
    assert preset("adk").place is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("place: {y: 0.3}", "unknown key 'y'; known: pitch_deg, roll_deg, x_m, y_m, yaw_deg, z_m"),
        ("place: 0.3", "place needs a mapping"),
        ("place: {y_m: 30}", "place y_m must lie within 5 m of the RGB camera, got 30"),
        ("place: {yaw_deg: .nan}", "place yaw_deg must be a number, got nan"),
        ("place: {yaw_deg: left}", "yaw_deg must be a number, got 'left'"),
    ],
)
def test_a_wrong_place_is_told_in_one_line_with_the_file(tmp_path, text: str, line: str) -> None:
    own = tmp_path / "aside.yaml"
    own.write_text(text + "\n")
    with pytest.raises(ValueError, match=r"aside\.yaml") as told:
        preset(own)
    assert line in str(told.value)
    assert "\n" not in str(told.value)


def test_every_heading_is_kept() -> None:
    for yaw in (-170.0, -45.0, 0.0, 120.0):
        sensor = sensor_at(Place(yaw_deg=yaw), {**RGB, "yaw": 0.0, "pitch": 0.0}, 64, 48, 40.0)
        assert math.isclose(sensor["yaw"], yaw, abs_tol=1e-6)
