"""Several processes and killed ones: neither changes what a student becomes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fusion import FusionError
from fusion.ensemble import draw
from fusion.pairs.data import read_pairs
from fusion.student import Student
from fusion.synthetic import write
from fusion.teacher.reference import Reference
from fusion.train import train
from fusion.training.cache import EnsembleCache
from fusion.training.student_recipe import Recipe

pytest.importorskip("accelerate")

SETTINGS = {"teacher": "reference", "samples": 1, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}
RECIPE = Recipe(steps=24, batch=2, patch_px=32, held_out=0.0, backbones="efficientnet-lite0", lambda_flicker=0.1)
OPTIONS = (
    "--batch",
    2,
    "--patch-px",
    32,
    "--held-out",
    0,
    "--backbones",
    "efficientnet-lite0",
    "--lambda-flicker",
    0.1,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    write(folder / "drawn", count=4, seed=0, width=96, height=64)
    draw(read_pairs(folder / "drawn"), Reference(), EnsembleCache.create(folder / "ensembles", SETTINGS))
    return folder


def command(data: Path, out: Path, steps: int, *more: object) -> list[str]:
    arguments = ("-m", "fusion.train", "--data", data / "drawn", "--ensembles", data / "ensembles", "--out", out)
    return [str(part) for part in (*arguments, "--steps", steps, *OPTIONS, *more)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.timeout(400)
def test_a_run_killed_again_and_again_ends_with_the_weights_of_an_undisturbed_one(data, tmp_path):
    train([data / "drawn"], data / "ensembles", tmp_path / "whole", RECIPE, log_every=1)
    out, seen = tmp_path / "killed", 0
    for attempt in range(2):
        more = ("--log-every", 1, *(("--resume",) if attempt else ()))
        process = subprocess.Popen([sys.executable, *command(data, out, 24, *more)], env=environment(),
                                   stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:  # killed wherever it happens to be after these steps
            seen = int(line.split()[0])
            if seen >= 5 * (attempt + 1):
                time.sleep(0.013 * attempt)
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    assert not (out / "student.safetensors").exists()
    train([data / "drawn"], data / "ensembles", out, RECIPE, log_every=1, resume=True)
    assert (out / "student.safetensors").read_bytes() == (tmp_path / "whole" / "student.safetensors").read_bytes()
    steps = [line.split(",")[0] for line in (out / "log.csv").read_text().splitlines()[1:]]
    assert steps == [str(step) for step in range(1, 25)]  # no step is logged twice


@pytest.mark.timeout(400)
def test_two_processes_share_a_batch_and_end_with_the_weights_of_one(data, tmp_path):
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    result = subprocess.run([sys.executable, *torchrun, *command(data, tmp_path / "two", 6, "--log-every", 3)],
                            env=environment(), capture_output=True, text=True, timeout=390)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(" dB ") == 2  # the first process alone speaks
    recipe = Recipe(**{**RECIPE.__dict__, "steps": 6})
    train([data / "drawn"], data / "ensembles", tmp_path / "one", recipe, log_every=3)
    torch.manual_seed(RECIPE.seed)
    one, two, before = (
        torch.cat([tensors[name].flatten() for name in sorted(tensors)])
        for tensors in (
            *(load_file(tmp_path / name / "student.safetensors") for name in ("one", "two")),
            Student().state_dict(),
        )
    )
    # Rounding apart: additions in another order, which the optimizer's division may magnify where gradients vanish.
    assert float((one - two).norm()) < 0.01 * float((one - before).norm())
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("one", "two")]
    assert logs[0][0] == logs[1][0]
    for single, shared in zip(logs[0][1:], logs[1][1:]):
        assert [float(value) for value in shared.split(",")] == pytest.approx(
            list(map(float, single.split(","))), rel=0.02
        )


def test_a_batch_that_cannot_be_shared_is_refused(data, tmp_path, monkeypatch):
    class Three:
        count = 3

    monkeypatch.setattr("fusion.train.Processes", lambda device: Three())
    with pytest.raises(FusionError, match="batch of 2 cannot be shared evenly by 3 processes"):
        train([data / "drawn"], data / "ensembles", tmp_path / "out", RECIPE)
