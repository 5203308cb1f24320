"""Large frames through a denoising network piece by piece: overlapping tiles, blended at every step of sampling.

Blending the predictions rather than finished samples leaves no seams: neighbouring tiles share one noisy image, so that
they cannot drift apart (the idea of MultiDiffusion, Bar-Tal et al. 2023).
"""

from collections.abc import Callable

import torch
from torch import Tensor

Denoiser = Callable[..., Tensor]


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixels of tiles that cover `length`, each sharing at least `overlap` pixels with the one before."""
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]


def ramp(tile: int, overlap: int) -> Tensor:
    """Weights along one side of a tile: rising over the overlap, falling likewise, never zero."""
    rise = (torch.arange(tile, dtype=torch.float32) + 1.0) / (overlap + 1.0)
    return torch.minimum(rise, rise.flip(0)).clamp(max=1.0)


def in_tiles(network: Denoiser, tile: int, overlap: int, noisy: Tensor, others: tuple[Tensor, ...],
             step: Tensor) -> Tensor:  # fmt: skip
    """`network(noisy, *others, step)` for images (B, C, H, W) of any size, with tiles of `tile` pixels at most."""
    height, width = noisy.shape[-2:]
    if height <= tile and width <= tile:
        return network(noisy, *others, step)
    sides = (min(tile, height), min(tile, width))
    down, across = (ramp(side, min(overlap, side // 2)).to(noisy) for side in sides)
    weight = down[:, None] * across[None, :]
    total, weights = torch.zeros_like(noisy[:, :3]), noisy.new_zeros(height, width)
    for top in tile_starts(height, sides[0], overlap):
        for left in tile_starts(width, sides[1], overlap):
            window = (..., slice(top, top + sides[0]), slice(left, left + sides[1]))
            total[window] += weight * network(noisy[window], *(other[window] for other in others), step)
            weights[window] += weight
    return total / weights
