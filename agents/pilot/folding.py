"""The pilot's network as layers for the compiled kernel: batch norms folded in, weights in the kernel's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.pilot.architecture import EPSILON, Separable, context_blocks, fine_blocks, merge_blocks
from agents.pilot.rows import GROUP
from agents.pilot.vectors import LINE_STEP, VECTOR

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Product:
    """A point-wise product: weights (groups, inputs, GROUP), bias (groups * GROUP,); padded with zeros."""

    weights: Doubles
    bias: Doubles


@dataclass(frozen=True)
class Stem:
    """weights (5, 5, bgr, 16): the order of the frame's bytes; bias (16,)."""

    weights: Doubles
    bias: Doubles


@dataclass(frozen=True)
class Block:
    """A separable block and, where there is one, the point-wise product behind it; taps (channels / 16, 10, 16)."""

    taps: Doubles
    stride: int
    dilation: int
    residual: bool
    body: Product
    last: Product | None


@dataclass(frozen=True)
class Layers:
    """stem, fine and context follow each other; merge begins with the outputs of both fine and context."""

    stem: Stem
    fine: tuple[Block, ...]
    context: tuple[Block, ...]
    merge: tuple[Block, ...]


def fold(arrays: Mapping[str, NDArray[Any]]) -> Layers:
    """`arrays` by the names of `network.PilotNetwork.state_dict`, of any width. All in float64: rounding to float32 is
    left to whoever stores the layers."""
    width = arrays["things.weight"].shape[1]
    *context, deepest = (
        _block(arrays, f"context.{number}", shape) for number, shape in enumerate(context_blocks(width))
    )
    narrow = _product(*_folded(arrays, f"context.{len(context) + 1}"))
    first, second = (_block(arrays, f"merge.{number}", shape) for number, shape in enumerate(merge_blocks(width)))
    weight, bias = (np.concatenate(parts) for parts in zip(*(_folded(arrays, head) for head in ("things", "distance"))))
    return Layers(
        stem=_stem(*_folded(arrays, "stem.0", "stem.1")),
        fine=tuple(_block(arrays, f"stem.{number}", shape) for number, shape in enumerate(fine_blocks(width), 3)),
        context=(*context, replace(deepest, last=narrow)),
        merge=(first, replace(second, last=_product(weight, bias))),
    )


def _stem(weight: Doubles, bias: Doubles) -> Stem:
    assert len(bias) == VECTOR
    return Stem(weight.transpose(2, 3, 1, 0)[:, :, ::-1], bias)


def _block(arrays: Mapping[str, NDArray[Any]], name: str, shape: Separable) -> Block:
    weight, bias = _folded(arrays, f"{name}.body.0", f"{name}.body.1")
    assert len(bias) % VECTOR == 0
    assert len(bias) <= LINE_STEP
    taps = np.concatenate([weight.reshape(len(bias), -1), bias[:, None]], axis=1)
    return Block(
        taps=taps.reshape(-1, VECTOR, taps.shape[1]).transpose(0, 2, 1),
        stride=shape.stride,
        dilation=shape.dilation,
        residual=shape.residual,
        body=_product(*_folded(arrays, f"{name}.body.3", f"{name}.body.4")),
        last=None,
    )


def _folded(arrays: Mapping[str, NDArray[Any]], convolution: str, norm: str = "") -> tuple[Doubles, Doubles]:
    """Weights and biases that do what the convolution and the batch norm behind it do."""
    weight = arrays[f"{convolution}.weight"].astype(np.float64)
    if not norm:
        return weight, arrays[f"{convolution}.bias"].astype(np.float64)
    scale, offset, mean, variance = (
        arrays[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / np.sqrt(variance + EPSILON)
    return weight * scale[:, None, None, None], (0.0 - mean) * scale + offset


def _product(weight: Doubles, bias: Doubles) -> Product:
    outputs, inputs = weight.shape[:2]
    groups = -(-outputs // GROUP)
    full, padded = np.zeros((groups * GROUP, inputs)), np.zeros(groups * GROUP)
    full[:outputs], padded[:outputs] = weight[:, :, 0, 0], bias
    return Product(full.reshape(groups, GROUP, inputs).transpose(0, 2, 1), padded)
