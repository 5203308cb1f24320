"""Where the people and vehicles of a labelled pair are: boxes from a recording's instances or a public set's files.

    tags/NAME.png, instances/NAME.png          recordings of a simulator (`python -m harness.record --labels`)
    Annotations/NAME.xml, Annotation/NAME.xml  PASCAL VOC: LLVIP, M3FD
    labels/NAME.txt                            lines "class x y width height", COCO's class numbers, middle and size as
                                               shares of the frame: the detection subset of MSRS

each beside the folder of visible frames, or beside the folder that holds it (LLVIP keeps visible/test/NAME.jpg).
"""

from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError
from fusion.pairs.layouts import Pair

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
Boxes = dict[str, list[Box]]
COCO = {"pedestrian": (0,), "vehicle": (2, 3, 5, 7)}
"""COCO's person; car, motorcycle, bus, truck."""
TAGS = {"pedestrian": (12,), "vehicle": (14, 15, 16, 18)}
"""CARLA 0.9.14 and later: pedestrian; car, truck, bus, motorcycle."""
NAMES = {
    "pedestrian": ("person", "people", "pedestrian"),
    "vehicle": ("car", "truck", "bus", "van", "motorcycle", "motorbike"),
}


def labels_of(pair: Pair) -> Path | None:
    """The file that says where things are; of a recording its tags. None where the pair has no labels."""
    stem = pair.visible.stem
    for root in (pair.visible.parent.parent, pair.visible.parent.parent.parent):
        for folder, suffix in (("tags", ".png"), ("Annotations", ".xml"), ("Annotation", ".xml"), ("labels", ".txt")):
            path = root / folder / f"{stem}{suffix}"
            if path.is_file():
                return path
    return None


def read_boxes(path: Path, width: int, height: int) -> Boxes:
    """Of a frame of that size. path: from `labels_of`. Raises FusionError that names the file."""
    if path.suffix == ".png":
        return _of_instances(path, path.parent.parent / "instances" / path.name)
    return _of_voc(path) if path.suffix == ".xml" else _of_lines(path, width, height)


def boxes_of(tags: NDArray[np.uint8], instances: NDArray[np.uint16]) -> Boxes:
    """Of a frame's semantic tags and instance numbers, both (H, W)."""
    found: Boxes = {}
    for name, wanted in TAGS.items():
        mask = np.isin(tags, wanted)
        found[name] = []
        for number in np.unique(instances[mask]):
            ys, xs = np.nonzero(mask & (instances == number))
            found[name].append((float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)))
    return found


def _of_instances(tags: Path, instances: Path) -> Boxes:
    planes = []
    for path in (tags, instances):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise FusionError(f"{path} is missing or not an image: record with --labels")
        planes.append(np.asarray(image))
    if planes[0].shape != planes[1].shape:
        raise FusionError(f"{tags} and {instances} differ in size")
    return boxes_of(planes[0].astype(np.uint8), planes[1].astype(np.uint16))


def _of_voc(path: Path) -> Boxes:
    found: Boxes = {name: [] for name in NAMES}
    try:
        for thing in ElementTree.parse(path).getroot().iter("object"):
            said = (thing.findtext("name") or "").strip().lower()
            for name, known in NAMES.items():
                if said in known:
                    edges = [float(thing.findtext(f"bndbox/{edge}") or "") for edge in ("xmin", "ymin", "xmax", "ymax")]
                    found[name].append((edges[0], edges[1], edges[2], edges[3]))
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise FusionError(f"{path} is not a PASCAL VOC annotation: {error}") from None
    return found


def _of_lines(path: Path, width: int, height: int) -> Boxes:
    found: Boxes = {name: [] for name in COCO}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            kind, x, y, w, h = (float(part) for part in line.split())
        except ValueError:
            raise FusionError(f"{path}:{number}: not 'class x y width height': {line.strip()[:60]!r}") from None
        for name, classes in COCO.items():
            if kind in classes:
                left, top = (x - w / 2) * width, (y - h / 2) * height
                found[name].append((left, top, left + w * width, top + h * height))
    return found
