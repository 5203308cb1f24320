"""The student's network on the small view, layer by layer on the CPU: the grid of local maps of one frame.

These are the formulas of `student.GridNetwork.forward`, which is the one that is trained; a test holds them together.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.convolution import Layer, add_doubled_rows, add_scene, convolve_rows, image, pack
from fusion.shape import LANES, convolutions_of
from fusion.slicing import lane_order
from fusion.small_view import CHANNELS
from fusion.weights.arrays import StudentArrays

Floats = NDArray[np.float32]
Bands = Callable[[int, Callable[[int, int], Any]], Any]
"""bands(rows, work) calls work(top, end) for all rows, in one band or in several at a time."""

_NONE = np.zeros((3, 3, 16), np.float32)


class GridMaker:
    """View -> grid, for frames whose red is at index 0 or at 2. May be called from several threads."""

    def __init__(self, learnt: StudentArrays) -> None:
        arrays, bins = learnt.arrays, learnt.config.bins
        self._layers: dict[str, Layer] = {}
        for name, (inputs, _, _, stride) in convolutions_of(learnt.config).items():
            weight, bias = arrays[f"network.{name}.weight"], arrays[f"network.{name}.bias"]
            seen = CHANNELS if name == "stem" else -(-inputs // 16) * 16
            if name == "head":
                for red in (0, 2):
                    lanes = (np.arange(bins)[:, None] * LANES + lane_order(red)).ravel()
                    self._layers[f"head {red}"] = pack(weight[lanes], bias[lanes], stride, seen)
            else:
                self._layers[name] = pack(weight, bias, stride, seen)
        self._blocks = [f"coarse.{number}" for number in range(learnt.config.blocks)]
        width = len(self._layers["down_coarse"].bias)
        self._scene = np.zeros((width, width), np.float32), np.zeros(width, np.float32)
        coarse = learnt.config.coarse
        self._scene[0][:coarse, :coarse] = arrays["network.scene.weight"]
        self._scene[1][:coarse] = arrays["network.scene.bias"]
        self._kept = threading.local()

    def __call__(self, seen: Floats, red: int, bands: Bands) -> Floats:
        """seen (1 + h + 1, 1 + w + 1, 5) from `small_view` -> grid (h / 2, w / 2, bins * 16), lanes in memory's order.

        What is returned is overwritten by the next call from the same thread.
        """
        rows, columns = seen.shape[0] - 2, seen.shape[1] - 2

        def convolved(
            name: str, x: Floats, to: str, scale: int, extra: Floats | None = None, relu: bool = True
        ) -> Floats:
            layer = self._layers[name]
            out = self._room(to, rows // scale, columns // scale, len(layer.bias))
            beside = _NONE if extra is None else extra

            def work(top: int, end: int) -> None:
                convolve_rows(x, layer.weights, layer.bias, layer.size, layer.stride, beside, extra is not None, relu,
                              out, True, top, end)  # fmt: skip

            bands(rows // scale, work)
            return out

        def enlarged(small: Floats, out: Floats) -> Floats:
            bands(out.shape[0] - 2, lambda top, end: add_doubled_rows(small, out, top, end))
            return out

        fine = convolved("skip", convolved("stem", seen, "fine 1", 2), "fine 2", 2)
        middle = convolved("down_middle", fine, "middle 1", 4)
        between = convolved("middle.first", middle, "middle 2", 4)
        middle = convolved("middle.second", between, "middle 3", 4, extra=middle)
        coarse = convolved("down_coarse", middle, "coarse 0", 8)
        for number, block in enumerate(self._blocks):
            between = convolved(f"{block}.first", coarse, "coarse 2", 8)
            coarse = convolved(f"{block}.second", between, f"coarse {number % 2 + 3}", 8, extra=coarse)
        add_scene(coarse, *self._scene)
        middle = enlarged(convolved("up_middle", coarse, "coarse 5", 8, relu=False), middle)
        middle = convolved("join_middle", middle, "middle 2", 4)
        fine = enlarged(convolved("up_fine", middle, "middle 4", 4, relu=False), fine)
        fine = convolved("join_fine", fine, "fine 1", 2)
        head = self._layers[f"head {red}"]
        grid = self._room("grid", rows // 2 - 2, columns // 2 - 2, len(head.bias))

        def last(top: int, end: int) -> None:
            convolve_rows(fine, head.weights, head.bias, 1, 1, _NONE, False, False, grid, False, top, end)

        bands(rows // 2, last)
        return grid

    def _room(self, name: str, rows: int, columns: int, channels: int) -> Floats:
        """Kept between calls: fresh memory is handed out by the kernel page by page, at a price."""
        rooms: dict[str, Floats] = self._kept.__dict__
        wanted = (rows + 2, columns + 2, channels)
        if name not in rooms or rooms[name].shape != wanted:
            rooms[name] = image(rows, columns, channels)
        return rooms[name]
