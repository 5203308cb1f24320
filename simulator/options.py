"""What the options of this package's commands may be: a value that cannot be is told in one line, before any work."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from simulator.towns.store import NAMES

LARGEST_PICTURE_PX = 4096
LARGEST_SEED = 2**63 - 1


class CommandParser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help shows all options)\n")


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """The `type` of an option: a whole number from `least` to `most`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"a whole number, not {text!r}") from None
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{_range(least, most)}, not {value}")
        return value

    return read


def _range(least: int, most: int | None) -> str:
    return f"{least} or more" if most is None else f"{least} to {most}"


def positive(text: str) -> float:
    """The `type` of an option: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number, not {text!r}") from None
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"more than 0, not {text}")
    return value


def field_of_view(text: str) -> float:
    """The `type` of an option: degrees between 0 and 180."""
    value = positive(text)
    if value >= 180.0:
        raise argparse.ArgumentTypeError(f"between 0 and 180 degrees, not {text}")
    return value


def picture_size(text: str) -> tuple[int, int]:
    """The `type` of an option: width and height in pixels, `640x360`."""
    width, _, height = text.partition("x")
    try:
        size = int(width), int(height)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a size as 640x360, not {text!r}") from None
    if not all(1 <= side <= LARGEST_PICTURE_PX for side in size):
        raise argparse.ArgumentTypeError(f"1 to {LARGEST_PICTURE_PX} pixels each way, not {text}")
    return size


def written(suffixes: Sequence[str]) -> Callable[[str], Path]:
    """The `type` of an option: a file to be written, of a kind that ends in one of `suffixes`, in a folder that is."""

    def read(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"a name that ends in {' or '.join(suffixes)}, not {text!r}")
        if path.is_dir():
            raise argparse.ArgumentTypeError(f"{text} is a folder")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"{text}: no folder {path.parent}")
        return path

    return read


def town(text: str) -> str:
    """The `type` of an option: one of the towns; `/Game/Carla/Maps/Elm01` means `Elm01`, as for `build_town`."""
    if text.rsplit("/", 1)[-1] not in NAMES:
        raise argparse.ArgumentTypeError(f"no town {text!r}: there are {', '.join(NAMES)}")
    return text
