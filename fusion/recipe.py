"""A trainer's recipe (a dataclass of plain values) as options of its command line, one per field."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

R = TypeVar("R")
_KINDS = {int: "N", float: "X", str: "TEXT"}


def add_options(parser: argparse.ArgumentParser, recipe: Any, without: Sequence[str] = ()) -> None:
    """`--learning-rate 0.001` for `learning_rate: float`, `--twin / --no-twin` for a bool; defaults from `recipe`."""
    for name, value in asdict(recipe).items():
        if name in without:
            continue
        flag = "--" + name.replace("_", "-")
        shown = f"default: {value}" if value != "" else "default: none"
        if isinstance(value, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=value, help=shown)
        else:
            parser.add_argument(flag, type=type(value), default=value, metavar=_KINDS[type(value)], help=shown)


def from_options(recipe: R, options: dict[str, Any]) -> R:
    """A recipe of the same kind with the values that the options ask for."""
    return type(recipe)(**{name: options.get(name, value) for name, value in asdict(recipe).items()})  # type: ignore[call-overload]
