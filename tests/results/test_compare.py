"""Two runs side by side: what differs, drive by drive, and what is no comparison."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from results.compare import _apart_m, compare, main
from results.events import EventKind
from results.layout import RunFolder
from results.manifest import config_hash, read_manifest, write_manifest
from results.record import write_episode
from results.scores import Failure
from tests.results.synthetic import CONFIG, ROUTES, completion, event, manifest, record

HIT = (event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))
CLEAN = (completion(100.0),)


def run(path: Path, hits: Mapping[str, int], drives: int = 6, **changes: Any) -> RunFolder:
    """rgb and fused on six routes, or the arms of `hits`; each hits somebody on so many of the first of them."""
    folder, config = RunFolder(path), {**CONFIG, **changes}
    asked = manifest(seeds=(0,), arms=dict.fromkeys(hits, "night"))
    routes = tuple(replace(route, town=changes.get("town", "Elm02")) for route in asked.routes)
    write_manifest(folder, replace(asked, config=config, config_hash=config_hash(config), routes=routes))
    for arm in hits:
        for number, route in enumerate(ROUTES[:drives]):
            events = HIT if number < hits[arm] else CLEAN
            way = ((0.0, 0.0), (50.0, 0.0))
            one = record(route.id, arm, 0, events, config_hash=config_hash(config), route_xy=way)
            write_episode(folder.episode(route.id, arm, 0), one, [])
    return folder


def test_other_weights_are_compared_on_the_drives_of_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(tmp_path / "before", {"rgb": 6, "fused": 3})
    after = run(tmp_path / "after", {"rgb": 6, "fused": 0}, drives=4, weights="own.safetensors")
    out = tmp_path / "figures.json"
    assert main([str(before.path), str(after.path), "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["differing"] == {"weights": [CONFIG.get("weights"), "own.safetensors"]}
    fused = found["arms"]["fused"]
    assert fused["driving_score"] == [62.5, 100.0]  # what the second run has not driven yet is no zero
    assert (fused["difference"], fused["pairs"], fused["better"], fused["worse"]) == (37.5, 4, 3, 0)
    assert found["gains"].keys() == {"fused"}
    assert found["gains"]["fused"]["difference"] == 37.5
    said = capsys.readouterr().out
    assert "they differ in weights (" in said
    assert "own.safetensors)" in said
    assert "rgb scores the same in all 4 pairs: nothing but the other arms' frames differs" in said
    assert "fused - rgb" in said
    assert f"A = {before.path}\nB = {after.path}\n" in said
    assert "B - A" in said
    assert "Fewer than 6 routes" in said


def test_one_number_for_two_ways_is_no_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = (run(tmp_path / name, {"rgb": 0, "fused": 0}) for name in ("before", "after"))
    for number, file in enumerate(sorted(after.path.glob("episodes/*/record.json"))):
        kept = json.loads(file.read_text())
        kept["route_xy"] = [[0.0, 0.0], [50.0, 0.0 if number else 20.0]]
        file.write_text(json.dumps(kept))
    for file in before.path.glob("episodes/*/record.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"route_xy": [[0.0, 1.0], [51.0, 0.0]]}))
    assert main([str(before.path), str(after.path)]) == 2
    assert "is another way than that of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("other", "apart_m"),
    [
        ([(0.0, 8.0), (50.0, 0.0)], 8.0),
        ([(0.0, 0.0), (50.0, 12.0)], 12.0),
        ([(0.0, 0.0), (25.0, 30.0), (50.0, 0.0)], 2.0 * math.hypot(25.0, 30.0) - 50.0),
    ],
)
def test_ways_are_as_far_apart_as_their_ends_or_as_one_is_longer(
    other: list[tuple[float, float]], apart_m: float
) -> None:
    way = [(0.0, 0.0), (20.0, 0.0), (50.0, 0.0)]
    assert _apart_m(way, other) == _apart_m(other, way) == pytest.approx(apart_m)
    assert _apart_m(way, way) == 0.0


def test_figures_are_of_the_metric_that_is_asked_for(tmp_path: Path) -> None:
    before, after = (run(tmp_path / name, {"rgb": 0, "fused": 0}) for name in ("before", "after"))
    red = event(EventKind.RED_LIGHT)
    for route in ROUTES:
        drive = record(route.id, "fused", 0, (red, red, completion(100.0)), config_hash=config_hash(CONFIG))
        write_episode(before.episode(route.id, "fused", 0), drive, [])
    out = tmp_path / "figures.json"
    newer = "leaderboard-2.1"
    for options, version, gain in (([], "leaderboard-2.0", 51.0), (["--metric", newer], newer, 100 - 100 / 1.8)):
        assert main([str(before.path), str(after.path), "--json", str(out), *options]) == 0
        found = json.loads(out.read_text())
        assert found["metric_version"] == version
        assert found["arms"]["fused"]["difference"] == pytest.approx(gain, abs=1e-5)
        assert found["gains"]["fused"]["difference"] == pytest.approx(gain, abs=1e-5)


def test_what_changed_rgb_is_no_part_of_the_gains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(tmp_path / "before", {"rgb": 4, "fused": 2})
    after = run(tmp_path / "after", {"rgb": 0, "fused": 0}, agent="other.py")
    found = compare(before, after)
    assert found["arms"]["fused"]["difference"] == pytest.approx(100 / 6)
    assert found["gains"]["fused"]["difference"] == pytest.approx(100 / 6 - 200 / 6)
    assert main([str(before.path), str(after.path)]) == 0
    said = capsys.readouterr().out
    assert "rgb differs in 4 of 6 pairs" in said
    assert "fused - rgb" in said


def test_equal_scores_of_another_agent_are_no_proof_of_one_world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run(tmp_path / "before", {"rgb": 0, "fused": 0})
    after = run(tmp_path / "after", {"rgb": 0, "fused": 6}, agent="other.py", metric_version="leaderboard-1.0")
    assert main([str(before.path), str(after.path)]) == 0
    said = capsys.readouterr().out
    assert "rgb scores the same in all 6 pairs.\n" in said
    assert "nothing but" not in said
    assert "metric_version (None, leaderboard-1.0)" in said  # it decides the plan that an agent gets


def test_the_order_of_infractions_is_no_difference(tmp_path: Path) -> None:
    kinds = (EventKind.COLLISION_VEHICLE, EventKind.COLLISION_LAYOUT, EventKind.RED_LIGHT)
    before, after = (run(tmp_path / name, {"rgb": 0, "fused": 0}) for name in ("before", "after"))
    for folder, (one, two, three) in ((before, kinds), (after, (kinds[0], kinds[2], kinds[1]))):
        for route in ROUTES:
            events = (event(one), event(two), event(three), completion(100.0))
            drive = record(route.id, "rgb", 0, events, config_hash=config_hash(CONFIG))
            write_episode(folder.episode(route.id, "rgb", 0), drive, [])
    rgb = compare(before, after)["arms"]["rgb"]
    assert (rgb["better"], rgb["worse"], rgb["equal"], rgb["p_sign"]) == (0, 0, 6, 1.0)


def test_a_crashed_drive_is_a_zero_as_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(tmp_path / "before", {"rgb": 0, "fused": 0})
    after = run(tmp_path / "after", {"rgb": 0, "fused": 0})
    driven = (completion(60.0),)
    crashed = record(ROUTES[0].id, "fused", 0, driven, Failure.AGENT_CRASHED, config_hash=config_hash(CONFIG))
    write_episode(after.episode(ROUTES[0].id, "fused", 0), crashed, [])
    found = compare(before, after)
    assert found["arms"]["fused"]["difference"] == pytest.approx(-100 / 6)
    assert found["crashed"] == {"fused": [0, 1]}
    assert (found["without_crashed"]["fused"]["difference"], found["without_crashed"]["fused"]["pairs"]) == (0.0, 5)
    back = compare(after, before)
    assert (back["crashed"], back["without_crashed"]["fused"]["difference"]) == ({"fused": [1, 0]}, 0.0)
    assert main([str(before.path), str(after.path)]) == 0
    said = capsys.readouterr().out
    assert "Crashed drives of fused count as zero, 1 in B. Without them B - A is +0.0, 95 % interval [+0.0, " in said
    assert "Fewer than" not in said


def test_a_crashed_drive_that_makes_no_pair_is_no_crash_of_a_pair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = run(tmp_path / "before", {"rgb": 0}, drives=1), run(tmp_path / "after", {"rgb": 0}, drives=2)
    crashed = {
        route.id: record(route.id, "rgb", 0, (), Failure.AGENT_CRASHED, config_hash=config_hash(CONFIG))
        for route in ROUTES[:2]
    }
    write_episode(after.episode(ROUTES[1].id, "rgb", 0), crashed[ROUTES[1].id], [])
    assert compare(before, after)["crashed"] == {}
    for folder in (before, after):
        write_episode(folder.episode(ROUTES[0].id, "rgb", 0), crashed[ROUTES[0].id], [])
    found = compare(before, after)
    assert (found["crashed"], found["without_crashed"]) == ({"rgb": [1, 1]}, {"rgb": None})
    assert main([str(before.path), str(after.path)]) == 0
    said = capsys.readouterr().out
    assert "Crashed drives of rgb count as zero, 1 in A and 1 in B. Without them no pair is left." in said
    assert "one pair has none" in said


def test_what_the_runs_were_made_with_is_told_and_a_checksum_cut_short(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run(tmp_path / "before", {"rgb": 0}, drives=2, weights_checksum="ab" * 32)
    after = run(
        tmp_path / "after", {"rgb": 0}, drives=2, weights_checksum="cd" * 32, seeds=[0], fog_table=f"/{'f' * 63}"
    )
    other = read_manifest(after)
    write_manifest(after, replace(other, versions={**other.versions, "numpy": "2.4"}))
    assert compare(before, after)["differing"] == {
        "fog_table": [None, f"/{'f' * 63}"],
        "versions.numpy": [None, "2.4"],
        "weights_checksum": ["ab" * 32, "cd" * 32],
    }
    assert main([str(before.path), str(after.path)]) == 0
    said = capsys.readouterr().out
    differing = [
        f"fog_table (None, /{'f' * 63})",
        "versions.numpy (None, 2.4)",
        "weights_checksum (abababababab..., cdcd",
    ]
    assert f"they differ in {'; '.join(differing)}cdcdcdcd...)" in said
    assert main([str(before.path), str(before.path)]) == 0
    assert "they were asked for the same" in capsys.readouterr().out


def test_figures_that_cannot_be_written_are_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(tmp_path / "run", {"rgb": 0}, drives=1)
    (tmp_path / "file").write_text("")
    assert main([str(folder.path), str(folder.path), "--json", str(tmp_path / "file" / "figures.json")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("nightloop: ")
    assert said.endswith(": File exists\n")
    assert said.count("\n") == 1


def test_missing_drives_and_arms_that_are_left_out_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(tmp_path / "before", {"rgb": 6, "fused": 3, "clear": 0, "average": 0})
    after = run(tmp_path / "after", {"rgb": 6, "fused": 0, "average": 0, "thermal": 0}, drives=4)
    for episode in after.path.glob("episodes/*-average-*"):
        shutil.rmtree(episode)
    out = tmp_path / "figures.json"
    assert main([str(before.path), str(after.path), "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["episodes"] == [{"expected": 18, "driven": 18}, {"expected": 18, "driven": 8}]
    no_drive = "there is no drive of it that both have"
    assert found["left_out"] == {"clear": "B has no such arm", "thermal": "A has no such arm", "average": no_drive}
    lines = capsys.readouterr().out.splitlines()
    assert "B has 8 of 18 drives; compared are those that both have" in lines
    assert [line for line in lines if "left out" in line] == [
        "clear is left out: B has no such arm",
        "thermal is left out: A has no such arm",
        f"average is left out: {no_drive}",
    ]
    assert not any(line.startswith("A has") for line in lines)
    assert compare(before, after, arms=["rgb"])["left_out"] == {}  # whoever names arms leaves the others out


def test_what_is_no_comparison_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = run(tmp_path / "before", {"rgb": 0, "fused": 0}, town="Elm02")
    elsewhere = run(tmp_path / "elsewhere", {"rgb": 0, "fused": 0}, town="Elm01")
    empty = run(tmp_path / "empty", {"rgb": 0, "fused": 0}, drives=0, town="Elm02")
    cases = {
        (str(elsewhere.path),): "lies in Elm02, that of ",
        (str(empty.path),): "share no drive: same arm, route and seed",
        (str(before.path), "--arm", "clear"): "has no arm clear: it has rgb, fused",
        (str(tmp_path / "none"),): "no run.json there",
    }
    for (other, *options), line in cases.items():
        assert main([str(before.path), other, *options]) == 2
        said = capsys.readouterr().err
        assert said.startswith("nightloop: ")
        assert line in said
        assert said.count("\n") == 1
