"""The pilot's network as it runs in the loop: the formulas of `network.PilotNetwork`, compiled for the CPU.

Batch norms are folded into the convolutions. A test holds it together with the module that is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.pilot.network import STRIDE, PilotNetwork, Separable
from agents.pilot.rows import BORDER, STEM_BORDER, STEM_ROWS, first_rows, separable_rows
from agents.pilot.vectors import LINE_STEP, PIXEL, RING_ROWS, TILE_PX, TILE_SIXTEENS, VECTOR

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# The coarsest image is a sixteenth of the frame, and at least a tile wide.
_COARSEST = 16
LEAST_WIDTH = _COARSEST * TILE_PX
# The rows of one frame keep no more threads busy.
MOST_THREADS = 8
_NO_IMAGE = np.zeros((2 * BORDER, 2 * BORDER, VECTOR), np.float32)


@dataclass(frozen=True)
class _Pointwise:
    """weights (groups, inputs, group of outputs) and bias, outputs padded with zeros to whole groups."""

    weights: Floats
    bias: Floats


@dataclass(frozen=True)
class _Block:
    """A separable block and, where there is one, the point-wise product behind it. `taps`: see `depthwise_line`."""

    taps: Floats
    stride: int
    dilation: int
    residual: bool
    body: _Pointwise
    last: _Pointwise


_NOTHING = _Pointwise(np.zeros((0, 0, 0), np.float32), np.zeros(0, np.float32))


class CompiledNetwork:
    """Frame -> grid, with `threads` threads; the grid is the same to the last bit for any number of them.

    One caller at a time: the memory that the layers write to is kept.
    """

    def __init__(self, network: PilotNetwork, threads: int = 1) -> None:
        self._threads = min(threads, MOST_THREADS)
        self._pool = ThreadPoolExecutor(self._threads - 1, "pilot") if self._threads > 1 else None
        weight, bias = _folded(network.stem[0], network.stem[1])
        # (outputs, rgb, down, across) -> (down, across, bgr, outputs)
        self._stem = np.ascontiguousarray(weight.transpose(2, 3, 1, 0)[:, :, ::-1], np.float32), _float(bias)
        self._first = _block(network.stem[3])
        self._fine = [_block(block) for block in network.stem[4:]]
        *context, narrow = network.context
        self._context = [_block(block) for block in context[:-1]] + [_block(context[-1], _folded(narrow))]
        heads = [np.concatenate(parts) for parts in zip(_folded(network.things), _folded(network.distance))]
        self._merge = [_block(network.merge[0]), _block(network.merge[1], (heads[0], heads[1]))]
        self._images: dict[tuple[str, int, int, int], Floats] = {}
        self._shape = (0, 0)

    def __call__(self, bgra: NDArray[np.uint8]) -> Floats:
        """bgra (H, W, 4) -> (H / 8, W / 8, 7 or more): logits by `Thing`, then ln(distance / m), then padding.

        H and W are multiples of 16, W at least LEAST_WIDTH; ValueError if not. The next call overwrites what is returned.
        """
        frame = _checked(bgra)
        height, width = frame.shape[:2]
        if self._shape != (height, width):
            self._shape = height, width
            self._images.clear()
            self._own = [_Own(width) for _ in range(self._threads)]
        image = self._image("a", self._first, 4)

        def first(own: _Own, top: int, end: int) -> None:
            block = self._first
            first_rows(frame, *self._stem, block.taps, block.body.weights, block.body.bias, image, own.ring, own.made,
                       own.lines[0], top, end)  # fmt: skip

        self._in_bands(height // 4, first)
        image = self._through(self._fine[:1], image, 4)
        fine = self._through(self._fine[1:], image, STRIDE)
        coarse = self._through(self._context, fine, _COARSEST)
        merged = self._separable(self._merge[0], fine, STRIDE, "merge", coarse)
        grid = self._separable(self._merge[1], merged, STRIDE, "grid")
        return grid[BORDER:-BORDER, BORDER:-BORDER]

    def _through(self, blocks: list[_Block], image: Floats, scale: int) -> Floats:
        for number, block in enumerate(blocks):
            image = self._separable(block, image, scale, "ba"[number % 2])
        return image

    def _separable(self, block: _Block, x: Floats, scale: int, name: str, coarse: Floats | None = None) -> Floats:
        out = self._image(name, block, scale)
        beside = _NO_IMAGE if coarse is None else coarse

        def work(own: _Own, top: int, end: int) -> None:
            separable_rows(x, block.stride, block.dilation, beside, coarse is not None, block.taps, block.body.weights,
                           block.body.bias, block.residual, block.last.weights, block.last.bias, out, own.lines, top,
                           end)  # fmt: skip

        self._in_bands(self._shape[0] // scale, work)
        return out

    def _image(self, name: str, block: _Block, scale: int) -> Floats:
        """Kept between calls; nothing but zeros is ever in its border."""
        rows, columns = (size // scale + 2 * BORDER for size in self._shape)
        key = name, rows, columns, len(block.last.bias) or len(block.body.bias)
        if key not in self._images:
            self._images[key] = _aligned(*key[1:])
        return self._images[key]

    def _in_bands(self, rows: int, work: Callable[[_Own, int, int], Any]) -> None:
        """Calls work(own, top, end) for as many bands of the rows as there are threads."""
        cuts = [rows * i // self._threads for i in range(self._threads + 1)]
        others = [
            self._pool.submit(work, own, top, end)
            for own, (top, end) in zip(self._own[1:], pairwise(cuts[1:]))
            if self._pool is not None
        ]
        work(self._own[0], cuts[0], cuts[1])
        for other in others:
            other.result()


class _Own:
    """The memory of one thread, for frames of one width."""

    def __init__(self, width: int) -> None:
        self.ring = _aligned(RING_ROWS, (width + 2 * STEM_BORDER) * PIXEL)
        self.made = _aligned(STEM_ROWS, (width // 2 + 2) * VECTOR)
        self.lines = _aligned(2, width // 4 * LINE_STEP)


def _checked(bgra: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Contiguous and read-only: one and the same type for the kernels."""
    if bgra.ndim != 3 or bgra.shape[2] != PIXEL or bgra.dtype != np.uint8:
        raise ValueError(f"a frame is (H, W, 4) uint8, not {bgra.shape} {bgra.dtype}")
    height, width = bgra.shape[:2]
    if height % _COARSEST or width % _COARSEST or not height or width < LEAST_WIDTH:
        raise ValueError(f"a frame's sides are multiples of {_COARSEST}, its width {LEAST_WIDTH} or more; not {bgra.shape}")
    view = np.ascontiguousarray(bgra).view()
    view.flags.writeable = False
    return view


def _block(block: nn.Module, last: tuple[Doubles, Doubles] | None = None) -> _Block:
    assert isinstance(block, Separable)
    depthwise, pointwise = block.body[0], block.body[3]
    assert isinstance(depthwise, nn.Conv2d)
    weight, bias = _folded(depthwise, block.body[1])
    sixteens = len(bias) // VECTOR
    taps = np.concatenate([weight.reshape(len(bias), -1), bias[:, None]], axis=1).T
    return _Block(
        taps=_float(taps.reshape(-1, sixteens, VECTOR).transpose(1, 0, 2)),
        stride=depthwise.stride[0],
        dilation=depthwise.dilation[0],
        residual=block.residual,
        body=_pointwise(*_folded(pointwise, block.body[4])),
        last=_NOTHING if last is None else _pointwise(*last),
    )


def _folded(convolution: nn.Module, norm: nn.Module | None = None) -> tuple[Doubles, Doubles]:
    """Weights and biases that do what the convolution and the batch norm behind it do."""
    assert isinstance(convolution, nn.Conv2d)
    weight = _double(convolution.weight)
    bias = np.zeros(len(weight)) if convolution.bias is None else _double(convolution.bias)
    if norm is None:
        return weight, bias
    assert isinstance(norm, nn.BatchNorm2d)
    scale = _double(norm.weight) / np.sqrt(_double(norm.running_var) + norm.eps)
    return weight * scale[:, None, None, None], (bias - _double(norm.running_mean)) * scale + _double(norm.bias)


def _pointwise(weight: Doubles, bias: Doubles) -> _Pointwise:
    outputs, inputs = weight.shape[:2]
    group = TILE_SIXTEENS * VECTOR
    groups = -(-outputs // group)
    full, padded = np.zeros((groups * group, inputs)), np.zeros(groups * group)
    full[:outputs], padded[:outputs] = weight[:, :, 0, 0], bias
    return _Pointwise(_float(full.reshape(groups, group, inputs).transpose(0, 2, 1)), _float(padded))


def _double(tensor: Tensor | None) -> Doubles:
    assert tensor is not None
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)


def _float(array: Doubles) -> Floats:
    out = _aligned(*array.shape)
    out[:] = array
    return out


def _aligned(*shape: int) -> Floats:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape))
    room = np.zeros(size + VECTOR, np.float32)
    skip = -room.ctypes.data % 64 // 4
    return room[skip : skip + size].reshape(shape)
