"""Agents in a Python of their own: what they get, what they may do wrong, and what is left of them."""

from __future__ import annotations

import ast
import contextlib
import math
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import carla
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agents.loader import AgentLoadError, load_agent_class, make_agent
from agents.outside.messages import Decoder, Encoder, Frames, SeenFrames
from agents.outside.process import AgentProcess, examine, find_python, outside_agent
from agents.plan import RoadOption

ROOT = Path(__file__).resolve().parents[2]
THEIRS = [
    *(ROOT / "agents" / f"{name}.py" for name in ("hero", "hidden", "interface", "loader", "plan", "published")),
    *(file for file in (ROOT / "agents" / "outside").glob("*.py") if file.name != "process.py"),
]

HEAD = """
import ctypes, os, random, sys, time
import carla
import numpy as np
from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track
from agents.navigation.local_planner import RoadOption

def get_entry_point():
    return "Mine"

class Mine(AutonomousAgent):
"""

# Its sensors tell what it knows, its controls what it is shown.
TELLING = """
    def setup(self, config):
        self.track, self.kept = Track.MAP, []
        self.knows = [config, random.random(), np.random.random(), list(map(repr, self._global_plan))]
        self.knows += [(t.get_matrix(), o is RoadOption(o.value)) for t, o in self._global_plan_world_coord]
    def sensors(self):
        return [{"id": "what it knows", "knows": self.knows, "number": np.float32(0.1), "unknown": None}]
    def run_step(self, input_data, timestamp):
        print("a line in between", flush=True)
        order = input_data.get("order")
        if order == "number":
            return 5
        if order == "fail":
            raise RuntimeError("lost the lane\\nand more")
        if order == "nan":
            return carla.VehicleControl(steer=float("nan"))
        if order == "exit":
            sys.exit("enough")
        frame, image = input_data["front"]
        same = self.sensor_interface.get_data() is input_data
        seen = float(image.astype(np.float64).mean())
        if order == "keep":
            self.kept.append(image[:, :, :3])
        elif order == "count":
            seen = sum(float(kept.astype(np.float64).mean()) for kept in self.kept)
        else:
            image[:] = 0  # its own
        return carla.VehicleControl(
            seen / 1000, timestamp, input_data["speed"][1]["speed"], same, image.flags.writeable, True, frame
        )
"""

DYING = """
    def run_step(self, input_data, timestamp):
        order = input_data["order"]
        if order == "leave":
            os._exit(3)
        if order == "segfault":
            ctypes.string_at(0)
        if order == "hang":
            print("hangs", flush=True)
            time.sleep(600)
        if order == "hang and hold Python's lock":
            print("hangs", flush=True)
            ctypes.PyDLL(None).sleep(600)
"""


def agent_file(folder: Path, body: str, head: str = HEAD) -> str:
    path = folder / "outside_agent_file.py"
    path.write_text(head + textwrap.indent(textwrap.dedent(body), "    "))
    return str(path)


def plans(length_m: int = 450) -> tuple[list, list]:
    options = [RoadOption.LEFT if 100 <= x < 120 else RoadOption.LANEFOLLOW for x in range(length_m)]
    turn = carla.Rotation(pitch=0.1, yaw=-33.3, roll=0.3)
    world = [(carla.Transform(carla.Location(x / 3, -x / 7, 0.1), turn), o) for x, o in enumerate(options)]
    return [({"lat": 42.0 + x / 3e5, "lon": x / 7e5, "z": 0.1}, o) for x, o in enumerate(options)], world


def shown(value: int, width: int = 64, frame: int = 7) -> dict[str, Any]:
    return {"front": (frame, np.full((48, width, 4), value, np.uint8)), "speed": (frame, {"speed": 1 / 3})}


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    file = agent_file(tmp_path_factory.mktemp("telling"), TELLING)
    agent = outside_agent(sys.executable, file, "localhost", 2000, "my.ckpt", *plans(), seed=3, threads=1)
    with contextlib.closing(agent):
        yield agent


@pytest.mark.parametrize("file", THEIRS, ids=lambda file: file.name)
def test_what_runs_in_the_agents_python_needs_neither_new_syntax_nor_nightloop(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 7))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {alias.name for node in imports for alias in node.names}
    names |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0}
    assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, "numpy", "carla"}


def test_an_agent_knows_the_same_in_its_own_python(
    telling: AgentProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    import random

    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    inside = make_agent(load_agent_class(agent_file(tmp_path, TELLING)), "localhost", 2000, "my.ckpt", *plans())
    assert telling.track == inside.track.value == "MAP"
    told, known = telling.sensors(), inside.sensors()
    assert told == known
    assert isinstance(told[0]["number"], np.float32)


def test_a_tick_gives_every_bit_and_takes_every_setting_of_the_control(telling: AgentProcess) -> None:
    control = telling.run_step(shown(200), 0.1 + 0.2)
    expected = carla.VehicleControl(0.2, 0.1 + 0.2, 1 / 3, True, True, False, 7)
    assert control == expected


def test_frames_that_an_agent_keeps_stay_as_they_were(telling: AgentProcess) -> None:
    for value in range(10, 60, 10):
        telling.run_step({**shown(value), "order": "keep"}, 0.0)
    for width in (16, 64, 640):  # smaller and larger ones, some in memory that is used again
        telling.run_step(shown(99, width), 0.0)
    assert telling.run_step({**shown(0), "order": "count"}, 0.0).throttle == pytest.approx(0.15)
    for value in range(20):
        if value == 2:  # the leaderboard's interface keeps the frames of one tick until the next
            pieces = len(telling._frames._pieces)
        assert telling.run_step(shown(value), 0.0).throttle == pytest.approx(value / 1000)
    assert len(telling._frames._pieces) == pieces


@pytest.mark.parametrize(
    ("order", "line"),
    [
        ("number", "run_step returned int, not carla.VehicleControl"),
        ("fail", "RuntimeError: lost the lane (outside_agent_file.py:LINE)"),
        ("exit", "SystemExit: enough (outside_agent_file.py:LINE)"),
    ],
)
def test_a_failing_step_is_one_line_with_its_place(telling: AgentProcess, order: str, line: str) -> None:
    with pytest.raises(AgentLoadError) as raised:
        telling.run_step({"order": order}, 0.0)
    lines = (HEAD + TELLING).splitlines()
    place = next(n for n, text in enumerate(lines, 1) if f'order == "{order}"' in text) + 1
    assert str(raised.value) == line.replace("LINE", str(place))
    assert telling.run_step(shown(0), 0.0).gear == 7  # and the protocol goes on


def test_a_control_that_is_no_number_comes_as_it_is(telling: AgentProcess) -> None:
    assert math.isnan(telling.run_step({**shown(0), "order": "nan"}, 0.0).steer)


def test_a_leaderboard_1_agent_gets_its_configuration_in_the_constructor(tmp_path: Path) -> None:
    body = """
    def __init__(self, path_to_conf_file):
        super().__init__(path_to_conf_file)
    def setup(self, path_to_conf_file):
        self.config, self.planned = path_to_conf_file, self._global_plan
    def sensors(self):
        return [self.config, self.planned, len(self._global_plan)]
    def run_step(self, input_data, timestamp):
        pass
    def destroy(self):
        print("closes")
    """
    file = agent_file(tmp_path, body.replace("\n    ", "\n"))
    agent = outside_agent(sys.executable, file, "localhost", 2000, "old.cfg", *plans(450), seed=0, threads=1)
    assert agent.sensors() == ["old.cfg", None, 6]  # with a turn, one each 50 m of 158 m
    assert agent.takes_only_config
    agent.destroy()
    assert agent._process.returncode == 0


def test_an_inherited_constructor_is_of_the_leaderboard_that_scores(tmp_path: Path) -> None:
    body = """
    def setup(self, path_to_conf_file):
        self.planned = self._global_plan is not None
    def sensors(self):
        return [self.planned]
    def run_step(self, input_data, timestamp):
        pass
    """
    file = agent_file(tmp_path, body.replace("\n    ", "\n"))
    for metric, planned in (("leaderboard-1.0", False), ("leaderboard-2.0", True)):
        settings = "localhost", 2000, "", *plans(20), None, 0.0, metric
        agent = outside_agent(sys.executable, file, *settings, seed=0, threads=1)
        assert agent.sensors() == [planned]
        agent.destroy()


INSTALLED = {
    "srunner/__init__": "",
    "srunner/scenariomanager/carla_data_provider": """
        class CarlaDataProvider:
            _carla_actor_pool = {}
            @staticmethod
            def get_world():
                return None
            @staticmethod
            def get_hero_actor():
                for actor in CarlaDataProvider._carla_actor_pool.values():
                    if actor.attributes["role_name"] == "hero":
                        return actor
        """,
    "leaderboard/__init__": "",
    "leaderboard/autoagents/__init__": "",
    "leaderboard/autoagents/autonomous_agent": """
        from srunner.scenariomanager.carla_data_provider import CarlaDataProvider
        class Track:
            MAP = "MAP"
        class AutonomousAgent:
            track = Track.MAP
            def __init__(self, carla_host, carla_port, debug=False):
                for actor in CarlaDataProvider.get_world().get_actors():
                    if 'role_name' in actor.attributes and actor.attributes['role_name'] == 'hero':
                        self.hero_actor = actor
                assert CarlaDataProvider.get_hero_actor() is self.hero_actor
                assert list(self.hero_actor.get_world().get_actors()) == [self.hero_actor]
            def set_global_plan(self, gps, world):
                pass
            def setup(self, config):
                pass
        """,
}
# It answers with what it knows of the ego.
LOGGING = """
    def sensors(self):
        return [self.hero_actor.get_transform().location.x]
    def run_step(self, input_data, timestamp):
        transform, velocity = self.hero_actor.get_transform(), self.hero_actor.get_velocity()
        told = [transform.location.x, transform.rotation.yaw, velocity.y]
        told += [self.hero_actor.get_acceleration().z, self.hero_actor.get_angular_velocity().z]
        print(repr(told), flush=True)
        return carla.VehicleControl(throttle=told[input_data["which"]])
"""


class Ego:
    """As much of a carla.Vehicle as is told; it moves on by a metre whenever it is asked where it is."""

    x = 10.0

    def get_transform(self) -> carla.Transform:
        self.x += 1.0
        return carla.Transform(carla.Location(self.x, 2.0, 3.0), carla.Rotation(1.0, 33.25, 2.0))

    def get_velocity(self) -> carla.Vector3D:
        return carla.Vector3D(0.0, 0.5, 0.0)

    def get_acceleration(self) -> carla.Vector3D:
        return carla.Vector3D(0.0, 0.0, 0.25)

    def get_angular_velocity(self) -> carla.Vector3D:
        return carla.Vector3D(0.0, 0.0, 0.125)


@pytest.mark.parametrize("is_installed", [False, True], ids=["our base class", "Bench2Drive's"])
def test_an_agent_is_told_of_the_ego_at_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    if is_installed:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
        for name, text in INSTALLED.items():
            module = tmp_path / "installed" / f"{name}.py"
            module.parent.mkdir(parents=True, exist_ok=True)
            module.write_text(textwrap.dedent(text))
    ego: Any = Ego()
    file = agent_file(tmp_path, LOGGING)
    agent = outside_agent(sys.executable, file, "localhost", 2000, "", *plans(10), ego, seed=0, threads=1)
    with contextlib.closing(agent):
        assert agent.sensors() == [11.0]
        steps = [agent.run_step({"which": which}, 0.0).throttle for which in range(5)]
    assert steps == [12.0, 33.25, 0.5, 0.25, 0.125]
    assert examine(sys.executable, file).is_thinned_here is not is_installed


def test_a_repositorys_folder_of_that_name_is_no_installed_leaderboard_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repository" / "leaderboard" / "leaderboard").mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "repository"))
    assert examine(sys.executable, agent_file(tmp_path, LOGGING)).is_thinned_here


def test_torch_is_seeded_when_the_agent_imports_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    body = """
    def setup(self, config):
        import torch
        self.drawn = [torch.rand(3).numpy(), torch.get_num_threads()]
    def sensors(self):
        return self.drawn
    def run_step(self, input_data, timestamp):
        pass
    """
    file = agent_file(tmp_path, body)
    agent = outside_agent(sys.executable, file, "localhost", 2000, "", *plans(2), seed=5, threads=1)
    with contextlib.closing(agent):
        drawn, threads = agent.sensors()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        assert drawn.tolist() == torch.rand(3).tolist()
    assert threads == 1


def test_modules_beside_the_agent_are_found_there(tmp_path: Path) -> None:
    (tmp_path / "my_helper_outside.py").write_text("GAIN = 3\n")
    file = agent_file(tmp_path, TELLING, "import my_helper_outside\n" + HEAD)
    seen = examine(sys.executable, file)
    assert seen.modules == (tmp_path / "my_helper_outside.py",)
    version = ".".join(map(str, sys.version_info[:3]))
    assert seen.versions == f"Python {version}, carla 0.9.16, numpy {np.__version__}"
    assert "my_helper_outside" not in sys.modules


@pytest.mark.parametrize(
    ("folder", "beside", "version"),
    [
        ("carla-0.9.10-py3.7-linux-x86_64.egg", None, "0.9.10"),
        ("site-packages", "carla-0.9.15.dist-info", "0.9.15"),
        ("site-packages", "carla_tools-2.0.dist-info", "of unknown version"),
    ],
)
def test_the_version_of_carla_is_read_from_where_it_lies(
    tmp_path: Path, folder: str, beside: str | None, version: str
) -> None:
    from agents.outside.__main__ import _installed_version

    module = ModuleType("carla")
    module.__file__ = str(tmp_path / folder / "carla" / "__init__.py")
    if beside:
        (tmp_path / folder / beside).mkdir(parents=True)
    assert _installed_version(module) == version


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("def get_entry_point(:\n", r"outside_agent_file\.py:1: syntax error: "),
        ("import no_such_thing\n", r"outside_agent_file\.py:1: ModuleNotFoundError: No module named 'no_such_thing'$"),
        ("import os\nos._exit(3)\n", r"^the agent's Python ended in load with exit code 3$"),
        (HEAD + "    def set_world(self, *_): pass\n", r"class Mine has set_world\(\): the simulation itself cannot"),
    ],
)
def test_an_agent_that_does_not_load_there_is_one_clear_line(tmp_path: Path, head: str, says: str) -> None:
    with pytest.raises(AgentLoadError, match=says) as raised:
        examine(sys.executable, agent_file(tmp_path, "", head))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("leave", "the agent's Python ended in run_step with exit code 3"),
        ("segfault", "the agent's Python was ended by SIGSEGV in run_step (outside_agent_file.py:LINE)"),
    ],
)
def test_a_python_that_dies_is_told_with_what_it_was_at(tmp_path: Path, order: str, says: str) -> None:
    file = agent_file(tmp_path, DYING)
    place = next(n for n, text in enumerate((HEAD + DYING).splitlines(), 1) if "string_at" in text)
    agent = outside_agent(sys.executable, file, "localhost", 2000, "", *plans(10), seed=0, threads=1)
    with contextlib.closing(agent), pytest.raises(AgentLoadError) as raised:
        agent.run_step({"order": order}, 0.0)
    assert str(raised.value) == says.replace("LINE", str(place))
    agent.destroy()  # as the harness does: there is nothing left to ask


def script(folder: Path, text: str, name: str = "my-python") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("order", "command"),
    [
        ("hang and hold Python's lock", 'exec PYTHON "$@"'),
        ("hang", 'PYTHON "$@"\nexit'),  # the shell stays between: the kernel does not tell of our end
    ],
)
def test_an_agent_that_hangs_ends_with_its_parent(tmp_path: Path, order: str, command: str) -> None:
    file = agent_file(tmp_path, DYING)
    python = script(tmp_path, command.replace("PYTHON", sys.executable))
    source = f"""
from agents.outside.process import outside_agent
agent = outside_agent({python!r}, {file!r}, "localhost", 2000, "", [], [], seed=0, threads=1)
agent.run_step({{"order": {order!r}}}, 0.0)
"""
    parent = subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"hangs\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert children
    parent.kill()
    parent.communicate()
    assert psutil.wait_procs(children, timeout=10.0)[1] == []


def test_what_cannot_be_an_agents_python_is_said_in_one_line(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("nothing to run\n")
    (tmp_path / "broken").write_bytes(b"\x7fELF")
    (tmp_path / "broken").chmod(0o755)
    cases = {
        str(tmp_path / "gone"): ": no such interpreter",
        "no-such-python-on-the-path": ": no such interpreter",
        "~nobody-of-this-name/python": ": Could not",
        str(tmp_path): f" is a folder; give its interpreter, as in {tmp_path}/bin/python",
        str(plain): " is not executable",
        str(tmp_path / "broken"): " cannot be run: Exec format error",
        script(tmp_path, "exit 0", "silent"): " is no Python: asked for its version it says 'nothing'",
        script(tmp_path, "echo other 3.9", "other"): " is no Python: asked for its version it says 'other 3.9'",
        script(tmp_path, "echo Python 2.7.18 >&2", "old"): " is Python 2.7.18: an agent needs 3.7 or newer",
        script(tmp_path, "echo Python 3.6.15", "older"): " is Python 3.6.15: an agent needs 3.7 or newer",
    }
    for name, line in cases.items():
        with pytest.raises(AgentLoadError) as raised:
            find_python(name)
        assert str(raised.value).startswith(f"--agent-python {name}{line}"), name
        assert "\n" not in str(raised.value)
    assert find_python(sys.executable) == sys.executable


def test_a_python_without_what_an_agent_needs_says_how_to_install_it(tmp_path: Path) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    file = agent_file(tmp_path, TELLING)
    bare = script(tmp_path, f'unset PYTHONPATH\nexec {sys.executable} -S "$@"')
    with pytest.raises(AgentLoadError) as raised:
        examine(bare, file)
    name = f"--agent-python {bare} (Python {version})"
    assert str(raised.value) == f"{name} lacks numpy and carla; to install: {bare} -m pip install numpy carla"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "numpy").symlink_to(Path(np.__file__).parent)
    (tmp_path / "own" / "carla").mkdir()  # as a checkout of CARLA's, with no client in it
    other = script(tmp_path, f'PYTHONPATH={tmp_path}/own exec {sys.executable} -S "$@"', "other-python")
    with pytest.raises(AgentLoadError, match=r" lacks carla; to install: .*/other-python -m pip install carla$"):
        examine(other, file)
    (tmp_path / "own" / "carla" / "__init__.py").write_text("raise ImportError('libjpeg.so.8: not\\nfound')\n")
    with pytest.raises(AgentLoadError, match=r"\) cannot import its carla: libjpeg\.so\.8: not found$"):
        examine(other, file)
    with pytest.raises(AgentLoadError, match=r"^the agent's Python ended in its start with exit code 7$"):
        examine(script(tmp_path, "exit 7", "hopeless"), file)


def test_what_an_agent_under_examination_has_started_is_ended_with_it(tmp_path: Path) -> None:
    starts = f"""
import subprocess
child = subprocess.Popen(["sleep", "600"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
"""
    examine(sys.executable, agent_file(tmp_path, TELLING, starts + HEAD))
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5.0
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**70), 2**70) | st.booleans() | st.none()
dtypes = st.sampled_from([np.uint8, np.float32, np.float64, np.int64, np.bool_, np.dtype(">f4"), np.dtype("U3")])
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=24))
leaves = numbers | st.text() | arrays | st.builds(np.float32, st.floats(width=32))
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=4)
    ),
    max_leaves=12,
)


def bits(value: Any) -> Any:
    """Something that is equal where types and every bit are."""
    if isinstance(value, (np.ndarray, np.generic)):
        return type(value), value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return np.float64(value).tobytes()
    if isinstance(value, dict):
        return {key: bits(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [bits(member) for member in value]
    return type(value), value


@settings(max_examples=150, deadline=None)
@given(st.lists(values, min_size=1, max_size=3))
def test_whatever_passes_through_is_the_same_to_the_bit(messages: list[Any]) -> None:
    import json

    frames = Frames()
    seen = SeenFrames(os.dup(frames.file))
    encoder, decoder = Encoder(frames.share), Decoder(seen.memory)
    kept = []
    for message in messages:
        told = decoder.decode(json.loads(json.dumps(encoder.encode(message))))
        assert bits(told) == bits(message)
        kept.append(told)
        frames.held(seen.held())
    assert bits(kept) == bits(messages)  # what came first was not written over


@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_memory_that_is_let_go_of_is_used_again(sizes: list[int]) -> None:
    frames = Frames()
    seen = SeenFrames(os.dup(frames.file))
    encoder, decoder = Encoder(frames.share), Decoder(seen.memory)
    counts = []
    for _ in range(3):
        for size in sizes:
            array = np.full(size, size % 251, np.uint8)
            told = decoder.decode(encoder.encode(array))
            assert (told == array).all()
            told[:] = 0
            del told
            frames.held(seen.held())
        counts.append(len(frames._pieces))
    assert (
        counts[0] <= 9
    )  # 40 kB at most, and a page more than the one before: each is an eighth larger than was asked for
    assert counts == [counts[0]] * 3  # what was there for a size once is there for it again


def test_a_long_text_is_told_once() -> None:
    encoder, decoder = Encoder(), Decoder()
    text = "<OpenDRIVE>" + 5000 * "ü"
    first, second = encoder.encode({"opendrive": text}), encoder.encode([text, text])
    assert len(repr(second)) < 100
    assert decoder.decode(first) == {"opendrive": text}
    assert decoder.decode(second) == [text, text]


def test_what_cannot_travel_is_told_by_how_it_prints() -> None:
    told = Decoder().decode(Encoder().encode({"x": slice(1, 2), "y": np.array([None])}))
    assert repr(told) == "{'x': slice(1, 2, None), 'y': array([None], dtype=object)}"
    assert Decoder().decode(Encoder().encode(RoadOption.LEFT)) == 1
