"""What the frozen backbones should see in a patch, and where each of them may teach."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fusion.backbones import Backbone, span_px
from fusion.shape import CELL_PX
from fusion.training.scenes import Scene
from fusion.training.statistics import confidence, resample, routing
from fusion.training.student_recipe import Recipe


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


def feature_target(scene: Scene, recipe: Recipe, place: tuple[int, int], patch: int, smallest: tuple[int, int],
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


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
