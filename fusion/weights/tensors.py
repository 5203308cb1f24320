"""What is in a weights file: tensors and the student's sizes, read with every doubt named in one line."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from fusion.errors import FusionError
from fusion.files import read_tensors, whole
from fusion.student import LANES, Student, StudentConfig

KIND = "nightloop-fusion-student"


def save_student(student: Student, path: Path) -> None:
    """Writes the file in one step, so that a reader never sees half of it."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in student.state_dict().items()}
    with whole(path) as partial:
        save_file(tensors, partial, metadata=metadata_of(student.config))


def metadata_of(config: StudentConfig) -> dict[str, str]:
    """One entry only: safetensors writes several in no fixed order, and equal weights should be equal files."""
    return {KIND: json.dumps(asdict(config) | {"lanes": LANES}, sort_keys=True)}


def load_student(path: Path) -> Student:
    """The student of a weights file, on the CPU, in evaluation mode."""
    metadata, tensors = read_tensors(path, "weights")
    if KIND not in metadata:
        raise FusionError(f"weights {path} are not those of a FusionProxy student")
    try:
        sizes = json.loads(metadata[KIND])
        sizes = {"thermal": 1} | sizes  # files from before any student had learnt without thermal frames
        config = StudentConfig(**{field.name: int(sizes[field.name]) for field in fields(StudentConfig)})
    except (KeyError, TypeError, ValueError) as error:
        raise FusionError(f"weights {path} do not say the student's sizes: {_one_line(error)}") from None
    student = Student(config)
    _check(student.state_dict(), tensors, path)
    student.load_state_dict(tensors)
    if sizes.get("lanes", LANES - 1) < LANES:  # files from before the last lane meant anything
        with torch.no_grad():
            for tensor in (student.network.head.weight, student.network.head.bias):
                tensor[LANES - 1 :: LANES] = 0.0  # type: ignore[index]
    return student.eval().requires_grad_(False)


def _check(wanted: dict[str, Tensor], found: dict[str, Tensor], path: Path) -> None:
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise FusionError(f"weights {path} lack the tensor '{name}'")
        if name not in wanted:
            raise FusionError(f"weights {path} hold an unknown tensor '{name}'")
        if wanted[name].shape != found[name].shape:
            have, want = tuple(found[name].shape), tuple(wanted[name].shape)
            raise FusionError(f"weights {path}: '{name}' has shape {have} where the student has {want}")
        if not bool(torch.isfinite(found[name]).all()):
            raise FusionError(f"weights {path}: '{name}' holds NaN or infinity")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
