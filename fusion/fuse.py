"""Fuses your own frames: folders of pairs, one pair of images, or a pair of videos.

    python -m fusion.fuse --data DIR [DIR ...] --out DIR [--weights sim]
    python -m fusion.fuse --visible DIR --thermal DIR --out DIR
    python -m fusion.fuse --visible a.png --thermal b.png --out fused.png
    python -m fusion.fuse --visible a.mp4 --thermal b.mp4 --out fused.mp4

Folders are read as everywhere in this package (`fusion.pairs.layouts`) and give OUT/NAME.png. The frames of a pair
must lie over each other and have one size; the frames of two videos belong together by their number, so both have one
rate.
Where the thermal frame is flat, the visible one comes out unchanged (unless the weights do without heat); how often
that was is said at the end, and which of two videos ended first.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fusion import limits
from fusion.cpu.byte_path import FLAT_GREY_LEVELS
from fusion.errors import FusionError
from fusion.files import make_folder, write_image
from fusion.naive import Bytes
from fusion.pairs.data import Pair, load, read_folders
from fusion.pairs.layouts import SUFFIXES, folders_of, match
from fusion.progress import bar
from fusion.proxy import FusionProxy

RATE_TOLERANCE = 0.01
"""30 frames a second and NTSC's 29.97 are one rate; 30 and 25 are not."""


def fuse_folders(pairs: Sequence[Pair], out: Path, proxy: FusionProxy) -> int:
    """Writes out/NAME.png of every pair; returns how many visible frames came out unchanged."""
    targets = [out / f"{pair.name}.png" for pair in pairs]
    sources = folders_of(pairs)
    for folder in sorted({target.parent for target in targets}):
        if folder.resolve() in sources:
            raise FusionError(f"{folder} holds frames that are to be fused: give another --out")
    return fuse_pairs(pairs, targets, proxy)


def fuse_pairs(pairs: Sequence[Pair], targets: Sequence[Path], proxy: FusionProxy) -> int:
    """Writes one image per pair; returns how many visible frames came out unchanged."""
    unchanged = 0
    with bar("fusing", len(pairs)) as advance:
        for pair, target in zip(pairs, targets):
            _refuse_source(target, pair.visible, pair.thermal, by="frame")
            images = load(pair)
            unchanged += _is_kept(images.thermal, proxy)
            make_folder(target.parent)
            write_image(target, proxy(images.visible, images.thermal, channel_order="rgb")[..., ::-1])
            advance(1)
    return unchanged


def _refuse_source(target: Path, *sources: Path, by: str) -> None:
    if target.resolve() in [source.resolve() for source in sources]:
        raise FusionError(f"{target} would be overwritten by its own fused {by}: give another --out")


def _is_kept(thermal: Bytes, proxy: FusionProxy) -> bool:
    """Whether the visible frame comes out as it is, for want of anything to see in the thermal one."""
    return proxy.uses_thermal and float(thermal.std()) < FLAT_GREY_LEVELS


def fuse_videos(visible: Path, thermal: Path, out: Path, proxy: FusionProxy) -> tuple[int, int, str]:
    """Frame by frame, as long as both last; returns how many frames there were, how many came out unchanged, and which
    video ended before the other ("": neither)."""
    if out.suffix.lower() != ".mp4":
        raise FusionError(f"a fused video is an .mp4 file: {out}")
    if not out.parent.is_dir():
        raise FusionError(f"no folder {out.parent}")
    _refuse_source(out, visible, thermal, by="video")
    partial = out.with_name(f".{out.stem}.partial.mp4")
    writer: Any = None
    count, unchanged, ended = 0, 0, ""
    with ExitStack() as stack:
        stack.callback(lambda: partial.unlink(missing_ok=True))
        seen, heat = _opened(visible, stack), _opened(thermal, stack)
        rate = _common_rate({visible: seen, thermal: heat})
        advance = stack.enter_context(bar("fusing", int(seen.get(cv2.CAP_PROP_FRAME_COUNT)) or 1))
        for frame, warm in zip_longest(_frames(seen), _frames(heat)):
            if frame is None or warm is None:
                longer, name = (heat, "visible") if frame is None else (seen, "thermal")
                frames = max(int(longer.get(cv2.CAP_PROP_FRAME_COUNT)), count + 1)
                ended = f"the {name} video ended after {count} of {frames} frames"
                break
            if frame.shape != warm.shape:
                sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (warm, frame)]
                raise FusionError(f"{thermal} is {sizes[0]} where {visible} is {sizes[1]}")
            if writer is None:
                size = (frame.shape[1], frame.shape[0])
                writer = cv2.VideoWriter(str(partial), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
                stack.callback(writer.release)
                if not writer.isOpened():
                    raise FusionError(f"{out} cannot be written")
            grey = np.asarray(cv2.cvtColor(warm, cv2.COLOR_BGR2GRAY), np.uint8)
            unchanged += _is_kept(grey, proxy)
            writer.write(proxy(frame, grey))
            count += 1
            advance(1)
        if count == 0:
            raise FusionError(f"{visible} and {thermal} share no frame that can be read")
        writer.release()
        if _frame_count(partial) != count:  # the writer itself says nothing of a full disk
            raise FusionError(f"{out} cannot be written whole: is there room on the disk?")
        try:
            partial.replace(out)
        except OSError as error:
            raise FusionError(f"{out} cannot be written: {error.strerror}") from None
    return count, unchanged, ended


def _common_rate(videos: dict[Path, Any]) -> float:
    """Frames a second of the first video. Raises FusionError where equal numbers are not equal times in both."""
    known = {path: rate for path, video in videos.items() if (rate := float(video.get(cv2.CAP_PROP_FPS))) > 0.0}
    if len(known) == 2 and abs(np.diff([*known.values()])[0]) > RATE_TOLERANCE * max(known.values()):
        said = " where ".join(f"{path} has {rate:.4g} frames a second" for path, rate in known.items())
        raise FusionError(f"{said}: bring both to one rate, frames belong together by their number")
    return next(iter(known.values()), 25.0)


def _opened(path: Path, stack: ExitStack) -> Any:
    if not path.is_file():
        raise FusionError(f"no file {path}")
    video = cv2.VideoCapture(str(path))
    stack.callback(video.release)
    if not video.isOpened():
        raise FusionError(f"{path} is neither an image nor a video that can be read")
    return video


def _frame_count(path: Path) -> int:
    video = cv2.VideoCapture(str(path))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
    video.release()
    return count


def _frames(video: Any) -> Iterator[Bytes]:
    while True:
        there, frame = video.read()
        if not there:
            return
        yield frame


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.fuse", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", help="folders of pairs")
    parser.add_argument("--visible", type=Path, help="an image, a video or a folder of images")
    parser.add_argument("--thermal", type=Path, help="the thermal image, video or folder to it")
    parser.add_argument("--out", type=Path, required=True, help="a folder for folders, else an image or an .mp4 file")
    parser.add_argument("--weights", default="sim", help="a shipped name or a .safetensors file (default: sim)")
    parser.add_argument("--threads", type=int, default=1, help="per frame (default: 1)")
    options = parser.parse_args()
    try:
        limits.check(vars(options))
        single = options.visible is not None and options.thermal is not None
        if single == bool(options.data) or (options.visible is None) != (options.thermal is None):
            raise FusionError("give either --data, or --visible and --thermal")
        in_folders = single and options.visible.is_dir()
        if single and in_folders != options.thermal.is_dir():
            raise FusionError("--visible and --thermal are two images, two videos or two folders")
        proxy = FusionProxy.from_pretrained(options.weights, threads=options.threads)
        ended = ""
        if options.data or in_folders:
            pairs = read_folders(options.data) if options.data else match(options.visible, options.thermal)
            count, unchanged = len(pairs), fuse_folders(pairs, options.out, proxy)
        elif options.visible.suffix.lower() in SUFFIXES:
            if options.out.suffix.lower() not in SUFFIXES:
                raise FusionError(f"a fused image ends in one of {', '.join(SUFFIXES)}: {options.out}")
            pair = Pair(options.visible.stem, options.visible, options.thermal)
            count, unchanged = 1, fuse_pairs([pair], [options.out], proxy)
        else:
            count, unchanged, ended = fuse_videos(options.visible, options.thermal, options.out, proxy)
    except FusionError as error:
        sys.exit(f"fusion.fuse: {error}")
    said = f"; {unchanged} unchanged, because their thermal half is flat" if unchanged else ""
    said += f"; {ended}" if ended else ""
    print(f"{count} fused {'frame' if count == 1 else 'frames'} in {options.out}{said}")


if __name__ == "__main__":
    main()
