"""Files written whole or not at all and tensors read, with faults that name the file in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from fusion.errors import FusionError, NotWritten, one_line


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write: a file beside `path` that takes its place once the block has ended well. Otherwise nothing is
    left of it, and what `path` held before stays."""
    partial = path.with_name(path.name + ".partial")
    try:
        try:
            yield partial
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors have their own for a full disk
        raise NotWritten(f"{path} cannot be written: {_reason(error)}") from None


def write_text(path: Path, text: str) -> None:
    with whole(path) as partial:
        partial.write_text(text)


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """BGR or grey, in the format of the name's ending."""
    _, data = cv2.imencode(path.suffix, image)
    with whole(path) as partial:
        partial.write_bytes(data.tobytes())


def read_arrays(path: Path, what: str) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Metadata and tensors of a safetensors file; `what` it should be is how an error calls it."""
    try:
        with safe_open(path, framework="np") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, TypeError) as error:  # TypeError: numbers that NumPy does not have
        raise FusionError(f"{what} {path} cannot be read: {' '.join(str(error).split())}") from None


def append(path: Path, text: str) -> None:
    try:
        with path.open("a") as file:
            file.write(text)
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {_reason(error)}") from None


def make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritten(f"{path} cannot be made: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return one_line(getattr(error, "strerror", None) or str(error))
