"""Files that were made once and are kept in the user's cache folder: where they lie, how they get there, when they go.

Several versions of the code may share the folder (two checkouts of one user): what one of them has used lately the
others leave alone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")

_IN_USE_S = 86_400.0
"""What was used within a day is never removed."""
_FORGOTTEN_S = 30 * _IN_USE_S
_MOST_BYTES = 1 << 30


def cache_folder(kind: str) -> Path:
    """`$XDG_CACHE_HOME/nightloop/<kind>`; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nightloop" / kind


def kept_or_made(path: Path, make: Callable[[], Made]) -> Made:
    """What is kept at `path`, or what is made now, which is then kept there if the folder can be written."""
    # a file that was cut short or written by other versions is one that is not there
    with contextlib.suppress(Exception):
        kept: Made = pickle.loads(path.read_bytes())
        used(path)
        return kept
    made = make()
    with contextlib.suppress(OSError):
        write_whole(path, pickle.dumps(made, protocol=5))
        clear_out(path.parent)
    return made


def write_whole(path: Path, content: bytes) -> None:
    """The file is there with all of `content` or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)


def used(path: Path) -> None:
    """Notes that the file was read just now."""
    with contextlib.suppress(OSError):
        os.utime(path)


def clear_out(folder: Path, most_bytes: int = _MOST_BYTES) -> None:
    """Removes files of `folder` unread for 30 days, and of those unread for a day the oldest beyond `most_bytes`."""
    with contextlib.suppress(OSError):
        files = sorted(((f, f.stat()) for f in folder.iterdir() if f.is_file()), key=lambda file: file[1].st_mtime)
        left_bytes = sum(stat.st_size for _, stat in files)
        now_s = time.time()
        for file, stat in files:
            unread_s = now_s - stat.st_mtime
            if unread_s > _FORGOTTEN_S or (unread_s > _IN_USE_S and left_bytes > most_bytes):
                file.unlink(missing_ok=True)
                left_bytes -= stat.st_size
