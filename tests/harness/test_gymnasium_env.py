"""The Gymnasium environment with the real client and the real server, on a few metres of Elm02 by foggy night."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.passive_env_checker import env_render_passive_checker

import harness.gymnasium_env
from agents.plan import RoadOption
from harness.errors import HarnessError, ServerError
from harness.run import main
from harness.server import free_port
from scenarios.errors import ScenarioError
from tests.harness import tiny
from tests.simulator.serving import running_server

SMALL = {"width": 160, "height": 90}
STEPS = 24
AHEAD = np.array([0.0, 0.5], np.float32)
FULL_BRAKE = np.array([0.0, -1.0], np.float32)

# Drives as AHEAD says and tells what it has seen.
TELLING_AGENT = """
import carla, zlib
from agents.blind import BlindAgent

def get_entry_point():
    return "Telling"

class Telling(BlindAgent):
    def sensors(self):
        camera, *others = super().sensors()
        place = {"x": 1.0, "y": 0.0, "z": 1.75, "width": 160, "height": 90, "fov": 100}
        return [{**camera, **place}, *others]

    def run_step(self, input_data, timestamp):
        (frame,) = (data for _, data in input_data.values() if getattr(data, "shape", ()) == (90, 160, 4))
        print("saw", zlib.crc32(frame[..., 2::-1].tobytes()), flush=True)
        return carla.VehicleControl(throttle=0.5)
"""

UNFIT = """</waypoints><scenarios>
<scenario name="Crash" type="Accident"><trigger_point x="0" y="0" z="0" yaw="0"/></scenario>
<scenario name="Far" type="ParkedObstacle"><trigger_point x="0" y="0" z="0" yaw="0"/></scenario>
</scenarios>"""

# Ends in the way that its last argument names.
PROGRAM = """
import gc, sys, time
import gymnasium, psutil, harness.gymnasium_env
env = gymnasium.make("nightloop/Drive-v0", scenario=sys.argv[1], frames=(), threads=1)
env.reset(seed=0)
if sys.argv[2] == "drops":
    del env
    gc.collect()
print(len(psutil.Process().children()), flush=True)
if sys.argv[2] == "is killed":
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.scenario_file(tmp_path_factory.mktemp("tiny"), vehicles=3, walkers=2)


def make(scenario: Path, **options: Any) -> gymnasium.Env[Any, Any]:
    options = {"camera": SMALL, "threads": 1, **options}
    return gymnasium.make(harness.gymnasium_env.ID, scenario=str(scenario), **options)


@pytest.fixture(scope="module")
def env(scenario: Path) -> Iterator[gymnasium.Env[Any, Any]]:
    env = make(scenario, render_mode="rgb_array")
    yield env
    env.close()


def digest(observation: Mapping[str, Any]) -> int:
    code = 0
    for name in sorted(observation):
        code = zlib.crc32(np.ascontiguousarray(observation[name]).tobytes(), code)
    return code


def driven(env: gymnasium.Env[Any, Any], seed: int, steps: int = STEPS) -> list[int]:
    """A number for every observation of the first steps."""
    observation, _ = env.reset(seed=seed)
    seen = [digest(observation)]
    for _ in range(steps):
        observation, *_ = env.step(AHEAD)
        seen.append(digest(observation))
    return seen


def along_the_route(observation: Mapping[str, Any]) -> Any:
    """Steers at the point 6 m ahead, at 8 m/s."""
    x, y = observation["route"][2]
    return np.array([1.2 * np.arctan2(y, x), 0.4 * (8.0 - observation["speed_mps"][0])], np.float32)


def test_gymnasiums_own_checker_has_nothing_to_say(env: gymnasium.Env[Any, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)  # it would start another for each render mode
        env.reset(seed=0)
        env_render_passive_checker(env.unwrapped)


def test_observations_show_the_road_ahead(env: gymnasium.Env[Any, Any]) -> None:
    observation, info = env.reset(seed=0, options={"route": "1"})
    assert info["route_id"] == "1"
    assert info["seed"] == 0
    assert observation["speed_mps"] == pytest.approx(0.0, abs=0.1)
    assert observation["command"] in {int(option) for option in RoadOption}
    assert np.hypot(*observation["route"].T) == pytest.approx(2.0 * np.arange(1, 21), abs=1.0)
    assert observation["route"][0] == pytest.approx([2.0, 0.0], abs=0.2)
    assert len({observation[name].tobytes() for name in ("rgb", "fused")}) == 2
    strip = env.render()
    assert isinstance(strip, np.ndarray)
    assert strip.shape == (180, 3 * 320 + 2 * 4, 3)


def test_equal_seeds_and_actions_are_equal_to_the_last_bit_in_every_process(
    env: gymnasium.Env[Any, Any], scenario: Path
) -> None:
    first = driven(env, seed=7)
    assert not set(driven(env, seed=8, steps=3)) & set(first)
    assert driven(env, seed=7) == first
    two = gymnasium.vector.AsyncVectorEnv([lambda: make(scenario), lambda: make(scenario)])
    try:
        observations, _ = two.reset(seed=[7, 8])
        seen = [digest({name: values[0] for name, values in observations.items()})]
        for _ in range(STEPS):
            observations, *_ = two.step(np.stack([AHEAD, FULL_BRAKE]))
            seen.append(digest({name: values[0] for name, values in observations.items()}))
        assert observations["speed_mps"][0] > 1.5
        assert observations["speed_mps"][1] < 0.1
    finally:
        two.close()
    assert seen == first


def test_a_drive_is_that_of_harness_run(
    env: gymnasium.Env[Any, Any], scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--scenario", scenario, "--agent", tiny.agent_file(tmp_path, TELLING_AGENT), "--out", tmp_path / "out"]
    assert main([*map(str, options), "--arms", "fused", "--seeds", "1"]) == 0, capsys.readouterr().err
    observation, _ = env.reset(seed=0)
    ours = [zlib.crc32(observation["fused"].tobytes())]
    for _ in range(STEPS):
        observation, *_ = env.step(AHEAD)
        ours.append(zlib.crc32(observation["fused"].tobytes()))
    (log,) = (tmp_path / "out" / "logs").glob("*.log")
    theirs = [int(number) for number in re.findall(r"^saw (\d+)$", log.read_text(), re.MULTILINE)]
    assert ours == theirs[: len(ours)]


def test_a_route_is_driven_to_its_end_and_scored(scenario: Path) -> None:
    env = make(scenario, frames=(), frame_skip=2)
    try:
        observation, info = env.reset(seed=0)
        rewards = 0.0
        for _ in range(200):
            observation, reward, terminated, truncated, info = env.step(along_the_route(observation))
            assert observation in env.observation_space
            rewards += float(reward)
            assert not truncated
            if terminated:
                break
        record = info["record"]
        assert record["status"] == "Perfect"
        assert record["scores"]["leaderboard-2.0"]["driving_score"] == info["driving_score"] == 100.0
        assert rewards == pytest.approx(record["route_length_m"])
        assert [event["kind"] for event in info["events"]] == ["route_completed", "route_completion"]
        assert info["time_s"] == record["duration_game_s"] > 2.0
        with pytest.raises(HarnessError, match=r"^step: the episode is over, call reset\(\)$"):
            env.unwrapped.step(AHEAD)
        env.reset()
        env.step(AHEAD)
    finally:
        env.close()


def test_the_routes_of_another_file_are_driven_each_in_its_town(scenario: Path, tmp_path: Path) -> None:
    routes = tmp_path / "two_towns.xml"
    routes.write_text(tiny.TWO_TOWNS.replace("</waypoints>", UNFIT, 1))
    env = make(scenario, routes=routes, frames=("thermal",), max_steps=1)

    missing: list[dict[str, str]] = []

    def seen(route: str) -> tuple[list[int], Any]:
        observation, told = env.reset(seed=3, options={"route": route})
        missing.append(told["left_out"])
        later, _, _, truncated, info = env.step(AHEAD)
        assert truncated
        return [digest(observation), digest(later)], info["record"]

    try:
        (first, there), (other, elsewhere), (again, _) = (seen(route) for route in "aba")
    finally:
        env.close()
    assert (there["town"], elsewhere["town"]) == ("Elm01", "Elm02")
    assert first == again != other
    left_out, nothing, _ = missing
    assert nothing == {}
    assert left_out["Crash"] == f"{routes}:4: Crash is of type Accident, which nightloop does not stage"
    assert re.fullmatch(rf"{routes}:5: trigger point of Far is \d+\.\d m off the route", left_out["Far"])


def test_a_server_of_others_is_driven_on_and_given_back(scenario: Path) -> None:
    with running_server("--town", "Elm01") as server:
        env = make(scenario, frames=(), carla=f"127.0.0.1:{server.port}", max_steps=2)
        env.reset(seed=0)
        *_, terminated, truncated, info = env.step(AHEAD)
        assert not terminated
        assert not truncated
        *_, terminated, truncated, info = env.step(AHEAD)
        assert not terminated
        assert truncated
        assert info["record"]["status"] == "Failed - TickRuntime"
        assert info["record"]["tick_count"] == 3
        env.close()
        assert server.process.poll() is None
        # A client that ticks a world which ticks by itself again gets its answer; one that was left synchronous would
        # still stand where it stood.
        import carla

        client = carla.Client("127.0.0.1", server.port)
        client.set_timeout(20.0)
        assert not client.get_world().get_settings().synchronous_mode


def test_nothing_is_left_of_an_environment_that_nobody_closed(scenario: Path) -> None:
    ends = ("drops", "just ends", "is killed")
    programs = {end: _Program(scenario, end) for end in ends}
    try:
        children = {end: program.first_line() for end, program in programs.items()}
        assert children == {"drops": "0\n", "just ends": "1\n", "is killed": "1\n"}
        programs["is killed"].process.send_signal(signal.SIGKILL)
        codes = {end: program.process.wait(timeout=60.0) for end, program in programs.items()}
        assert codes == {"drops": 0, "just ends": 0, "is killed": -signal.SIGKILL}
        assert _soon(lambda: not any(program.living() for program in programs.values()))
    finally:
        for program in programs.values():
            program.kill()


def test_an_environment_outlives_its_process(env: gymnasium.Env[Any, Any]) -> None:
    before = driven(env, seed=3, steps=6)
    for process in psutil.Process().children():
        if "harness.steered.worker" in process.cmdline():
            process.kill()
    with pytest.raises(ServerError, match=r"^the process that drives ended in the middle \(ended by SIGKILL\)$"):
        env.step(AHEAD)
    with pytest.raises(HarnessError, match=r"^step: call reset\(\) first$"):
        env.step(AHEAD)
    assert driven(env, seed=3, steps=6) == before


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"scenario": "night_fgo"}, "no scenario named 'night_fgo': choose one of "),
        ({"routes": "/nowhere/none.xml"}, "/nowhere/none.xml: cannot be read: No such file or directory"),
        ({"frames": ("rgb", "lidar")}, "frames: no 'lidar': choose from rgb, thermal, fused"),
        ({"frames": ("rgb", "rgb")}, "frames rgb, rgb: each once"),
        ({"camera": {"heigth": 90}}, "camera: no 'heigth': there are x, y, z, roll, pitch, yaw, width, height, fov"),
        ({"camera": {"fov": 180}}, "camera has fov 180, which is not from 1 to 179"),
        ({"carla": "localhost"}, "carla localhost: give HOST:PORT"),
        ({"fog_table": "fog.json"}, "fog_table belongs to carla: "),
        ({"frame_skip": 0}, "frame_skip 0 is not a whole number of 1 or more"),
        ({"max_steps": 2.5}, "max_steps 2.5 is not a whole number of 1 or more"),
        ({"infraction_weight": float("nan")}, "infraction_weight nan is not a number of 0 or more"),
        ({"metric": "leaderboard-3"}, "metric 'leaderboard-3': choose from leaderboard-1.0, "),
        ({"render_mode": "human"}, "render_mode 'human': choose rgb_array"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_in_one_line(options: dict[str, Any], line: str) -> None:
    with pytest.raises((HarnessError, ScenarioError), match="^" + re.escape(line)) as raised:
        harness.gymnasium_env.DriveEnv(**options)
    assert "\n" not in str(raised.value)


def test_what_is_wrong_with_a_call_is_said_in_one_line(env: gymnasium.Env[Any, Any], scenario: Path) -> None:
    fresh = make(scenario).unwrapped
    with pytest.raises(HarnessError, match=r"^step: call reset\(\) first$"):
        fresh.step(AHEAD)
    with pytest.raises(ScenarioError, match=r"^no route '2'"):
        fresh.reset(options={"route": "2"})
    with pytest.raises(HarnessError, match=r"^reset: no option 'rout': there is route$"):
        fresh.reset(options={"rout": "1"})
    env.reset(seed=0)
    for action, said in (
        ([0.0], r"step: an action has shape \(2,\), got \(1,\)"),
        ([0.0, float("nan")], r"step: an action is two numbers, got \[0.0, nan\]"),
        ("left", "step: an action is two numbers, got 'left'"),
    ):
        with pytest.raises(HarnessError, match=f"^{said}$"):
            env.unwrapped.step(action)  # type: ignore[arg-type]
    env.step(AHEAD)  # nothing of this has ended the episode


def test_nothing_is_shown_after_a_reset_that_failed(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """Has no room on its route."""

        resets, has_ended = 0, False

        def __init__(self, settings: object) -> None:
            pass

        def ask(self, name: str, *arguments: object) -> None:
            assert name == "reset"
            raise ScenarioError("no room")

    monkeypatch.setattr(harness.gymnasium_env, "DriveProcess", Full)
    env = harness.gymnasium_env.DriveEnv(scenario, camera=SMALL, render_mode="rgb_array")
    with pytest.raises(ScenarioError):
        env.reset()
    with pytest.raises(HarnessError, match=r"^render: call reset\(\) first$"):
        env.render()


def test_a_server_that_cannot_be_reached_is_said_in_one_line(scenario: Path) -> None:
    env = make(scenario, carla=f"127.0.0.1:{free_port()}")
    with pytest.raises(ServerError, match=r"^no CARLA server answers at 127\.0\.0\.1:\d+ \("):
        env.reset()


def test_the_camera_is_the_pilots_unless_told_otherwise() -> None:
    from agents.pilot.camera import SENSOR

    assert {key: SENSOR[key] for key in harness.gymnasium_env.PILOT_CAMERA} == harness.gymnasium_env.PILOT_CAMERA


def test_a_run_does_not_load_gymnasium() -> None:
    code = "import harness.run, harness.worker, sys; sys.exit('gymnasium' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class _Program:
    def __init__(self, scenario: Path, end: str):
        self._mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(scenario), end],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NIGHTLOOP_TEST_RUN": self._mark},
        )

    def first_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def living(self) -> list[psutil.Process]:
        return tiny.marked(self._mark)

    def kill(self) -> None:
        """What a failed test leaves."""
        for process in self.living():
            process.kill()
        self.process.communicate()


def _soon(condition: Callable[[], bool], within_s: float = 15.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
