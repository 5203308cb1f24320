"""How the files of image pairs lie in folders, and which belong together; every fault is named by file.

Layouts, told apart by their folders (upper and lower case alike):

    rgb, thermal, clear, depth, tags, instances    recordings of a simulator; all but the first two may be absent
    vi, ir                                         MSRS, M3FD, AWFusion and own folders; Vis, Ir: M3FD, TNO
    visible, infrared                              LLVIP
    crop_LR_visible, cropinfrared                  RoadScene
    RGB, thermal_8_bit                             FLIR ADAS 1
    JPEGImages (NAME_RGB.jpg, NAME_PreviewData.jpeg)    FLIR aligned
    video_rgb_test/data, video_thermal_test/data, rgb_to_thermal_vid_map.json    FLIR ADAS 2 (images_rgb_SPLIT likewise)

either at the top of the folder or below train, val, test; or these three lie below each of the two (LLVIP). Files
belong together by their stem: rgb/0007.png, thermal/0007.png, clear/0007.png; VIS and IR before a stem, _RGB, _VIS, _IR
and the like behind it are not part of it (TNO, FLIR). What a set keeps below test or val, or lists in
align_validation.txt (aligned FLIR), is always held out. The frames of a pair must lie over each other: those of FLIR
ADAS 1 and 2 do not as they come.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fusion.errors import FusionError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
LAYOUTS = (
    ("rgb", "thermal"),
    ("vi", "ir"),
    ("vis", "ir"),
    ("visible", "infrared"),
    ("crop_lr_visible", "cropinfrared"),
    ("rgb", "thermal_8_bit"),
)
LABELS = ("depth", "tags", "instances")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Pair:
    """Files of one scene."""

    name: str
    visible: Path
    thermal: Path
    clear: Path | None = None
    labels: dict[str, Path] = field(default_factory=dict, hash=False)


def read_pairs(folder: Path) -> tuple[Pair, ...]:
    """All pairs of a folder in order of their names; raises FusionError that names the first file without a partner."""
    if not folder.is_dir():
        raise FusionError(f"no folder {folder}")
    inside = _folders(folder)
    if "jpegimages" in inside:
        return _aligned_flir(inside["jpegimages"])
    if any(name.startswith(("images_rgb_", "video_rgb_")) for name in inside):
        return _flir_2(folder, inside)
    if _layout(inside) is None and any(name in inside and _layout(_folders(inside[name])) for name in SPLITS):
        return tuple(
            replace(pair, name=f"{name}/{pair.name}")
            for name in SPLITS
            if name in inside
            for pair in read_pairs(inside[name])
        )
    kinds = _layout(inside)
    if kinds is None:
        if any(next(folder.glob(f"{depth}/frames.jsonl"), None) for depth in ("*", "*/*")):
            raise FusionError(f"{folder} holds recordings: fusion.twins makes pairs of those of two weathers")
        known = "; ".join(f"{one} and {other}" for one, other in LAYOUTS)
        raise FusionError(f"{folder} has no two folders of visible and thermal images ({known})")
    visible_folder, thermal_folder = (inside[kind] for kind in kinds)
    below = _folders(visible_folder)
    if any(name in below for name in SPLITS):  # visible/train/0001.jpg, infrared/train/0001.jpg
        other = _folders(thermal_folder)
        missing = next((name for name in SPLITS if (name in below) != (name in other)), None)
        if missing:
            raise FusionError(f"{missing} lies below only one of {visible_folder} and {thermal_folder}")
        return tuple(
            replace(pair, name=f"{name}/{pair.name}")
            for name in SPLITS if name in below for pair in match(below[name], other[name])
        )  # fmt: skip
    return match(visible_folder, thermal_folder, {kind: inside[kind] for kind in ("clear", *LABELS) if kind in inside})


def match(visible_folder: Path, thermal_folder: Path, beside: dict[str, Path] | None = None) -> tuple[Pair, ...]:
    """Pairs of two folders, and of others beside them by kind ("clear", "depth", ...), in order of their names."""
    visible, thermal = _images_by_stem(visible_folder), _images_by_stem(thermal_folder)
    _same_names(visible, thermal, visible_folder, thermal_folder)
    others = {kind: _images_by_stem(folder) for kind, folder in (beside or {}).items()}
    for kind, files in others.items():
        _same_names(visible, files, visible_folder, (beside or {})[kind])
    clear = others.pop("clear", {})
    return tuple(
        Pair(name, visible[name], thermal[name], clear.get(name), {kind: files[name] for kind, files in others.items()})
        for name in sorted(visible)
    )


def _aligned_flir(folder: Path) -> tuple[Pair, ...]:
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    visible = {path.stem[:-4]: path for path in files if path.stem.endswith("_RGB")}
    thermal = {path.stem[:-12]: path for path in files if path.stem.endswith("_PreviewData")}
    _same_names(visible, thermal, folder, folder)
    apart = _listed(folder.parent, "align_validation.txt")
    return tuple(
        Pair(f"val/{name}" if name in apart else name, visible[name], thermal[name]) for name in sorted(visible)
    )


def _listed(folder: Path, name: str) -> set[str]:
    """Stems in a list of frames that lies in the folder or where PASCAL VOC keeps such lists."""
    found: set[str] = set()
    for path in (folder / name, folder / "ImageSets" / "Main" / name):
        if path.is_file():
            found |= {line.strip().removesuffix("_PreviewData") for line in path.read_text().splitlines()}
    return found


def _flir_2(folder: Path, inside: dict[str, Path]) -> tuple[Pair, ...]:
    """The video set of FLIR ADAS 2: a file says which visible frame goes with which thermal one."""
    path = folder / "rgb_to_thermal_vid_map.json"
    try:
        partners = {str(one): str(other) for one, other in json.loads(path.read_text()).items()}
    except OSError as error:
        raise FusionError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, AttributeError):
        raise FusionError(f"{path} is not a map from visible to thermal file names") from None
    visible, thermal = (
        {
            file.name: file
            for name in sorted(inside)
            if name.startswith((f"images_{kind}_", f"video_{kind}_"))
            for file in inside[name].glob("data/*")
        }
        for kind in ("rgb", "thermal")
    )
    pairs = []
    for one, other in sorted(partners.items()):
        if one in visible and other in thermal:
            split_name = visible[one].parent.parent.name.rpartition("_")[2]
            pairs.append(Pair(f"{split_name}/{visible[one].stem}", visible[one], thermal[other]))
    if not pairs:
        raise FusionError(f"{path} names no pair of images below {folder}")
    return tuple(pairs)


def read_folders(folders: Sequence[Path]) -> tuple[Pair, ...]:
    """Pairs of several folders; with more than one, names are "folder/name" so that they stay unique."""
    if len(folders) == 1:
        pairs, name = read_pairs(folders[0]), folders[0].name.lower()
        # The test half of a set given by itself: its frames are held out as they would be with the whole set.
        return tuple(replace(pair, name=f"{name}/{pair.name}") for pair in pairs) if name in ("test", "val") else pairs
    if len({folder.name for folder in folders}) < len(folders):
        raise FusionError("folders of pairs must differ in their last name: pairs are told apart by it")
    return tuple(replace(pair, name=f"{folder.name}/{pair.name}") for folder in folders for pair in read_pairs(folder))


def folders_of(pairs: Sequence[Pair]) -> set[Path]:
    """Where the pairs' files lie. Whoever writes another image there gives some pair a second file of its name."""
    return {
        path.parent.resolve()
        for pair in pairs
        for path in (pair.visible, pair.thermal, *([pair.clear] if pair.clear else []), *pair.labels.values())
    }


def _folders(folder: Path) -> dict[str, Path]:
    return {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}


def _layout(inside: dict[str, Path]) -> tuple[str, str] | None:
    return next(((one, other) for one, other in LAYOUTS if one in inside and other in inside), None)


def _stem(path: Path) -> str:
    """The name that both files of a pair share: VIS001 and IR001 are 001, 0001_RGB and 0001_thermal are 0001."""
    bare = re.sub(r"^(VIS|IR|vis|ir)[_-]?(?=\d)|[_-](RGB|VIS|IR|rgb|vis|ir|thermal|visible|infrared)$", "", path.stem)
    return bare or path.stem


def _images_by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        name = _stem(path)
        if name in found:
            raise FusionError(f"{path} and {found[name].name} share a name")
        found[name] = path
    if not found:
        raise FusionError(f"no images in {folder} ({', '.join(SUFFIXES)})")
    return found


def _same_names(left: dict[str, Path], right: dict[str, Path], left_folder: Path, right_folder: Path) -> None:
    for name in sorted(left.keys() ^ right.keys()):
        if name in left:
            raise FusionError(f"{left[name]} has no partner in {right_folder}")
        raise FusionError(f"{right[name]} has no partner in {left_folder}")
