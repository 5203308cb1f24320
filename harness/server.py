"""The CARLA server that an episode runs on: our embedded one, started for the episode, or one that the user runs."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from harness.errors import HarnessError, ServerError
from harness.request import Request

EMBEDDED, CARLA = "embedded", "carla"

# Is told, from a thread of its own, why a server is gone.
Lost = Callable[[str], None]


@dataclass(frozen=True)
class ServerAddress:
    """Where a server listens. `kind` is `EMBEDDED` or `CARLA`."""

    host: str
    port: int
    kind: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(text: str, option: str = "--carla") -> ServerAddress:
    """Reads the `HOST:PORT` of `--carla`."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise HarnessError(f"{option} {text}: give HOST:PORT, for example localhost:2000")
    return ServerAddress(host, int(port), CARLA)


@contextmanager
def server_for(request: Request, lost: Lost, server_life: int) -> Iterator[Callable[[], ServerAddress]]:
    """The server of an episode: the one that the user runs, or an embedded one; see `starting_server`.

    An embedded one takes over the pipe end `server_life`, which so ends with it.
    """
    if request["carla"]:
        address = parse_address(request["carla"])

        def reachable() -> ServerAddress:
            check_reachable(address)
            return address

        yield reachable
        return
    town, seed, threads = request["town"], int(request["seed"]), int(request["threads"])
    with starting_server(town, seed, threads, lost, server_life=server_life) as ready:
        yield ready


@contextmanager
def embedded_server(town: str, seed: int, threads: int) -> Iterator[ServerAddress]:
    """Starts `python -m simulator.serve` on a free port, waits until it is ready and ends it on leaving."""
    with starting_server(town, seed, threads) as ready:
        yield ready()


@contextmanager
def starting_server(
    town: str,
    seed: int,
    threads: int,
    lost: Lost | None = None,
    timeout_s: float = 300.0,
    server_life: int | None = None,
    cameras: bool = True,
) -> Iterator[Callable[[], ServerAddress]]:
    """Starts `python -m simulator.serve` on a free port and ends it on leaving.

    Hands over a function that waits until the server is ready, so that the caller can do other things meanwhile.
    From then on `lost` is told if the server ends by itself: a client in the middle of a call would wait for minutes.
    The server shares the caller's process group, so that ending the group ends it too; it also ends with its parent.
    """
    command = [sys.executable, "-m", "simulator.serve", "--port", "0", "--town", town, "--seed", str(seed)]
    # With --only-cameras the renderer of a new machine is compiled before the ready line, not within an agent's first
    # tick; what lidars need is left to the first of them, which agents may take minutes for.
    # Where nobody looks the renderer need not be loaded.
    command += ["--threads", str(threads), "--parent-pid", str(os.getpid()), *(["--only-cameras"] if cameras else [])]
    with tempfile.TemporaryFile() as errors:
        handed_on = () if server_life is None else (server_life,)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, pass_fds=handed_on
        )
        for pipe in handed_on:
            os.close(pipe)
        leaving = threading.Event()

        def ready() -> ServerAddress:
            line = _ready_line(process, errors, timeout_s)
            if lost is not None:
                threading.Thread(target=_watch, args=(process, errors, leaving, lost), daemon=True).start()
            return ServerAddress("127.0.0.1", int(line["rpc_port"]), EMBEDDED)

        try:
            yield ready
        finally:
            leaving.set()
            process.terminate()
            try:
                process.wait(timeout=5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready_line(process: subprocess.Popen[bytes], errors: IO[bytes], timeout_s: float) -> dict[str, Any]:
    assert process.stdout is not None
    deadline = time.monotonic() + timeout_s
    buffer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if not selector.select(timeout=0.2):
                continue
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            buffer += chunk
            if b"\n" in buffer:
                return json.loads(buffer.split(b"\n", 1)[0])
    try:
        process.wait(timeout=1.0)  # it has closed its output; its exit code follows
    except subprocess.TimeoutExpired:
        raise ServerError(f"the embedded simulator was not ready within {timeout_s:.0f} s") from None
    raise ServerError(f"the embedded simulator ended at start: {_last_words(process, errors)}")


def _watch(process: subprocess.Popen[bytes], errors: IO[bytes], leaving: threading.Event, lost: Lost) -> None:
    while not leaving.wait(0.2):
        if process.poll() is not None and not leaving.is_set():
            lost(f"the embedded simulator ended in the middle: {_last_words(process, errors)}")
            return


def _last_words(process: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    """The last line of a process that has ended, or how it ended."""
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip().splitlines()
    return said[-1] if said else how_it_ended(process.returncode)


def how_it_ended(code: int) -> str:
    """A process's return code in words: `exit code 3`, `ended by SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


def check_reachable(address: ServerAddress, timeout_s: float = 5.0) -> None:
    """Raises `ServerError` unless something listens at the address."""
    try:
        socket.create_connection((address.host, address.port), timeout=timeout_s).close()
    except OSError as error:
        raise ServerError(
            f"no CARLA server answers at {address} ({error.strerror or error}); "
            "start one there, or use the embedded simulator"
        ) from error


def free_port() -> int:
    """A TCP port that is free now on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
