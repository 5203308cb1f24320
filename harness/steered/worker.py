"""The process in which steered drives happen: `harness.steered.process` starts it and talks to it.

A crash of the client library, its threads and what they print stay in here, and so does whatever the program that
steers has done to its own process before.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from typing import Any

from fusion.errors import FusionError
from harness.errors import EXIT_SERVER, HarnessError, ServerError
from harness.kernels import compile_kernels
from harness.lifeline import end_with_parent
from harness.server import ServerAddress, check_reachable, parse_address, starting_server
from harness.steered.frames import SharedFrames
from harness.steered.settings import Settings
from scenarios.errors import ScenarioError


class _Parent:
    """What is said to the process that steers; threads may say something too."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._lock = threading.Lock()

    def say(self, kind: str, value: Any) -> None:
        with self._lock:
            self._connection.send((kind, value))

    def lost(self, reason: str) -> None:
        """The simulator is gone: the main thread may wait for its answer for minutes."""
        self.say("error", (ServerError(reason), False, ""))
        os._exit(EXIT_SERVER)


def main() -> int:
    connection_fd, frames_fd, parent_pid = (int(argument) for argument in sys.argv[1:4])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    end_with_parent(parent_pid)
    connection = Connection(connection_fd)
    parent = _Parent(connection)
    settings: Settings = connection.recv()
    frames = SharedFrames(settings.frames, settings.camera["height"], settings.camera["width"], frames_fd)
    try:
        compile_kernels(lambda text: parent.say("say", text))
        with _server(settings, parent) as address:
            _serve(settings, address, frames, connection, parent)
    except Exception as error:
        parent.say("error", (_told(error), False, traceback.format_exc()))
        return 1
    return 0


@contextmanager
def _server(settings: Settings, parent: _Parent) -> Iterator[ServerAddress]:
    if settings.carla:
        address = parse_address(settings.carla, "carla")
        check_reachable(address)
        yield address
        return
    town, cameras = settings.definition.town, settings.needs_camera
    with starting_server(town, settings.server_seed, settings.threads, parent.lost, cameras=cameras) as ready:
        import harness.steered.drives  # noqa: F401 - numba loads for seconds, while the server starts

        yield ready()


def _serve(
    settings: Settings, address: ServerAddress, frames: SharedFrames, connection: Connection, parent: _Parent
) -> None:
    from harness.steered.drives import Drives

    with closing(Drives(settings, address, frames)) as drives:
        while True:
            name, arguments = connection.recv()
            if name == "close":
                return
            try:
                answer = getattr(drives, name)(*arguments)
            except ScenarioError as error:  # this route has no room; another may have
                parent.say("error", (error, True, ""))
            else:
                parent.say("done", answer)


def _told(error: Exception) -> Exception:
    """As one line of one of our classes; the client raises RuntimeError for whatever a server does."""
    if isinstance(error, HarnessError | ScenarioError | FusionError):
        return error
    line = (str(error).strip().splitlines() or [""])[0]
    kind = ServerError if isinstance(error, RuntimeError | TimeoutError) else HarnessError
    return kind(f"{type(error).__name__}: {line}")


if __name__ == "__main__":
    code = 1
    try:
        code = main()
    finally:  # also after SIGTERM
        # The carla client's threads can abort an orderly interpreter exit.
        os._exit(code)
