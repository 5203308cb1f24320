"""Checkpoints of a training run: all that changes from step to step in one file, written whole or not at all."""

import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fusion.errors import FusionError
from fusion.files import whole

NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, parts: Mapping[str, Any], settings: Mapping[str, Any], step: int) -> None:
    """`parts` are modules and optimizers by name; `step` counts the steps that are done."""
    state = {name: part.state_dict() for name, part in parts.items()}
    data = io.BytesIO()  # written at once: torch's own writer says nothing intelligible of a full disk
    torch.save({"step": step, "settings": json.dumps(settings, sort_keys=True), **state}, data)
    with whole(folder / NAME) as partial:
        partial.write_bytes(data.getbuffer())


def load_checkpoint(folder: Path, parts: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Fills the parts and returns how many steps were done; the settings must be those of the run."""
    path = folder / NAME
    if not path.exists():
        raise FusionError(f"{folder} holds no run to resume: there is no {NAME}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        before = json.loads(state["settings"])
    except OSError as error:
        raise FusionError(f"{path} cannot be read: {error.strerror}") from None
    except (RuntimeError, KeyError, TypeError, ValueError, IndexError, pickle.UnpicklingError, EOFError):
        # What torch says of them is nothing, or advice to load what may hold a program.
        fault = "damaged, or something else" if path.stat().st_size else "empty"
        raise FusionError(f"{path} is not a checkpoint that can be read: it is {fault}; give another --out") from None
    for name, value in json.loads(json.dumps(settings)).items():
        if before.get(name) != value:
            raise FusionError(_another_run(path, name, before.get(name), value))
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (RuntimeError, KeyError, ValueError) as error:
        raise FusionError(f"{path} does not fit this network: {str(error).splitlines()[0]}") from None
    return int(state["step"])


def way_on(folder: Path) -> str:
    """To be said after what ended a run from outside: how it goes on."""
    return "; then the same line with --resume goes on from its last checkpoint" if (folder / NAME).exists() else ""


def _another_run(path: Path, name: str, before: Any, now: Any) -> str:
    if name == "data_sha256":
        return f"{path} was made with other ensembles or pairs than those of now: give them again, or another --out"
    weights = next(iter(sorted(path.parent.glob("*.safetensors"))), None)
    on = f": to train on, give --init {weights} and another --out" if name == "steps" and weights else ""
    return f"{path} was made with {name} = {before!r}, not {now!r}{on}"
