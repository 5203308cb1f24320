"""Our `agents` and CARLA's own, in either order on the path, each in a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

IMPORT_BOTH = """
from harness.namespaces import join_packages
join_packages()
from agents.interface import AutonomousAgent
from agents.loader import load_agent_class
from agents.navigation.local_planner import RoadOption
from agents.tools.misc import NAME
assert RoadOption.SOURCE == "python api", RoadOption
print(NAME, load_agent_class("blind").__name__)
"""


@pytest.fixture
def python_api(tmp_path) -> Path:
    for package in ("agents", "agents/navigation", "agents/tools"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "agents/navigation/local_planner.py").write_text("class RoadOption:\n    SOURCE = 'python api'\n")
    (tmp_path / "agents/tools/misc.py").write_text("NAME = 'misc of the python api'\n")
    return tmp_path


def run_python(source: str, cwd: Path, *path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run([sys.executable, "-c", source], cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("ours_first", [True, False])
def test_both_agents_packages_resolve_in_either_order(python_api, tmp_path_factory, ours_first):
    order = (ROOT, python_api) if ours_first else (python_api, ROOT)
    # The working folder is neither: `python -c` puts it first on the path.
    result = run_python(IMPORT_BOTH, tmp_path_factory.mktemp("elsewhere"), *order)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["misc", "of", "the", "python", "api", "BlindAgent"]


def test_an_agent_may_put_the_python_api_on_the_path_by_itself(python_api, tmp_path):
    agent = tmp_path / "late_agent.py"
    agent.write_text(
        f"import sys\nsys.path.append({str(python_api)!r})\n"
        "from agents.navigation.local_planner import RoadOption\n"
        "from leaderboard.autoagents.autonomous_agent import AutonomousAgent\n"
        "class Late(AutonomousAgent):\n    SOURCE = RoadOption.SOURCE\n"
        "def get_entry_point():\n    return 'Late'\n"
    )
    source = f"from agents.loader import load_agent_class\nprint(load_agent_class({str(agent)!r}).SOURCE)"
    result = run_python(source, tmp_path, ROOT)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "python api"


def test_a_module_that_hides_one_of_our_packages_is_named(tmp_path):
    (tmp_path / "scenarios.py").write_text("")
    result = run_python("from harness.namespaces import join_packages\njoin_packages()", tmp_path, tmp_path, ROOT)
    assert result.returncode != 0
    assert "scenarios.py hides the package 'scenarios' of nightloop" in result.stderr
