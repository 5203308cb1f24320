"""Looks through folders of pairs before hours are spent on them: reads every file and names every fault.

    python -m fusion.check --data DIR [DIR ...]

Ends with 1 where anything is wrong, after the whole list rather than at the first fault.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from fusion import limits
from fusion.augment import is_valid
from fusion.data import Pair, load, load_labels, split
from fusion.errors import FusionError
from fusion.layouts import read_folders
from fusion.progress import bar

SHOWN = 20


def faults_of(pair: Pair) -> Iterator[str]:
    """What is wrong with one pair, a line each."""
    try:
        images = load(pair)
        labels = load_labels(pair)
    except FusionError as error:
        yield str(error)
        return
    for kind, values in labels.items():
        if values.shape != images.thermal.shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (values.shape, images.thermal.shape)]
            yield f"{pair.labels[kind]} is {sizes[0]} where {pair.visible} is {sizes[1]}"
    if not is_valid(images.thermal) or int(np.ptp(images.thermal)) == 0:
        yield f"{pair.thermal} is flat: nothing can be learnt from it"


def check(folders: list[Path], held_out: float) -> list[str]:
    """Prints what the folders hold and returns their faults."""
    table = Table()
    for heading in ("folder", "pairs", "sizes", "with twin", "with labels", "held out"):
        table.add_column(heading, justify="left" if heading == "folder" else "right")
    faults = []
    for folder in folders:
        pairs = read_folders([folder])
        sizes: Counter[str] = Counter()
        with bar(f"reading {folder.name}", len(pairs)) as advance:
            for pair in pairs:
                found = list(faults_of(pair))
                faults += found
                if not found:
                    height, width = load(pair).thermal.shape
                    sizes[f"{width}x{height}"] += 1
                advance(1)
        common = [f"{size} ({count})" for size, count in sizes.most_common(3)]
        more = [f"{len(sizes) - 3} others"] if len(sizes) > 3 else []
        twins, labelled = sum(pair.clear is not None for pair in pairs), sum(bool(pair.labels) for pair in pairs)
        row = (len(pairs), ", ".join(common + more), twins, labelled, len(split(pairs, held_out)[1]))
        table.add_row(str(folder), *map(str, row))
    Console(width=None if sys.stdout.isatty() else 140).print(table)
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
