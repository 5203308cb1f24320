"""Trains the pilot's network on clear daytime drives: `python -m agents.pilot.train RECORDINGS --out DIR`.

A recording is a folder that `python -m harness.record --labels` wrote. Nothing here has ever seen a thermal or a fused
frame. Runs on a CPU; a kill at any step loses at most one epoch, the same command goes on from the last one.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from agents.pilot.architecture import STRIDE, Thing
from agents.pilot.camera import CROP_TOP, END_ROW, FIRST_ROW, FORWARD_M
from agents.pilot.labels import Face, label_grid
from agents.pilot.network import PilotNetwork

# Cells of a kind per frame differ by orders of magnitude: 95 % show nothing at all. Things weigh more while the network
# learns to find them; once it does, `--plain-weights` makes it say less often what is not there.
_CLASS_WEIGHTS = {
    Thing.NOTHING: 0.3,
    Thing.VEHICLE: 1.0,
    Thing.PERSON: 2.5,
    Thing.RED_LIGHT: 8.0,
    Thing.GREEN_LIGHT: 8.0,
    Thing.STOP_SIGN: 2.0,
}
_PLAIN_WEIGHTS = {
    Thing.NOTHING: 1.0,
    Thing.VEHICLE: 1.0,
    Thing.PERSON: 1.2,
    Thing.RED_LIGHT: 2.5,
    Thing.GREEN_LIGHT: 2.5,
    Thing.STOP_SIGN: 1.0,
}
_RARE_SHARE, _PLAIN_RARE_SHARE = 0.7, 0.35
"""Of the crops: those that are laid to hold a person, a light or a sign."""
# Grid cells of a training crop: the rows that hold the street, half the width; four times as many frames a minute.
_CROP_ROWS, _CROP_COLUMNS = 24, 40
_LABEL_SOURCES = ("tags", "instances", "depth")
_VALIDATION_SHARE = 8  # every 8th route is held out


def main() -> None:
    options = _options()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    training, validation = _split(options.recordings)
    print(f"{len(training)} frames to train on, {len(validation)} held out", flush=True)

    weights = torch.tensor([(_PLAIN_WEIGHTS if options.plain_weights else _CLASS_WEIGHTS)[thing] for thing in Thing])
    rare_share = _PLAIN_RARE_SHARE if options.plain_weights else _RARE_SHARE
    network = PilotNetwork()
    if options.start:
        network.load_state_dict(load_file(options.start))
    steps = options.epochs * math.ceil(len(training) / options.batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=options.lr, total_steps=steps)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        schedule.load_state_dict(kept["schedule"])
        first = kept["epoch"]

    for epoch in range(first, options.epochs):
        generator = np.random.default_rng([options.seed, epoch])
        order = generator.permutation(len(training))
        started, total = time.monotonic(), 0.0
        network.train()
        for start in range(0, len(order), options.batch):
            chosen = order[start : start + options.batch]
            samples = [_augmented(*_load(training[i]), rare_share, generator) for i in chosen]
            rgb, things, distance_m = _collate(samples)
            loss = _loss(network, rgb, things, distance_m, weights)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(samples)
        figures = _validate(network, validation)
        print(
            f"epoch {epoch + 1}/{options.epochs}  loss {total / len(order):.4f}  "
            + "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
            + f"  {time.monotonic() - started:.0f} s",
            flush=True,
        )
        state = {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
        }
        torch.save({**state, "epoch": epoch + 1}, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)
        (options.out / "metrics.jsonl").open("a").write(json.dumps({"epoch": epoch + 1, **figures}) + "\n")
    learnt = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    (options.out / "pilot.safetensors").write_bytes(save(learnt))  # safetensors' own writer lets nobody else read it


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m agents.pilot.train", description=__doc__)
    parser.add_argument("recordings", type=Path, nargs="+", help="folders of recorded episodes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, default=None, help="weights to begin with (.safetensors)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--plain-weights", action="store_true", help="last epochs: fewer false alarms")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _split(recordings: list[Path]) -> tuple[list[Path], list[Path]]:
    """Frames as paths of their label files; whole episodes are held out, the same in every weather: nothing leaks."""
    training: list[Path] = []
    validation: list[Path] = []
    episodes = sorted(path.parent for recording in recordings for path in recording.rglob("frames.jsonl"))
    if not episodes:
        raise SystemExit(f"no recorded episode (frames.jsonl) below {', '.join(map(str, recordings))}")
    names = sorted({episode.name for episode in episodes})
    held_out = set(names[_VALIDATION_SHARE - 1 :: _VALIDATION_SHARE])
    for episode in episodes:
        (validation if episode.name in held_out else training).extend(_label_episode(episode))
    return training, validation


def _label_episode(episode: Path) -> list[Path]:
    """Makes the label grids of an episode, once; returns their paths."""
    made = []
    for line in (episode / "frames.jsonl").read_text().splitlines():
        frame = json.loads(line)
        path = episode / "labels" / f"{frame['name']}.npz"
        made.append(path)
        if path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        tags, instances, depth_cm = (
            _picture(episode / kind / path.with_suffix(".png").name) for kind in _LABEL_SOURCES
        )
        lights = [Face(**face) for face in frame["lights"]]
        signs = [Face(**face) for face in frame["stop_signs"]]
        x, y, yaw = frame["ego"]["x"], frame["ego"]["y"], math.radians(frame["ego"]["yaw"])
        x, y = x + FORWARD_M * math.cos(yaw), y + FORWARD_M * math.sin(yaw)
        things, distance_m = label_grid(tags, instances, depth_cm.astype(np.float32) / 100.0, x, y, lights, signs)
        np.savez_compressed(path, things=things, distance_m=distance_m.astype(np.float16))
    return made


def _load(label: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    bgr = _picture(label.parent.parent / "rgb" / f"{label.stem}.png")
    with np.load(label) as kept:
        things, distance_m = kept["things"], kept["distance_m"].astype(np.float32)
    return np.ascontiguousarray(bgr[CROP_TOP:, :, ::-1]), things, distance_m


def _picture(path: Path) -> NDArray[Any]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise SystemExit(f"{path} is missing or not a picture; record the episode again, with --labels")
    return picture


def _augmented(
    rgb: NDArray[np.uint8],
    things: NDArray[np.uint8],
    distance_m: NDArray[np.float32],
    rare_share: float,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]:
    """What an ordinary RGB training does: mirror, crop, exposure, contrast, colour, veil, blur, a little noise."""
    top = int(generator.integers(FIRST_ROW, END_ROW - _CROP_ROWS + 1))
    left = _crop_left(things[top : top + _CROP_ROWS], rare_share, generator)
    rgb = rgb[top * STRIDE : (top + _CROP_ROWS) * STRIDE, left * STRIDE : (left + _CROP_COLUMNS) * STRIDE]
    things = things[top : top + _CROP_ROWS, left : left + _CROP_COLUMNS]
    distance_m = distance_m[top : top + _CROP_ROWS, left : left + _CROP_COLUMNS]
    if generator.random() < 0.5:
        rgb, things, distance_m = rgb[:, ::-1], things[:, ::-1], distance_m[:, ::-1]
    return _other_camera(rgb.astype(np.float32) / 255.0, generator), things, distance_m


def _other_camera(picture: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """The same picture (H, W, 3), 0..1, as another lens, another exposure and another white balance would give it."""
    mean = picture.mean()
    picture = (picture - mean) * np.float32(generator.uniform(0.6, 1.35)) + mean * np.float32(
        generator.uniform(0.65, 1.35)
    )
    if generator.random() < 0.5:
        grey = picture.mean(axis=2, keepdims=True)
        picture = grey + (picture - grey) * np.float32(generator.uniform(0.2, 1.4))
    picture = picture * generator.uniform(0.9, 1.1, 3).astype(np.float32)
    if generator.random() < 0.3:  # stray light in the lens
        veil = np.float32(generator.uniform(0.0, 0.45))
        picture = picture * (1.0 - veil) + veil * generator.uniform(0.3, 0.9, 3).astype(np.float32)
    if generator.random() < 0.3:
        sigma_px = float(generator.uniform(0.4, 1.1))
        picture = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(picture), (5, 5), sigma_px), np.float32)
    picture = picture + generator.normal(0.0, generator.uniform(0.0, 0.03), picture.shape).astype(np.float32)
    return np.clip(picture, 0.0, 1.0).astype(np.float32)


def _crop_left(things: NDArray[np.uint8], rare_share: float, generator: np.random.Generator) -> int:
    """`rare_share` of the crops hold a person, a light or a sign, each as likely as the other, if the frame has one."""
    most = things.shape[1] - _CROP_COLUMNS
    rare = np.unique(things[things >= Thing.PERSON])
    if len(rare) and generator.random() < rare_share:
        columns = np.nonzero((things == generator.choice(rare)).any(axis=0))[0]
        column = int(generator.choice(columns))
        return int(np.clip(column - generator.integers(4, _CROP_COLUMNS - 4), 0, most))
    return int(generator.integers(0, most + 1))


def _collate(samples: list[tuple]) -> tuple[Tensor, Tensor, Tensor]:
    rgb, things, distance_m = (np.stack(part) for part in zip(*samples))
    return (
        torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))),
        torch.from_numpy(things.astype(np.int64)),
        torch.from_numpy(np.ascontiguousarray(distance_m)),
    )


def _loss(network: PilotNetwork, rgb: Tensor, things: Tensor, distance_m: Tensor, weights: Tensor) -> Tensor:
    """weights: (number of things,) of the classes."""
    logits, log_distance = network(rgb)
    # Focal factor: most background cells are right after the first minute and teach nothing more.
    likelihood = torch.nn.functional.cross_entropy(logits, things, reduction="none")
    focal = (1.0 - torch.exp(-likelihood)) ** 1.5 * weights[things] * likelihood
    there = things > 0
    wrong = torch.nn.functional.smooth_l1_loss(
        log_distance[:, 0][there], torch.log(distance_m[there]), reduction="sum", beta=0.1
    )
    return focal.sum() / things.numel() * 20.0 + wrong / there.sum().clamp(min=1)


@torch.no_grad()
def _validate(network: PilotNetwork, frames: list[Path]) -> dict[str, float]:
    """Per thing recall and precision of cells within 40 m, and the median relative error of the distance."""
    network.eval()
    hits, truths, claims = (np.zeros(len(Thing)) for _ in range(3))
    errors: list[float] = []
    for label in frames:
        rgb, things, distance_m = _load(label)
        picture = torch.from_numpy(rgb.transpose(2, 0, 1).astype(np.float32) / 255.0)[None]
        logits, log_distance = network(picture)
        rows = slice(FIRST_ROW, END_ROW)
        things, distance_m = things[rows], distance_m[rows]
        seen = logits[0, :, rows].argmax(0).numpy()
        estimate_m = np.exp(log_distance[0, 0, rows].numpy())
        for thing in Thing:
            true = (things == thing) & (distance_m < 40.0)
            claimed = (seen == thing) & (estimate_m < 40.0)
            hits[thing] += (true & (seen == thing)).sum()
            truths[thing] += true.sum()
            claims[thing] += claimed.sum()
            if thing == Thing.PERSON:
                errors += list(np.abs(estimate_m[true] / distance_m[true] - 1.0))
    figures = {}
    for thing in list(Thing)[1:]:
        figures[f"{thing.name.lower()}_recall"] = float(hits[thing] / max(truths[thing], 1))
        figures[f"{thing.name.lower()}_precision"] = float(hits[thing] / max(claims[thing], 1))
    figures["person_distance_error"] = float(np.median(errors)) if errors else math.nan
    return figures


if __name__ == "__main__":
    main()
