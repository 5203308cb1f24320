"""What an agent may declare, by the leaderboard's rules."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import HarnessError
from harness.sensors import check_declared

CAMERA = {"type": "sensor.camera.rgb", "id": "front", "x": 0, "y": 0, "z": 2, "width": 640, "height": 360, "fov": 90}
GNSS = {"type": "sensor.other.gnss", "id": "gps"}


def test_what_is_allowed_is_handed_back_as_it_was_declared() -> None:
    declared = [CAMERA, GNSS, {"type": "sensor.speedometer", "id": "speed"}]
    assert check_declared(declared, "mine") == declared


@pytest.mark.parametrize(
    ("declared", "line"),
    [
        (None, "sensors() must return a list of dicts"),
        ([5], "sensors() must return a list of dicts"),
        ([{**CAMERA, "type": "sensor.camera.depth"}], "sensor 'front' has type 'sensor.camera.depth'; known: "),
        ([CAMERA, {**GNSS, "id": "front"}], "every sensor needs an id of its own, got 'front'"),
        ([{"type": "sensor.camera.rgb", "id": "front", "width": 640}], "sensor 'front' lacks x, y, z, height, fov"),
        ([{k: v for k, v in CAMERA.items() if k != "y"}], "sensor 'front' lacks y"),
        ([GNSS, {**GNSS, "id": "another"}], "more than 1 sensors of type sensor.other.gnss"),
        ([{**CAMERA, "width": "wide"}], "sensor 'front' has width 'wide', which is not from 2 to 8192"),
        ([{**CAMERA, "height": 0}], "sensor 'front' has height 0, which is not from 2 to 8192"),
        ([{**CAMERA, "width": 640.5}], "sensor 'front' has width 640.5, which is not from 2 to 8192"),
        ([{**CAMERA, "fov": 180}], "sensor 'front' has fov 180, which is not from 1 to 179"),
        ([{**CAMERA, "fov": None}], "sensor 'front' has fov None, which is not from 1 to 179"),
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


def test_sizes_may_be_texts_or_floats_as_under_the_leaderboard() -> None:
    (camera,) = check_declared([{**CAMERA, "width": "640", "height": 360.0}], "mine")
    assert (camera["width"], camera["height"]) == (640, 360)
    assert isinstance(camera["height"], int)
