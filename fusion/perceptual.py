"""Distance of two pictures in what a frozen network sees: LPIPS (Zhang et al., CVPR 2018) without learned weights."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion.backbones import Backbone

Features = Callable[[Tensor], Tensor | Sequence[Tensor]]
"""Images (B, 3, H, W) in [0, 1] -> one feature map (B, C, h, w), or several."""


@torch.inference_mode()
def perceptual_distance(one: Tensor, other: Tensor, features: Features) -> Tensor:
    """(B,) distances, 0 for equal pictures, at most 4 per map: sum over the maps of the mean over places of the squared
    difference of the feature vectors, each scaled to length 1.

    one, other (B, 3, H, W) in [0, 1]. With a backbone of this package: `perceptual_distance(a, b, backbone.features)`.
    """
    maps = [[found] if isinstance(found, Tensor) else found for found in (features(one), features(other))]
    total = torch.zeros(one.shape[0], device=one.device)
    for a, b in zip(*maps):
        difference = _unit(a) - _unit(b)
        total = total + difference.square().sum(dim=1).mean(dim=(1, 2))
    return total


def picture_distance(one: NDArray[np.uint8], other: NDArray[np.uint8], backbone: Backbone) -> float:
    """Of two RGB pictures (H, W, 3)."""
    planes = [torch.from_numpy(np.ascontiguousarray(it)).permute(2, 0, 1)[None].float() / 255.0 for it in (one, other)]
    return float(perceptual_distance(planes[0], planes[1], backbone.features))


def _unit(features: Tensor) -> Tensor:
    return features / (features.norm(dim=1, keepdim=True) + 1e-10)
