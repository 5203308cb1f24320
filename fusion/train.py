"""Distils an ensemble cache into a student. One file, top to bottom.

    python -m fusion.train --data DIR --ensembles DIR --out runs/student [--steps 2000] [--resume]
    torchrun --nproc-per-node 2 -m fusion.train ...        the same batch shared by several processes or machines

    L = L_pix + lambda_feat L_feat + lambda_twin L_twin + lambda_edge L_edge + lambda_contrast L_contrast
        + lambda_flicker L_flicker
    L_pix  = mean_p w(p) charbonnier(f(p) - mu(p))        at the ensembles' resolution
    L_feat = sum_b mean_q r_b(q) c(q) (1 - cos(phi_b(f)(q), m_b(q)))        at the ensembles' resolution, on the
        backbones' grids: see fusion.training.feature_target and fusion.training.statistics
    L_twin = mean_p w(p) e(p) charbonnier(f(p) - clear(p))        at full resolution, where there is a clear twin;
        e: `evidence_weight`, more where the thermal frame shows a thing against its surroundings, times
        `label_weight`, more where a person or a vehicle is labelled, or a signal is lit
    L_edge = mean_p w(p) max(0, |strongest gradient of v, t| - |gradient of f|)        at full resolution
    L_contrast = mean_p lack(p) charbonnier(f(p) - wanted(p))        at the ensembles' resolution, where there is no
        clear twin: see fusion.training.contrast
    L_flicker = mean_p charbonnier(f(p) - f'(p + shift))        f' of the frame a moment later: `augment.next_moment`

Writes student.safetensors (moving average of the weights), checkpoint.pt, log.csv and sample grids (v | t | f | mu).
Every random choice hangs on (seed, step) alone: on a CPU, with as many threads, a run that was killed and resumed ends
with the weights of an undisturbed one. On a GPU PyTorch adds some gradients up in no fixed order (those of bilinear
interpolation and of repeated borders), and the two come out nearly alike.
"""

import argparse
import copy
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fusion import limits
from fusion.backbones import Backbone, load_backbones, span_px, unit_features
from fusion.errors import FusionError, NotWritten
from fusion.files import write_image
from fusion.pairs.data import Images, evenly, grey_bytes, read_folders
from fusion.shape import CELL_PX
from fusion.student import Student
from fusion.training.batches import make_batch
from fusion.training.cache import EnsembleCache
from fusion.training.checkpoint import load_checkpoint, save_checkpoint, way_on
from fusion.training.feature_target import FeatureTarget
from fusion.training.losses import charbonnier, edge_loss, evidence_weight, feature_loss, label_weight, pixel_loss
from fusion.training.prefetch import batches
from fusion.training.processes import Processes
from fusion.training.recipe import add_options, from_options
from fusion.training.scenes import Scene, data_digest, read_scenes
from fusion.training.schedule import follow, learning_rate
from fusion.training.statistics import resample
from fusion.training.student_recipe import Recipe
from fusion.training.training_run import (
    forget_after,
    log,
    psnr_text,
    refuse_another_run,
    say_first_step,
    say_nothing_is_held_out,
    say_what_is_trained_on,
    start_folder,
    stop_at_nan,
)
from fusion.weights import locate
from fusion.weights.arrays import load_arrays
from fusion.weights.tensors import load_student, save_student


def loss_of(student: Student, batch: dict[str, Any], recipe: Recipe, scale: int,
            backbones: tuple[Backbone, ...] = ()) -> tuple[Tensor, dict[str, float]]:  # fmt: skip
    visible, thermal, patch = as_floats(batch["visible"]), as_floats(batch["thermal"]), batch["patch"]
    grid = _grid(student, visible, thermal, recipe)
    v, t = (crops(frames, batch["origin"], patch) for frames in (visible, thermal))
    heat = crops(as_floats(batch["heat"]), batch["origin"], patch) if "heat" in batch else t
    fused = student.apply_grid(grid, v, t, *batch["origin"])
    small = F.avg_pool2d(fused, scale)
    full_weight = batch["weight"].repeat_interleave(scale, dim=1).repeat_interleave(scale, dim=2)
    evidence = evidence_weight(heat, recipe.evidence_gain)
    if "things" in batch:
        evidence = evidence * label_weight(batch["things"], recipe.label_gain)
    if "signals" in batch:
        evidence = evidence * label_weight(batch["signals"], recipe.signal_gain)
    terms = {
        "pix": pixel_loss(small, batch["mean"], batch["weight"]),
        "twin": pixel_loss(fused, as_floats(batch["clear"]), full_weight * evidence * batch["known"][:, None, None]),
        "edge": edge_loss(fused, v, t, full_weight),
    }
    loss = terms["pix"] + recipe.lambda_twin * terms["twin"] + recipe.lambda_edge * terms["edge"]
    if "features" in batch:
        terms["feat"] = feature_term(small, batch["features"], backbones)
        loss = loss + recipe.lambda_feat * terms["feat"]
    if "wanted" in batch:
        terms["contrast"] = pixel_loss(small, batch["wanted"], batch["lack"])
        loss = loss + recipe.lambda_contrast * terms["contrast"]
    if "later" in batch:
        terms["flicker"] = flicker_term(student, fused, batch, recipe)
        loss = loss + recipe.lambda_flicker * terms["flicker"]
    return loss, {"loss": float(loss.detach()), **{name: float(term.detach()) for name, term in terms.items()}}


def _grid(student: Student, visible: Tensor, thermal: Tensor, recipe: Recipe) -> Tensor:
    with torch.autocast(visible.device.type, torch.bfloat16, enabled=recipe.bf16):
        grid = student.grid(visible, thermal)
    return grid.float()


def feature_term(small: Tensor, targets: list[FeatureTarget], backbones: tuple[Backbone, ...]) -> Tensor:
    """L_feat of patches (B, 3, h, w) at the ensembles' resolution; what lies around them is the ensembles' mean."""
    patch, cells = small.shape[-1], targets[0].taught.shape[-1]
    canvas = torch.stack([target.canvas for target in targets]).to(small)
    for index, (y, x) in enumerate(target.offset for target in targets):
        canvas[index, :, y : y + patch, x : x + patch] = small[index]
    size = (canvas.shape[2], canvas.shape[3])
    spans = [span_px(backbone, *size) for backbone in backbones]
    seen = [unit_features(backbone, canvas) for backbone in backbones]
    means = []
    for b, (backbone, features, span) in enumerate(zip(backbones, seen, spans)):
        shape = (features.shape[2], features.shape[3])
        cell = (span[0] / shape[0], span[1] / shape[1])
        whole = [
            resample(target.means[b][None].to(small), span_px(backbone, *target.frame), [target.origin], cell, shape)
            for target in targets
        ]
        means.append(torch.cat(whole))

    def to_common(distance: Tensor, b: int) -> Tensor:
        offsets = [target.offset for target in targets]
        return resample(distance, spans[b], offsets, (patch / cells, patch / cells), (cells, cells))

    return feature_loss(seen, means, torch.stack([target.taught for target in targets]).to(small), to_common)


def flicker_term(student: Student, fused: Tensor, batch: dict[str, Any], recipe: Recipe) -> Tensor:
    """L_flicker: how far the student moves on what has only shifted by less than a cell and gained fresh noise."""
    later, patch = as_floats(batch["later"]), batch["patch"]
    grid = _grid(student, later[:, :3], later[:, 3:], recipe)
    # The patch without its first cell: what was there has left the view if the patch lies at the frame's border.
    tops = [(y + CELL_PX - down, x + CELL_PX - right) for (y, x), (down, right) in zip(batch["origin"], batch["shift"])]
    last = (later.shape[2] - patch, later.shape[3] - patch)
    starts = [(min(top // CELL_PX * CELL_PX, last[0]), min(left // CELL_PX * CELL_PX, last[1])) for top, left in tops]
    view = crops(later, starts, patch)
    again = student.apply_grid(grid, view[:, :3], view[:, 3:], *starts)
    inside = [(top - y, left - x) for (top, left), (y, x) in zip(tops, starts)]
    again = crops(again, inside, patch - CELL_PX)
    return charbonnier(again - fused[:, :, CELL_PX:, CELL_PX:]).mean()


def as_floats(images: Tensor) -> Tensor:
    """Bytes as values in [0, 1]; batches travel to the device as bytes."""
    return images.float() / 255.0


def crops(images: Tensor, origins: Sequence[tuple[int, int]], side: int) -> Tensor:
    """Of every image (B, C, H, W) the square whose first pixel is its origin (row, column)."""
    pieces = [image[:, y : y + side, x : x + side] for image, (y, x) in zip(images, origins)]
    return torch.stack(pieces)


@torch.inference_mode()
def held_out_psnr(student: Student, scenes: list[Scene], scale: int) -> float:
    """Mean PSNR in dB of the fused frame, reduced, against the ensemble's mean."""
    values = []
    for scene in scenes:
        visible, thermal = as_tensors(scene.images, student)
        device = student.curves.device
        fused = F.avg_pool2d(student(visible.to(device), thermal.to(device)).clamp(0.0, 1.0), scale)[0].cpu()
        mean = scene.mean[:, : fused.shape[1], : fused.shape[2]]
        values.append(-10.0 * math.log10(max(float(F.mse_loss(fused, mean)), 1e-10)))
    return float(np.mean(values)) if values else math.nan


@torch.inference_mode()
def sample_grid(student: Student, scenes: list[Scene]) -> NDArray[np.uint8]:
    """Rows of v | t | f | mu, BGR, all at the same height."""
    rows = []
    for scene in scenes:
        visible, thermal = as_tensors(scene.images, student)
        device = student.curves.device
        fused = student(visible.to(device), thermal.to(device)).clamp(0.0, 1.0)[0].cpu()
        height, width = 180, 180 * visible.shape[3] // visible.shape[2]
        tiles = (visible[0], thermal[0].expand(3, -1, -1), fused, scene.mean)
        images = ((tile.permute(1, 2, 0).numpy()[..., ::-1] * 255.0 + 0.5).astype(np.uint8) for tile in tiles)
        rows.append(np.hstack([cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in images]))
    narrowest = min(row.shape[1] for row in rows)
    return np.vstack([row[:, :narrowest] for row in rows])


def as_tensors(images: Images, student: Student) -> tuple[Tensor, Tensor]:
    """What this student is shown of a pair."""
    visible = torch.from_numpy(images.visible).permute(2, 0, 1)[None].float() / 255.0
    thermal = images.thermal if student.config.thermal else grey_bytes(images.visible)
    return visible, torch.from_numpy(thermal)[None, None].float() / 255.0


def train(folders: list[Path], ensembles: Path, out: Path, recipe: Recipe, log_every: int = 50, resume: bool = False,
          stop_after: int | None = None, device: str = "cpu", workers: int = 0,
          untrained: Callable[[], Student] = Student) -> Student:  # fmt: skip
    """Trains and returns the averaged student. `stop_after` ends the run early at that step, as a kill would;
    `workers` processes make the batches ahead; `untrained` makes the student where the recipe names no weights."""
    if not resume:
        refuse_another_run(out)
    processes = Processes(device)
    if recipe.batch % processes.count:
        raise FusionError(f"a batch of {recipe.batch} cannot be shared evenly by {processes.count} processes")
    if recipe.missing_share > 0.0 and not recipe.thermal:
        raise FusionError("--missing-share is about thermal frames: with --no-thermal there are none")
    if recipe.lambda_contrast > 0.0 and recipe.contrast_gain == recipe.contrast_detail == 0.0:
        raise FusionError("--contrast-gain 0 and --contrast-detail 0 want no contrast: give --lambda-contrast 0 then")
    if recipe.init:
        load_arrays(locate(recipe.init))  # told now, not after all pairs are read
    cache = EnsembleCache.open(ensembles)
    scale = int(cache.settings["scale"])
    if CELL_PX % scale:
        raise FusionError(f"ensembles drawn at scale {scale}: the trainer needs one that divides {CELL_PX}")
    backbones = load_backbones(recipe.backbones) if recipe.lambda_feat > 0.0 else ()
    for backbone in backbones:
        backbone.to(processes.device)
    with processes.first_alone():  # it draws the feature statistics that are missing; the others find them
        training, held = read_scenes(folders, cache, recipe, backbones, processes.device)
    if processes.is_first:
        say_what_is_trained_on(len(training), len(held), len(read_folders(folders)))
        if not held:
            say_nothing_is_held_out([scene.images.name for scene in training], recipe.held_out)
    torch.manual_seed(recipe.seed)
    student = load_student(locate(recipe.init)).train().requires_grad_(True) if recipe.init else untrained()
    student.config = replace(student.config, thermal=int(recipe.thermal))
    student.to(processes.device)
    average = copy.deepcopy(student).requires_grad_(False)
    optimizer = torch.optim.AdamW(student.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    parts = {"student": student, "average": average, "optimizer": optimizer}
    settings = {
        **asdict(recipe),
        "teacher": cache.settings["teacher"],
        "backbone_weights": [backbone.identity for backbone in backbones],
        "data_sha256": data_digest(folders, cache, recipe.held_out),
    }
    if processes.is_first and not resume:
        start_folder(out, settings)
        save_checkpoint(out, parts, settings, 0)  # a run that is killed before its first log line can be resumed too
    processes.wait()
    first = load_checkpoint(out, parts, settings) if resume else 0
    if processes.is_first and resume:
        forget_after(out / "log.csv", first)
    scenes = held or training
    shown = evenly(scenes, 4)
    started = time.monotonic()

    def batch_of(step: int) -> dict[str, Any]:
        return make_batch(training, recipe, scale, step, backbones, (processes.index, processes.count))

    for step, batch in enumerate(batches(batch_of, first, recipe.steps, workers), first):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe.learning_rate, recipe.steps, step)
        loss, terms = loss_of(student, processes.here(batch), recipe, scale, backbones)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        processes.average_gradients(student)
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        follow(average, student, recipe.ema, step)
        done = step + 1
        if done % log_every == 0 or done == recipe.steps:
            terms = processes.average_terms(terms)
            stop_at_nan(terms["loss"], done)
            if processes.is_first:
                terms["held_out_psnr_db"] = held_out_psnr(average, shown, scale)
                log(out / "log.csv", {"step": done, **terms})
                figures = f"loss {terms['loss']:.4f}  {psnr_text(terms['held_out_psnr_db'], len(shown))}"
                print(f"{done:6d}  {figures}  {time.monotonic() - started:.0f} s", flush=True)
                save_checkpoint(out, parts, settings, done)
        elif processes.is_first and step == first:
            say_first_step(done, recipe.steps, started)
        if processes.is_first and (done % (10 * log_every) == 0 or done == recipe.steps):
            write_image(out / f"samples-{done:06d}.png", sample_grid(average, shown))
        if stop_after is not None and done >= stop_after:
            return average.cpu()
    if processes.is_first:
        save_student(average, out / "student.safetensors")
    processes.wait()
    return average.cpu()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.train", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs")
    parser.add_argument("--ensembles", type=Path, required=True, help="cache that fusion.ensemble drew for them")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out after its last checkpoint")
    parser.add_argument(
        "--log-every", type=int, default=50, help="steps between log lines and checkpoints (default: %(default)s)"
    )
    parser.add_argument(
        "--device", default="cpu", help="cpu (default) or cuda; with torchrun, each process takes its own card"
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that make batches ahead (default: 0; GPU: 4 to 8)"
    )
    add_options(parser, Recipe())
    options = vars(parser.parse_args())
    recipe = from_options(Recipe(), options)
    try:
        limits.check(options)
        train(options["data"], options["ensembles"], options["out"], recipe, options["log_every"], options["resume"],
              device=options["device"], workers=options["workers"])  # fmt: skip
        if int(os.environ.get("RANK", "0")) == 0:
            print(f"student in {options['out'] / 'student.safetensors'}")
    except NotWritten as error:
        sys.exit(f"fusion.train: {error}{way_on(options['out'])}")
    except FusionError as error:
        sys.exit(f"fusion.train: {error}")


if __name__ == "__main__":
    main()
