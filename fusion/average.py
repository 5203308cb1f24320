"""Averages the weights of two students that descend from each other.

    python -m fusion.average --weights NEW.safetensors OLD.safetensors --share 0.9 --out student.safetensors

Between a student and one trained further from it lies a path of students, each of which does some of both; a share of
the old one brings back some of what the further training gave up. Students trained apart do not average.
"""

import argparse
import sys
from pathlib import Path

import torch

from fusion import limits
from fusion.errors import FusionError
from fusion.files import make_folder
from fusion.student import Student
from fusion.weights import locate
from fusion.weights.tensors import load_student, save_student


def average(one: Student, other: Student, share: float) -> Student:
    """share * one + (1 - share) * other, weight by weight; both must have the same sizes."""
    if one.config.thermal != other.config.thermal:
        raise FusionError("a student with thermal frames and one that has learnt without them cannot be averaged")
    if one.config != other.config:
        raise FusionError(f"students of different sizes cannot be averaged: {one.config} and {other.config}")
    mixed = Student(one.config)
    weights = other.state_dict()
    with torch.no_grad():
        mixed.load_state_dict({name: share * w + (1.0 - share) * weights[name] for name, w in one.state_dict().items()})
    return mixed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.average", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", nargs=2, required=True, metavar="NAME", help="shipped names or .safetensors files")
    parser.add_argument("--share", type=float, required=True, help="of the first one, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        limits.check({"share": options.share})
        students = [load_student(locate(name)) for name in options.weights]
        mixed = average(students[0], students[1], options.share)
        make_folder(options.out.parent)
        save_student(mixed, options.out)
        print(f"student in {options.out}")
    except FusionError as error:
        sys.exit(f"fusion.average: {error}")


if __name__ == "__main__":
    main()
