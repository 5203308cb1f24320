"""Whole runs on the embedded simulator: equal each time, gone on with after whatever ended them, and tidy."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fusion.weights import checksum, locate
from harness.arms import WITHOUT_THERMAL
from harness.claim import claim, new_folder, versions_of
from harness.config import RunConfig, episodes_of
from harness.console import line_of, print_summary
from harness.errors import HarnessError
from harness.executor import Job, Outcome
from harness.run import main
from results import summary
from results.arms import CONTROLLED
from results.events import EventKind
from results.layout import RunFolder
from results.manifest import read_manifest, write_manifest
from results.record import write_episode
from results.scores import Failure
from scenarios.definition import load_scenario
from tests.harness import tiny
from tests.results.synthetic import ROUTES, completion, event, manifest, record, tick_cap

Start = Callable[..., tiny.Run]

# A first run on a machine compiles.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Options of a run of two episodes in traffic."""
    folder = tmp_path_factory.mktemp("paired")
    scenario = tiny.scenario_file(folder, vehicles=2, walkers=2)
    agent = tiny.agent_file(folder, tiny.SENSITIVE_AGENT)
    return ["--scenario", scenario, "--agent", agent, "--arms", "rgb,fused", "--seeds", 1]


@pytest.fixture(scope="module")
def undisturbed(paired: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run = tiny.run_here(*paired, "--out", out)
    assert run.code == 0, run.said
    assert "one pair has no interval" in run.printed
    assert run.leaves_nothing()
    return out


def test_a_run_leaves_its_results(undisturbed: Path) -> None:
    kept = json.loads((undisturbed / "summary.json").read_text())
    assert kept["complete"]
    assert kept["arms"]["rgb"]["route_completion"] == 100.0
    assert kept["arms"]["fused"]["route_completion"] == 100.0
    assert (undisturbed / "report.html").is_file()
    drives = tiny.drives_of(undisturbed)
    throttles = [drives[f"1-{arm}-seed0/throttle"] for arm in ("rgb", "fused")]
    assert throttles[0] != throttles[1]  # the agent was shown something else


def test_an_agent_in_a_python_of_its_own_drives_the_same_to_the_bit(
    undisturbed: Path, paired: list[object], tmp_path: Path
) -> None:
    run = tiny.run_here(*paired, "--arms", "fused", "--out", tmp_path / "out", "--agent-python", sys.executable)
    assert run.code == 0, run.said
    assert run.leaves_nothing()
    assert tiny.drives_of(tmp_path / "out") == tiny.drives_of(undisturbed, "fused")
    own, ours = (json.loads(tiny.summary_of(out)) for out in (tmp_path / "out", undisturbed))
    assert own["arms"]["fused"] == ours["arms"]["fused"]
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert manifest["config"].pop("agent_python") == manifest["versions"]["agent_python"]
    assert manifest["versions"]["agent_python"].startswith(f"Python {platform.python_version()}, carla 0.9.16, numpy ")
    assert manifest["config"] == {**json.loads((undisturbed / "run.json").read_text())["config"], "arms": ["fused"]}
    assert "saw" in (tmp_path / "out/logs/1-fused-seed0.log").read_text()


def test_agents_that_end_or_hang_in_a_python_of_their_own_are_seen(tmp_path: Path) -> None:
    agent = tiny.agent_file(tmp_path, tiny.DEADLY_AGENT, "deadly")
    options = ["--agent-python", sys.executable, "--tick-limit", 8, "--out", tmp_path / "out"]
    asked = ["--scenario", tiny.scenario_file(tmp_path), "--agent", agent, "--arms", "rgb", "--seeds", 2]
    run = tiny.run_here(*asked, *options)
    assert run.code == 1, run.said
    assert run.leaves_nothing()
    at_line = dict(enumerate(tiny.DEADLY_AGENT.splitlines(), 1))
    setup, step = (next(n for n, text in at_line.items() if said in text) for said in ("no model", "string_at"))
    expected = {
        f"Agent couldn't be set up: FileNotFoundError: no model here (deadly.py:{setup})",
        f"Agent crashed: the agent's Python was ended by SIGSEGV in run_step (deadly.py:{step})",
    }
    failed = [line for line in run.said.splitlines() if "Failed - " in line]
    assert len(failed) == 2
    assert all(sum(text in line for line in failed) == 1 for text in expected), failed
    hung = [line for line in run.said.splitlines() if line.endswith("no tick for 8 s; running it again (attempt 2)")]
    assert len(hung) == 1, run.said


def test_a_run_that_another_process_is_at_work_on_is_left_alone_and_resuming_a_finished_one_drives_nothing(
    undisturbed: Path, paired: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    before = tiny.summary_of(undisturbed)
    command = [*map(str, paired), "--out", str(undisturbed), "--resume"]
    other = os.open(undisturbed, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert main(command) == 2
    assert "another process is at work on this run" in capsys.readouterr().err
    os.close(other)
    assert main(command) == 0
    assert "(0 episodes in " in capsys.readouterr().out
    assert tiny.summary_of(undisturbed) == before


def test_a_killed_run_is_gone_on_with_where_it_was_and_a_drive_whose_server_dies_is_driven_again(
    undisturbed: Path, paired: list[object], start: Start, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    shutil.rmtree(out / "episodes/1-fused-seed0")
    record, log = out / "episodes/1-rgb-seed0/record.json", out / "logs/1-fused-seed0.log"
    log.unlink()
    finished_at = record.stat().st_mtime_ns
    one_at_a_time = [*paired, "--out", out, "--resume", "--workers", 1]  # so with another number of threads, too
    killed = start(*one_at_a_time)
    killed.until(lambda: log.exists() and log.read_text().count("saw") > 5)
    killed.process.kill()
    assert killed.end() == -signal.SIGKILL
    assert killed.leaves_nothing()
    assert not (out / "episodes/1-fused-seed0/record.json").exists()

    seen_before = log.read_text().count("saw")
    again = start(*one_at_a_time)
    again.until(lambda: log.read_text().count("saw") > seen_before + 5)
    server = again.server()
    assert server is not None
    server.kill()
    assert again.end() == 0, again.said
    lines = [line for line in again.said.splitlines() if "running it again" in line]
    # how it ended is told by the worker itself, unless it waits for the server's answer at that moment
    assert [line.replace(": ended by SIGKILL", "") for line in lines] == [
        "1-fused-seed0: the embedded simulator ended in the middle; running it again (attempt 2)"
    ]
    assert json.loads((out / "episodes/1-fused-seed0/record.json").read_text())["attempt"] == 2
    assert record.stat().st_mtime_ns == finished_at
    assert tiny.summary_of(out) == tiny.summary_of(undisturbed)
    assert tiny.drives_of(out) == tiny.drives_of(undisturbed)
    assert again.leaves_nothing()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on(
    number: signal.Signals, paired: list[object], start: Start, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = start(*paired, "--out", out)
    run.until(run.server)
    run.process.send_signal(number)
    assert run.end() == 130
    assert run.said.splitlines()[-1] == (
        f"nightloop: interrupted; what is finished is kept, go on with --resume --out {out}"
    )
    assert "Traceback" not in run.said
    assert run.leaves_nothing()
    assert (out / "run.json").is_file()


def test_a_run_of_another_nightloop_or_library_is_not_gone_on_with(
    undisturbed: Path, paired: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((undisturbed / "run.json").read_text())
    manifest["config"]["code_checksum"], manifest["versions"]["numpy"] = "0" * 64, "1.0"
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    assert main([*map(str, paired), "--out", str(tmp_path), "--resume"]) == 2
    assert "holds another run (differs in code_checksum, version of numpy); choose another" in capsys.readouterr().err


def test_a_finished_run_is_not_touched(
    undisturbed: Path, paired: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in undisturbed.rglob("*") if path.is_file()}
    command = [*map(str, paired), "--out", str(undisturbed)]
    assert main(command) == 2
    assert capsys.readouterr().err.strip() == (
        f"nightloop: {undisturbed} holds this run already; go on with --resume or choose another --out"
    )
    assert main([*command, "--resume", "--thermal", "boson"]) == 2
    assert capsys.readouterr().err.strip() == (
        f"nightloop: {undisturbed} holds another run (differs in thermal_preset); choose another --out"
    )
    assert {path: path.read_bytes() for path in undisturbed.rglob("*") if path.is_file()} == before


def test_a_drive_that_lost_its_events_is_told_before_the_rest_is_driven(
    undisturbed: Path, paired: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    (out / "episodes" / "1-rgb-seed0" / "events.jsonl").write_text("")
    (out / "episodes" / "1-fused-seed0" / "record.json").unlink()
    assert main([*map(str, paired), "--out", str(out), "--resume"]) == 2
    said = capsys.readouterr().err
    assert f"take {out}/episodes/1-rgb-seed0 away, then --resume drives it again" in said
    assert not (out / "episodes" / "1-fused-seed0" / "record.json").exists()


def test_resume_finds_the_run_of_which_more_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = argparse.Namespace(resume=True)
    names = [field.name for field in fields(RunConfig) if field.default is MISSING]
    whole = RunConfig(**{**dict.fromkeys(names, "x"), "route_ids": ("1",), "arms": ("rgb", "fused"), "seeds": (0, 1)})

    def keep(name: str, config: RunConfig, **changes: Any) -> Path:
        folder = RunFolder(Path("runs") / name)
        one = replace(manifest(), config=config.to_dict(), config_hash=config.hash, versions=versions_of(config))
        write_manifest(folder, replace(one, **changes))
        return folder.path

    keep("x-pilot-4", replace(whole, agent="another"))
    keep("x-pilot-3", replace(whole, seeds=(0,)), versions={"nightloop": "another"})
    with pytest.raises(HarnessError, match="no run of this configuration in runs/, nor of a part"):
        new_folder(options, whole)
    part = keep("x-pilot-2", replace(whole, seeds=(0,)))
    keep("x-pilot-1", replace(whole, arms=("rgb",)))
    assert new_folder(options, whole) == part
    assert new_folder(options, replace(whole, seeds=(0, 1, 2))) == part
    itself = keep("x-pilot-0", whole)
    assert new_folder(options, whole) == itself  # older, but the very run


def test_a_run_that_grows_twice_knows_the_drives_of_both_times_before(tmp_path: Path) -> None:
    definition, folder = load_scenario("night_fog"), RunFolder(tmp_path)
    names = [field.name for field in fields(RunConfig) if field.default is MISSING]
    of_one = {"route_ids": ("1",), "arms": ("rgb",), "seeds": (0,), "metric_version": "leaderboard-2.0"}
    run = RunConfig(**{**dict.fromkeys(names, "x"), **of_one})
    more = replace(run, seeds=(0, 1))
    most = replace(more, arms=("rgb", "fused_10um", "average"))
    for config in (run, more, most):
        claim(folder, config, definition, definition.load_routes()[:1], resume=True)
    held = read_manifest(folder)
    assert (held.config_hash, held.extended) == (most.hash, (run.hash, more.hash))
    assert (held.seeds, list(held.arms)) == ((0, 1), ["rgb", "fused_10um", "average"])
    assert held.droplets == {"fused_10um": {"radius_um": 10.0, "lwir_over_visible": 1.03}}  # averages are in no table
    assert [spec.name for spec in episodes_of(more)] == ["1-rgb-seed0", "1-rgb-seed1"]
    assert [spec.arm for spec in episodes_of(most)] == ["rgb", "fused_10um", "average"] * 2  # pairs are complete early


def test_a_line_of_a_drive_beyond_bench2drives_cap_tells_what_its_rule_counts(tmp_path: Path) -> None:
    hit = event(EventKind.COLLISION_PEDESTRIAN, 210.0)
    events = (tick_cap(60.0), hit, completion(100.0))
    folder = RunFolder(tmp_path)
    write_episode(folder.episode("1", "rgb", 0), record("1", "rgb", 0, events, tick_count=4400), [])
    request = {"route_id": "1", "arm": "rgb", "seed": 0, "config": {"metric_version": "bench2drive"}}
    line = line_of(Outcome(Job("1-rgb-seed0", request, tmp_path), {}, "", 1), folder)
    assert "Failed - TickRuntime, driving score 60.0, route 60 %, 0 infractions, 4400 ticks" in line


def test_the_last_lines_say_where_routes_are_too_few_and_leave_crashes_out(capsys: pytest.CaptureFixture[str]) -> None:
    hit = (event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))
    arms = ("rgb", "fused", "clear")
    drives = [record(route.id, arm, 0, hit if arm == "rgb" else hit[1:]) for route in ROUTES[:2] for arm in arms]
    two = manifest(routes=ROUTES[:2], seeds=(0,))
    print_summary(summary.summarise(two, drives), Console())
    few = "(2 routes: too few to conclude from)"
    said = capsys.readouterr().out
    assert f"fused - rgb: +50.0 driving score, 95 % interval [+50.0, +50.0] {few}" in said
    assert f"recovered of what the weather took: 100 %, 95 % interval [100 %, 100 %] {few}" in said
    level = [record(one.route_id, one.arm, 0, hit) for one in drives]
    print_summary(summary.summarise(two, level), Console())
    assert "recovered of what the weather took: no ratio, the baseline lies 0.0 points below" in capsys.readouterr().out
    crashed = record(ROUTES[0].id, "fused", 0, (), Failure.AGENT_CRASHED)
    print_summary(summary.summarise(two, [*drives[:1], crashed, *drives[2:]]), Console())
    said = capsys.readouterr().out
    assert "drives crashed and count as zero above (fused); pairs with them are left out below" in said
    assert "fused - rgb: +50.0 driving score, one pair has no interval (1 route: too few to conclude from)" in said
    assert "recovered" not in said


def test_a_run_grows_by_other_droplets_of_the_same_world(
    undisturbed: Path, paired: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("episodes/*/record.json")}
    assert len(before) == 2
    assert main([*map(str, paired), "--arms", "rgb,fused,fused_10um", "--out", str(out)]) == 2
    assert "holds a part of this run (without some arms); go on with --resume" in capsys.readouterr().err
    arms = ("rgb", "fused", "fused_10um", "restored")
    grown = main([*map(str, paired), "--arms", ",".join(arms), "--out", str(out), "--resume"])
    assert grown == 0, capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    drives = tiny.drives_of(out)
    throttles = {tuple(drives[f"1-{arm}-seed0/throttle"]) for arm in arms}
    assert len(throttles) == len(arms)  # each shows the agent something else
    first = [[drives[f"1-{arm}-seed0/{name}"][0] for name in ("location", "rotation")] for arm in arms]
    assert all(one == first[0] for one in first)
    figures = json.loads((out / "summary.json").read_text())
    assert [(e["arm"], e["radius_um"], e["lwir_over_visible"]) for e in figures["droplets"]] == [
        ("fused", 5.0, 0.65),
        ("fused_10um", 10.0, 1.03),
    ]
    assert figures["provenance"]["weights"]["restored_sha256"] == checksum(locate(WITHOUT_THERMAL))
    assert figures["provenance"]["weights"]["restored_controls_sha256"] == checksum(locate(CONTROLLED))
    assert figures["provenance"]["weather"]["fused_10um"] == "tiny, droplets of 10 um"
    assert "How much depends on the droplets" in (out / "report.html").read_text()


def test_the_routes_of_another_file_are_driven_each_in_its_town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "two_towns.xml").write_text(tiny.TWO_TOWNS)
    out, scenario = tmp_path / "out", tiny.scenario_file(tmp_path, vehicles=2, walkers=2)
    options = ["--scenario", scenario, "--agent", tiny.agent_file(tmp_path, tiny.AGENT_WITHOUT_CAMERA), "--arms", "rgb"]
    options += ["--routes", tmp_path / "two_towns.xml", "--routes-subset", "a-b", "--seeds", 1, "--out", out]
    assert main([*map(str, options)]) == 0, capsys.readouterr().err
    records = [json.loads(file.read_text()) for file in sorted(out.glob("episodes/*/record.json"))]
    assert [(record["route_id"], record["town"]) for record in records] == [("a", "Elm01"), ("b", "Elm02")]
    assert json.loads((out / "summary.json").read_text())["arms"]["rgb"]["route_completion"] == 100.0
    config = json.loads((out / "run.json").read_text())["config"]
    assert (config["routes_file"], config["town"]) == ("two_towns.xml", "Elm01,Elm02,Town12")
