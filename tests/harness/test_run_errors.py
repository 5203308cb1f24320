"""What is wrong with a command is said in one line before anything starts."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run import main
from tests.harness import tiny

WALKER = """<scenario name="Walker" type="DynamicObjectCrossing">
<trigger_point x="-3.5" y="-150.6" z="0" yaw="0"/><distance value="400"/></scenario>"""


# With another base class than ours.
INSTALLED = """
class Agent:
    def setup(self): pass
    sensors = run_step = set_global_plan = setup
def get_entry_point(): return "Agent"
"""


def other_routes(folder: Path, name: str, change: tuple[str, str]) -> None:
    """The tiny scenario with something changed, in its routes and in itself."""
    (folder / f"{name}.xml").write_text(tiny.ROUTES.replace(*change))
    text = (folder / "tiny.yaml").read_text().replace("tiny", name).replace(*change)
    (folder / f"{name}.yaml").write_text(text)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cases() -> dict[str, tuple[list[str], int, str]]:
    """Options, exit code, and the beginning of the line."""
    port = unused_port()
    return {
        "scenario": (["--scenario", "nosuch"], 2, "no scenario named 'nosuch': choose one of "),
        "scenario file": (["--scenario", "OUT/none.yaml"], 2, "OUT/none.yaml: cannot be read: No such file"),
        "server": (["--carla", f"localhost:{port}"], 3, f"no CARLA server answers at localhost:{port} ("),
        "address": (["--carla", "localhost"], 2, "--carla localhost: give HOST:PORT"),
        "cluster": (["--ray", f"localhost:{port}"], 3, f"no Ray cluster answers at localhost:{port} ("),
        "cluster's address": (
            ["--ray", "localhost"],
            2,
            "--ray localhost: give HOST:PORT of a cluster's head",
        ),
        "cluster and server": (
            ["--ray", "auto", "--carla", "localhost:2000"],
            2,
            "--ray drives on embedded simulators",
        ),
        "GPUs of no cluster": (["--ray-gpus", "1"], 2, "--ray-gpus belongs to --ray: "),
        "part of GPUs": (["--ray-gpus", "1.5"], 2, "argument --ray-gpus: 1.5 is neither a part of one nor a whole"),
        "weights": (["--weights", "nothere"], 2, "no weights 'nothere': neither a file nor one of the shipped names"),
        "arm": (
            ["--arms", "rgb,infrared"],
            2,
            "--arms rgb,infrared: no arm named 'infrared': choose from rgb, fused, clear",
        ),
        "droplets of none": (["--arms", "rgb,fused_10um", "--scenario", "night_clear"], 2, "--arms rgb,fused_10um: "),
        "own droplets": (
            ["--arms", "rgb,fused_5um"],
            2,
            "--arms rgb,fused_5um: fused_5um is the arm fused: OUT/tiny.yaml",
        ),
        "clear twin": (
            ["--arms", "rgb,clear"],
            2,
            "--arms rgb,clear: OUT/tiny.yaml names no clear twin (`clear: NAME`)",
        ),
        "town": (
            ["--scenario", "OUT/town12.yaml"],
            2,
            "OUT/town12.yaml: town: unknown town 'Town12'; available: Elm01",
        ),
        "routes": (["--routes", "OUT/none.xml"], 2, "OUT/none.xml: cannot be read: No such file"),
        "routes of CARLA's town": (
            ["--routes", "OUT/town12.xml"],
            2,
            "OUT/town12.xml:2: route 1: unknown town 'Town12'; available: Elm01",
        ),
        "subset": (["--routes-subset", "1-3"], 2, "--routes-subset 1-3: no route '3': the file has 1"),
        "off the road": (
            ["--scenario", "OUT/far_off.yaml"],
            2,
            "OUT/far_off.xml:2: route 1: key point (-3.5, 950.6) is ",
        ),
        "hazard": (
            ["--scenario", "OUT/beyond.yaml"],
            2,
            "OUT/beyond.xml:7: Walker lies outside the route: its trigger point at 0 m and its distance of 400 m",
        ),
        "hazard's model": (
            ["--scenario", "OUT/nobody.yaml"],
            2,
            "OUT/nobody.xml:7: <walker_model> of Walker: there is no blueprint 'walker.pedestrian.9999': those of ",
        ),
        "camera": (["--thermal", "nosuch"], 2, "--thermal nosuch: unknown thermal preset 'nosuch'"),
        "camera's place": (
            ["--thermal", "OUT/far.yaml"],
            2,
            "--thermal OUT/far.yaml: OUT/far.yaml: place y_m",
        ),
        "scenario's camera": (
            ["--scenario", "OUT/own.yaml"],
            2,
            "OUT/own.yaml: thermal: OUT/far.yaml: place y_m",
        ),
        "camera's table": (
            ["--thermal", "OUT/table.yaml"],
            2,
            "--thermal OUT/table.yaml: OUT/table.yaml: OUT/gone.yaml: cannot read the table of materials",
        ),
        "number": (["--seeds", "0"], 2, "argument --seeds: 0 is not a positive number"),
        "no number": (["--seeds", "two"], 2, "argument --seeds: 'two' is not a whole number"),
        "too many": (["--seeds", "100000000000"], 2, "argument --seeds: 100000000000 is more than 10000"),
        "empty server": (["--carla", ""], 2, "argument --carla: is empty; give a value or leave the option out"),
        "empty camera": (["--thermal", ""], 2, "argument --thermal: is empty; give a value or leave the option out"),
        "digits": (["--carla", "localhost:²"], 2, "--carla localhost:²: give HOST:PORT"),
        "agent": (["--agent", "nosuch"], 2, "no agent named 'nosuch': give one of pilot, oracle, blind"),
        "agent file": (["--agent", "OUT/none.py"], 2, "agent file not found: OUT/none.py"),
        "syntax": (["--agent", "OUT/broken.py"], 2, "OUT/broken.py:2: syntax error: "),
        "agent's python": (
            ["--agent", "OUT/broken.py", "--agent-python", "OUT/none"],
            2,
            "--agent-python OUT/none: no ",
        ),
        "agent in its python": (
            ["--agent", "OUT/broken.py", "--agent-python", sys.executable],
            2,
            "OUT/broken.py:2: syntax error: ",
        ),
        "python of ours": (
            ["--agent-python", sys.executable],
            2,
            "--agent-python belongs to an agent's file: blind comes with nightloop",
        ),
        "plan": (["--plan-spacing", "0"], 2, "argument --plan-spacing: 0 is not a distance of up to 1,000 km, in "),
        "plan of another base class": (
            ["--agent", "OUT/installed.py", "--plan-spacing", "50"],
            2,
            "--plan-spacing: OUT/installed.py has the base class of an installed leaderboard, which thins the plan ",
        ),
        "resume": (["--resume"], 2, "--resume: no run of this configuration in runs/"),
        "somebody's agent": (["--agent", "~nobody-of-this-name/a.py"], 2, "agent ~nobody-of-this-name/a.py: Could not"),
        "file": (["--out", "OUT/broken.py"], 2, "--out OUT/broken.py is no folder; choose another --out"),
        "long name": (
            ["--out", "OUT/" + 300 * "x"],
            2,
            f"--out OUT/{300 * 'x'}: cannot be written: File name too long",
        ),
        "configuration": (
            ["--agent-config", '{"steps": ' + 5000 * "1" + "}", "--out", "OUT/broken.py"],
            2,
            "--out OUT/broken.py is no folder",
        ),
        "folder": (["--out", "OUT"], 2, "OUT is not empty and holds no run; choose another --out"),
        "not a folder": (["--out", "OUT/broken.py/x"], 2, "--out OUT/broken.py/x: cannot be written: Not a directory"),
    }


@pytest.mark.parametrize("name", cases())
def test_one_line_and_the_right_exit_code(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # of an agent that is loaded
    (tmp_path / "broken.py").write_text("class Agent:\n    def setup(self, config)\n        pass\n")
    (tmp_path / "installed.py").write_text(INSTALLED)
    scenario = tiny.scenario_file(tmp_path)
    (tmp_path / "far.yaml").write_text("place: {y_m: 30}\n")
    (tmp_path / "table.yaml").write_text("materials: gone.yaml\n")
    (tmp_path / "own.yaml").write_text(scenario.read_text() + "thermal: far.yaml\n")
    other_routes(tmp_path, "town12", ("Elm02", "Town12"))
    other_routes(tmp_path, "far_off", ('y="-150.6"', 'y="950.6"'))
    other_routes(tmp_path, "beyond", ("  </route>", f"<scenarios>{WALKER}</scenarios></route>"))
    nobody = WALKER.replace('value="400"/>', 'value="8"/><walker_model value="walker.pedestrian.9999"/>')
    other_routes(tmp_path, "nobody", ("  </route>", f"<scenarios>{nobody}</scenarios></route>"))
    before = sorted(tmp_path.iterdir())
    wrong, code, line = cases()[name]
    options = [option.replace("OUT", str(tmp_path)) for option in wrong]
    # The last of an option counts: what is wrong comes behind what would do.
    assert main(["--scenario", str(scenario), "--agent", "blind", *options]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"nightloop: {line}".replace("OUT", str(tmp_path))), said.err
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_is_one_line_that_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")  # as `write` raises it, without a name

    monkeypatch.setattr("harness.run.run", full)
    assert main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"nightloop: {tmp_path}: No space left on device; "
        f"what is finished is kept, go on with --resume --out {tmp_path}\n"
    )


def test_an_agent_file_that_goes_elsewhere_does_not_take_the_command_along(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    agent = tiny.agent_file(tmp_path, f"import os\nos.chdir('/')\n{tiny.SENSITIVE_AGENT}", "goes_elsewhere")
    scenario = tiny.scenario_file(tmp_path)
    assert main(["--scenario", str(scenario), "--agent", str(agent), "--thermal", "nosuch"]) == 2
    assert "unknown thermal preset" in capsys.readouterr().err
    assert Path.cwd() == tmp_path


def test_another_helper_of_an_agent_is_another_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # --resume must not mix drives of both
    from agents.loader import load_agent_class
    from harness.config import checksum
    from harness.preflight import agent_files

    monkeypatch.setattr(sys, "path", list(sys.path))
    helper = tmp_path / "helper_of_agent.py"
    helper.write_text("GAIN = 1.0\n")
    agent = str(tiny.agent_file(tmp_path, f"import helper_of_agent\n{tiny.SENSITIVE_AGENT}", "agent_with_helper"))
    load_agent_class(agent)
    before = checksum(*agent_files(agent, ""))
    assert checksum(*agent_files(agent, "")) == before
    helper.write_text("GAIN = 2.0\n")
    assert checksum(*agent_files(agent, "")) != before


def test_a_cameras_table_of_materials_belongs_to_the_run(tmp_path: Path) -> None:
    # --resume must not mix two thermal worlds, nor the machines of a cluster
    from harness.config import differences
    from harness.preflight import asked
    from harness.run_options import parser_of
    from scenarios.definition import load_scenario

    camera, table = tmp_path / "camera.yaml", tmp_path / "table.yaml"
    camera.write_text("materials: table.yaml\n")
    definition = load_scenario(tiny.scenario_file(tmp_path))
    options = parser_of("").parse_args(["--agent", "blind", "--thermal", str(camera)])
    runs = []
    for offset_k in (0, 30):
        values = "emissivity: 0.9, specular: 0, solar_gain_k: 0, time_constant_h: 1, sky_cooling: 0, variation_k: 0"
        table.write_text(f"roads: {{{values}, wettable: false, offset_k: {offset_k}}}\n")
        runs.append(asked(options, definition, definition.load_routes()))
    assert {camera, table} <= set(runs[0].files)
    assert differences(*(run.config.to_dict() for run in runs)) == ["thermal_checksum"]


def test_every_file_of_a_configuration_with_plus_signs_is_the_agents(tmp_path: Path) -> None:
    from harness.preflight import agent_files

    config, weights, folder = tmp_path / "cfg.py", tmp_path / "model.pth", tmp_path / "more"
    config.write_text("")
    weights.write_text("")
    folder.mkdir()
    own = agent_files("blind", "")
    assert agent_files("blind", f"{config}+{weights}+{folder}+name")[len(own) :] == [config, weights, folder]
    both = tmp_path / "cfg.py+model.pth"
    both.write_text("")
    assert agent_files("blind", str(both))[len(own) :] == [both]
    assert agent_files("blind", "+") == own


def test_a_mistake_is_told_before_pytorch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code = "import sys; from harness.run import main; sys.exit(main(sys.argv[1:]) + 10 * ('torch' in sys.modules))"
    command = [sys.executable, "-c", code, "--quick", "--out", str(tmp_path / "file" / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("cannot be written: Not a directory\n")


def test_a_drive_of_the_pilot_on_fused_frames_needs_no_pytorch() -> None:
    code = """
import sys
import numpy as np
import harness.episode, harness.steered.drives
from agents.loader import load_agent_class
from fusion import FusionProxy

load_agent_class("pilot")("localhost", 2000).setup("")
frame = np.arange(64 * 64 * 4, dtype=np.uint32).astype(np.uint8).reshape(64, 64, 4)
fused = FusionProxy.from_pretrained("sim")(frame, np.ascontiguousarray(frame[..., 1]))
sys.exit(np.array_equal(fused, frame) + 10 * ("torch" in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
