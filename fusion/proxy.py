"""FusionProxy: the one call that puts a thermal frame into a visible one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion import weights
from fusion.errors import FusionError
from fusion.slicing import slice_apply, view_of
from fusion.student import Student

FLAT_GREY_LEVELS = 0.5
"""A thermal frame whose standard deviation is below half a grey level of 255 says nothing: it counts as missing."""

Frame = TypeVar("Frame", NDArray[np.uint8], Tensor)


class FusionProxy:
    """The distilled network behind a call: `fused = proxy(visible, thermal)`.

    Takes either uint8 arrays, visible (H, W, 3) or (H, W, 4) and thermal (H, W), or float tensors in [0, 1], visible
    (B, 3, H, W) and thermal (B, 1, H, W), of any size, and returns what `visible` is: type, shape, dtype and device. A
    fourth channel (alpha) is handed through. `channel_order` is "bgr" or "rgb"; unless said, arrays are BGR (what CARLA
    and OpenCV hand out) and tensors RGB.

    Where the thermal frame is missing (None, all zero, or flat) the visible frame comes back unchanged, bit for bit.
    The input is never written to.
    """

    def __init__(self, student: Student, checksum: str = "") -> None:
        self._student = student.eval()
        self._checksum = checksum
        self._table = student.guide_table().detach().cpu().numpy().astype(np.float32)
        self._network = student.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path = "sim") -> "FusionProxy":
        """Loads shipped weights by name ("sim": trained on simulator data alone) or a weights file by path.

        Raises FusionError with one line if they are missing, damaged or of another shape.
        """
        path = weights.locate(name_or_path)
        proxy = cls(weights.load_student(path), weights.checksum(path))
        # Kernels are compiled, or read from their cache, here: the first frame must not be slower than the others.
        blank = np.zeros((8, 8, 4), np.uint8)
        proxy._fuse_bytes(blank, np.eye(8, dtype=np.uint8) * np.uint8(255), red=2)
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
            if thermal is None:
                return visible.copy()
            return self._fuse_bytes(visible, thermal, red=0 if channel_order == "rgb" else 2)
        if isinstance(visible, Tensor):
            _check_tensors(visible, thermal)
            if thermal is None:
                return visible.clone()
            return self._fuse_tensors(visible, thermal, swap=channel_order == "bgr")
        raise FusionError(f"visible is a NumPy array or a torch tensor, not {type(visible).__name__}")

    @torch.inference_mode()
    def _fuse_bytes(self, visible: NDArray[np.uint8], thermal: NDArray[np.uint8], red: int) -> NDArray[np.uint8]:
        visible, thermal = _read_only(visible), _read_only(thermal)
        view, deviation = view_of(visible, thermal, red, 2 - red)
        if deviation < FLAT_GREY_LEVELS:
            return visible.copy()
        parameter = self._student.curves
        with _one_thread():
            batch = torch.from_numpy(view)[None].to(parameter.device, memory_format=torch.channels_last)
            grid = self._network(batch)[0].flatten(2).contiguous().cpu().numpy()
        fused = np.empty_like(visible)
        slice_apply(visible, thermal, red, 2 - red, grid, self._table, fused)
        return fused

    @torch.inference_mode()
    def _fuse_tensors(self, visible: Tensor, thermal: Tensor, swap: bool) -> Tensor:
        if thermal.shape[0] == 0:
            return visible.clone()
        parameter = self._student.curves
        frame = (visible.flip(1) if swap else visible).to(parameter)
        heat = thermal.to(parameter)
        fused = self._student(frame, heat).clamp(0.0, 1.0)
        fused = (fused.flip(1) if swap else fused).to(visible)
        seen = heat.flatten(1).std(dim=1, correction=0) >= FLAT_GREY_LEVELS / 255.0
        return torch.where(seen.to(visible.device)[:, None, None, None], fused, visible)


def _read_only(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One and the same type for the kernels, whether or not the caller may write to the image: compiled once only."""
    view = np.ascontiguousarray(image).view()
    view.flags.writeable = False
    return view


@contextmanager
def _one_thread() -> Iterator[None]:
    """A view is so small that a second thread saves a millisecond, and costs a hundred where cores are shared: threads
    of a pool wait for each other by spinning. One thread also sums in one order, whatever the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check_arrays(visible: NDArray[Any], thermal: object) -> None:
    if visible.dtype != np.uint8:
        raise FusionError(f"a visible array is uint8, not {visible.dtype}")
    if visible.ndim != 3 or visible.shape[2] not in (3, 4) or 0 in visible.shape:
        raise FusionError(f"a visible array has the shape (H, W, 3) or (H, W, 4), not {visible.shape}")
    if thermal is None:
        return
    if not isinstance(thermal, np.ndarray):
        raise FusionError(f"visible is an array, so thermal must be one too, not {type(thermal).__name__}")
    if thermal.dtype != np.uint8:
        raise FusionError(f"a thermal array is uint8, not {thermal.dtype}")
    if thermal.shape != visible.shape[:2]:
        raise FusionError(f"thermal has the shape {thermal.shape} where the visible frame needs {visible.shape[:2]}")


def _check_tensors(visible: Tensor, thermal: object) -> None:
    _check_tensor("visible", visible, 3)
    if thermal is None:
        return
    if not isinstance(thermal, Tensor):
        raise FusionError(f"visible is a tensor, so thermal must be one too, not {type(thermal).__name__}")
    _check_tensor("thermal", thermal, 1)
    wanted = (visible.shape[0], 1, *visible.shape[2:])
    if tuple(thermal.shape) != wanted:
        raise FusionError(f"thermal has the shape {tuple(thermal.shape)} where the visible frame needs {wanted}")


def _check_tensor(name: str, tensor: Tensor, channels: int) -> None:
    if not tensor.is_floating_point():
        raise FusionError(f"a {name} tensor is floating point in [0, 1], not {tensor.dtype}")
    if tensor.ndim != 4 or tensor.shape[1] != channels or 0 in tensor.shape[2:]:
        raise FusionError(f"a {name} tensor has the shape (B, {channels}, H, W), not {tuple(tensor.shape)}")
    if tensor.numel() == 0:
        return
    low, high = (float(value) for value in torch.aminmax(tensor.detach()))
    if not (low >= 0.0 and high <= 1.0):  # also true of NaN
        raise FusionError(f"a {name} tensor lies in [0, 1]; this one has NaN or values from {low:g} to {high:g}")
