"""A server in a process of its own, for whoever tries it out, measures it or attacks it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerProcess:
    """A server that answers."""

    process: subprocess.Popen[str]
    port: int
    stream_port: int


class ServerFailed(RuntimeError):
    """It did not start, or ended by itself; the text ends with what it printed last."""


@contextmanager
def server_process(*options: str, module: str = "simulator.serve") -> Iterator[ServerProcess]:
    """Runs `python -m simulator.serve` with `options` on free ports of this machine, and ends it afterwards.

    `module` may name a variant of it. Raises ServerFailed when it does not start, and on leaving when it has crashed
    meanwhile.
    """
    command = [sys.executable, "-m", module, "--port", "0", *options]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                process.wait()
                raise ServerFailed(f"the server did not start: {_last_of(said)}")
            ready = json.loads(line)
            yield ServerProcess(process, ready["rpc_port"], ready["stream_port"])
            if process.poll() is not None:
                raise ServerFailed(f"the server ended with exit code {process.returncode}: {_last_of(said)}")
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def _last_of(said: object, characters: int = 2000) -> str:
    said.seek(0)  # type: ignore[attr-defined]
    return str(said.read())[-characters:].strip()  # type: ignore[attr-defined]
