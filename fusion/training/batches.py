"""What the student is shown, step by step: scenes cut into batches.

Every random choice of element i of step s hangs on (seed, s, i) alone: neither a restart nor the number of processes
that share a batch changes what any element is.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion.backbones import Backbone
from fusion.pairs.data import Images, grey_bytes, reduce
from fusion.pairs.labelled import Box
from fusion.shape import CELL_PX
from fusion.training.augment import disturb_thermal, drop_thermal, next_moment
from fusion.training.contrast import stronger_contrast
from fusion.training.feature_target import feature_target
from fusion.training.losses import luminance
from fusion.training.patches import box_origin, inside, patch_origin
from fusion.training.scenes import Scene
from fusion.training.statistics import pixel_weight
from fusion.training.student_recipe import Recipe


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
        element["features"] = feature_target(
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


def _planes(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)


def _clear_patch(images: Images, y: int, x: int, patch: int) -> Tensor:
    """(3, patch, patch) of the clear twin at full resolution; zeros where there is none."""
    if images.clear is None:
        return torch.zeros(3, patch, patch, dtype=torch.uint8)
    return _planes(images.clear[y : y + patch, x : x + patch])
