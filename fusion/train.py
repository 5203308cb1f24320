"""Distils an ensemble cache into a student. One file, top to bottom.

    python -m fusion.train --data DIR --ensembles DIR --out runs/student [--steps 2000] [--resume]

    L = L_pix + lambda_twin L_twin + lambda_edge L_edge
    L_pix  = mean_p w(p) charbonnier(f(p) - mu(p))        at the ensembles' resolution
    L_twin = mean_p w(p) e(p) charbonnier(f(p) - clear(p))        at full resolution, where there is a clear twin;
        e: `evidence_weight`, more where the thermal frame shows a thing against its surroundings
    L_edge = mean_p w(p) max(0, |strongest gradient of v, t| - |gradient of f|)        at full resolution

The feature term (routing between frozen backbones) is not part of this trainer yet.

Writes student.safetensors (moving average of the weights), checkpoint.pt, log.csv and sample grids (v | t | f | mu).
Every random choice hangs on (seed, step) alone: a run that was killed and resumed ends with the weights of an
undisturbed one.
"""

import argparse
import copy
import csv
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fusion.augment import Disturbance, disturb_thermal
from fusion.cache import EnsembleCache
from fusion.checkpoint import load_checkpoint, save_checkpoint
from fusion.data import Images, load, read_folders, reduce, split
from fusion.errors import FusionError
from fusion.losses import edge_loss, evidence_weight, pixel_loss
from fusion.patches import patch_origin
from fusion.recipe import add_options, from_options
from fusion.statistics import pixel_statistics, pixel_weight
from fusion.student import CELL_PX, Student
from fusion.weights import load_student, locate, save_student


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, besides the data."""

    steps: int = 2000
    batch: int = 4
    patch_px: int = 96
    learning_rate: float = 2e-3
    ema: float = 0.995
    tau_pix: float = 0.005
    lambda_edge: float = 0.2
    lambda_twin: float = 1.0
    evidence_gain: float = 1.0
    evidence_patches: float = 0.5  # share of the patches that are laid where the thermal frame shows a thing
    pixel_weighting: bool = True
    samples: int = 0  # how many of the K samples to use; 0 is all
    anchor_share: float = 0.1  # share of clear frames, whose target is the frame itself
    drift_px: float = 3.0
    drift_deg: float = 0.5
    held_out: float = 0.1
    init: str = ""  # weights to start from, by name or path; none is the identity
    seed: int = 0


@dataclass(frozen=True)
class Scene:
    """One pair with what its ensemble says: mu (3, h, w) and s2 (h, w), of the frame reduced by the cache's scale."""

    images: Images
    mean: Tensor
    variance: Tensor


def read_scenes(folders: list[Path], cache: EnsembleCache, recipe: Recipe) -> tuple[list[Scene], list[Scene]]:
    """(training, held out) scenes, all cropped to the size of the smallest."""
    from fusion.ensemble import source_checksum

    pairs = {pair.name: pair for pair in read_folders(folders)}
    wanted = tuple(pairs[name] for name in sorted(cache.sources) if name in pairs)
    if not wanted:
        raise FusionError(
            f"none of the ensembles in {cache.folder} belongs to a pair in {', '.join(map(str, folders))}"
        )
    for pair in wanted:
        if cache.sources[pair.name] != source_checksum(pair):
            raise FusionError(
                f"{pair.visible} or its partners changed since the ensembles in {cache.folder} were drawn"
            )
    statistics = {}
    for name, samples in cache.ensembles():
        used = samples[: recipe.samples] if recipe.samples else samples
        statistics[name] = pixel_statistics(used.float() / 255.0)
    training, held = (
        [Scene(load(pair), *statistics[pair.name]) for pair in side] for side in split(wanted, recipe.held_out)
    )
    if not training:
        raise FusionError("no pair is left for training: all of them are held out")
    return training, held


def make_batch(scenes: list[Scene], recipe: Recipe, scale: int, step: int) -> dict[str, Any]:
    """Whole frames for the network, and of each frame one patch for the loss."""
    rng = np.random.default_rng([recipe.seed, step])
    chosen = [scenes[int(index)] for index in rng.integers(0, len(scenes), recipe.batch)]
    height = min(scene.images.thermal.shape[0] for scene in chosen) // CELL_PX * CELL_PX
    width = min(scene.images.thermal.shape[1] for scene in chosen) // CELL_PX * CELL_PX
    patch = min(recipe.patch_px, height, width) // CELL_PX * CELL_PX
    rows: dict[str, list[Any]] = {
        "visible": [],
        "thermal": [],
        "mean": [],
        "weight": [],
        "clear": [],
        "known": [],
        "origin": [],
    }
    disturbance = Disturbance(drift_px=recipe.drift_px, drift_deg=recipe.drift_deg)
    for scene in chosen:
        # Frames larger than the smallest one are cropped, at a place that is a multiple of the cell and of the scale.
        unit = math.lcm(CELL_PX, scale)
        top, left = (
            int(rng.integers(0, (have - want) // unit + 1)) * unit
            for have, want in zip(scene.images.thermal.shape, (height, width))
        )
        whole = (slice(top, top + height), slice(left, left + width))
        visible, target, variance = scene.images.visible[whole], scene.mean, scene.variance
        thermal = disturb_thermal(scene.images.thermal, disturbance, rng)[whole]
        if scene.images.clear is not None and rng.random() < recipe.anchor_share:
            visible = scene.images.clear[whole]
            target, variance = torch.from_numpy(reduce(scene.images.clear, scale)), torch.zeros_like(variance)
        y, x = patch_origin(thermal, patch, unit, recipe.evidence_patches, rng)
        small = (
            slice((top + y) // scale, (top + y + patch) // scale),
            slice((left + x) // scale, (left + x + patch) // scale),
        )
        weight = pixel_weight(variance, recipe.tau_pix) if recipe.pixel_weighting else torch.ones_like(variance)
        rows["visible"].append(torch.from_numpy(np.ascontiguousarray(visible)).permute(2, 0, 1))
        rows["thermal"].append(torch.from_numpy(np.ascontiguousarray(thermal))[None])
        rows["mean"].append(target[:, small[0], small[1]])
        rows["weight"].append(weight[small])
        rows["clear"].append(_clear_patch(scene.images, top + y, left + x, patch))
        rows["known"].append(torch.tensor(float(scene.images.clear is not None)))
        rows["origin"].append((y, x))
    batch = {key: torch.stack(value) for key, value in rows.items() if key != "origin"}
    batch["visible"], batch["thermal"] = batch["visible"].float() / 255.0, batch["thermal"].float() / 255.0
    return {**batch, "origin": rows["origin"], "patch": patch}


def _clear_patch(images: Images, y: int, x: int, patch: int) -> Tensor:
    """(3, patch, patch) of the clear twin at full resolution; zeros where there is none."""
    if images.clear is None:
        return torch.zeros(3, patch, patch)
    return torch.from_numpy(images.clear[y : y + patch, x : x + patch]).permute(2, 0, 1).float() / 255.0


def loss_of(student: Student, batch: dict[str, Any], recipe: Recipe, scale: int) -> tuple[Tensor, dict[str, float]]:
    visible, thermal, patch = batch["visible"], batch["thermal"], batch["patch"]
    grid = student.grid(visible, thermal)
    pieces = []
    for index, (y, x) in enumerate(batch["origin"]):
        v = visible[index : index + 1, :, y : y + patch, x : x + patch]
        t = thermal[index : index + 1, :, y : y + patch, x : x + patch]
        pieces.append((student.apply_grid(grid[index : index + 1], v, t, (y, x)), v, t))
    fused, v, t = (torch.cat(parts) for parts in zip(*pieces))
    pix = pixel_loss(F.avg_pool2d(fused, scale), batch["mean"], batch["weight"])
    full_weight = batch["weight"].repeat_interleave(scale, dim=1).repeat_interleave(scale, dim=2)
    edge = edge_loss(fused, v, t, full_weight)
    evidence = evidence_weight(t, recipe.evidence_gain)
    twin = pixel_loss(fused, batch["clear"], full_weight * evidence * batch["known"][:, None, None])
    loss = pix + recipe.lambda_twin * twin + recipe.lambda_edge * edge
    terms = {"loss": loss, "pix": pix, "twin": twin, "edge": edge}
    return loss, {name: float(term.detach()) for name, term in terms.items()}


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up over the first twentieth, then half a cosine."""
    warm = max(recipe.steps // 20, 1)
    return recipe.learning_rate * min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * step / recipe.steps))


@torch.inference_mode()
def held_out_psnr(student: Student, scenes: list[Scene], scale: int) -> float:
    """Mean PSNR in dB of the fused frame, reduced, against the ensemble's mean."""
    values = []
    for scene in scenes:
        visible, thermal = as_tensors(scene.images)
        fused = F.avg_pool2d(student(visible, thermal).clamp(0.0, 1.0), scale)[0]
        mean = scene.mean[:, : fused.shape[1], : fused.shape[2]]
        values.append(-10.0 * math.log10(max(float(F.mse_loss(fused, mean)), 1e-10)))
    return float(np.mean(values)) if values else math.nan


@torch.inference_mode()
def sample_grid(student: Student, scenes: list[Scene], scale: int) -> NDArray[np.uint8]:
    """Rows of v | t | f | mu, BGR, all at the same height."""
    rows = []
    for scene in scenes:
        visible, thermal = as_tensors(scene.images)
        fused = student(visible, thermal).clamp(0.0, 1.0)[0]
        height, width = 180, 180 * visible.shape[3] // visible.shape[2]
        tiles = (visible[0], thermal[0].expand(3, -1, -1), fused, scene.mean)
        images = ((tile.permute(1, 2, 0).numpy()[..., ::-1] * 255.0 + 0.5).astype(np.uint8) for tile in tiles)
        rows.append(np.hstack([cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in images]))
    narrowest = min(row.shape[1] for row in rows)
    return np.vstack([row[:, :narrowest] for row in rows])


def as_tensors(images: Images) -> tuple[Tensor, Tensor]:
    visible = torch.from_numpy(images.visible).permute(2, 0, 1)[None].float() / 255.0
    return visible, torch.from_numpy(images.thermal)[None, None].float() / 255.0


def train(folders: list[Path], ensembles: Path, out: Path, recipe: Recipe, log_every: int = 50, resume: bool = False,
          stop_after: int | None = None) -> Student:  # fmt: skip
    """Trains and returns the averaged student. `stop_after` ends the run early at that step, as a kill would."""
    cache = EnsembleCache.open(ensembles)
    scale = int(cache.settings["scale"])
    if CELL_PX % scale:
        raise FusionError(f"ensembles drawn at scale {scale}: the trainer needs one that divides {CELL_PX}")
    training, held = read_scenes(folders, cache, recipe)
    torch.manual_seed(recipe.seed)
    student = load_student(locate(recipe.init)).train().requires_grad_(True) if recipe.init else Student()
    average = copy.deepcopy(student).requires_grad_(False)
    optimizer = torch.optim.AdamW(student.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    parts = {"student": student, "average": average, "optimizer": optimizer}
    settings = {**asdict(recipe), "teacher": cache.settings["teacher"]}
    first = load_checkpoint(out, parts, settings) if resume else 0
    if not resume:
        start_folder(out, settings)
    scenes = held or training
    shown = [scenes[index * len(scenes) // min(4, len(scenes))] for index in range(min(4, len(scenes)))]
    started = time.monotonic()
    for step in range(first, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step)
        loss, terms = loss_of(student, make_batch(training, recipe, scale, step), recipe, scale)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            decay = min(recipe.ema, (step + 1) / (step + 10))
            for kept, new in zip(average.parameters(), student.parameters()):
                kept.lerp_(new, 1.0 - decay)
        done = step + 1
        if done % log_every == 0 or done == recipe.steps:
            terms["held_out_psnr_db"] = held_out_psnr(average, shown, scale)
            log(out / "log.csv", {"step": done, **terms})
            figures = f"loss {terms['loss']:.4f}  psnr {terms['held_out_psnr_db']:.2f} dB"
            print(f"{done:6d}  {figures}  {time.monotonic() - started:.0f} s", flush=True)
            save_checkpoint(out, parts, settings, done)
        if done % (10 * log_every) == 0 or done == recipe.steps:
            cv2.imwrite(str(out / f"samples-{done:06d}.png"), sample_grid(average, shown, scale))
        if stop_after is not None and done >= stop_after:
            return average
    save_student(average, out / "student.safetensors")
    return average


def start_folder(out: Path, settings: dict[str, Any]) -> None:
    if (out / "checkpoint.pt").exists():
        raise FusionError(f"{out} holds another run: give --resume, or another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "log.csv").unlink(missing_ok=True)
        (out / "recipe.json").write_text(json.dumps(settings, indent=1) + "\n")
    except OSError as error:
        raise FusionError(f"{out} cannot be written: {error.strerror}") from None


def log(path: Path, row: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow({key: f"{value:.6g}" for key, value in row.items()})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs")
    parser.add_argument("--ensembles", type=Path, required=True, help="cache that fusion.ensemble drew for them")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--log-every", type=int, default=50, help="steps between log lines and checkpoints")
    add_options(parser, Recipe())
    options = vars(parser.parse_args())
    recipe = from_options(Recipe(), options)
    try:
        train(options["data"], options["ensembles"], options["out"], recipe, options["log_every"], options["resume"])
    except FusionError as error:
        sys.exit(f"fusion.train: {error}")


if __name__ == "__main__":
    main()
