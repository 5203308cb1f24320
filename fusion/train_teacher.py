"""Trains the diffusion teacher. One file, top to bottom.

    python -m fusion.train_teacher --data DIR --out runs/teacher [--masked-share 0.25] [--steps 3000] [--resume]

Pairs with a clear twin are learnt by twin restoration, mixed with masked conditional examples made from the clear
frames alone; pairs without (public sets) by masked conditional diffusion alone, but for those darker than
--least-mean: a teacher whose clean images are night frames would leave the night as it is. Frames are reduced by
--scale first, which the teacher's file remembers: the student's ensembles are drawn at the same scale.

Writes teacher.safetensors (moving average), checkpoint.pt, log.csv and sample grids (v | t | samples | target).
"""

import argparse
import copy
import math
import os
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

from fusion import limits
from fusion.errors import FusionError, NotWritten
from fusion.files import write_image
from fusion.pairs.data import TEACHER_SCALE, Pair, load, read_folders, reduce, split
from fusion.pairs.in_order import in_order
from fusion.teacher.conditional import ConditionalTeacher, look_at_teacher, save_teacher
from fusion.teacher.diffusion import PREDICTIONS, Diffusion, DiffusionConfig
from fusion.teacher.network import NetworkConfig, TeacherNetwork
from fusion.teacher.views import masked_example, twin_example
from fusion.training.checkpoint import load_checkpoint, save_checkpoint, way_on
from fusion.training.prefetch import batches
from fusion.training.recipe import add_options, from_options, option
from fusion.training.schedule import follow, learning_rate
from fusion.training.training_run import (
    forget_after,
    log,
    psnr_text,
    refuse_another_run,
    say_first_step,
    say_nothing_is_held_out,
    start_folder,
    stop_at_nan,
)


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, besides the data. The defaults fit a CPU; docs/fusion.md has a GPU's."""

    steps: int = option(3000, "training steps")
    batch: int = option(8, "crops per step")
    accumulate: int = option(1, "parts that a batch is computed in, one by one: less memory, the same gradient")
    crop: int = option(64, "side of the crops, in pixels of the reduced frame")
    scale: int = option(TEACHER_SCALE, "frames are reduced by this factor first: 1, 2, 4 or 8")
    learning_rate: float = option(5e-4, "highest learning rate, reached after a twentieth of the steps")
    ema: float = option(0.995, "decay per step of the weights' moving average, 0 to 1")
    masked_share: float = option(0.25, "share of masked conditional examples among pairs with a clear twin")
    least_mean: float = option(0.2, "mean in [0, 1] below which a frame without a clear twin is not learnt from")
    prediction: str = option("sample", "what the network predicts: sample, epsilon or v_prediction")
    emphasis: float = option(2.0, "above 1, noisy steps are trained more often")
    init: str = option("", "teacher to start from, by path; its sizes are taken over, --prediction must be its own")
    channels: str = option("16,32,64,96", "of the U-Net's levels, multiples of 8 separated by commas")
    layers: int = option(1, "of the U-Net per level")
    attention: bool = option(False, "self-attention in the U-Net")
    held_out: float = option(0.1, "share of the pairs that is not trained on but measured")
    seed: int = option(0, "of every random choice")
    device: str = option("cpu", "cpu or cuda")
    bf16: bool = option(False, "the network computes in bfloat16")


@dataclass(frozen=True)
class Example:
    """A pair reduced to the teacher's scale: floats in [0, 1], (C, h, w)."""

    visible: NDArray[np.float32]
    thermal: NDArray[np.float32]
    clear: NDArray[np.float32] | None


def read_example(pair: Pair, scale: int) -> Example:
    images = load(pair)
    clear = None if images.clear is None else reduce(images.clear, scale)
    return Example(reduce(images.visible, scale), reduce(images.thermal, scale), clear)


def _sizes(channels: str) -> tuple[int, ...]:
    sizes = [int(size) if size.strip().isdecimal() else 0 for size in channels.split(",")]
    if any(size == 0 or size % 8 for size in sizes):
        raise FusionError(f"--channels are multiples of 8 separated by commas, not '{channels}'")
    return tuple(sizes)


def make_batch(examples: list[Example], recipe: Recipe, step: int) -> tuple[Tensor, Tensor]:
    """Conditions (B, 4, crop, crop) and targets (B, 3, crop, crop), in [-1, 1]."""
    rng = np.random.default_rng([recipe.seed, step])
    conditions, targets = [], []
    for index in rng.integers(0, len(examples), recipe.batch):
        example = examples[int(index)]
        top, left = (int(rng.integers(0, size - recipe.crop + 1)) for size in example.thermal.shape[1:])
        window = (slice(None), slice(top, top + recipe.crop), slice(left, left + recipe.crop))
        mirror = -1 if rng.random() < 0.5 else 1
        if example.clear is None or rng.random() < recipe.masked_share:
            clean = example.visible if example.clear is None else example.clear
            condition, target = masked_example(clean[window][..., ::mirror], rng)
        else:
            parts = (part[window][..., ::mirror] for part in (example.visible, example.thermal, example.clear))
            condition, target = twin_example(*parts)
        conditions.append(np.ascontiguousarray(condition))
        targets.append(np.ascontiguousarray(target))
    return torch.from_numpy(np.stack(conditions)) * 2.0 - 1.0, torch.from_numpy(np.stack(targets)) * 2.0 - 1.0


def held_out_psnr(teacher: ConditionalTeacher, examples: list[Example], device: str) -> float:
    """Mean PSNR in dB of the mean of two samples against the target; NaN where there is no twin."""
    values = []
    for index, example in enumerate(examples):
        if example.clear is not None:
            mean = teacher.sample(*_tensors(example, device), n=2, seed=index).mean(dim=0).cpu()
            values.append(-10.0 * math.log10(float((mean - torch.from_numpy(example.clear)).square().mean())))
    return float(np.mean(values)) if values else math.nan


def sample_grid(teacher: ConditionalTeacher, examples: list[Example], device: str) -> NDArray[np.uint8]:
    """Rows of v | t | two samples | target (or v again), BGR."""
    rows = []
    for index, example in enumerate(examples):
        one, two = teacher.sample(*_tensors(example, device), n=2, seed=index).cpu().numpy()
        last = example.visible if example.clear is None else example.clear
        tiles = (example.visible, np.repeat(example.thermal, 3, axis=0), one, two, last)
        rows.append(np.hstack([(tile[::-1].transpose(1, 2, 0) * 255.0 + 0.5).astype(np.uint8) for tile in tiles]))
    height, width = min(row.shape[0] for row in rows), min(row.shape[1] for row in rows)
    return np.asarray(cv2.resize(np.vstack([row[:height, :width] for row in rows]), None, fx=1.5, fy=1.5), np.uint8)


def _tensors(example: Example, device: str) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(example.visible).to(device), torch.from_numpy(example.thermal).to(device)


def _say_what_is_trained_on(training: int, held: int, dark: int, least_mean: float) -> None:
    left_out = f"; {dark} more, without a clear twin, are darker than --least-mean {least_mean:g}" if dark else ""
    print(f"training on {training} pairs, {held} held out{left_out}", file=sys.stderr, flush=True)


def train(folders: list[Path], out: Path, recipe: Recipe, log_every: int = 200, resume: bool = False,
          stop_after: int | None = None, workers: int = 0) -> TeacherNetwork:  # fmt: skip
    """Trains and returns the averaged network. `stop_after` ends the run early at that step, as a kill would;
    `workers` processes make the batches ahead."""
    sizes, schedule = _sizes(recipe.channels), DiffusionConfig(prediction=recipe.prediction, emphasis=recipe.emphasis)
    if recipe.prediction not in PREDICTIONS:
        raise FusionError(f"--prediction is one of {', '.join(PREDICTIONS)}, not '{recipe.prediction}'")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise FusionError("one process trains a teacher: start it without torchrun; --accumulate saves memory")
    if not resume:
        refuse_another_run(out)
    if recipe.init:  # told now, not after all pairs are read
        given = look_at_teacher(Path(recipe.init)).prediction
        if given != recipe.prediction:
            raise FusionError(f"{recipe.init} predicts {given}, not {recipe.prediction}: give --prediction {given}")
    sides = split(read_folders(folders), recipe.held_out)
    training, held = (
        list(in_order(lambda pair: read_example(pair, recipe.scale), side, "reading pairs")) for side in sides
    )
    if not training:
        raise FusionError("no pair is left for training: all of them are held out")
    read = len(training)
    training = [one for one in training if one.clear is not None or float(one.visible.mean()) >= recipe.least_mean]
    if not training:
        raise FusionError(f"no frame has a clear twin or a mean of {recipe.least_mean}: lower --least-mean")
    if recipe.accumulate < 1 or recipe.batch % recipe.accumulate:
        raise FusionError(f"a batch of {recipe.batch} cannot be computed in {recipe.accumulate} equal parts")
    smallest = min(min(example.thermal.shape[1:]) for example in training)
    if smallest < recipe.crop:
        raise FusionError(
            f"crops of {recipe.crop} px do not fit: the smallest frame has {smallest} px at scale {recipe.scale}"
        )
    _say_what_is_trained_on(len(training), len(held), read - len(training), recipe.least_mean)
    if not held:
        say_nothing_is_held_out([pair.name for pair in sides[0]], recipe.held_out)
    shown = (held or training)[:: max(len(held or training) // 4, 1)][:4]
    torch.manual_seed(recipe.seed)
    network = TeacherNetwork(NetworkConfig(sizes, recipe.layers, recipe.attention))
    if recipe.init:
        network = ConditionalTeacher.load(Path(recipe.init)).network.train()
    if recipe.crop % network.config.multiple:
        raise FusionError(f"--crop {recipe.crop} must be a multiple of {network.config.multiple}, for these channels")
    network = network.to(recipe.device)
    average = copy.deepcopy(network).requires_grad_(False)
    diffusion = Diffusion(schedule)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=1e-4)
    parts = {"network": network, "average": average, "optimizer": optimizer}
    # In how many parts a batch is computed decides nothing but its rounding.
    settings = {name: value for name, value in asdict(recipe).items() if name != "accumulate"}
    first = load_checkpoint(out, parts, settings) if resume else 0
    if resume:
        forget_after(out / "log.csv", first)
    else:
        start_folder(out, settings)
        save_checkpoint(out, parts, settings, 0)  # a run that is killed before its first log line can be resumed too
    started, recent = time.monotonic(), []
    for step, batch in enumerate(
        batches(lambda step: make_batch(training, recipe, step), first, recipe.steps, workers), first
    ):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe.learning_rate, recipe.steps, step)
        condition, target = (part.to(recipe.device) for part in batch)
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        whole = (target, condition, *diffusion.draw(target, generator))
        for part in zip(*(tensor.chunk(recipe.accumulate) for tensor in whole)):
            with torch.autocast(torch.device(recipe.device).type, torch.bfloat16, enabled=recipe.bf16):
                loss = diffusion.loss_at(network, *part) / recipe.accumulate
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        follow(average, network, recipe.ema, step)
        recent.append(total)
        done = step + 1
        if done % log_every == 0 or done == recipe.steps:
            stop_at_nan(float(np.mean(recent)), done)
            teacher = ConditionalTeacher(copy.deepcopy(average), schedule)
            psnr_db = held_out_psnr(teacher, shown, recipe.device)
            row = {"step": done, "loss": float(np.mean(recent)), "held_out_psnr_db": psnr_db}
            recent.clear()
            log(out / "log.csv", row)
            write_image(out / f"samples-{done:06d}.png", sample_grid(teacher, shown, recipe.device))
            save_checkpoint(out, parts, settings, done)
            twins = sum(example.clear is not None for example in shown)
            figures = f"loss {row['loss']:.4f}  {psnr_text(psnr_db, twins)}"
            print(f"{done:6d}  {figures}  {time.monotonic() - started:.0f} s", flush=True)
        elif step == first:
            say_first_step(done, recipe.steps, started)
        if stop_after is not None and done >= stop_after:
            return average
    save_teacher(average, schedule, out / "teacher.safetensors", recipe.scale)
    return average


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.train_teacher", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out after its last checkpoint")
    parser.add_argument(
        "--log-every",
        type=int,
        default=200,
        help="steps between log lines, samples and checkpoints (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that make batches ahead (default: 0; GPU: 4 to 8)"
    )
    add_options(parser, Recipe())
    options: dict[str, Any] = vars(parser.parse_args())
    recipe = from_options(Recipe(), options)
    try:
        limits.check(options)
        train(options["data"], options["out"], recipe, options["log_every"], options["resume"],
              workers=options["workers"])  # fmt: skip
        print(f"teacher in {options['out'] / 'teacher.safetensors'}")
    except NotWritten as error:
        sys.exit(f"fusion.train_teacher: {error}{way_on(options['out'])}")
    except FusionError as error:
        sys.exit(f"fusion.train_teacher: {error}")


if __name__ == "__main__":
    main()
