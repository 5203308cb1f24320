"""FusionProxy: the one call that puts a thermal frame into a visible one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fusion import weights
from fusion.cpu.byte_path import BytePath
from fusion.errors import FusionError
from fusion.pairs.data import grey_bytes
from fusion.weights.arrays import StudentArrays, load_arrays

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from fusion.student import Student
    from fusion.tensor_path import TensorPath

Frame = TypeVar("Frame", NDArray[np.uint8], "Tensor")


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
        self,
        student: "Student | StudentArrays",
        checksum: str = "",
        precision: str = "fp32",
        backend: str = "eager",
        threads: int = 1,
    ) -> None:
        if threads < 1:
            raise FusionError(f"threads is 1 or more, not {threads}")
        if isinstance(student, StudentArrays):
            self._learnt = student
        else:
            from fusion.weights.tensors import arrays_of

            self.student = student.eval()
            self._learnt = arrays_of(student)
        self._checksum, self._precision, self._backend, self._threads = checksum, precision, backend, threads
        self._bytes = BytePath(self._learnt, threads)
        self._refuse_early()

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = "sim",
        *,
        device: "str | torch.device" = "cpu",
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
        learnt = load_arrays(path)
        student: Student | StudentArrays = learnt
        if str(device) != "cpu":
            student = _student_on(learnt, device)
        proxy = cls(student, weights.checksum(path), precision, backend, threads)
        proxy._warm_up()
        return proxy

    def _warm_up(self) -> None:
        """Kernels are compiled, or read from their cache, here: the first frame must not be slower than the others."""
        blank = np.zeros((8, 8, 4), np.uint8)
        self._bytes.fuse(blank, np.eye(8, dtype=np.uint8) * np.uint8(255), red=2)

    def __reduce__(self) -> tuple[Any, ...]:
        """Threads and recorded graphs cannot be copied: a copy, in another process too, is made anew on its device."""
        student = self.__dict__.get("student")
        device = "cpu" if student is None else str(student.curves.device)
        settings = (self._checksum, self._precision, self._backend, self._threads)
        return _made_again, (type(self), self._learnt, device, settings)

    @property
    def checksum(self) -> str:
        """SHA-256 of the weights file; empty for a student that did not come from one."""
        return self._checksum

    @property
    def uses_thermal(self) -> bool:
        """False for weights that were trained without thermal frames: they change every frame, whatever the heat."""
        return bool(self._learnt.config.thermal)

    # These two are made for the first tensor: PyTorch takes seconds to load, and arrays do without it.

    @cached_property
    def student(self) -> "Student":
        with _pytorch():
            from fusion.weights.tensors import student_of

        return student_of(self._learnt)

    @cached_property
    def _tensors(self) -> "TensorPath":
        with _pytorch():
            from fusion.tensor_path import TensorPath

        return TensorPath(self.student, self._precision, self._backend)

    def _refuse_early(self) -> None:
        """What cannot be had is told at once rather than with the first tensor."""
        if (self._precision, self._backend) != ("fp32", "eager"):
            _ = self._tensors

    def to(self, device: "str | torch.device") -> "FusionProxy":
        """Moves the network for tensors; arrays are fused on the CPU only."""
        student = self.student
        with _usable(device):
            student.to(device)
        # Its copy in half precision, recorded graphs and what depends on a frame's size lie where it was.
        self.__dict__.pop("_tensors", None)
        self._refuse_early()
        return self

    def __call__(self, visible: Frame, thermal: Frame | None = None, channel_order: str | None = None) -> Frame:
        if channel_order not in (None, "bgr", "rgb"):
            raise FusionError(f"channel_order is 'bgr' or 'rgb', not {channel_order!r}")
        if isinstance(visible, np.ndarray):
            _check_arrays(visible, thermal)
            red = 0 if channel_order == "rgb" else 2
            if not self.uses_thermal:
                thermal = _luminance_of_bytes(visible, red)
            if thermal is None:
                return visible.copy()
            if visible.ndim == 3:
                return self._bytes.fuse(visible, thermal, red)
            fused = np.empty_like(visible)
            for index, (frame, heat) in enumerate(zip(visible, thermal)):
                fused[index] = self._bytes.fuse(frame, heat, red)
            return fused
        torch = sys.modules.get("torch")  # not there: then this is no tensor
        if torch is not None and isinstance(visible, torch.Tensor):
            return self._tensors.fuse_frames(visible, thermal, bgr=channel_order == "bgr")
        raise FusionError(f"visible is a NumPy array or a torch tensor, not {type(visible).__name__}")


def _made_again(
    kind: type[FusionProxy], learnt: StudentArrays, device: str, settings: tuple[str, str, str, int]
) -> FusionProxy:
    proxy = kind(learnt if device == "cpu" else _student_on(learnt, device), *settings)
    proxy._warm_up()
    return proxy


def _student_on(learnt: StudentArrays, device: "str | torch.device") -> "Student":
    with _usable(device):
        from fusion.weights.tensors import student_of

        return student_of(learnt).to(device)


@contextmanager
def _usable(device: "str | torch.device") -> Iterator[None]:
    try:
        yield
    except (RuntimeError, AssertionError, ImportError) as error:
        raise FusionError(f"device {str(device)!r} cannot be used: {str(error).splitlines()[0]}") from None


@contextmanager
def _pytorch() -> Iterator[None]:
    """Whoever fuses arrays alone need not have it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise FusionError("a network for tensors needs PyTorch: pip install 'nightloop[train]'") from None


def _luminance_of_bytes(visible: NDArray[np.uint8], red: int) -> NDArray[np.uint8]:
    """(..., H, W, 3 or 4) with red at index 0 or 2 -> (..., H, W), as `pairs.data.grey_bytes` made it in training."""
    frames = visible.reshape(-1, *visible.shape[-3:])
    rgb = (np.ascontiguousarray(frame[..., :3] if red == 0 else frame[..., 2::-1]) for frame in frames)
    return np.array([grey_bytes(frame) for frame in rgb], np.uint8).reshape(visible.shape[:-1])


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
