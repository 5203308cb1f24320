"""The shape of the pilot's network, for those who need no PyTorch: what it tells apart, its scales and its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

STRIDE = 8
# Distances are learned as ln(metres) between these bounds.
NEAREST_M, FARTHEST_M = 1.5, 80.0
# What a batch norm adds to a variance before its root.
EPSILON = 1e-5


class Thing(IntEnum):
    """What a grid cell can show. Lights and signs count only where they face the camera."""

    NOTHING = 0
    VEHICLE = 1
    PERSON = 2  # pedestrians, riders and their two-wheelers
    RED_LIGHT = 3  # red or yellow
    GREEN_LIGHT = 4
    STOP_SIGN = 5


@dataclass(frozen=True)
class Separable:
    """A depth-wise 3x3 convolution and a point-wise one behind it."""

    inputs: int
    outputs: int
    stride: int = 1
    dilation: int = 1

    @property
    def residual(self) -> bool:
        return self.stride == 1 and self.inputs == self.outputs


def fine_blocks(width: int) -> tuple[Separable, ...]:
    """Behind the first convolution, which makes 16 channels at half the resolution."""
    same = Separable(width, width)
    return Separable(16, 32, 2), Separable(32, 32), Separable(32, width, 2), same, same


def context_blocks(width: int) -> tuple[Separable, ...]:
    """Half the resolution and dilation: a cell has to see the whole vehicle and the road it stands on."""
    twice = 2 * width
    dilated = (Separable(twice, twice, dilation=dilation) for dilation in (2, 4, 2))
    return Separable(width, twice, 2), *dilated


def merge_blocks(width: int) -> tuple[Separable, ...]:
    """On the fine image and the context, one behind the other."""
    return Separable(2 * width, width), Separable(width, width)


def tensor_shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what a network of this width learns, as `network.PilotNetwork.state_dict` has them."""
    shapes: dict[str, tuple[int, ...]] = {"stem.0.weight": (16, 3, 5, 5), **_norm("stem.1", 16)}
    named = (
        *((f"stem.{number}", block) for number, block in enumerate(fine_blocks(width), 3)),
        *((f"context.{number}", block) for number, block in enumerate(context_blocks(width))),
        *((f"merge.{number}", block) for number, block in enumerate(merge_blocks(width))),
    )
    for name, block in named:
        shapes[f"{name}.body.0.weight"] = (block.inputs, 1, 3, 3)
        shapes[f"{name}.body.3.weight"] = (block.outputs, block.inputs, 1, 1)
        shapes |= _norm(f"{name}.body.1", block.inputs) | _norm(f"{name}.body.4", block.outputs)
    last = f"context.{len(context_blocks(width))}"
    for name, inputs, outputs in ((last, 2 * width, width), ("things", width, len(Thing)), ("distance", width, 1)):
        shapes |= {f"{name}.weight": (outputs, inputs, 1, 1), f"{name}.bias": (outputs,)}
    return shapes


def _norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts} | {f"{name}.num_batches_tracked": ()}
