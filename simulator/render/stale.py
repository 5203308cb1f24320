"""Keeps numba's cache honest.

Numba keys a cached kernel by the time stamp of the file it stands in, but a kernel also holds the code of what it calls
in other files. So the stamps of all files of a package together decide whether its cached kernels still hold.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parent
STAMP = "kernels.stamp"


def drop_stale_kernels(package: Path = PACKAGE) -> int:
    """Deletes the cached kernels when a source file has changed since they were made. Returns how many were deleted."""
    cache = package / "__pycache__"
    elsewhere = os.environ.get("NUMBA_CACHE_DIR")
    folders = [cache, *(Path(elsewhere).glob(f"{package.name}_*") if elsewhere else ())]
    now = " ".join(f"{p.name}:{p.stat().st_mtime_ns}:{p.stat().st_size}" for p in sorted(package.glob("*.py")))
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
