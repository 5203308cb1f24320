"""The process of steered drives, seen by the one that steers."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import weakref
from multiprocessing.connection import Connection
from typing import IO, Any

from harness.errors import ServerError
from harness.lifeline import end_group
from harness.server import how_it_ended
from harness.steered.frames import SharedFrames, memory_file
from harness.steered.settings import Settings

CLOSING_LIMIT_S = 10.0
LAST_LINES = 20


class DriveProcess:
    """Started by its constructor, ended by `end`, at the latest when nobody knows it any more or the interpreter ends.

    It also ends with its parent, whatever kills that.
    """

    def __init__(self, settings: Settings):
        ours, theirs = multiprocessing.Pipe()
        memory = memory_file()
        self.frames = SharedFrames(settings.frames, settings.camera["height"], settings.camera["width"], memory)
        # What the client library prints is of interest to nobody unless it dies of it.
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        handed_on = (theirs.fileno(), memory)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.steered.worker", *map(str, (*handed_on, os.getpid()))],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=handed_on,
            start_new_session=True,  # its own group: it and its server are ended together, and Ctrl-C is not for them
        )
        theirs.close()
        os.close(memory)
        self._connection = ours
        self.resets = 0
        self._end = weakref.finalize(self, _end, self._process, ours, self._log, os.getpid())
        ours.send(settings)

    @property
    def has_ended(self) -> bool:
        return not self._end.alive

    def ask(self, name: str, *arguments: Any) -> Any:
        """Calls a method of `harness.steered.drives.Drives` over there; its errors are raised here."""
        self.resets += name == "reset"
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has ended; what it said comes first
                self._connection.send((name, arguments))
            kind, value = self._connection.recv()
            while kind == "say":
                print(f"nightloop: {value}", file=sys.stderr, flush=True)
                kind, value = self._connection.recv()
        except (EOFError, OSError):
            last_lines = self._last_lines()
            self.end()
            how = how_it_ended(self._process.returncode)
            raise ServerError(f"the process that drives ended in the middle ({how})") from RuntimeError(last_lines)
        except BaseException:  # Ctrl-C: the answer would be taken for that of the next question
            self.end()
            raise
        if kind == "done":
            return value
        error, goes_on, where = value
        if not goes_on:
            self.end()
        raise error from (RuntimeError(where) if where else None)

    def end(self) -> None:
        """May be called more than once."""
        self._end()

    def _last_lines(self) -> str:
        self._log.seek(0)
        return "\n".join(self._log.read().decode(errors="replace").splitlines()[-LAST_LINES:])


def _end(process: subprocess.Popen[bytes], connection: Connection, log: IO[bytes], owner_pid: int) -> None:
    if os.getpid() != owner_pid:  # a fork of the program that steers: the process is not its own
        return
    with contextlib.suppress(OSError):
        connection.send(("close", ()))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=CLOSING_LIMIT_S)
    end_group(process)
    connection.close()
    log.close()
