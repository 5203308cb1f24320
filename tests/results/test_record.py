import json
import os
from pathlib import Path

import pytest

from results import atomic
from results.events import EventKind, write_events
from results.layout import EpisodeFolder, RunFolder, file_name_of
from results.manifest import config_hash, read_manifest, write_manifest
from results.record import Clip, RecordError, read_episode, write_episode
from results.scores import Failure
from results.ticks import read_ticks, write_ticks
from tests.results.synthetic import completion, drive, event, manifest, record, tick_cap


def test_an_episode_reads_back_as_it_was_written(tmp_path: Path) -> None:
    folder = EpisodeFolder(tmp_path / "cyclist-rgb-seed0")
    ticks = drive(0, "rgb", 0, 0.1)
    written = record(
        events=(event(EventKind.RED_LIGHT, 3.0, 1.5, -2.25, light_id=4.0), completion(41.5)),
        failure=Failure.AGENT_CRASHED,
        error="ValueError: über",
        clips=(Clip("strips/0.jpg", 0, 60, "front"),),
        route_xy=((0.0, 1.25), (2.5, -3.0)),
    )
    write_episode(folder, written, ticks, {"strips/0.jpg": b"jpeg"})
    assert read_episode(folder) == written
    assert len(read_ticks(folder.ticks)) == len(ticks)
    assert (folder.path / "strips/0.jpg").read_bytes() == b"jpeg"


def test_completion_and_status_follow_from_the_events() -> None:
    assert record(events=(completion(41.5),)).completion == pytest.approx(41.5)
    assert record().status == "Perfect"
    blocked = record(events=(event(EventKind.VEHICLE_BLOCKED), completion(20.0)))
    assert blocked.status == "Failed - Agent got blocked"
    assert blocked.score().driving_score == pytest.approx(20.0)


def test_a_crashed_episode_scores_zero_whatever_it_had_driven() -> None:
    crashed = record(events=(completion(60.0),), failure=Failure.SIMULATION_CRASHED)
    assert crashed.is_crash
    assert crashed.score().driving_score == 0.0
    assert not crashed.is_success


def test_a_crash_after_bench2drives_cap_of_ticks_stays_one() -> None:
    crashed = record(events=(tick_cap(60.0), completion(70.0)), failure=Failure.AGENT_CRASHED)
    assert crashed.judged_by("bench2drive") is crashed
    assert crashed.score("bench2drive").driving_score == 0.0


def test_who_arrives_in_the_last_tick_of_bench2drive_has_arrived() -> None:
    arrived = (event(EventKind.ROUTE_COMPLETED, 199.95, percentage=100.0), tick_cap(100.0), completion(100.0))
    assert record(events=arrived).judged_by("bench2drive").status == "Perfect"


def test_a_new_attempt_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    folder = EpisodeFolder(tmp_path / "e")
    first = record(failure=Failure.AGENT_CRASHED, events=(), clips=(Clip("strips/0.jpg", 0),))
    write_episode(folder, first, [], {"strips/0.jpg": b"old", "strips/1.jpg": b"old"})
    write_episode(folder, record(attempt=2), drive(0, "rgb", 0, 0.05), {"strips/0.jpg": b"new"})
    assert read_episode(folder).attempt == 2
    assert [path.name for path in folder.strips.iterdir()] == ["0.jpg"]
    assert (folder.strips / "0.jpg").read_bytes() == b"new"


def test_an_episode_is_unfinished_until_its_record_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(tmp_path)
    folder = run.episode("cyclist", "rgb", 0)
    write_episode(folder, record(), [])
    assert run.finished_episodes() == [folder]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("results.record.write_ticks", killed)
    with pytest.raises(KeyboardInterrupt):
        write_episode(folder, record(attempt=2), [])
    assert not folder.is_finished
    assert run.finished_episodes() == []


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_whole_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = tmp_path / "summary.json"
    atomic.write_json(path, {"old": 1})

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if fails == "fsync" else Path, fails, no_space)
    with pytest.raises(OSError, match="No space"):
        atomic.write_json(path, {"new": 2})
    monkeypatch.undo()
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_json_lacks_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        atomic.write_json(tmp_path / "x.json", {"score": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_is_told_in_one_line_with_its_file(tmp_path: Path) -> None:
    folder = EpisodeFolder(tmp_path / "e")
    write_episode(folder, record(), [])
    folder.record.write_text(folder.record.read_text()[:100])
    with pytest.raises(RecordError, match=r"record\.json") as caught:
        read_episode(folder)
    assert "\n" not in str(caught.value)


def test_a_record_of_other_types_is_damaged_too(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path).episode("cyclist", "rgb", 0)
    write_episode(folder, record(), [])
    whole = folder.record.read_text()
    folder.record.write_text(whole.replace('"route_length_m": 250.0', '"route_length_m": "long"'))
    with pytest.raises(RecordError, match=r"record\.json: not a readable episode record"):
        read_episode(folder)
    folder.record.write_text(whole)
    folder.events.write_text(json.dumps(event(EventKind.OUTSIDE_ROUTE_LANES).to_dict()))
    with pytest.raises(RecordError, match=r"carries no percentage"):
        read_episode(folder)


@pytest.mark.parametrize("left", [0, 1])
def test_a_drive_that_lost_events_is_no_measured_zero(tmp_path: Path, left: int) -> None:
    folder = RunFolder(tmp_path).episode("cyclist", "rgb", 0)
    write_episode(folder, record(events=(completion(100.0), event(EventKind.RED_LIGHT, 31.0))), [])
    lines = folder.events.read_text().splitlines(keepends=True)
    folder.events.write_text("".join(lines[:left]))
    with pytest.raises(RecordError, match=r"events\.jsonl: not all .* take .*cyclist-rgb-seed0 away, then --resume"):
        read_episode(folder)


def test_events_from_before_they_were_counted_tell_of_the_completion(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path).episode("cyclist", "rgb", 0)
    write_episode(folder, record(), [])
    kept = json.loads(folder.record.read_text())
    del kept["event_count"]
    folder.record.write_text(json.dumps(kept))
    assert read_episode(folder) == record()
    folder.events.write_text("")
    with pytest.raises(RecordError, match="not all events"):
        read_episode(folder)


@pytest.mark.parametrize("part", ["ticks", "events"])
def test_a_full_disk_leaves_no_half_of_a_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    folder = RunFolder(tmp_path).episode("cyclist", "rgb", 0)
    write_episode(folder, record(), drive(0, "rgb", 0, 0.05))
    path: Path = getattr(folder, part)
    before = path.read_bytes()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_ticks(path, []) if part == "ticks" else write_events(path, [])
    assert path.read_bytes() == before


@pytest.mark.parametrize("change", [{"arms": ["rgb"]}, {"server": None}, {"metric_version": "3"}, {"agent": 5}])
def test_a_manifest_of_other_types_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, manifest())
    folder.run.write_text(json.dumps({**json.loads(folder.run.read_text()), **change}))
    with pytest.raises(RecordError, match=r"run\.json: not a readable run description"):
        read_manifest(folder)


def test_keys_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    folder = EpisodeFolder(tmp_path / "e")
    write_episode(folder, record(), [])
    kept = json.loads(folder.record.read_text())
    folder.record.write_text(json.dumps({**kept, "of_tomorrow": 1}))
    assert read_episode(folder) == record()


def test_names_become_one_path_component() -> None:
    assert file_name_of("RouteScenario_12") == "RouteScenario_12"
    assert "/" not in file_name_of("../../etc/passwd")
    assert not file_name_of("../x").startswith(".")
    with pytest.raises(ValueError, match="file name"):
        file_name_of("...")


def test_a_manifest_reads_back_as_it_was_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, manifest())
    assert read_manifest(folder) == manifest()
    assert list(read_manifest(folder).arms) == ["rgb", "fused", "clear"]


def test_a_folder_without_a_run_is_told_apart_from_a_damaged_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no run\.json"):
        read_manifest(RunFolder(tmp_path))
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RecordError, match="not a readable run"):
        read_manifest(RunFolder(tmp_path))


def test_the_configuration_hash_sees_settings_and_not_their_order() -> None:
    assert config_hash({"a": 1, "b": [1, 2]}) == config_hash({"b": [1, 2], "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})
