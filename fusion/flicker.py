"""How much a fused video flickers: what changes from frame to frame without anything in the scene having changed.

    python -m fusion.flicker --data DIR [--weights sim ...] [--frames N] [--json FILE]
    python -m fusion.flicker --visible DIR --thermal DIR ...

DIR is one recording: its frames follow each other by the numbers in their names. Told are the figures of the visible
and of the thermal video, of simple fusions (average, ...) and of every student.

The warping error of Lai et al. ("Learning blind video temporal consistency", ECCV 2018, eq. 8): the frame before is
brought to the present one along the optical flow of the sources, and compared where the flow can be trusted,

    E_warp(f_t, f_{t-1}) = sum_p M(p) |f_t(p) - warp(f_{t-1})(p)|^2 / sum_p M(p)

M leaves out what was hidden before (the flow forth and back does not return) and what was outside the frame. The flow
is taken from the sources and never from the fused frames: every method is judged along the same motion.

A frame of a camera flickers by itself (noise, head lamps), so that the figure to look at is `ratio`: the root of the
fused video's error over that of the visible video. A fused video brighter than its source has larger errors for that
reason alone; therefore each root is divided by its own video's standard deviation first.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion import limits
from fusion.errors import FusionError
from fusion.evaluation.metrics import grey
from fusion.files import write_text
from fusion.naive import Bytes, Fusion
from fusion.pairs.data import load
from fusion.pairs.layouts import Pair, match, read_folders
from fusion.progress import along

Floats = NDArray[np.float32]

OCCLUSION = (0.01, 0.5)
"""A point is lost where |forth + back|^2 > 0.01 (|forth|^2 + |back|^2) + 0.5 (Sundaram et al. 2010, in pixels)."""
SMALLEST_PX = 12
"""Of a frame's shorter side: the search for flow needs as much."""


@dataclass(frozen=True)
class Flicker:
    """Root of the mean warping error in grey levels of 255, of the fused and of the visible video, and their ratio,
    each relative to its video's contrast; `known` is the share of pixels that could be compared."""

    fused: float
    visible: float
    ratio: float
    known: float


def flicker(fused: Sequence[Bytes], visible: Sequence[Bytes], thermal: Sequence[Bytes]) -> Flicker:
    """Of consecutive frames: fused and visible RGB (H, W, 3), thermal (H, W), all uint8. Raises FusionError for fewer
    than two, for lists of unequal length and where no pixel can be followed."""
    if not len(fused) == len(visible) == len(thermal) or len(fused) < 2:
        counts = f"{len(fused)} fused, {len(visible)} visible and {len(thermal)} thermal frames"
        raise FusionError(f"flicker is measured on two or more frames of each kind, not on {counts}")
    given = iter(fused)
    return flickers(zip(visible, thermal), {"given": lambda *_: next(given)})["given"]


def flickers(frames: Iterable[tuple[Bytes, Bytes]], by: Mapping[str, Fusion]) -> dict[str, Flicker]:
    """Of every fusion by name, over consecutive frames of one size: visible RGB (H, W, 3) and thermal (H, W), uint8.
    No more than two frames of each are held, however long the video. Raises FusionError as `flicker` does."""
    source, videos = _Video(), {name: _Video() for name in by}
    guide, known, pixels = np.zeros((0, 0), np.uint8), 0, 0
    for visible, thermal in frames:
        guide_before, guide = guide, _guide(visible, thermal)
        back = trusted = None
        if guide_before.size:
            back = _flow(guide, guide_before)
            trusted = returns(back, _flow(guide_before, guide))
            known += int(trusted.sum())
        source.take(visible, back, trusted)
        for name, fuse in by.items():
            videos[name].take(fuse(visible, thermal), back, trusted)
        pixels += guide.size
    if pixels == guide.size:
        raise FusionError(f"flicker is measured on two or more frames, not on {1 if pixels else 0}")
    if known == 0:
        raise FusionError("no pixel could be followed from one frame to the next: are these consecutive frames?")
    own = max(source.root(known) / source.contrast(pixels), 1e-9)
    share = known / (pixels - guide.size)
    return {
        name: Flicker(video.root(known), source.root(known), video.root(known) / video.contrast(pixels) / own, share)
        for name, video in videos.items()
    }


class _Video:
    """Of one video, frame by frame: the sums of its warping error and of what its contrast comes of."""

    def __init__(self) -> None:
        self._error = self._levels = self._squares = 0.0
        self._before: Floats | None = None

    def take(self, frame: Bytes, back: Floats | None, trusted: NDArray[np.bool_] | None) -> None:
        levels, frame_now = grey(frame), np.asarray(frame, np.float32)
        self._levels += float(levels.sum())
        self._squares += float(np.square(levels).sum())
        if self._before is not None and back is not None:
            change = np.square(frame_now - warp(self._before, back)).mean(axis=-1)
            self._error += float(change[trusted].sum())
        self._before = frame_now

    def root(self, known: int) -> float:
        """Of the mean error in grey levels, over the pixels that could be followed."""
        return math.sqrt(self._error / known)

    def contrast(self, pixels: int) -> float:
        """Standard deviation in grey levels, at least 1: a black video has none."""
        return max(math.sqrt(max(self._squares / pixels - (self._levels / pixels) ** 2, 0.0)), 1.0)


def warp(image: Floats, flow: Floats) -> Floats:
    """image (H, W, C) as seen at p + flow(p), flow (H, W, 2) in pixels (x, y)."""
    rows, columns = np.mgrid[0 : flow.shape[0], 0 : flow.shape[1]].astype(np.float32)
    moved = cv2.remap(image, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    return np.asarray(moved, np.float32)


def returns(back: Floats, forth: Floats) -> NDArray[np.bool_]:
    """(H, W): where going back and forth ends near the start, inside the frame."""
    height, width = back.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = columns + back[..., 0], rows + back[..., 1]
    inside = (x >= 0.0) & (x <= width - 1.0) & (y >= 0.0) & (y <= height - 1.0)
    there = warp(forth, back)
    gap = np.square(back + there).sum(axis=-1)
    limit = OCCLUSION[0] * (np.square(back).sum(axis=-1) + np.square(there).sum(axis=-1)) + OCCLUSION[1]
    return np.asarray(inside & (gap <= limit), np.bool_)


def _guide(visible: Bytes, thermal: Bytes) -> Bytes:
    """What motion is seen in: the mean of luminance and heat, since either may be dark where the other is not."""
    return np.asarray(0.5 * grey(visible) + 0.5 * thermal + 0.5, np.uint8)


def _flow(one: Bytes, other: Bytes) -> Floats:
    """(H, W, 2): where each pixel of `one` is found in `other`; dense inverse search (Kroeger et al. 2016)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(one, other, np.zeros((*one.shape, 2), np.float32)), np.float32)


def in_time(pair: Pair) -> list[tuple[int, str]]:
    """Orders frames by the numbers in their names: frame 2 comes before frame 10."""
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", pair.name)]


def consecutive(pairs: Sequence[Pair]) -> Iterator[tuple[Bytes, Bytes]]:
    """Visible (H, W, 3) RGB and thermal (H, W) of every pair; raises FusionError that names the first one that cannot
    belong to the video."""
    size: tuple[int, ...] = ()
    for pair in along("flicker", pairs, len(pairs)):
        images = load(pair)
        here = images.thermal.shape
        if min(here) < SMALLEST_PX:
            raise FusionError(f"{pair.visible} is {here[1]}x{here[0]}: too small to follow anything in it")
        if here != (size or here):
            raise FusionError(f"{pair.visible} is {here[1]}x{here[0]} where the frames before are {size[1]}x{size[0]}")
        size = here
        yield images.visible, images.thermal


def markdown(found: Mapping[str, Flicker], frames: int) -> str:
    known = next(iter(found.values())).known
    lines = [f"{frames} frames, {100.0 * known:.0f} % of their pixels followed from one to the next", ""]
    lines += ["| fusion | warping error, grey levels | of its contrast, visible = 1 |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {one.fused:.1f} | {one.ratio:.2f} |" for name, one in found.items())])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.flicker", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a recording: a folder of pairs that follow each other")
    parser.add_argument("--visible", type=Path, help="instead: the folder of its visible frames")
    parser.add_argument("--thermal", type=Path, help="and that of its thermal frames, of the same names")
    parser.add_argument("--weights", nargs="+", default=["sim"], help="shipped names or .safetensors files")
    parser.add_argument("--frames", type=int, default=0, metavar="N", help="the first N frames; 0 is all")
    parser.add_argument("--json", type=Path, help="writes the same figures by name")
    options = parser.parse_args()
    try:
        limits.check(vars(options), frames=0)
        pairs = sorted(_pairs(options.data, options.visible, options.thermal), key=in_time)
        pairs = pairs[: options.frames or None]
        # It brings numba, and whoever only measures should not wait for that.
        from fusion.evaluation.compared import fusions

        found = flickers(consecutive(pairs), fusions(options.weights))
        if options.json:
            figures = {name: asdict(one) for name, one in found.items()}
            write_text(options.json, json.dumps(figures, indent=1, sort_keys=True) + "\n")
    except FusionError as error:
        sys.exit(f"fusion.flicker: {error}")
    print(markdown(found, len(pairs)))


def _pairs(data: Path | None, visible: Path | None, thermal: Path | None) -> tuple[Pair, ...]:
    if data is not None and visible is None and thermal is None:
        return read_folders([data])
    if data is not None or visible is None or thermal is None:
        raise FusionError("give either --data, or --visible and --thermal")
    for folder in (visible, thermal):
        if not folder.is_dir():
            raise FusionError(f"no folder {folder}")
    return match(visible, thermal)


if __name__ == "__main__":
    main()
