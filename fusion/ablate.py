"""Does each part of the method earn its place? Trains the same student with and without, and tabulates.

    python -m fusion.ablate --data DIR --ensembles DIR --out runs/ablation [--seeds 0,1,2] [--only both uniform]

    uniform     every pixel and every backbone alike
    pixel       w(p) in L_pix, L_twin and L_edge; every backbone alike
    routing     every pixel alike; r_b(q) c(q) in L_feat
    both        w(p) and r_b(q) c(q)
    no-feature  w(p); no backbone at all
    both, K     `both` with the first K of the drawn samples, K in 1, 2, 4, 8, 16 as far as drawn

All runs of a seed see the same frames in the same order. Held-out frames alone are measured, at full resolution against
the clear twin (PSNR, SSIM), and reduced against the ensemble's mean (PSNR). OUT gets a folder per run, runs.csv with a
line per run and table.md with means over seeds and, against `uniform`, the paired difference with its 95 % interval
(Student's t over seeds). What is finished is not trained again; what was interrupted is resumed.
"""

import argparse
import csv
import io
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fusion import limits
from fusion.ensemble import drawn_as
from fusion.errors import FusionError
from fusion.evaluation.metrics import grey, structural_similarity
from fusion.files import write_text
from fusion.pairs.data import Images, read_folders, split
from fusion.student import Student
from fusion.train import as_tensors, held_out_psnr, train
from fusion.training.cache import EnsembleCache
from fusion.training.checkpoint import NAME as CHECKPOINT
from fusion.training.recipe import add_options, from_options
from fusion.training.scenes import Scene, data_digest, read_scenes
from fusion.training.student_recipe import Recipe

SAMPLES = (1, 2, 4, 8, 16)
METRICS = ("twin_psnr_db", "twin_ssim", "mean_psnr_db")
PRESET = Recipe(steps=400, batch=2, patch_px=96, context_px=32)
"""Sizes that a CPU trains in minutes per run."""


def arms(recipe: Recipe, drawn: int) -> dict[str, Recipe]:
    """The recipe's variants by name, for a cache of `drawn` samples per pair."""
    both = replace(recipe, pixel_weighting=True, routing=True)
    chosen = {
        "uniform": replace(recipe, pixel_weighting=False, routing=False),
        "pixel": replace(recipe, pixel_weighting=True, routing=False),
        "routing": replace(recipe, pixel_weighting=False, routing=True),
        "both": both,
        "no-feature": replace(both, lambda_feat=0.0),
    }
    return chosen | {f"both, K={k}": replace(both, samples=k) for k in SAMPLES if k < drawn}


@torch.inference_mode()
def against_twin(student: Student, images: Images) -> tuple[NDArray[np.float64], float]:
    """Squared error of what a student makes of a pair, (H, W, 3), and its SSIM, both to the clear twin."""
    assert images.clear is not None
    fused = student(*as_tensors(images, student)).clamp(0.0, 1.0)[0].permute(1, 2, 0).numpy()
    error = np.square(fused - images.clear.astype(np.float64) / 255.0)
    return error, structural_similarity(grey((fused * 255.0 + 0.5).astype(np.uint8)), grey(images.clear))


def psnr_db(error: NDArray[np.float64]) -> float:
    """Of squared errors of values in [0, 1]."""
    return -10.0 * math.log10(max(float(error.mean()), 1e-10))


def measure(student: Student, scenes: Sequence[Scene], scale: int) -> dict[str, float]:
    """Means over scenes; twin metrics are NaN where no scene has a clear twin."""
    psnr, ssim = [], []
    for scene in scenes:
        if scene.images.clear is None:
            continue
        error, likeness = against_twin(student, scene.images)
        psnr.append(psnr_db(error))
        ssim.append(likeness)
    twin = (float(np.mean(values)) if values else math.nan for values in (psnr, ssim))
    return dict(zip(METRICS, (*twin, held_out_psnr(student, list(scenes), scale))))


def run_arm(
    folders: list[Path], ensembles: Path, out: Path, recipe: Recipe, device: str = "cpu", workers: int = 0,
    untrained: Callable[[], Student] = Student,
    judge: Callable[[Student, Sequence[Scene], int], dict[str, float]] = measure,
) -> dict[str, float]:  # fmt: skip
    """Trains one variant, or goes on with it, or reads what it gave before. `untrained` makes the student; `judge` says
    what it gives on the held-out scenes, whose ensembles have that scale."""
    result = out / "result.json"
    cache = EnsembleCache.open(ensembles)
    data = data_digest(folders, cache, recipe.held_out)
    if result.exists():
        before = json.loads(result.read_text())
        if before["recipe"] != json.loads(json.dumps(asdict(recipe))):
            raise FusionError(f"{out} was trained by another recipe: give another --out")
        if before.get("data_sha256") != data:  # none: a run of before this was noted
            raise FusionError(f"{out} was not trained on these ensembles and pairs: give another --out")
        return dict(before["metrics"])
    every = max(recipe.steps // 5, 1)
    resume = (out / CHECKPOINT).exists()
    student = train(folders, ensembles, out, recipe, log_every=every, resume=resume, device=device, workers=workers,
                    untrained=untrained)  # fmt: skip
    # All K samples judge every variant: mu of one sample would judge the variant that saw one by its own noise.
    _, held = read_scenes(folders, cache, replace(recipe, samples=0))
    metrics = judge(student.eval(), held, int(cache.settings["scale"]))
    write_text(result, json.dumps({"recipe": asdict(recipe), "data_sha256": data, "metrics": metrics}, indent=1) + "\n")
    return metrics


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of its 95 % interval (Student's t); the half width of one value alone is NaN."""
    mean = float(np.mean(differences))
    if len(differences) < 2:
        return mean, math.nan
    from scipy import stats  # loads for a second, which who only asks for --help can do without

    spread = float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
    return mean, float(stats.t.ppf(0.975, len(differences) - 1)) * spread


def table(results: Mapping[tuple[str, int], Mapping[str, float]]) -> str:
    """Markdown: a line per variant, with each metric's mean over seeds and its paired difference to `uniform`."""
    names = list(dict.fromkeys(name for name, _ in results))
    lines = [
        "| variant | seeds | " + " | ".join(f"{metric} | vs uniform" for metric in METRICS) + " |",
        "|---|---|" + "---|---|" * len(METRICS),
    ]
    for name in names:
        seeds = [seed for other, seed in results if other == name]
        cells = []
        for metric in METRICS:
            digits = 3 if metric.endswith("ssim") else 2
            cells.append(f"{np.mean([results[name, seed][metric] for seed in seeds]):.{digits}f}")
            pairs = [
                results[name, seed][metric] - results["uniform", seed][metric]
                for seed in seeds
                if name != "uniform" and ("uniform", seed) in results
            ]
            cells.append(difference(pairs, digits))
        lines.append(f"| {name} | {len(seeds)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def difference(pairs: Sequence[float], digits: int) -> str:
    """The mean of paired differences with the half width of its interval, as far as there are any."""
    if not pairs:
        return ""
    mean, half = interval(pairs)
    return f"{mean:+.{digits}f}" + ("" if math.isnan(half) else f" ± {half:.{digits}f}")


def ablate(folders: list[Path], ensembles: Path, out: Path, recipe: Recipe, seeds: Sequence[int],
           only: Sequence[str] = (), device: str = "cpu", workers: int = 0) -> str:  # fmt: skip
    """Trains all variants with all seeds and returns the table; runs.csv and table.md grow run by run."""
    variants = arms(recipe, int(EnsembleCache.open(ensembles).settings["samples"]))
    unknown = [name for name in only if name not in variants]
    if unknown:
        raise FusionError(f"no variant '{unknown[0]}': there are {'; '.join(variants)}")
    chosen = {name: variant for name, variant in variants.items() if not only or name in only}
    pairs = read_folders(folders)
    drawn = drawn_as(pairs, EnsembleCache.open(ensembles))
    if not split([pair for pair in pairs if pair.name in drawn], recipe.held_out)[1]:
        raise FusionError("no pair is held out to measure on: give more pairs, or a larger --held-out")
    results: dict[tuple[str, int], dict[str, float]] = {}
    for seed in seeds:
        for name, variant in chosen.items():
            folder = out / f"{name.replace(', ', '-').replace('=', '')}-seed{seed}"
            print(f"{name}, seed {seed} ({len(results) + 1} of {len(chosen) * len(seeds)})", flush=True)
            results[name, seed] = run_arm(folders, ensembles, folder, replace(variant, seed=seed), device, workers)
            write_text(out / "runs.csv", _csv(results))
            write_text(out / "table.md", table(results))
    return table(results)


def _csv(results: Mapping[tuple[str, int], Mapping[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["variant", "seed", *METRICS])
    for (name, seed), metrics in results.items():
        writer.writerow([name, seed, *(f"{metrics[metric]:.6g}" for metric in METRICS)])
    return text.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.ablate", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs")
    parser.add_argument("--ensembles", type=Path, required=True, help="cache that fusion.ensemble drew for them")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas (default: 0,1,2)")
    parser.add_argument("--only", nargs="+", default=[], help="these variants alone, for example: --only uniform both")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches ahead (GPU: 1 to 8)")
    add_options(parser, PRESET, without=("seed", "samples", "pixel_weighting", "routing"))
    options = vars(parser.parse_args())
    try:
        limits.check(options)
        seeds = seeds_of(options["seeds"])
        recipe = from_options(PRESET, options)
        print(ablate(options["data"], options["ensembles"], options["out"], recipe, seeds, options["only"],
                     options["device"], options["workers"]))  # fmt: skip
    except FusionError as error:
        sys.exit(f"fusion.ablate: {error}")


def seeds_of(text: str) -> list[int]:
    """`0,1,2` as numbers; FusionError where it is none of that."""
    if not all(seed.strip().isdecimal() for seed in text.split(",")):
        raise FusionError(f"--seeds are whole numbers separated by commas, not '{text}'")
    return [int(seed) for seed in text.split(",")]


if __name__ == "__main__":
    main()
