"""Any vision model that `transformers` loads by name or from a local folder: DINOv2, DINOv3, CLIP, SAM, ..."""

import inspect
import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.backbones import FrozenModule
from fusion.errors import FusionError, described, one_line

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
TRIAL_PX = 224


class VisionModel(nn.Module):
    """Images (B, 3, H, W) in [0, 1] -> the last hidden state as a map; class and register tokens are left out."""

    mean: Tensor
    std: Tensor

    def __init__(self, vision: nn.Module, cell_px: int, fixed_px: int, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.vision = vision
        self.cell_px, self.fixed_px = cell_px, fixed_px
        # Learnt positions belong to one image size; models that can stretch them do so when asked.
        stretches = "interpolate_pos_encoding" in inspect.signature(vision.forward).parameters
        self.options: dict[str, Any] = {"interpolate_pos_encoding": True} if stretches and not fixed_px else {}
        self.register_buffer("mean", torch.tensor(mean)[None, :, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[None, :, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if self.fixed_px:
            images = F.interpolate(images, (self.fixed_px, self.fixed_px), mode="bilinear", align_corners=False)
        states = self.states(images)
        if states.ndim == 4:
            return states
        rows, columns = (side // self.cell_px for side in images.shape[-2:])
        return states[:, states.shape[1] - rows * columns :].transpose(1, 2).unflatten(2, (rows, columns))

    def states(self, images: Tensor) -> Tensor:
        """The last hidden state: a map (B, C, h, w) or a list of places (B, n, C)."""
        states: Tensor = self.vision(pixel_values=(images - self.mean) / self.std, **self.options).last_hidden_state
        return states


def from_transformers(name: str) -> FrozenModule:
    """The vision part of a model, by its name on the hub (found in the cache when offline) or by its folder."""
    if "/" not in name and not Path(name).is_dir():  # the hub would be asked for half a minute, in vain
        raise FusionError(
            f"no backbone '{name}': there are efficientnet-lite0[@block4], vgg16[@conv4_3], package.module:factory, "
            "and what transformers loads as OWNER/NAME or from a folder"
        )
    try:
        from transformers import AutoModel
    except ImportError:
        raise FusionError(f"backbone '{name}' needs transformers: pip install 'nightloop[train]'") from None
    model = quietly(AutoModel.from_pretrained, name, f"backbone '{name}'")
    vision = next((getattr(model, part) for part in ("vision_model", "vision_encoder") if hasattr(model, part)), model)
    if "pixel_values" not in inspect.signature(vision.forward).parameters:
        raise FusionError(f"backbone '{name}' is not a vision model: it takes no pixel_values")
    config = getattr(model.config, "vision_config", model.config)
    # SAM adds positions of one size to every image; its frames are brought to that size.
    kind = str(getattr(config, "model_type", ""))
    fixed_px = int(getattr(config, "image_size", 0)) if "sam" in kind else 0
    module = VisionModel(vision, _patch_px(config), fixed_px, *normalisation(name)).eval()
    try:
        if getattr(config, "num_detection_tokens", 0):  # YOLOS: they lie behind the patches, where a map is looked for
            raise FusionError("it has states of detections among those of its patches")
        if kind.split("_")[0] != "sam":  # known to do, and its one size costs a minute
            _try_out(module)
    except Exception as error:  # whatever a model may raise that is made for other images
        reason = str(error) if isinstance(error, FusionError) else described(error)
        raise FusionError(
            f"backbone '{name}' ({type(vision).__name__}) cannot be used: {reason}; what can be used makes a map or a "
            "state per patch of frames of any size: DINOv2, DINOv3, CLIP, SAM, ConvNeXt, Swinv2, ..."
        ) from None
    return FrozenModule(Path(name).name or name, module, 1 if fixed_px else module.cell_px)


def quietly(load: Callable[[str], Any], name: str, what: str) -> Any:
    """load(name), one of the loaders of transformers; raises FusionError in one line."""
    # Its retries are told line by line otherwise, before the one line that matters.
    from transformers.utils.logging import disable_progress_bar

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    disable_progress_bar()
    try:
        return load(name)
    except (OSError, ValueError, ImportError) as error:
        raise FusionError(f"{what} cannot be loaded by transformers: {one_line(str(error))}") from None


def _patch_px(config: Any) -> int:
    """0: its configuration does not say."""
    size = getattr(config, "patch_size", 0)
    size = size[0] if isinstance(size, (list, tuple)) and size else size
    return size if isinstance(size, int) else 0


@torch.no_grad()
def _try_out(module: VisionModel) -> None:
    """Sets the size of the cells by a square trial image, and looks twice at a small one that is not square. Raises
    whatever stands against it."""
    if any(hasattr(part, "set_shift_and_window_size") for part in module.modules()):  # the first Swin and its kin
        raise FusionError("its windows shrink for good with the smallest frame that it sees")
    if not module.fixed_px:
        states = module.states(torch.zeros(1, 3, TRIAL_PX, TRIAL_PX))
        module.cell_px = _cell_px(states, module.cell_px)
    rows, columns = 2, 3
    # Of grain: patches that a model picks at random would be all alike in a flat one.
    size, seed = (rows * module.cell_px, columns * module.cell_px), torch.Generator().manual_seed(0)
    image = torch.rand((1, 3, *size), generator=seed)
    features = module(image)
    if features.ndim != 4 or (not module.fixed_px and features.shape[2:] != (rows, columns)):
        raise FusionError(f"an image of {columns}x{rows} cells becomes {tuple(features.shape)}")
    if not module.fixed_px and not torch.allclose(module(image), features, rtol=1e-2, atol=1e-3):  # ViTMAE
        raise FusionError("it sees the same frame in another way each time")


def _cell_px(states: Tensor, patch_px: int) -> int:
    """Of the last state of a square image. Transformers keep the resolution of their patches and may have states of
    classes and registers besides; convolutional and windowed models go on reducing it."""
    if states.ndim == 3 and patch_px and states.shape[1] >= (TRIAL_PX // patch_px) ** 2:
        return patch_px
    down, across = states.shape[2:] if states.ndim == 4 else 2 * (math.isqrt(states.shape[1]),)
    if not 0 < down == across <= TRIAL_PX:
        raise FusionError(f"a square image becomes {tuple(states.shape)}, which is no grid of places")
    return TRIAL_PX // int(across)


def normalisation(name: str) -> tuple[list[float], list[float]]:
    """Mean and deviation that a model's frames are brought to, ImageNet's where it names none."""
    try:
        path = _preprocessor(name)
        values = json.loads(Path(path).read_text()) if path else {}
    except (OSError, ValueError):
        values = {}
    return list(values.get("image_mean", IMAGENET_MEAN)), list(values.get("image_std", IMAGENET_STD))


def _preprocessor(name: str) -> str | Path | None:
    if Path(name).is_dir():
        return Path(name) / "preprocessor_config.json"
    from transformers.utils import cached_file

    return cached_file(name, "preprocessor_config.json")
