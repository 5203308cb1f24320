"""Time of one fused frame on this machine, from bytes in to bytes out, by every path that is installed here.

    python -m fusion.bench [--weights sim] [--frames 30] [--json FILE]

Prints a table and, with --json, writes the same figures by name. Times are the smallest of all frames, because other
work on the machine can only add to them: `..._ms` of the wall, `..._cpu_ms` of the processor time of all threads.
cpu_WxH_ms is the array path with two threads, cpu_WxH_one_thread_ms with one. floor_WxH_ms is what the machine's memory
alone would take for a frame of bytes with alpha: read it twice, write it once, write and read the grid. That of float
frames, which have no alpha, stands in the table.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

from fusion import limits
from fusion.errors import FusionError
from fusion.files import write_text
from fusion.proxy import FusionProxy
from fusion.shape import LANES, cells_of
from fusion.weights import locate
from fusion.weights.arrays import load_arrays

COPIED_BYTES = 64 * 2**20
SIZES = ((640, 360), (640, 480), (1024, 512), (1280, 720))
Work = Callable[[], object]


def fastest(work: Work, frames: int, wait: Work = lambda: None) -> tuple[float, float]:
    """Smallest (wall time, processor time) of `frames` calls, in ms; `wait` ends what a device still does."""
    for _ in range(3):
        work()
    wall, cpu = [], []
    for _ in range(frames):
        wait()
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        work()
        wait()
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    return min(wall) * 1e3, min(cpu) * 1e3


def cpu_bandwidth_gb_s(frames: int = 8) -> float:
    """Bytes read and written per second by a copy that no cache holds, a part of it on each core."""
    cores = os.cpu_count() or 1
    sources = np.array_split(np.ones(COPIED_BYTES, np.uint8), cores)
    targets = np.array_split(np.empty(COPIED_BYTES, np.uint8), cores)
    with ThreadPoolExecutor(cores) as pool:
        wall_ms, _ = fastest(lambda: list(pool.map(np.copyto, targets, sources)), frames)
    return 2.0 * COPIED_BYTES / wall_ms / 1e6


def gpu_bandwidth_gb_s(frames: int = 20) -> float:
    """The same of a GPU's own memory."""
    import torch

    source = torch.empty(COPIED_BYTES, dtype=torch.uint8, device="cuda").fill_(1)
    target = torch.empty_like(source)
    wall_ms, _ = fastest(lambda: target.copy_(source), frames, torch.cuda.synchronize)
    return 2.0 * COPIED_BYTES / wall_ms / 1e6


def floor_ms(width: int, height: int, channels: int, bins: int, bytes_per_value: int, gb_s: float) -> float:
    """Memory time of one frame: a visible one of so many channels and its heat read for the view and again to be fused,
    the channels written; the grid written and read once. `bytes_per_value` of the frames; the grid is float32."""
    cells = cells_of(width) * cells_of(height)
    frame = width * height * bytes_per_value * (2 * (channels + 1) + channels)
    return (frame + 2 * cells * bins * LANES * 4) / gb_s / 1e6


def array_paths(weights: str) -> dict[str, FusionProxy]:
    return {
        "one_thread_": FusionProxy.from_pretrained(weights),
        "": FusionProxy.from_pretrained(weights, threads=2),
    }


def float_paths(weights: str, folder: Path) -> dict[str, Callable[[np.ndarray, np.ndarray], object]]:
    """PyTorch and, on one thread, exported graphs of the runtimes that are installed; on float frames. None where
    PyTorch is not there."""
    if not find_spec("torch"):
        return {}
    import torch

    from fusion.export import export
    from fusion.runtimes import load
    from fusion.weights.tensors import load_student

    proxy = FusionProxy.from_pretrained(weights)
    student = load_student(locate(weights))
    paths: dict[str, Callable[[np.ndarray, np.ndarray], object]] = {
        "torch_tensors_": lambda v, t: proxy(torch.from_numpy(v), torch.from_numpy(t))
    }
    for form, package, suffix in (("onnx", "onnxruntime", ".onnx"), ("openvino", "openvino", ".xml")):
        if find_spec("onnx") and find_spec("onnxruntime") and find_spec(package):
            for precision in ("fp32", "int8"):
                file = folder / f"{precision}{suffix}"
                export(student, file, form, precision)
                paths[f"{package}_{precision}_"] = load(file)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="sim")
    parser.add_argument("--frames", type=int, default=30, help="frames per path and size")
    parser.add_argument("--arrays-only", action="store_true", help="the array path alone: seconds instead of a minute")
    parser.add_argument("--gpu-only", action="store_true", help="the GPU's paths alone")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        limits.check(vars(options))
        if options.gpu_only and not _has_gpu():
            raise FusionError("--gpu-only: no CUDA device is available")
        figures = measure(options.weights, options.frames, options.arrays_only, options.gpu_only)
        if options.json:
            write_text(options.json, json.dumps(figures, indent=1, sort_keys=True) + "\n")
    except FusionError as error:
        sys.exit(f"fusion.bench: {error}")


def measure(weights: str, frames: int, arrays_only: bool = False, gpu_only: bool = False) -> dict[str, object]:
    learnt = load_arrays(locate(weights))
    arrays, bins = array_paths(weights), learnt.config.bins
    cpu_gb_s = cpu_bandwidth_gb_s()
    figures: dict[str, object] = {
        "cores": os.cpu_count(), "weights": arrays[""].checksum,
        "parameters": sum(array.size for array in learnt.arrays.values()),
        "cpu_memory_gb_s": round(cpu_gb_s, 2),
    }  # fmt: skip
    print(f"FusionProxy '{weights}', {figures['parameters']} parameters; memory {cpu_gb_s:.1f} GB/s", flush=True)
    print(f"{'path':>28} {'frame':>10} {'wall ms':>9} {'cpu ms':>9} {'frames/s':>9} {'floor ms':>9} {'factor':>7}")

    def put(name: str, size: tuple[int, int], times: tuple[float, float], floor: float) -> None:
        wall_ms, cpu_ms = times
        frame = f"{size[0]}x{size[1]}"
        key = f"{frame}_{name}" if name.startswith("cuda_") else f"cpu_{frame}_{name}"
        figures[f"{key}ms"], figures[f"{key}cpu_ms"] = round(wall_ms, 3), round(cpu_ms, 3)
        title = name.rstrip("_").replace("_", " ") or "two threads"
        rate = f"{1e3 / wall_ms:9.1f} {floor:9.3f} {wall_ms / floor:7.1f}"
        print(f"{title:>28} {frame:>10} {wall_ms:9.2f} {cpu_ms:9.2f} {rate}", flush=True)

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        floats = {} if arrays_only or gpu_only else float_paths(weights, Path(folder))
        for width, height in () if gpu_only else SIZES:
            visible = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
            thermal = rng.integers(0, 256, (height, width), dtype=np.uint8)
            floor = floor_ms(width, height, 4, bins, 1, cpu_gb_s)
            figures[f"floor_{width}x{height}_ms"] = round(floor, 3)
            for name, path in arrays.items():
                put(name, (width, height), fastest(lambda p=path, v=visible, t=thermal: p(v, t), frames), floor)  # type: ignore[misc]
            few = max(frames // 10, 2)
            v = visible[..., :3].transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255.0)
            t = thermal[None, None].astype(np.float32) / np.float32(255.0)
            floor = floor_ms(width, height, 3, bins, 4, cpu_gb_s)
            for name, run in floats.items():
                put(name, (width, height), fastest(lambda r=run, v=v, t=t: r(v, t), few), floor)  # type: ignore[misc]
    if not arrays_only and _has_gpu():
        _on_gpu(weights, frames, bins, figures, put)
    return figures


def _has_gpu() -> bool:
    if not find_spec("torch"):
        return False
    import torch

    return torch.cuda.is_available()


def _on_gpu(weights: str, frames: int, bins: int, figures: dict[str, object], put: Callable[..., None]) -> None:
    import torch

    gb_s = gpu_bandwidth_gb_s()
    figures["cuda_memory_gb_s"] = round(gb_s, 1)
    print(
        f"{torch.cuda.get_device_name()}, memory {gb_s:.0f} GB/s; float frames that lie on the GPU, one after another"
    )
    # torch.compile comes last: it takes a minute to begin.
    for backend, precision in product(("cuda-graph", "eager", "compile"), ("fp16", "fp32")):
        proxy = FusionProxy.from_pretrained(weights, device="cuda", precision=precision, backend=backend)
        for width, height in SIZES:
            v = torch.rand(1, 3, height, width, device="cuda")
            t = torch.rand(1, 1, height, width, device="cuda")
            floor = floor_ms(width, height, 3, bins, 4, gb_s)
            name = f"cuda_{precision}_{backend.replace('-', '_')}_"
            try:
                times = fastest(lambda: proxy(v, t), 5 * frames, torch.cuda.synchronize)  # noqa: B023
            except RuntimeError as error:  # no compiler, most likely
                print(f"{name}: {str(error).splitlines()[0]}")
                break
            put(name, (width, height), times, floor)


if __name__ == "__main__":
    main()
