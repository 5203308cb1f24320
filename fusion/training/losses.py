"""The terms of the student's loss; weights are maps of mean 1 over an image."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Resampling = Callable[[Tensor, int], Tensor]

CHARBONNIER_EPSILON = 1e-3
NOISE_FLOOR = 0.03
"""In grey levels (of 0..1) per pixel: about three times the gradient of a night frame's grain after the Sobel mean."""
EVIDENCE_WINDOW_PX = 41
LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601."""


def charbonnier(difference: Tensor) -> Tensor:
    """sqrt(d^2 + epsilon^2) - epsilon: the absolute value with a round tip."""
    return (difference.square() + CHARBONNIER_EPSILON**2).sqrt() - CHARBONNIER_EPSILON


def luminance(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W)."""
    red, green, blue = image.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def gradient(plane: Tensor) -> Tensor:
    """Sobel derivatives along x and y, (B, 1, H, W) -> (B, 2, H, W), scaled to grey levels per pixel."""
    smooth, slope = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)
    across = torch.tensor([[s * d for d in slope] for s in smooth], dtype=plane.dtype, device=plane.device) / 8.0
    kernels = torch.stack([across, across.T])[:, None]
    return F.conv2d(F.pad(plane, (1, 1, 1, 1), mode="replicate"), kernels)


def pixel_loss(fused: Tensor, mean: Tensor, weight: Tensor) -> Tensor:
    """L_pix = mean_p w(p) charbonnier(f(p) - mu(p)): fused and mean (B, 3, h, w), weight (B, h, w)."""
    return (weight[:, None] * charbonnier(fused - mean)).mean()


def evidence_weight(thermal: Tensor, gain: float) -> Tensor:
    """Thermal (B, 1, H, W) -> (B, H, W), mean 1 per image: more where a thing differs from its surroundings.

    1 + gain |t - mean of t around| / 0.1, at most 1 + 5 gain. A person at 30 m covers a thousandth of a frame; without
    this the sky outweighs everyone in it.
    """
    weight = 1.0 + gain * (evidence(thermal) / 0.1).clamp(max=5.0)
    return weight / weight.mean(dim=(-2, -1), keepdim=True)


def evidence(thermal: Tensor) -> Tensor:
    """By how much the thermal frame (B, 1, H, W) differs from the mean of what is around, (B, H, W)."""
    window = EVIDENCE_WINDOW_PX
    around = F.avg_pool2d(thermal, window, stride=1, padding=window // 2, count_include_pad=False)
    return (thermal - around).abs()[:, 0]


def label_weight(things: Tensor, gain: float) -> Tensor:
    """1 + gain where a patch (B, H, W) is labelled (1) and 1 where it is not (0), mean 1 per image."""
    weight = 1.0 + gain * things
    return weight / weight.mean(dim=(-2, -1), keepdim=True)


def edge_loss(fused: Tensor, visible: Tensor, thermal: Tensor, weight: Tensor) -> Tensor:
    """L_edge: by how much edges of f fall short of the stronger one of v and t; all full resolution, weight (B, H, W).

    Magnitudes are compared and only a lack is charged. Equality with a signed gradient would ask a fused night frame to
    stay as dull as its source, and would let the thermal frame's sign (a warm coat is bright there, dark in daylight)
    fight the teacher's. What the frames' noise can draw, up to NOISE_FLOOR, is no edge.
    """
    strongest = torch.maximum(_magnitude(luminance(visible)), _magnitude(thermal)) - NOISE_FLOOR
    lack = (strongest - _magnitude(luminance(fused))).clamp(min=0.0)
    return (weight * lack).mean()


def feature_loss(features: Sequence[Tensor], means: Sequence[Tensor], taught: Tensor, to_common: Resampling) -> Tensor:
    """L_feat = sum_b mean_q r_b(q) c(q) (1 - cos(phi_b(f)(q), m_b(q))).

    Per backbone b, features and means (B, C_b, h_b, w_b) on its own grid; taught (B, backbones, rows, columns) is
    r_b(q) c(q) on the common grid, and `to_common(distance, b)` brings a map (B, 1, h_b, w_b) onto that grid.
    """
    total = taught.new_zeros(())
    for index, (seen, wanted) in enumerate(zip(features, means)):
        distance = 1.0 - F.cosine_similarity(seen, wanted, dim=1, eps=1e-6)
        total = total + (taught[:, index] * to_common(distance[:, None], index)[:, 0]).mean()
    return total


def _magnitude(plane: Tensor) -> Tensor:
    # The small constant keeps the derivative of the root finite on flat ground.
    return (gradient(plane).square().sum(dim=1) + 1e-8).sqrt()
