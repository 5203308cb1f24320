"""Lit pairs made into night pairs keep their names, their heat and what shines."""

from functools import partial

import cv2
import numpy as np
import pytest

from fusion.darken import darken
from fusion.pairs.data import load, split
from fusion.pairs.layouts import read_folders, read_pairs


def street(seed: int) -> np.ndarray:
    """(120, 160, 3): a bright sky, a grey road under a veil and a white car."""
    rng = np.random.default_rng(seed)
    image = np.full((120, 160, 3), 130, np.uint8)
    image[:50] = (235, 240, 250)
    image[70:100, 60:100] = 220
    return np.asarray(np.clip(image + rng.normal(0.0, 3.0, image.shape), 0, 255), np.uint8)


@pytest.fixture
def pairs(tmp_path):
    for kind in ("vi", "ir"):
        (tmp_path / "day" / kind).mkdir(parents=True)
    for number in range(0, 400, 20):
        cv2.imwrite(str(tmp_path / f"day/vi/{number:05d}.png"), street(number))
        cv2.imwrite(str(tmp_path / f"day/ir/{number:05d}.png"), street(number + 1)[..., 0])
    return tmp_path / "day"


@pytest.fixture
def run(command):
    return partial(command, "fusion.darken")


def test_a_day_becomes_a_night_with_a_black_sky_and_the_car_still_brighter_than_the_road():
    for seed in range(20):
        day, night = street(seed), darken(street(seed), np.random.default_rng(seed))
        assert (night.shape, night.dtype) == (day.shape, np.uint8)
        assert night.mean() < 0.5 * day.mean()
        assert night[5:40].mean() < night[72:98, 62:98].mean()
        assert night[75:95, 65:95].mean() > (night[75:95, 35:55].mean() + night[75:95, 105:125].mean()) / 2


def test_both_forms_of_a_scene_are_on_the_same_side_of_a_split_and_share_their_heat(run, pairs, tmp_path):
    done = run("--data", pairs, "--out", tmp_path / "night")
    assert done.returncode == 0, done.stderr
    day, night = read_pairs(pairs), read_pairs(tmp_path / "night")
    assert [pair.name for pair in night] == [pair.name for pair in day]
    assert all(np.array_equal(load(a).thermal, load(b).thermal) for a, b in zip(day, night))
    training, held = (
        {pair.visible.stem for pair in side} for side in split(read_folders([pairs, tmp_path / "night"]), 0.3)
    )
    assert held
    assert not training & held


def test_what_a_set_keeps_for_tests_stays_held_out_and_keeps_its_name(run, pairs, tmp_path):
    for side in ("train", "test"):  # the same names in both
        (tmp_path / "set" / side).mkdir(parents=True)
        for kind in ("vi", "ir"):
            (tmp_path / "set" / side / kind).symlink_to(pairs / kind)
    for data, out in ((tmp_path / "set", "whole"), (tmp_path / "set" / "test", "half")):
        done = run("--data", data, "--out", tmp_path / out)
        assert done.returncode == 0, done.stderr
    training, held = split(read_pairs(tmp_path / "whole"), 0.0)
    assert {pair.name.split("/")[0] for pair in training} == {"train"}
    assert {pair.name.split("/")[0] for pair in held} == {"test"}
    assert len(training) == len(held) == len(read_pairs(pairs))
    assert split(read_pairs(tmp_path / "half"), 0.0)[0] == ()


def test_the_same_seed_gives_the_same_night_and_another_one_another(run, pairs, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert run("--data", pairs, "--out", tmp_path / name, "--seed", seed).returncode == 0
    one, same, other = ((tmp_path / name / "vi/00020.png").read_bytes() for name in "abc")
    assert one == same != other


def test_no_night_comes_to_lie_beside_its_day(run, pairs, tmp_path):
    (tmp_path / "set").mkdir()
    test = pairs.rename(tmp_path / "set" / "test")  # its pairs are called test/NAME, so that OUT/test is where they lie
    before = {path: path.read_bytes() for path in test.rglob("*.png")}
    done = run("--data", test, "--out", tmp_path / "set")
    assert done.returncode == 1
    assert done.stderr == f"fusion.darken: {test / 'ir'} holds lit frames: give another --out\n"
    assert {path: path.read_bytes() for path in test.rglob("*.png")} == before


def test_wrong_folders_give_one_line(run, pairs, tmp_path):
    (tmp_path / "file").write_text("")
    for arguments in (("--data", tmp_path / "none", "--out", tmp_path / "night"),
                      ("--data", pairs, "--out", pairs),
                      ("--data", pairs, "--out", tmp_path / "file")):  # fmt: skip
        done = run(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("fusion.darken: "), done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
