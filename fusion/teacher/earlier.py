"""An earlier student in a teacher's place: a new one keeps what it paints, and learns from other terms of the loss."""

import hashlib

import torch
from torch import Tensor

from fusion.student import Student
from fusion.weights import load_student, locate


class EarlierStudent:
    """Its samples are all alike, so that nothing is known of where its own teacher was unsure. Takes frames as they
    come to the student: ensembles of it are best drawn at scale 1."""

    def __init__(self, student: Student, checksum: str) -> None:
        self._student = student.eval()
        self._checksum = checksum

    @property
    def identity(self) -> str:
        return f"student-{self._checksum[:16]}"

    def to(self, device: str) -> "EarlierStudent":
        self._student.to(device)
        return self

    @torch.inference_mode()
    def sample(self, visible: Tensor, thermal: Tensor, n: int, seed: int) -> Tensor:
        return self._student(visible[None], thermal[None]).clamp(0.0, 1.0).expand(n, -1, -1, -1).clone()

    @classmethod
    def load(cls, name_or_path: str) -> "EarlierStudent":
        path = locate(name_or_path)
        return cls(load_student(path), hashlib.sha256(path.read_bytes()).hexdigest())
