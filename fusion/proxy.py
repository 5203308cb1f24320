"""FusionProxy: the one call that puts a thermal frame into a visible one."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion import weights
from fusion.byte_path import FLAT_GREY_LEVELS, BytePath
from fusion.data import grey_bytes
from fusion.errors import FusionError
from fusion.losses import luminance
from fusion.student import Student
from fusion.tensor_path import TensorPath
from fusion.weights.tensors import load_student

Frame = TypeVar("Frame", NDArray[np.uint8], Tensor)


class FusionProxy:
    """The distilled network behind a call: `fused = proxy(visible, thermal)`.

    Takes either uint8 arrays, visible (H, W, 3 or 4) and thermal (H, W), with or without a batch axis before them, or
    float tensors in [0, 1], visible (B, 3 or 4, H, W) and thermal (B, 1, H, W), of any size, and returns what `visible`
    is: type, shape, dtype and device. A fourth channel (alpha) is handed through. `channel_order` is "bgr" or "rgb";
    unless said, arrays are BGR (what CARLA and OpenCV hand out) and tensors RGB.

    Where the thermal frame is missing (None, all zero, or flat) the visible frame comes back unchanged, bit for bit.
    Weights that were trained without thermal frames (`fusion.train --no-thermal`) look at the visible frame alone.
    The input is never written to.
    """

    def __init__(
        self, student: Student, checksum: str = "", precision: str = "fp32", backend: str = "eager", threads: int = 1
    ) -> None:
        if threads < 1:
            raise FusionError(f"threads is 1 or more, not {threads}")
        self._student = student.eval()
        self._checksum = checksum
        self._bytes = BytePath(student, threads)
        self._tensors = TensorPath(student, precision, backend)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = "sim",
        *,
        device: str | torch.device = "cpu",
        precision: str = "fp32",
        backend: str = "eager",
        threads: int = 1,
    ) -> "FusionProxy":
        """Loads shipped weights by name ("sim": trained on simulator data alone) or a weights file by path.

        For tensors: `device`; `precision` "fp32", "fp16" or "bf16" of the network; `backend` "eager", "compile" or
        "cuda-graph" (see `tensor_path.TensorPath`). For arrays, always fused on the CPU in float32: `threads`; one is
        right where several cameras or episodes share the cores. Raises FusionError with one line if the weights are
        missing, damaged or of another shape, or if the machine has no such device.
        """
        path = weights.locate(name_or_path)
        student = load_student(path)
        try:
            student = student.to(device)
        except (RuntimeError, AssertionError, ImportError) as error:
            raise FusionError(f"device {str(device)!r} cannot be used: {str(error).splitlines()[0]}") from None
        proxy = cls(student, weights.checksum(path), precision, backend, threads)
        # Kernels are compiled, or read from their cache, here: the first frame must not be slower than the others.
        blank = np.zeros((8, 8, 4), np.uint8)
        proxy._bytes.fuse(blank, np.eye(8, dtype=np.uint8) * np.uint8(255), red=2)
        return proxy

    @property
    def checksum(self) -> str:
        """SHA-256 of the weights file; empty for a student that did not come from one."""
        return self._checksum

    @property
    def student(self) -> Student:
        return self._student

    def to(self, device: str | torch.device) -> "FusionProxy":
        """Moves the network for tensors; arrays are fused on the CPU only."""
        self._student.to(device)
        return self

    def __call__(self, visible: Frame, thermal: Frame | None = None, channel_order: str | None = None) -> Frame:
        if channel_order not in (None, "bgr", "rgb"):
            raise FusionError(f"channel_order is 'bgr' or 'rgb', not {channel_order!r}")
        if isinstance(visible, np.ndarray):
            _check_arrays(visible, thermal)
            red = 0 if channel_order == "rgb" else 2
            if not self._student.config.thermal:
                thermal = _luminance_of_bytes(visible, red)
            if thermal is None:
                return visible.copy()
            if visible.ndim == 3:
                return self._bytes.fuse(visible, thermal, red)
            fused = np.empty_like(visible)
            for index, (frame, heat) in enumerate(zip(visible, thermal)):
                fused[index] = self._bytes.fuse(frame, heat, red)
            return fused
        if isinstance(visible, Tensor):
            _check_tensors(visible, thermal)
            if not self._student.config.thermal:
                thermal = luminance(visible[:, :3].flip(1) if channel_order == "bgr" else visible[:, :3])
            if thermal is None:
                return visible.clone()
            return self._fuse_tensors(visible, thermal, swap=channel_order == "bgr")
        raise FusionError(f"visible is a NumPy array or a torch tensor, not {type(visible).__name__}")

    @torch.inference_mode()
    def _fuse_tensors(self, visible: Tensor, thermal: Tensor, swap: bool) -> Tensor:
        if thermal.shape[0] == 0:
            return visible.clone()
        parameter = self._student.curves
        colours = visible[:, :3]
        frame = (colours.flip(1) if swap else colours).to(parameter)
        heat = thermal.to(parameter)
        fused = self._tensors.fuse(frame, heat)
        fused = torch.cat([(fused.flip(1) if swap else fused).to(visible), visible[:, 3:]], dim=1)
        seen = heat.flatten(1).std(dim=1, correction=0) >= FLAT_GREY_LEVELS / 255.0
        return torch.where(seen.to(visible.device)[:, None, None, None], fused, visible)


def _luminance_of_bytes(visible: NDArray[np.uint8], red: int) -> NDArray[np.uint8]:
    """(..., H, W, 3 or 4) with red at index 0 or 2 -> (..., H, W), as `fusion.data.grey_bytes` made it in training."""
    frames = visible.reshape(-1, *visible.shape[-3:])
    rgb = (np.ascontiguousarray(frame[..., :3] if red == 0 else frame[..., 2::-1]) for frame in frames)
    return np.stack([grey_bytes(frame) for frame in rgb]).reshape(visible.shape[:-1])


def _check_arrays(visible: NDArray[Any], thermal: object) -> None:
    if visible.dtype != np.uint8:
        raise FusionError(f"a visible array is uint8, not {visible.dtype}")
    if visible.ndim not in (3, 4) or visible.shape[-1] not in (3, 4) or 0 in visible.shape[-3:]:
        raise FusionError(
            f"a visible array has the shape (H, W, 3) or (H, W, 4), or (B, ...) of these, not {visible.shape}"
        )
    if thermal is None:
        return
    if not isinstance(thermal, np.ndarray):
        raise FusionError(f"visible is an array, so thermal must be one too, not {type(thermal).__name__}")
    if thermal.dtype != np.uint8:
        raise FusionError(f"a thermal array is uint8, not {thermal.dtype}")
    if thermal.shape != visible.shape[:-1]:
        raise FusionError(f"thermal has the shape {thermal.shape} where the visible frame needs {visible.shape[:-1]}")


def _check_tensors(visible: Tensor, thermal: object) -> None:
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
    if not (low >= 0.0 and high <= 1.0):  # also true of NaN
        raise FusionError(f"a {name} tensor lies in [0, 1]; this one has NaN or values from {low:g} to {high:g}")
