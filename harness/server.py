"""The CARLA server that an episode runs on: our embedded one, started for the episode, or one that the user runs."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from harness.errors import ServerError

EMBEDDED = "embedded"


@dataclass(frozen=True)
class ServerAddress:
    """Where a server listens. `kind` is "embedded" or "carla"."""

    host: str
    port: int
    kind: str


def parse_address(text: str) -> ServerAddress:
    """Reads the `HOST:PORT` of `--carla`."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ServerError(f"--carla {text}: give HOST:PORT, for example localhost:2000")
    return ServerAddress(host, int(port), "carla")


@contextmanager
def embedded_server(town: str, seed: int, threads: int, timeout_s: float = 300.0) -> Iterator[ServerAddress]:
    """Starts `python -m simulator.serve` on a free port and ends it on leaving.

    The server shares the caller's process group, so that ending the group ends it too; it also ends with
    its parent.
    """
    command = [sys.executable, "-m", "simulator.serve", "--port", "0", "--town", town, "--seed", str(seed)]
    # With --cameras the renderer of a new machine is compiled before the ready line, not within an agent's first tick.
    command += ["--threads", str(threads), "--cameras", "--parent-pid", str(os.getpid())]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL)
        try:
            ready = _ready_line(process, errors, timeout_s)
            yield ServerAddress("127.0.0.1", int(ready["rpc_port"]), EMBEDDED)
        finally:
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
    process.poll()
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip().splitlines()
    if process.returncode is None:
        raise ServerError(f"the embedded simulator was not ready within {timeout_s:.0f} s")
    raise ServerError(
        f"the embedded simulator ended at start: {said[-1] if said else f'exit code {process.returncode}'}"
    )


def check_reachable(address: ServerAddress, timeout_s: float = 5.0) -> None:
    """Raises `ServerError` unless something listens at the address."""
    try:
        socket.create_connection((address.host, address.port), timeout=timeout_s).close()
    except OSError as error:
        raise ServerError(
            f"no CARLA server answers at {address.host}:{address.port} ({error.strerror or error}); "
            "start one there, or leave out --carla to use the embedded simulator"
        ) from error


def free_port() -> int:
    """A TCP port that is free now on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
