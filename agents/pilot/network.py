"""What the pilot sees with: a small convolutional network from one RGB frame to a grid of things and distances."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor, nn

STRIDE = 8
# Distances are learned as ln(metres) between these bounds.
NEAREST_M, FARTHEST_M = 1.5, 80.0


class Thing(IntEnum):
    """What a grid cell can show. Lights and signs count only where they face the camera."""

    NOTHING = 0
    VEHICLE = 1
    PERSON = 2  # pedestrians, riders and their two-wheelers
    RED_LIGHT = 3  # red or yellow
    GREEN_LIGHT = 4
    STOP_SIGN = 5


class Separable(nn.Module):
    """Depth-wise 3x3 then point-wise convolution, each with batch norm and ReLU; a residual where shapes allow."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.residual = stride == 1 and channels_in == channels_out
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels_in, 3, stride, dilation, dilation, groups=channels_in, bias=False),
            nn.BatchNorm2d(channels_in),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )

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
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            Separable(16, 32, 2),
            Separable(32, 32),
            Separable(32, width, 2),
            Separable(width, width),
            Separable(width, width),
        )
        # Half the resolution and dilation: a cell has to see the whole vehicle and the road it stands on.
        self.context = nn.Sequential(
            Separable(width, 2 * width, 2),
            Separable(2 * width, 2 * width, dilation=2),
            Separable(2 * width, 2 * width, dilation=4),
            Separable(2 * width, 2 * width, dilation=2),
            nn.Conv2d(2 * width, width, 1),
        )
        self.merge = nn.Sequential(Separable(2 * width, width), Separable(width, width))
        self.things = nn.Conv2d(width, len(Thing), 1)
        self.distance = nn.Conv2d(width, 1, 1)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.stem((rgb - 0.45) * 4.0)
        coarse = nn.functional.interpolate(self.context(fine), size=fine.shape[-2:], mode="nearest")
        merged = self.merge(torch.cat([fine, coarse], dim=1))
        return self.things(merged), self.distance(merged)
