"""A picture of pairs and what fusions make of them, to look at: a row per pair, a column per fusion.

    python -m fusion.sheet --data DIR [DIR ...] --out sheet.jpg [--weights sim ...] [--rows 6 | --names A,B,...]
                           [--columns visible,thermal,average]

After the columns come the students, and the clear twin where every shown pair has one. Pairs are taken at even
distances unless they are named.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion import limits
from fusion.errors import FusionError
from fusion.evaluation.compared import fusions
from fusion.files import write_image
from fusion.naive import FUSIONS, Bytes, Fusion
from fusion.pairs.data import evenly, load
from fusion.pairs.layouts import SUFFIXES, Pair, read_folders
from fusion.progress import along

TILE_PX = 320
TITLE_PX = 28
GAP_PX = 4
WHITE = 255


def chosen(pairs: Sequence[Pair], rows: int, names: Sequence[str]) -> list[Pair]:
    """The named pairs in that order, or `rows` at even distances; a name may leave out its folder."""
    if not names:
        return evenly(pairs, rows)
    found = []
    for name in names:
        matching = [pair for pair in pairs if name in (pair.name, pair.name.rsplit("/", 1)[-1])]
        if len(matching) != 1:
            raise FusionError(f"--names: {len(matching) or 'no'} pairs are called {name}")
        found.append(matching[0])
    return found


def sheet(pairs: Sequence[Pair], by: dict[str, Fusion]) -> NDArray[np.uint8]:
    """BGR. Tiles are 320 px wide; rows of different shapes keep theirs."""
    rows: list[Bytes] = []
    with_clear = all(pair.clear is not None for pair in pairs)
    for pair in along("fusing", pairs, len(pairs)):
        images = load(pair)
        tiles = [fuse(images.visible, images.thermal) for fuse in by.values()]
        if with_clear and images.clear is not None:
            tiles.append(images.clear)
        rows.append(_row([_tile(tile) for tile in tiles]))
    titles = [*by, "clear twin"] if with_clear else list(by)
    return np.vstack([_row([_title(text) for text in titles]), *rows])


def _tile(image: Bytes) -> Bytes:
    height = round(TILE_PX * image.shape[0] / image.shape[1])
    small = cv2.resize(np.ascontiguousarray(image[..., ::-1]), (TILE_PX, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _title(text: str) -> Bytes:
    strip = np.full((TITLE_PX, TILE_PX, 3), WHITE, np.uint8)
    cv2.putText(strip, text, (6, TITLE_PX - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def _row(tiles: Sequence[Bytes]) -> Bytes:
    height = tiles[0].shape[0]
    gap = np.full((height, GAP_PX, 3), WHITE, np.uint8)
    row = np.hstack([part for tile in tiles for part in (tile, gap)])
    return np.vstack([row, np.full((GAP_PX, row.shape[1], 3), WHITE, np.uint8)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.sheet", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs")
    parser.add_argument("--out", type=Path, required=True, help="the picture to write")
    parser.add_argument("--weights", nargs="+", default=["sim"], help="shipped names or .safetensors files")
    parser.add_argument("--rows", type=int, default=6, help="pairs to show (default: 6)")
    parser.add_argument("--names", default="", help="instead: the pairs to show, separated by commas")
    parser.add_argument("--columns", default="visible,thermal,average", help=f"of {', '.join(FUSIONS)}")
    options = parser.parse_args()
    try:
        limits.check(vars(options))
        if options.out.suffix.lower() not in SUFFIXES:
            raise FusionError(f"--out {options.out}: a picture ends in one of {', '.join(SUFFIXES)}")
        columns = [name.strip() for name in options.columns.split(",") if name.strip()]
        unknown = [name for name in columns if name not in FUSIONS]
        if unknown:
            raise FusionError(f"--columns: no fusion is called {unknown[0]}: {', '.join(FUSIONS)} are")
        names = [name.strip() for name in options.names.split(",") if name.strip()]
        pairs = chosen(read_folders(options.data), options.rows, names)
        known = fusions(options.weights)
        students = {name: fuse for name, fuse in known.items() if name not in FUSIONS}
        write_image(options.out, sheet(pairs, {name: known[name] for name in columns} | students))
    except FusionError as error:
        sys.exit(f"fusion.sheet: {error}")
    print(f"{len(pairs)} pairs in {options.out}")


if __name__ == "__main__":
    main()
