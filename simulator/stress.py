"""Stress of the weak spot of CARLA's client: its Traffic Manager, ticked flat out, can dead-lock.

    python -m simulator.stress [--ticks 100000] [--vehicles 10] [--town Elm01]

A server and a client in processes of their own; the client's tick loop does nothing else. See `simulator.wire.pacing`
for what the server does against the dead-lock. Exit code 1 when the client stood still or died.
"""

from __future__ import annotations

import argparse
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence

from rich.progress import Progress

from simulator.options import LARGEST_SEED, CommandParser, positive, whole
from simulator.process import ServerFailed, server_process


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 all ticks done, 1 the client stood still or ended early, 2 the server failed."""
    options = _parser().parse_args(arguments)
    try:
        with server_process("--town", options.town, "--seed", str(options.seed)) as server:
            return _drive(options, server.port)
    except ServerFailed as error:
        print(f"stress: {error}", file=sys.stderr)
        return 2


def _drive(options: argparse.Namespace, port: int) -> int:
    command = [sys.executable, "-m", "simulator.proofs.flat_out", "--port", str(port)]
    for name in ("ticks", "vehicles", "seed"):
        command += [f"--{name}", str(getattr(options, name))]
    started_s, done = time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client, Progress() as progress:
        assert client.stdout is not None
        bar = progress.add_task("ticks", total=options.ticks)
        with selectors.DefaultSelector() as selector:
            selector.register(client.stdout, selectors.EVENT_READ)
            while selector.select(options.limit):
                line = client.stdout.readline()
                if not line:
                    break
                done = int(line)
                progress.update(bar, completed=done)
            else:
                client.kill()
                progress.stop()
                print(f"the client stood still for {options.limit:.0f} s after tick {done}")
                return 1
    took_s = time.monotonic() - started_s
    print(f"{done} ticks with {options.vehicles} vehicles in {took_s:.0f} s, {1e3 * took_s / max(done, 1):.2f} ms each")
    return 0 if done == options.ticks else 1


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="python -m simulator.stress", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ticks", type=whole(1), default=100_000)
    parser.add_argument("--vehicles", type=whole(0), default=10)
    parser.add_argument("--town", default="Elm01")
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    parser.add_argument(
        "--limit", type=positive, default=300.0, help="seconds without 500 ticks that count as standing still"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
