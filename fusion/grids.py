"""The student's network on the small view, layer by layer on the CPU: the grid of local maps of one frame.

These are the formulas of `student.GridNetwork.forward`, which is the one that is trained; a test holds them together.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fusion.convolution import Layer, add_doubled_rows, add_scene, convolve_rows, image, pack
from fusion.slicing import lane_order
from fusion.small_view import CHANNELS
from fusion.student import LANES, GridNetwork, Residual

Floats = NDArray[np.float32]
Bands = Callable[[int, Callable[[int, int], Any]], Any]
"""bands(rows, work) calls work(top, end) for all rows, in one band or in several at a time."""

_NONE = np.zeros((3, 3, 16), np.float32)


class GridMaker:
    """View -> grid, for frames whose red is at index 0 or at 2. May be called from several threads."""

    def __init__(self, network: GridNetwork) -> None:
        self._layers: dict[str, Layer] = {}
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d) and module is not network.head:
                inputs = CHANNELS if module is network.stem else -(-module.in_channels // 16) * 16
                self._layers[name] = pack(_array(module.weight), _array(module.bias), module.stride[0], inputs)
        self._blocks = [name for name, module in network.named_modules() if isinstance(module, Residual)][1:]
        weight, bias = _array(network.head.weight), _array(network.head.bias)
        for red in (0, 2):
            lanes = (np.arange(network.bins)[:, None] * LANES + lane_order(red)).ravel()
            self._layers[f"head {red}"] = pack(weight[lanes], bias[lanes], 1, -(-weight.shape[1] // 16) * 16)
        width = len(self._layers["down_coarse"].bias)
        self._scene = np.zeros((width, width), np.float32), np.zeros(width, np.float32)
        outputs, inputs = network.scene.weight.shape
        self._scene[0][:outputs, :inputs] = _array(network.scene.weight)
        self._scene[1][:outputs] = _array(network.scene.bias)
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


class TorchGridMaker:
    """The same for a network of any other shape, run by PyTorch as it stands."""

    def __init__(self, network: nn.Module, bins: int) -> None:
        self._network = network
        self._lanes = {red: lane_order(red) for red in (0, 2)}
        self._bins = bins

    @torch.inference_mode()
    def __call__(self, seen: Floats, red: int, bands: Bands) -> Floats:
        view = np.ascontiguousarray((seen[1:-1, 1:-1, :4] + np.float32(1.0)) * np.float32(0.5))
        grid: Floats = self._network(torch.from_numpy(view)[None].permute(0, 3, 1, 2))[0].numpy()
        return np.ascontiguousarray(grid[..., self._lanes[red]]).reshape(*grid.shape[:2], self._bins * LANES)


def _array(tensor: Tensor | None) -> Floats:
    assert tensor is not None
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)
