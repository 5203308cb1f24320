"""Compiles the loops that work with rays when a machine needs them for the first time: most runs have no lidar.

A process of its own does it, which ends with the one that waits for it. Kernels fresh from the compiler differ in last
bits from those that are loaded from numba's cache, and the first run must equal the second.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from simulator.stale import compiler, drop_stale_kernels, sources_of, stamp_of

PACKAGE = Path(__file__).parent
STAMP, LOCK = "rays.stamp", "rays.lock"


def ensure_compiled() -> None:
    """Returns when the loops are in numba's cache. Where they are not that takes about ten seconds, and a line says so.

    Blocks: not for an event loop's thread. Of several processes that need them one compiles and the others wait.
    """
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or PACKAGE / "__pycache__")
    sources = _sources()
    if _stamped(folder) == sources:
        return
    with _locked(folder):
        if _stamped(folder) == sources:
            return
        drop_stale_kernels(PACKAGE)
        print("simulator: compiling what lidars and radars need, once for this machine", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "simulator.raycast.compiling", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode != 0:  # this process then compiles what is missing itself
            reason = done.stdout.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
            print(f"simulator: that process failed: {reason[-1]}", file=sys.stderr, flush=True)
            return
        with contextlib.suppress(OSError):  # a read-only installation asks again each time
            (folder / STAMP).write_text(sources)


def _stamped(folder: Path) -> str:
    try:
        return (folder / STAMP).read_text()
    except OSError:
        return ""


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError:  # where nothing can be written nobody is in the way either
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sources() -> str:
    """What the cached loops were made from."""
    return f"{compiler()}\n{stamp_of(sources_of(PACKAGE))}"


def main(parent_pid: int) -> None:
    from simulator.range_sensors import compile_rays
    from simulator.render.workers import Workers
    from simulator.serve import watch_parent

    if os.getppid() != parent_pid or not watch_parent(None):
        return
    gc.disable()  # looking through the compiler's objects takes an eighth of the time
    workers = Workers(2)
    compile_rays(workers)
    workers.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
