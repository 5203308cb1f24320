import shutil
import sys
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from fusion import FusionError, ensemble, train_teacher
from fusion.pairs.data import load, read_pairs
from fusion.synthetic import write
from fusion.teacher.conditional import ConditionalTeacher, look_at_teacher, save_teacher
from fusion.teacher.diffusion import Diffusion, DiffusionConfig
from fusion.teacher.network import NetworkConfig, TeacherNetwork
from fusion.teacher.views import block_mask, masked_example
from fusion.train_teacher import Recipe, train

pytestmark = pytest.mark.skipif(find_spec("diffusers") is None, reason="needs diffusers")

TINY = NetworkConfig((8, 16), 1)


def make_network(seed: int = 0) -> TeacherNetwork:
    torch.manual_seed(seed)
    return TeacherNetwork(TINY)


def test_samples_depend_on_their_seed_alone_and_differ_among_themselves():
    teacher = ConditionalTeacher(make_network(), DiffusionConfig(), steps=3)
    visible, thermal = torch.rand(3, 17, 23), torch.rand(1, 17, 23)
    samples = teacher.sample(visible, thermal, n=3, seed=5)
    assert samples.shape == (3, 3, 17, 23)
    assert float(samples.min()) >= 0.0
    assert float(samples.max()) <= 1.0
    assert torch.equal(samples, teacher.sample(visible, thermal, n=3, seed=5))
    assert not torch.equal(samples, teacher.sample(visible, thermal, n=3, seed=6))
    assert float(samples.var(dim=0).mean()) > 1e-5


def test_with_a_perfect_prediction_sampling_returns_the_target():
    target = torch.rand(1, 3, 8, 8) * 2.0 - 1.0

    class Oracle(TeacherNetwork):
        def forward(self, noisy, condition, step):
            return target

    drawn = Diffusion(DiffusionConfig()).sample(
        Oracle(TINY), torch.zeros(1, 4, 8, 8), steps=4, eta=1.0, generator=torch.Generator().manual_seed(0)
    )
    assert torch.allclose(drawn, target, atol=1e-4)


@pytest.mark.parametrize("steps", [6, 7, 15, 61])
def test_the_last_step_ends_at_the_clean_image_however_many_there_are(steps):
    target, asked = torch.rand(1, 3, 8, 8) * 2.0 - 1.0, []

    class Oracle(TeacherNetwork):
        def forward(self, noisy, condition, step):
            asked.append(int(step[0]))
            return target

    drawn = Diffusion(DiffusionConfig()).sample(
        Oracle(TINY), torch.zeros(1, 4, 8, 8), steps=steps, eta=1.0, generator=torch.Generator().manual_seed(0)
    )
    assert torch.equal(drawn, target)
    assert len(asked) == steps
    assert min(asked) >= 0


@pytest.mark.parametrize("prediction", ["sample", "epsilon", "v_prediction"])
@pytest.mark.parametrize("steps", [3, 8])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_three_and_eight_steps_are_bit_for_bit_those_of_the_scheduler(prediction, steps, eta):
    from diffusers import DDIMScheduler

    network, condition = make_network(), torch.rand(2, 4, 16, 16) * 2.0 - 1.0
    scheduler = DDIMScheduler(
        beta_start=1e-4, beta_end=0.02, prediction_type=prediction, timestep_spacing="trailing", set_alpha_to_one=True
    )
    scheduler.set_timesteps(steps)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        image = torch.randn((2, 3, 16, 16), generator=rng)
        for step in scheduler.timesteps:
            predicted = network(image, condition, step.expand(2))
            noise = torch.randn((2, 3, 16, 16), generator=rng)
            image = scheduler.step(predicted, int(step), image, eta=eta, variance_noise=noise).prev_sample
    diffusion = Diffusion(DiffusionConfig(prediction=prediction))
    drawn = diffusion.sample(network, condition, steps, eta, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, image)


@pytest.mark.parametrize("prediction", ["sample", "epsilon", "v_prediction"])
def test_the_loss_of_every_prediction_type_falls_when_it_is_minimised(prediction):
    network = make_network()
    diffusion = Diffusion(DiffusionConfig(prediction=prediction))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    rng = torch.Generator().manual_seed(0)
    target = torch.rand(8, 3, 16, 16, generator=rng) * 2.0 - 1.0
    condition = torch.cat([target, target.mean(dim=1, keepdim=True)], dim=1)
    losses = []
    for step in range(30):
        loss = diffusion.loss(network, target, condition, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_emphasis_draws_noisy_steps_more_often():
    seen = []

    class Recorder(TeacherNetwork):
        def forward(self, noisy, condition, step):
            seen.append(step.float().mean())
            return noisy * 0.0

    for emphasis in (1.0, 3.0):
        target = torch.zeros(4000, 3, 1, 1)
        generator = torch.Generator().manual_seed(0)
        Diffusion(DiffusionConfig(emphasis=emphasis)).loss(
            Recorder(TINY), target, torch.zeros(4000, 4, 1, 1), generator
        )
    assert abs(seen[0] - 500.0) < 25.0  # mean of a uniform step
    assert abs(seen[1] - 750.0) < 25.0  # mean of T (1 - u^3)


def test_masked_views_are_complementary_and_reproducible():
    clean = np.random.default_rng(0).random((3, 48, 40), np.float32)
    condition, target = masked_example(clean, np.random.default_rng(1))
    assert condition.shape == (4, 48, 40)
    assert condition.dtype == np.float32
    assert np.array_equal(target, clean)
    assert np.array_equal(condition, masked_example(clean, np.random.default_rng(1))[0])
    assert not np.allclose(condition[:3], clean)
    share = block_mask(64, 64, np.random.default_rng(2)).mean()
    assert 0.1 < share < 0.9


def test_a_teacher_comes_back_from_its_file_the_same(tmp_path):
    network = make_network()
    save_teacher(network, DiffusionConfig(prediction="epsilon"), tmp_path / "teacher.safetensors")
    loaded = ConditionalTeacher.load(tmp_path / "teacher.safetensors", steps=2)
    visible, thermal = torch.rand(3, 16, 16), torch.rand(1, 16, 16)
    direct = ConditionalTeacher(network, DiffusionConfig(prediction="epsilon"), steps=2)
    assert torch.equal(loaded.sample(visible, thermal, 2, 0), direct.sample(visible, thermal, 2, 0))
    with pytest.raises(FusionError, match="no teacher"):
        ConditionalTeacher.load(tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(FusionError, match="cannot be read"):
        ConditionalTeacher.load(tmp_path / "broken.safetensors")


def test_a_resumed_teacher_ends_with_the_weights_of_an_undisturbed_one(tmp_path):
    write(tmp_path / "drawn", count=4, seed=0, width=128, height=96)
    recipe = Recipe(steps=6, batch=2, crop=16, channels="8,16", held_out=0.0, masked_share=0.5)
    whole = train([tmp_path / "drawn"], tmp_path / "whole", recipe, log_every=3)
    train([tmp_path / "drawn"], tmp_path / "killed", recipe, log_every=3, stop_after=4)
    resumed = train([tmp_path / "drawn"], tmp_path / "killed", recipe, log_every=3, resume=True)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert (tmp_path / "killed" / "teacher.safetensors").exists()
    assert list((tmp_path / "whole").glob("samples-*.png"))
    with pytest.raises(FusionError, match="crops of 99 px do not fit"):
        train([tmp_path / "drawn"], tmp_path / "big", Recipe(steps=1, crop=99, held_out=0.0))


def test_a_batch_in_parts_gives_the_same_teacher_as_a_batch_at_once(tmp_path):
    write(tmp_path / "drawn", count=2, seed=0, width=128, height=96)
    recipe = Recipe(steps=2, batch=4, crop=16, channels="8,16", held_out=0.0)
    whole = train([tmp_path / "drawn"], tmp_path / "whole", recipe)
    parts = train([tmp_path / "drawn"], tmp_path / "parts", replace(recipe, accumulate=2))
    torch.manual_seed(recipe.seed)
    one, two, before = (
        torch.cat([tensor.flatten() for tensor in network.state_dict().values()])
        for network in (whole, parts, TeacherNetwork(NetworkConfig((8, 16))))
    )
    # Adam's first steps are as long for a gradient of rounding errors as for any: 0.01 is left of those, by processor.
    # Half of the batch alone would be 1.3.
    assert float((one - two).norm()) < 0.05 * float((one - before).norm())
    with pytest.raises(FusionError, match="batch of 4 cannot be computed in 3 equal parts"):
        train([tmp_path / "drawn"], tmp_path / "odd", replace(recipe, accumulate=3))


def test_night_frames_without_a_clear_twin_are_no_clean_images(tmp_path):
    write(tmp_path / "drawn", count=3, seed=0, width=64, height=48)
    shutil.rmtree(tmp_path / "drawn" / "clear")
    with pytest.raises(FusionError, match="--least-mean"):
        train([tmp_path / "drawn"], tmp_path / "dark", Recipe(steps=1, crop=8, held_out=0.0, least_mean=0.99))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"channels": "abc"}, "--channels are multiples of 8 separated by commas, not 'abc'"),
        ({"channels": "7"}, "--channels are multiples of 8"),
        ({"crop": 33}, "--crop 33 must be a multiple of 2"),
        ({"prediction": "foo"}, "--prediction is one of sample, epsilon, v_prediction, not 'foo'"),
    ],
)
def test_sizes_that_no_network_can_have_are_named(tmp_path, wrong, says):
    write(tmp_path / "data", count=2, seed=0, width=192, height=160)
    recipe = replace(Recipe(steps=1, batch=1, channels="8,16", crop=32), **wrong)
    with pytest.raises(FusionError, match=says):
        train([tmp_path / "data"], tmp_path / "out", recipe)
    assert not (tmp_path / "out").exists()


def test_after_a_full_disk_the_teachers_line_names_the_way_on(tmp_path, monkeypatch):
    write(tmp_path / "drawn", count=1, seed=0, width=64, height=64)
    words = f"--data {tmp_path / 'drawn'} --out {tmp_path / 'run'} --steps 1 --batch 1 --crop 16 --channels 8,16"
    monkeypatch.setattr(sys, "argv", ["", *words.split()])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "samples-000001.png.partial").symlink_to("/dev/full")
    says = r"^fusion\.train_teacher: .*No space left on device; then the same line with --resume goes on"
    with pytest.raises(SystemExit, match=says):
        train_teacher.main()


def test_a_teacher_killed_before_its_first_log_line_can_be_resumed(tmp_path):
    write(tmp_path / "data", count=2, seed=0, width=192, height=160)
    recipe = Recipe(steps=2, batch=1, channels="8,16", crop=32)
    train([tmp_path / "data"], tmp_path / "out", recipe, stop_after=1)
    train([tmp_path / "data"], tmp_path / "out", recipe, resume=True)
    assert (tmp_path / "out" / "teacher.safetensors").exists()


@pytest.mark.parametrize("steps", [0, 2000])
def test_as_many_steps_as_the_schedule_has_and_no_more(steps):
    generator = torch.Generator()
    with pytest.raises(FusionError, match=f"--steps is 1 to 1000 for this teacher, not {steps}"):
        Diffusion(DiffusionConfig()).sample(None, torch.zeros(1, 4, 8, 8), steps, 1.0, generator)


def test_a_teacher_to_start_from_is_looked_for_before_a_pair_is_read(tmp_path):
    with pytest.raises(FusionError, match=r"no teacher nowhere\.safetensors"):
        train([tmp_path / "no pairs"], tmp_path / "out", Recipe(init="nowhere.safetensors"))


def test_a_teacher_to_start_from_keeps_what_it_predicts(tmp_path):
    save_teacher(make_network(), DiffusionConfig(prediction="epsilon"), tmp_path / "given.safetensors")
    recipe = Recipe(init=str(tmp_path / "given.safetensors"))
    says = r"given\.safetensors predicts epsilon, not sample: give --prediction epsilon"
    with pytest.raises(FusionError, match=says):
        train([tmp_path / "no pairs"], tmp_path / "out", recipe)
    with pytest.raises(FusionError, match="no folder"):
        train([tmp_path / "no pairs"], tmp_path / "out", replace(recipe, prediction="epsilon"))


@pytest.mark.parametrize(
    ("trained", "asked", "drawn"),
    [(2, None, 2), (2, 2, 2), (None, None, 4), (None, 8, 8), (2, 4, "--scale 4: .* was trained at scale 2; leave it")],
)
def test_an_ensemble_is_drawn_at_its_teachers_scale(tmp_path, trained, asked, drawn):
    save_teacher(make_network(), DiffusionConfig(), tmp_path / "teacher.safetensors", trained)
    with pytest.raises(FusionError, match=drawn) if isinstance(drawn, str) else nullcontext():
        assert ensemble.scale_for(str(tmp_path / "teacher.safetensors"), asked) == drawn


@pytest.mark.parametrize("command", [ensemble, train_teacher])
def test_a_scale_that_the_students_trainer_cannot_take_is_refused_before_anything_is_drawn(monkeypatch, command):
    words = ["--data", "nowhere", "--out", "nowhere", "--scale", "3"]
    monkeypatch.setattr(sys, "argv", ["", *words, *(["--teacher", "reference"] if command is ensemble else [])])
    with pytest.raises(SystemExit, match="--scale must divide the student's cells of 8 px, 3 does not"):
        command.main()


def test_a_teacher_is_not_trained_by_several_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(FusionError, match="one process trains a teacher"):
        train([tmp_path / "no pairs"], tmp_path / "out", Recipe())


def test_what_a_teacher_learns_from_and_is_not_measured_on_is_said(tmp_path, capsys):
    write(tmp_path / "drawn", count=4, seed=0, width=64, height=48)
    shutil.rmtree(tmp_path / "drawn" / "clear")
    means = sorted(float(load(pair).visible.mean()) / 255.0 for pair in read_pairs(tmp_path / "drawn"))
    recipe = Recipe(steps=1, batch=1, crop=8, channels="8", held_out=0.0, scale=2, least_mean=sum(means[:2]) / 2.0)
    train([tmp_path / "drawn"], tmp_path / "run", recipe)
    said = capsys.readouterr()
    assert "training on 3 pairs, 0 held out; 1 more, without a clear twin, are darker than --least-mean" in said.err
    assert "no psnr: none of the pairs shown has a clear twin" in said.out
    assert look_at_teacher(tmp_path / "run" / "teacher.safetensors").scale == 2


def test_steps_that_no_draw_can_have_leave_no_folder(tmp_path, monkeypatch):
    write(tmp_path / "drawn", count=1, seed=0, width=64, height=48)
    save_teacher(make_network(), DiffusionConfig(), tmp_path / "teacher.safetensors")
    words = ["--data", tmp_path / "drawn", "--teacher", tmp_path / "teacher.safetensors", "--out", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", ["", *map(str, words), "--steps", "2000"])
    with pytest.raises(SystemExit, match="--steps is 1 to 1000 for this teacher, not 2000"):
        ensemble.main()
    assert not (tmp_path / "out").exists()


@pytest.fixture
def broken_diffusers(tmp_path, monkeypatch):
    """A `diffusers` that does not load and tells what had been said by then."""
    package = tmp_path / "packages" / "diffusers"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import sys\nprint('importing', file=sys.stderr)\nraise ImportError('broken')\n"
    )
    monkeypatch.syspath_prepend(package.parent)
    for name in [name for name in sys.modules if name.partition(".")[0] == "diffusers"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("teacher", ["trained", "conditional", "posterior"])
def test_before_the_heavy_library_is_imported_a_line_names_it(tmp_path, request, monkeypatch, capsys, teacher):
    write(tmp_path / "drawn", count=2, seed=0, width=64, height=48)
    save_teacher(make_network(), DiffusionConfig(), tmp_path / "teacher.safetensors")
    for part in ("unet", "scheduler"):
        (tmp_path / "prior" / part).mkdir(parents=True)
    request.getfixturevalue("broken_diffusers")
    words = {
        "trained": ["--crop", "8", "--held-out", "0"],
        "conditional": ["--teacher", str(tmp_path / "teacher.safetensors")],
        "posterior": ["--teacher", str(tmp_path / "prior")],
    }[teacher]
    command = train_teacher if teacher == "trained" else ensemble
    monkeypatch.setattr(sys, "argv", ["", "--data", str(tmp_path / "drawn"), "--out", str(tmp_path / "out"), *words])
    with pytest.raises(SystemExit, match=r"a diffusion teacher needs diffusers: pip install .* \(broken\)$"):
        command.main()
    said = capsys.readouterr().err.splitlines()
    assert said[-2:] == ["loading diffusers: some ten seconds", "importing"]
