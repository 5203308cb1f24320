"""Students of other shapes: the trainer sees patches of them, a user whole frames, and both must be the same."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from benchmarks.student_shapes.__main__ import PRESET, costs, judged, table
from benchmarks.student_shapes.shapes import SHAPES, SHIPPED, DepthWise, Reparameterised
from fusion.ablate import run_arm
from fusion.ensemble import draw
from fusion.pairs.data import read_pairs
from fusion.student import parameter_count
from fusion.synthetic import write
from fusion.teacher.reference import Reference
from fusion.training.cache import EnsembleCache

PAINTED = "U-Net on all pixels"


@pytest.fixture(autouse=True)
def alone_and_seeded() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # two would wait for each other where others are at work on the same cores
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def shaken(name):
    """Far from the identity that it starts as."""
    student = SHAPES[name]().eval()
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return student


@pytest.mark.parametrize("name", SHAPES)
@torch.inference_mode()
def test_a_patch_comes_out_as_it_does_in_the_whole_frame(name):
    student, patch, origins = shaken(name), 32, ((32, 64), (64, 32))
    visible, thermal = torch.rand(2, 3, 128, 128), torch.rand(2, 1, 128, 128)
    whole = student(visible, thermal)

    def cut(frames):
        return torch.stack([frame[:, y : y + patch, x : x + patch] for frame, (y, x) in zip(frames, origins)])

    piece = student.apply_grid(student.grid(visible, thermal), cut(visible), cut(thermal), *origins)
    # what paints sees less around a patch than in the frame, and what goes through many layers is seen faintly
    assert (piece - cut(whole)).abs().max() < 0.02 * (cut(whole) - cut(visible)).abs().max()


@pytest.mark.parametrize("name", SHAPES)
@torch.inference_mode()
def test_frames_of_any_size_are_handed_through_by_a_student_that_has_learnt_nothing(name):
    visible, thermal = torch.rand(1, 3, 37, 51), torch.rand(1, 1, 37, 51)
    student = SHAPES[name]().eval()
    assert (student(visible, thermal) - visible).abs().max() < 0.05
    assert parameter_count(student) < 500_000


@torch.inference_mode()
def test_three_branches_and_the_one_that_they_become_are_the_same():
    network, seen = DepthWise().eval(), torch.randn(1, 5, 40, 48)
    torch.nn.init.normal_(network.head.weight)
    before, learnt = network(seen), parameter_count(network)
    for module in network.modules():
        if isinstance(module, Reparameterised):
            module.to_one_branch()
    assert torch.allclose(network(seen), before, atol=1e-5)
    assert parameter_count(network) < learnt


def test_shapes_are_trained_measured_and_tabulated(tmp_path):
    write(tmp_path / "drawn", count=6, seed=0, width=64, height=48)
    settings = {"teacher": "reference", "samples": 1, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}
    draw(read_pairs(tmp_path / "drawn"), Reference(), EnsembleCache.create(tmp_path / "ensembles", settings))
    recipe = replace(PRESET, steps=2, batch=1, patch_px=32, held_out=0.5)
    names = (SHIPPED, PAINTED)

    def results():
        return {
            (name, seed): run_arm(
                *([tmp_path / "drawn"], tmp_path / "ensembles", tmp_path / f"{name}{seed}", recipe),
                untrained=SHAPES[name],
                judge=judged,
            )
            for name in names
            for seed in (0, 1)
        }

    first = results()
    assert results() == first  # read, not trained again
    lines = table(first, {name: costs(name, 1, 64, 48, threads=1) for name in names}).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[0] for row in cells] == list(names)
    shipped, painted = cells
    assert shipped[3] == shipped[5] == shipped[7] == ""
    assert all("±" in painted[column] for column in (3, 5, 7))
    assert float(shipped[8]) < float(painted[8])  # multiply-adds
    assert [bool(row[10]) for row in cells] == [True, False]  # the compiled path paints nothing
