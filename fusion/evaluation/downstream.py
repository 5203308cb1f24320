"""What downstream tasks make of every kind of frame, per condition: a frozen detector's AP50 and a frozen segmentation
network's IoU."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation import detection
from fusion.evaluation.redrawing import Statistic, judged
from fusion.evaluation.segmentation import Segment, ious, overlaps
from fusion.naive import Fusion
from fusion.pairs.classes import CLASSES, read_classes
from fusion.pairs.conditions import condition_of
from fusion.pairs.data import Pair, load
from fusion.pairs.labelled import read_boxes
from fusion.progress import along


def detections(
    labelled: Sequence[tuple[Pair, Path]], by: dict[str, Fusion], detector: detection.Detector, block: int = 1
) -> dict[str, Any]:
    """condition -> fusion -> class -> AP50 with its interval over the frames, and how far a student is ahead of the
    others (`fusion.evaluation.redrawing`). labelled: pairs and where labels lie."""
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
