"""A frozen segmentation network on visible, thermal and fused frames: which pixels it still names right.

Any semantic segmentation model that `transformers` loads by name or from a folder (SegFormer, UPerNet, DPT, ...), or a
folder with any such network as ONNX, laid out as Optimum exports it: model.onnx (pixel_values (1, 3, H, W) -> logits),
config.json (id2label) and, if not ImageNet's, the mean and deviation in preprocessor_config.json. Its classes meet
those of the labels by their names. Labels lie beside the folder of visible frames, or beside the folder that holds it:

    tags/NAME.png                   recordings of a simulator: CARLA's semantic tags (0.9.14 and later)
    Segmentation_labels/NAME.png    MSRS
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
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
ONNX = "model.onnx"


@dataclass(frozen=True)
class Network:
    """logits: normalised frame (1, 3, H, W) -> (1, classes, h, w). height and width: 0, or the one it takes."""

    logits: Callable[[Tensor], Tensor]
    id2label: dict[int, str]
    height: int = 0
    width: int = 0


class Segmenter:
    """Calling it names every pixel of an RGB frame (H, W, 3)."""

    def __init__(self, network: Network, mean: Sequence[float], std: Sequence[float], name: str = "") -> None:
        self._network = network
        self._mean, self._std = (torch.tensor(list(values))[None, :, None, None] for values in (mean, std))
        self._class_of = class_table(network.id2label)
        if (self._class_of < 0).all():
            raise FusionError(f"segmenter '{name}' knows none of {', '.join(CLASSES)}")
        self.named = frozenset(int(index) for index in self._class_of if index >= 0)
        """Which of CLASSES it can find at all."""

    @classmethod
    def load(cls, name: str) -> "Segmenter":
        from fusion.backbones.pretrained import normalisation

        network = _from_onnx(Path(name)) if (Path(name) / ONNX).is_file() else _from_transformers(name)
        return cls(network, *normalisation(name), name=name)

    @torch.inference_mode()
    def __call__(self, frame: NDArray[np.uint8]) -> Classes:
        height, width = frame.shape[:2]
        image = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255.0
        image = (image - self._mean) / self._std
        if self._network.height or self._network.width:
            size = (self._network.height or height, self._network.width or width)
            image = F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
            whole = _stretched(self._network.logits(image), (height, width))
        else:
            image = F.pad(image, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
            whole = _stretched(self._network.logits(image), image.shape[-2:])[..., :height, :width]
        return np.asarray(self._class_of[whole[0].argmax(dim=0).numpy()], np.int64)


def _stretched(logits: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def _from_transformers(name: str) -> Network:
    from fusion.backbones.pretrained import quietly

    try:
        from transformers import AutoModelForSemanticSegmentation
    except ImportError:
        raise FusionError(f"segmenter '{name}' needs transformers: pip install 'nightloop[train]'") from None
    model = quietly(AutoModelForSemanticSegmentation.from_pretrained, name, f"segmenter '{name}'")
    model = model.eval().requires_grad_(False)
    return Network(lambda image: model(pixel_values=image).logits, model.config.id2label)


def _from_onnx(folder: Path) -> Network:
    try:
        from fusion.runtimes.onnx_runtime import open_session
    except ImportError:
        raise FusionError(f"{folder / ONNX} needs onnxruntime: pip install 'nightloop[export]'") from None
    config = folder / "config.json"
    try:
        named = json.loads(config.read_text())["id2label"]
        id2label = {number: str(named[str(number)]) for number in range(len(named))}
    except OSError as error:
        raise FusionError(f"{config}: {error.strerror}; it names the classes of {ONNX}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FusionError(f'{config} lacks the classes of {ONNX}: {{"id2label": {{"0": "road", ...}}}}') from None
    session = open_session(folder / ONNX)
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3:
        raise FusionError(f"{folder / ONNX} takes {[one.shape for one in inputs]}, not one RGB image (1, 3, H, W)")
    height, width = (side if isinstance(side, int) else 0 for side in shape[2:])

    def logits(image: Tensor) -> Tensor:
        try:
            found = session.run(None, {inputs[0].name: image.numpy()})[0]
        except Exception as error:  # its errors share no base of their own
            raise FusionError(f"{folder / ONNX} does not run: {' '.join(str(error).split())[:200]}") from None
        if found.ndim != 4 or found.shape[1] != len(id2label):
            raise FusionError(f"{folder / ONNX} gives {found.shape}, not logits (1, {len(id2label)}, h, w)")
        return torch.from_numpy(found)

    return Network(logits, id2label, height, width)


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
    return table[image], known_to(path)


def known_to(path: Path) -> tuple[int, ...]:
    """Which of CLASSES that kind of labels can name. path: from `labels_of`."""
    return tuple(CLASSES.index(name) for name in FOLDERS[path.parent.name].values())


def overlaps(
    found: Classes, wanted: Classes, known: Sequence[int], named: Collection[int] = range(len(CLASSES))
) -> NDArray[np.int64]:
    """(classes, 3): per class the pixels where both agree, where either says so, and where the labels do; zeros for a
    class that is not among `named`, those of the network. Unlabelled pixels count only where the labels would have said
    so (MSRS: its background is no car and no person)."""
    counts = np.zeros((len(CLASSES), 3), np.int64)
    judged = np.ones(wanted.shape, bool) if len(known) < len(CLASSES) else wanted >= 0
    for index in set(known).intersection(named):
        one, other = (found == index) & judged, wanted == index
        counts[index] = (one & other).sum(), (one | other).sum(), other.sum()
    return counts


def ious(frames: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Intersection over union of each class over all frames; NaN where the labels have none of it, so that all kinds of
    frames are judged by the same classes."""
    total = np.sum(frames, axis=0)
    return np.divide(total[:, 0], total[:, 1], out=np.full(len(total), np.nan), where=total[:, 2] > 0)


Segment = Callable[[NDArray[np.uint8]], Classes]
