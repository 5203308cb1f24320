"""Both trainers' learning rate over their steps, and the moving average of the weights that is kept."""

from __future__ import annotations

import math

import torch
from torch import nn


def learning_rate(highest: float, steps: int, step: int) -> float:
    """Linear warm-up over the first twentieth, then half a cosine."""
    warm = max(steps // 20, 1)
    return highest * min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * step / steps))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, ema: float, step: int) -> None:
    """Moves the average's parameters towards the network's: by 1 - `ema`, in the first steps by more."""
    decay = min(ema, (step + 1) / (step + 10))
    for kept, new in zip(average.parameters(), network.parameters()):
        kept.lerp_(new, 1.0 - decay)
