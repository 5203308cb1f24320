"""Who makes which row of which layer when, and where it stands in memory: for frames of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.pilot.architecture import STRIDE
from agents.pilot.folding import Block, Layers
from agents.pilot.rows import BORDER, FRAME, LAYER, SEPARABLE, STEM
from agents.pilot.vectors import LINE_STEP, PIXEL, STEM_SIZE, STEM_STRIDE, VECTOR

Floats = NDArray[np.float32]
Fields = dict[str, int]

COARSEST = 16
"""The coarsest image has a sixteenth of the frame's sides."""


@dataclass(frozen=True)
class Work:
    """One thread's part of a step: what `rows.chain_rows` takes."""

    layers: NDArray[Any]
    order: NDArray[np.int64]
    line: int


@dataclass(frozen=True)
class Plan:
    """steps: each begins when all threads have done their part of the one before; grid: what the last one makes."""

    shape: tuple[int, int]
    weights: Floats
    memory: Floats
    steps: tuple[tuple[Work, ...], ...]
    grid: Floats


@dataclass(frozen=True)
class _Rows:
    """An image in memory, or a ring of its last rows."""

    at: int
    kept: int
    height: int
    columns: int
    channels: int

    @property
    def row(self) -> int:
        return (self.columns + 2 * BORDER) * self.channels


def plan_for(layers: Layers, height: int, width: int, threads: int, wanted: tuple[int, int] | None = None) -> Plan:
    """height and width are multiples of COARSEST; wanted: first row of the grid, and the one after the last."""
    weights = _Store()
    first = [_stem_fields(layers, weights), *(_block_fields(block, weights) for block in layers.fine)]
    context = [_block_fields(block, weights) for block in layers.context]
    merge = [_block_fields(block, weights) for block in layers.merge]
    taken: Fields = {"kind": FRAME, "stride": 1, "reach": 0, "depth": PIXEL}

    deepest = max(PIXEL, *(fields["depth"] for fields in (*first, *context, *merge)))
    memory = _Memory((width + 2 * BORDER) * deepest)  # it begins with the zeros: no row is longer
    lines = [memory.take(2 * (width // 4) * LINE_STEP) for _ in range(threads)]

    def image(scale: int, fields: Fields) -> _Rows:
        return memory.rows(height // scale, height // scale, width // scale, fields["depth"])

    def step(
        chain: Sequence[Fields], x: _Rows, out: _Rows, wanted: tuple[int, int], coarse: _Rows | None = None
    ) -> tuple[Work, ...]:
        """The rows of `out` shared out among the threads; rows that two of them need of others both make."""
        first_row, end_row = wanted
        cuts = [first_row + (end_row - first_row) * i // threads for i in range(threads + 1)]
        return tuple(
            Work(_table(chain, x, out, coarse, memory), _order(chain, x.height, top, end), line)
            for line, (top, end) in zip(lines, pairwise(cuts))
        )

    frame = _Rows(0, height, height, width, PIXEL)  # not in this memory
    fine = image(STRIDE, first[-1])
    grid = image(STRIDE, merge[-1])
    rows = [wanted or (0, grid.height)]
    of_fine = _needed(merge, *rows[0], fine.height)
    rows.append((of_fine[0] // 2, (of_fine[1] + 1) // 2))
    for fields in reversed(context):
        rows.append(_needed([fields], *rows[-1], fine.height if fields is context[0] else height // COARSEST))
    rows[-1] = min(rows[-1][0], of_fine[0]), max(rows[-1][1], of_fine[1])
    steps = [step([taken, *first], frame, fine, rows.pop())]
    coarse = fine
    for fields in context:
        below = image(COARSEST, fields)
        steps.append(step([fields], coarse, below, rows.pop()))
        coarse = below
    steps.append(step(merge, fine, grid, rows.pop(), coarse))
    array = memory.array()
    made = array[grid.at : grid.at + grid.height * grid.row].reshape(grid.height, -1, grid.channels)
    return Plan((height, width), weights.array(), array, tuple(steps), made[:, BORDER:-BORDER])


def _stem_fields(layers: Layers, weights: _Store) -> Fields:
    places = {"weights": weights.add(layers.stem.weights), "bias": weights.add(layers.stem.bias)}
    return {"kind": STEM, "stride": STEM_STRIDE, "reach": STEM_SIZE // 2, "depth": VECTOR, **places}


def _block_fields(block: Block, weights: _Store) -> Fields:
    fields = {
        "kind": SEPARABLE,
        "stride": block.stride,
        "reach": block.dilation,
        "residual": int(block.residual),
        "taps": weights.add(block.taps),
        "weights": weights.add(block.body.weights),
        "bias": weights.add(block.body.bias),
        "outputs": len(block.body.bias),
        "depth": len((block.last or block.body).bias),
    }
    if block.last is None:
        return fields
    last = {"last_weights": weights.add(block.last.weights), "last_bias": weights.add(block.last.bias)}
    return {**fields, **last, "last_outputs": len(block.last.bias)}


def _table(chain: Sequence[Fields], x: _Rows, out: _Rows, coarse: _Rows | None, memory: _Memory) -> NDArray[Any]:
    """`coarse` joins the input of the first layer."""
    table = np.zeros(len(chain), LAYER)
    for n, fields in enumerate(chain):
        stride, depth = fields["stride"], fields["depth"]
        if fields is chain[-1]:
            to = out
        else:
            # The rows that the next layer's window covers: it follows at once.
            kept = 2 * chain[n + 1]["reach"] + 1
            to = memory.rows(kept, x.height // stride, x.columns // stride, depth)
        joined = (
            {} if coarse is None else {"coarse": coarse.at, "coarse_row": coarse.row, "coarse_depth": coarse.channels}
        )
        places = {
            "x": x.at, "x_rows": x.kept, "x_height": x.height, "x_row": x.row, "x_depth": x.channels,
            "out": to.at, "rows": to.kept, "height": to.height, "row": to.row, "columns": to.columns,
        }  # fmt: skip
        for name, value in {**fields, **places, **joined}.items():
            table[n][name] = value
        x, coarse = to, None
    return table


def _needed(chain: Sequence[Fields], top: int, end: int, height: int) -> tuple[int, int]:
    """Which of the `height` rows of a chain's input its rows top <= y < end are made of."""
    last = end - 1
    for fields in reversed(chain):
        top, last = top * fields["stride"] - fields["reach"], last * fields["stride"] + fields["reach"]
    return max(top, 0), min(last + 1, height)


def _order(chain: Sequence[Fields], height: int, top: int, end: int) -> NDArray[np.int64]:
    """Layer and row by turns, for rows top <= y < end of the last layer: each row is made as late as it can be."""
    heights, next_ = [], [0] * len(chain)
    for fields in chain:
        height //= fields["stride"]
        heights.append(height)
    first = top
    for n in reversed(range(len(chain))):
        next_[n] = first
        first = max(first * chain[n]["stride"] - chain[n]["reach"], 0)
    order: list[tuple[int, int]] = []

    def make(n: int, last: int) -> None:
        while next_[n] <= min(last, heights[n] - 1):
            y = next_[n]
            if n > 0:
                make(n - 1, y * chain[n]["stride"] + chain[n]["reach"])
            order.append((n, y))
            next_[n] += 1

    make(len(chain) - 1, end - 1)
    return np.array(order, np.int64).reshape(-1, 2)


class _Memory:
    """Hands out places in an array of floats, each at a cache line."""

    def __init__(self, size: int = 0) -> None:
        self._size = size

    def take(self, floats: int) -> int:
        at = self._size
        self._size += -(-floats // VECTOR) * VECTOR
        return at

    def rows(self, kept: int, height: int, columns: int, channels: int) -> _Rows:
        return _Rows(self.take(kept * (columns + 2 * BORDER) * channels), kept, height, columns, channels)

    def array(self) -> Floats:
        """Zeros."""
        room = np.zeros(self._size + VECTOR, np.float32)
        skip = -room.ctypes.data % 64 // 4
        return room[skip : skip + self._size]


class _Store(_Memory):
    """The weights, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: dict[int, NDArray[np.float64]] = {}

    def add(self, part: NDArray[np.float64]) -> int:
        at = self.take(part.size)
        self._parts[at] = part
        return at

    def array(self) -> Floats:
        out = super().array()
        for at, part in self._parts.items():
            out[at : at + part.size] = part.ravel()
        return out
