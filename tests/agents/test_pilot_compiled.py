"""The pilot's network as it runs is the one that was trained."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from agents.pilot.architecture import Thing, tensor_shapes
from agents.pilot.camera import CROP_TOP, HEIGHT, WIDTH
from agents.pilot.compiled import CompiledNetwork
from agents.pilot.network import PilotNetwork
from agents.pilot.perception import Eyes
from agents.pilot.weights import WEIGHTS, load_weights

SHAPES = [(HEIGHT - CROP_TOP, WIDTH), (16, 160), (48, 176), (112, 272)]


@pytest.fixture(scope="module")
def network() -> PilotNetwork:
    network = PilotNetwork()
    network.load_state_dict(load_file(WEIGHTS))
    return network.eval()


@pytest.mark.parametrize("width", [32, 96])
def test_what_a_network_learns_has_the_names_and_shapes_that_its_file_is_held_against(width: int) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in PilotNetwork(width).state_dict().items()}
    assert tensor_shapes(width) == shapes


def untrained(width: int) -> PilotNetwork:
    """Weights, means and variances of every size, so that each of them counts."""
    torch.manual_seed(width)
    network = PilotNetwork(width).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.uniform_(-0.5, 0.5)
    return network


def learnt(network: PilotNetwork) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def noise(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 4), np.uint8)


@torch.inference_mode()
def as_trained(network: PilotNetwork, bgra: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H / 8, W / 8, 7)"""
    rgb = torch.from_numpy(np.ascontiguousarray(bgra[..., 2::-1].transpose(2, 0, 1)))
    return torch.cat(network(rgb[None].float() / 255.0), dim=1)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("shape", SHAPES)
def test_it_sees_what_the_trained_network_sees(network: PilotNetwork, shape: tuple[int, int]) -> None:
    frame = noise(shape)
    grid = CompiledNetwork(learnt(network))(frame)
    assert grid.shape[:2] == (shape[0] // 8, shape[1] // 8)
    assert grid[..., : len(Thing) + 1] == pytest.approx(as_trained(network, frame), abs=1e-4)


@pytest.mark.parametrize("width", [32, 96])
def test_weights_of_another_training_and_width_are_followed(width: int) -> None:
    network, frame = untrained(width), noise((64, 240))
    assert CompiledNetwork(learnt(network))(frame)[..., : len(Thing) + 1] == pytest.approx(
        as_trained(network, frame), abs=1e-4
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_any_number_of_threads_sees_the_same_to_the_last_bit(network: PilotNetwork, shape: tuple[int, int]) -> None:
    frames = [noise(shape, seed) for seed in range(3)]
    alone = CompiledNetwork(learnt(network))
    seen = [alone(frame).copy() for frame in frames]
    for threads in (2, 3, 8):
        shared = CompiledNetwork(learnt(network), threads)
        for frame, grid in zip(frames, seen):
            assert np.array_equal(shared(frame), grid)


@pytest.mark.parametrize("rows", [(4, 37), (0, 44), (43, 44), (17, 18)])
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_that_are_wanted_alone_are_the_same_to_the_last_bit(
    network: PilotNetwork, rows: tuple[int, int], threads: int
) -> None:
    frame = noise(SHAPES[0])
    whole = CompiledNetwork(learnt(network))(frame)
    some = CompiledNetwork(learnt(network), threads, rows)(frame)
    assert np.array_equal(some[slice(*rows)], whole[slice(*rows)])


def test_frames_of_changing_sizes_leave_nothing_behind(network: PilotNetwork) -> None:
    compiled = CompiledNetwork(learnt(network), 2)
    first = [compiled(noise(shape)).copy() for shape in SHAPES]
    for shape, grid in zip(SHAPES, first):
        compiled(noise(shape, 1))
        assert np.array_equal(compiled(noise(shape)), grid)


def test_a_frame_may_be_a_view_and_read_only(network: PilotNetwork) -> None:
    whole = noise((64, 320))
    view = whole[:, 80:240]
    view.flags.writeable = False
    compiled = CompiledNetwork(learnt(network))
    seen = compiled(view).copy()
    assert np.array_equal(compiled(view.copy()), seen)


@pytest.mark.parametrize("shape", [(350, 640, 4), (352, 150, 4), (352, 144, 4), (352, 640, 3), (0, 640, 4)])
def test_a_frame_that_it_cannot_take_is_one_clear_line(network: PilotNetwork, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"^a frame"):
        CompiledNetwork(learnt(network))(np.zeros(shape, np.uint8))


def test_the_eyes_use_as_many_threads_as_opencv_may_and_see_the_same() -> None:
    frame = np.kron(noise((45, 80)), np.ones((8, 8, 1), np.uint8))
    before, seen = cv2.getNumThreads(), []
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            seen.append(Eyes(load_weights(WEIGHTS)).look(frame))
    finally:
        cv2.setNumThreads(before)
    assert np.array_equal(seen[0].vehicles, seen[1].vehicles)
    assert (seen[0].red, seen[0].green, seen[0].stop) == (seen[1].red, seen[1].green, seen[1].stop)
