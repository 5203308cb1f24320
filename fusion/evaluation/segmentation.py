"""A frozen segmentation network on visible, thermal and fused frames: which pixels it still names right.

Any semantic segmentation model that `transformers` loads by name or from a folder (SegFormer, UPerNet, DPT, ...), or a
folder with any such network as ONNX, laid out as Optimum exports it: model.onnx (pixel_values (1, 3, H, W) -> logits),
config.json (id2label) and, if not ImageNet's, the mean and deviation in preprocessor_config.json. Its classes meet
those of the labels (`fusion.pairs.classes`) by their names.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fusion.errors import FusionError
from fusion.pairs.classes import CLASSES, Classes

SYNONYMS = {"pedestrian": "person", "bike": "bicycle", "motorbike": "motorcycle", "minibike": "motorcycle",
            "tree": "vegetation", "pavement": "sidewalk", "grass": "terrain", "earth": "terrain"}  # fmt: skip
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
