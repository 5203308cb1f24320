"""The pilot's network as layers for the compiled kernel: batch norms folded in, weights in the kernel's order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.pilot.network import PilotNetwork, Separable
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


def fold(network: PilotNetwork) -> Layers:
    """All in float64. Rounding to float32 is left to whoever stores them."""
    convolution, norm, _, *fine = network.stem
    *context, narrow = network.context
    heads = [_folded(network.things), _folded(network.distance)]
    weight, bias = (np.concatenate(parts) for parts in zip(*heads))
    first, second = network.merge
    return Layers(
        stem=_stem(*_folded(convolution, norm)),
        fine=tuple(_block(block) for block in fine),
        context=(*(_block(block) for block in context[:-1]), _block(context[-1], _product(*_folded(narrow)))),
        merge=(_block(first), _block(second, _product(weight, bias))),
    )


def _stem(weight: Doubles, bias: Doubles) -> Stem:
    assert len(bias) == VECTOR
    return Stem(weight.transpose(2, 3, 1, 0)[:, :, ::-1], bias)


def _block(block: nn.Module, last: Product | None = None) -> Block:
    assert isinstance(block, Separable)
    depthwise, norm, _, pointwise, norm_behind, _ = block.body
    assert isinstance(depthwise, nn.Conv2d)
    weight, bias = _folded(depthwise, norm)
    assert len(bias) % VECTOR == 0
    assert len(bias) <= LINE_STEP
    taps = np.concatenate([weight.reshape(len(bias), -1), bias[:, None]], axis=1)
    return Block(
        taps=taps.reshape(-1, VECTOR, taps.shape[1]).transpose(0, 2, 1),
        stride=depthwise.stride[0],
        dilation=int(depthwise.dilation[0]),
        residual=block.residual,
        body=_product(*_folded(pointwise, norm_behind)),
        last=last,
    )


def _folded(convolution: nn.Module, norm: nn.Module | None = None) -> tuple[Doubles, Doubles]:
    """Weights and biases that do what the convolution and the batch norm behind it do."""
    assert isinstance(convolution, nn.Conv2d)
    weight = _array(convolution.weight)
    bias = np.zeros(len(weight)) if convolution.bias is None else _array(convolution.bias)
    if norm is None:
        return weight, bias
    assert isinstance(norm, nn.BatchNorm2d)
    scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    return weight * scale[:, None, None, None], (bias - _array(norm.running_mean)) * scale + _array(norm.bias)


def _product(weight: Doubles, bias: Doubles) -> Product:
    outputs, inputs = weight.shape[:2]
    groups = -(-outputs // GROUP)
    full, padded = np.zeros((groups * GROUP, inputs)), np.zeros(groups * GROUP)
    full[:outputs], padded[:outputs] = weight[:, :, 0, 0], bias
    return Product(full.reshape(groups, GROUP, inputs).transpose(0, 2, 1), padded)


def _array(tensor: Tensor | None) -> Doubles:
    assert tensor is not None
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)
