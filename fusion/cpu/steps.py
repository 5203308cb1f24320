"""A network as a list of steps over one block of memory: several threads run it, each its bands, and meet in between.

So a frame goes through two dozen layers without the interpreter, whose threads would wake each other at each of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from fusion.cpu.convolution import FAST, Layer, add_doubled_rows, add_scene, aligned, convolve_rows
from fusion.cpu.meeting import Meeting, meet
from fusion.cpu.winograd import convolve_squares, room_for

Floats = NDArray[np.float32]

_CONVOLVE, _CONVOLVE_SQUARES, _ADD_DOUBLED, _ADD_SCENE = range(4)
_LINE = 16
_FIELDS = """does source source_rows source_columns source_channels out out_rows out_columns out_channels bordered
    weights groups taps across bias size stride extra with_extra relu rows"""
STEP = np.dtype([(name, np.int64) for name in _FIELDS.split()])
"""What a step does is one of the four above. Source, out and extra are places of images in the memory, rows and
columns with their borders; weights and bias are places in what is learnt; `rows` (of squares of 2x2 pixels, where it
works with such) are shared out among the parts."""


@dataclass(frozen=True)
class Image:
    """A place in the memory: rows and columns with the border, if it has one."""

    at: int
    rows: int
    columns: int
    channels: int

    def of(self, memory: Floats) -> Floats:
        """(rows, columns, channels)"""
        end = self.at + self.rows * self.columns * self.channels
        return memory[self.at : end].reshape(self.rows, self.columns, self.channels)


@dataclass(frozen=True)
class Placed:
    """A layer, and where its weights and its bias stand in what is learnt."""

    layer: Layer
    weights: int
    bias: int

    @property
    def channels(self) -> int:
        return len(self.layer.bias)


def one_block(layers: dict[str, Layer]) -> tuple[dict[str, Placed], Floats]:
    """All that is learnt in one array, each part of it from a cache line on."""
    placed, parts, end = {}, [], 0
    for name, layer in layers.items():
        starts = []
        for part in (layer.weights, layer.bias):
            starts.append(end)
            parts.append((end, part.ravel()))
            end += _whole_lines(part.size)
        placed[name] = Placed(layer, *starts)
    block = aligned(end)
    for start, part in parts:
        block[start : start + part.size] = part
    return placed, block


def _whole_lines(floats: int) -> int:
    return -(-floats // _LINE) * _LINE


class Program:
    """Steps in the order in which they were added, and the memory that their images need."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, ...]] = []
        self._size = self._room = 0

    def image(self, rows: int, columns: int, channels: int) -> Image:
        """Room for one more."""
        image = Image(self._size, rows, columns, channels)
        self._size += _whole_lines(rows * columns * channels)
        return image

    def convolve(
        self, placed: Placed, source: Image, out: Image, extra: Image | None = None, relu: bool = True,
        bordered: bool = True
    ) -> Image:  # fmt: skip
        """out = convolution of source (+ extra) (, negatives set to zero).

        See `convolution.convolve_rows` and, for layers of `winograd.pack_positions`, `winograd.convolve_squares`.
        """
        groups, taps, across = placed.layer.weights.shape
        squares = placed.layer.by_squares
        if squares:
            self._room = max(self._room, room_for(out.columns - 2, source.channels, out.channels))
        self._add(
            _CONVOLVE_SQUARES if squares else _CONVOLVE, source, out, bordered, weights=placed.weights,
            bias=placed.bias, groups=groups, taps=taps, across=across, size=placed.layer.size,
            stride=placed.layer.stride, extra=extra.at if extra else 0, with_extra=extra is not None, relu=relu
        )  # fmt: skip
        return out

    def add_doubled(self, small: Image, out: Image) -> None:
        """out += small at twice its size."""
        self._add(_ADD_DOUBLED, small, out)

    def add_scene(self, placed: Placed, out: Image) -> None:
        """See `convolution.add_scene`."""
        self._add(_ADD_SCENE, out, out, weights=placed.weights, bias=placed.bias)

    def _add(self, does: int, source: Image, out: Image, bordered: bool = True, **others: int) -> None:
        row = dict.fromkeys(STEP.names or (), 0) | others | {"does": does, "bordered": bordered}
        rows = out.rows - 2 * bordered
        row["rows"] = -(-rows // 2) if does == _CONVOLVE_SQUARES else rows
        for name, image in (("source", source), ("out", out)):
            row |= {name: image.at, f"{name}_rows": image.rows, f"{name}_columns": image.columns}
            row[f"{name}_channels"] = image.channels
        self._steps.append(tuple(int(row[name]) for name in STEP.names or ()))

    def finished(self, parts: int) -> tuple[NDArray[np.void], Floats, Floats]:
        """For `run_steps` in so many parts or fewer: the steps, their memory, and room (parts, floats) of each part."""
        floats = _whole_lines(self._room)
        return np.array(self._steps, STEP), aligned(self._size), aligned(parts * floats).reshape(parts, floats)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def run_steps(
    steps: NDArray[np.void], memory: Floats, rooms: Floats, learnt: Floats, met: Meeting, arrivals: int, part: int,
    parts: int
) -> None:  # fmt: skip
    """Runs part number `part` of `parts`, which must all run at the same time; `arrivals`: at the meeting so far."""
    for number in range(len(steps)):
        step = steps[number]
        width = step.out_channels
        source = _image(memory, step.source, step.source_rows, step.source_columns, step.source_channels)
        out = _image(memory, step.out, step.out_rows, step.out_columns, width)
        top, end = step.rows * part // parts, step.rows * (part + 1) // parts
        bias = learnt[step.bias : step.bias + width]
        if step.does == _CONVOLVE or step.does == _CONVOLVE_SQUARES:
            groups, taps, across = step.groups, step.taps, step.across
            weights = learnt[step.weights : step.weights + groups * taps * across].reshape((groups, taps, across))
            extra = _image(memory, step.extra, step.out_rows, step.out_columns, width)
            if step.does == _CONVOLVE:
                convolve_rows(source, weights, bias, step.size, step.stride, extra, step.with_extra != 0,
                              step.relu != 0, out, step.bordered != 0, top, end)  # fmt: skip
            else:
                convolve_squares(source, weights, bias, extra, step.with_extra != 0, step.relu != 0, out, rooms[part],
                                 top, end)  # fmt: skip
        elif step.does == _ADD_DOUBLED:
            add_doubled_rows(source, out, top, end)
        elif part == 0:
            weights = learnt[step.weights : step.weights + width * width].reshape((1, width, width))
            add_scene(out, weights[0], bias)
        meet(met, arrivals + parts * (number + 1))


@numba.njit(nogil=True, inline="always")
def _image(memory: Floats, at: int, rows: int, columns: int, channels: int) -> Floats:
    return memory[at : at + rows * columns * channels].reshape((rows, columns, channels))
