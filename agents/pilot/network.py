"""What the pilot sees with: a small convolutional network from one RGB frame to a grid of things and distances."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.pilot import architecture
from agents.pilot.architecture import EPSILON, Thing, context_blocks, fine_blocks, merge_blocks


class Separable(nn.Module):
    """Depth-wise 3x3 then point-wise convolution, each with batch norm and ReLU; a residual where shapes allow."""

    def __init__(self, shape: architecture.Separable):
        super().__init__()
        self.residual = shape.residual
        self.body = nn.Sequential(
            nn.Conv2d(
                shape.inputs, shape.inputs, 3, shape.stride, shape.dilation, shape.dilation, groups=shape.inputs,
                bias=False
            ),
            nn.BatchNorm2d(shape.inputs, EPSILON),
            nn.ReLU(inplace=True),
            nn.Conv2d(shape.inputs, shape.outputs, 1, bias=False),
            nn.BatchNorm2d(shape.outputs, EPSILON),
            nn.ReLU(inplace=True),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.residual else self.body(x)


class PilotNetwork(nn.Module):
    """(B, 3, H, W) RGB in [0, 1] -> class logits (B, 6, H/8, W/8) and ln(distance / m) (B, 1, H/8, W/8).

    H and W are multiples of 16. About 0.2 million parameters.
    """

    def __init__(self, width: int = 96):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 5, 2, 2, bias=False),
            nn.BatchNorm2d(16, EPSILON),
            nn.ReLU(inplace=True),
            *map(Separable, fine_blocks(width)),
        )
        self.context = nn.Sequential(*map(Separable, context_blocks(width)), nn.Conv2d(2 * width, width, 1))
        self.merge = nn.Sequential(*map(Separable, merge_blocks(width)))
        self.things = nn.Conv2d(width, len(Thing), 1)
        self.distance = nn.Conv2d(width, 1, 1)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.stem((rgb - 0.45) * 4.0)
        coarse = nn.functional.interpolate(self.context(fine), size=fine.shape[-2:], mode="nearest")
        merged = self.merge(torch.cat([fine, coarse], dim=1))
        return self.things(merged), self.distance(merged)
