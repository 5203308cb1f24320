"""The fusions that are measured side by side, by the names that tables give them: simple ones, and students."""

from collections.abc import Sequence
from pathlib import Path

from fusion.naive import FUSIONS, Fusion

STUDENT = "student "
"""What the names of students begin with."""


def fusions(weights: Sequence[str]) -> dict[str, Fusion]:
    """Every simple fusion, and the students of these shipped names or files."""
    found = dict(FUSIONS)
    stems = [Path(name).stem for name in weights]
    for name, stem in zip(weights, stems):  # every trainer calls its file student.safetensors
        found[STUDENT + (stem if stems.count(stem) == 1 else name)] = _student(name)
    return found


def _student(name: str) -> Fusion:
    from fusion.proxy import FusionProxy  # late: it brings numba, which takes seconds

    proxy = FusionProxy.from_pretrained(name)
    return lambda frame, thermal: proxy(frame, thermal, channel_order="rgb")
