"""Fusion metrics of a student and of simple fusions on folders of pairs, per condition, with intervals.

    python -m fusion.evaluate --data DIR ... --out runs/evaluation [--weights sim ...] [--every N] [--robustness]
                              [--detector FastestDet.onnx] [--segmenter NAME] [--block N]
                              [--ensembles DIR] [--held-out SHARE]

Writes metrics.csv (one line per pair and fusion), summary.json and summary.md (means with 95 % intervals of 1,000
bootstrap draws over the pairs, for all pairs and per condition), with --robustness a picture of curves, and with
--detector the AP50 of a frozen detector where the folders carry labels (`fusion.pairs.labelled`), with --segmenter the
IoU of a frozen segmentation network where they carry classes (`fusion.pairs.classes`), both also as differences between
a student and every other kind of frame on the same frames (`fusion.evaluation.redrawing`), and with --ensembles what
the students have kept of the teacher that drew them (teacher.csv), on the pairs that were held out. --held-out keeps
everything else to those pairs, too: a student's own training frames say nothing of what it makes of others. "distance"
is the mean distance to both sources in what a frozen network sees (`fusion.evaluation.perceptual`), smaller is nearer;
"clear" is the clear twin. PSNR ends at 100 dB: that of equal images is infinite, and no mean could be made of it.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion import limits
from fusion.backbones import Backbone, load_backbone
from fusion.errors import FusionError
from fusion.evaluation import against_teacher, detection, robustness
from fusion.evaluation.compared import fusions
from fusion.evaluation.downstream import detections, segmentations
from fusion.evaluation.pair_metrics import MOST_PSNR_DB, metric_rows, summary
from fusion.evaluation.segmentation import Segmenter
from fusion.evaluation.tables import detection_markdown, markdown, segmentation_markdown
from fusion.files import make_folder, whole, write_text
from fusion.pairs.classes import known_to, read_classes
from fusion.pairs.classes import labels_of as classes_of
from fusion.pairs.data import Pair, evenly, load, read_folders, split
from fusion.pairs.labelled import labels_of, read_boxes
from fusion.progress import along
from fusion.training.cache import EnsembleCache
from fusion.training.student_recipe import Recipe

PERCEPTION = "efficientnet-lite0"
HELD_OUT = Recipe.held_out
"""The share that the trainers hold out unless told otherwise."""


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
        raise FusionError(
            "no pair carries labels (fusion/pairs/labelled.py lists the known kinds): record with --labels"
        )
    segment = Segmenter.load(segmenter) if segmenter else None
    classed = [(pair, path) for pair in pairs if (path := classes_of(pair))] if segment else []
    if segment and not classed:
        raise FusionError(
            "no pair carries classes (fusion/pairs/classes.py lists the known kinds): record with --labels"
        )
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
        frames = _frames(evenly(pairs, robustness.PAIRS))
        runs = [_frames(run) for _, run in groupby(pairs[: robustness.PAIRS], lambda pair: pair.visible.parent)]
        compared = {name: fuse for name, fuse in by.items() if name not in ("visible", "thermal")}
        result["robustness"] = {
            name: robustness.curves(frames, runs, fuse)
            for name, fuse in along("robustness", compared.items(), len(compared))
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


def _frames(pairs: Iterable[Pair]) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """(visible, thermal) of each."""
    return [(images.visible, images.thermal) for images in map(load, pairs)]


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
    parser.add_argument(
        "--robustness",
        action="store_true",
        help=f"curves over shift, rotation, noise and dead columns on {robustness.PAIRS} pairs, evenly of all, and "
        f"over late frames on the first {robustness.PAIRS}",
    )
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
