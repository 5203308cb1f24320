"""Agents of the leaderboard 1.0 and of Bench2Drive in a drive: what their base classes and scripts give them there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path

import numpy as np
import pytest

from harness.agent_environment import agent_environment, config_told
from harness.agent_setup import plan_spacing_m
from harness.config import RunConfig, differences
from harness.run import main
from tests.harness import tiny
from tests.simulator.serving import running_server

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def there() -> Iterator[tuple[str, str]]:
    """Options of a run on a server that both agents drive on, one after the other."""
    with running_server("--town", "Elm02") as server:
        yield "--carla", f"127.0.0.1:{server.port}"


# As much of an installed Bench2Drive as its agents meet: the base class looks for the ego when it is constructed.
PROVIDER = """
class CarlaDataProvider:
    _client = _world = None
    _carla_actor_pool = {}
    @staticmethod
    def set_client(client):
        CarlaDataProvider._client = client
    @staticmethod
    def set_world(world):
        CarlaDataProvider._world = world
    @staticmethod
    def get_world():
        return CarlaDataProvider._world
    @staticmethod
    def get_hero_actor():
        for actor in CarlaDataProvider._carla_actor_pool.values():
            if actor.attributes["role_name"] == "hero":
                return actor
"""
BASE = """
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider

class AutonomousAgent:
    def __init__(self, carla_host, carla_port, debug=False):
        self.track = "SENSORS"
        roles = {a.attributes.get("role_name"): a for a in CarlaDataProvider.get_world().get_actors()}
        self.hero_actor = roles["hero"]
        assert CarlaDataProvider.get_hero_actor().id == self.hero_actor.id
    def set_global_plan(self, gps, world):
        self.plan = world
    def get_metric_info(self):
        place = self.hero_actor.get_transform().location
        return {"location": [place.x, place.y, place.z]}
    def destroy(self):
        pass
"""
# In older releases of CARLA's PythonAPI manoeuvres are no numbers.
MANOEUVRES = """
from enum import Enum
class RoadOption(Enum):
    VOID, LEFT, RIGHT, STRAIGHT, LANEFOLLOW, CHANGELANELEFT, CHANGELANERIGHT = -1, 1, 2, 3, 4, 5, 6
"""
# It logs every step below SAVE_PATH, by the name that is appended to its configuration.
BENCH2DRIVE_AGENT = """
import json, os, pathlib
import carla
from agents.navigation.local_planner import RoadOption
from leaderboard.autoagents import autonomous_agent

SAVE_PATH, IS_BENCH2DRIVE = os.environ.get("SAVE_PATH"), os.environ.get("IS_BENCH2DRIVE")

def get_entry_point():
    return "Mine"

class Mine(autonomous_agent.AutonomousAgent):
    def setup(self, config):
        assert IS_BENCH2DRIVE
        assert {type(manoeuvre) for _, manoeuvre in self.plan} == {RoadOption}
        self.told, self.metric_info = config.split("+"), []
        self.folder = pathlib.Path(SAVE_PATH) / self.told[-1]
        self.folder.mkdir(parents=True, exist_ok=False)
    def sensors(self):
        return [{"type": "sensor.speedometer", "id": "SPEED"}]
    def run_step(self, input_data, timestamp):
        self.metric_info.append(self.get_metric_info())
        routes = os.environ["ROUTES"]
        told = {"told": self.told, "metrics": self.metric_info, "routes": [routes, open(routes).read()]}
        (self.folder / "metric_info.json").write_text(json.dumps(told))
        return carla.VehicleControl(throttle=0.7)
"""
# Of the leaderboard 1.0: it tells what its camera was spawned with, and Bench2Drive's figures.
OLD_AGENT = """
import json
import carla
from leaderboard.autoagents import autonomous_agent

def get_entry_point():
    return "Mine"

class Mine(autonomous_agent.AutonomousAgent):
    def __init__(self, path_to_conf_file, route_index=None):
        super().__init__(path_to_conf_file)
    def sensors(self):
        place = {"x": 1.0, "y": 0.0, "z": 2.0, "width": 160, "height": 90, "fov": 90}
        return [{"type": "sensor.camera.rgb", "id": 7, **place}, {"type": "sensor.speedometer", "id": 8}]
    def run_step(self, input_data, timestamp):
        assert input_data[7][1].shape == (90, 160, 4) and "speed" in input_data[8][1]
        (camera,) = self.hero_actor.get_world().get_actors().filter("sensor.camera.rgb")
        lens = {name: value for name, value in camera.attributes.items() if name.startswith(("lens_c", "chrom"))}
        print("told", json.dumps([lens, self.plan_spacing_m, self.get_metric_info(), timestamp]), flush=True)
        return carla.VehicleControl(throttle=0.7)
"""


def test_a_bench2drive_agent_finds_the_ego_its_name_and_its_variables(
    there: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "srunner/__init__": "",
        "srunner/scenariomanager/__init__": "",
        "srunner/scenariomanager/carla_data_provider": PROVIDER,
        "agents/__init__": "",
        "agents/navigation/__init__": "",
        "agents/navigation/local_planner": MANOEUVRES,
        "leaderboard/__init__": "",
        "leaderboard/autoagents/__init__": "",
        "leaderboard/autoagents/autonomous_agent": BASE,
    }.items():
        file = tmp_path / "installed" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    root = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{root}:{tmp_path / 'installed'}")
    monkeypatch.setenv("SAVE_PATH", str(tmp_path / "saved"))
    monkeypatch.delenv("IS_BENCH2DRIVE", raising=False)
    agent = tiny.agent_file(tmp_path, BENCH2DRIVE_AGENT)
    what = ["--scenario", tiny.scenario_file(tmp_path), "--arms", "rgb", "--seeds", 1, "--out", tmp_path / "out"]
    config = ["--agent-config", "cfg.py+model.pth", "--metric", "bench2drive"]
    run = tiny.run_here(*what, *there, "--agent", agent, *config)
    assert run.code == 0, run.said
    (saved,) = (tmp_path / "saved").iterdir()
    kept = json.loads((saved / "metric_info.json").read_text())
    assert kept["told"] == ["cfg.py", "model.pth", saved.name]
    assert saved.name.startswith("1-rgb-seed0_")
    assert Path(kept["routes"][0]) == tmp_path / "out/logs/tiny_1-rgb-seed0.xml"
    assert kept["routes"][1] == (tmp_path / "tiny.xml").read_text()
    drives = tiny.drives_of(tmp_path / "out")
    steps = len(kept["metrics"])
    assert steps >= len(drives["1-rgb-seed0/throttle"]) - 1 > 20
    # float32, as CARLA has it
    logged = np.array([metrics["location"] for metrics in kept["metrics"]], np.float32)
    assert (logged == np.array(drives["1-rgb-seed0/location"], np.float32)[:steps]).all()


def test_a_leaderboard_1_agent_has_the_lens_and_the_plan_of_its_leaderboard(
    there: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--scenario", tiny.scenario_file(tmp_path), "--agent", tiny.agent_file(tmp_path, OLD_AGENT), *there]
    asked = [*map(str, options), "--arms", "rgb", "--seeds", "1", "--out", str(tmp_path / "out")]
    assert main(asked) == 0, capsys.readouterr().err
    log = (tmp_path / "out/logs/1-rgb-seed0.log").read_text()
    told = [json.loads(line.removeprefix("told ")) for line in log.splitlines() if line.startswith("told ")]
    lens, spacing_m, metrics, _ = told[-1]
    assert {name: float(value) for name, value in lens.items()} == {
        "lens_circle_multiplier": 3.0,
        "lens_circle_falloff": 3.0,
        "chromatic_aberration_intensity": 0.5,
        "chromatic_aberration_offset": 0.0,
    }
    assert spacing_m == 50.0
    ahead, right = metrics["forward_vector"], metrics["right_vector"]
    yaw = math.radians(metrics["rotation"][2])
    assert ahead[:2] == pytest.approx([math.cos(yaw), math.sin(yaw)], abs=0.01)
    assert right[:2] == pytest.approx([-math.sin(yaw), math.cos(yaw)], abs=0.01)
    assert any(math.hypot(*m["acceleration"]) > 0.5 for _, _, m, _ in told)
    # GameTime: one step at the first tick, whatever the server has counted before.
    assert [time_s for *_, time_s in told] == pytest.approx([0.05 * n for n in range(1, len(told) + 1)], abs=1e-6)


@pytest.mark.parametrize(
    ("agent", "metric_version", "asked_m", "spacing_m"),
    [
        ("mine.py", "leaderboard-2.0", {}, 0.0),
        ("mine.py", "leaderboard-1.0", {}, 50.0),
        ("mine.py", "bench2drive", {}, 50.0),
        ("mine.py", "bench2drive", {"plan_spacing_m": 7.5}, 7.5),
        ("pilot", "bench2drive", {}, 0.0),
    ],
)
def test_the_plan_is_as_thin_as_that_of_the_benchmark(
    agent: str, metric_version: str, asked_m: dict[str, float], spacing_m: float
) -> None:
    assert plan_spacing_m({"agent": agent, "metric_version": metric_version, **asked_m}) == spacing_m


def test_another_plan_is_another_run_and_none_asked_for_leaves_runs_as_they_were() -> None:
    needed = [field.name for field in fields(RunConfig) if field.default is MISSING]
    run = RunConfig(**dict.fromkeys(needed, ""))  # type: ignore[arg-type]
    assert list(run.to_dict()) == needed
    assert differences(run.to_dict(), replace(run, plan_spacing_m=50.0).to_dict()) == ["plan_spacing_m"]


def test_the_users_own_variables_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = tmp_path / "some.xml"
    routes.write_text("")
    monkeypatch.setenv("ROUTES", "before.xml")
    monkeypatch.setenv("IS_BENCH2DRIVE", "")
    monkeypatch.setenv("SAVE_PATH", "saved")
    own_name = tmp_path / "out" / "logs" / "some_1-rgb-seed0.xml"
    with agent_environment(routes, "bench2drive", own_name):
        assert os.environ["IS_BENCH2DRIVE"] == ""
        assert config_told("a+b", "1-rgb-seed0") == "a+b"
        assert os.environ["ROUTES"] == str(own_name)
        assert own_name.resolve() == routes
    assert os.environ["ROUTES"] == "before.xml"
    assert not own_name.is_symlink()
    monkeypatch.setenv("IS_BENCH2DRIVE", "True")
    assert config_told("a+b", "1-rgb-seed0").startswith("a+b+1-rgb-seed0_")
    monkeypatch.delenv("SAVE_PATH")
    assert config_told("a+b", "1-rgb-seed0") == "a+b"


def test_what_a_killed_drive_leaves_of_its_route_file_lies_in_its_run_and_goes(tmp_path: Path) -> None:
    routes, own_name = tmp_path / "some.xml", tmp_path / "some_1-rgb-seed0.xml"
    routes.write_text("<routes/>")
    own_name.symlink_to(tmp_path / "moved.xml")
    with agent_environment(routes, "leaderboard-2.0", own_name):
        assert own_name.read_text() == "<routes/>"
    assert [path.name for path in tmp_path.iterdir()] == ["some.xml"]


def test_route_files_are_copied_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("no links here")

    routes, own_name = tmp_path / "some.xml", tmp_path / "some_1-rgb-seed0.xml"
    routes.write_text("<routes/>")
    monkeypatch.setattr(Path, "symlink_to", refused)
    with agent_environment(routes, "leaderboard-2.0", own_name):
        assert own_name.read_text() == "<routes/>"
    assert not own_name.exists()
