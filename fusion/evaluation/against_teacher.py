"""How much of its teacher a student has kept: fusion metrics of both on the same pairs, at the teacher's resolution.

The student fuses the whole frame and is reduced afterwards, as in training; the teacher is one draw of its ensemble and
the mean of all draws, which is what the student was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusion.backbones import Backbone
from fusion.ensemble import check_sources, drawn_as
from fusion.errors import FusionError
from fusion.evaluation.metrics import all_metrics, grey
from fusion.evaluation.perceptual import distance_of_seen, seen_picture
from fusion.naive import Bytes, Fusion
from fusion.pairs.data import Pair, load, reduce, split
from fusion.progress import along
from fusion.training.cache import EnsembleCache

MEAN, DRAW = "teacher, mean", "teacher, one draw"
DISTANCE = "distance"
"""To the teacher's mean, in what a frozen backbone sees; smaller is better."""


def held_out_pairs(pairs: Sequence[Pair], cache: EnsembleCache, held_out: float) -> tuple[Pair, ...]:
    """The pairs with an ensemble that a trainer with this share held out; all of them where the share is 1. They bear
    the names that they were drawn under. Raises FusionError where their frames are not those that the teacher was
    shown."""
    drawn = drawn_as(pairs, cache)
    held = split([pair for pair in pairs if pair.name in drawn], held_out)[1]
    chosen = tuple(replace(pair, name=drawn[pair.name]) for pair in held)
    if not chosen:
        raise FusionError(f"no held-out pair has an ensemble in {cache.folder}: give its data, or a larger --held-out")
    check_sources(chosen, cache)
    return chosen


def rows(
    pairs: Sequence[Pair], cache: EnsembleCache, by: Mapping[str, Fusion], backbone: Backbone | None = None
) -> list[dict[str, Any]]:
    """One row of metrics per pair and fusion, the teacher's two among them; distances only with a backbone."""
    scale = int(cache.settings["scale"])
    wanted = {pair.name: pair for pair in pairs}
    found = []
    for name, samples in along("against the teacher", cache.ensembles(), len(cache.sources)):
        if name not in wanted:
            continue
        images = load(wanted[name])
        visible, thermal = (_small(image, scale) for image in (images.visible, images.thermal))
        mean = _image((samples.float().mean(dim=0) + 0.5).to(torch.uint8))
        fused = {MEAN: mean, DRAW: _image(samples[0])}
        fused |= {title: _small(fuse(images.visible, images.thermal), scale) for title, fuse in by.items()}
        asked = None if backbone is None else seen_picture(mean, backbone.features)
        for title, image in fused.items():
            row: dict[str, Any] = {"pair": name, "fusion": title}
            row |= all_metrics(grey(visible), grey(thermal[..., 0]), grey(image))
            if backbone is not None and asked:
                row[DISTANCE] = float(distance_of_seen(seen_picture(image, backbone.features), asked))
            found.append(row)
    return found


def shares(found: Sequence[Mapping[str, Any]], of: str = MEAN) -> dict[str, dict[str, float]]:
    """fusion -> metric -> its mean over the pairs as a share of the teacher's."""
    means: dict[str, dict[str, float]] = {}
    for title in dict.fromkeys(row["fusion"] for row in found):
        of_title = [row for row in found if row["fusion"] == title]
        names = [name for name in of_title[0] if name not in ("pair", "fusion", DISTANCE)]
        means[title] = {name: float(np.mean([row[name] for row in of_title])) for name in names}
    return {title: {name: value / means[of][name] for name, value in by.items()} for title, by in means.items()}


def markdown(found: Sequence[Mapping[str, Any]], kind: str = "held-out pairs") -> str:
    """Means over the pairs, and shares of the teacher's; kind: what the pairs are."""
    names = [name for name in found[0] if name not in ("pair", "fusion")]
    titles = list(dict.fromkeys(row["fusion"] for row in found))
    share = {of: shares(found, of) for of in (MEAN, DRAW)}
    pairs = len(found) // len(titles)
    lines = [f"## Against the teacher ({pairs} {kind})", "", f"| fusion | {' | '.join(names)} |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for title in titles:
        values = [float(np.mean([row[name] for row in found if row["fusion"] == title])) for name in names]
        lines.append(f"| {title} | {' | '.join(f'{value:.3g}' for value in values)} |")
    for title in titles:
        for of, by in share.items():
            if title not in (MEAN, DRAW):
                cells = [f"{100.0 * by[title][name]:.0f} %" if name in by[title] else "" for name in names]
                lines.append(f"| {title}, of {of} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _small(image: Bytes, scale: int) -> Bytes:
    return np.asarray(reduce(image, scale).transpose(1, 2, 0) * 255.0 + 0.5, np.uint8)


def _image(planes: torch.Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(planes.permute(1, 2, 0).numpy())
