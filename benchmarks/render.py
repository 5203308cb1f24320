"""What a picture costs: CPU milliseconds of one thread per stage of the renderer, at four sizes and 1, 3, 6 cameras.

    python -m benchmarks.render [--json FILE] [--town Elm02] [--frames 12] [--cameras 1,3,6]

The scene: a whole town, some thirty actors with lit lamps beside the town's signals, a moving camera. CPU time of the
thread (the 25th percentile of the frames), so that busy neighbours on the machine disturb little. A camera stands for
RGB, depth and instance pictures of one pose; several look to all sides. The floor of a stage is what its memory traffic
takes at the speed of a plain copy: it shows how much of a stage is computing.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.render.camera import CameraModel
from simulator.render.contact_sheet import WEATHERS, camera_pose, staged
from simulator.render.renderer import Renderer
from simulator.render.workers import Workers
from simulator.towns import Town, build_town
from simulator.world.view import SceneView

SIZES = ((320, 180), (640, 360), (800, 600), (1024, 512))
STAGES = {
    "project_items": "visibility",
    "draw_bands": "visibility",
    "fill_froxels": "fog light",
    "render_rows": "surfaces and light",
    "smooth_edges": "edges",
    "add_sprites": "glare",
    "develop": "sensor",
    "encode_depth": "depth code",
    "encode_labels": "instance code",
}
BYTES_PER_PIXEL = {
    "visibility": 8 + 8,
    "fog light": 0,
    "surfaces and light": 8 + 12,
    "edges": 12 + 8 + 12,
    "glare": 0,
    "sensor": 12 + 4,
    "depth code": 4 + 4,
    "instance code": 4 + 4,
}
"""Read and written once: ids and inverse depth are 8 bytes, a colour 12, a finished pixel 4. The visibility is cleared
and written. Fog light and glare do not go over all pixels."""
COLUMNS = (*dict.fromkeys(STAGES.values()), "rest", "rgb", "depth", "instance")
CARS = 22


class TimedWorkers(Workers):
    """One thread that notes the CPU time of each kernel."""

    def __init__(self) -> None:
        super().__init__(1)
        self.spent_ms: dict[str, float] = defaultdict(float)

    def begin(self, kernel: Callable[..., Any], *arguments: Any) -> Callable[[], None]:
        finish = super().begin(kernel, *arguments)

        def timed() -> None:
            start = time.thread_time()
            finish()
            self.spent_ms[STAGES[kernel.__name__]] += (time.thread_time() - start) * 1e3

        return timed


def crowded(town: Town, view: SceneView, lit: bool) -> SceneView:
    """The staged scene with cars on the lanes all over the town."""
    rng = np.random.default_rng(5)
    chosen = rng.choice(len(town.lanes.xyz), CARS, replace=False)
    yaw = np.radians(np.asarray(town.lanes.yaw_deg, float)[chosen])
    poses = np.zeros((CARS, 3, 4), np.float32)
    poses[:, 0, 0], poses[:, 0, 1], poses[:, 1, 0], poses[:, 1, 1] = np.cos(yaw), -np.sin(yaw), np.sin(yaw), np.cos(yaw)
    poses[:, 2, 2] = 1.0
    poses[:, :, 3] = town.lanes.xyz[chosen]
    return replace(
        view,
        ids=np.arange(len(view.ids) + CARS, dtype=np.int32) + 1,
        models=view.models + ("vehicle.tesla.model3",) * CARS,
        poses=np.concatenate([view.poses, poses]),
        gait=np.concatenate([view.gait, np.zeros(CARS, np.float32)]),
        lights=np.concatenate([view.lights, np.full(CARS, 3 if lit else 0, np.uint32)]),
        palettes=np.concatenate([view.palettes, np.full((CARS, 3, 3), 0.3, np.float32)]),
    )


def copy_bytes_per_ms() -> float:
    """Bytes read plus written per ms of one thread by a plain copy that no cache holds: the best of several."""
    source = np.ones(1 << 24, np.uint8)
    target = np.empty_like(source)
    best = 0.0
    for _ in range(8):
        start = time.thread_time()
        np.copyto(target, source)
        best = max(best, 2.0 * source.nbytes / ((time.thread_time() - start) * 1e3))
    return best


def measured(town: Town, width: int, height: int, weather: str, frames: int, cameras: int) -> dict[str, float]:
    """CPU ms per stage and per picture of one tick of all cameras; depth and instance pictures share the visibility of
    the colour picture."""
    workers = TimedWorkers()
    renderer = Renderer(town, seed=1, workers=workers)
    conditions, lit = WEATHERS[weather]
    rows = []
    for frame in range(frames + 2):
        view = crowded(town, staged(town, 0, conditions, lit, frame + 1), lit)
        x, y, z, pitch, yaw, roll = camera_pose(town, 0)
        x, y = x + 0.3 * frame * np.cos(np.radians(yaw)), y + 0.3 * frame * np.sin(np.radians(yaw))
        workers.spent_ms.clear()
        pictures: dict[str, float] = defaultdict(float)
        for number in range(cameras):
            pose = (x, y, z, pitch, yaw + 360.0 * number / cameras, roll)
            for name, kind in (("rgb", "rgb"), ("depth", "depth"), ("instance", "instance_segmentation")):
                start = time.thread_time()
                renderer.image(number, CameraModel(width, height, 90.0, kind), pose, view)
                pictures[name] += (time.thread_time() - start) * 1e3
        stages = {name: workers.spent_ms.get(name, 0.0) for name in STAGES.values()}
        rest = pictures["rgb"] - sum(v for k, v in stages.items() if "code" not in k)
        rows.append({**stages, "rest": rest, **pictures})
    renderer.close()
    return {name: round(float(np.percentile([row[name] for row in rows[2:]], 25)), 2) for name in COLUMNS}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.render", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--town", default="Elm02")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--cameras", default="1,3,6", help="numbers of cameras")
    chosen = parser.parse_args(arguments)
    numbers = [int(text) for text in chosen.cameras.split(",")]
    copied = copy_bytes_per_ms()
    town = build_town(chosen.town)
    print(f"{chosen.town}: {len(town.mesh.triangles)} triangles; CPU ms of one thread, {platform.machine()}")
    print(f"a plain copy moves {copied * 1e-6:.1f} GB/s")
    print(f"{'':38}" + "".join(f"{name:>19}" for name in COLUMNS))
    results = []
    for weather in ("night fog 60 m", "night", "day"):
        for width, height in SIZES:
            floor = {name: width * height * size / copied for name, size in BYTES_PER_PIXEL.items()}
            for cameras in numbers:
                row = measured(town, width, height, weather, chosen.frames, cameras)
                size = {"weather": weather, "width": width, "height": height, "cameras": cameras}
                results.append(
                    {**size, "cpu_ms": row, "floor_ms": {k: round(cameras * v, 3) for k, v in floor.items()}}
                )
                title = f"{weather:16}{width:>5}x{height:<4} x {cameras}"
                print(f"{title:38}" + "".join(f"{row[name]:19.2f}" for name in COLUMNS), flush=True)
            factors = {name: row[name] / (cameras * floor[name]) for name in STAGES.values() if floor[name] > 0.0}
            title = f"{'':16}times the floor"
            print(f"{title:38}" + "".join(f"{factors[n]:19.1f}" if n in factors else f"{'':19}" for n in COLUMNS))
    if chosen.json:
        record = {
            "town": chosen.town,
            "triangles": len(town.mesh.triangles),
            "copy_gb_s": copied * 1e-6,
            "results": results,
        }
        chosen.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
