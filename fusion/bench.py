"""Time of one fused frame, from bytes in to bytes out, on this machine.

    python -m fusion.bench [--weights sim] [--frames 60] [--json FILE]

Prints a table and, with --json, writes the same figures by name: cpu_640x360_ms and cpu_640x480_ms are the medians of
the wall time per frame, `..._cpu_ms` of the processor time all threads spent on it.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from fusion.errors import FusionError
from fusion.proxy import FusionProxy
from fusion.student import parameter_count

SIZES = ((320, 240), (640, 360), (640, 480), (1280, 720))


def measure(proxy: FusionProxy, width: int, height: int, frames: int) -> tuple[float, float]:
    """Medians over `frames` frames of (wall time, processor time) per frame, both in ms."""
    rng = np.random.default_rng(0)
    visible = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    thermal = rng.integers(0, 256, (height, width), dtype=np.uint8)
    for _ in range(5):
        proxy(visible, thermal)
    wall, cpu = [], []
    for _ in range(frames):
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        proxy(visible, thermal)
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    return float(np.median(wall)) * 1e3, float(np.median(cpu)) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="sim")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        proxy = FusionProxy.from_pretrained(options.weights)
    except FusionError as error:
        sys.exit(f"fusion.bench: {error}")
    figures: dict[str, object] = {"threads": 1, "cores": os.cpu_count(), "weights": proxy.checksum}
    figures["parameters"] = parameter_count(proxy.student)
    print(f"FusionProxy '{options.weights}', {figures['parameters']} parameters, one thread")
    print(f"{'frame':>10} {'wall ms':>9} {'cpu ms':>9} {'frames/s':>9}")
    for width, height in SIZES:
        wall_ms, cpu_ms = measure(proxy, width, height, options.frames)
        figures[f"cpu_{width}x{height}_ms"] = round(wall_ms, 3)
        figures[f"cpu_{width}x{height}_cpu_ms"] = round(cpu_ms, 3)
        print(f"{f'{width}x{height}':>10} {wall_ms:9.2f} {cpu_ms:9.2f} {1e3 / wall_ms:9.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
