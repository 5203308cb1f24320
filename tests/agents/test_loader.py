import sys
import textwrap
from pathlib import Path

import carla
import pytest

from agents.interface import AutonomousAgent, Track
from agents.loader import AgentLoadError, load_agent_class, make_agent, neighbours
from agents.plan import RoadOption, downsample_route


@pytest.fixture(autouse=True)
def _leave_the_interpreter_as_it_was():
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith(("my_", "leaderboard", "agents.navigation", "agent_file_")):
            del sys.modules[name]


def agent_file(folder: Path, source: str, name: str = "my_agent.py") -> str:
    path = folder / name
    path.write_text(textwrap.dedent(source))
    return str(path)


PUBLISHED = """
    import carla
    from leaderboard.autoagents import autonomous_agent
    from agents.navigation.local_planner import RoadOption

    def get_entry_point():
        return "Mine"

    class Mine(autonomous_agent.AutonomousAgent):
        def setup(self, path_to_conf_file):
            self.track = autonomous_agent.Track.SENSORS
            self.config = path_to_conf_file
            self.plan_at_setup = self._global_plan_world_coord
        def sensors(self):
            return [{"type": "sensor.speedometer", "reading_frequency": 20, "id": "SPEED"}]
        def run_step(self, input_data, timestamp):
            return carla.VehicleControl(throttle=input_data["SPEED"][1]["speed"], manual_gear_shift=True)
"""


def straight_plan(length_m: int, option: RoadOption = RoadOption.LANEFOLLOW):
    world = [(carla.Transform(carla.Location(x=float(x))), option) for x in range(length_m)]
    gps = [({"lat": 0.0, "lon": x * 1e-5, "z": 0.0}, option) for x in range(length_m)]
    return gps, world


def test_a_published_agent_loads_without_the_leaderboard_installed(tmp_path):
    gps, world = straight_plan(450)
    agent = make_agent(load_agent_class(agent_file(tmp_path, PUBLISHED)), "localhost", 2000, "weights.ckpt", gps, world)
    assert agent.config == "weights.ckpt"
    assert agent.track is Track.SENSORS
    assert [t.location.x for t, _ in agent.plan_at_setup] == [0.0, 202.0, 404.0, 449.0]
    agent.sensor_interface.put({"SPEED": (7, {"speed": 0.5})}, 0.35)
    control = agent()
    assert control.throttle == 0.5
    assert not control.manual_gear_shift


def test_a_leaderboard_1_agent_gets_its_configuration_in_the_constructor(tmp_path):
    source = (
        PUBLISHED
        + """
        def __init__(self, path_to_conf_file):
            super().__init__(path_to_conf_file)
    """
    )
    agent = make_agent(load_agent_class(agent_file(tmp_path, source)), "localhost", 2000, "old.cfg", *straight_plan(10))
    assert agent.config == "old.cfg"
    assert len(agent._global_plan) == 2


def test_neighbours_of_the_agent_file_are_importable(tmp_path):
    (tmp_path / "my_helpers.py").write_text("GAIN = 3\n")
    source = "from my_helpers import GAIN\n" + textwrap.dedent(PUBLISHED)
    load_agent_class(agent_file(tmp_path, source))
    assert sys.modules["my_agent"].GAIN == 3


def test_a_file_named_like_a_loaded_module_does_not_replace_it(tmp_path):
    import json

    agent_class = load_agent_class(agent_file(tmp_path, PUBLISHED, name="json.py"))
    assert issubclass(agent_class, AutonomousAgent)
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def get_entry_point(:\n", r"my_agent\.py:1: syntax error: "),
        (
            "import carla\nimport no_such_thing\n",
            r"my_agent\.py:2: ModuleNotFoundError: No module named 'no_such_thing'",
        ),
        ("raise ValueError('bad\\nweights')\n", r"my_agent\.py:1: ValueError: bad weights"),
        ("import sys\nsys.exit(3)\n", r"my_agent\.py:2: SystemExit: 3"),
        ("x = 1\n", r"no function get_entry_point\(\)"),
        ("def get_entry_point():\n    return 'Gone'\n", r"names 'Gone', which is no class"),
        ("class A: pass\ndef get_entry_point():\n    return 'A'\n", r"class A has no method setup\(\)"),
    ],
)
def test_an_agent_that_does_not_load_is_one_clear_line(tmp_path, source, says):
    with pytest.raises(AgentLoadError, match=says) as error:
        load_agent_class(agent_file(tmp_path, source))
    assert "\n" not in str(error.value)


def test_unknown_names_and_missing_files_say_what_there_is(tmp_path):
    with pytest.raises(AgentLoadError, match="no agent named 'pilto': give one of pilot, oracle, blind"):
        load_agent_class("pilto")
    with pytest.raises(AgentLoadError, match=r"agent file not found: .*gone\.py"):
        load_agent_class(str(tmp_path / "gone.py"))


def test_the_downsampled_route_keeps_every_change_of_manoeuvre():
    options = [RoadOption.LANEFOLLOW] * 30 + [RoadOption.LEFT] * 12 + [RoadOption.LANEFOLLOW] * 60
    route = [(carla.Transform(carla.Location(x=float(x))), option) for x, option in enumerate(options)]
    assert downsample_route(route, 50) == [0, 30, 42, 94, 101]


def test_an_agents_own_modules_are_those_that_it_imports_from_its_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # where modules without a file seem to lie that name one: torch.ops is "_ops.py"
    (tmp_path / "my_network").mkdir()
    (tmp_path / "my_network" / "__init__.py").write_text("LAYERS = 3\n")
    (tmp_path / "my_control.py").write_text("import my_network\n")
    (tmp_path / "my_notes.py").write_text("never imported\n")
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "my_installed.py").write_text("")
    head = "import sys\nsys.path.append(__file__.rpartition('/')[0] + '/site-packages')\n"
    head += "import json, torch, my_control, my_installed\n"
    file = agent_file(tmp_path, head + textwrap.dedent(PUBLISHED))
    load_agent_class(file)
    assert neighbours(Path(file)) == [tmp_path / "my_control.py", tmp_path / "my_network" / "__init__.py"]
