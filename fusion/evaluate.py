"""Fusion metrics of a student and of simple fusions on folders of pairs, per condition, with intervals.

    python -m fusion.evaluate --data DIR ... --out runs/evaluation [--weights sim ...] [--every N] [--robustness]
                              [--detector FastestDet.onnx] [--segmenter NAME] [--block N]
                              [--ensembles DIR] [--held-out SHARE]

Writes metrics.csv (one line per pair and fusion), summary.json and summary.md (means with 95 % intervals of 1,000
bootstrap draws over the pairs, for all pairs and per condition), with --robustness a picture of curves, and with
--detector the AP50 of a frozen detector where the folders carry labels (`fusion.labelled`), with --segmenter the IoU of
a frozen segmentation network where they carry classes (`fusion.classes`), both also as differences between a
student and every other kind of frame on the same frames (`fusion.redrawing`), and with --ensembles what the students
have kept of the teacher that drew them (teacher.csv), on the pairs that were held out. --held-out keeps everything else
to those pairs, too: a student's own training frames say nothing of what it makes of others. "distance" is the mean
distance to both sources in what a frozen network sees (`fusion.perceptual`), smaller is nearer; "clear" is the clear
twin. PSNR ends at 100 dB: that of equal images is infinite, and no mean could be made of it.
"""

import argparse
import csv
import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion import against_teacher, detection, limits, robustness
from fusion.backbones import Backbone, load_backbone
from fusion.batches import Recipe
from fusion.cache import EnsembleCache
from fusion.classes import CLASSES, known_to, read_classes
from fusion.classes import labels_of as classes_of
from fusion.compared import fusions
from fusion.data import Pair, load, read_folders, split
from fusion.errors import FusionError
from fusion.files import make_folder, whole, write_text
from fusion.labelled import labels_of, read_boxes
from fusion.metrics import all_metrics, grey, peak_signal_to_noise_db, structural_similarity
from fusion.naive import Fusion
from fusion.perceptual import picture_distance
from fusion.progress import along
from fusion.redrawing import DRAWS, Statistic, bounds, judged
from fusion.segmentation import Segment, Segmenter, ious, overlaps
from fusion.tables import detection_markdown, markdown, segmentation_markdown

PERCEPTION = "efficientnet-lite0"
HELD_OUT = Recipe.held_out
"""The share that the trainers hold out unless told otherwise."""
MOST_PSNR_DB = 100.0
"""Without an end a frame that equals its twin could only be left out of a mean, which would be lower for it."""


def condition_of(pair: Pair) -> str:
    """Time and weather ("night fog", "day", "rain", ...) from the pair's name and its folders; MSRS's names end in N or
    D; "unnamed" where neither is told."""
    stem = pair.visible.stem
    text = f"{pair.visible.parent.parent.name}/{stem}".lower()
    letter = {"N": "night", "D": "day"}.get(stem[-1], "") if stem[:-1].isdigit() else ""
    time = next((word for word in ("night", "day") if word in text), letter)
    weather = next((word for word in ("fog", "rain", "snow") if word in text.replace("haze", "fog")), "")
    return f"{time} {weather}".strip() or "unnamed"


def metric_rows(pairs: Sequence[Pair], by: dict[str, Fusion], backbone: Backbone | None = None) -> list[dict[str, Any]]:
    rows = []
    for pair in along("metrics", pairs, len(pairs)):
        images = load(pair)
        visible, thermal = grey(images.visible), grey(images.thermal)
        for name, fuse in by.items():
            fused = fuse(images.visible, images.thermal)
            values = all_metrics(visible, thermal, grey(fused))
            if backbone is not None:
                sources = (images.visible, np.repeat(images.thermal[..., None], 3, axis=2))
                values["distance"] = float(np.mean([picture_distance(fused, one, backbone) for one in sources]))
            if images.clear is not None:
                clear = grey(images.clear)
                values["PSNR clear"] = peak_signal_to_noise_db(clear, grey(fused))
                values["SSIM clear"] = structural_similarity(clear, grey(fused))
                if backbone is not None:
                    values["distance clear"] = picture_distance(fused, images.clear, backbone)
            ends = {name: min(values[name], MOST_PSNR_DB) for name in values if name.startswith("PSNR")}
            rows.append({"pair": str(pair.visible), "condition": condition_of(pair), "fusion": name, **values, **ends})
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """condition -> fusion -> metric -> mean, low, high, count; of one pair alone low and high are None."""
    table: dict[str, Any] = {}
    conditions = sorted({row["condition"] for row in rows})
    for condition in ["all", *conditions]:
        for row in rows:
            if condition in ("all", row["condition"]):
                of_fusion = table.setdefault(condition, {}).setdefault(row["fusion"], {})
                for metric, value in row.items():
                    if metric not in ("pair", "condition", "fusion") and np.isfinite(value):
                        of_fusion.setdefault(metric, []).append(float(value))
    for by_fusion in table.values():
        for by_metric in by_fusion.values():
            for metric, values in by_metric.items():
                low, high = mean_interval(np.asarray(values)) if len(values) > 1 else (None, None)
                mean = float(np.mean(values))
                by_metric[metric] = {"mean": mean, "low": low, "high": high, "count": len(values)}
    return table


def mean_interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    drawn = values[np.random.default_rng(seed).integers(0, len(values), (DRAWS, len(values)))].mean(axis=1)
    return bounds(drawn)


def detections(
    labelled: Sequence[tuple[Pair, Path]], by: dict[str, Fusion], detector: detection.Detector, block: int = 1
) -> dict[str, Any]:
    """condition -> fusion -> class -> AP50 with its interval over the frames, and how far a student is ahead of the
    others (`fusion.redrawing`). labelled: pairs and where labels lie."""
    found: dict[str, dict[str, dict[str, list[detection.Matches]]]] = {}
    for pair, path in along("detection", labelled, len(labelled)):
        images = load(pair)
        height, width = images.visible.shape[:2]
        boxes = read_boxes(path, width, height)
        for name, fuse in by.items():
            seen = detector(fuse(images.visible, images.thermal))
            for kind in boxes:
                matched = detection.matches(seen[kind], boxes[kind])
                for condition in ("all", condition_of(pair)):
                    of_kind = found.setdefault(condition, {}).setdefault(kind, {})
                    of_kind.setdefault(name, []).append(matched)
    table: dict[str, Any] = {}
    rows = [(condition, kind, frames) for condition in sorted(found) for kind, frames in found[condition].items()]
    for condition, kind, frames in along("intervals", rows, len(rows)):
        for name, one in _precisions(frames, block).items():
            table.setdefault(condition, {}).setdefault(name, {})[kind] = one
    return table


def _precisions(frames: dict[str, list[detection.Matches]], block: int) -> dict[str, dict[str, Any]]:
    """None for precision and bounds where there is nothing to find."""
    one = next(iter(frames.values()))
    counts = {"frames": len(one), "boxes": sum(boxes for _, boxes in one)}
    nothing: dict[str, Any] = {name: {"AP50": None, "low": None, "high": None} for name in frames}
    by_times = {name: detection.precision_by_times(found) for name, found in frames.items()}
    table = judged(by_times, len(one), "AP50", block) if counts["boxes"] else nothing
    return {name: found | counts for name, found in table.items()}


def segmentations(
    labelled: Sequence[tuple[Pair, Path]],
    by: dict[str, Fusion],
    segment: Segment,
    block: int = 1,
    named: Collection[int] = range(len(CLASSES)),
) -> dict[str, Any]:
    """condition -> fusion -> IoU of every class over all its pixels, and their mean over the labelled classes with its
    interval over the frames, as in `detections`. labelled: pairs and where their classes lie; named: the classes that
    the network can find, of which alone something is asked."""
    found: dict[str, dict[str, list[NDArray[np.int64]]]] = {}
    for pair, path in along("segmentation", labelled, len(labelled)):
        images = load(pair)
        wanted, known = read_classes(path, images.thermal.shape)
        for name, fuse in by.items():
            counts = overlaps(segment(fuse(images.visible, images.thermal)), wanted, known, named)
            for condition in ("all", condition_of(pair)):
                found.setdefault(condition, {}).setdefault(name, []).append(counts)
    table: dict[str, Any] = {}
    for condition, frames in along("intervals", sorted(found.items()), len(found)):
        count = len(next(iter(frames.values())))
        by_times = {name: _iou_by_times(np.stack(counts)) for name, counts in frames.items()}
        for name, one in judged(by_times, count, "mean", block).items():
            of_class = {kind: float(iou) for kind, iou in zip(CLASSES, ious(frames[name])) if np.isfinite(iou)}
            table.setdefault(condition, {})[name] = {"IoU": of_class, "frames": count} | one
    return table


def _iou_by_times(counts: NDArray[np.int64]) -> Statistic:
    """Mean IoU over the labelled classes; counts (frames, classes, 3)."""

    def mean(times: NDArray[np.int64]) -> float:
        total = np.tensordot(times, counts, 1)
        return float(np.nanmean(ious([total]))) if total.any() else float("nan")

    return mean


def perception() -> Backbone | None:
    """The network behind `distance`; None, and a line that says so, where its weights are not installed."""
    try:
        return load_backbone(PERCEPTION)
    except FusionError as error:
        print(f"fusion.evaluate: no distances: {error}", file=sys.stderr)
        return None


def chosen_pairs(folders: Sequence[Path], every: int = 1, held_out: float | None = None) -> list[Pair]:
    """Every n-th pair of each folder, or of those that a trainer with this share held out there; raises FusionError
    where there are none."""
    chosen: list[Pair] = []
    for folder in folders:
        pairs = read_folders([folder])
        chosen += (pairs if held_out is None else split(pairs, held_out)[1])[::every]
    if held_out is not None and not chosen:
        raise FusionError(
            f"no held-out pair at a share of {held_out:g}: give a larger --held-out, or none for all pairs"
        )
    return chosen


def _tell_of_training(pairs: Sequence[Pair], weights: Sequence[str]) -> None:
    """Shipped weights have not seen the user's folders; a student of the user's own may have been trained on them."""
    training = len(split(pairs, HELD_OUT)[0])
    if training and any(name.endswith(".safetensors") for name in weights):
        note = f"{len(pairs)} pairs, {training} of them on the training side of a split by {HELD_OUT:g}"
        print(f"fusion.evaluate: {note}: --held-out {HELD_OUT:g} leaves those out", file=sys.stderr)


def check_files(
    pairs: Sequence[Pair], labelled: Sequence[tuple[Pair, Path]], classed: Sequence[tuple[Pair, Path]]
) -> None:
    """Reads every frame and label once: a fault is told now, not after hours of metrics."""
    boxes, classes = ({pair.visible: path for pair, path in found} for found in (labelled, classed))
    for pair in along("reading", pairs, len(pairs)):
        height, width = load(pair).thermal.shape
        if pair.visible in boxes:
            read_boxes(boxes[pair.visible], width, height)
        if pair.visible in classes:
            read_classes(classes[pair.visible], (height, width))


def evaluate(
    folders: Sequence[Path],
    out: Path,
    weights: Sequence[str] = ("sim",),
    every: int = 1,
    with_curves: bool = False,
    detector: Path | None = None,
    ensembles: Path | None = None,
    held_out: float | None = None,
    segmenter: str = "",
    block: int = 1,
) -> dict[str, Any]:
    """Everything the command writes; returns what goes into summary.json. held_out: None takes every pair, and for the
    comparison with the teacher those that the trainers hold out by themselves."""
    pairs = chosen_pairs(folders, every, held_out)
    by = fusions(weights)
    cache = EnsembleCache.open(ensembles) if ensembles else None
    share = HELD_OUT if held_out is None else held_out
    apart = against_teacher.held_out_pairs(read_folders(folders), cache, share)[::every] if cache else ()
    judge = detection.Detector(detector) if detector else None
    labelled = [(pair, path) for pair in pairs if (path := labels_of(pair))] if judge else []
    if judge and not labelled:
        raise FusionError("no pair carries labels (fusion/labelled.py lists the known kinds): record with --labels")
    segment = Segmenter.load(segmenter) if segmenter else None
    classed = [(pair, path) for pair in pairs if (path := classes_of(pair))] if segment else []
    if segment and not classed:
        raise FusionError("no pair carries classes (fusion/classes.py lists the known kinds): record with --labels")
    if segment and segment.named.isdisjoint(index for _, path in classed for index in known_to(path)):
        raise FusionError(f"segmenter '{segmenter}' knows no class that the labels name")
    make_folder(out)
    check_files(pairs, labelled, classed)
    if held_out is None:
        _tell_of_training(pairs, weights)
    backbone = perception()
    rows = metric_rows(pairs, by, backbone)
    _write_csv(out / "metrics.csv", rows)
    result: dict[str, Any] = {"metrics": summary(rows)}
    text = markdown(result["metrics"])
    if any(value == MOST_PSNR_DB for row in rows for name, value in row.items() if name.startswith("PSNR")):
        text += f"PSNR ends at {MOST_PSNR_DB:g} dB, which frames have that equal what they are compared with.\n"
    if with_curves:
        images = [load(pair) for pair in pairs[:24]]
        frames = [(one.visible, one.thermal) for one in images]
        compared = {name: fuse for name, fuse in by.items() if name not in ("visible", "thermal")}
        result["robustness"] = {
            name: robustness.curves(frames, fuse) for name, fuse in along("robustness", compared.items(), len(compared))
        }
        robustness.plot(result["robustness"], out / "robustness.png")
    if judge:
        result["detection"] = detections(labelled, by, judge, block)
        text += detection_markdown(result["detection"])
    if segment:
        result["segmentation"] = segmentations(classed, by, segment, block, segment.named)
        text += segmentation_markdown(result["segmentation"])
    if cache:
        found = against_teacher.rows(apart, cache, by, backbone)
        result["of teacher"] = against_teacher.shares(found)
        text += "\n" + against_teacher.markdown(found, "held-out pairs" if share < 1.0 else "pairs")
        _write_csv(out / "teacher.csv", found)
    write_text(out / "summary.json", json.dumps(result, indent=1, sort_keys=True) + "\n")
    write_text(out / "summary.md", text)
    return result


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with whole(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", default=["sim"], help="shipped names or .safetensors files")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every n-th pair of each folder (default: 1)")
    parser.add_argument("--robustness", action="store_true", help="curves over shift, rotation, noise and the like")
    parser.add_argument("--detector", type=Path, help="FastestDet as an ONNX file, for folders with labels")
    parser.add_argument(
        "--segmenter",
        default="",
        metavar="NAME",
        help="segmentation model of transformers, or a folder with it or with ONNX",
    )
    parser.add_argument(
        "--block",
        type=int,
        default=1,
        metavar="N",
        help="intervals of detection and segmentation redraw frames N neighbours at a time: frames of one drive",
    )
    parser.add_argument("--ensembles", type=Path, help="cache of a teacher's draws: compare the students with it")
    parser.add_argument(
        "--held-out",
        type=float,
        metavar="SHARE",
        help="only pairs that training with this share held out; 1 is every pair "
        f"(default: every pair, against the teacher those held out by {HELD_OUT:g})",
    )
    options = parser.parse_args()
    try:
        limits.check({name: value for name, value in vars(options).items() if value is not None})
        evaluate(
            options.data,
            options.out,
            options.weights,
            options.every,
            options.robustness,
            options.detector,
            options.ensembles,
            options.held_out,
            options.segmenter,
            options.block,
        )
    except FusionError as error:
        sys.exit(f"fusion.evaluate: {error}")
    print((options.out / "summary.md").read_text())


if __name__ == "__main__":
    main()
