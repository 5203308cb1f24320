"""Weights files by name and path; what is in one is read in `fusion.weights.arrays`, and in `tensors` for PyTorch.

Shipped files lie beside this module, each with its model card: `<name>.safetensors` and `<name>.md`.
"""

import hashlib
from pathlib import Path

from fusion.errors import FusionError


def shipped() -> tuple[str, ...]:
    """Names of the weights that come with the package."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.safetensors")))


def locate(name_or_path: str | Path) -> Path:
    """Path of the weights file of a shipped name ("sim") or of a path given as such."""
    path = Path(name_or_path)
    if path.is_file():
        return path
    inside = Path(__file__).parent / f"{name_or_path}.safetensors"
    if path.name == str(name_or_path) and inside.is_file():
        return inside
    known = ", ".join(shipped()) or "none"
    raise FusionError(f"no weights '{name_or_path}': neither a file nor one of the shipped names ({known})")


def is_shipped(path: Path) -> bool:
    """Whether a located file came with the package, where it has been read and tested."""
    return path.resolve().parent == Path(__file__).resolve().parent


def is_copy_of(path: Path, name: str) -> bool:
    """Whether a located file holds the shipped weights of this name, whatever it is called itself."""
    return checksum(path) == shipped_checksum(name)


def shipped_checksum(name: str) -> str:
    """Of what comes with the package, even where the working folder has a file of that name."""
    return checksum(Path(__file__).parent / f"{name}.safetensors")


def checksum(path: Path) -> str:
    """SHA-256 of the file, as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
