"""Which class every pixel of a labelled pair has: a recording's tags or a public set's pictures of class numbers.

    tags/NAME.png                   recordings of a simulator: CARLA's semantic tags (0.9.14 and later)
    Segmentation_labels/NAME.png    MSRS

each beside the folder of visible frames, or beside the folder that holds it.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError
from fusion.pairs.layouts import Pair

Classes = NDArray[np.int64]
"""(H, W): index into CLASSES, -1 where a pixel has none of them."""

CARLA = {
    1: "road", 2: "sidewalk", 3: "building", 4: "wall", 5: "fence", 6: "pole", 7: "traffic light", 8: "traffic sign",
    9: "vegetation", 10: "terrain", 11: "sky", 12: "person", 13: "rider", 14: "car", 15: "truck", 16: "bus",
    17: "train", 18: "motorcycle", 19: "bicycle",
}  # fmt: skip
MSRS = {1: "car", 2: "person", 3: "bicycle"}
CLASSES = tuple(CARLA.values())
FOLDERS = {"tags": CARLA, "Segmentation_labels": MSRS}


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
    return table[image], known_to(path)


def known_to(path: Path) -> tuple[int, ...]:
    """Which of CLASSES that kind of labels can name. path: from `labels_of`."""
    return tuple(CLASSES.index(name) for name in FOLDERS[path.parent.name].values())
