"""Options of the commands, read strictly: whatever is wrong with one is said in one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError


class Parser(argparse.ArgumentParser):
    """Raises HarnessError instead of printing the usage."""

    def error(self, message: str) -> NoReturn:
        raise HarnessError(f"{message} (--help lists all options)")


def whole(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number from `least` to `most`."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < least:
            wanted = "not a positive number" if least == 1 else f"less than {least}"
            raise argparse.ArgumentTypeError(f"{text} is {wanted}")
        if value > most:
            raise argparse.ArgumentTypeError(f"{text} is more than {most}")
        return value

    return number


def seconds(text: str) -> float:
    """Reads a time that is more than nothing and has an end."""
    return _more_than_nothing(text, 86_400.0, "a time of up to a day, in seconds")


def metres(text: str) -> float:
    """Reads a distance that is more than nothing and has an end."""
    return _more_than_nothing(text, 1e6, "a distance of up to 1,000 km, in metres")


def _more_than_nothing(text: str, most: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0.0 < value <= most:
        raise argparse.ArgumentTypeError(f"{text} is not {what}")
    return value


def share(text: str) -> float:
    """Reads a part of one thing, or a whole number of things."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not (0.0 < value <= 1.0 or value in range(2, 65)):
        raise argparse.ArgumentTypeError(f"{text} is neither a part of one nor a whole number up to 64")
    return value


def given(text: str) -> str:
    """An empty text is a shell variable that was not set: what it should have named must not become the default."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; give a value or leave the option out")
    return text


def path(text: str) -> Path:
    return Path(given(text))


def writable(folder: Path) -> None:
    """Makes the folder of `--out`: what is told now need not be driven first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise HarnessError(f"--out {folder} is no folder; choose another --out") from None
    except OSError as error:
        raise HarnessError(f"--out {folder}: cannot be written: {error.strerror}") from error
