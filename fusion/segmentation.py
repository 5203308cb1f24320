"""A frozen segmentation network on visible, thermal and fused frames: which pixels it still names right.

Any semantic segmentation model that `transformers` loads by name or from a folder (SegFormer, UPerNet, DPT, ...). Its
classes meet those of the labels by their names. Labels lie beside the folder of visible frames, or beside the folder
that holds it:

    tags/NAME.png                   recordings of a simulator: CARLA's semantic tags (0.9.14 and later)
    Segmentation_labels/NAME.png    MSRS
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from fusion.errors import FusionError
from fusion.layouts import Pair

Classes = NDArray[np.int64]
"""(H, W): index into CLASSES, -1 where a pixel has none of them."""

CARLA = {
    1: "road", 2: "sidewalk", 3: "building", 4: "wall", 5: "fence", 6: "pole", 7: "traffic light", 8: "traffic sign",
    9: "vegetation", 10: "terrain", 11: "sky", 12: "person", 13: "rider", 14: "car", 15: "truck", 16: "bus",
    17: "train", 18: "motorcycle", 19: "bicycle",
}  # fmt: skip
MSRS = {1: "car", 2: "person", 3: "bicycle"}
CLASSES = tuple(CARLA.values())
SYNONYMS = {"pedestrian": "person", "bike": "bicycle", "motorbike": "motorcycle", "minibike": "motorcycle",
            "tree": "vegetation", "pavement": "sidewalk", "grass": "terrain", "earth": "terrain"}  # fmt: skip
FOLDERS = {"tags": CARLA, "Segmentation_labels": MSRS}
MULTIPLE = 32


class Segmenter:
    """Calling it names every pixel of an RGB frame (H, W, 3)."""

    def __init__(self, model: Any, mean: Sequence[float], std: Sequence[float], name: str = "") -> None:
        self._model = model.eval().requires_grad_(False)
        self._mean, self._std = (torch.tensor(list(values))[None, :, None, None] for values in (mean, std))
        self._class_of = class_table(model.config.id2label)
        if (self._class_of < 0).all():
            raise FusionError(f"segmenter '{name}' knows none of {', '.join(CLASSES)}")

    @classmethod
    def load(cls, name: str) -> "Segmenter":
        from fusion.backbones.pretrained import normalisation, quietly

        try:
            from transformers import AutoModelForSemanticSegmentation
        except ImportError:
            raise FusionError(f"segmenter '{name}' needs transformers: pip install 'nightloop[train]'") from None
        model = quietly(AutoModelForSemanticSegmentation.from_pretrained, name, f"segmenter '{name}'")
        return cls(model, *normalisation(name), name=name)

    @torch.inference_mode()
    def __call__(self, frame: NDArray[np.uint8]) -> Classes:
        height, width = frame.shape[:2]
        image = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255.0
        padding = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
        image = F.pad((image - self._mean) / self._std, padding, mode="replicate")
        logits = self._model(pixel_values=image).logits
        whole = F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)
        return np.asarray(self._class_of[whole[0, :, :height, :width].argmax(dim=0).numpy()], np.int64)


def class_table(id2label: dict[int, str]) -> Classes:
    """A model's class -> index into CLASSES, by name; ADE20K's "road, route" is a road."""
    names = [id2label[index].split(",")[0].split(";")[0].strip().lower() for index in range(len(id2label))]
    names = [SYNONYMS.get(name, name) for name in names]
    return np.array([CLASSES.index(name) if name in CLASSES else -1 for name in names])


def labels_of(pair: Pair) -> Path | None:
    """The picture of a pair's classes, or None."""
    for root in (pair.visible.parent.parent, pair.visible.parent.parent.parent):
        for folder in FOLDERS:
            path = root / folder / f"{pair.visible.stem}.png"
            if path.is_file():
                return path
    return None


def read_classes(path: Path, shape: tuple[int, int]) -> tuple[Classes, tuple[int, ...]]:
    """Classes of a frame of that shape, and which of CLASSES its kind of labels can name. path: from `labels_of`."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 2:
        raise FusionError(f"{path} is not a picture of one class number per pixel")
    if image.shape != shape:
        raise FusionError(f"{path} is {image.shape[1]}x{image.shape[0]} where its frame is {shape[1]}x{shape[0]}")
    known = FOLDERS[path.parent.name]
    table = np.full(max(int(image.max()), max(known)) + 1, -1)
    for number, name in known.items():
        table[number] = CLASSES.index(name)
    return table[image], tuple(CLASSES.index(name) for name in known.values())


def overlaps(found: Classes, wanted: Classes, known: Sequence[int]) -> NDArray[np.int64]:
    """(classes, 3): per class the pixels where both agree, where either says so, and where the labels do. Unlabelled
    pixels count only where the labels would have said so (MSRS: its background is no car and no person)."""
    counts = np.zeros((len(CLASSES), 3), np.int64)
    judged = np.ones(wanted.shape, bool) if len(known) < len(CLASSES) else wanted >= 0
    for index in known:
        one, other = (found == index) & judged, wanted == index
        counts[index] = (one & other).sum(), (one | other).sum(), other.sum()
    return counts


def ious(frames: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Intersection over union of each class over all frames; NaN where the labels have none of it, so that all kinds of
    frames are judged by the same classes."""
    total = np.sum(frames, axis=0)
    return np.divide(total[:, 0], total[:, 1], out=np.full(len(total), np.nan), where=total[:, 2] > 0)


Segment = Callable[[NDArray[np.uint8]], Classes]
