"""Averaged students lie between the two they come from."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from fusion import FusionError
from fusion.average import average
from fusion.shape import StudentConfig
from fusion.student import Student
from fusion.weights.tensors import load_student, save_student

SMALL = StudentConfig(bins=4, fine=8, middle=16, coarse=16, blocks=1)


def drawn(seed: int) -> Student:
    torch.manual_seed(seed)
    student = Student(SMALL)
    with torch.no_grad():
        for weight in student.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return student


def test_every_weight_is_the_mean_with_the_share_of_the_first():
    one, other = drawn(1), drawn(2)
    mixed = average(one, other, 0.75)
    for name, weight in mixed.state_dict().items():
        assert torch.allclose(weight, 0.75 * one.state_dict()[name] + 0.25 * other.state_dict()[name])
    assert all(
        torch.equal(weight, one.state_dict()[name]) for name, weight in average(one, other, 1.0).state_dict().items()
    )


def test_students_of_different_sizes_are_refused():
    with pytest.raises(FusionError, match="different sizes"):
        average(drawn(1), Student(), 0.5)
    blind = Student(replace(SMALL, thermal=0))
    with pytest.raises(FusionError, match="one that has learnt without them"):
        average(drawn(1), blind, 0.5)


def test_the_command_writes_weights_that_load_and_names_a_bad_share(command, tmp_path):
    for number in (1, 2):
        save_student(drawn(number), tmp_path / f"{number}.safetensors")
    run = partial(command, "fusion.average", "--weights", tmp_path / "1.safetensors", tmp_path / "2.safetensors")
    mean = tmp_path / "new" / "mean.safetensors"
    done = run("--share", "0.5", "--out", mean)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"student in {mean}\n"
    expected = average(drawn(1), drawn(2), 0.5).state_dict()
    assert all(torch.allclose(weight, expected[name]) for name, weight in load_student(mean).state_dict().items())
    wrong = run("--share", "1.5", "--out", tmp_path / "x")
    assert (wrong.returncode, wrong.stderr) == (1, "fusion.average: --share 1.5 is not between 0 and 1\n")
