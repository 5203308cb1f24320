"""Students of PyTorch to weights files and back."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save

from fusion.files import whole
from fusion.shape import LANES, StudentConfig
from fusion.student import Student
from fusion.weights.arrays import KIND, StudentArrays, load_arrays


def save_student(student: Student, path: Path) -> None:
    """Writes the file in one step, so that a reader never sees half of it."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in student.state_dict().items()}
    with whole(path) as partial:
        partial.write_bytes(save(tensors, metadata_of(student.config)))  # safetensors' own lets nobody else read it


def metadata_of(config: StudentConfig) -> dict[str, str]:
    """One entry only: safetensors writes several in no fixed order, and equal weights should be equal files."""
    return {KIND: json.dumps(asdict(config) | {"lanes": LANES}, sort_keys=True)}


def load_student(path: Path) -> Student:
    """The student of a weights file, on the CPU, in evaluation mode."""
    return student_of(load_arrays(path))


def student_of(learnt: StudentArrays) -> Student:
    """On the CPU, in evaluation mode, with a copy of the arrays."""
    student = Student(learnt.config)
    student.load_state_dict({name: torch.from_numpy(array) for name, array in learnt.arrays.items()})
    return student.eval().requires_grad_(False)


def arrays_of(student: Student) -> StudentArrays:
    """A copy of what a student has learnt so far."""
    tensors = student.state_dict().items()
    return StudentArrays(student.config, {name: tensor.float().cpu().numpy().copy() for name, tensor in tensors})
