"""What an ensemble of samples agrees on: pixel by pixel, and in what frozen backbones see."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def pixel_statistics(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Samples (K, 3, h, w) of one pair in [0, 1] -> (mu (3, h, w), s2 (h, w)).

    mu(p) = mean_k y_k(p); s2(p) = mean over channels of the unbiased variance over k of y_k(p). One sample alone says
    nothing about variance: s2 is then zero everywhere.
    """
    mean = samples.mean(dim=0)
    if samples.shape[0] == 1:
        return mean, samples.new_zeros(samples.shape[-2:])
    return mean, samples.var(dim=0, correction=1).mean(dim=0)


def pixel_weight(variance: Tensor, tau: float) -> Tensor:
    """w(p) = exp(-s2(p) / tau), divided by its mean over the image: (..., h, w) -> (..., h, w), mean 1 per image."""
    # The smallest variance is taken out first: it cancels in the division, and exp cannot then be zero everywhere.
    lowest = variance.amin(dim=(-2, -1), keepdim=True)
    weight = ((lowest - variance) / tau).exp()
    return weight / weight.mean(dim=(-2, -1), keepdim=True)


def feature_statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Features (K, C, h, w) of K samples, of length 1 per location -> (m (C, h, w), raw u (h, w)).

    m(q) = mean_k phi(y_k)(q); raw u(q) = mean over channels of the unbiased variance over k of phi(y_k)(q), not yet
    divided by its mean over the data set. One sample alone: u is zero everywhere.
    """
    mean = features.mean(dim=0)
    if features.shape[0] == 1:
        return mean, features.new_zeros(features.shape[-2:])
    return mean, features.var(dim=0, correction=1).mean(dim=0)


class RunningMean:
    """Mean of a variance map over the data set, one pair after the other; each pair counts alike, whatever its size."""

    def __init__(self) -> None:
        self.count = 0
        self.value = 0.0

    def update(self, pair_mean: float) -> None:
        self.count += 1
        self.value += (pair_mean - self.value) / self.count

    def divide(self, variance: Tensor) -> Tensor:
        """u = raw u / its mean over the data set; zero where the mean is (one sample per pair)."""
        return variance / self.value if self.value > 0.0 else torch.zeros_like(variance)


def routing(variances: Tensor, tau: float) -> Tensor:
    """r_b(q) = softmax over b of (-u_b(q) / tau): (B, ..., h, w) on one common grid -> the same shape, sum 1 over b."""
    return torch.softmax(-variances / tau, dim=0)


def confidence(variances: Tensor) -> Tensor:
    """c(q) = exp(-min_b u_b(q)): (B, ..., h, w) -> (..., h, w) in (0, 1]."""
    return (-variances.amin(dim=0)).exp()


def resample(grid: Tensor, span_px: tuple[int, int], origin_px: Sequence[tuple[int, int]], cell_px: tuple[float, float],
             cells: tuple[int, int]) -> Tensor:  # fmt: skip
    """Values of maps at the centres of another grid's cells, bilinear, the border repeated.

    `grid` (N, C, h, w) covers span_px (height, width) evenly from (0, 0); of map n the result (N, C, rows, columns) has
    cells of cell_px (height, width) from origin_px[n] (row, column). All lengths are pixels of the frame.
    """
    first = [torch.tensor([origin[axis] for origin in origin_px], dtype=grid.dtype) for axis in (0, 1)]
    # Positions of the new cells' centres in units of the grid's span, -1 to 1: the convention of grid_sample.
    down, across = (
        (first[axis][:, None] + (torch.arange(cells[axis]) + 0.5) * cell_px[axis]) / span_px[axis] * 2.0 - 1.0
        for axis in (0, 1)
    )
    shape = (len(origin_px), *cells)
    where = torch.stack([across[:, None, :].expand(shape), down[:, :, None].expand(shape)], dim=-1)
    return F.grid_sample(grid, where.to(grid), mode="bilinear", padding_mode="border", align_corners=False)
