"""The shipped pilot: its weights are there, it sees what is plain to see, and says what is missing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from agents.loader import AgentLoadError, load_agent_class
from agents.pilot.agent import HALF_LENGTH_M
from agents.pilot.camera import COLUMNS, HEIGHT, ROWS, WIDTH
from agents.pilot.junctions import LINE_BEFORE_M, Junctions
from agents.pilot.perception import Eyes, Sighting, _lights
from agents.pilot.weights import WEIGHTS, load_weights
from agents.plan import RoadOption
from agents.route import Route

NOTHING = np.zeros((0, 2))


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    return Eyes(load_weights(WEIGHTS))


def sighting(red: float = 0.0, green: float = 0.0, stop: float = 0.0) -> Sighting:
    return Sighting(NOTHING, NOTHING, red, green, stop)


def junctions() -> Junctions:
    options = tuple(RoadOption.STRAIGHT if 50 <= i < 70 else RoadOption.LANEFOLLOW for i in range(120))
    xy = np.stack([np.arange(120.0), np.zeros(120)], axis=1)
    return Junctions(Route(xy, np.zeros(120), np.arange(120.0), np.zeros(120), options))


def test_a_plain_grey_frame_shows_no_people(eyes: Eyes) -> None:
    seen = eyes.look(np.full((HEIGHT, WIDTH, 4), 120, np.uint8))
    assert len(seen.people) == 0


def test_the_same_frame_is_seen_the_same_twice(eyes: Eyes) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    first, second = eyes.look(frame), eyes.look(frame)
    assert np.array_equal(first.vehicles, second.vehicles)
    assert first.red == second.red


def test_a_signal_head_is_red_or_green_as_a_whole() -> None:
    red, green = np.zeros((ROWS, COLUMNS)), np.zeros((ROWS, COLUMNS))
    red[10, 40], green[11:13, 40] = 0.9, 0.7  # one head, its dark upper part taken for red
    red[10:12, 60] = 0.5  # a lit window elsewhere
    of_red, of_green = _lights(red, green)
    assert (of_red, of_green) == pytest.approx((1.0, 2.3))
    assert _lights(red, 0.3 * red) == pytest.approx((1.9, 0.0))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("missing", "no weights at .*; leave out --agent-config"),
        ("text", "cannot be read"),
        ("foreign", "not those of the pilot's network"),
        ("lacking", "'distance.bias' is missing, in the network it is \\(1,\\)"),
        ("shape", "'distance.bias' is \\(2,\\), in the network it is \\(1,\\)"),
        ("nan", "'distance.bias' holds NaN or infinity"),
    ],
)
def test_weights_that_cannot_be_used_are_one_clear_line(tmp_path: Path, damage: str, says: str) -> None:
    path, arrays = tmp_path / "own.safetensors", load_weights(WEIGHTS)
    given = {"shape": np.zeros(2, np.float32), "nan": np.full(1, np.nan, np.float32)}
    if damage in given:
        arrays["distance.bias"] = given[damage]
    if damage == "lacking":
        del arrays["distance.bias"]
    if damage != "missing":
        save_file({"x": np.zeros(1)} if damage == "foreign" else arrays, path)
    if damage == "text":
        path.write_text("not weights at all")
    agent = load_agent_class("pilot")("localhost", 2000)
    with pytest.raises(AgentLoadError, match=says) as refusal:
        agent.setup(str(path))
    assert "own.safetensors" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_red_light_ahead_stops_the_pilot_before_the_junction_and_green_lets_it_go() -> None:
    ahead = junctions()
    for _ in range(10):
        ahead.update(sighting(red=3.0), 25.0, 7.0, 0.05)
    assert ahead.stop_at_m() == pytest.approx(50.0 - LINE_BEFORE_M)
    for _ in range(10):
        ahead.update(sighting(green=3.0), 37.0, 0.0, 0.05)
    assert ahead.stop_at_m() == math.inf


def test_a_red_light_that_was_none_does_not_hold_the_pilot_for_ever() -> None:
    ahead = junctions()
    for _ in range(10):
        ahead.update(sighting(red=1.5), 37.0, 0.0, 0.05)
    for _ in range(100):
        ahead.update(sighting(), 37.0, 0.0, 0.05)
    assert ahead.stop_at_m() == math.inf


def test_what_is_red_for_longer_than_any_light_is_the_light_of_another_road() -> None:
    ahead = junctions()
    place_m = 50.0 - LINE_BEFORE_M - HALF_LENGTH_M - 0.5
    for _ in range(int(45.0 / 0.05)):
        ahead.update(sighting(red=3.0), place_m, 0.0, 0.05)
    assert ahead.stop_at_m() < math.inf
    for _ in range(int(10.0 / 0.05)):
        ahead.update(sighting(red=3.0), place_m, 0.0, 0.05)
    assert ahead.stop_at_m() == math.inf


def test_a_stop_sign_is_served_by_standing() -> None:
    ahead = junctions()
    for _ in range(20):
        ahead.update(sighting(stop=4.0), 30.0, 5.0, 0.05)
    assert ahead.stop_at_m() < math.inf
    for _ in range(30):
        ahead.update(sighting(stop=4.0), 50.0 - LINE_BEFORE_M - HALF_LENGTH_M - 0.5, 0.0, 0.05)
    assert ahead.stop_at_m() == math.inf


def test_weights_lie_beside_their_model_card() -> None:
    assert WEIGHTS.with_suffix(".md").is_file()
    assert Path(WEIGHTS).stat().st_size < 2_000_000


def test_a_run_of_cells_is_one_surface_at_one_distance_and_what_is_low_or_floats_is_none(eyes: Eyes) -> None:
    mask, depth_m = np.zeros((ROWS, COLUMNS), bool), np.full((ROWS, COLUMNS), 6.0, np.float32)
    mask[22:33, 40] = True  # a car: its foot is where flat ground is 6 m away
    depth_m[22:33, 40] = np.linspace(8.0, 4.0, 11)
    mask[32:36, 50] = True  # a kerb's shadow
    mask[4:12, 60] = True  # dark sky
    column, distance_m = eyes._upright(mask, depth_m)
    assert column.tolist() == [40]
    assert distance_m == pytest.approx([6.0])
