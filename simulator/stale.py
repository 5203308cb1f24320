"""Keeps numba's cache honest.

Numba keys a cached kernel by the time stamp of the file it stands in, but a kernel also holds the code of what it calls
in other files. So the stamps of all files of a package together decide whether its cached kernels still hold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = "kernels.stamp"
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "simulator/raycast": ("simulator/render/workers.py",),
    "fusion/cpu": ("fusion/shape.py",),
}
"""Files of other packages whose code or constants kernels of a package hold."""


def drop_stale_kernels(package: Path) -> int:
    """Deletes the cached kernels when a source file has changed since they were made. Returns how many were deleted."""
    cache = package / "__pycache__"
    elsewhere = os.environ.get("NUMBA_CACHE_DIR")
    folders = [cache, *(Path(elsewhere).glob(f"{package.name}_*") if elsewhere else ())]
    now = stamp_of(sources_of(package))
    try:
        cache.mkdir(exist_ok=True)
        stamp = cache / STAMP
        if stamp.exists() and stamp.read_text() == now:
            return 0
        stale = [p for folder in folders for pattern in ("*.nbi", "*.nbc") for p in folder.glob(pattern)]
        for path in stale:
            path.unlink(missing_ok=True)
        stamp.write_text(now)
    except OSError:
        return 0  # a read-only installation: its sources do not change either
    return len(stale)


def sources_of(package: Path) -> list[Path]:
    """What a package's kernels are made from."""
    package = package.resolve()
    name = str(package.relative_to(ROOT)) if package.is_relative_to(ROOT) else ""
    return [*sorted(package.glob("*.py")), *(ROOT / path for path in ELSEWHERE.get(name, ()))]


def stamp_of(sources: Iterable[Path]) -> str:
    """Files by their time stamps, as numba has it."""
    files = [(file, file.stat()) for file in sources]
    return "\n".join(f"{os.path.relpath(file, ROOT)} {now.st_mtime_ns} {now.st_size}" for file, now in files)


def compiler() -> str:
    """What made the kernels that are found here."""
    import importlib.metadata  # takes longer to load than all else here, and only who compiles asks

    return f"{sys.version}\nnumba {importlib.metadata.version('numba')} {os.environ.get('NUMBA_CACHE_DIR', '')}"
