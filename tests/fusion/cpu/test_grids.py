"""The compiled layers against PyTorch's, and the two ways of slicing against each other."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from fusion import FusionProxy
from fusion.cpu.convolution import add_doubled_rows, aligned, convolve_rows, pack, padded_channels
from fusion.cpu.crew import Crew
from fusion.cpu.grids import GridMaker
from fusion.cpu.meeting import meeting
from fusion.cpu.slicing import lane_order
from fusion.cpu.small_view import CHANNELS
from fusion.cpu.winograd import convolve_squares, pack_positions, room_for
from fusion.shape import StudentConfig
from fusion.student import Student
from fusion.tensor_path import constants_of, sliced
from fusion.weights.tensors import arrays_of


def noisy_student(config: StudentConfig | None = None, seed: int = 0) -> Student:
    torch.manual_seed(seed)
    student = Student(config).eval().requires_grad_(False)
    for parameter in student.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.05)
    return student


def bordered(image_: torch.Tensor, channels: int) -> np.ndarray:
    """(1, C, h, w) -> (h + 2, w + 2, channels) with a repeated border and channels of zeros."""
    wide = F.pad(image_, (1, 1, 1, 1), mode="replicate")[0].permute(1, 2, 0).numpy()
    return np.ascontiguousarray(np.pad(wide, ((0, 0), (0, 0), (0, channels - wide.shape[2]))))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 14), st.sampled_from([5, 16, 33]), st.sampled_from([7, 16, 32, 48, 64, 80]),
    st.sampled_from([(3, 1), (3, 2), (1, 1)]), st.booleans(), st.booleans(), st.integers(0, 99)
)  # fmt: skip
def test_a_convolution_is_pytorchs(rows, columns, inputs, outputs, shape, with_extra, relu, seed):
    (size, stride), generator = shape, torch.Generator().manual_seed(seed)
    x = torch.randn(1, inputs, rows * stride, columns * stride, generator=generator)
    weight, bias = (
        torch.randn(outputs, inputs, size, size, generator=generator),
        torch.randn(outputs, generator=generator),
    )
    extra = torch.randn(1, outputs, rows, columns, generator=generator)
    expected = F.conv2d(F.pad(x, (size // 2,) * 4, mode="replicate"), weight, bias, stride) + extra * with_extra
    expected = F.relu(expected) if relu else expected
    layer = pack(weight.numpy(), bias.numpy(), stride, inputs + 3)
    shape = rows + 2, columns + 2, padded_channels(outputs)
    out = aligned(int(np.prod(shape))).reshape(shape)
    beside = bordered(extra, out.shape[2])
    for top in range(rows):  # a band per row: what a thread is given must not matter
        convolve_rows(
            bordered(x, inputs + 3),
            layer.weights,
            layer.bias,
            size,
            stride,
            beside,
            with_extra,
            relu,
            out,
            True,
            top,
            top + 1,
        )
    assert np.abs(out - bordered(expected, out.shape[2])).max() < 1e-3


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 14), st.sampled_from([16, 48]), st.sampled_from([7, 16, 32, 48, 64, 80]),
    st.booleans(), st.booleans(), st.integers(0, 99)
)  # fmt: skip
def test_a_convolution_by_squares_is_pytorchs(rows, columns, inputs, outputs, with_extra, relu, seed):
    generator = torch.Generator().manual_seed(seed)
    x, extra = (torch.randn(1, n, rows, columns, generator=generator) for n in (inputs, outputs))
    weight = torch.randn(outputs, inputs, 3, 3, generator=generator)
    bias = torch.randn(outputs, generator=generator)
    expected = F.conv2d(F.pad(x, (1,) * 4, mode="replicate"), weight, bias) + extra * with_extra
    expected = F.relu(expected) if relu else expected
    layer = pack_positions(weight.numpy(), bias.numpy(), inputs)
    shape = rows + 2, columns + 2, padded_channels(outputs)
    out, room = aligned(int(np.prod(shape))).reshape(shape), aligned(room_for(columns, inputs, shape[2]))
    beside = bordered(extra, shape[2])
    for top in range((rows + 1) // 2):  # a band per row of squares: what a thread is given must not matter
        convolve_squares(
            bordered(x, inputs), layer.weights, layer.bias, beside, with_extra, relu, out, room, top, top + 1
        )
    assert np.abs(out - bordered(expected, shape[2])).max() < 1e-3


def test_doubling_is_pytorchs_bilinear_interpolation():
    small, large = torch.randn(1, 16, 3, 5), torch.randn(1, 16, 6, 10)
    expected = large + F.interpolate(small, scale_factor=2.0, mode="bilinear", align_corners=False)
    out = bordered(large, 16)
    add_doubled_rows(bordered(small, 16), out, 0, 6)
    assert np.abs(out - bordered(expected, 16)).max() < 1e-5


@pytest.mark.parametrize(
    "config",
    [StudentConfig(), StudentConfig(bins=4, fine=8, middle=16, coarse=24, blocks=1), StudentConfig(blocks=3)],
    ids=["shipped", "small", "deep"],
)
@pytest.mark.parametrize("red", [0, 2])
def test_the_compiled_network_is_the_trained_one(config, red):
    student = noisy_student(config)
    seen = np.random.default_rng(0).random((18, 26, CHANNELS), np.float32) * 2.0 - 1.0
    seen[1:-1, 1:-1, 4] = np.linspace(-1.0, 1.0, 16, dtype=np.float32)[:, None]
    inner = seen[1:-1, 1:-1].copy()
    seen = np.pad(inner, ((1, 1), (1, 1), (0, 0)), mode="edge")

    network, met = GridMaker(arrays_of(student), 3).of_view(16, 24, red), meeting()
    network.seen[:] = seen
    Crew(2, "test").run(lambda part, parts: network.run(met, 0, part, parts), [(0, 3), (1, 3), (2, 3)])
    found = network.grid
    view = torch.from_numpy((inner[None, ..., :4] + 1.0) * 0.5).permute(0, 3, 1, 2)
    expected = student.network(view)[0].numpy()[..., lane_order(red)].reshape(found.shape)
    assert found.shape == (8, 12, config.bins * 16)
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("size", [(8, 8), (40, 72), (33, 101)])
def test_slicing_in_one_interpolation_is_what_is_trained(size):
    student = noisy_student()
    visible, thermal = torch.rand(2, 3, *size), torch.rand(2, 1, *size)
    grid = student.grid(visible, thermal)
    at_once = sliced(student, grid, visible, thermal, constants_of(student, *size))
    assert torch.allclose(at_once, student.apply_grid(grid, visible, thermal), atol=1e-4)


def test_the_shipped_weights_agree_with_the_trained_formulas_within_one_grey_level():
    proxy = FusionProxy.from_pretrained()
    rng = np.random.default_rng(0)
    visible = np.kron(rng.integers(0, 256, (12, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    thermal = np.kron(rng.integers(0, 256, (8, 10)), np.ones((15, 16))).astype(np.uint8)
    fused = proxy(visible, thermal, channel_order="rgb").astype(float)
    v = torch.from_numpy(visible).permute(2, 0, 1)[None].float() / 255.0
    with torch.inference_mode():
        expected = proxy.student(v, torch.from_numpy(thermal)[None, None].float() / 255.0).clamp(0.0, 1.0)
    assert np.abs(fused - expected[0].permute(1, 2, 0).numpy() * 255.0).max() <= 1.0
