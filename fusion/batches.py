"""What the student is shown, step by step: scenes with what their ensembles say, cut into batches.

Every random choice of element i of step s hangs on (seed, s, i) alone: neither a restart nor the number of processes
that share a batch changes what any element is.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion.augment import Disturbance, disturb_thermal, drop_thermal, next_moment
from fusion.backbones import DEFAULT, Backbone, span_px
from fusion.cache import EnsembleCache
from fusion.contrast import stronger_contrast
from fusion.data import Images, Pair, grey_bytes, load, read_folders, reduce, split
from fusion.ensemble import check_sources, drawn_as
from fusion.errors import FusionError
from fusion.features import FeatureStatistics, draw_features, read_features
from fusion.in_order import in_order
from fusion.labelled import Box, labels_of, read_boxes
from fusion.losses import luminance
from fusion.patches import box_origin, inside, patch_origin
from fusion.recipe import option
from fusion.shape import CELL_PX
from fusion.signals import read_signals
from fusion.statistics import RunningMean, confidence, pixel_statistics, pixel_weight, resample, routing

LEAST_BOX_PX = 6
"""Height below which a box is left out: nothing could be recognised in it."""


@dataclass(frozen=True)
class Recipe:
    """What decides the student's weights, besides the data."""

    steps: int = option(2000, "training steps")
    batch: int = option(4, "frames per step")
    patch_px: int = option(96, "side of the patch of a frame that the loss looks at, in pixels")
    learning_rate: float = option(2e-3, "highest learning rate, reached after a twentieth of the steps")
    ema: float = option(0.995, "decay per step of the weights' moving average, 0 to 1")
    tau_pix: float = option(0.005, "variance of the samples, in [0, 1] squared, at which a pixel's weight is 1/e")
    tau_feat: float = option(0.5, "variance, in means of the data, by which backbones are told apart: small is strict")
    lambda_feat: float = option(0.1, "weight of L_feat, what the backbones see; 0 loads none")
    lambda_edge: float = option(0.2, "weight of L_edge, edges that are lost")
    lambda_twin: float = option(1.0, "weight of L_twin, the clear twin")
    lambda_contrast: float = option(0.0, "weight of L_contrast, warm things where there is no clear twin")
    contrast_gain: float = option(1.0, "how much stronger than in the thermal frame a warm thing should come out")
    contrast_detail: float = option(0.0, "how much of its contrast with what is close by comes on top")
    lambda_flicker: float = option(0.0, "weight of L_flicker, what changes from a frame to the next")
    evidence_gain: float = option(1.0, "how much more L_twin asks for where the thermal frame shows a thing")
    evidence_patches: float = option(0.5, "share of the patches that are laid where the thermal frame shows a thing")
    label_gain: float = option(0.0, "how much more L_twin asks for where a person or a vehicle is labelled")
    label_patches: float = option(0.0, "share of the patches that are laid at a labelled person or vehicle")
    signal_gain: float = option(0.0, "how much more L_twin asks for where a signal's lamp is lit")
    signal_patches: float = option(0.0, "share of the patches that are laid at a lit signal")
    pixel_weighting: bool = option(True, "pixels count less where the samples disagree")
    routing: bool = option(True, "backbones teach where they agree with themselves, otherwise all alike everywhere")
    backbones: str = option(DEFAULT, "frozen networks of L_feat, separated by commas")
    context_px: int = option(64, "how much of the frame around a patch the backbones see with it, in pixels")
    thermal: bool = option(True, "off: it sees the visible frame's luminance in place of the thermal frame, ever after")
    samples: int = option(0, "how many of the K drawn samples to use, 0 for all")
    anchor_share: float = option(0.1, "share of clear frames, whose target is the frame itself")
    missing_share: float = option(0.0, "share of frames without their thermal half, whose target is the frame itself")
    drift_px: float = option(3.0, "most drift of the thermal frame, in pixels, up to 30")
    drift_deg: float = option(0.5, "most rotation of the thermal frame, in degrees, up to 10")
    parallax_px: float = option(0.0, "most sideways shift of the thermal frame at the bottom row, in pixels")
    polarity_share: float = option(0.0, "share of thermal frames that are inverted, black for hot")
    motion_blur_px: float = option(0.0, "longest motion blur of the thermal frame, in pixels")
    rolling_frames: float = option(0.0, "by how many frames, 0 to 1, the thermal frame's last row may be early or late")
    held_out: float = option(0.1, "share of the pairs that is not trained on but measured")
    init: str = option("", "weights to start from, by name or path; none is the identity")
    bf16: bool = option(False, "the network computes in bfloat16")
    seed: int = option(0, "of every random choice")

    @property
    def disturbance(self) -> Disturbance:
        return Disturbance(
            drift_px=self.drift_px,
            drift_deg=self.drift_deg,
            parallax_px=self.parallax_px,
            polarity_share=self.polarity_share,
            motion_blur_px=self.motion_blur_px,
            rolling_frames=self.rolling_frames,
        )


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


@dataclass(frozen=True)
class FeatureTarget:
    """What the backbones should see in a patch. Lengths are pixels of the reduced frame.

    The patch is shown to them inside `canvas` (3, h, w), a piece of mu around it, at `offset` (row, column).
    `taught` (backbones, rows, columns) is r_b(q) c(q) on the patch's common grid; zero where the patch has no ensemble.
    """

    canvas: Tensor
    origin: tuple[int, int]
    offset: tuple[int, int]
    frame: tuple[int, int]
    means: tuple[Tensor, ...]
    taught: Tensor


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


def make_batch(scenes: list[Scene], recipe: Recipe, scale: int, step: int, backbones: tuple[Backbone, ...] = (),
               share: tuple[int, int] = (0, 1)) -> dict[str, Any]:  # fmt: skip
    """Whole frames for the network, and of each one patch for the loss, as bytes. `share` is (process, processes)."""
    rng = np.random.default_rng([recipe.seed, step])
    chosen = rng.integers(0, len(scenes), recipe.batch)
    at_signal = np.zeros(recipe.batch, bool)
    if recipe.signal_patches > 0.0:
        at_signal = rng.random(recipe.batch) < recipe.signal_patches
        signalled = [index for index, scene in enumerate(scenes) if scene.signals]
        chosen[at_signal] = rng.choice(signalled, int(at_signal.sum()))
    shapes = [scenes[int(index)].images.thermal.shape for index in chosen]
    height, width = (min(shape[axis] for shape in shapes) // CELL_PX * CELL_PX for axis in (0, 1))
    patch = min(recipe.patch_px, height, width) // CELL_PX * CELL_PX
    rows = []
    for number in range(share[0], recipe.batch, share[1]):
        rng = np.random.default_rng([recipe.seed, step, number])
        scene = scenes[int(chosen[number])]
        rows.append(_element(scene, at_signal[number], recipe, scale, (height, width), patch, backbones, rng))
    lists = {key: [row[key] for row in rows] for key in rows[0]}
    tensors = {key: torch.stack(values) for key, values in lists.items() if isinstance(values[0], Tensor)}
    return {**lists, **tensors, "patch": patch}


def _element(scene: Scene, at_signal: bool, recipe: Recipe, scale: int, size: tuple[int, int], patch: int,
             backbones: tuple[Backbone, ...], rng: np.random.Generator) -> dict[str, Any]:  # fmt: skip
    images, target, variance = scene.images, scene.mean, scene.variance
    # Frames larger than the smallest one are cropped, at a place that is a multiple of the cell and of the scale.
    unit = math.lcm(CELL_PX, scale)
    top, left = (
        int(rng.integers(0, (have - want) // unit + 1)) * unit for have, want in zip(images.thermal.shape, size)
    )
    whole = (slice(top, top + size[0]), slice(left, left + size[1]))
    visible = images.visible[whole]
    disturbed = disturb_thermal(images.thermal, recipe.disturbance, rng)
    thermal = disturbed[whole]
    known, is_itself = images.clear is not None, False
    if images.clear is not None and rng.random() < recipe.anchor_share:
        visible, is_itself = images.clear[whole], True
        target = torch.from_numpy(reduce(images.clear, scale))
    if recipe.missing_share > 0.0 and rng.random() < recipe.missing_share:
        visible, is_itself, known = images.visible[whole], True, False
        thermal = drop_thermal(thermal)
        target = torch.from_numpy(reduce(images.visible, scale))
    if is_itself:
        variance = torch.zeros_like(variance)
    boxes, signals = ([_moved(box, -top, -left) for box in kind] for kind in (scene.boxes, scene.signals))
    if at_signal:
        y, x = box_origin(signals, size, patch, unit, rng)
    elif boxes and recipe.label_patches > 0.0 and rng.random() < recipe.label_patches:
        y, x = box_origin(boxes, size, patch, unit, rng)
    else:
        y, x = patch_origin(thermal, patch, unit, recipe.evidence_patches, rng)
    weight = pixel_weight(variance, recipe.tau_pix) if recipe.pixel_weighting else torch.ones_like(variance)
    place = ((top + y) // scale, (left + x) // scale)
    small = (slice(place[0], place[0] + patch // scale), slice(place[1], place[1] + patch // scale))
    shown = thermal if recipe.thermal else grey_bytes(visible)
    element: dict[str, Any] = {
        "visible": _planes(visible),
        "thermal": _planes(shown[..., None]),
        "mean": target[:, small[0], small[1]],
        "weight": weight[small],
        "clear": _clear_patch(images, top + y, left + x, patch),
        "known": torch.tensor(float(known)),
        "origin": (y, x),
    }
    if not recipe.thermal:
        # What the loss asks for stays where the thermal frame shows something: only the student goes without.
        element["heat"] = _planes(thermal[..., None])
    if recipe.label_gain > 0.0:
        element["things"] = torch.from_numpy(inside(boxes, (y, x), patch))
    if recipe.signal_gain > 0.0:
        element["signals"] = torch.from_numpy(inside(signals, (y, x), patch))
    if backbones:
        smallest = (size[0] // scale, size[1] // scale)
        element["features"] = _feature_target(
            scene, recipe, place, patch // scale, smallest, backbones, scale, is_itself
        )
    if recipe.lambda_contrast > 0.0:
        element |= _contrast_target(scene, disturbed, recipe, scale, small, known or is_itself)
    if recipe.lambda_flicker > 0.0:
        later, heat, shift = next_moment(visible, shown, rng)
        if not recipe.thermal:
            heat = grey_bytes(later)  # as in a drive: no grain of its own, no gain control
        element |= {"later": torch.cat([_planes(later), _planes(heat[..., None])]), "shift": shift}
    return element


def _feature_target(scene: Scene, recipe: Recipe, place: tuple[int, int], patch: int, smallest: tuple[int, int],
                    backbones: tuple[Backbone, ...], scale: int, is_itself: bool) -> FeatureTarget:  # fmt: skip
    """`place` and `patch` in pixels of the reduced frame, as is `smallest`, the size of the batch's smallest frame."""
    frame = (int(scene.mean.shape[1]), int(scene.mean.shape[2]))
    align = max(backbone.stride_px for backbone in backbones)
    origin, sides = [], []
    for first, length, least in zip(place, frame, smallest):
        # The canvas begins at a cell's border, so that its cells are those of the whole frame wherever strides agree.
        wanted = min(patch + 2 * (recipe.context_px // scale) + align, least)
        side = max(_round_up(wanted, align), _round_up(patch + align, align))
        context = (side - patch - align) // 2
        first_cell = max(first - context, 0) // align * align
        origin.append(max(min(first_cell, _round_up(length, align) - side), 0))
        sides.append(side)
    down, across = (
        torch.arange(start, start + side).clamp(max=length - 1) for start, side, length in zip(origin, sides, frame)
    )
    spans = [span_px(backbone, *frame) for backbone in backbones]
    # Backbones of one fixed image size (stride 1) have no cell size of their own.
    finest = min((backbone.stride_px for backbone in backbones if backbone.stride_px > 1), default=CELL_PX)
    count = max(round(patch / finest), 1)
    common = torch.stack(
        [
            resample(u[None, None], span, [place], (patch / count, patch / count), (count, count))[0, 0]
            for span, (_, u) in zip(spans, scene.features)
        ]
    )
    taught = torch.full_like(common, 1.0 / len(backbones))
    if recipe.routing:
        taught = routing(common, recipe.tau_feat) * confidence(common)
    return FeatureTarget(
        canvas=scene.mean[:, down][:, :, across],
        origin=(origin[0], origin[1]),
        offset=(place[0] - origin[0], place[1] - origin[1]),
        frame=frame,
        means=tuple(m for m, _ in scene.features),
        taught=torch.zeros_like(taught) if is_itself else taught,
    )


def _contrast_target(scene: Scene, thermal: NDArray[np.uint8], recipe: Recipe, scale: int, patch: tuple[slice, slice],
                     has_target: bool) -> dict[str, Tensor]:  # fmt: skip
    """Wanted image (3, h, w) and its weight (h, w) of a patch of the reduced frame; no weight where a better target is
    known: the clear twin, or the frame itself."""
    mean = scene.mean[:, patch[0], patch[1]]
    if has_target:
        return {"wanted": mean, "lack": torch.zeros_like(mean[0])}
    brightness = luminance(scene.mean[None])[0, 0].numpy()
    wish = stronger_contrast(brightness, reduce(thermal, scale)[0], scale, recipe.contrast_gain, recipe.contrast_detail)
    wanted, own, colour, lack = (
        torch.from_numpy(plane[patch]) for plane in (wish.luminance, brightness, wish.colour, wish.weight)
    )
    return {"wanted": (wanted + colour * (mean - own)).clamp(0.0, 1.0), "lack": lack}


def _moved(box: Box, down: float, across: float) -> Box:
    return box[0] + across, box[1] + down, box[2] + across, box[3] + down


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _planes(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)


def _clear_patch(images: Images, y: int, x: int, patch: int) -> Tensor:
    """(3, patch, patch) of the clear twin at full resolution; zeros where there is none."""
    if images.clear is None:
        return torch.zeros(3, patch, patch, dtype=torch.uint8)
    return _planes(images.clear[y : y + patch, x : x + patch])
