"""Exports a student for other runtimes and checks what came out against PyTorch.

    python -m fusion.export --format onnx --out student.onnx [--weights sim] [--fp16 | --int8 [--calibrate DIR ...]]
    python -m fusion.export --format openvino --out student.xml

Height, width and batch stay free. Weights in half precision (--fp16) keep float32 inputs and outputs. Eight bits
(--int8) are for the convolutions only, their ranges measured on pairs of --calibrate, or on drawn ones without it.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusion.errors import FusionError
from fusion.pairs.data import load as load_pair
from fusion.pairs.data import read_folders
from fusion.runtimes import load, require
from fusion.student import Student
from fusion.weights import locate
from fusion.weights.tensors import load_student

Floats = NDArray[np.float32]
CHECKED = ((1, 96, 128), (2, 75, 101))
"""Batch, height and width of the frames on which the export is compared."""
CALIBRATION_PAIRS = 16
CALIBRATION_SIZE = 320, 240


def export(
    student: Student, out: Path, form: str = "onnx", precision: str = "fp32", calibrate: Sequence[Path] = ()
) -> float:
    """Writes `out` and returns the largest difference to PyTorch on drawn frames, in grey levels of 255."""
    if not student.config.thermal:
        raise FusionError("weights that were trained without thermal frames are for comparisons: they are not exported")
    suffix = {"onnx": ".onnx", "openvino": ".xml"}[form]
    if out.suffix != suffix:
        raise FusionError(f"a file of the format {form} ends in {suffix}: {out}")
    for package in ("onnx", "onnxruntime") if form == "onnx" else ("onnx", "onnxruntime", "openvino"):
        require(package)
    if not out.parent.is_dir():
        raise FusionError(f"no folder {out.parent}")
    if calibrate and precision != "int8":
        raise FusionError("--calibrate is for --int8: no other precision measures ranges")
    try:
        return _export(student, out, form, precision, calibrate)
    except OSError as error:
        raise FusionError(f"{out} cannot be written: {error.strerror or error}") from None


def _export(student: Student, out: Path, form: str, precision: str, calibrate: Sequence[Path]) -> float:
    import onnx

    from fusion.onnx_graph import build

    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as room:
        model = Path(room) / "student.onnx"
        onnx.save(build(student), model)
        if precision == "int8":
            model = _in_eight_bits(model, calibrate)
        if form == "onnx":
            if precision == "fp16":
                _in_half(model)
            difference = check(student, model)
            model.replace(out)
            return difference
        import openvino

        graph = Path(room) / out.name
        openvino.save_model(openvino.convert_model(str(model)), str(graph), compress_to_fp16=precision == "fp16")
        difference = check(student, graph)
        graph.with_suffix(".bin").replace(out.with_suffix(".bin"))
        graph.replace(out)
        return difference


def check(student: Student, path: Path) -> float:
    """Largest difference between the file's frames and PyTorch's, in grey levels."""
    run, worst = load(path), 0.0
    for batch, height, width in CHECKED:
        visible, thermal = _drawn(batch, height, width, seed=height)
        with torch.inference_mode():
            expected = student(torch.from_numpy(visible), torch.from_numpy(thermal)).clamp(0.0, 1.0).numpy()
        worst = max(worst, float(np.abs(run(visible, thermal) - expected).max()) * 255.0)
    return worst


def _in_half(model: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    # Places in the frame need more than eleven bits, so what resizes and looks up stays as it is.
    kept = ["Resize", "CumSum", "ReduceMax", "Gather", "Floor", "Min", "Cast", "Range"]
    onnx.save(convert_float_to_float16(onnx.load(model), keep_io_types=True, op_block_list=kept), model)


def _in_eight_bits(model: Path, folders: Sequence[Path]) -> Path:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    frames = iter(_calibration(folders))

    class Reader(CalibrationDataReader):
        def get_next(self) -> dict[str, Floats] | None:
            return next(frames, None)

    smaller = model.with_name("int8.onnx")
    before = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it recommends to run what has nothing to do for this graph
    quantize_static(
        str(model), str(smaller), Reader(), quant_format=QuantFormat.QDQ, op_types_to_quantize=["Conv"],
        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    logging.root.setLevel(before)
    return smaller


def _calibration(folders: Sequence[Path]) -> list[dict[str, Floats]]:
    import cv2

    found: list[dict[str, Floats]] = []
    if folders:
        pairs = read_folders(folders)
        for pair in pairs[:: max(len(pairs) // CALIBRATION_PAIRS, 1)][:CALIBRATION_PAIRS]:
            images = load_pair(pair)
            visible, thermal = (
                cv2.resize(image, CALIBRATION_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
                for image in (images.visible, images.thermal)
            )
            visible = np.ascontiguousarray(visible.transpose(2, 0, 1)[None])
            found.append({"visible": visible, "thermal": thermal[None, None]})
    else:
        for seed in range(CALIBRATION_PAIRS):
            visible, thermal = _drawn(1, CALIBRATION_SIZE[1], CALIBRATION_SIZE[0], seed)
            found.append({"visible": visible, "thermal": thermal})
    return found


def _drawn(batch: int, height: int, width: int, seed: int) -> tuple[Floats, Floats]:
    """Soft patches with a little grain, darker and brighter ones."""
    import cv2

    rng = np.random.default_rng(seed)
    planes: list[Any] = []
    for _ in range(4 * batch):
        patches = rng.random((height // 16 + 2, width // 16 + 2), np.float32) * rng.uniform(0.2, 1.0)
        plane = cv2.resize(patches, (width, height), interpolation=cv2.INTER_LINEAR)
        planes.append(np.clip(plane + 0.02 * rng.standard_normal((height, width)), 0.0, 1.0))
    frames = np.asarray(planes, np.float32).reshape(batch, 4, height, width)
    return np.ascontiguousarray(frames[:, :3]), np.ascontiguousarray(frames[:, 3:])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.export", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="sim", help="a shipped name or a .safetensors file")
    parser.add_argument("--format", choices=("onnx", "openvino"), default="onnx")
    parser.add_argument("--out", type=Path, required=True)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--fp16", action="store_const", const="fp16", dest="precision")
    kind.add_argument("--int8", action="store_const", const="int8", dest="precision")
    parser.add_argument("--calibrate", type=Path, nargs="+", default=(), help="folders of pairs, for --int8")
    options = parser.parse_args()
    try:
        student = load_student(locate(options.weights))
        precision = options.precision or "fp32"
        difference = export(student, options.out, options.format, precision, options.calibrate)
    except FusionError as error:
        sys.exit(f"fusion.export: {error}")
    print(f"{options.out}: {options.format}, {precision}; at most {difference:.4f} of 255 grey levels from PyTorch")


if __name__ == "__main__":
    main()
