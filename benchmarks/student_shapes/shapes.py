"""Students of other shapes than the shipped one, for the same trainer.

A student is asked twice: `grid` looks at whole frames, `apply_grid` makes the pixels of a patch (or of the whole frame)
of what it found. Here the looking may also be left out, and the pixels painted by a network that sees all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.shape import LANES, StudentConfig
from fusion.student import Residual, Student, conv, double, with_height

AROUND_PX = 32
"""What a network that paints sees around a patch."""
STRIDE_PX = 8
"""The product of the strides that go down, of those networks that have any: what they see has sides divisible by it."""


class AddedColours(Student):
    """The shipped network, but each cell adds a colour to the visible frame and maps nothing: all that is finer than a
    cell of 8x8 pixels comes from the visible frame as it is."""

    def __init__(self) -> None:
        super().__init__(StudentConfig(bins=1))
        self.register_buffer("identity", _lanes(0, 5, 10), persistent=False)
        self.register_buffer("added", _lanes(3, 7, 11), persistent=False)
        self.identity: Tensor
        self.added: Tensor

    def apply_grid(self, grid: Tensor, visible: Tensor, thermal: Tensor, *origins: tuple[int, int]) -> Tensor:
        return super().apply_grid(grid * self.added + self.identity, visible, thermal, *origins)


def _lanes(*chosen: int) -> Tensor:
    """1 at those of the lanes of a map (`fusion.student`), else 0."""
    lanes = torch.zeros(LANES)
    lanes[list(chosen)] = 1.0
    return lanes


class Painted(Student):
    """visible + paint(all pixels of r, g, b, t and the height in the frame), paint (B, 5, H, W) -> (B, 3, H, W)."""

    def __init__(self, paint: nn.Module) -> None:
        super().__init__(StudentConfig())
        del self.network
        self.curves.requires_grad_(False)  # nothing is placed on a guide
        self.paint = paint

    def grid(self, visible: Tensor, thermal: Tensor) -> Tensor:
        """Nothing is found beforehand: the frame itself, in [-1, 1], with as much around it as a patch may want."""
        frame = with_height(torch.cat([visible, thermal], dim=1))
        after = (AROUND_PX + -side % STRIDE_PX for side in (frame.shape[3], frame.shape[2]))
        return F.pad(frame, [pixels for side in after for pixels in (AROUND_PX, side)], mode="replicate")

    def apply_grid(self, grid: Tensor, visible: Tensor, thermal: Tensor, *origins: tuple[int, int]) -> Tensor:
        height, width = visible.shape[-2:]
        places = origins or ((0, 0),) * grid.shape[0]
        tall, wide = (2 * AROUND_PX + side + -side % STRIDE_PX for side in (height, width))
        seen = torch.stack([frame[:, y : y + tall, x : x + wide] for frame, (y, x) in zip(grid, places)])
        painted: Tensor = self.paint(seen)
        return visible + painted[..., AROUND_PX : AROUND_PX + height, AROUND_PX : AROUND_PX + width]


class UNet(nn.Module):
    """Two 3x3 convolutions at each of four scales, down by strides and up again by bilinear doubling."""

    def __init__(self, widths: tuple[int, ...] = (12, 24, 48, 64)) -> None:
        super().__init__()
        inputs = (5, *widths[:-1])
        self.down = nn.ModuleList(
            conv(before, after, stride=1 + (before != 5)) for before, after in zip(inputs, widths)
        )
        self.within = nn.ModuleList(Residual(width) for width in widths)
        self.up = nn.ModuleList(nn.Conv2d(after, before, 1) for before, after in pairwise(widths))
        self.join = nn.ModuleList(conv(width, width) for width in widths[:-1])
        self.head = _nothing_at_first(nn.Conv2d(widths[0], 3, 1))

    def forward(self, seen: Tensor) -> Tensor:
        scales = []
        for down, within in zip(self.down, self.within):
            seen = within(F.relu(down(seen)))
            scales.append(seen)
        for up, join, scale in reversed(list(zip(self.up, self.join, scales))):
            seen = F.relu(join(scale + double(up(seen))))
        painted: Tensor = self.head(seen)
        return painted


class DepthWise(nn.Module):
    """Depth-wise 3x3 and point-wise convolutions at full resolution, dilated so that 28 px to either side are seen."""

    def __init__(self, width: int = 16, dilations: tuple[int, ...] = (1, 2, 4, 8, 8, 4)) -> None:
        super().__init__()
        self.stem = conv(5, width)
        self.blocks = nn.ModuleList(Reparameterised(width, dilation) for dilation in dilations)
        self.head = _nothing_at_first(nn.Conv2d(width, 3, 1))

    def forward(self, seen: Tensor) -> Tensor:
        seen = F.relu(self.stem(seen))
        for block in self.blocks:
            seen = seen + block(seen)
        painted: Tensor = self.head(seen)
        return painted


class Reparameterised(nn.Module):
    """relu(point-wise(3x3 + 1x1 + identity, each depth-wise)): three branches to be taught, one 3x3 to be run (RepVGG,
    Ding et al., CVPR 2021)."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.square = nn.Conv2d(
            width, width, 3, padding=dilation, dilation=dilation, groups=width, padding_mode="replicate"
        )
        self.point: nn.Conv2d | None = nn.Conv2d(width, width, 1, groups=width, bias=False)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, seen: Tensor) -> Tensor:
        weighed = self.square(seen)
        if self.point is not None:
            weighed = weighed + self.point(seen) + seen
        return F.relu(self.mix(weighed))

    @torch.no_grad()
    def to_one_branch(self) -> None:
        """Puts all three branches into the 3x3 kernel's weights: the same sums by a third of the operations."""
        if self.point is not None:
            self.square.weight[:, :, 1, 1] += self.point.weight[:, :, 0, 0] + 1.0
            self.point = None


def _nothing_at_first(head: nn.Conv2d) -> nn.Conv2d:
    """The untrained student hands the visible frame through, as the shipped one does."""
    nn.init.normal_(head.weight, std=1e-3)
    nn.init.zeros_(head.bias)  # type: ignore[arg-type]
    return head


SHIPPED = "maps by a guide (shipped)"
SHAPES: dict[str, Callable[[], Student]] = {
    SHIPPED: Student,
    "the same, half as wide": lambda: Student(StudentConfig(fine=8, middle=24, coarse=32)),
    "the same, 1.4 times as wide": lambda: Student(StudentConfig(fine=24, middle=64, coarse=88)),
    "maps without a guide": lambda: Student(StudentConfig(bins=1)),
    "colours added": AddedColours,
    "U-Net on all pixels": lambda: Painted(UNet()),
    "depth-wise on all pixels": lambda: Painted(DepthWise()),
}
