"""A trainer's recipe (a dataclass of plain values) as options of its command line, one per field.

@dataclass(frozen=True)
class Recipe:
    steps: int = option(2000, "training steps")
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, field, fields
from typing import Any, TypeVar

R = TypeVar("R")
T = TypeVar("T")
_KINDS = {int: "N", float: "X", str: "TEXT"}


def option(default: T, text: str) -> T:
    """A field of a recipe with what its option's help says of it."""
    return field(default=default, metadata={"help": text})


def add_options(parser: argparse.ArgumentParser, recipe: Any, without: Sequence[str] = ()) -> None:
    """`--learning-rate 0.001` for `learning_rate: float`, `--twin / --no-twin` for a bool; defaults from `recipe`."""
    values, texts = asdict(recipe), {one.name: one.metadata.get("help", "") for one in fields(recipe)}
    for name, value in values.items():
        if name in without:
            continue
        flag = "--" + name.replace("_", "-")
        shown = f"{texts[name]} (default: {value if value != '' else 'none'})"
        if isinstance(value, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=value, help=shown)
        else:
            parser.add_argument(flag, type=type(value), default=value, metavar=_KINDS[type(value)], help=shown)


def from_options(recipe: R, options: dict[str, Any]) -> R:
    """A recipe of the same kind with the values that the options ask for."""
    return type(recipe)(**{name: options.get(name, value) for name, value in asdict(recipe).items()})  # type: ignore[call-overload]
