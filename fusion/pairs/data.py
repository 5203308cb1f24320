"""Pixels of image pairs, checked as they are read, and which pairs are held out.

`fusion.pairs.layouts` finds the files; every fault is named by file.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError
from fusion.pairs.layouts import SUFFIXES, Pair, read_folders, read_pairs

__all__ = [
    "SUFFIXES",
    "Images",
    "Pair",
    "blocks",
    "evenly",
    "grey_bytes",
    "is_coloured",
    "is_in_block",
    "load",
    "load_labels",
    "read_folders",
    "read_pairs",
    "reduce",
    "split",
]

T = TypeVar("T")

LEAST_OF_16_BITS = 4096
"""What the brightest value of a 16-bit visible frame exceeds: with fewer than 13 of them it is a camera's own 10 or 12
bits, of which the upper eight of sixteen would be nearly black."""
COLOUR_SHARE = 0.05
"""How far apart a coloured image's channels are, of its brightest value: JPEG parts those of a grey one by less."""
FLOATS = (np.float32, np.float64)
TEACHER_SCALE = 4
"""By which frames are reduced for a teacher, unless told otherwise."""
BLOCK_FRAMES = 25
"""Numbered frames are split in blocks of this many: neighbours in a recording are nearly the same picture."""
BLOCK_DIGITS = 4
"""Of the number of a recording's frame; scenes of their own are counted by fewer (TNO, AWFusion)."""


@dataclass(frozen=True)
class Images:
    """Pixels of one pair: visible and clear (H, W, 3) uint8 RGB, thermal (H, W) uint8."""

    name: str
    visible: NDArray[np.uint8]
    thermal: NDArray[np.uint8]
    clear: NDArray[np.uint8] | None


def load(pair: Pair) -> Images:
    """Reads and checks one pair."""
    visible = _colour(pair.visible)
    thermal = _thermal(pair.thermal)
    clear = _colour(pair.clear) if pair.clear else None
    for path, image in ((pair.thermal, thermal), (pair.clear, clear)):
        if image is not None and image.shape[:2] != visible.shape[:2]:
            sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (image, visible)]
            raise FusionError(f"{path} is {sizes[0]} where {pair.visible} is {sizes[1]}")
    return Images(
        pair.name, np.ascontiguousarray(visible), thermal, None if clear is None else np.ascontiguousarray(clear)
    )


def load_labels(pair: Pair) -> dict[str, NDArray[np.float32] | NDArray[np.uint16]]:
    """What a recording knows of a frame: depth (H, W) float32 in metres, tags and instances (H, W) uint16."""
    labels: dict[str, NDArray[np.float32] | NDArray[np.uint16]] = {}
    for kind, path in pair.labels.items():
        image = _read(path, cv2.IMREAD_UNCHANGED)
        if image.ndim != 2:
            raise FusionError(f"{path} has {image.shape[2]} channels where labels have one")
        labels[kind] = image.astype(np.float32) / np.float32(100.0) if kind == "depth" else image.astype(np.uint16)
    return labels


def split(pairs: Sequence[Pair], held_out: float = 0.1) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """(training, held out), decided by each name alone: a frame never changes sides when others come or go.

    What the set itself keeps for tests or validation is held out, however small the share.
    """
    held = [_is_kept_apart(pair.name) or _share(_block(pair.name)) < held_out for pair in pairs]
    training = tuple(pair for pair, out in zip(pairs, held) if not out)
    return training, tuple(pair for pair, out in zip(pairs, held) if out)


def blocks(names: Iterable[str]) -> int:
    """How many parts there are of which `split` holds some out as a whole."""
    return len({_block(name) for name in names})


def is_in_block(name: str) -> bool:
    """Whether `split` takes a pair of this name for a frame of a recording, which stays with its neighbours: it ends in
    a number of four digits or more. By the name alone: a rule for whole folders would move frames to the other side
    when one more comes."""
    return len(_number_of(name)) >= BLOCK_DIGITS


def _is_kept_apart(name: str) -> bool:
    return not {"test", "val"}.isdisjoint(name.lower().split("/")[:-1])


def evenly(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of the items, at even distances, the first among them."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def grey_bytes(visible: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luminance of an RGB image (H, W, 3) as bytes (H, W): what takes the thermal frame's place where there is none."""
    return np.asarray(cv2.cvtColor(visible, cv2.COLOR_RGB2GRAY), np.uint8)


def reduce(image: NDArray[np.uint8], scale: int) -> NDArray[np.float32]:
    """Mean over blocks of scale x scale pixels, as floats in [0, 1]: (H, W[, C]) -> (C, H // scale, W // scale)."""
    height, width = image.shape[0] // scale * scale, image.shape[1] // scale * scale
    if height == 0 or width == 0:
        raise FusionError(f"a frame of {image.shape[1]}x{image.shape[0]} cannot be reduced by {scale}")
    planes = image[:height, :width].reshape(height // scale, scale, width // scale, scale, -1)
    means: NDArray[np.float32] = planes.mean(axis=(1, 3), dtype=np.float32) / np.float32(255.0)
    return np.ascontiguousarray(means.transpose(2, 0, 1))


def _colour(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) bytes, RGB; of 16 bits per channel the upper eight."""
    image = _read(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image.dtype == np.uint16:
        if (brightest := int(image.max())) < LEAST_OF_16_BITS:
            known = f"{path} has 16 bits per channel and no value above {brightest}"
            raise FusionError(f"{known}: it would come out black, save its 10 or 12 bits as 8")
        image = _read(path, cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)[..., ::-1]


def _thermal(path: Path) -> NDArray[np.uint8]:
    """(H, W) bytes. Raw counts (14 or 16 bits) and temperatures (floats) are stretched between their 1st and 99th
    percentile, as a camera's own gain control would: divided by 256 counts would be one dark grey."""
    image = _read(path, cv2.IMREAD_UNCHANGED, FLOATS)
    if image.dtype == np.uint8:
        return np.asarray(_read(path, cv2.IMREAD_GRAYSCALE), np.uint8)
    counts = image.astype(np.float32) if image.ndim == 2 else image[..., 0].astype(np.float32)
    if not np.isfinite(counts).all():
        raise FusionError(f"{path} holds values that are no numbers (NaN or infinite): give every pixel a temperature")
    low, high = np.percentile(counts, (1.0, 99.0))
    least = 1.0 if image.dtype == np.uint16 else np.finfo(np.float32).tiny  # a count; floats have any unit
    return np.asarray(((counts - low) / max(high - low, least)).clip(0.0, 1.0) * 255.0 + 0.5, np.uint8)


def is_coloured(path: Path) -> bool:
    """Whether the image in the file has any colour to speak of; a grey one may have three equal channels."""
    image = _read(path, cv2.IMREAD_UNCHANGED, FLOATS)
    if image.ndim == 2 or image.shape[2] < 3:
        return False
    spread = np.ptp(image[..., :3].astype(np.float32), axis=2)
    return bool(np.percentile(spread, 99.0) > COLOUR_SHARE * float(image[..., :3].max()))


def _read(path: Path, flags: int, also: tuple[type, ...] = ()) -> NDArray[Any]:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise FusionError(f"{path} cannot be read: {error.strerror}") from None
    try:
        image = cv2.imdecode(data, flags) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise FusionError(f"{path} is not an image that can be read")
    if image.dtype not in (np.uint8, np.uint16, *also):
        raise FusionError(f"{path} holds {image.dtype} where an image has 8 or 16 bits per channel")
    return np.asarray(image)


def _block(name: str) -> str:
    """The stem, or for a numbered frame the stem with its number rounded down to its block.

    Without its folders: the same scene in another weather, from another folder, shows the same clear twin and belongs
    on the same side.
    """
    name = name.rsplit("/", 1)[-1]
    digits = _number_of(name)
    return f"{name.removesuffix(digits)}{int(digits) // BLOCK_FRAMES}" if is_in_block(name) else name


def _number_of(name: str) -> str:
    """The digits that a name ends in."""
    return name[len(name.rstrip("0123456789")) :]


def _share(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2.0**64
