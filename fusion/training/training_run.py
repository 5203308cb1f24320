"""What both trainers do beside learning: their run's folder, its log, and what they say meanwhile."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from fusion.errors import FusionError
from fusion.files import append, make_folder, write_text
from fusion.pairs.data import blocks


def refuse_another_run(out: Path) -> None:
    """Before anything is read: a new run takes no other's folder."""
    if (out / "checkpoint.pt").exists():
        raise FusionError(f"{out} holds another run: give --resume, or another --out")


def start_folder(out: Path, settings: dict[str, Any]) -> None:
    refuse_another_run(out)  # again: reading the pairs took minutes
    make_folder(out)
    (out / "log.csv").unlink(missing_ok=True)
    write_text(out / "recipe.json", json.dumps(settings, indent=1) + "\n")


def say_what_is_trained_on(training: int, held: int, pairs: int) -> None:
    """An ensemble draw that was interrupted would pass unnoticed otherwise."""
    without = pairs - training - held
    lack = f"; {without} of the data's {pairs} pairs have no ensemble" if without else ""
    print(f"training on {training} pairs, {held} held out{lack}", file=sys.stderr, flush=True)


def say_nothing_is_held_out(names: list[str], share: float) -> None:
    count = blocks(names)
    of = f"{count} scenes and blocks of numbered frames" if count < len(names) else f"{count} pairs"
    why = f"--held-out {share:g} took none of the {of}, by their names" if share > 0.0 else "--held-out is 0"
    print(f"no pair is held out: {why}; psnr is that of training pairs", file=sys.stderr, flush=True)


def psnr_text(mean_db: float, pairs: int) -> str:
    """Mean over the few pairs that are measured at every log line; a teacher's without a twin have none."""
    of = "1 pair" if pairs == 1 else f"{pairs} pairs"
    return f"psnr {mean_db:.2f} dB ({of})" if pairs else "no psnr: none of the pairs shown has a clear twin"


def say_first_step(step: int, steps: int, started: float) -> None:
    """The next sign of life is a log line, which may be long in coming."""
    print(f"{step:6d}  of {steps} steps  {time.monotonic() - started:.1f} s", flush=True)


def stop_at_nan(loss: float, step: int) -> None:
    """Before a checkpoint of it takes the place of a good one."""
    if not math.isfinite(loss):
        raise FusionError(f"the loss is {loss} at step {step}: lower --learning-rate")


def forget_after(path: Path, step: int) -> None:
    """Drops the lines of steps that a killed run had logged but that its last checkpoint does not hold."""
    if path.exists():
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines[1:] if line.endswith("\n") and int(line.split(",", 1)[0]) <= step]
        if kept:
            write_text(path, "".join([*lines[:1], *kept]))
        else:
            path.unlink()


def log(path: Path, row: dict[str, float]) -> None:
    lines = [] if path.exists() else [",".join(row)]
    lines.append(",".join(f"{value:.6g}" for value in row.values()))
    append(path, "".join(f"{line}\n" for line in lines))
