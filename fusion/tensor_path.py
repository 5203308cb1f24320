"""Frames as tensors, on any device: the student in PyTorch, in half precision or compiled where that is asked for.

The network on the small view takes the precision; slicing stays in float32, because a pixel's place in the grid needs
more than the eleven bits of a half. It is one trilinear `grid_sample`, which is what makes it fit for a GPU: the maps
are written once instead of once per bin.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.errors import FusionError
from fusion.student import CELL_PX, Student

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
BACKENDS = ("eager", "compile", "cuda-graph")

Fuse = Callable[[Tensor, Tensor], Tensor]


class TensorPath:
    """`fuse(visible, thermal)` in float32 in and out, on the device of the student.

    `backend`: "eager"; "compile", `torch.compile`, which needs a C++ compiler on a CPU and Triton on a GPU;
    "cuda-graph", which records the kernels of each frame size once and then launches them as one.
    """

    def __init__(self, student: Student, precision: str = "fp32", backend: str = "eager") -> None:
        if precision not in PRECISIONS:
            raise FusionError(f"precision is one of {', '.join(PRECISIONS)}, not {precision!r}")
        if backend not in BACKENDS:
            raise FusionError(f"backend for tensors is one of {', '.join(BACKENDS)}, not {backend!r}")
        self._student = student
        # Its own copy: under autocast every frame casts every weight anew, which on a GPU takes longer than it saves.
        self._half = PRECISIONS[precision]
        self._network = student.network
        if self._half != torch.float32:
            self._network = copy.deepcopy(student.network).to(self._half)
        self._graphs: dict[tuple[int, ...], tuple[Any, Tensor, Tensor, Tensor]] = {}
        self._run: Fuse = self._fuse
        if backend == "compile":
            self._run = torch.compile(self._fuse, dynamic=False)
        if backend == "cuda-graph":
            if self.device.type != "cuda":
                raise FusionError(f"backend 'cuda-graph' needs a CUDA device, not {self.device}")
            self._run = self._replay

    @property
    def device(self) -> torch.device:
        return self._student.curves.device

    def fuse(self, visible: Tensor, thermal: Tensor) -> Tensor:
        """visible (B, 3, H, W) RGB, thermal (B, 1, H, W), both in [0, 1] on `device` -> (B, 3, H, W) in [0, 1]."""
        return self._run(visible, thermal)

    def _fuse(self, visible: Tensor, thermal: Tensor) -> Tensor:
        grid = self._network(self._student.view(visible, thermal).to(self._half))
        return sliced(self._student, grid.float(), visible, thermal).clamp(0.0, 1.0)

    def _replay(self, visible: Tensor, thermal: Tensor) -> Tensor:
        key = tuple(visible.shape)
        if key not in self._graphs:
            self._graphs[key] = self._record(visible, thermal)
        graph, frame, heat, fused = self._graphs[key]
        frame.copy_(visible)
        heat.copy_(thermal)
        graph.replay()
        return fused.clone()

    def _record(self, visible: Tensor, thermal: Tensor) -> tuple[Any, Tensor, Tensor, Tensor]:
        frame, heat = visible.clone(), thermal.clone()
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):  # libraries choose their kernels and take their memory before the recording
            for _ in range(3):
                self._fuse(frame, heat)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            fused = self._fuse(frame, heat)
        return graph, frame, heat, fused


def sliced(student: Student, grid: Tensor, visible: Tensor, thermal: Tensor) -> Tensor:
    """What `Student.apply_grid` computes for a whole frame, by one interpolation in three dimensions.

    grid (B, gh, gw, bins, 16), visible (B, 3, H, W), thermal (B, 1, H, W) -> (B, 3, H, W), not clamped.
    """
    height, width = visible.shape[-2:]
    cell_rows, cell_columns, bins = grid.shape[1:4]
    guide = _guide(student, visible, thermal)
    y = _share_of_cells(torch.arange(height, device=grid.device), cell_rows)[None, :, None].expand_as(guide)
    x = _share_of_cells(torch.arange(width, device=grid.device), cell_columns)[None, None, :].expand_as(guide)
    places = torch.stack([x, y, guide * (2.0 / (bins - 1)) - 1.0], dim=-1)[:, None]
    volume = grid.permute(0, 4, 3, 1, 2)
    maps = F.grid_sample(volume, places, mode="bilinear", padding_mode="border", align_corners=True)[:, :, 0]
    red, green, blue = visible[:, 0:1], visible[:, 1:2], visible[:, 2:3]
    linear = maps[:, 0:3] * red + maps[:, 4:7] * green + maps[:, 8:11] * blue + maps[:, 12:15] * thermal
    return linear + maps[:, 3:12:4]


def _guide(student: Student, visible: Tensor, thermal: Tensor) -> Tensor:
    """`Student.guide` with the four curves looked up at once: 15 kernels for 56."""
    knots = student.config.knots
    position = torch.cat([visible, thermal], dim=1).clamp(0.0, 1.0) * knots
    below = position.floor().clamp(max=knots - 1)
    first = torch.arange(4, device=position.device)[:, None, None] * (knots + 1)
    index = below.long() + first
    curves = student.curves.flatten()
    total = torch.lerp(curves[index], curves[index + 1], position - below).sum(dim=1)
    return (0.5 + 0.5 * total / (1.0 + total.abs())) * (student.config.bins - 1)


def _share_of_cells(pixel: Tensor, cells: int) -> Tensor:
    """Places of pixels among the centres of the cells, from -1 (the first) to 1 (the last), as `grid_sample` wants."""
    position = ((pixel.float() + 0.5) / CELL_PX - 0.5).clamp(0.0, cells - 1.0)
    return position * (2.0 / (cells - 1)) - 1.0
