"""Exported students, run without PyTorch: `run = load("student.onnx")`, then `fused = run(visible, thermal)`.

All of them take and return float32 arrays in [0, 1], visible (B, 3, H, W) RGB and thermal (B, 1, H, W), and hand back
the visible frame of a pair whose thermal half is flat.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError

Floats = NDArray[np.float32]
Run = Callable[[Floats, Floats], Floats]
PACKAGES = {".onnx": "onnxruntime", ".xml": "openvino"}


def load(path: str | Path, threads: int = 1, device: str = "cpu") -> Run:
    """The runtime is told by the file's ending: .onnx for ONNX Runtime, .xml for OpenVINO (which reads .onnx too).
    `device` "cuda" or "tensorrt" is for ONNX Runtime where its GPU build is installed."""
    path = Path(path)
    if path.suffix not in PACKAGES:
        raise FusionError(f"{path} ends neither in .onnx nor in .xml")
    if not path.is_file():
        raise FusionError(f"no exported student {path}")
    require(PACKAGES[path.suffix])
    if path.suffix == ".onnx":
        from fusion.runtimes.onnx_runtime import session

        return guarded(session(path, threads, device))
    if device != "cpu":
        raise FusionError(f"{path} runs on the CPU here: export it as .onnx for {device}")
    from fusion.runtimes.openvino_runtime import compiled

    return guarded(compiled(path, threads))


def require(package: str) -> None:
    if find_spec(package) is None:
        raise FusionError(f"{package} is not installed: pip install 'nightloop[export]'")


def guarded(run: Run) -> Run:
    """`run` with its input checked, and the visible frame where the thermal one says nothing."""

    def fuse(visible: Floats, thermal: Floats) -> Floats:
        for name, frame, channels in (("visible", visible, 3), ("thermal", thermal, 1)):
            if frame.dtype != np.float32:
                raise FusionError(f"a {name} frame is float32, not {frame.dtype}")
            if frame.ndim != 4 or frame.shape[1] != channels or 0 in frame.shape:
                raise FusionError(f"a {name} frame has the shape (B, {channels}, H, W), not {frame.shape}")
            if not (frame.min() >= 0.0 and frame.max() <= 1.0):
                raise FusionError(f"a {name} frame lies in [0, 1]; this one has NaN or other values")
        if thermal.shape[0] != visible.shape[0] or thermal.shape[2:] != visible.shape[2:]:
            raise FusionError(f"thermal has the shape {thermal.shape} beside a visible frame of {visible.shape}")
        seen = thermal.reshape(len(thermal), -1).std(axis=1) >= 0.5 / 255.0
        return np.where(seen[:, None, None, None], run(visible, thermal), visible)

    return fuse
