"""Frames as tensors, on any device: the student in PyTorch, in half precision or compiled where that is asked for.

The network on the small view takes the precision; slicing stays in float32, because a pixel's place in the grid needs
more than the eleven bits of a half. It is one trilinear `grid_sample`, which is what makes it fit for a GPU: the maps
are written once instead of once per bin.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.cpu.byte_path import FLAT_GREY_LEVELS
from fusion.errors import FusionError
from fusion.shape import CELL_PX, cells_of
from fusion.student import Student, colour_of
from fusion.training.losses import luminance

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
BACKENDS = ("eager", "compile", "cuda-graph")

Constants = tuple[Tensor, Tensor, Tensor]
"""Of frames of one size: places of the rows (1, H, 1) and of the columns (1, 1, W) among the centres of the cells, from
-1 (the first) to 1 (the last), as `grid_sample` wants them, and where each of the guide's four curves begins among all
their knots (4, 1, 1)."""

Fuse = Callable[[Tensor, Tensor, Constants], Tensor]


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
        # Kept: on a GPU they would be a dozen kernels of every frame, and a recorded graph reads them where they lie.
        self._constants: dict[tuple[int, int], Constants] = {}
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

    @torch.inference_mode(False)  # nobody can train on its tensors, nor copy into those of a graph recorded in it
    @torch.no_grad()
    def fuse_frames(self, visible: Tensor, thermal: Tensor | None, bgr: bool = False) -> Tensor:
        """Frames as a user has them, visible (B, 3 or 4, H, W) and thermal (B, 1, H, W) or None, floats in [0, 1] of
        any dtype and device -> as `visible`. Checks them; FusionError where they do not go together."""
        _check(visible, thermal)
        rgb = visible[:, :3].flip(1) if bgr else visible[:, :3]
        if not self._student.config.thermal:
            thermal = luminance(rgb)
        if thermal is None or thermal.shape[0] == 0:
            return visible.clone()
        parameter = self._student.curves
        heat = thermal.to(parameter)
        fused = self.fuse(rgb.to(parameter), heat)
        fused = torch.cat([(fused.flip(1) if bgr else fused).to(visible), visible[:, 3:]], dim=1)
        seen = heat.flatten(1).std(dim=1, correction=0) >= FLAT_GREY_LEVELS / 255.0
        return torch.where(seen.to(visible.device)[:, None, None, None], fused, visible)

    def fuse(self, visible: Tensor, thermal: Tensor) -> Tensor:
        """visible (B, 3, H, W) RGB, thermal (B, 1, H, W), both in [0, 1] on `device` -> (B, 3, H, W) in [0, 1]."""
        size = (visible.shape[2], visible.shape[3])
        if size not in self._constants:
            self._constants[size] = constants_of(self._student, *size)
        return self._run(visible, thermal, self._constants[size])

    def _fuse(self, visible: Tensor, thermal: Tensor, constants: Constants) -> Tensor:
        grid = self._network(self._student.view(visible, thermal).to(self._half))
        return sliced(self._student, grid.float(), visible, thermal, constants).clamp(0.0, 1.0)

    def _replay(self, visible: Tensor, thermal: Tensor, constants: Constants) -> Tensor:
        key = tuple(visible.shape)
        if key not in self._graphs:
            self._graphs[key] = self._record(visible, thermal, constants)
        graph, frame, heat, fused = self._graphs[key]
        frame.copy_(visible)
        heat.copy_(thermal)
        graph.replay()
        return fused.clone()

    def _record(self, visible: Tensor, thermal: Tensor, constants: Constants) -> tuple[Any, Tensor, Tensor, Tensor]:
        frame, heat = visible.clone(), thermal.clone()
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):  # libraries choose their kernels and take their memory before the recording
            for _ in range(3):
                self._fuse(frame, heat, constants)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            fused = self._fuse(frame, heat, constants)
        return graph, frame, heat, fused


def constants_of(student: Student, height: int, width: int) -> Constants:
    device = student.curves.device
    firsts = torch.arange(4, device=device) * (student.config.knots + 1)
    return _places(height, device)[None, :, None], _places(width, device)[None, None, :], firsts[:, None, None]


def _places(pixels: int, device: torch.device) -> Tensor:
    last = cells_of(pixels) - 1
    position = (torch.arange(pixels, device=device).float() + 0.5) / CELL_PX - 0.5
    return position.clamp(0.0, last) * (2.0 / last) - 1.0


def sliced(student: Student, grid: Tensor, visible: Tensor, thermal: Tensor, constants: Constants) -> Tensor:
    """What `Student.apply_grid` computes for a whole frame, by one interpolation in three dimensions.

    grid (B, gh, gw, bins, 16), visible (B, 3, H, W), thermal (B, 1, H, W) -> (B, 3, H, W), not clamped.
    """
    down, across, firsts = constants
    guide = _guide(student, visible, thermal, firsts)
    places = torch.stack([across.expand_as(guide), down.expand_as(guide), guide], dim=-1)[:, None]
    volume = grid.permute(0, 4, 3, 1, 2)
    maps = F.grid_sample(volume, places, mode="bilinear", padding_mode="border", align_corners=True)[:, :, 0]
    fused = maps[:, 3:12:4]
    for j in range(3):
        fused = torch.addcmul(fused, maps[:, 4 * j : 4 * j + 3], visible[:, j : j + 1])
    fused = torch.addcmul(fused, maps[:, 12:15], thermal)
    return torch.addcmul(fused, maps[:, 15:16], colour_of(visible))


def _guide(student: Student, visible: Tensor, thermal: Tensor, firsts: Tensor) -> Tensor:
    """`Student.guide` as a place from -1 (the first bin) to 1 (the last), with the four curves looked up at once."""
    knots = student.config.knots
    position = torch.cat([visible, thermal], dim=1).clamp(0.0, 1.0) * knots
    below = position.floor().clamp(max=knots - 1)
    index = below.long() + firsts
    curves = student.curves.flatten()
    total = torch.lerp(curves[index], curves[index + 1], position - below).sum(dim=1)
    return total / (1.0 + total.abs())


def _check(visible: Tensor, thermal: object) -> None:
    _check_tensor("visible", visible, (3, 4))
    if thermal is None:
        return
    if not isinstance(thermal, Tensor):
        raise FusionError(f"visible is a tensor, so thermal must be one too, not {type(thermal).__name__}")
    _check_tensor("thermal", thermal, (1,))
    wanted = (visible.shape[0], 1, *visible.shape[2:])
    if tuple(thermal.shape) != wanted:
        raise FusionError(f"thermal has the shape {tuple(thermal.shape)} where the visible frame needs {wanted}")


def _check_tensor(name: str, tensor: Tensor, channels: tuple[int, ...]) -> None:
    if not tensor.is_floating_point():
        raise FusionError(f"a {name} tensor is floating point in [0, 1], not {tensor.dtype}")
    if tensor.ndim != 4 or tensor.shape[1] not in channels or 0 in tensor.shape[2:]:
        wanted = " or ".join(f"(B, {count}, H, W)" for count in channels)
        raise FusionError(f"a {name} tensor has the shape {wanted}, not {tuple(tensor.shape)}")
    if tensor.numel() == 0:
        return
    low, high = (float(value) for value in torch.aminmax(tensor.detach()))
    if math.isnan(low) or math.isnan(high):
        raise FusionError(f"a {name} tensor lies in [0, 1]; this one has NaN")
    if not (low >= 0.0 and high <= 1.0):
        mend = ": divide it by 255" if low >= 0.0 and 1.0 < high <= 255.0 else ""
        raise FusionError(f"a {name} tensor lies in [0, 1]; this one has values from {low:g} to {high:g}{mend}")
