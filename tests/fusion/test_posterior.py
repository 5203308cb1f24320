import shutil
from importlib.util import find_spec

import pytest
import torch

from fusion import FusionError
from fusion.ensemble import load_teacher
from fusion.teacher.posterior import PosteriorTeacher, em_fusion
from fusion.teacher.tiles import in_tiles, ramp, tile_starts
from fusion.training.losses import luminance

pytestmark = pytest.mark.skipif(find_spec("diffusers") is None, reason="needs diffusers")


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel  # loads for seconds

    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    unet = UNet2DModel(16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, **blocks)
    folder = tmp_path_factory.mktemp("prior") / "ddpm"
    DDPMPipeline(unet, DDPMScheduler(num_train_timesteps=100)).save_pretrained(folder)
    return folder


def test_where_both_frames_agree_the_em_step_ends_at_them_and_without_them_at_the_guess():
    generator = torch.Generator().manual_seed(0)
    guess = torch.rand(1, 3, 8, 8, generator=generator) * 2.0 - 1.0
    visible = torch.rand(1, 3, 8, 8, generator=generator) * 2.0 - 1.0
    agreed = em_fusion(guess, visible, luminance(visible), prior_variance=1.0, rounds=20)
    assert float((agreed - visible).abs().max()) < 0.05
    certain = em_fusion(guess, visible, luminance(visible), prior_variance=1e-6, rounds=20)
    assert float((certain - guess).abs().max()) < 0.01


def test_a_laplace_likelihood_follows_one_of_two_frames_that_differ_rather_than_their_mean():
    """A weighted median: the guess decides which. A Gaussian likelihood would give the mean, 0.2."""
    visible, thermal = torch.full((1, 3, 8, 8), -0.4), torch.full((1, 1, 8, 8), 0.8)
    visible[..., :4] = -0.39  # not all alike, so that the scales are estimated from something
    near_thermal = em_fusion(torch.full((1, 3, 8, 8), 0.7), visible, thermal, 1.0, 10)
    near_visible = em_fusion(torch.full((1, 3, 8, 8), -0.3), visible, thermal, 1.0, 10)
    assert float(near_thermal.mean()) > 0.65
    assert float(near_visible.mean()) < -0.25


def test_samples_are_fused_images_of_any_size_that_hang_on_their_seed(prior):
    teacher = load_teacher(str(prior), steps=5, eta=1.0)
    assert teacher.identity.startswith("posterior-")
    visible, thermal = torch.full((3, 18, 21), 0.2), torch.full((1, 18, 21), 0.2)
    thermal[:, 6:12, 8:14] = 0.9
    samples = teacher.sample(visible, thermal, n=3, seed=1)
    assert samples.shape == (3, 3, 18, 21)
    assert torch.equal(samples, teacher.sample(visible, thermal, n=3, seed=1))
    assert float(samples.var(dim=0).mean()) > 1e-5
    mean = samples.mean(dim=0)
    # What both frames say is kept although the prior (untrained) knows nothing, and the warm thing is seen.
    assert float((mean[:, :4] - 0.2).abs().mean()) < 0.1
    assert float(mean[:, 7:11, 9:13].mean()) > float(mean[:, :4].mean()) + 0.1


def test_a_folder_that_is_no_unconditional_model_is_named(tmp_path, prior):
    with pytest.raises(FusionError, match="needs the folders unet and scheduler"):
        load_teacher(str(tmp_path), steps=2, eta=1.0)
    (tmp_path / "unet").mkdir()
    (tmp_path / "scheduler").mkdir()
    with pytest.raises(FusionError, match="cannot be loaded by diffusers"):
        PosteriorTeacher.load(tmp_path)


def test_the_luma_that_both_frames_agree_on_is_that_of_the_fused_frame():
    """Whatever the prior guesses of the colours."""
    rng = torch.Generator().manual_seed(0)
    guess, visible = (torch.rand((1, 3, 8, 8), generator=rng) * 2.0 - 1.0 for _ in range(2))
    thermal = torch.rand((1, 1, 8, 8), generator=rng) * 2.0 - 1.0
    fused = em_fusion(guess, visible, thermal, prior_variance=1.0, rounds=2)
    grey = [luminance(frame).expand(-1, 3, -1, -1) for frame in (guess, visible)]
    assert torch.allclose(luminance(fused), luminance(em_fusion(*grey, thermal, 1.0, 2)), atol=1e-5)


def test_a_prior_is_known_by_its_schedule_too_and_not_by_what_else_lies_in_its_folder(prior, tmp_path):
    from diffusers import DDPMScheduler

    identity = PosteriorTeacher.load(prior).identity
    shutil.copytree(prior, tmp_path / "same")
    (tmp_path / "same" / "unet" / ".ipynb_checkpoints").mkdir()
    assert PosteriorTeacher.load(tmp_path / "same").identity == identity
    DDPMScheduler(100, beta_schedule="squaredcos_cap_v2").save_pretrained(tmp_path / "same" / "scheduler")
    assert PosteriorTeacher.load(tmp_path / "same").identity != identity


def test_a_prior_whose_files_lie_at_the_root_of_its_folder_is_the_same_one(prior, tmp_path):
    for path in (*prior.glob("*.json"), *prior.glob("*/*")):
        shutil.copy(path, tmp_path)
    visible, thermal = torch.full((3, 8, 8), 0.2), torch.full((1, 8, 8), 0.7)
    samples = [PosteriorTeacher.load(folder, 2).sample(visible, thermal, 1, 0) for folder in (prior, tmp_path)]
    assert torch.equal(*samples)


def test_a_model_that_is_told_a_class_is_refused_in_one_line(prior, tmp_path):
    from diffusers import UNet2DModel

    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    unet = UNet2DModel(
        16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, num_class_embeds=10, **blocks
    )
    shutil.copytree(prior, tmp_path / "of classes")
    unet.save_pretrained(tmp_path / "of classes" / "unet")
    with pytest.raises(FusionError, match="of classes holds a model that is told a class, not an unconditional one"):
        PosteriorTeacher.load(tmp_path / "of classes")


def test_more_steps_than_the_prior_has_are_refused_when_it_is_loaded(prior):
    with pytest.raises(FusionError, match="--steps is 1 to 100 for this teacher, not 101"):
        load_teacher(str(prior), steps=101, eta=1.0)


def test_tiles_cover_every_pixel_and_a_local_network_does_not_notice_them():
    assert tile_starts(100, 40, 10) == [0, 30, 60]
    assert tile_starts(40, 40, 10) == [0]
    assert float(ramp(16, 4).min()) > 0.0
    image, other, calls = torch.rand(2, 3, 50, 90), torch.rand(2, 4, 50, 90), []

    def network(noisy, views, step):
        calls.append(noisy.shape[-2:])
        return noisy * 2.0 + views[:, :3]

    tiled = in_tiles(network, 32, 8, image, (other,), torch.zeros(2))
    assert torch.allclose(tiled, image * 2.0 + other[:, :3], atol=1e-5)
    assert len(calls) > 4
    assert max(max(call) for call in calls) == 32


def test_a_teacher_samples_large_frames_in_tiles_without_a_seam(prior):
    torch.manual_seed(0)
    visible, thermal = torch.rand(3, 24, 40) * 0.2 + 0.4, torch.rand(1, 24, 40) * 0.2 + 0.4
    whole = load_teacher(str(prior), steps=3, eta=1.0).sample(visible, thermal, 1, 0)
    tiled = load_teacher(str(prior), steps=3, eta=1.0, tile=16, overlap=8).sample(visible, thermal, 1, 0)
    assert tiled.shape == whole.shape
    assert not torch.equal(tiled, whole)
    jumps = (tiled[..., 1:] - tiled[..., :-1]).abs().mean(dim=(0, 1, 2))
    assert float(jumps.max()) < 2.5 * float(jumps.median())
