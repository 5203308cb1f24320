"""Proof that the same commands give the same simulation, bit for bit.

    python -m simulator.determinism [--ticks 2000] [--vehicles 50] [--walkers 20] [--town Elm02]

Two servers, each with a client of its own, all in processes of their own, are driven at the same time by the same
commands: vehicles of the client's Traffic Manager, walkers, changing weather, every kind of camera. Printed are the
hashes of all snapshots and of all pixels so far, once per 100 ticks. Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from simulator.options import LARGEST_SEED, CommandParser, picture_size, whole
from simulator.process import ServerFailed, server_process

RENDER_THREADS = (1, 2)
"""Of the two servers: their number must not show in the pixels."""
_SHOWN = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 same, 1 not the same, 2 a drive failed."""
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        try:
            drives = [stack.enter_context(_Drive(options, threads)) for threads in RENDER_THREADS]
        except ServerFailed as error:
            print(f"determinism: {error}", file=sys.stderr)
            return 2
        return _compare(drives)


def _compare(drives: Sequence[_Drive]) -> int:
    counts = [drive.line() for drive in drives]
    if None in counts:
        return 2
    print(f"{counts[0]['vehicles']} vehicles, {counts[0]['walkers']} walkers", flush=True)
    print(f"{'tick':>6}  {'snapshots':{_SHOWN}}  {'pixels':{_SHOWN}}  the other server's")
    same = counts[0] == counts[1]
    while True:
        first, second = (drive.line() for drive in drives)
        if first is None and second is None:
            break
        if first is None or second is None:
            print("determinism: one of the drives ended early", file=sys.stderr)
            return 2
        same = same and first == second
        print(f"{_shown(first)}  {'the same' if first == second else _shown(second)}", flush=True)
    if any(drive.client.wait() != 0 for drive in drives):
        return 2
    print("the same, bit for bit" if same else "NOT the same")
    return 0 if same else 1


def _shown(line: dict[str, Any]) -> str:
    return f"{line['tick']:6d}  {line['snapshots'][:_SHOWN]}  {line['pixels'][:_SHOWN]}"


class _Drive:
    """A server and the client that drives it."""

    def __init__(self, options: argparse.Namespace, threads: int) -> None:
        self._options, self._threads = options, threads
        self._stack = ExitStack()
        self.client: subprocess.Popen[str]

    def __enter__(self) -> _Drive:
        o = self._options
        server = self._stack.enter_context(
            server_process("--cameras", "--town", o.town, "--seed", str(o.seed), "--threads", str(self._threads))
        )
        command = [sys.executable, "-m", "simulator.proofs.drive"]
        command += ["--port", str(server.port), "--stream-port", str(server.stream_port)]
        for name in ("ticks", "vehicles", "walkers", "seed"):
            command += [f"--{name}", str(getattr(o, name))]
        command += ["--image", "x".join(str(side) for side in o.image)]
        self.client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._stack.callback(self._end)
        return self

    def line(self) -> Any:
        """What the client says next, None when it has ended."""
        assert self.client.stdout is not None
        line = self.client.stdout.readline()
        return json.loads(line) if line else None

    def _end(self) -> None:
        self.client.kill()
        self.client.wait()

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="python -m simulator.determinism",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--ticks", type=whole(1), default=2000)
    parser.add_argument("--vehicles", type=whole(0), default=50)
    parser.add_argument("--walkers", type=whole(0), default=20)
    parser.add_argument("--town", default="Elm02")
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    parser.add_argument("--image", type=picture_size, default="160x96", help="size of the cameras' images")
    return parser


if __name__ == "__main__":
    sys.exit(main())
