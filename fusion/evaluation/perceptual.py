"""Distance of two pictures in what a frozen network sees: LPIPS (Zhang et al., CVPR 2018) without learned weights."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Features = Callable[[Tensor], Tensor | Sequence[Tensor]]
"""Images (B, 3, H, W) in [0, 1] -> one feature map (B, C, h, w), or several."""


@torch.inference_mode()
def perceptual_distance(one: Tensor, other: Tensor, features: Features) -> Tensor:
    """(B,) distances, 0 for equal pictures, at most 4 per map: sum over the maps of the mean over places of the squared
    difference of the feature vectors, each scaled to length 1.

    one, other (B, 3, H, W) in [0, 1]. With a backbone of this package: `perceptual_distance(a, b, backbone.features)`.
    """
    return distance_of_seen(seen(one, features), seen(other, features))


@torch.inference_mode()
def seen(images: Tensor, features: Features) -> list[Tensor]:
    """What is compared of images: their feature maps, each vector scaled to length 1."""
    found = features(images)
    return [_unit(one) for one in ([found] if isinstance(found, Tensor) else found)]


@torch.inference_mode()
def distance_of_seen(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """(B,): `perceptual_distance` of the images of which `seen` is given. A picture that is compared with many is seen
    once."""
    total = torch.zeros(one[0].shape[0], device=one[0].device)
    for a, b in zip(one, other):
        total = total + (a - b).square().sum(dim=1).mean(dim=(1, 2))
    return total


def seen_picture(picture: NDArray[np.uint8], features: Features) -> list[Tensor]:
    """`seen` of one picture, RGB (H, W, 3)."""
    planes = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
    return seen(planes.float() / 255.0, features)


def _unit(features: Tensor) -> Tensor:
    return features / (features.norm(dim=1, keepdim=True) + 1e-10)
