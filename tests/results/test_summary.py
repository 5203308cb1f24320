import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from results import summary
from results.events import EventKind
from results.layout import RunFolder
from results.manifest import read_manifest, write_manifest
from results.record import EpisodeRecord, RecordError, write_episode
from results.scores import METRIC_VERSIONS, Failure
from tests.results.synthetic import LARGE, ROUTES, SMALL, completion, event, manifest, record, tick_cap, write_run

PAIR = ROUTES[:2]
FIRST, SECOND = (route.id for route in PAIR)


def kept(path: Path, *records: EpisodeRecord) -> RunFolder:
    """A run of two routes and one seed with these episodes on disk."""
    folder = RunFolder(path)
    write_manifest(folder, manifest(routes=PAIR, seeds=(0,)))
    for one in records:
        write_episode(folder.episode(one.route_id, one.arm, one.seed), one, [])
    return folder


def test_the_promised_keys_are_there(tmp_path: Path) -> None:
    folder = write_run(tmp_path, seeds=(0,))
    summary.write(folder)
    figures = json.loads(folder.summary.read_text())
    for arm in ("rgb", "fused", "clear"):
        assert {"driving_score", "route_completion", "infraction_penalty"} <= figures["arms"][arm].keys()
        assert figures["arms"][arm]["metrics"].keys() == set(METRIC_VERSIONS)
    assert figures["metric_version"] == "leaderboard-2.0"
    assert len(figures["paired"]["ci95"]) == 2
    assert figures["paired"]["ci95"][0] <= figures["paired"]["difference"] <= figures["paired"]["ci95"][1]
    assert 0.0 < figures["recovery_ratio"] <= 1.0
    provenance = figures["provenance"]
    assert provenance["versions"]["carla"] == "0.9.16"
    assert provenance["seeds"] == [0]
    assert provenance["config_hash"] == manifest(seeds=(0,)).config_hash
    assert provenance["weights"]["sha256"] == "ab" * 32
    assert provenance["server"]["kind"] == "embedded"


def test_figures_of_an_arm_by_hand(tmp_path: Path) -> None:
    folder = kept(
        tmp_path,
        record(FIRST, "rgb", events=(event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))),
        record(SECOND, "rgb", events=(event(EventKind.RED_LIGHT), event(EventKind.RED_LIGHT), completion(40.0))),
        record(FIRST, "fused"),
        record(SECOND, "fused", events=(completion(40.0),)),
    )
    figures = summary.write(folder)
    rgb = figures["arms"]["rgb"]
    assert rgb["driving_score"] == pytest.approx((50 + 40 * 0.49) / 2)
    assert rgb["route_completion"] == 70.0
    assert rgb["infraction_penalty"] == pytest.approx((0.5 + 0.49) / 2)
    assert rgb["metrics"]["leaderboard-2.1"]["driving_score"] == pytest.approx((50 + 40 / 1.8) / 2, abs=1e-5)
    assert rgb["infractions"]["red_light"] == 2
    assert rgb["success_rate"] == 0.0
    assert figures["arms"]["fused"]["success_rate"] == 0.5
    assert figures["paired"]["difference"] == pytest.approx((50 + 40 * 0.51) / 2)
    assert figures["paired"]["metrics"]["leaderboard-2.1"]["difference"] == pytest.approx(
        (50 + 40 - 40 / 1.8) / 2, abs=1e-5
    )


def test_a_long_drive_succeeds_where_the_rule_lets_it_go_on(tmp_path: Path) -> None:
    long = record(FIRST, "rgb", events=(tick_cap(60.0), completion(100.0)))
    folder = kept(tmp_path, long, record(SECOND, "rgb"))
    rgb = summary.write(folder)["arms"]["rgb"]
    assert (rgb["success_rate"], rgb["statuses"]) == (1.0, {"Perfect": 2})
    assert {name: one["driving_score"] for name, one in rgb["metrics"].items()} == {
        "leaderboard-1.0": 100.0,
        "leaderboard-2.0": 100.0,
        "leaderboard-2.1": 100.0,
        "bench2drive": 80.0,
    }
    write_manifest(folder, replace(read_manifest(folder), metric_version="bench2drive"))
    rgb = summary.write(folder)["arms"]["rgb"]
    assert (rgb["success_rate"], rgb["statuses"]) == (0.5, {"Failed - TickRuntime": 1, "Perfect": 1})
    assert rgb["metrics"]["leaderboard-2.0"]["driving_score"] == 100.0


def test_a_drive_beyond_bench2drives_cap_is_told_as_its_rule_judges_it(tmp_path: Path) -> None:
    late = event(EventKind.COLLISION_PEDESTRIAN, 210.0)
    long = record(
        FIRST, "rgb", events=(tick_cap(60.0), late, completion(100.0)), tick_count=4400, duration_game_s=220.0
    )
    folder = kept(tmp_path, long, record(SECOND, "rgb", tick_count=600, duration_game_s=30.0))
    write_manifest(folder, replace(read_manifest(folder), metric_version="bench2drive"))
    rgb = summary.write(folder)["arms"]["rgb"]
    assert (rgb["ticks"], rgb["duration_game_s"]) == (4600, pytest.approx(199.95 + 30.0))
    assert rgb["infractions"]["collisions_pedestrian"] == rgb["infractions_per_km"]["collisions_pedestrian"] == 0
    assert rgb["driven_km"] == pytest.approx(0.25 * 0.6 + 0.25)
    with folder.routes_csv.open(newline="") as file:
        row = next(csv.DictReader(file))
    told = [row[name] for name in ("status", "route_completion", "collisions_pedestrian", "ticks", "duration_game_s")]
    assert told == ["Failed - TickRuntime", "60.0", "0", "4000", "199.95"]
    assert (row["driving_score.bench2drive"], row["driving_score.leaderboard-2.0"]) == ("60.0", "50.0")


def test_what_a_crashed_drive_did_is_in_no_rate(tmp_path: Path) -> None:
    hit = event(EventKind.COLLISION_PEDESTRIAN)
    crashed = record(FIRST, "rgb", events=(hit, completion(40.0)), failure=Failure.AGENT_CRASHED)
    rgb = summary.write(kept(tmp_path, crashed, record(SECOND, "rgb", events=(hit, completion(100.0)))))["arms"]["rgb"]
    assert (rgb["infractions"]["collisions_pedestrian"], rgb["driven_km"]) == (1, 0.25)
    assert rgb["infractions_per_km"]["collisions_pedestrian"] == 4.0
    assert (rgb["ticks"], rgb["duration_game_s"]) == (1200, 60.0)  # both were driven, whatever came of it


def test_the_same_drives_give_the_same_bytes_but_for_the_times(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", seeds=(0,))
    second = write_run(tmp_path / "b", seeds=(0,), duration_system_s=99.0)
    for folder in (first, second):
        summary.write(folder)
    one, other = (json.loads(folder.summary.read_text()) for folder in (first, second))
    assert one.pop("times") != other.pop("times")
    assert json.dumps(one) == json.dumps(other)
    assert first.routes_csv.read_bytes() == second.routes_csv.read_bytes()
    before = first.summary.read_bytes()
    summary.write(first)
    assert first.summary.read_bytes() == before


def test_no_wall_clock_figure_stands_outside_times(tmp_path: Path) -> None:
    folder = write_run(tmp_path, seeds=(0,), duration_system_s=98.7654)
    figures = summary.write(folder)
    assert figures["times"]["rgb"]["duration_system_s"] == pytest.approx(6 * 98.7654, abs=1e-3)
    del figures["times"]
    assert "98.7" not in json.dumps(figures)


def test_crashed_and_missing_drives_are_counted_both_ways(tmp_path: Path) -> None:
    folder = kept(
        tmp_path,
        record(FIRST, "rgb"),
        record(SECOND, "rgb"),
        record(FIRST, "fused"),
        record(SECOND, "fused", events=(completion(80.0),), failure=Failure.AGENT_CRASHED, error="ValueError: x"),
    )
    figures = summary.write(folder)
    fused = figures["arms"]["fused"]
    assert fused["driving_score"] == 50.0
    assert fused["without_crashed"] == {
        "driving_score": 100.0,
        "route_completion": 100.0,
        "infraction_penalty": 1.0,
        "episodes": 1,
    }
    assert [one["driving_score"] for one in fused["metrics"].values()] == [50.0] * len(METRIC_VERSIONS)
    assert fused["episodes"] == {"expected": 2, "driven": 2, "crashed": 1}
    assert figures["paired"]["difference"] == -50.0
    assert figures["paired"]["without_crashed"]["difference"] == 0.0
    assert figures["paired"]["without_crashed"]["pairs"] == 1
    assert figures["arms"]["clear"]["driving_score"] == 0.0
    assert figures["arms"]["clear"]["without_crashed"]["driving_score"] is None
    assert not figures["complete"]


def shape(value: Any) -> Any:
    """The keys alone."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def differences(value: Any) -> list[Any]:
    """Whatever is said anywhere of how arms differ."""
    if isinstance(value, list):
        return [found for item in value for found in differences(item)]
    if not isinstance(value, dict):
        return []
    names = ("difference", "ci95", "ratio", "won", "lost", "p_sign", "p_wilcoxon", "better", "worse", "equal")
    return [value[name] for name in names if name in value] + differences(list(value.values()))


@pytest.mark.parametrize("missing", ["rgb", "fused"])
def test_drives_that_are_missing_make_no_difference_and_every_key_stays(missing: str) -> None:
    arms = dict.fromkeys(("rgb", "fused", "clear", "fused_10um", "average"), "fog")
    asked = manifest(routes=PAIR, seeds=(0,), arms=arms, droplets={"fused": SMALL, "fused_10um": LARGE})
    hit = (event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))
    drives = [
        record(route.id, arm, events=hit if arm == "rgb" else (completion(100.0),)) for route in PAIR for arm in arms
    ]
    compared = ("paired", "recovery", "droplets", "other_fusions")
    whole, part = (
        summary.summarise(asked, records) for records in (drives, [one for one in drives if one.arm != missing])
    )
    for name in compared:
        assert shape(part[name]) == shape(whole[name])
        assert None not in differences(whole[name])
    for name in compared[:2]:
        assert set(differences(part[name])) == {None}
    assert part["recovery_ratio"] is None
    assert part["recovery"]["reason"] == "drives are missing"
    assert (part["paired"]["pairs"], part["paired"]["without_crashed"]["pairs"]) == (0, 0)
    assert (part["paired"]["routes"], part["recovery"]["pairs"]) == (0, 0)
    assert part["arms"][missing]["episodes"] == {"expected": 2, "driven": 0, "crashed": 0}
    assert part["arms"][missing]["driving_score"] == 0.0
    # What does not hang on the missing drives is told as before.
    (other,) = part["other_fusions"]
    assert [other[name]["difference"] for name in ("over_rgb", "fused_over")] == (
        [None, 0.0] if missing == "rgb" else [50.0, None]
    )
    small, large = (entry["paired"]["difference"] for entry in part["droplets"])
    assert (small, large) == ((None, None) if missing == "rgb" else (None, 50.0))


def test_one_missing_drive_is_enough_and_a_crashed_one_is_none(tmp_path: Path) -> None:
    there = [record(FIRST, "rgb"), record(SECOND, "rgb"), record(FIRST, "fused")]
    figures = summary.write(kept(tmp_path, *there))
    assert figures["paired"]["difference"] is None
    assert figures["arms"]["fused"]["success_rate"] == 0.5
    crashed = record(SECOND, "fused", events=(), failure=Failure.AGENT_CRASHED)
    assert summary.write(kept(tmp_path, *there, crashed))["paired"]["difference"] == -50.0


def test_an_arm_all_of_whose_drives_crashed_has_zeros_and_no_difference_without_them() -> None:
    drives = [record(route, "rgb") for route in (FIRST, SECOND)]
    drives += [record(route, "fused", events=(), failure=Failure.AGENT_CRASHED) for route in (FIRST, SECOND)]
    paired = summary.summarise(manifest(routes=PAIR, seeds=(0,)), drives)["paired"]
    without = paired["without_crashed"]
    assert (paired["difference"], paired["pairs"]) == (-100.0, 2)
    assert (without["difference"], without["pairs"], without["includes_zero"]) == (None, 0, None)


def test_a_run_without_a_clear_arm_has_no_recovery_ratio(tmp_path: Path) -> None:
    folder = kept(tmp_path, *(record(route, arm) for route in (FIRST, SECOND) for arm in ("rgb", "fused")))
    write_manifest(folder, manifest(routes=PAIR, seeds=(0,), arms={"rgb": "night", "fused": "night"}))
    figures = summary.write(folder)
    assert figures["recovery_ratio"] is None
    assert figures["recovery"] is None
    assert figures["paired"]["difference"] == 0.0


def test_a_run_of_one_arm_has_no_pairs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, manifest(routes=PAIR, seeds=(0,), arms={"rgb": "night"}))
    assert summary.write(folder)["paired"] is None


def test_drives_of_another_configuration_are_not_mixed_in(tmp_path: Path) -> None:
    folder = kept(tmp_path, record(FIRST, "rgb", config_hash="another"))
    with pytest.raises(RecordError, match="another configuration"):
        summary.write(folder)


def test_a_drive_that_the_run_does_not_know_is_told(tmp_path: Path) -> None:
    folder = kept(tmp_path, record("elsewhere", "rgb"))
    with pytest.raises(RecordError, match="elsewhere"):
        summary.write(folder)


def test_the_table_of_routes_has_a_line_per_drive(tmp_path: Path) -> None:
    folder = kept(
        tmp_path,
        record(FIRST, "rgb", events=(event(EventKind.RED_LIGHT), completion(100.0))),
        record(SECOND, "rgb", route_name="car, stopped", failure=Failure.AGENT_CRASHED, events=()),
    )
    summary.write(folder)
    with folder.routes_csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["route_id"] for row in rows] == [FIRST, SECOND]
    assert rows[0]["driving_score.leaderboard-2.0"] == "70.0"
    assert float(rows[0]["driving_score.leaderboard-2.1"]) == pytest.approx(100 / 1.4, abs=1e-5)
    assert rows[0]["red_light"] == "1"
    assert rows[1]["route_name"] == "car, stopped"
    assert rows[1]["status"] == "Failed - Agent crashed"


def test_each_arm_gets_its_own_leaderboard_file(tmp_path: Path) -> None:
    folder = kept(tmp_path, record(FIRST, "rgb"), record(FIRST, "fused"))
    summary.write(folder)
    assert sorted(p.name for p in (tmp_path / "leaderboard").iterdir()) == ["clear.json", "fused.json", "rgb.json"]
    rgb = json.loads(folder.leaderboard("rgb").read_text())
    assert rgb["_checkpoint"]["progress"] == [1, 2]


def test_fused_drives_in_other_droplets_are_compared_with_the_same_baseline() -> None:
    hit = (event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))
    arms = {"rgb": "fog", "fused": "fog", "fused_10um": "fog, droplets of 10 um"}
    records = [record(route.id, "rgb", events=hit) for route in ROUTES]
    records += [record(route.id, "fused") for route in ROUTES]
    records += [
        record(route.id, "fused_10um", events=hit if i else (completion(100.0),)) for i, route in enumerate(ROUTES)
    ]
    run = manifest(seeds=(0,), arms=arms, droplets={"fused_10um": LARGE, "fused": SMALL})
    figures = summary.summarise(run, records)
    small, large = figures["droplets"]
    assert (small["arm"], small["radius_um"], small["lwir_over_visible"]) == ("fused", 5.0, 0.65)
    assert small["paired"]["difference"] == figures["paired"]["difference"] == 50.0
    assert large["arm"] == "fused_10um"
    assert large["driving_score"] == pytest.approx((100 + 5 * 50) / 6)
    assert large["paired"]["difference"] == pytest.approx(50 / 6)
    assert large["paired"]["includes_zero"]
    assert large["paired"]["pairs"] == 6


def test_droplets_are_no_table_without_drives_of_rgb() -> None:
    arms = {"fused": "fog", "fused_10um": "fog, droplets of 10 um"}
    run = manifest(seeds=(0,), arms=arms, droplets={"fused": SMALL, "fused_10um": LARGE})
    drives = [record(route.id, arm) for route in ROUTES for arm in arms]
    assert summary.summarise(run, drives)["droplets"] is None


def test_a_run_without_fog_has_no_droplets(tmp_path: Path) -> None:
    assert summary.write(write_run(tmp_path, seeds=(0,)))["droplets"] is None


def test_other_fusions_are_compared_with_rgb_and_fused_frames_with_them() -> None:
    hit = (event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))
    how = {"rgb": hit, "fused": (completion(100.0),), "average": (event(EventKind.RED_LIGHT), completion(100.0))}
    records = [record(route.id, arm, events=events) for route in ROUTES for arm, events in how.items()]
    (entry,) = summary.summarise(manifest(seeds=(0,), arms=dict.fromkeys(how, "fog")), records)["other_fusions"]
    assert entry["arm"] == "average"
    assert entry["driving_score"] == 70.0
    assert entry["over_rgb"]["difference"] == 20.0
    assert entry["fused_over"]["difference"] == 30.0
    two = summary.summarise(
        manifest(seeds=(0,), arms={"rgb": "fog", "average": "fog"}), [*records[::3], *records[2::3]]
    )
    assert two["other_fusions"][0]["over_rgb"]["difference"] == 20.0
    alone = summary.summarise(manifest(seeds=(0,), arms={"average": "fog"}), records[2::3])["other_fusions"]
    assert alone[0]["over_rgb"] is None
    assert alone[0]["fused_over"] is None


def test_a_run_that_got_more_drives_keeps_those_it_had(tmp_path: Path) -> None:
    folder = kept(tmp_path, record(FIRST, "rgb"))
    before = read_manifest(folder)
    grown = replace(before, seeds=(0, 1), config_hash="f" * 64, extended=(before.config_hash,))
    write_manifest(folder, grown)
    write_episode(folder.episode(FIRST, "rgb", 1), record(FIRST, "rgb", 1, config_hash="f" * 64), [])
    figures = summary.write(folder)
    assert figures["arms"]["rgb"]["episodes"]["driven"] == 2
    assert figures["provenance"]["extended"] == [before.config_hash]
    write_manifest(folder, replace(grown, extended=()))
    with pytest.raises(RecordError, match="driven with another configuration"):
        summary.write(folder)
