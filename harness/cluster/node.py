"""What a machine of the cluster does: it drives an episode as a run without a cluster would, and hands it over."""

from __future__ import annotations

import fcntl
import functools
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.cluster.likeness import Likeness, unlike
from harness.errors import HarnessError
from harness.executor import Job, Outcome, first_limit_s, run_jobs
from harness.kernels import compile_kernels
from results.layout import RunFolder

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Driven:
    """How an episode ended, the files of its folder by their relative paths, and what it printed."""

    outcome: Outcome
    files: dict[str, bytes]
    log: bytes


@functools.cache
def prepare(wanted: Likeness) -> None:
    """Makes sure that a drive here is the drive that the run wants; HarnessError tells what is otherwise."""
    if difference := unlike(wanted):
        raise HarnessError(f"machine {platform.node()}: {difference}")
    if Path(wanted.folder).is_dir():
        os.chdir(wanted.folder)
    with _alone():  # the first drives of a machine begin together
        compile_kernels(lambda line: None)


def drive(job: Job, wanted: Likeness, tick_limit_s: float, tell: Tell) -> Driven:
    """Drives one episode in processes of its own; `tell` gets its messages, those of further attempts among them."""
    prepare(wanted)
    request = job.request
    with _room() as room:
        here = replace(job, request={**request, "out": str(room)}, log=room / "log")
        (outcome,) = run_jobs([here], 1, lambda _, message: tell(message), tick_limit_s, first_limit_s(tick_limit_s))
        folder = RunFolder(room).episode(request["route_id"], request["arm"], request["seed"]).path
        files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        return Driven(replace(outcome, job=job), files, here.log.read_bytes())


@contextmanager
def _room() -> Iterator[Path]:
    """A folder for one drive. What a drive has left whose process was killed goes with the next one here."""
    with _alone() as rooms:
        for left in rooms.glob("drive-*"):
            with _locked(left) as is_free:
                if is_free:
                    shutil.rmtree(left, ignore_errors=True)
        room = Path(tempfile.mkdtemp(prefix="drive-", dir=rooms))
        stack = ExitStack()
        stack.enter_context(_locked(room))
    with stack:
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)


@contextmanager
def _alone() -> Iterator[Path]:
    """The folder of all drives of this user here, with no other process inside this block."""
    rooms = Path(tempfile.gettempdir()) / f"nightloop-{os.getuid()}"
    rooms.mkdir(mode=0o700, exist_ok=True)
    with _locked(rooms, wait=True):
        yield rooms


@contextmanager
def _locked(folder: Path, wait: bool = False) -> Iterator[bool]:
    """Whether the lock could be had; it ends with the process that holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)
