"""Any vision model that `transformers` loads by name or from a local folder: DINOv2, DINOv3, CLIP, SAM, ..."""

import inspect
import json
import logging
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.backbones import FrozenModule
from fusion.errors import FusionError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class VisionModel(nn.Module):
    """Images (B, 3, H, W) in [0, 1] -> the last hidden state as a map; class and register tokens are left out."""

    mean: Tensor
    std: Tensor

    def __init__(self, vision: nn.Module, patch_px: int, fixed_px: int, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.vision = vision
        self.patch_px, self.fixed_px = patch_px, fixed_px
        # Learnt positions belong to one image size; models that can stretch them do so when asked.
        stretches = "interpolate_pos_encoding" in inspect.signature(vision.forward).parameters
        self.options: dict[str, Any] = {"interpolate_pos_encoding": True} if stretches and not fixed_px else {}
        self.register_buffer("mean", torch.tensor(mean)[None, :, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[None, :, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if self.fixed_px:
            images = F.interpolate(images, (self.fixed_px, self.fixed_px), mode="bilinear", align_corners=False)
        states: Tensor = self.vision(pixel_values=(images - self.mean) / self.std, **self.options).last_hidden_state
        if states.ndim == 4:
            return states
        rows, columns = (side // self.patch_px for side in images.shape[-2:])
        return states[:, states.shape[1] - rows * columns :].transpose(1, 2).unflatten(2, (rows, columns))


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
    # Transformers keep the resolution of their patches; convolutional and windowed models go on reducing it.
    plain = hasattr(config, "num_attention_heads") and isinstance(getattr(config, "patch_size", None), int)
    patch_px = int(config.patch_size) if plain else _stride(vision)
    # SAM adds positions of one size to every image; its frames are brought to that size.
    fixed_px = int(config.image_size) if "sam" in str(getattr(config, "model_type", "")) else 0
    module = VisionModel(vision, patch_px, fixed_px, *normalisation(name))
    return FrozenModule(Path(name).name or name, module, 1 if fixed_px else patch_px)


def quietly(load: Callable[[str], Any], name: str, what: str) -> Any:
    """load(name), one of the loaders of transformers; raises FusionError in one line."""
    # Its retries are told line by line otherwise, before the one line that matters.
    from transformers.utils.logging import disable_progress_bar

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    disable_progress_bar()
    try:
        return load(name)
    except (OSError, ValueError, ImportError) as error:
        raise FusionError(f"{what} cannot be loaded by transformers: {_one_line(error)}") from None


def _stride(vision: Any) -> int:
    """By a trial image: the last state is a map (B, C, h, w) or a list of places (B, h w, C)."""
    with torch.no_grad():
        states = vision.eval()(pixel_values=torch.zeros(1, 3, 224, 224)).last_hidden_state
    return 224 // int(states.shape[-1] if states.ndim == 4 else states.shape[1] ** 0.5)


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


def _one_line(error: Exception) -> str:
    return textwrap.shorten(str(error), 200, placeholder=" ...")  # at a space: addresses stay whole
