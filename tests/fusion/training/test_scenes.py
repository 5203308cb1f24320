"""What is read of pairs and their ensembles before training, each thing with the pair that it is of."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from fusion import FusionError
from fusion.backbones import FrozenModule
from fusion.ensemble import draw
from fusion.pairs.data import load, read_folders, read_pairs, split
from fusion.synthetic import write
from fusion.training.cache import EnsembleCache
from fusion.training.scenes import Scene, read_scenes
from fusion.training.student_recipe import Recipe

COUNT, WIDTH, HEIGHT = 6, 96, 64
SETTINGS = {"teacher": "noisy", "samples": 3, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}
HALF = Recipe(held_out=0.5)


class Noisy:
    """Samples of a frame differ by how bright it is, and no two frames are as bright."""

    identity = "noisy"

    def sample(self, visible, thermal, n, seed):
        generator = torch.Generator().manual_seed(seed)
        return 0.5 + visible.mean() * torch.randn((n, *visible.shape), generator=generator)


@pytest.fixture
def folder(tmp_path) -> Path:
    write(tmp_path / "drawn", count=COUNT, seed=0, width=WIDTH, height=HEIGHT)
    return tmp_path / "drawn"


@pytest.fixture
def cache(folder, tmp_path) -> EnsembleCache:
    cache = EnsembleCache.create(tmp_path / "ensembles", SETTINGS)
    draw(read_pairs(folder), Noisy(), cache)
    return cache


def by_name(*sides: list[Scene]) -> dict[str, Scene]:
    return {scene.images.name: scene for side in sides for scene in side}


def label(folder: Path) -> None:
    """In every frame but the last, each at a place of its own: a person 6 px high and a wide car of 5 px."""
    (folder / "labels").mkdir()
    for number, pair in enumerate(read_pairs(folder)[:-1]):
        boxes = ((0, 8.0 * number, 10.0, 4.0, 6.0), (2, 10.0, 40.0, 60.0, 5.0))
        lines = [
            f"{kind} {(x + w / 2) / WIDTH} {(y + h / 2) / HEIGHT} {w / WIDTH} {h / HEIGHT}"
            for kind, x, y, w, h in boxes
        ]
        (folder / "labels" / f"{pair.visible.stem}.txt").write_text("\n".join(lines))


@pytest.mark.parametrize("asked", [{"label_gain": 2.0}, {"label_patches": 0.5}, {}])
def test_what_is_labelled_and_high_enough_goes_with_its_own_frame_and_a_frame_without_labels_has_none(
    folder, cache, asked
):
    label(folder)
    sides = read_scenes([folder], cache, replace(HALF, **asked))
    expected = [[pair.name for pair in side] for side in split(read_pairs(folder), 0.5)]
    assert [[scene.images.name for scene in side] for side in sides] == expected
    assert min(map(len, expected)) >= 2
    scenes = by_name(*sides)
    for number, pair in enumerate(read_pairs(folder)):
        boxes = scenes[pair.name].boxes
        if number == COUNT - 1 or not asked:
            assert boxes == ()
        else:
            assert np.array(boxes) == pytest.approx(np.array([(8.0 * number, 10.0, 8.0 * number + 4.0, 16.0)]))
        assert np.array_equal(scenes[pair.name].images.visible, load(pair).visible)


@pytest.mark.parametrize("asked", [{"signal_gain": 2.0}, {"signal_patches": 0.5}, {}])
def test_one_lit_signal_is_enough_and_is_looked_for_where_it_is_asked_for(folder, asked, tmp_path):
    first, *others = read_pairs(folder)
    tags, clear = np.zeros((HEIGHT, WIDTH), np.uint8), cv2.imread(str(first.clear))
    (folder / "tags").mkdir()
    for pair in others:
        cv2.imwrite(str(folder / "tags" / f"{pair.visible.stem}.png"), tags)
    tags[10:20, 20:30], clear[10:20, 20:30] = 7, 40
    clear[12:15, 22:26] = 50, 60, 230
    cv2.imwrite(str(folder / "tags" / f"{first.visible.stem}.png"), tags)
    cv2.imwrite(str(first.clear), clear)
    cache = EnsembleCache.create(tmp_path / "ensembles", SETTINGS)
    draw(read_pairs(folder), Noisy(), cache)
    scenes = by_name(*read_scenes([folder], cache, replace(HALF, held_out=0.0, **asked)))
    assert scenes[first.name].signals == (((22.0, 12.0, 26.0, 15.0),) if asked else ())
    assert sum(bool(scene.signals) for scene in scenes.values()) == bool(asked)


@pytest.mark.parametrize("lacking", ["tags", "clear"])
def test_without_tags_or_a_clear_twin_no_signal_is_seen(folder, lacking, tmp_path):
    if lacking == "tags":
        label(folder)
    else:
        shutil.rmtree(folder / "clear")
        pairs = read_pairs(folder)
        (folder / "tags").mkdir()
        for pair in pairs:
            cv2.imwrite(str(folder / "tags" / f"{pair.visible.stem}.png"), np.full((HEIGHT, WIDTH), 7, np.uint8))
    cache = EnsembleCache.create(tmp_path / "ensembles", SETTINGS)
    draw(read_pairs(folder), Noisy(), cache)
    with pytest.raises(FusionError, match="no lit signal is seen"):
        read_scenes([folder], cache, replace(HALF, signal_gain=2.0))


def test_fewer_samples_are_the_first_ones(folder, cache):
    samples = dict(cache.ensembles())
    for used, recipe in ((1, replace(HALF, samples=1)), (3, HALF)):
        for name, scene in by_name(*read_scenes([folder], cache, recipe)).items():
            levels = samples[name][:used].double() / 255.0
            assert torch.allclose(scene.mean.double(), levels.mean(dim=0), atol=1e-6)
            assert bool(scene.variance.any()) == (used > 1)


def test_a_backbone_is_as_unsure_as_the_others_on_average_over_what_is_trained_on(folder, cache):
    torch.manual_seed(0)
    backbone = FrozenModule("tiny", nn.Conv2d(3, 6, 4, 4), 4)
    for samples in (0, 2):
        training, held = read_scenes([folder], cache, replace(HALF, samples=samples), (backbone,))
        unsure = [np.mean([float(scene.features[0][1].mean()) for scene in side]) for side in (training, held)]
        assert unsure[0] == pytest.approx(1.0, abs=1e-3)
        assert abs(unsure[1] - 1.0) > 0.01
    assert (cache.folder / "features" / "tiny-k2").is_dir()


def test_where_some_pairs_have_a_clear_twin_every_term_has_its_own(folder, tmp_path):
    write(tmp_path / "alone", count=2, seed=9, width=WIDTH, height=HEIGHT)
    shutil.rmtree(tmp_path / "alone" / "clear")
    folders = [tmp_path / "alone", folder]
    cache = EnsembleCache.create(tmp_path / "ensembles", SETTINGS)
    draw(read_folders(folders), Noisy(), cache)
    recipe = replace(HALF, held_out=0.0, lambda_contrast=10.0, lambda_twin=2.0, evidence_gain=3.0)
    training, _ = read_scenes(folders, cache, recipe)
    assert [scene.images.clear is None for scene in training] == [True] * 2 + [False] * COUNT


def test_a_share_that_leaves_nothing_to_train_on_is_refused(folder, cache):
    with pytest.raises(FusionError, match="no pair is left for training: all of them are held out"):
        read_scenes([folder], cache, replace(HALF, held_out=1.0))
