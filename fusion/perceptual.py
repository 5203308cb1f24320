"""Distance of two pictures in what a frozen network sees: LPIPS (Zhang et al., CVPR 2018) without learned weights."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

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


def _unit(features: Tensor) -> Tensor:
    return features / (features.norm(dim=1, keepdim=True) + 1e-10)
