import sys
import textwrap
from datetime import datetime
from pathlib import Path

import carla
import numpy as np
import pytest

from agents.hero import ToldHero
from agents.interface import AutonomousAgent, Track
from agents.loader import (
    AgentLoadError,
    decision,
    is_thinned_here,
    load_agent_class,
    make_agent,
    neighbours,
    takes_only_config,
    told,
)
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


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """As published agents': a folder `leaderboard` in which the package and the agents' code lie."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "leaderboard"]:
        monkeypatch.delitem(sys.modules, name)
    for name, source in {
        "my_team_code/planner.py": "FAR_M = 50.0",
        "leaderboard/__init__.py": "",
        "leaderboard/autoagents/__init__.py": "",
        "leaderboard/autoagents/autonomous_agent.py": """
            from my_srunner.timer import GameTime
            class Track:
                SENSORS = "SENSORS"
            class AutonomousAgent:
                def set_global_plan(self, gps, world):
                    pass
        """,
    }.items():
        file = tmp_path / "leaderboard" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source))
    return tmp_path


def test_a_repositorys_folder_of_that_name_is_no_installed_leaderboard(repository, monkeypatch, capsys):
    monkeypatch.syspath_prepend(repository)
    assert is_thinned_here(load_agent_class(agent_file(repository, PUBLISHED)))
    assert list(sys.modules["leaderboard"].__path__) == [str(repository / "leaderboard")]
    assert not capsys.readouterr().err


def test_our_base_class_stands_in_for_one_whose_needs_are_missing(repository, monkeypatch, capsys):
    monkeypatch.syspath_prepend(repository / "leaderboard")
    source = "    from my_team_code.planner import FAR_M\n" + PUBLISHED
    assert is_thinned_here(load_agent_class(agent_file(repository, source)))
    (said,) = capsys.readouterr().err.splitlines()
    assert "autonomous_agent.py cannot be imported (No module named 'my_srunner')" in said
    assert "put scenario_runner and CARLA's PythonAPI/carla on PYTHONPATH" in said


def test_an_installed_leaderboard_whose_needs_are_met_is_used(repository, monkeypatch, capsys):
    (repository / "my_srunner").mkdir()
    (repository / "my_srunner" / "timer.py").write_text("class GameTime:\n    pass\n")
    # Known to the agent alone, as CARLA's PythonAPI often is.
    source = f"    import sys; sys.path.append({str(repository)!r})\n" + PUBLISHED
    monkeypatch.syspath_prepend(repository / "leaderboard")
    (repository / "own").mkdir()
    assert not is_thinned_here(load_agent_class(agent_file(repository / "own", source)))
    assert not capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["np.bool8", "np.float_", "float(np.ones((1, 1)))"])
def test_an_agent_of_an_older_numpy_is_told_of_a_python_of_its_own(tmp_path, wrong):
    try:
        exec(wrong, {"np": np})
    except (AttributeError, TypeError) as error:
        line = told(error, tmp_path, tmp_path)
        assert f"numpy older than {np.__version__}: --agent-python" in line
    else:
        pytest.skip(f"numpy {np.__version__} still has it")
    with pytest.raises(AgentLoadError, match="--agent-python"):
        load_agent_class(agent_file(tmp_path, f"import numpy as np\n{wrong}\n"))
    assert "--agent-python" not in told(TypeError("only numbers"), tmp_path, tmp_path)


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


class Old(AutonomousAgent):
    def __init__(self, path_to_conf_file, route_index=None):
        super().__init__(path_to_conf_file)


class New(AutonomousAgent):
    def __init__(self, carla_host, carla_port=2000, debug=False):
        super().__init__(carla_host, carla_port, debug)


class Inherits(AutonomousAgent):
    def setup(self, path_to_conf_file):
        self.config, self.plan_at_setup = path_to_conf_file, self._global_plan


@pytest.mark.parametrize(("metric", "is_old"), [("leaderboard-1.0", True), ("leaderboard-2.0", False), ("", False)])
def test_an_inherited_constructor_is_of_the_leaderboard_that_scores(metric, is_old):
    agent = make_agent(Inherits, "localhost", 2000, "mine.cfg", *straight_plan(110), metric_version=metric)
    assert (agent.config, agent.plan_at_setup is None) == ("mine.cfg", is_old)
    assert len(agent._global_plan) == (4 if is_old else 2)


class Free:
    def __init__(self, *settings):
        pass


@pytest.mark.parametrize(("kind", "is_old"), [(Old, True), (New, False), (AutonomousAgent, False), (Free, False)])
def test_a_leaderboard_1_constructor_is_known_by_what_it_needs(kind, is_old):
    assert takes_only_config(kind) == is_old


def test_the_plan_of_a_leaderboard_1_agent_has_a_point_each_50_m():
    def kept_m(agent):
        return [transform.location.x for transform, _ in agent._global_plan_world_coord]

    plans = straight_plan(110)
    assert kept_m(make_agent(Old, "localhost", 2000, "", *plans)) == [0.0, 52.0, 104.0, 109.0]
    assert kept_m(make_agent(New, "localhost", 2000, "", *plans)) == [0.0, 109.0]
    assert kept_m(make_agent(New, "localhost", 2000, "", *plans, plan_spacing_m=60.0)) == [0.0, 62.0, 109.0]


def test_bench2drives_agents_find_the_ego_and_the_dense_plan():
    hero = ToldHero()
    hero.tell(np.array([1.0, 2.0, 3.0, 0.0, 90.0, 0.0, 5.0, 0.0, 0.0, 0.5, 0.25, 0.0, 0.0, 0.0, 7.0]))
    gps, world = straight_plan(10)
    agent = make_agent(New, "localhost", 2000, "", gps, world, hero)
    agent.get_hero()
    assert agent.hero_actor is hero
    assert agent._plan_gps_HACK == gps
    told = agent.get_metric_info()
    assert [*told] == ["acceleration", "angular_velocity", "forward_vector", "right_vector", "location", "rotation"]
    assert told["forward_vector"] == pytest.approx([0.0, 1.0, 0.0], abs=1e-6)
    assert told["right_vector"] == pytest.approx([-1.0, 0.0, 0.0], abs=1e-6)
    assert (told["location"], told["rotation"]) == ([1.0, 2.0, 3.0], [0.0, 0.0, 90.0])
    assert (told["acceleration"], told["angular_velocity"]) == ([0.5, 0.25, 0.0], [0.0, 0.0, 7.0])
    assert hero.get_velocity() == carla.Vector3D(5.0, 0.0, 0.0)


def test_an_agent_is_called_as_the_leaderboard_calls_it():
    class Wrapped(New):
        def run_step(self, input_data, timestamp):
            return carla.VehicleControl(throttle=timestamp)

        def __call__(self):
            control = super().__call__()
            control.brake = 0.5
            return control

    agent = make_agent(Wrapped, "localhost", 2000, "", *straight_plan(10))
    control = decision(agent, {"SPEED": (7, {"speed": 0.5})}, 0.25)
    assert (control.throttle, control.brake) == (0.25, 0.5)


def test_the_agent_knows_when_its_route_began():
    class Still(New):
        def run_step(self, input_data, timestamp):
            return carla.VehicleControl()

    agent = make_agent(Still, "localhost", 2000, "", *straight_plan(10))
    assert agent.wallclock_t0 is None
    before = datetime.now()
    decision(agent, {}, 0.05)
    began = agent.wallclock_t0
    assert before <= began <= datetime.now()
    decision(agent, {}, 0.1)
    assert agent.wallclock_t0 is began


def test_neighbours_of_the_agent_file_are_importable(tmp_path):
    (tmp_path / "my_helpers.py").write_text("GAIN = 3\n")
    source = "from my_helpers import GAIN\n" + textwrap.dedent(PUBLISHED)
    load_agent_class(agent_file(tmp_path, source))
    assert sys.modules["my_agent"].GAIN == 3


def test_the_agents_folder_comes_first_on_the_path(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "my_helpers.py").write_text("GAIN = 1\n")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "my_helpers.py").write_text("GAIN = 3\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "other"), str(mine), *sys.path])
    load_agent_class(agent_file(mine, "from my_helpers import GAIN\n" + textwrap.dedent(PUBLISHED)))
    assert sys.modules["my_agent"].GAIN == 3


@pytest.mark.parametrize(
    ("files", "said", "beside"),
    [
        (
            {"fusion.py": "", "my_agent.py": "import carla\nfrom fusion import Fuser\n"},
            "my_agent.py:2: import of fusion",
            "fusion.py",
        ),
        ({"results/a.py": "", "my_agent.py": "import results.a as a\n"}, "my_agent.py:1: import of results", "results"),
        (
            {
                "my_agent.py": "from my_package.control import pid\n",
                "my_package/control/__init__.py": "from . import pid\n",
                "my_package/control/pid.py": "\nimport sensors\n",
                "sensors/__init__.py": "",
            },
            "my_package/control/pid.py:2: import of sensors",
            "sensors",
        ),
    ],
)
def test_a_module_that_one_of_our_packages_hides_is_named(tmp_path, files, said, beside):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(AgentLoadError) as raised:
        load_agent_class(str(tmp_path / "my_agent.py"))
    assert str(raised.value) == (
        f"{tmp_path}/{said} means nightloop's package here and not {tmp_path / beside}: rename that, or give the agent "
        "a Python of its own (--agent-python)"
    )


def test_what_only_has_the_name_of_one_of_our_packages_hides_nothing(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "scores.json").write_text("{}")
    (tmp_path / "simulator.py").write_text("nobody imports this")
    (tmp_path / "sensors.py").write_text("imported by what is not run")
    not_run = [
        "from typing import TYPE_CHECKING",
        "if TYPE_CHECKING:",
        "    import sensors",
        "def plot():",
        "    import sensors",
        "if __name__ == '__main__':",
        "    import sensors",
        "",
    ]
    source = "import results.scores\n" + "\n".join(not_run) + textwrap.dedent(PUBLISHED)
    assert load_agent_class(agent_file(tmp_path, source)).__name__ == "Mine"


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
            r"my_agent\.py:2: ModuleNotFoundError: No module named 'no_such_thing'$",
        ),
        (
            "from agents.navigation.global_route_planner import GlobalRoutePlanner\n",
            r"No module named 'agents\.navigation\.global_route_planner'; CARLA's PythonAPI/carla has it, ",
        ),
        (
            "import srunner.scenariomanager.timer\n",
            r"No module named 'srunner'; scenario_runner has it, .* on PYTHONPATH",
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


def lane_change_plan():
    options = [RoadOption.LANEFOLLOW] * 20 + [RoadOption.CHANGELANELEFT] * 9 + [RoadOption.LANEFOLLOW] * 20
    world = [(carla.Transform(carla.Location(x=float(x))), option) for x, option in enumerate(options)]
    return [({"lat": 0.0, "lon": x * 1e-5, "z": 0.0}, option) for x, option in enumerate(options)], world


def test_the_downsampled_route_keeps_both_ends_of_a_lane_change():
    assert downsample_route(lane_change_plan()[1], 200) == [0, 20, 28, 48]


def test_an_installed_leaderboard_is_given_lane_changes_of_two_points():
    class Installed:
        def __init__(self, carla_host, carla_port, debug=False):
            pass

        def set_global_plan(self, gps, world):
            self.plans = gps, world

        def setup(self, config):
            pass

    agent = make_agent(Installed, "localhost", 2000, "", *lane_change_plan())
    for plan in agent.plans:
        assert len(plan) == 42
        assert [option for _, option in plan].count(RoadOption.CHANGELANELEFT) == 2
    assert [transform.location.x for transform, _ in agent.plans[1]][19:23] == [19.0, 20.0, 28.0, 29.0]


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
