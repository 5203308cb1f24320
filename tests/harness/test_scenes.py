"""Posed scenes: the same things stand in every view, and the recording says when it is whole."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from fusion.twins import common_frames

VIEWS = ("elm01_day", "elm01_night_fog")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    out = tmp_path_factory.mktemp("scenes")
    command = [sys.executable, "-m", "harness.scenes", "--views", ",".join(VIEWS), "--count", "2", "--out", str(out)]
    subprocess.run([*command, "--labels", "--vary-air"], check=True, timeout=110)
    return out


def read(path):
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture


def test_views_show_the_same_scene_in_another_light(recorded):
    day, night = (recorded / view / "scenes000-seed0" for view in VIEWS)
    assert common_frames(night, day) == ["00000", "00001"]
    for name in ("00000.png", "00001.png"):
        assert np.array_equal(read(day / "instances" / name), read(night / "instances" / name))
        assert np.array_equal(read(day / "depth" / name), read(night / "depth" / name))
        sky = slice(0, 60)
        assert read(day / "rgb" / name)[sky].mean() > 1.5 * read(night / "rgb" / name)[sky].mean()


def test_scenes_differ_from_one_another(recorded):
    folder = recorded / VIEWS[0] / "scenes000-seed0"
    assert not np.array_equal(read(folder / "depth" / "00000.png"), read(folder / "depth" / "00001.png"))


def test_a_fog_view_says_what_fog_was_drawn(recorded):
    lines = (recorded / VIEWS[1] / "scenes000-seed0" / "frames.jsonl").read_text().splitlines()
    visibilities = [json.loads(line)["visibility_m"] for line in lines]
    assert all(30.0 <= visibility <= 120.0 for visibility in visibilities)
    assert visibilities[0] != visibilities[1]


def test_the_evaluation_town_is_refused(tmp_path):
    command = [sys.executable, "-m", "harness.scenes", "--views", "night_fog", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 2
    assert "evaluation only" in done.stderr
    assert "Traceback" not in done.stderr
