from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion import FusionError
from fusion.evaluate import evaluate
from fusion.evaluation.downstream import segmentations
from fusion.evaluation.segmentation import Segmenter, class_table, ious, overlaps
from fusion.evaluation.tables import segmentation_markdown
from fusion.pairs.classes import CLASSES, labels_of, read_classes
from fusion.pairs.data import read_pairs
from fusion.synthetic import write

transformers = pytest.importorskip("transformers")
ROAD, PERSON, CAR = (CLASSES.index(name) for name in ("road", "person", "car"))


def recording(folder: Path) -> Path:
    """Two frames whose left half is road, with a person in it, and whose right half is a car."""
    write(folder, count=2, seed=0, width=64, height=48)
    (folder / "tags").mkdir()
    tags = np.full((48, 64), 14, np.uint8)
    tags[:, :32], tags[:12, :8] = 1, 12
    for number in (0, 1):
        cv2.imwrite(str(folder / "tags" / f"{number:04d}s.png"), tags)
    return folder


def test_classes_meet_by_name():
    table = class_table({0: "road, route", 1: "person, individual", 2: "bed", 3: "Car", 4: "tree"})
    assert table.tolist() == [ROAD, PERSON, -1, CAR, CLASSES.index("vegetation")]


def test_overlaps_of_a_case_worked_by_hand(tmp_path):
    pair = read_pairs(recording(tmp_path))[0]
    wanted, known = read_classes(labels_of(pair), (48, 64))
    found = np.full((48, 64), CAR)
    found[:, :16] = ROAD
    values = ious([overlaps(found, wanted, known)])
    assert values[ROAD] == pytest.approx((48 * 16 - 96) / (48 * 32))  # a quarter of the person's place is called road
    assert values[CAR] == pytest.approx(32 / 48)
    assert values[PERSON] == 0.0
    assert np.isnan(values[CLASSES.index("sky")])


def test_a_set_that_labels_three_classes_asks_for_no_others(tmp_path):
    for kind, channels in (("vi", 3), ("ir", 1), ("Segmentation_labels", 1)):
        (tmp_path / kind).mkdir()
        cv2.imwrite(str(tmp_path / kind / "a.png"), np.full((4, 4, channels), 3 if channels == 1 else 9, np.uint8))
    wanted, known = read_classes(labels_of(read_pairs(tmp_path)[0]), (4, 4))
    found = np.full((4, 4), ROAD)
    found[0] = CLASSES.index("bicycle")
    values = ious([overlaps(found, wanted, known)])
    assert values[CLASSES.index("bicycle")] == 0.25
    assert np.isnan(values[ROAD])


def test_segmentation_is_told_per_condition_with_intervals(tmp_path):
    pairs = read_pairs(recording(tmp_path / "night"))
    labelled = [(pair, labels_of(pair)) for pair in pairs]
    wanted = read_classes(labelled[0][1], (48, 64))[0]
    by = {"visible": lambda visible, thermal: visible, "thermal": lambda visible, thermal: visible * 0}
    table = segmentations(labelled, by, lambda frame: wanted if frame.any() else wanted * 0 + CAR)
    assert set(table) == {"all", "night"}
    right, wrong = table["night"]["visible"], table["night"]["thermal"]
    assert (right["mean"], right["low"], right["high"]) == (1.0, 1.0, 1.0)
    assert wrong["IoU"] == {"road": 0.0, "person": 0.0, "car": 0.5}
    assert "| visible | 1.000 (1.000 to 1.000) | 1.000 |" in segmentation_markdown(table)


def test_of_a_network_nothing_is_asked_that_it_has_no_name_for(tmp_path):
    model = onnx_folder(tmp_path / "model")
    (model / "config.json").write_text('{"id2label": {"0": "road", "1": "bed", "2": "car"}}')
    recording(tmp_path / "set")
    table = evaluate([tmp_path / "set"], tmp_path / "out", segmenter=str(model))["segmentation"]["all"]["visible"]
    assert set(table["IoU"]) == {"road", "car"}  # a person stands in the road, and counts against what is found there
    assert table["mean"] == pytest.approx(sum(table["IoU"].values()) / 2)
    (model / "config.json").write_text('{"id2label": {"0": "road", "1": "bed", "2": "cat"}}')
    (tmp_path / "set" / "tags").rename(tmp_path / "set" / "Segmentation_labels")  # those of MSRS: car, person, bicycle
    with pytest.raises(FusionError, match=r"segmenter '.*' knows no class that the labels name"):
        evaluate([tmp_path / "set"], tmp_path / "out", segmenter=str(model))


def test_a_model_of_transformers_names_every_pixel_of_any_size(tmp_path):
    config = transformers.SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=8, num_attention_heads=[1, 1, 1, 1],
        id2label={0: "road", 1: "person", 2: "car"}, label2id={"road": 0, "person": 1, "car": 2},
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(tmp_path / "model")
    segment = Segmenter.load(str(tmp_path / "model"))
    found = segment(np.random.default_rng(0).integers(0, 256, (45, 71, 3), dtype=np.uint8))
    assert found.shape == (45, 71)
    assert set(np.unique(found)) <= {ROAD, PERSON, CAR}
    recording(tmp_path / "set")
    result = evaluate([tmp_path / "set"], tmp_path / "out", segmenter=str(tmp_path / "model"))
    assert result["segmentation"]["all"]["student sim"]["frames"] == 2
    assert "## Segmentation, IoU, all (2 frames)" in (tmp_path / "out" / "summary.md").read_text()


class Colours(torch.nn.Module):
    """Logits at half resolution: road where red is strongest, person where green is, car where blue is."""

    def forward(self, pixel_values):
        return torch.nn.functional.avg_pool2d(pixel_values, 2)


def onnx_folder(folder: Path, size: tuple[int, int] | None = None) -> Path:
    folder.mkdir()
    axes = None if size else {"pixel_values": {2: "height", 3: "width"}}
    torch.onnx.export(
        Colours(), (torch.zeros(1, 3, *(size or (32, 32))),), str(folder / "model.onnx"), input_names=["pixel_values"],
        dynamic_axes=axes, dynamo=False, opset_version=17,
    )  # fmt: skip
    (folder / "config.json").write_text('{"id2label": {"0": "road", "1": "person", "2": "car"}}')
    (folder / "preprocessor_config.json").write_text('{"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}')
    return folder


@pytest.mark.parametrize("size", [None, (96, 160)], ids=["any size", "one size"])
def test_a_network_as_onnx_names_every_pixel_of_any_size(tmp_path, size):
    segment = Segmenter.load(str(onnx_folder(tmp_path / "model", size)))
    frame = np.zeros((45, 71, 3), np.uint8)
    frame[:, :30, 0], frame[:, 30:50, 1], frame[:, 50:, 2] = 250, 250, 250
    found = segment(frame)
    assert found.shape == (45, 71)
    assert np.all(found[:, :28] == ROAD)
    assert np.all(found[:, 32:48] == PERSON)
    assert np.all(found[:, 52:] == CAR)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, r"config\.json: No such file .*; it names the classes of model\.onnx"),
        ("config.json", '{"id2label": ["road"]}', r"config\.json lacks the classes of model\.onnx"),
        ("config.json", '{"id2label": {"0": "road", "2": "car"}}', r"config\.json lacks the classes of model\.onnx"),
        ("config.json", '{"id2label": {"0": "bed", "1": "cat", "2": "mug"}}', "knows none of road, sidewalk"),
        (
            "config.json",
            '{"id2label": {"0": "road", "1": "car"}}',
            r"gives \(1, 3, 32, 32\), not logits \(1, 2, h, w\)",
        ),
        ("model.onnx", "no network", r"model\.onnx cannot be run by ONNX Runtime"),
    ],
)
def test_what_is_wrong_with_an_onnx_folder_is_told_in_one_line(tmp_path, file, content, message):
    folder = onnx_folder(tmp_path / "model")
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(FusionError, match=message) as caught:
        Segmenter.load(str(folder))(np.zeros((64, 64, 3), np.uint8))
    assert "\n" not in str(caught.value)


def test_a_network_that_takes_another_kind_of_batch_is_told_in_one_line(tmp_path):
    folder = onnx_folder(tmp_path / "model")
    torch.onnx.export(
        Colours(), (torch.zeros(4, 3, 32, 32),), str(folder / "model.onnx"), input_names=["pixel_values"],
        dynamo=False, opset_version=17,
    )  # fmt: skip
    with pytest.raises(FusionError, match=r"model\.onnx does not run: ") as caught:
        Segmenter.load(str(folder))(np.zeros((64, 64, 3), np.uint8))
    assert "\n" not in str(caught.value)


def test_what_cannot_be_segmented_is_refused_before_any_metric(tmp_path, monkeypatch):
    monkeypatch.setattr("fusion.evaluate.metric_rows", lambda *_: pytest.fail("metrics came first"))
    write(tmp_path / "set", count=1, seed=0, width=64, height=48)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FusionError, match=r"segmenter '.*' cannot be loaded") as caught:
        evaluate([tmp_path / "set"], tmp_path / "out", segmenter=str(tmp_path / "empty"))
    assert "\n" not in str(caught.value)
    monkeypatch.setattr("fusion.evaluate.Segmenter.load", lambda name: name)
    with pytest.raises(FusionError, match="no pair carries classes"):
        evaluate([tmp_path / "set"], tmp_path / "out", segmenter="any")
