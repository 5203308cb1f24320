"""Compiles what numba compiles before the first episode, in processes of their own.

The first run on a machine must equal the second to the last bit. Kernels fresh from the compiler do not quite equal the
same kernels loaded from numba's cache: with fast floating point, a function that was inlined rounds differently from
the copy that the loader links to. So nothing that counts is ever computed by the process that compiled.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from harness.compiling import LOADING_S, PARTS
from harness.errors import HarnessError
from harness.lifeline import end_group
from simulator.stale import ROOT, compiler, drop_stale_kernels, sources_of, stamp_of

# Where kernels stand.
PACKAGES = (
    *("simulator/render", "simulator/raycast", "simulator/world"),
    *("sensors", "sensors/thermal", "fusion/cpu", "agents/pilot"),
)
STAMP = Path(__file__).resolve().parent / "__pycache__" / "kernels.stamp"
LIMIT_S = 900.0


def compile_kernels(tell: Callable[[str], None]) -> None:
    """Returns when every kernel is in the cache but those of rays; `tell` gets a line when that takes long."""
    sources = _sources()
    with contextlib.suppress(OSError):
        if STAMP.read_text() == sources:
            return
    for package in PACKAGES:  # before the first part: what one of them drops, another may just have made
        drop_stale_kernels(ROOT / package)
    _compile(tell)
    with contextlib.suppress(OSError):  # a read-only installation asks again each time
        STAMP.parent.mkdir(exist_ok=True)
        STAMP.write_text(sources)


def _sources() -> str:
    """What the cached kernels were made from."""
    own = [Path(__file__).with_name(f"{name}.py") for name in ("kernels", "compiling", "signatures")]
    return f"{compiler()}\n{stamp_of([*own, *(file for name in PACKAGES for file in sources_of(ROOT / name))])}"


def _compile(tell: Callable[[str], None]) -> None:
    told, deadline = False, time.monotonic() + LIMIT_S
    console = Console(stderr=True)
    bar = Progress(TextColumn("compiling"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=console)
    task = bar.add_task("compiling", total=_done_s(PARTS, LOADING_S, 0.0))
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        said = room / "said"
        process = _started(room, said)
        stack.callback(end_group, process)
        while process.poll() is None:
            time.sleep(0.1)
            loading_s, parts_s = _cpu_s(process.pid)
            if not told and max(parts_s, default=0.0) > LOADING_S:
                tell("compiling the simulator and the sensors for this machine, once: about half a minute")
                told = True
                if console.is_terminal:
                    stack.enter_context(bar)
            bar.update(task, completed=_done_s(said.read_text(errors="replace").split(), loading_s, sum(parts_s)))
            if time.monotonic() > deadline:
                raise HarnessError(f"compiling took more than {LIMIT_S:.0f} s")
        if process.returncode != 0:
            lines = said.read_text(errors="replace").strip().splitlines() or ["no reason given"]
            raise HarnessError(f"compiling failed: {lines[-1]}")


def _started(room: Path, said: Path) -> subprocess.Popen[bytes]:
    with said.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "harness.compiling", str(os.getpid()), str(room)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # what forks has no other thread
        )


def _cpu_s(pid: int) -> tuple[float, list[float]]:
    """Processor time of the process itself and of each part that is being compiled."""
    with contextlib.suppress(psutil.Error):  # it may have ended since
        process = psutil.Process(pid)
        own_s, parts_s = float(process.cpu_times().user), []
        for child in process.children():
            with contextlib.suppress(psutil.Error):
                parts_s.append(float(child.cpu_times().user))
        return own_s, parts_s
    return 0.0, []


def _done_s(ended: Collection[str], loading_s: float, running_s: float) -> float:
    """Processor time that is behind us, as far as it was expected."""
    expected_s = {name: part.expected_s for name, part in PARTS.items()}
    waiting_s = sum(expected_s[name] for name in expected_s if name not in ended)
    return min(loading_s, LOADING_S) + sum(expected_s.values()) - waiting_s + min(running_s, waiting_s)
