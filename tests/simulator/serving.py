"""The server as its users start it: a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class RunningServer:
    process: subprocess.Popen[str]
    port: int
    stream_port: int


def start(*options: str) -> subprocess.Popen[str]:
    """`python -m simulator.serve` on free ports."""
    command = [sys.executable, "-m", "simulator.serve", "--port", "0", "--threads", "2", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_ready(process: subprocess.Popen[str]) -> RunningServer:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        assert process.stderr is not None
        raise RuntimeError(f"the server did not start: {process.stderr.read()}")
    ready = json.loads(line)
    return RunningServer(process, ready["rpc_port"], ready["stream_port"])


@contextmanager
def running_server(*options: str) -> Iterator[RunningServer]:
    process = start(*options)
    try:
        yield until_ready(process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
