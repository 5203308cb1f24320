"""What an agent may declare, by the leaderboard's rules."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import HarnessError
from harness.sensors import check_declared

CAMERA = {"type": "sensor.camera.rgb", "id": "front", "width": 640, "height": 360, "fov": 90}
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
        ([{"type": "sensor.camera.rgb", "id": "front", "width": 640}], "sensor 'front' lacks height, fov"),
        ([GNSS, {**GNSS, "id": "another"}], "more than 1 sensors of type sensor.other.gnss"),
        ([{**CAMERA, "id": f"c{i}"} for i in range(9)], "more than 8 sensors of type sensor.camera.rgb"),
    ],
)
def test_what_is_not_is_named_in_one_line(declared: Any, line: str) -> None:
    with pytest.raises(HarnessError) as raised:
        check_declared(declared, "mine")
    assert str(raised.value).startswith(f"agent mine: {line}")
    assert "\n" not in str(raised.value)
