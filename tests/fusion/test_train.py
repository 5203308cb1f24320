import json
import re
import shutil
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion import FusionError, FusionProxy, ensemble
from fusion.ensemble import draw, load_teacher
from fusion.pairs.data import Pair, load, read_folders, read_pairs, split
from fusion.shape import StudentConfig
from fusion.student import Student
from fusion.synthetic import write
from fusion.teacher.reference import Reference
from fusion.train import as_tensors, held_out_psnr, main, train
from fusion.training.batches import make_batch
from fusion.training.cache import EnsembleCache, as_bytes
from fusion.training.patches import inside
from fusion.training.scenes import read_scenes
from fusion.training.student_recipe import Recipe
from fusion.training.training_run import forget_after, say_nothing_is_held_out
from fusion.weights.tensors import load_student, save_student

SETTINGS = {"teacher": "reference", "samples": 1, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}
SMALL = Recipe(steps=20, batch=2, patch_px=32, held_out=0.0, learning_rate=1e-3, lambda_feat=0.0)


class Noisy:
    """A teacher whose samples are the visible frame and noise: enough to see what the cache does with samples."""

    identity = "noisy"

    def sample(self, visible: torch.Tensor, thermal: torch.Tensor, n: int, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return visible + 0.1 * torch.randn((n, *visible.shape), generator=generator)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "drawn"
    write(folder, count=6, seed=0, width=128, height=96)
    return folder


@pytest.fixture(scope="module")
def ensembles(drawn, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ensembles") / "reference"
    draw(read_pairs(drawn), Reference(), EnsembleCache.create(folder, SETTINGS))
    return folder


def test_twenty_steps_bring_the_student_closer_to_the_ensemble_mean(drawn, ensembles, tmp_path):
    scenes, _ = read_scenes([drawn], EnsembleCache.open(ensembles), SMALL)
    before = train([drawn], ensembles, tmp_path / "none", replace(SMALL, learning_rate=2e-3), stop_after=1)
    after = train([drawn], ensembles, tmp_path / "some", SMALL)
    assert held_out_psnr(after, scenes, 4) > held_out_psnr(before, scenes, 4) + 0.3
    assert FusionProxy.from_pretrained(tmp_path / "some" / "student.safetensors").checksum
    assert (tmp_path / "some" / "log.csv").read_text().startswith("step,loss,pix,twin,edge,held_out_psnr_db")
    assert list((tmp_path / "some").glob("samples-*.png"))


def test_a_resumed_run_ends_with_the_weights_of_an_undisturbed_one(drawn, ensembles, tmp_path):
    recipe = replace(SMALL, steps=8)
    whole = train([drawn], ensembles, tmp_path / "whole", recipe, log_every=3)
    train([drawn], ensembles, tmp_path / "killed", recipe, log_every=3, stop_after=5)
    assert not (tmp_path / "killed" / "student.safetensors").exists()
    resumed = train([drawn], ensembles, tmp_path / "killed", recipe, log_every=3, resume=True)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    same = (tmp_path / name / "student.safetensors" for name in ("whole", "killed"))
    assert len({path.read_bytes() for path in same}) == 1


def test_a_run_is_not_resumed_on_other_ensembles_or_other_pairs(drawn, tmp_path):
    pairs, noisy = read_pairs(drawn), {**SETTINGS, "teacher": "noisy", "samples": 2}
    draw(pairs[:4], Noisy(), EnsembleCache.create(tmp_path / "ensembles", noisy))
    train([drawn], tmp_path / "ensembles", tmp_path / "run", SMALL, stop_after=0)

    def refused(data: Path, ensembles: Path) -> None:
        with pytest.raises(FusionError, match=r"checkpoint\.pt was made with other ensembles or pairs") as caught:
            train([data], ensembles, tmp_path / "run", SMALL, resume=True, stop_after=1)
        assert "\n" not in str(caught.value)

    draw(pairs[:4], Noisy(), EnsembleCache.create(tmp_path / "of another seed", {**noisy, "seed": 1}))
    refused(drawn, tmp_path / "of another seed")
    shutil.copytree(drawn, tmp_path / "fewer")
    for kind in ("rgb", "thermal", "clear"):
        (tmp_path / "fewer" / kind / pairs[0].visible.name).unlink()
    refused(tmp_path / "fewer", tmp_path / "ensembles")
    draw(pairs, Noisy(), EnsembleCache.open(tmp_path / "ensembles"))  # the cache grows
    refused(drawn, tmp_path / "ensembles")


def test_a_student_may_start_from_given_weights(drawn, ensembles, tmp_path):
    scenes, _ = read_scenes([drawn], EnsembleCache.open(ensembles), SMALL)
    first = train([drawn], ensembles, tmp_path / "first", SMALL)
    one_small_step = {**SMALL.__dict__, "steps": 1, "learning_rate": 1e-7}
    given = str(tmp_path / "first" / "student.safetensors")
    second = train([drawn], ensembles, tmp_path / "second", Recipe(**{**one_small_step, "init": given}))
    assert held_out_psnr(second, scenes, 4) == pytest.approx(held_out_psnr(first, scenes, 4), abs=0.05)
    with pytest.raises(FusionError, match="no weights"):
        # Told before a pair is read: here there is none.
        train([tmp_path], ensembles, tmp_path / "third", Recipe(**{**one_small_step, "init": "nowhere.safetensors"}))


def test_without_thermal_frames_a_student_learns_what_the_visible_ones_give(drawn, ensembles, tmp_path):
    recipe = replace(SMALL, thermal=False, steps=8)
    train([drawn], ensembles, tmp_path / "whole", recipe, log_every=3)
    train([drawn], ensembles, tmp_path / "killed", recipe, log_every=3, stop_after=5)
    train([drawn], ensembles, tmp_path / "killed", recipe, log_every=3, resume=True)
    weights = [tmp_path / name / "student.safetensors" for name in ("whole", "killed")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    images = load(read_pairs(drawn)[0])
    proxy = FusionProxy.from_pretrained(weights[0])
    fused = [proxy(images.visible, heat) for heat in (images.thermal, 255 - images.thermal, None)]
    assert np.array_equal(fused[0], fused[1])
    assert np.array_equal(fused[0], fused[2])
    assert not np.array_equal(fused[0], images.visible)
    # What it is asked for is what the others are asked for: the loss looks where the thermal frame shows something.
    scenes, _ = read_scenes([drawn], EnsembleCache.open(ensembles), SMALL)
    seeing, without = (make_batch(scenes, replace(SMALL, thermal=thermal), 4, 0) for thermal in (True, False))
    assert torch.equal(without["heat"], seeing["thermal"])
    assert seeing["origin"] == without["origin"]
    assert not torch.equal(without["thermal"], seeing["thermal"])
    with pytest.raises(FusionError, match="--missing-share is about thermal frames"):
        train([drawn], ensembles, tmp_path / "none", replace(recipe, missing_share=0.1))


@pytest.mark.parametrize(
    ("wrong", "clear", "says"),
    [
        ({"lambda_contrast": 10.0}, True, "--lambda-contrast needs pairs without a clear twin"),
        ({"lambda_twin": 2.0}, False, "--lambda-twin is about clear twins"),
        ({"evidence_gain": 3.0}, False, "--evidence-gain is about clear twins"),
        ({"label_gain": 2.0}, False, "--label-gain is about clear twins"),
        ({"lambda_twin": 0.0, "evidence_gain": 0.0, "lambda_contrast": 10.0}, False, None),
        ({}, False, None),
    ],
)
def test_a_term_that_no_pair_takes_part_in_is_refused(drawn, tmp_path, wrong, clear, says):
    shutil.copytree(drawn, tmp_path / "pairs")
    (tmp_path / "pairs" / "labels").mkdir()
    for pair in read_pairs(drawn):
        (tmp_path / "pairs" / "labels" / f"{pair.visible.stem}.txt").write_text("0 0.25 0.25 0.5 0.5\n")
    if not clear:
        shutil.rmtree(tmp_path / "pairs" / "clear")
    cache = EnsembleCache.create(tmp_path / "ensembles", {**SETTINGS, "teacher": "noisy"})
    draw(read_pairs(tmp_path / "pairs"), Noisy(), cache)
    with pytest.raises(FusionError, match=says) if says else nullcontext():
        read_scenes([tmp_path / "pairs"], cache, replace(SMALL, **wrong))


def test_no_contrast_at_all_cannot_be_wanted(drawn, ensembles, tmp_path):
    """Its share would be 0 / 0."""
    recipe = replace(SMALL, lambda_contrast=10.0, contrast_gain=0.0)
    with pytest.raises(FusionError, match="--contrast-gain 0 and --contrast-detail 0 want no contrast"):
        train([drawn], ensembles, tmp_path / "run", recipe)


def test_a_student_of_other_sizes_is_trained_from_its_own_untrained_weights(drawn, ensembles, tmp_path):
    own = StudentConfig(fine=8, middle=24, coarse=32, blocks=1)
    save_student(Student(own), tmp_path / "own.safetensors")
    train([drawn], ensembles, tmp_path / "run", replace(SMALL, steps=4, init=str(tmp_path / "own.safetensors")))
    trained = tmp_path / "run" / "student.safetensors"
    assert load_student(trained).config == own
    images = load(read_pairs(drawn)[0])
    assert FusionProxy.from_pretrained(trained)(images.visible, images.thermal).shape == images.visible.shape


def test_a_log_line_says_of_how_many_pairs_its_psnr_is(drawn, ensembles, tmp_path, capsys):
    train([drawn], ensembles, tmp_path / "run", replace(SMALL, steps=1))
    assert re.search(r"psnr \d+\.\d\d dB \(4 pairs\)", capsys.readouterr().out)


def test_an_earlier_student_may_stand_in_the_teachers_place(drawn, tmp_path):
    teacher = load_teacher("student:sim", steps=1, eta=1.0)
    assert teacher.identity.removeprefix("student-") in FusionProxy.from_pretrained("sim").checksum
    cache = EnsembleCache.create(tmp_path / "earlier", {**SETTINGS, "teacher": teacher.identity, "scale": 1})
    draw(read_pairs(drawn), teacher, cache)
    ensembles = dict(cache.ensembles())
    for pair in read_pairs(drawn)[:2]:
        images = load(pair)
        painted = FusionProxy.from_pretrained("sim")(images.visible, images.thermal, channel_order="rgb")
        kept = ensembles[pair.name][0].permute(1, 2, 0).int()
        assert int((kept - torch.from_numpy(painted).int()).abs().max()) <= 1
    with pytest.raises(FusionError, match="no weights 'nobody'"):
        load_teacher("student:nobody", steps=1, eta=1.0)


@pytest.mark.parametrize(
    ("teacher", "options", "expected"),
    [
        ("student:sim", ["--samples", "4"], {"samples": 1, "scale": 1}),
        ("student:sim", ["--scale", "2"], {"samples": 1, "scale": 2}),
        ("reference", [], {"samples": 1, "steps": 3, "scale": 4}),
    ],
)
def test_an_ensemble_is_drawn_as_its_teacher_needs_it(drawn, tmp_path, monkeypatch, teacher, options, expected):
    words = ["--data", drawn, "--teacher", teacher, "--out", tmp_path / "ensembles", "--limit", "1", *options]
    monkeypatch.setattr(sys, "argv", ["", *map(str, words)])
    ensemble.main()
    cache = EnsembleCache.open(tmp_path / "ensembles")
    assert expected.items() <= cache.settings.items()
    ((_, samples),) = cache.ensembles()
    assert samples.shape == (1, 3, 96 // expected["scale"], 128 // expected["scale"])


def test_what_is_labelled_comes_nearer_to_its_clear_twin(drawn, ensembles, tmp_path):
    recipe = replace(SMALL, patch_px=96, label_gain=9.0, label_patches=0.2)
    with pytest.raises(FusionError, match="labels"):
        read_scenes([drawn], EnsembleCache.open(ensembles), recipe)
    labelled = tmp_path / "labelled"
    shutil.copytree(drawn, labelled)
    (labelled / "labels").mkdir()
    for pair in read_pairs(labelled):
        (labelled / "labels" / f"{pair.visible.stem}.txt").write_text("2 0.25 0.25 0.5 0.5\n0 0.9 0.9 0.01 0.01\n")
    scenes, _ = read_scenes([labelled], EnsembleCache.open(ensembles), recipe)
    assert all(scene.boxes == ((0.0, 0.0, 64.0, 48.0),) for scene in scenes)  # the other one is a pixel high

    def share_of_error(student):
        """Of the error over the whole frames, how much lies in the box, per pixel."""
        errors = []
        for scene in scenes:
            visible, thermal = as_tensors(scene.images, student)
            clear = torch.from_numpy(scene.images.clear).permute(2, 0, 1) / 255.0
            errors.append((student(visible, thermal)[0] - clear).abs().detach())
        return float(torch.stack(errors)[..., :48, :64].mean() / torch.stack(errors).mean())

    with_labels = train([labelled], ensembles, tmp_path / "with", recipe)
    without = train([labelled], ensembles, tmp_path / "without", replace(recipe, label_gain=0.0))
    assert share_of_error(with_labels) < 0.95 * share_of_error(without)


def test_lit_signals_come_nearer_to_their_clear_twin(drawn, ensembles, tmp_path):
    recipe = replace(SMALL, steps=30, patch_px=64, signal_gain=2000.0, signal_patches=0.5)
    with pytest.raises(FusionError, match="no lit signal is seen"):
        read_scenes([drawn], EnsembleCache.open(ensembles), recipe)
    tagged = tmp_path / "tagged"
    shutil.copytree(drawn, tagged)
    (tagged / "tags").mkdir()
    for pair in read_pairs(drawn):  # whatever has a colour within this square is a lamp
        tags = np.zeros((96, 128), np.uint8)
        tags[32:64, 32:64] = 7
        cv2.imwrite(str(tagged / "tags" / f"{pair.visible.stem}.png"), tags)
    scenes = [scene for scene in read_scenes([tagged], EnsembleCache.open(ensembles), recipe)[0] if scene.signals]
    assert scenes
    everything = read_scenes([tagged], EnsembleCache.open(ensembles), recipe)[0]
    at_lamps = make_batch(everything, replace(recipe, batch=16, signal_patches=1.0), 4, step=0)
    assert (at_lamps["signals"].amax(dim=(1, 2)) == 1.0).all()  # though not every scene has one

    def share_of_error(student):
        """Of the error over the whole frames, how much lies in the lamps, per pixel."""
        shares = []
        for scene in scenes:
            visible, thermal = as_tensors(scene.images, student)
            clear = torch.from_numpy(scene.images.clear).permute(2, 0, 1) / 255.0
            error = (student(visible, thermal)[0] - clear).abs().detach().mean(dim=0)
            lamps = torch.from_numpy(inside(scene.signals, (0, 0), 128))[:96] > 0.0
            shares.append(float(error[lamps].mean() / error.mean()))
        return sum(shares) / len(shares)

    with_signals = train([tagged], ensembles, tmp_path / "with", recipe)
    without = train([tagged], ensembles, tmp_path / "without", replace(recipe, signal_gain=0.0, signal_patches=0.0))
    assert share_of_error(with_signals) < 0.95 * share_of_error(without)


def test_a_folder_with_another_run_is_left_alone(drawn, ensembles, tmp_path):
    recipe = replace(SMALL, steps=2, batch=1)
    train([drawn], ensembles, tmp_path / "run", recipe)
    with pytest.raises(FusionError, match="holds another run"):
        train([drawn], ensembles, tmp_path / "run", recipe)
    with pytest.raises(FusionError, match="made with seed = 0, not 1"):
        train([drawn], ensembles, tmp_path / "run", Recipe(**{**recipe.__dict__, "seed": 1}), resume=True)
    weights = tmp_path / "run" / "student.safetensors"
    longer, way_on = replace(recipe, steps=3), f"to train on, give --init {re.escape(str(weights))} and another --out$"
    with pytest.raises(FusionError, match=f"made with steps = 2, not 3: {way_on}"):
        train([drawn], ensembles, tmp_path / "run", longer, resume=True)
    train([drawn], ensembles, tmp_path / "longer", replace(longer, init=str(weights)))
    with pytest.raises(FusionError, match="no run to resume"):
        train([drawn], ensembles, tmp_path / "other", recipe, resume=True)
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"half of")
    for held, says in ((b"half of", "it is damaged, or something else"), (b"", "it is empty")):
        (tmp_path / "run" / "checkpoint.pt").write_bytes(held)
        with pytest.raises(FusionError, match=f"checkpoint.pt is not a checkpoint that can be read: {says}; give "):
            train([drawn], ensembles, tmp_path / "run", recipe, resume=True)


def test_more_samples_than_are_drawn_are_refused_without_features_too(drawn, ensembles, tmp_path):
    with pytest.raises(FusionError, match="reference holds 1 sample per pair, not 99"):
        train([drawn], ensembles, tmp_path / "run", replace(SMALL, samples=99))
    assert not (tmp_path / "run").exists()


def test_after_a_full_disk_the_line_names_the_way_on_and_it_is_one(drawn, ensembles, tmp_path, monkeypatch):
    words = f"--data {drawn} --ensembles {ensembles} --out {tmp_path / 'run'} --steps 1 --batch 1 --lambda-feat 0"
    monkeypatch.setattr(sys, "argv", ["", *words.split()])
    (tmp_path / "run").mkdir()
    grid = tmp_path / "run" / "samples-000001.png.partial"
    grid.symlink_to("/dev/full")
    with pytest.raises(SystemExit) as ended:
        main()
    assert re.fullmatch(
        r"fusion\.train: .*samples-000001\.png cannot be written: No space left on device; "
        "then the same line with --resume goes on from its last checkpoint",
        str(ended.value.code),
    )
    sys.argv.append("--resume")
    main()
    assert (tmp_path / "run" / "student.safetensors").is_file()


def test_a_log_that_a_resumed_run_cannot_cut_back_stays_whole(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n1,0.5\n2,0.4\n")
    (tmp_path / "log.csv.partial").symlink_to("/dev/full")
    with pytest.raises(FusionError, match=r"log\.csv cannot be written: No space left on device"):
        forget_after(log, 1)
    assert log.read_text() == "step,loss\n1,0.5\n2,0.4\n"
    forget_after(log, 1)
    assert log.read_text() == "step,loss\n1,0.5\n"
    forget_after(log, 0)
    assert not log.exists()


def test_an_interrupted_draw_goes_on_and_ends_with_the_same_samples(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("fusion.ensemble.SHARD_PAIRS", 2)
    settings = {**SETTINGS, "teacher": "noisy", "samples": 3}
    pairs = read_pairs(drawn)
    draw(pairs, Noisy(), EnsembleCache.create(tmp_path / "whole", settings))
    draw(pairs[2:4], Noisy(), EnsembleCache.create(tmp_path / "parts", settings))
    draw(pairs, Noisy(), EnsembleCache.create(tmp_path / "parts", settings))
    whole, parts = (dict(EnsembleCache.open(tmp_path / name).ensembles()) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys() == {pair.name for pair in pairs}
    for name, samples in whole.items():
        assert samples.shape == (3, 3, 24, 32)
        assert torch.equal(samples, parts[name])


def test_a_cache_refuses_other_settings_and_damaged_shards(drawn, ensembles, tmp_path):
    with pytest.raises(FusionError, match="drawn with scale = 4, not 8"):
        EnsembleCache.create(ensembles, {**SETTINGS, "scale": 8})
    with pytest.raises(FusionError, match="no ensembles"):
        EnsembleCache.open(tmp_path)
    cache = EnsembleCache.create(tmp_path / "cache", SETTINGS)
    cache.append({"a": as_bytes(torch.rand(1, 3, 4, 4))}, {"a": "0"})
    shard = tmp_path / "cache" / "shard-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    with pytest.raises(FusionError, match="damaged"):
        list(EnsembleCache.open(tmp_path / "cache").ensembles())
    (tmp_path / "cache" / "manifest.json").write_text("{")
    with pytest.raises(FusionError, match="not the manifest"):
        EnsembleCache.open(tmp_path / "cache")


def test_pairs_that_changed_since_the_draw_are_named(tmp_path):
    write(tmp_path / "drawn", count=2, seed=0, width=64, height=48)
    cache = EnsembleCache.create(tmp_path / "cache", SETTINGS)
    draw(read_pairs(tmp_path / "drawn"), Reference(), cache)
    changed = tmp_path / "drawn" / "thermal" / "0001s.png"
    changed.write_bytes(changed.read_bytes() + b"\0")
    with pytest.raises(FusionError, match=r"0001s\.png or its partners changed"):
        train([tmp_path / "drawn"], tmp_path / "cache", tmp_path / "run", SMALL)


def test_an_ensemble_is_found_though_its_folder_is_given_beside_another(drawn, ensembles, tmp_path, capsys):
    write(tmp_path / "night", count=2, seed=9, width=128, height=96)
    recipe, folders = replace(SMALL, steps=2), [drawn, tmp_path / "night"]
    alone = train([drawn], ensembles, tmp_path / "alone", recipe)
    said = capsys.readouterr()
    assert said.err.startswith("training on 6 pairs, 0 held out\n")
    assert said.out.startswith("     1  of 2 steps  ")
    beside = train(folders, ensembles, tmp_path / "beside", recipe)
    said = "training on 6 pairs, 0 held out; 2 of the data's 8 pairs have no ensemble\n"
    assert capsys.readouterr().err.startswith(said)
    both = EnsembleCache.create(tmp_path / "both", SETTINGS)
    draw(read_folders(folders), Reference(), both)
    again = train([drawn], tmp_path / "both", tmp_path / "again", recipe)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, beside.state_dict()[name]), name
        assert torch.equal(tensor, again.state_dict()[name]), name
    write(tmp_path / "other", count=1, seed=99, width=128, height=96)
    with pytest.raises(FusionError, match=r"none of the ensembles in .* was drawn from a pair in .*other"):
        train([tmp_path / "other", tmp_path / "night"], ensembles, tmp_path / "none", recipe)


def test_a_draw_goes_on_with_another_folder_and_leaves_what_is_drawn(drawn, ensembles, tmp_path, capsys):
    write(tmp_path / "night", count=2, seed=9, width=128, height=96)
    shutil.copytree(ensembles, tmp_path / "ensembles")
    draw(read_folders([drawn, tmp_path / "night"]), Reference(), EnsembleCache.open(tmp_path / "ensembles"))
    names = [*EnsembleCache.open(ensembles).sources, "night/0009s", "night/0010s"]
    assert sorted(EnsembleCache.open(tmp_path / "ensembles").sources) == sorted(names)
    assert capsys.readouterr().out == "8 of 8 pairs drawn\n"
    shutil.copytree(ensembles, tmp_path / "by itself")
    draw(read_pairs(tmp_path / "night"), Reference(), EnsembleCache.open(tmp_path / "by itself"))
    assert capsys.readouterr().out == "2 of 2 pairs drawn\n"


def test_commands_fail_with_one_line_and_no_traceback(tmp_path, monkeypatch):
    words = ["--data", tmp_path, "--ensembles", tmp_path / "none", "--out", tmp_path / "run"]
    monkeypatch.setattr(sys, "argv", ["", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert re.fullmatch(r"fusion\.train: .*no manifest\.json.*", str(ended.value.code))  # a text: printed, exit code 1


def test_the_bench_writes_its_figures_by_name(command, tmp_path):
    result = command("fusion.bench", "--arrays-only", "--frames", 3, "--json", tmp_path / "bench.json")
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert 0.0 < figures["cpu_640x360_ms"] < 1000.0
    assert 0.0 < figures["cpu_640x480_ms"] < 1000.0
    assert "640x360" in result.stdout


@pytest.mark.parametrize(
    ("name", "share", "why"),
    [
        ("{:04d}", 0.1, "--held-out 0.1 took none of the 7 scenes and blocks of numbered frames, by their names"),
        ("{:04d}N", 0.001, "--held-out 0.001 took none of the 160 pairs, by their names"),
        ("{:04d}", 0.0, "--held-out is 0"),
    ],
)
def test_where_no_pair_is_held_out_a_line_says_why(capsys, name, share, why):
    names = [name.format(number) for number in range(160)]
    assert split([Pair(name, Path("v"), Path("t")) for name in names], share)[1] == ()
    say_nothing_is_held_out(names, share)
    assert capsys.readouterr().err == f"no pair is held out: {why}; psnr is that of training pairs\n"


def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(drawn, ensembles, tmp_path, capsys):
    recipe = replace(SMALL, steps=3, tau_pix=0.0)  # the command refuses it; 0 / 0 is not a number
    with pytest.raises(FusionError, match="the loss is nan at step 1"):
        train([drawn], ensembles, tmp_path / "out", recipe, log_every=1)
    state = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 0
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state["student"].values())
    assert "psnr is that of training pairs" in capsys.readouterr().err
