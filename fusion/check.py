"""Looks through folders of pairs before hours are spent on them: reads every file and names every fault.

    python -m fusion.check --data DIR [DIR ...]

Ends with 1 where anything is wrong, after the whole list rather than at the first fault. What may be meant, such as
thermal frames in colour, is told as a warning.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from fusion import limits
from fusion.errors import FusionError
from fusion.pairs import classes, labelled
from fusion.pairs.data import (
    BLOCK_DIGITS,
    BLOCK_FRAMES,
    TEACHER_SCALE,
    Images,
    Pair,
    is_coloured,
    is_in_block,
    load,
    load_labels,
    split,
)
from fusion.pairs.layouts import read_folders
from fusion.progress import bar
from fusion.training.augment import is_valid

SHOWN = 20
COLOURED = "thermal frames are in colour: where a palette drew them, brightness is not heat"
SWAPPED = "pairs have a thermal frame in colour and a grey visible one: are the two folders swapped?"


@dataclass(frozen=True)
class Look:
    """Height and width of a pair, None where its frames cannot be read; what is wrong with it, a line each; and what is
    odd about it: COLOURED, SWAPPED or nothing."""

    size: tuple[int, int] | None
    faults: list[str]
    odd: str = ""


def look(pair: Pair) -> Look:
    try:
        images = load(pair)
    except FusionError as error:
        return Look(None, [str(error)])
    thermal = images.thermal
    height, width = thermal.shape
    faults = [*_faults_of_labels(pair, height, width)]
    if not is_valid(thermal) or int(np.ptp(thermal)) == 0:
        faults.append(f"{pair.thermal} is flat: nothing can be learnt from it")
    return Look((height, width), faults, _oddity(pair, images))


def _oddity(pair: Pair, images: Images) -> str:
    if not is_coloured(pair.thermal):
        return ""
    is_grey = bool((images.visible == images.visible[..., :1]).all())
    return SWAPPED if is_grey else COLOURED


def _faults_of_labels(pair: Pair, height: int, width: int) -> Iterator[str]:
    try:
        for kind, values in load_labels(pair).items():
            if values.shape != (height, width):
                size = f"{values.shape[1]}x{values.shape[0]}"
                yield f"{pair.labels[kind]} is {size} where {pair.visible} is {width}x{height}"
    except FusionError as error:
        yield str(error)
    for path in labels_beside(pair):
        try:
            if path.suffix == ".png":
                classes.read_classes(path, (height, width))
            else:
                labelled.read_boxes(path, width, height)
        except FusionError as error:
            yield str(error)


def labels_beside(pair: Pair) -> list[Path]:
    """Label files of public sets, which lie where `fusion.pairs.labelled` and `fusion.pairs.classes` look for them."""
    found = {labelled.labels_of(pair), classes.labels_of(pair)}
    return sorted(path for path in found if path and path not in pair.labels.values())


def rule_of(pairs: Sequence[Pair]) -> str:
    """By which rule `split` holds out some of a folder's pairs, but for what the set itself keeps apart."""
    if not pairs:
        return "as a whole"
    single = sum(not is_in_block(pair.name) for pair in pairs)
    in_blocks = f"in blocks of {BLOCK_FRAMES} by number"
    if not single:
        return in_blocks
    alone = f"pair by pair: to keep a recording's neighbours together, let names end in {BLOCK_DIGITS} digits or more"
    return alone if single == len(pairs) else f"{in_blocks}, but {single} of {len(pairs)} {alone}"


def bytes_held(height: int, width: int, twin: bool) -> int:
    """What `fusion.training.scenes.read_scenes` keeps of a pair: its frames, mean and variance of ensembles at
    TEACHER_SCALE as floats, and what the default backbones see, m in 2 bytes per channel and u in 4."""
    frames = height * width * (7 if twin else 4)
    rows, columns = height // TEACHER_SCALE, width // TEACHER_SCALE
    features = ((8, 40), (16, 112))  # stride and channels
    grids = sum(-(-rows // stride) * -(-columns // stride) * (2 * channels + 4) for stride, channels in features)
    return frames + rows * columns * 4 * 4 + grids


def check(folders: list[Path], held_out: float) -> list[str]:
    """Prints what the folders hold, warns of what is odd, and returns their faults."""
    table = Table()
    for heading in ("folder", "pairs", "sizes", "with twin", "with labels", "held out", "memory"):
        table.add_column(heading, justify="left" if heading == "folder" else "right")
    faults, warnings, rules = [], [], []
    for folder in folders:
        pairs = read_folders([folder])
        sizes: Counter[str] = Counter()
        odd: dict[str, list[Path]] = {}
        held_bytes = 0
        with bar(f"reading {folder.name}", len(pairs)) as advance:
            for pair in pairs:
                found = look(pair)
                faults += found.faults
                if found.size:
                    sizes[f"{found.size[1]}x{found.size[0]}"] += 1
                    held_bytes += bytes_held(*found.size, twin=pair.clear is not None)
                if found.odd:
                    odd.setdefault(found.odd, []).append(pair.thermal)
                advance(1)
        warnings += [f"{len(paths)} of {len(pairs)} {what} ({paths[0]})" for what, paths in sorted(odd.items())]
        common = [f"{size} ({count})" for size, count in sizes.most_common(3)]
        more = [f"{len(sizes) - 3} others"] if len(sizes) > 3 else []
        twins = sum(pair.clear is not None for pair in pairs)
        with_labels = sum(bool(pair.labels or labels_beside(pair)) for pair in pairs)
        memory = f"{held_bytes / 1e6:.0f} MB"
        row = (len(pairs), ", ".join(common + more), twins, with_labels, len(split(pairs, held_out)[1]), memory)
        table.add_row(str(folder), *map(str, row))
        rules.append(f"{folder} is held out {rule_of(split(pairs, 0.0)[0])}")
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    print(
        f"memory is what the student's trainer holds of ensembles at scale {TEACHER_SCALE} with the default backbones"
    )
    print(*rules, sep="\n")
    for warning in warnings:
        print(f"fusion.check: warning: {warning}", file=sys.stderr)
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.check", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs")
    parser.add_argument("--held-out", type=float, default=0.1, help="share that the trainers hold out (default: 0.1)")
    options = parser.parse_args()
    try:
        limits.check(vars(options))
        faults = check(options.data, options.held_out)
    except FusionError as error:
        sys.exit(f"fusion.check: {error}")
    for fault in faults[:SHOWN]:
        print(f"fusion.check: {fault}", file=sys.stderr)
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        sys.exit(f"fusion.check: {count}" + (f", the first {SHOWN} are shown" if len(faults) > SHOWN else ""))


if __name__ == "__main__":
    main()
