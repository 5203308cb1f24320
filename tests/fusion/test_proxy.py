import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion import FusionError, FusionProxy
from fusion.cpu import byte_path
from fusion.shape import StudentConfig
from fusion.student import Student


def make_proxy(seed: int = 0, spread: float = 0.03, **sizes: int) -> FusionProxy:
    """A proxy whose student is far from the identity it starts as."""
    torch.manual_seed(seed)
    student = Student(StudentConfig(**sizes))
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter) * spread)
    return FusionProxy(student)


def make_frames(height: int, width: int, channels: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    smooth = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    return smooth, rng.integers(0, 256, (height, width), dtype=np.uint8)


@pytest.fixture(scope="module")
def proxy() -> FusionProxy:
    return make_proxy()


@pytest.mark.parametrize("nothing", [None, 0, 77], ids=["none", "zero", "flat"])
@pytest.mark.parametrize("channels", [3, 4])
def test_without_thermal_evidence_the_visible_frame_comes_back_bit_for_bit(proxy, nothing, channels):
    visible, _ = make_frames(37, 50, channels)
    thermal = None if nothing is None else np.full((37, 50), nothing, np.uint8)
    fused = proxy(visible, thermal)
    assert np.array_equal(fused, visible)
    assert fused is not visible


def test_a_tensor_batch_keeps_the_frames_whose_thermal_half_is_flat():
    proxy = make_proxy()
    visible, thermal = torch.rand(3, 3, 40, 56), torch.rand(3, 1, 40, 56)
    thermal[1] = 0.25
    fused = proxy(visible, thermal)
    assert torch.equal(fused[1], visible[1])
    assert not torch.equal(fused[0], visible[0])
    assert not torch.equal(fused[2], visible[2])
    assert torch.equal(proxy(visible, None), visible)


def test_noise_below_half_a_grey_level_counts_as_flat(proxy):
    visible, _ = make_frames(64, 64)
    thermal = np.full((64, 64), 90, np.uint8)
    thermal[::8, ::8] += 1  # standard deviation 0.12
    assert np.array_equal(proxy(visible, thermal), visible)
    thermal[:, ::2] += 4
    assert not np.array_equal(proxy(visible, thermal), visible)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 75), st.integers(1, 75), st.sampled_from([3, 4]), st.integers(0, 99), st.sampled_from([1, 2, 8]))
def test_bytes_and_tensors_agree_within_one_grey_level_at_any_size(height, width, channels, seed, bins):
    proxy = make_proxy(1, bins=bins)
    visible, thermal = make_frames(height, width, channels, seed)
    fused = proxy(visible, thermal, channel_order="rgb")
    assert fused.shape == visible.shape
    assert fused.dtype == np.uint8
    as_tensor = torch.from_numpy(visible[..., :3].copy()).permute(2, 0, 1)[None].float() / 255.0
    reference = proxy(as_tensor, torch.from_numpy(thermal)[None, None].float() / 255.0)
    difference = np.abs(fused[..., :3].astype(float) - reference[0].permute(1, 2, 0).numpy() * 255.0)
    assert difference.max() <= 1.0


def test_a_student_of_the_visible_frame_alone_looks_at_nothing_else():
    proxy = make_proxy(2, thermal=0)
    visible, thermal = make_frames(37, 50, 4)
    fused = proxy(visible, thermal)
    for heat in (None, 255 - thermal, np.zeros_like(thermal)):
        assert np.array_equal(proxy(visible, heat), fused)
    assert not np.array_equal(fused, visible)
    assert np.array_equal(proxy(visible[None], None)[0], fused)
    assert proxy(visible[None][:0], None).shape == (0, 37, 50, 4)
    swapped = proxy(np.ascontiguousarray(visible[..., [2, 1, 0, 3]]), thermal, channel_order="rgb")
    assert np.array_equal(swapped[..., [2, 1, 0, 3]], fused)
    as_tensor = torch.from_numpy(visible).permute(2, 0, 1)[None].float() / 255.0
    reference = proxy(as_tensor, None, channel_order="bgr")[0].permute(1, 2, 0).numpy() * 255.0
    # Its luminance has no steps of a grey level there, and the guide makes the most of them.
    assert np.abs(fused.astype(float) - reference).mean() < 0.5


def test_a_batch_of_arrays_is_its_frames_one_by_one(proxy):
    visible, thermal = np.stack([make_frames(40, 56, 4, seed)[0] for seed in range(3)]), make_frames(120, 56)[1]
    thermal = thermal.reshape(3, 40, 56)
    thermal[1] = 9
    fused = proxy(visible, thermal)
    for index in range(3):
        assert np.array_equal(fused[index], proxy(visible[index], thermal[index]))
    assert np.array_equal(fused[1], visible[1])
    assert proxy(visible[:0], thermal[:0]).shape == (0, 40, 56, 4)


def test_a_tensor_with_alpha_keeps_it(proxy):
    visible, thermal = torch.rand(2, 4, 40, 56), torch.rand(2, 1, 40, 56)
    fused = proxy(visible, thermal)
    assert torch.equal(fused[:, 3], visible[:, 3])
    assert torch.equal(fused[:, :3], proxy(visible[:, :3], thermal))


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("channels", [3, 4])
def test_any_number_of_threads_gives_the_same_bytes(proxy, threads, channels):
    several = FusionProxy(proxy.student, threads=threads)
    for size in ((1, 2), (37, 50), (97, 301)):
        visible, thermal = make_frames(*size, channels)
        assert np.array_equal(several(visible, thermal), proxy(visible, thermal))


@pytest.mark.parametrize(("threads", "channels"), [(1, 4), (3, 3)])
def test_a_proxy_may_be_called_from_several_threads(proxy, threads, channels):
    frames = [make_frames(40 + 8 * (n % 3), 64, channels, n) for n in range(24)]
    expected = [proxy(*pair) for pair in frames]
    several = FusionProxy(proxy.student, threads=threads)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: several(*pair), frames))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected))


@pytest.mark.parametrize("stage", ["view_rows", "slice_rows"])
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_nobody_waits_for_a_thread_that_has_failed(proxy, stage, bad, monkeypatch):
    several, pair = FusionProxy(proxy.student, threads=3), make_frames(96, 128)
    expected, rows_of = several(*pair), getattr(byte_path, stage)
    first_row = [0, 8, 16][bad] * (1 if stage == "view_rows" else 4)

    def fail(*arguments):
        if arguments[-2] == first_row:
            raise KeyboardInterrupt
        return rows_of(*arguments)

    monkeypatch.setattr(byte_path, stage, fail)
    with pytest.raises(KeyboardInterrupt):
        several(*pair)
    monkeypatch.undo()
    assert np.array_equal(several(*pair), expected)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_stays_near_full_precision(precision):
    visible, thermal = torch.rand(1, 3, 64, 96), torch.rand(1, 1, 64, 96)
    full = FusionProxy.from_pretrained("sim")(visible, thermal)
    half = FusionProxy.from_pretrained("sim", precision=precision)(visible, thermal)
    assert half.dtype == torch.float32
    assert float((half - full).abs().max()) * 255.0 < (2.0 if precision == "fp16" else 12.0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "int3"}, "precision is one of fp32, fp16, bf16"),
        ({"backend": "abacus"}, "backend for tensors is one of"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used"),
        ({"backend": "cuda-graph"}, "needs a CUDA device, not cpu"),
        ({"threads": 0}, "threads is 1 or more"),
    ],
)
def test_a_machine_or_mode_that_is_not_there_is_named_in_one_line(options, says):
    with pytest.raises(FusionError, match=says) as refusal:
        FusionProxy.from_pretrained("sim", **options)
    assert "\n" not in str(refusal.value)


def test_a_device_that_is_not_there_is_named_when_a_proxy_is_moved(proxy):
    with pytest.raises(FusionError, match="device 'cuda:99' cannot be used") as refusal:
        proxy.to("cuda:99")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda proxy: pickle.loads(pickle.dumps(proxy))])
@pytest.mark.parametrize("options", [{}, {"threads": 3, "precision": "fp16"}])
def test_a_copied_proxy_fuses_to_the_same_bytes(copied, options):
    proxy = FusionProxy.from_pretrained("sim", **options)
    frames, tensors = make_frames(48, 80, 4), (torch.rand(1, 3, 48, 80), torch.rand(1, 1, 48, 80))
    expected = proxy(*frames), proxy(*tensors)
    other = copied(proxy)
    assert np.array_equal(other(*frames), expected[0])
    assert torch.equal(other(*tensors), expected[1])
    assert other.checksum == proxy.checksum
    assert "meta" in proxy.to("meta").__reduce__()[1]  # where the copy will be made


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_proxy_that_is_moved_leaves_nothing_behind(precision):
    proxy = FusionProxy.from_pretrained("sim", precision=precision)
    visible, thermal = torch.rand(1, 3, 64, 96), torch.rand(1, 1, 64, 96)
    proxy(visible, thermal)
    tensors = proxy.to("meta")._tensors  # a device that every machine has: it holds shapes alone
    assert tensors.fuse(visible.to("meta"), thermal.to("meta")).device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_proxy_that_has_fused_on_a_cpu_fuses_alike_on_a_gpu(precision):
    proxy = FusionProxy.from_pretrained("sim", precision=precision)
    visible, thermal = torch.rand(1, 3, 100, 140), torch.rand(1, 1, 100, 140)
    expected = proxy(visible, thermal)
    found = proxy.to("cuda")(visible.cuda(), thermal.cuda())
    assert float((found.cpu() - expected).abs().max()) * 255.0 < 2.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("backend", ["eager", "compile", "cuda-graph"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_gpu_agrees_with_the_cpu_within_two_grey_levels(backend, precision):
    proxy = FusionProxy.from_pretrained("sim", device="cuda", backend=backend, precision=precision)
    for seed in range(2):
        torch.manual_seed(seed)
        visible, thermal = torch.rand(1, 3, 100, 140), torch.rand(1, 1, 100, 140)
        expected = FusionProxy.from_pretrained("sim")(visible, thermal)
        found = proxy(visible.cuda(), thermal.cuda())
        assert float((found.cpu() - expected).abs().max()) * 255.0 < 2.0


def test_alpha_is_kept_and_colour_comes_out_the_same_with_and_without_it(proxy):
    visible, thermal = make_frames(48, 80, 4)
    fused = proxy(visible, thermal)
    assert np.array_equal(fused[..., 3], visible[..., 3])
    assert np.array_equal(fused[..., :3], proxy(visible[..., :3], thermal))


def test_channel_order_names_the_same_picture(proxy):
    visible, thermal = make_frames(48, 80)
    bgr = proxy(visible, thermal)
    assert np.array_equal(bgr, proxy(visible, thermal, channel_order="bgr"))
    assert np.array_equal(bgr[..., ::-1], proxy(visible[..., ::-1], thermal, channel_order="rgb"))
    assert not np.array_equal(bgr, proxy(visible, thermal, channel_order="rgb"))


def test_one_can_train_on_fused_tensors(proxy):
    weight = torch.ones(3, requires_grad=True)
    for thermal in (torch.rand(1, 1, 24, 32), None):
        fused = proxy(torch.rand(1, 3, 24, 32), thermal)
        (fused * weight[:, None, None]).sum().backward()
    assert weight.grad is not None
    with torch.inference_mode():
        within = make_proxy()
        for size in (24, 40):
            assert not within(torch.rand(1, 3, size, 32), torch.rand(1, 1, size, 32)).is_inference()
    assert within(torch.rand(1, 3, 40, 32), torch.rand(1, 1, 40, 32)).shape == (1, 3, 40, 32)


def test_tensors_are_rgb_unless_said_otherwise():
    proxy = make_proxy()
    visible, thermal = torch.rand(1, 3, 40, 40), torch.rand(1, 1, 40, 40)
    assert torch.equal(proxy(visible, thermal), proxy(visible, thermal, channel_order="rgb"))
    swapped = proxy(visible.flip(1), thermal, channel_order="bgr")
    assert torch.allclose(swapped.flip(1), proxy(visible, thermal), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_tensors_keep_shape_and_dtype_and_stay_in_range(proxy, dtype):
    visible, thermal = torch.rand(2, 3, 41, 67).to(dtype), torch.rand(2, 1, 41, 67).to(dtype)
    fused = proxy(visible, thermal)
    assert fused.shape == visible.shape
    assert fused.dtype == dtype
    assert float(fused.min()) >= 0.0
    assert float(fused.max()) <= 1.0


def test_the_same_pair_gives_the_same_bytes_and_the_input_is_left_alone(proxy):
    visible, thermal = make_frames(96, 128, 4)
    before = visible.copy(), thermal.copy()
    first = proxy(visible, thermal)
    assert np.array_equal(first, proxy(visible, thermal))
    assert np.array_equal(first, make_proxy()(visible, thermal))
    assert np.array_equal(visible, before[0])
    assert np.array_equal(thermal, before[1])


def test_a_frame_leaves_the_number_of_threads_as_it_was(proxy):
    visible, thermal = make_frames(64, 64)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = proxy(visible, thermal)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(two, proxy(visible, thermal))


def test_views_and_read_only_frames_are_taken_as_they_are(proxy):
    visible, thermal = make_frames(96, 128)
    crop, heat = visible[::2, ::2], thermal[::2, ::2]
    expected = proxy(crop.copy(), heat.copy())
    assert np.array_equal(proxy(crop, heat), expected)
    frozen, frozen_heat = crop.copy(), heat.copy()
    frozen.flags.writeable = frozen_heat.flags.writeable = False
    assert np.array_equal(proxy(frozen, frozen_heat), expected)


VISIBLE, THERMAL = make_frames(32, 40)
TENSOR, HEAT = torch.rand(1, 3, 32, 40), torch.rand(1, 1, 32, 40)


@pytest.mark.parametrize(
    ("visible", "thermal", "says"),
    [
        (VISIBLE, THERMAL[:-1], r"thermal has the shape \(31, 40\) where the visible frame needs \(32, 40\)"),
        (VISIBLE.astype(np.float32), THERMAL, "uint8, not float32"),
        (VISIBLE, THERMAL.astype(np.uint16), "uint8, not uint16"),
        (VISIBLE[..., :2], THERMAL, r"\(H, W, 3\) or \(H, W, 4\)"),
        (VISIBLE[:0], THERMAL[:0], r"\(H, W, 3\)"),
        (VISIBLE, HEAT, "thermal must be one too"),
        (TENSOR, THERMAL, "thermal must be one too"),
        ("frame.png", THERMAL, "not str"),
        (TENSOR, HEAT[..., 1:], r"needs \(1, 1, 32, 40\)"),
        (TENSOR[0], HEAT, r"\(B, 3, H, W\)"),
        (TENSOR.mul(255).byte(), HEAT, "floating point"),
        (TENSOR * 255.0, HEAT, r"a visible tensor lies in \[0, 1\]; this one has values from .*: divide it by 255$"),
        (TENSOR - 0.5, HEAT, r"\[0, 1\]; this one has values from -0\.[0-9]+ to 0\.[0-9]+$"),
        (TENSOR.masked_fill(TENSOR > 0.9, torch.nan), HEAT, "this one has NaN$"),
        (TENSOR, HEAT.masked_fill(HEAT > 0.9, torch.nan), "NaN"),
    ],
)
def test_bad_input_is_refused_in_one_line(proxy, visible, thermal, says):
    with pytest.raises(FusionError, match=says) as refusal:
        proxy(visible, thermal)
    assert "\n" not in str(refusal.value)


def test_an_unknown_channel_order_is_refused(proxy):
    with pytest.raises(FusionError, match="'bgr' or 'rgb', not 'gbr'"):
        proxy(VISIBLE, THERMAL, channel_order="gbr")
