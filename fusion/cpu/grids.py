"""The student's network on the small view, layer by layer on the CPU: the grid of local maps of one frame.

These are the formulas of `student.GridNetwork.forward`, which is the one that is trained; a test holds them together.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion.cpu.convolution import Layer, pack, padded_channels
from fusion.cpu.meeting import Meeting
from fusion.cpu.slicing import lane_order
from fusion.cpu.small_view import CHANNELS
from fusion.cpu.steps import Image, Program, one_block, run_steps
from fusion.cpu.winograd import pack_positions
from fusion.shape import LANES, convolutions_of
from fusion.weights.arrays import StudentArrays

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class GridNetwork:
    """The network for views of one size, with room for one frame at a time.

    seen (1 + h + 1, 1 + w + 1, 5): the view, for `small_view` to fill; grid (h / 2, w / 2, bins * 16), its lanes in
    memory's order.
    """

    seen: Floats
    grid: Floats
    _steps: NDArray[np.void]
    _memory: Floats
    _rooms: Floats
    _learnt: Floats

    def run(self, met: Meeting, arrivals: int, part: int, parts: int) -> None:
        """Part number `part` of seen -> grid, while others run the rest; `arrivals`: at the meeting so far."""
        run_steps(self._steps, self._memory, self._rooms, self._learnt, met, arrivals, part, parts)


class GridMaker:
    """Networks of one student, for frames whose red is at index 0 or at 2. May be asked from several threads.

    Each of them can be run in `parts` parts or fewer.
    """

    def __init__(self, learnt: StudentArrays, parts: int = 1) -> None:
        arrays, bins, coarse = learnt.arrays, learnt.config.bins, learnt.config.coarse
        layers: dict[str, Layer] = {}
        for name, (inputs, _, size, stride) in convolutions_of(learnt.config).items():
            weight, bias = arrays[f"network.{name}.weight"], arrays[f"network.{name}.bias"]
            seen = CHANNELS if name == "stem" else padded_channels(inputs)
            if name == "head":
                for red in (0, 2):
                    lanes = (np.arange(bins)[:, None] * LANES + lane_order(red)).ravel()
                    layers[f"head {red}"] = pack(weight[lanes], bias[lanes], stride, seen)
            elif size == 3 and stride == 1:
                layers[name] = pack_positions(weight, bias, seen)
            else:
                layers[name] = pack(weight, bias, stride, seen)
        width = padded_channels(coarse)
        scene, scene_bias = np.zeros((width, width), np.float32), np.zeros(width, np.float32)
        scene[:coarse, :coarse] = arrays["network.scene.weight"]
        scene_bias[:coarse] = arrays["network.scene.bias"]
        layers["scene"] = Layer(scene, scene_bias, size=1, stride=1)
        self._placed, self._learnt = one_block(layers)
        self._parts = parts
        self._blocks = [f"coarse.{number}" for number in range(learnt.config.blocks)]
        self._kept = threading.local()

    def of_view(self, rows: int, columns: int, red: int) -> GridNetwork:
        """For views of that size, multiples of 8. The same one again for the thread's next view of that size.

        It is kept because fresh memory is handed out by the kernel page by page, at a price.
        """
        wanted = rows, columns, red
        if getattr(self._kept, "wanted", None) != wanted:
            self._kept.network, self._kept.wanted = self._made(rows, columns, red), wanted
        network: GridNetwork = self._kept.network
        return network

    def _made(self, rows: int, columns: int, red: int) -> GridNetwork:
        program, placed = Program(), self._placed

        def room(scale: int, layer: str) -> Image:
            return program.image(rows // scale + 2, columns // scale + 2, placed[layer].channels)

        def convolved(
            layer: str,
            source: Image,
            scale: int,
            extra: Image | None = None,
            relu: bool = True,
            to: Image | None = None,
        ) -> Image:
            return program.convolve(placed[layer], source, to or room(scale, layer), extra, relu)

        seen = program.image(rows + 2, columns + 2, CHANNELS)
        first = convolved("stem", seen, 2)
        fine = convolved("skip", first, 2)
        start = convolved("down_middle", fine, 4)
        between = convolved("middle.first", start, 4)
        middle = convolved("middle.second", between, 4, extra=start)
        coarse = convolved("down_coarse", middle, 8)
        within, spare = room(8, "down_coarse"), room(8, "down_coarse")
        for block in self._blocks:
            convolved(f"{block}.first", coarse, 8, to=within)
            coarse, spare = convolved(f"{block}.second", within, 8, extra=coarse, to=spare), coarse
        program.add_scene(placed["scene"], coarse)
        program.add_doubled(convolved("up_middle", coarse, 8, relu=False), middle)
        middle = convolved("join_middle", middle, 4, to=between)
        program.add_doubled(convolved("up_fine", middle, 4, relu=False), fine)
        fine = convolved("join_fine", fine, 2, to=first)
        head = placed[f"head {red}"]
        grid = program.image(rows // 2, columns // 2, head.channels)
        program.convolve(head, fine, grid, relu=False, bordered=False)
        steps, memory, rooms = program.finished(self._parts)
        return GridNetwork(seen.of(memory), grid.of(memory), steps, memory, rooms, self._learnt)
