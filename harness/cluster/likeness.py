"""What every machine of a cluster must have in common with the one that collects: else its drives are other drives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.loader import AgentLoadError
from agents.outside.process import examine, find_python
from harness.config import checksum
from harness.versions import ROOT, code_checksum, is_nightloops, library_versions


@dataclass(frozen=True)
class OwnPython:
    """The `interpreter` of an `agent` in its own Python, and the `versions` of it and of what it drives with."""

    interpreter: str
    agent: str
    versions: str


@dataclass(frozen=True)
class Likeness:
    """`versions` of Python and of what numbers come from, `code` the SHA-256 of nightloop itself.

    `files` are the SHA-256 of the user's files and folders, by their paths, `folder` the one that relative paths start
    from.
    """

    versions: tuple[tuple[str, str], ...]
    code: str
    files: tuple[tuple[str, str], ...]
    folder: str
    own_python: OwnPython | None = None


def likeness(files: Sequence[Path], own_python: OwnPython | None = None) -> Likeness:
    """Of this machine. `files` that are nightloop's own count as its code, wherever it is installed."""
    own = [file.expanduser().resolve() for file in files]
    return Likeness(
        versions=tuple(library_versions().items()),
        code=code_checksum(),
        files=tuple((str(file), checksum(file)) for file in own if not is_nightloops(file)),
        folder=str(Path.cwd()),
        own_python=own_python,
    )


def unlike(wanted: Likeness) -> str:
    """In one line, what this machine has otherwise; empty if it has all that is wanted."""
    here = library_versions()
    for name, version in wanted.versions:
        if here[name] != version:
            return f"{name} {here[name]} in place of {version}: install the same on every machine"
    if code_checksum() != wanted.code:
        return f"another nightloop in {ROOT}: install the same on every machine"
    for path, expected in wanted.files:
        try:
            if checksum(Path(path)) != expected:
                return f"{path} is another file here: every machine must see the same one"
        except OSError as error:
            return f"{path} cannot be read here ({error.strerror}): every machine must see it under the same path"
    if wanted.files and not Path(wanted.folder).is_dir():
        return f"no folder {wanted.folder} here, where the command's paths start"
    return _unlike_python(wanted.own_python) if wanted.own_python else ""


def _unlike_python(wanted: OwnPython) -> str:
    try:
        found = examine(find_python(wanted.interpreter), wanted.agent).versions
    except AgentLoadError as error:
        return str(error)
    return "" if found == wanted.versions else f"--agent-python has {found} in place of {wanted.versions}"
