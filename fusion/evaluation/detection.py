"""A frozen detector, trained on ordinary photographs, on visible, thermal and fused frames of labelled recordings.

The detector is FastestDet (COCO, 80 classes) as an ONNX file, run by OpenCV; `fusion.pairs.labelled` reads what it
should find.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError
from fusion.pairs.labelled import COCO

Bytes = NDArray[np.uint8]
SMALLEST_PX = 12
"""Boxes lower than this are neither asked for nor counted against: the detector sees 352 pixels a side."""
INPUT_PX = 352


@dataclass(frozen=True)
class Found:
    """One detection: box (left, top, right, bottom) in pixels."""

    score: float
    box: tuple[float, float, float, float]


class Detector:
    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FusionError(f"no detector {path}")
        try:
            self._network = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error:
            raise FusionError(f"{path} is not a network that OpenCV can read") from None
        try:
            self(np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8))
        except (cv2.error, IndexError, ValueError):
            raise FusionError(f"{path} is not FastestDet: one image in, (85, h, w) out") from None

    def __call__(self, frame: Bytes, threshold: float = 0.05) -> dict[str, list[Found]]:
        """RGB frame (H, W, 3) -> detections by class, after non-maximum suppression at an overlap of 0.45."""
        height, width = frame.shape[:2]
        small = cv2.resize(frame[..., ::-1], (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_LINEAR)
        self._network.setInput(cv2.dnn.blobFromImage(np.ascontiguousarray(small), 1.0 / 255.0))
        out = np.asarray(self._network.forward())
        if out.ndim != 4 or out.shape[1] != 85:
            raise ValueError(f"not FastestDet's output: {out.shape}")
        return decode(out[0], width, height, threshold)


def decode(out: NDArray[np.floating], width: int, height: int, threshold: float) -> dict[str, list[Found]]:
    """FastestDet's output (85, h, w): objectness, box (x, y by tanh, width and height by the logistic), 80 classes."""
    rows, columns = out.shape[1:]
    best = out[5:].argmax(axis=0)
    score = out[0] ** 0.6 * np.take_along_axis(out[5:], best[None], axis=0)[0] ** 0.4
    x = (np.arange(columns)[None, :] + np.tanh(out[1])) / columns * width
    y = (np.arange(rows)[:, None] + np.tanh(out[2])) / rows * height
    w, h = width / (1.0 + np.exp(-out[3])), height / (1.0 + np.exp(-out[4]))
    found = {}
    for name, classes in COCO.items():
        taken = np.isin(best, classes) & (score > threshold)
        boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1)[taken]
        scores = score[taken]
        kept: list[Found] = []
        for index in np.argsort(-scores, kind="stable"):
            box = tuple(float(edge) for edge in boxes[index])
            if all(overlap(box, other.box) < 0.45 for other in kept):
                kept.append(Found(float(scores[index]), box))  # type: ignore[arg-type]
        found[name] = kept
    return found


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared) if shared > 0.0 else 0.0


Matches = tuple[list[tuple[float, bool]], int]
"""Of one frame and class: (score, is right) of each detection, and how many boxes there were to find."""


def matches(found: Sequence[Found], boxes: Sequence[tuple[float, float, float, float]]) -> Matches:
    """Each box is found at most once, by the best detection that overlaps it by half; small ones do not count."""
    taken: set[int] = set()
    judged: list[tuple[float, bool]] = []
    for one in sorted(found, key=lambda one: -one.score):
        over = [overlap(one.box, box) if index not in taken else 0.0 for index, box in enumerate(boxes)]
        index = int(np.argmax(over)) if over else -1
        if index >= 0 and over[index] >= 0.5:
            taken.add(index)
            if boxes[index][3] - boxes[index][1] >= SMALLEST_PX:
                judged.append((one.score, True))
        elif one.box[3] - one.box[1] >= SMALLEST_PX:
            judged.append((one.score, False))
    return judged, sum(box[3] - box[1] >= SMALLEST_PX for box in boxes)


def average_precision(frames: Sequence[Matches]) -> float:
    """Area under the precision-recall curve, precision made monotonous (PASCAL VOC 2010); NaN without any box."""
    return precision_by_times(frames)(np.ones(len(frames), np.int64))


def precision_by_times(frames: Sequence[Matches]) -> Callable[[NDArray[np.int64]], float]:
    """The average precision of these frames as a function of how often each of them counts, sorted once for all.

    A detection that counts n times is n points of the curve, of which the last alone remains once it is monotonous:
    right ones rise to it, wrong ones fall from where the curve was.
    """
    boxes = np.array([count for _, count in frames], np.int64)
    found = [(score, right, index) for index, (judged, _) in enumerate(frames) for score, right in judged]
    found.sort(key=lambda one: -one[0])
    right = np.array([one[1] for one in found], np.int64)
    frame = np.array([one[2] for one in found], np.int64)

    def precision(times: NDArray[np.int64]) -> float:
        wanted = int((times * boxes).sum())
        if wanted == 0:
            return float("nan")
        counts = times[frame]
        hits = np.cumsum(counts * right)
        reached = np.maximum.accumulate((hits / np.cumsum(counts).clip(min=1))[::-1])[::-1]
        return float((np.diff(hits, prepend=0) * reached).sum()) / wanted

    return precision
