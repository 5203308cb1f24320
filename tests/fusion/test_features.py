"""The feature statistic: formulas by hand, the cache beside the ensembles, and the loss against the whole frame."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fusion import FusionError
from fusion.backbones import FrozenModule, unit_features
from fusion.ensemble import draw
from fusion.features import draw_features, main, read_features
from fusion.pairs.data import read_folders, read_pairs
from fusion.student import Student
from fusion.synthetic import write
from fusion.train import feature_term, loss_of, train
from fusion.training.batches import make_batch
from fusion.training.cache import EnsembleCache
from fusion.training.feature_target import FeatureTarget, feature_target
from fusion.training.scenes import Scene, read_scenes
from fusion.training.statistics import RunningMean, confidence, feature_statistics, resample, routing
from fusion.training.student_recipe import Recipe

SETTINGS = {"teacher": "noisy", "samples": 4, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}
SMALL = Recipe(
    steps=6, batch=2, patch_px=32, held_out=0.0, context_px=32, anchor_share=0.0, backbones="efficientnet-lite0"
)


class Noisy:
    """Samples that agree on the left half of a frame and not on the right."""

    identity = "noisy"

    def sample(self, visible, thermal, n, seed):
        noise = 0.1 * torch.randn((n, *visible.shape), generator=torch.Generator().manual_seed(seed))
        noise[..., : visible.shape[-1] // 2] = 0.0
        return 0.5 * visible + 0.2 + noise


def small_backbone(name: str, stride: int, channels: int = 6, bias: float = 0.0) -> FrozenModule:
    generator = torch.Generator().manual_seed(stride)
    convolution = nn.Conv2d(3, channels, stride, stride, bias=bias > 0.0)
    with torch.no_grad():
        if convolution.bias is not None:  # what it sees then hangs on how bright a frame is
            convolution.bias.copy_(torch.linspace(-bias, bias, channels))
        convolution.weight.copy_(torch.randn(convolution.weight.shape, generator=generator))
    return FrozenModule(name, convolution, stride)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "drawn"
    write(folder, count=4, seed=0, width=160, height=96)
    return folder


@pytest.fixture
def ensembles(drawn, tmp_path) -> Path:
    draw(read_pairs(drawn), Noisy(), EnsembleCache.create(tmp_path / "ensembles", SETTINGS))
    return tmp_path / "ensembles"


def test_mean_and_variance_of_features_by_hand():
    features = torch.zeros(3, 2, 1, 1)
    features[:, 0, 0, 0] = torch.tensor([0.1, 0.2, 0.6])  # variance 0.07 in one of two channels
    mean, variance = feature_statistics(features)
    assert mean[:, 0, 0].tolist() == pytest.approx([0.3, 0.0])
    assert float(variance) == pytest.approx(0.035)
    assert float(feature_statistics(features[:2])[1]) == pytest.approx(0.0025)
    assert float(feature_statistics(features[:1])[1]) == 0.0


def test_the_running_mean_makes_variances_of_any_backbone_one_on_average():
    average = RunningMean()
    for value in (2.0, 4.0, 9.0):
        average.update(value)
    assert average.value == pytest.approx(5.0)
    assert average.divide(torch.tensor([10.0, 5.0])).tolist() == pytest.approx([2.0, 1.0])
    assert RunningMean().divide(torch.zeros(2)).tolist() == [0.0, 0.0]


def test_routing_and_confidence_are_the_formulas():
    u = torch.tensor([[[0.2]], [[1.2]]])
    near, far = math.exp(-0.2 / 0.5), math.exp(-1.2 / 0.5)
    assert routing(u, 0.5).flatten().tolist() == pytest.approx([near / (near + far), far / (near + far)])
    assert float(confidence(u)) == pytest.approx(math.exp(-0.2))


def test_resampling_is_exact_where_cells_coincide_and_linear_between():
    grid = torch.arange(12.0).reshape(1, 1, 3, 4)
    same = resample(grid, (24, 32), [(8, 16)], (8.0, 8.0), (2, 2))
    assert torch.allclose(same[0, 0], grid[0, 0, 1:3, 2:4], atol=1e-5)
    finer = resample(grid, (24, 32), [(4, 4)], (4.0, 4.0), (1, 4))[0, 0, 0]
    assert torch.allclose(finer.diff(), torch.full((3,), 0.5), atol=1e-5)  # one column is worth 1 per 8 px
    oblong = resample(grid, (24, 32), [(0, 4)], (8.0, 4.0), (3, 4))[0, 0]
    assert torch.allclose(oblong, grid[0, 0, :, :1] + torch.tensor([0.25, 0.75, 1.25, 1.75]), atol=1e-5)
    places = resample(grid.expand(2, -1, -1, -1), (24, 32), [(0, 0), (8, 16)], (8.0, 8.0), (1, 1))
    assert places.flatten().tolist() == pytest.approx([0.0, 6.0], abs=1e-5)
    border = resample(grid, (24, 32), [(24, 0)], (8.0, 8.0), (1, 1))
    assert float(border) == 8.0


def test_statistics_are_drawn_once_kept_and_resumed(ensembles, monkeypatch):
    cache = EnsembleCache.open(ensembles)
    backbone = small_backbone("tiny", 8, bias=3.0)
    folder = draw_features(cache, backbone)
    seen = dict(read_features(folder))
    assert folder == ensembles / "features" / "tiny-k4"
    for name, samples in cache.ensembles():
        mean, variance = feature_statistics(unit_features(backbone, samples.float() / 255.0))
        assert torch.allclose(seen[name].mean.float(), mean, atol=1e-3)
        assert torch.allclose(seen[name].variance, variance, atol=1e-6)
        assert seen[name].variance_mean == pytest.approx(float(variance.mean()), rel=1e-4)
        assert float(seen[name].variance[:, 0].max()) < 1e-9  # left: the samples agree
        assert float(seen[name].variance[:, -1].min()) > 1e-6
    monkeypatch.setattr("fusion.features._of_pair", None)  # nothing is computed again
    assert draw_features(cache, backbone) == folder
    with pytest.raises(FusionError, match="holds 4 samples per pair, not 5"):
        draw_features(cache, backbone, 5)
    other = FrozenModule("tiny", backbone._module, 4)
    with pytest.raises(FusionError, match="drawn with stride_px = 8, not 4: remove it"):
        draw_features(cache, other)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(FusionError, match=r"tiny-k4/manifest\.json is not the manifest of feature statistics"):
        next(read_features(folder))


def test_two_backbones_of_one_name_have_folders_of_their_own(ensembles, monkeypatch):
    cache = EnsembleCache.open(ensembles)
    one, two = small_backbone("tiny", 8), small_backbone("tiny", 8, channels=7)
    folders = [draw_features(cache, backbone) for backbone in (one, two)]
    assert folders == [ensembles / "features" / "tiny-k4", ensembles / "features" / f"{two.identity}-k4"]
    assert [next(read_features(folder))[1].mean.shape[0] for folder in folders] == [6, 7]
    monkeypatch.setattr("fusion.features._of_pair", None)  # nothing is computed again
    assert [draw_features(cache, backbone) for backbone in (one, two)] == folders
    (folders[0] / "manifest.json").unlink()
    assert draw_features(cache, two) == folders[1]


def test_an_interrupted_draw_of_statistics_goes_on(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("fusion.ensemble.SHARD_PAIRS", 2)
    draw(read_pairs(drawn), Noisy(), EnsembleCache.create(tmp_path / "cache", SETTINGS))
    cache, backbone = EnsembleCache.open(tmp_path / "cache"), small_backbone("tiny", 8)
    whole = dict(read_features(draw_features(cache, backbone)))
    folder = tmp_path / "cache" / "features" / "tiny-k4"
    shard = (folder / "shard-00000.safetensors").read_bytes()
    for path in folder.iterdir():
        path.unlink()

    import fusion.features as module

    real, calls = module._of_pair, []

    def dies_at_the_third(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, "_of_pair", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        draw_features(cache, backbone)
    assert [path.name for path in sorted(folder.iterdir())] == ["manifest.json", "shard-00000.safetensors"]
    again = dict(read_features(draw_features(cache, backbone)))
    assert again.keys() == whole.keys()
    assert len(calls) == 5  # two kept, one lost, two more
    assert (folder / "shard-00000.safetensors").read_bytes() == shard
    (folder / "shard-00001.safetensors").write_bytes(b"?" * 100)
    with pytest.raises(FusionError, match=r"shard-00001\.safetensors is damaged"):
        dict(read_features(folder))


@pytest.mark.parametrize("loss", ["damaged", "gone"])
def test_a_damaged_shard_is_drawn_again_and_no_other(drawn, tmp_path, monkeypatch, capsys, loss):
    monkeypatch.setattr("fusion.ensemble.SHARD_PAIRS", 1)
    draw(read_pairs(drawn), Noisy(), EnsembleCache.create(tmp_path / "cache", SETTINGS))
    cache, backbone = EnsembleCache.open(tmp_path / "cache"), small_backbone("tiny", 8)
    folder = draw_features(cache, backbone)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shard = folder / "shard-00001.safetensors"
    shard.write_bytes(b"?" * 100) if loss == "damaged" else shard.unlink()

    import fusion.features as module

    real, calls = module._of_pair, []
    monkeypatch.setattr(module, "_of_pair", lambda *arguments: calls.append(arguments) or real(*arguments))
    assert draw_features(cache, backbone) == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(calls) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"fusion.features: {shard} ")
    assert line.endswith("; drawing it again")


def test_statistics_of_ensembles_that_were_drawn_anew_are_drawn_anew(ensembles, drawn, capsys):
    backbone = small_backbone("tiny", 8)
    draw_features(EnsembleCache.open(ensembles), backbone)
    (ensembles / "shard-00000.safetensors").unlink()
    cache = EnsembleCache.open(ensembles)
    cache.forget_damaged()

    class Changed(Noisy):
        def sample(self, *arguments):
            return 0.5 * super().sample(*arguments)

    draw(read_pairs(drawn), Changed(), cache)
    seen = dict(read_features(draw_features(cache, backbone)))
    assert "is of ensembles that have changed; drawing it again" in capsys.readouterr().err
    assert [path.name for path in sorted((ensembles / "features" / "tiny-k4").glob("shard-*"))] == [
        "shard-00000.safetensors"
    ]
    for name, samples in cache.ensembles():
        mean, _ = feature_statistics(unit_features(backbone, samples.float() / 255.0))
        assert torch.allclose(seen[name].mean.float(), mean, atol=1e-3)


def test_statistics_of_ensembles_that_are_gone_are_gone_too(drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("fusion.ensemble.SHARD_PAIRS", 2)
    draw(read_pairs(drawn), Noisy(), EnsembleCache.create(tmp_path / "cache", SETTINGS))
    backbone = small_backbone("tiny", 8)
    whole = dict(read_features(draw_features(EnsembleCache.open(tmp_path / "cache"), backbone)))
    (tmp_path / "cache" / "shard-00000.safetensors").unlink()
    cache = EnsembleCache.open(tmp_path / "cache")
    cache.forget_damaged()
    monkeypatch.setattr("fusion.features._of_pair", None)  # nothing is drawn
    left = dict(read_features(draw_features(cache, backbone)))
    assert len(whole) == 4
    assert left.keys() == cache.sources.keys()
    assert len(left) == 2


def scenes_of(drawn, ensembles, recipe, backbones):
    return read_scenes([drawn], EnsembleCache.open(ensembles), recipe, backbones)[0]


@pytest.mark.parametrize("with_routing", [True, False])
def test_the_loss_of_a_patch_is_that_of_the_whole_frame_there(drawn, ensembles, with_routing):
    """Backbones whose cells see nothing beyond themselves: a patch must give what one look at the whole frame does."""
    backbones = (small_backbone("four", 4), small_backbone("eight", 8))
    recipe = replace(SMALL, routing=with_routing, batch=12, patch_px=64)
    scenes = scenes_of(drawn, ensembles, recipe, backbones)
    chosen = np.random.default_rng([recipe.seed, 7]).integers(0, len(scenes), recipe.batch)
    compared = 0
    for index, target in zip(chosen, make_batch(scenes, recipe, 4, 7, backbones)["features"]):
        scene = scenes[int(index)]
        y, x = (first + offset for first, offset in zip(target.origin, target.offset))
        if y % 4 or x % 4:
            continue  # the patch's cells lie between the frame's: interpolated, and not to be had by slicing
        compared += 1
        patch = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        frame = scene.mean.clone()
        frame[:, y : y + 16, x : x + 16] = patch[0]
        common = [F.interpolate(u[None, None], (6, 10), mode="bilinear")[0, 0] for _, u in scene.features]
        r, c = routing(torch.stack(common), recipe.tau_feat), confidence(torch.stack(common))
        if not with_routing:
            r, c = torch.full_like(r, 0.5), torch.ones_like(c)
        expected = 0.0
        for b, (backbone, (m, _)) in enumerate(zip(backbones, scene.features)):
            distance = 1.0 - F.cosine_similarity(unit_features(backbone, frame[None])[0], m.float(), dim=0)
            distance = F.interpolate(distance[None, None], (6, 10), mode="bilinear")[0, 0]
            expected += float((r[b] * c * distance)[y // 4 : y // 4 + 4, x // 4 : x // 4 + 4].mean())
        assert float(feature_term(patch, [target], backbones)) == pytest.approx(expected, rel=1e-3)
    assert compared >= 2


def shown(scene: Scene, place: tuple[int, int], patch: int, *strides: int) -> FeatureTarget:
    """Of a patch of the frame reduced by 4, with 8 px around it."""
    recipe, size = replace(SMALL, context_px=32), (scene.mean.shape[1], scene.mean.shape[2])
    backbones = tuple(small_backbone("of cells", stride) for stride in strides)
    return feature_target(scene, recipe, place, patch, size, backbones, scale=4, is_itself=False)


@pytest.fixture
def unsure() -> Scene:
    """A frame of 60 x 80 px, of which two backbones are as unsure everywhere."""
    maps = ((torch.zeros(6, 15, 20), torch.ones(15, 20)), (torch.zeros(6, 8, 10), torch.ones(8, 10)))
    return Scene(None, torch.rand(3, 60, 80), torch.zeros(60, 80), maps)


@pytest.mark.parametrize("place", [(20, 28), (0, 0), (3, 13), (22, 34)])
def test_a_patch_is_shown_to_the_backbones_in_what_lies_around_it_on_the_cells_of_the_frame(unsure, place):
    target = shown(unsure, place, 16, 4, 8)
    canvas, (y, x) = target.canvas, target.offset
    assert canvas.shape == (3, 40, 40)  # 8 px on either side, and a cell for their borders
    assert [start % 8 for start in target.origin] == [0, 0]
    assert (target.origin[0] + y, target.origin[1] + x) == place
    for offset, first in ((y, place[0]), (x, place[1])):
        assert min(8, first) <= offset <= 40 - 16 - 8
    assert torch.equal(canvas, unsure.mean[:, place[0] - y :, place[1] - x :][:, :40, :40])


def test_a_canvas_ends_with_the_frame_whose_border_is_repeated(unsure):
    corner = shown(unsure, (44, 64), 16, 4, 8)
    assert corner.origin == (24, 40)
    assert torch.equal(corner.canvas[:, :36], unsure.mean[:, 24:, 40:])
    assert torch.equal(corner.canvas[:, 36:], unsure.mean[:, -1:, 40:].expand(3, 4, 40))
    whole = shown(unsure, (0, 8), 60, 4, 8)
    assert (whole.origin[0], whole.offset[0]) == (0, 0)
    assert torch.equal(whole.canvas[:, :60, whole.offset[1] :][..., :60], unsure.mean[..., 8:68])


def test_a_backbone_without_cells_teaches_by_those_of_the_student(unsure):
    assert shown(unsure, (8, 8), 16, 4, 8).taught.shape == (2, 4, 4)
    assert shown(unsure, (8, 8), 16, 1, 1).taught.shape == (2, 2, 2)


def test_the_ensemble_mean_costs_nothing_where_the_samples_agree_and_noise_is_not_copied(drawn, ensembles):
    backbones = (small_backbone("four", 4),)
    scenes = scenes_of(drawn, ensembles, SMALL, backbones)
    target = make_batch(scenes, SMALL, 4, 0, backbones)["features"][0]
    y, x = target.offset
    mean = target.canvas[:, y : y + 8, x : x + 8]
    agreed = replace(target, taught=torch.ones_like(target.taught))
    assert float(feature_term(mean[None], [agreed], backbones)) < 0.001
    assert float(feature_term(torch.rand(1, 3, 8, 8), [agreed], backbones)) > 0.05
    u = scenes[0].features[0][1]
    assert float(confidence(u[None])[:, 0].min()) == pytest.approx(1.0)  # left: agreed
    assert float(confidence(u[None])[:, -1].max()) < 0.6


def test_frames_that_are_their_own_target_ask_the_backbones_for_nothing(drawn, ensembles):
    backbones = (small_backbone("four", 4),)
    for share, asked in ((1.0, 0), (0.0, SMALL.batch)):
        recipe = replace(SMALL, anchor_share=share)
        targets = make_batch(scenes_of(drawn, ensembles, recipe, backbones), recipe, 4, 0, backbones)["features"]
        assert len(targets) == SMALL.batch
        assert sum(float(target.taught.abs().max()) > 0.0 for target in targets) == asked


def test_frames_of_several_sizes_share_a_batch(tmp_path):
    for name, width, height in (("wide", 160, 96), ("small", 72, 40)):
        write(tmp_path / name, count=2, seed=0, width=width, height=height)
    folders = [tmp_path / "wide", tmp_path / "small"]
    cache = EnsembleCache.create(tmp_path / "cache", SETTINGS)
    draw(read_folders(folders), Noisy(), cache)
    backbones = (small_backbone("four", 4), small_backbone("eight", 8))
    recipe = replace(SMALL, batch=8, context_px=128)
    scenes, _ = read_scenes(folders, cache, recipe, backbones)
    batch = make_batch(scenes, recipe, 4, 0, backbones)
    assert {target.frame for target in batch["features"]} == {(24, 40), (10, 18)}
    patch = batch["patch"] // 4
    means = [target.canvas[:, y : y + patch, x : x + patch] for target in batch["features"] for y, x in [target.offset]]
    assert torch.equal(torch.stack(means), batch["mean"])
    assert 0.0 <= float(feature_term(batch["mean"], batch["features"], backbones)) < 0.05


def test_training_with_a_real_backbone_lowers_the_feature_loss(drawn, ensembles, tmp_path):
    recipe = replace(SMALL, steps=20, lambda_feat=5.0, lambda_twin=0.0, lambda_edge=0.0)
    trained = train([drawn], ensembles, tmp_path / "run", recipe, log_every=10)
    header, *rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert header == "step,loss,pix,twin,edge,feat,held_out_psnr_db"
    assert len(rows) == 2
    from fusion.backbones import load_backbones

    backbones = load_backbones(recipe.backbones)
    scenes = scenes_of(drawn, ensembles, recipe, backbones)
    losses = []
    for student in (Student(), trained):
        with torch.no_grad():
            terms = [
                loss_of(student, make_batch(scenes, recipe, 4, s, backbones), recipe, 4, backbones)[1] for s in range(4)
            ]
        losses.append(sum(term["feat"] for term in terms))
    assert losses[1] < losses[0]


def test_the_command_draws_statistics_and_refuses_in_one_line(ensembles, monkeypatch):
    arguments = [
        "fusion.features",
        "--ensembles",
        str(ensembles),
        "--backbones",
        "efficientnet-lite0",
        "--samples",
        "2",
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    main()
    assert (ensembles / "features" / "efficientnet-lite0-k2" / "manifest.json").exists()
    monkeypatch.setattr(sys, "argv", [*arguments[:2], str(ensembles / "none")])
    with pytest.raises(SystemExit, match=r"^fusion\.features: .*no manifest\.json$"):
        main()
