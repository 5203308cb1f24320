import json
import sys
import weakref
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion import FusionError
from fusion.ensemble import draw
from fusion.flicker import flicker, flickers, in_time, main, warp
from fusion.naive import average
from fusion.pairs.data import grey_bytes, read_pairs
from fusion.student import Student
from fusion.synthetic import write
from fusion.teacher.reference import Reference
from fusion.train import as_floats, flicker_term, loss_of
from fusion.training.augment import next_moment
from fusion.training.batches import make_batch
from fusion.training.cache import EnsembleCache
from fusion.training.losses import charbonnier
from fusion.training.scenes import read_scenes
from fusion.training.student_recipe import Recipe


def drive(count: int = 4, step_px: int = 3) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A camera that pans over a textured wall."""
    rng = np.random.default_rng(0)
    wall = cv2.GaussianBlur(rng.integers(0, 256, (96, 200, 3)).astype(np.float32), (0, 0), 2.0)
    wall = ((wall - wall.mean()) * 4.0 + 120.0).clip(0, 255).astype(np.uint8)
    heat = cv2.GaussianBlur(rng.integers(0, 256, (96, 200)).astype(np.float32), (0, 0), 3.0)
    heat = ((heat - heat.mean()) * 5.0 + 120.0).clip(0, 255).astype(np.uint8)
    views = [slice(step_px * index, step_px * index + 128) for index in range(count)]
    return [wall[:, view] for view in views], [heat[:, view] for view in views]


def test_a_video_that_only_moves_does_not_flicker_and_one_that_blinks_does():
    visible, thermal = drive()
    steady = [np.asarray(frame * 0.8 + 20.0, np.uint8) for frame in visible]
    blinking = [np.asarray(frame * 0.8 + 40.0 * (index % 2), np.uint8) for index, frame in enumerate(steady)]
    calm, restless = flicker(steady, visible, thermal), flicker(blinking, visible, thermal)
    assert calm.known > 0.8
    assert calm.fused < 4.0  # grey levels: interpolation along the flow
    assert calm.ratio == pytest.approx(1.0, abs=0.25)  # contrast alone changes nothing
    assert restless.fused == pytest.approx(40.0, abs=5.0)
    assert restless.visible == pytest.approx(calm.visible)
    assert restless.ratio > 5.0 * calm.ratio


def test_warping_follows_the_flow():
    image = np.arange(40.0, dtype=np.float32).reshape(5, 8, 1)
    flow = np.zeros((5, 8, 2), np.float32)
    flow[..., 0] = 2.0
    assert np.array_equal(warp(image, flow).reshape(5, 8)[:, :6], image[:, 2:, 0])


def test_too_few_frames_are_refused():
    visible, thermal = drive(2)
    with pytest.raises(FusionError, match="two or more frames of each kind, not on 2 fused, 2 visible and 1 thermal"):
        flicker(visible, visible, thermal[:1])


def test_a_moment_later_the_view_has_moved_by_less_than_a_cell():
    visible, thermal = drive(1)
    later, heat, (down, right) = next_moment(visible[0], thermal[0], np.random.default_rng(3))
    assert 0 <= down <= 7
    assert 0 <= right <= 7
    height, width = thermal[0].shape
    moved = np.abs(later[: height - down, : width - right].astype(int) - visible[0][down:, right:])
    assert float(moved.mean()) < 4.0  # noise of 1 %
    assert heat.shape == thermal[0].shape


RECIPE = Recipe(batch=4, patch_px=48, held_out=0.0, lambda_feat=0.0, lambda_flicker=1.0)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    write(folder / "drawn", count=3, seed=0, width=96, height=64)
    settings = {"teacher": "reference", "samples": 1, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}
    draw(read_pairs(folder / "drawn"), Reference(), EnsembleCache.create(folder / "ensembles", settings))
    return read_scenes([folder / "drawn"], EnsembleCache.open(folder / "ensembles"), RECIPE)[0]


@pytest.fixture(scope="module")
def batch(scenes):
    return RECIPE, make_batch(scenes, RECIPE, 4, 0)


def test_the_flicker_term_charges_noise_alone_for_a_student_that_maps_every_pixel_alike(batch):
    """The untrained student hands the visible frame through: what has only moved must cost nothing but its grain."""
    recipe, made = batch
    student = Student()
    _, terms = loss_of(student, made, recipe, 4)
    grain = float(charbonnier(0.01 * torch.randn(100000)).mean())
    assert 0.4 * grain < terms["flicker"] < 1.2 * grain  # less where a dark frame cuts the noise off at zero
    still = {**made, "later": torch.cat([made["visible"], made["thermal"]], dim=1), "shift": [(0, 0)] * 4}
    pieces = [
        student(as_floats(made["visible"]), as_floats(made["thermal"]))[i : i + 1, :, y : y + 48, x : x + 48]
        for i, (y, x) in enumerate(made["origin"])
    ]
    assert float(flicker_term(student, torch.cat(pieces), still, recipe)) < 1e-6


def test_a_student_whose_cells_differ_is_charged_more(batch):
    recipe, made = batch
    torch.manual_seed(0)
    restless = Student()
    with torch.no_grad():
        restless.network.head.weight.mul_(3000.0)
    calm = loss_of(Student(), made, recipe, 4)[1]["flicker"]
    assert loss_of(restless, made, recipe, 4)[1]["flicker"] > 2.0 * calm
    without = loss_of(
        restless, {k: v for k, v in made.items() if k not in ("later", "shift")}, replace(recipe, lambda_flicker=0.0), 4
    )
    assert "flicker" not in without[1]


def test_without_heat_the_later_moment_too_is_seen_by_its_luminance(batch, scenes):
    made = make_batch(scenes, replace(batch[0], thermal=False), 4, 0)
    for now, later in zip(zip(made["visible"], made["thermal"]), made["later"]):
        for visible, heat in (now, (later[:3], later[3:])):
            assert np.array_equal(heat[0], grey_bytes(np.ascontiguousarray(visible.permute(1, 2, 0))))


def record(folder: Path, visible: list[np.ndarray], thermal: list[np.ndarray], digits: int = 4) -> Path:
    for kind, frames in (("rgb", [frame[..., ::-1] for frame in visible]), ("thermal", thermal)):
        (folder / kind).mkdir(parents=True)
        for number, frame in enumerate(frames):
            cv2.imwrite(str(folder / kind / f"{number:0{digits}d}.png"), frame)
    return folder


def command(monkeypatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["fusion.flicker", *map(str, words)])
    main()


def test_the_command_tells_each_video_of_a_recording_as_the_function_does(tmp_path, monkeypatch, capsys):
    visible, thermal = drive(3)
    folder = record(tmp_path / "drive", visible, thermal)
    command(monkeypatch, "--data", folder, "--json", tmp_path / "flicker.json")
    by_folders = ["--visible", folder / "rgb", "--thermal", folder / "thermal"]
    first, *lines = capsys.readouterr().out.splitlines()
    found = json.loads((tmp_path / "flicker.json").read_text())
    assert list(found) == ["average", "equalized", "luminance swap", "maximum", "student sim", "thermal", "visible"]
    mean = [average(one, other) for one, other in zip(visible, thermal)]
    assert found["average"] == pytest.approx(asdict(flicker(mean, visible, thermal)))
    assert found["visible"]["ratio"] == 1.0
    assert found["student sim"]["fused"] > 0.0
    assert first == f"3 frames, {100.0 * found['average']['known']:.0f} % of their pixels followed from one to the next"
    assert f"| average | {found['average']['fused']:.1f} | {found['average']['ratio']:.2f} |" in lines
    command(monkeypatch, *by_folders)
    assert capsys.readouterr().out.splitlines() == [first, *lines]
    command(monkeypatch, *by_folders, "--frames", 2)
    assert capsys.readouterr().out.startswith("2 frames, ")


def test_frame_10_comes_after_frame_9(tmp_path):
    visible, thermal = drive(12)
    pairs = read_pairs(record(tmp_path, visible, thermal, digits=1))
    assert [pair.name for pair in sorted(pairs, key=in_time)] == [str(number) for number in range(12)]


def test_a_long_video_is_never_held_whole():
    visible, thermal = drive(4)
    alive: list[weakref.ref] = []

    def frames():
        for one, other in zip(visible, thermal):
            assert sum(ref() is not None for ref in alive) <= 2
            frame = one.copy()
            alive.append(weakref.ref(frame))
            yield frame, other

    assert flickers(frames(), {"visible": lambda one, _: one})["visible"].ratio == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give either --data, or --visible and --thermal"),
        (("--data", "{}", "--visible", "{}"), "give either --data, or --visible and --thermal"),
        (("--visible", "{}/no", "--thermal", "{}"), "no folder .*no"),
        (("--data", "{}", "--frames", "-1"), "--frames is 0 or more, not -1"),
        (("--data", "{}", "--frames", "1"), "flicker is measured on two or more frames, not on 1"),
        (("--data", "{}", "--json", "{}/no/a.json"), "--json .*: no folder"),
        (("--data", "{}", "--weights", "none"), ".*none"),
        (("--data", "{}/sizes"), ".*0001.png is 100x96 where the frames before are 128x96"),
        (("--data", "{}/small"), ".*0000.png is 128x10: too small to follow anything in it"),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_line(tmp_path, monkeypatch, words, says):
    visible, thermal = drive(2)
    record(tmp_path, visible, thermal)
    record(tmp_path / "sizes", [visible[0], visible[1][:, :100]], [thermal[0], thermal[1][:, :100]])
    record(tmp_path / "small", [frame[:10] for frame in visible], [frame[:10] for frame in thermal])
    with pytest.raises(SystemExit, match=f"^fusion.flicker: {says}") as caught:
        command(monkeypatch, *(word.format(tmp_path) for word in words))
    assert "\n" not in str(caught.value)
