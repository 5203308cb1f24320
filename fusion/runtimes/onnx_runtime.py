"""ONNX Runtime on the CPU, or on a GPU where its CUDA or TensorRT build is installed."""

from pathlib import Path

import onnxruntime

from fusion.errors import FusionError
from fusion.runtimes import Floats, Run

PROVIDERS = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
}
"""What TensorRT cannot run falls to CUDA, and what CUDA cannot to the CPU."""


def open_session(path: Path, threads: int = 1, device: str = "cpu") -> onnxruntime.InferenceSession:
    if device not in PROVIDERS:
        raise FusionError(f"device of an exported student is one of {', '.join(PROVIDERS)}, not '{device}'")
    providers = PROVIDERS[device]
    if providers[0] not in onnxruntime.get_available_providers():
        raise FusionError(f"ONNX Runtime has no {providers[0]} here: pip install onnxruntime-gpu, without onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # its errors share no base of their own
        raise FusionError(f"{path} cannot be run by ONNX Runtime: {str(error).splitlines()[0]}") from None


def session(path: Path, threads: int = 1, device: str = "cpu") -> Run:
    made = open_session(path, threads, device)

    def run(visible: Floats, thermal: Floats) -> Floats:
        fused: Floats = made.run(None, {"visible": visible, "thermal": thermal})[0]
        return fused

    return run
