"""Folders of image pairs, read by name, with every fault named by file.

Two layouts, told apart by their folders:

    FOLDER/vi, FOLDER/ir                    pairs (MSRS, RoadScene and most public sets)
    FOLDER/rgb, FOLDER/thermal, FOLDER/clear  recordings of a simulator; clear (same scene on a clear day) may be absent

Files belong together by their stem: rgb/0007.png, thermal/0007.png, clear/0007.png.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
LAYOUTS = (("rgb", "thermal"), ("vi", "ir"))
BLOCK_FRAMES = 25
"""Numbered frames are split in blocks of this many: neighbours in a recording are nearly the same picture."""


@dataclass(frozen=True)
class Pair:
    """Files of one scene."""

    name: str
    visible: Path
    thermal: Path
    clear: Path | None = None


@dataclass(frozen=True)
class Images:
    """Pixels of one pair: visible and clear (H, W, 3) uint8 RGB, thermal (H, W) uint8."""

    name: str
    visible: NDArray[np.uint8]
    thermal: NDArray[np.uint8]
    clear: NDArray[np.uint8] | None


def read_pairs(folder: Path) -> tuple[Pair, ...]:
    """All pairs of a folder in order of their names; raises FusionError that names the first file without a partner."""
    if not folder.is_dir():
        raise FusionError(f"no folder {folder}")
    for visible_name, thermal_name in LAYOUTS:
        if (folder / visible_name).is_dir() and (folder / thermal_name).is_dir():
            break
    else:
        raise FusionError(f"{folder} has neither the folders rgb and thermal nor vi and ir")
    visible = _images_by_stem(folder / visible_name)
    thermal = _images_by_stem(folder / thermal_name)
    _same_names(visible, thermal, folder / visible_name, folder / thermal_name)
    clear: dict[str, Path] = {}
    if (folder / "clear").is_dir():
        clear = _images_by_stem(folder / "clear")
        _same_names(visible, clear, folder / visible_name, folder / "clear")
    return tuple(Pair(name, visible[name], thermal[name], clear.get(name)) for name in sorted(visible))


def read_folders(folders: Sequence[Path]) -> tuple[Pair, ...]:
    """Pairs of several folders; with more than one, names are "folder/name" so that they stay unique."""
    if len(folders) == 1:
        return read_pairs(folders[0])
    if len({folder.name for folder in folders}) < len(folders):
        raise FusionError("folders of pairs must differ in their last name: pairs are told apart by it")
    return tuple(replace(pair, name=f"{folder.name}/{pair.name}") for folder in folders for pair in read_pairs(folder))


def load(pair: Pair) -> Images:
    """Reads and checks one pair."""
    visible = _read(pair.visible, cv2.IMREAD_COLOR)[..., ::-1]
    thermal = _read(pair.thermal, cv2.IMREAD_GRAYSCALE)
    clear = _read(pair.clear, cv2.IMREAD_COLOR)[..., ::-1] if pair.clear else None
    for path, image in ((pair.thermal, thermal), (pair.clear, clear)):
        if image is not None and image.shape[:2] != visible.shape[:2]:
            sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (image, visible)]
            raise FusionError(f"{path} is {sizes[0]} where {pair.visible} is {sizes[1]}")
    return Images(
        pair.name, np.ascontiguousarray(visible), thermal, None if clear is None else np.ascontiguousarray(clear)
    )


def split(pairs: Sequence[Pair], held_out: float = 0.1) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """(training, held out), decided by each name alone: a frame never changes sides when others come or go."""
    held = [_share(_block(pair.name)) < held_out for pair in pairs]
    training = tuple(pair for pair, out in zip(pairs, held) if not out)
    return training, tuple(pair for pair, out in zip(pairs, held) if out)


def reduce(image: NDArray[np.uint8], scale: int) -> NDArray[np.float32]:
    """Mean over blocks of scale x scale pixels, as floats in [0, 1]: (H, W[, C]) -> (C, H // scale, W // scale)."""
    height, width = image.shape[0] // scale * scale, image.shape[1] // scale * scale
    planes = image[:height, :width].reshape(height // scale, scale, width // scale, scale, -1)
    means: NDArray[np.float32] = planes.mean(axis=(1, 3), dtype=np.float32) / np.float32(255.0)
    return np.ascontiguousarray(means.transpose(2, 0, 1))


def _images_by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            raise FusionError(f"{path} and {found[path.stem].name} share a name")
        found[path.stem] = path
    if not found:
        raise FusionError(f"no images in {folder}")
    return found


def _same_names(left: dict[str, Path], right: dict[str, Path], left_folder: Path, right_folder: Path) -> None:
    for name in sorted(left.keys() ^ right.keys()):
        if name in left:
            raise FusionError(f"{left[name]} has no partner in {right_folder}")
        raise FusionError(f"{right[name]} has no partner in {left_folder}")


def _read(path: Path, flags: int) -> NDArray[np.uint8]:
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
    return np.asarray(image, np.uint8)


def _block(name: str) -> str:
    """The stem, or for a numbered frame the stem with its number rounded down to its block."""
    head = name.rstrip("0123456789")
    digits = name[len(head) :]
    return f"{head}{int(digits) // BLOCK_FRAMES}" if digits and len(digits) >= 4 else name


def _share(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2.0**64
