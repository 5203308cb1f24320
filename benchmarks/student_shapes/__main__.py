"""Trains students of several shapes alike and tells what each gives and what it costs.

    python -m fusion.ensemble --data PAIRS ... --teacher reference --out ENSEMBLES
    python -m benchmarks.student_shapes --data PAIRS ... --ensembles ENSEMBLES --out runs/shapes [--seeds 0,1,2]

All runs of a seed see the same frames in the same order, by the recipe of `fusion.train`. Held-out frames alone are
measured, at full resolution, against the clear twin: PSNR, SSIM, and PSNR of those pixels alone where the thermal
frame differs from its surroundings, a hundredth of a frame that the others do not notice. OUT gets a folder per run,
runs.csv and table.md: means over the seeds, the paired difference to the shipped shape with its 95 % interval
(Student's t over seeds), and what a frame of 640x480 costs on two threads: millions of multiply-adds of its
convolutions and matrices, ms in PyTorch, and ms from bytes to bytes where the compiled path knows the shape. What is
finished is not trained again.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.student_shapes.shapes import SHAPES, SHIPPED, Reparameterised
from fusion import FusionError, FusionProxy, limits
from fusion.ablate import against_twin, difference, psnr_db, run_arm, seeds_of
from fusion.bench import fastest
from fusion.files import write_text
from fusion.student import Student
from fusion.train import as_tensors
from fusion.training.losses import evidence
from fusion.training.recipe import add_options, from_options
from fusion.training.scenes import Scene
from fusion.training.student_recipe import Recipe
from fusion.weights.tensors import save_student

METRICS = {"psnr_db": 2, "ssim": 3, "things_psnr_db": 2}
"""By how many digits each is told."""
TITLES = {"psnr_db": "PSNR, dB", "ssim": "SSIM", "things_psnr_db": "PSNR where heat shows a thing, dB"}
THING = 0.1
"""By how much of its range the thermal frame differs from the mean around, where it is said to show a thing."""
PRESET = Recipe(steps=800, batch=2, lambda_feat=0.0)
"""Sizes that a CPU trains in minutes per run."""
Result = Mapping[str, float]


def judged(student: Student, scenes: Sequence[Scene], scale: int) -> dict[str, float]:
    """Means over the scenes that have a clear twin; of things, over those in which heat shows any."""
    found: dict[str, list[float]] = {metric: [] for metric in METRICS}
    for scene in scenes:
        if scene.images.clear is None:
            continue
        error, ssim = against_twin(student, scene.images)
        found["psnr_db"].append(psnr_db(error))
        found["ssim"].append(ssim)
        thing = (evidence(as_tensors(scene.images, student)[1])[0] > THING).numpy()
        if thing.any():
            found["things_psnr_db"].append(psnr_db(error[thing]))
    return {metric: float(np.mean(values)) if values else math.nan for metric, values in found.items()}


@torch.inference_mode()
def costs(name: str, frames: int, width: int = 640, height: int = 480, threads: int = 2) -> dict[str, float]:
    """Of one frame; no compiled figure where that path does not know the shape."""
    student = SHAPES[name]().eval()
    trained = sum(parameter.numel() for parameter in student.parameters() if parameter.requires_grad)
    for module in list(student.modules()):
        if isinstance(module, Reparameterised):
            module.to_one_branch()
    rng = np.random.default_rng(0)
    visible = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    thermal = rng.integers(0, 256, (height, width), dtype=np.uint8)
    v = torch.from_numpy(visible).permute(2, 0, 1)[None].float() / 255.0
    t = torch.from_numpy(thermal)[None, None].float() / 255.0
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    with FlopCounterMode(display=False) as counter:
        student(v, t)
    found = {
        "parameters": float(trained),
        "products_m": counter.get_total_flops() / 2e6,
        "torch_ms": fastest(lambda: student(v, t), max(frames // 4, 2))[0],
    }
    torch.set_num_threads(before)
    if type(student) is Student:
        with tempfile.TemporaryDirectory() as folder:
            save_student(student, Path(folder) / "student.safetensors")
            proxy = FusionProxy.from_pretrained(f"{folder}/student.safetensors", threads=threads)
        found["compiled_ms"] = fastest(lambda: proxy(visible, thermal), frames)[0]
    return found


def table(results: Mapping[tuple[str, int], Result], cost: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown, a line per shape."""
    heads = ["shape", "parameters", *(head for metric in METRICS for head in (TITLES[metric], "to the shipped"))]
    heads += ["multiply-adds, millions", "PyTorch, ms", "compiled, ms"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in dict.fromkeys(name for name, _ in results):
        cells = [name, f"{cost[name]['parameters']:,.0f}"]
        seeds = [seed for other, seed in results if other == name]
        for metric, digits in METRICS.items():
            cells.append(f"{np.mean([results[name, seed][metric] for seed in seeds]):.{digits}f}")
            both = [seed for seed in seeds if name != SHIPPED and (SHIPPED, seed) in results]
            cells.append(difference([results[name, s][metric] - results[SHIPPED, s][metric] for s in both], digits))
        cells += [f"{cost[name][key]:.0f}" for key in ("products_m", "torch_ms")]
        cells.append(f"{cost[name]['compiled_ms']:.1f}" if "compiled_ms" in cost[name] else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.student_shapes", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs with clear twins")
    parser.add_argument("--ensembles", type=Path, required=True, help="cache that fusion.ensemble drew for them")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas (default: 0,1,2)")
    parser.add_argument("--only", nargs="+", default=list(SHAPES), choices=list(SHAPES), metavar="SHAPE")
    parser.add_argument("--frames", type=int, default=40, help="frames that a cost is the smallest of")
    add_options(parser, PRESET, without=("seed", "samples", "init", "thermal"))
    options = vars(parser.parse_args())
    try:
        limits.check(options)
        recipe, seeds = from_options(PRESET, options), seeds_of(options["seeds"])
        cost = {name: costs(name, options["frames"]) for name in options["only"]}
        results: dict[tuple[str, int], Result] = {}
        for seed in seeds:
            for name in options["only"]:
                folder = options["out"] / f"{name.translate(str.maketrans(' ', '-', '()'))}-seed{seed}"
                print(f"{name}, seed {seed}", flush=True)
                results[name, seed] = run_arm(
                    options["data"], options["ensembles"], folder, replace(recipe, seed=seed),
                    untrained=SHAPES[name], judge=judged,
                )  # fmt: skip
                lines = [",".join(["shape", "seed", *METRICS])]
                lines += [",".join([n, str(s), *(f"{r[m]:.6g}" for m in METRICS)]) for (n, s), r in results.items()]
                write_text(options["out"] / "runs.csv", "\n".join(lines) + "\n")
                write_text(options["out"] / "table.md", table(results, cost))
        print(table(results, cost), end="")
    except FusionError as error:
        sys.exit(f"benchmarks.student_shapes: {error}")


if __name__ == "__main__":
    main()
