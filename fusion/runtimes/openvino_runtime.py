"""OpenVINO on the CPU; reads its own files (.xml beside .bin) and ONNX files."""

from pathlib import Path

import numpy as np
import openvino

from fusion.errors import FusionError
from fusion.runtimes import Floats, Run


def compiled(path: Path, threads: int = 1) -> Run:
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    try:
        request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise FusionError(f"{path} cannot be run by OpenVINO: {str(error).splitlines()[0]}") from None

    def run(visible: Floats, thermal: Floats) -> Floats:
        return np.array(request.infer({"visible": visible, "thermal": thermal})[0], np.float32)

    return run
