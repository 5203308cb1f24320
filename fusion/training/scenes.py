"""The pairs that a student is trained on and measured on, each with what its ensemble says."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fusion.backbones import Backbone
from fusion.ensemble import check_sources, drawn_as
from fusion.errors import FusionError
from fusion.features import FeatureStatistics, draw_features, read_features
from fusion.pairs.data import Images, Pair, load, read_folders, split
from fusion.pairs.in_order import in_order
from fusion.pairs.labelled import Box, labels_of, read_boxes
from fusion.pairs.signals import read_signals
from fusion.training.cache import EnsembleCache
from fusion.training.statistics import RunningMean, pixel_statistics
from fusion.training.student_recipe import Recipe

LEAST_BOX_PX = 6
"""Height below which a box is left out: nothing could be recognised in it."""


@dataclass(frozen=True)
class Scene:
    """One pair with what its ensemble says: mu (3, h, w) and s2 (h, w), of the frame reduced by the cache's scale, and
    per backbone m (C, gh, gw) and u (gh, gw), u divided by its mean over the training pairs."""

    images: Images
    mean: Tensor
    variance: Tensor
    features: tuple[tuple[Tensor, Tensor], ...] = ()
    boxes: tuple[Box, ...] = ()
    """People and vehicles of LEAST_BOX_PX or more, where the recipe asks for labels."""
    signals: tuple[Box, ...] = ()
    """Lit lamps of signals, where the recipe asks for them."""


def read_scenes(folders: list[Path], cache: EnsembleCache, recipe: Recipe,
                backbones: tuple[Backbone, ...] = (),
                device: torch.device | str = "cpu") -> tuple[list[Scene], list[Scene]]:  # fmt: skip
    """(training, held out) scenes; with backbones, which lie on `device`, their feature statistics are drawn first
    where they are missing."""
    used = cache.used(recipe.samples)
    wanted, drawn = _drawn_pairs(folders, cache)
    check_sources([pair for pair in wanted if drawn[pair.name] == pair.name], cache)  # others are known by their files
    statistics = {}
    for name, samples in cache.ensembles():
        statistics[name] = pixel_statistics(samples[:used].float() / 255.0)
    sides = split(wanted, recipe.held_out)
    if not sides[0]:
        raise FusionError("no pair is left for training: all of them are held out")
    features: dict[str, list[tuple[Tensor, Tensor]]] = {pair.name: [] for pair in wanted}
    for backbone in backbones:
        seen = dict(read_features(draw_features(cache, backbone, recipe.samples, device)))
        average = _average(seen, [drawn[pair.name] for pair in sides[0]])
        for pair in wanted:
            one = seen[drawn[pair.name]]
            features[pair.name].append((one.mean, average.divide(one.variance)))
    labelled = recipe.label_gain > 0.0 or recipe.label_patches > 0.0
    signals = recipe.signal_gain > 0.0 or recipe.signal_patches > 0.0
    training, held = (
        [
            Scene(
                images,
                *statistics[drawn[images.name]],
                tuple(features[images.name]),
                _boxes(pair, images, labelled),
                _signals(pair, images, signals),
            )
            for pair, images in zip(side, in_order(load, side, "reading pairs"))
        ]
        for side in sides
    )
    if labelled and not any(scene.boxes for scene in training):
        raise FusionError("--label-gain and --label-patches need pairs with labels: no person or vehicle is labelled")
    if signals and not any(scene.signals for scene in training):
        raise FusionError(
            "--signal-gain and --signal-patches need recordings with tags and clear twins: no lit signal is seen"
        )
    _check_twins(training, recipe)
    return training, held


def _check_twins(training: list[Scene], recipe: Recipe) -> None:
    """A term that no pair takes part in would be asked for in vain. Defaults and 0 ask for nothing."""
    twins = [scene.images.clear is not None for scene in training]
    if recipe.lambda_contrast > 0.0 and all(twins):
        raise FusionError("--lambda-contrast needs pairs without a clear twin: all that are trained on have one")
    if any(twins):
        return
    for name in ("lambda_twin", "evidence_gain", "label_gain"):
        if getattr(recipe, name) not in (0.0, getattr(Recipe, name)):
            flag = f"--{name.replace('_', '-')}"
            raise FusionError(f"{flag} is about clear twins: no pair that is trained on has one; leave it out")


def data_digest(folders: list[Path], cache: EnsembleCache, held_out: float) -> str:
    """SHA-256 of what a run learns from and is measured on: the ensembles, and which pairs are on which side."""
    sides = split(_drawn_pairs(folders, cache)[0], held_out)
    names = [[pair.name for pair in side] for side in sides]
    return hashlib.sha256(json.dumps([cache.digest, names]).encode()).hexdigest()


def _drawn_pairs(folders: list[Path], cache: EnsembleCache) -> tuple[tuple[Pair, ...], dict[str, str]]:
    """The pairs of these folders that have an ensemble, and the names they were drawn under, in order of these."""
    pairs = {pair.name: pair for pair in read_folders(folders)}
    drawn = drawn_as(tuple(pairs.values()), cache)
    if not drawn:
        raise FusionError(
            f"none of the ensembles in {cache.folder} was drawn from a pair in {', '.join(map(str, folders))}: draw "
            "them with fusion.ensemble"
        )
    return tuple(pairs[name] for name in drawn), drawn


def _boxes(pair: Pair, images: Images, wanted: bool) -> tuple[Box, ...]:
    path = labels_of(pair) if wanted else None
    if path is None:
        return ()
    found = read_boxes(path, images.thermal.shape[1], images.thermal.shape[0])
    return tuple(box for boxes in found.values() for box in boxes if box[3] - box[1] >= LEAST_BOX_PX)


def _signals(pair: Pair, images: Images, wanted: bool) -> tuple[Box, ...]:
    path = labels_of(pair) if wanted else None
    if path is None or path.parent.name != "tags" or images.clear is None:
        return ()
    return read_signals(path, images.clear)


def _average(seen: dict[str, FeatureStatistics], names: list[str]) -> RunningMean:
    average = RunningMean()
    for name in names:
        average.update(seen[name].variance_mean)
    return average
