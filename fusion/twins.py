"""Puts recordings of the same drives in two weathers together as pairs with their clear twin.

    python -m fusion.twins --degraded data/elm01_night_fog --clear data/elm01_day --out data/twins/elm01

A recording is a folder per drive with rgb/NNNNN.png, thermal/NNNNN.png and frames.jsonl, one line per frame with its
`name` and the vehicle's pose `ego` (x and y in metres, yaw in degrees). Frames pair up by drive and name, but only
where both drives stood at the same place: a twin a metre off teaches a blur. OUT gets rgb/, thermal/, clear/ and what
was recorded of depth/, tags/ and instances/, with files named DRIVE_NNNNN.png.
"""

import argparse
import json
import math
import shutil
import sys
from pathlib import Path

from fusion.errors import FusionError
from fusion.files import make_folder, whole
from fusion.pairs.layouts import LABELS

POSITION_M = 0.02
YAW_DEG = 0.05


def read_drive(folder: Path) -> dict[str, tuple[float, float, float]]:
    """Name -> (x, y, yaw) of every frame of a drive."""
    path = folder / "frames.jsonl"
    try:
        frames = [json.loads(line) for line in path.read_text().splitlines()]
        return {str(frame["name"]): tuple(float(frame["ego"][key]) for key in ("x", "y", "yaw")) for frame in frames}  # type: ignore[misc]
    except OSError as error:
        raise FusionError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise FusionError(f"{path} does not list frames with their name and ego pose") from None


def same_place(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    turn = (one[2] - other[2] + 180.0) % 360.0 - 180.0
    return math.dist(one[:2], other[:2]) <= POSITION_M and abs(turn) <= YAW_DEG


def common_frames(degraded: Path, clear: Path) -> list[str]:
    """Names of the frames that both recordings of a drive show from the same place."""
    seen, twins = read_drive(degraded), read_drive(clear)
    return [name for name in sorted(seen.keys() & twins.keys()) if same_place(seen[name], twins[name])]


def gather(degraded: Path, clear: Path, out: Path) -> tuple[int, int]:
    """Copies the common frames of all drives; returns how many there were, and how many frames had no twin."""
    drives = sorted(path.parent for path in degraded.glob("*/frames.jsonl"))
    if not drives:
        raise FusionError(f"{degraded} holds no finished recordings: no */frames.jsonl")
    if not clear.is_dir():
        raise FusionError(f"no folder {clear}")
    common = {
        drive: common_frames(drive, clear / drive.name) if (clear / drive.name / "frames.jsonl").exists() else []
        for drive in drives
    }
    if not any(common.values()):
        raise FusionError(f"{clear} shows no frame of {degraded}: drives go together by name, frames by name and place")
    # Labels are those of the degraded drive; they are kept only where every drive has them.
    labels = [kind for kind in LABELS if all((drive / kind).is_dir() for drive in drives)]
    for kind in ("rgb", "thermal", "clear", *labels):
        make_folder(out / kind)
    count = lost = 0
    for drive, names in common.items():
        beside = [(kind, drive / kind) for kind in labels]
        twin = clear / drive.name
        for name in names:
            for kind, source in (
                ("rgb", drive / "rgb"),
                ("thermal", drive / "thermal"),
                ("clear", twin / "rgb"),
                *beside,
            ):
                _copy(source / f"{name}.png", out / kind / f"{drive.name}_{name}.png")
        count += len(names)
        lost += len(read_drive(drive)) - len(names)
    return count, lost


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise FusionError(f"no file {source}, though its recording lists the frame")
    with whole(target) as partial:
        shutil.copyfile(source, partial)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.twins", description=__doc__.splitlines()[0])
    parser.add_argument("--degraded", type=Path, required=True, help="recordings at night, in fog, ...")
    parser.add_argument("--clear", type=Path, required=True, help="recordings of the same drives on a clear day")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        count, lost = gather(options.degraded, options.clear, options.out)
    except FusionError as error:
        sys.exit(f"fusion.twins: {error}")
    print(f"{count} pairs with their clear twin in {options.out}; {lost} frames had none")


if __name__ == "__main__":
    main()
