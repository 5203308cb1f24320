"""Malformed messages to a server, by the hundred thousand: it must live on, and so must its other clients.

    python -m simulator.fuzz [--messages 100000] [--seed 0]

One message in ten goes to the streaming port, the others to the RPC port; some connections are left open and never read
from, some are cut in the middle of a message. Meanwhile a well-behaved client ticks the world and receives its
snapshots. Exit code 1 when the server ended or the well-behaved client was not served in time.
"""

from __future__ import annotations

import argparse
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgpack
from rich.progress import track

from simulator.options import LARGEST_SEED, CommandParser, whole
from simulator.process import ServerFailed, ServerProcess, server_process
from simulator.proofs.malformed import Malformed
from simulator.types import EpisodeSettings
from simulator.wire.codec import encode
from simulator.wire.streams import WORLD_STREAM

PATIENCE_S = 60.0
_STREAM_SHARE = 0.1
_PER_CHECK = 200
_LEFT_OPEN = 20
_NEW_EPISODE_EVERY = 10_000


class WellBehaved:
    """A client that asks, ticks and listens, and fails when it is not served."""

    def __init__(self, server: ServerProcess) -> None:
        self._rpc = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
        self._world = socket.create_connection(("127.0.0.1", server.stream_port), PATIENCE_S)
        self._world.sendall(struct.pack("<I", WORLD_STREAM))
        self._unpacker = msgpack.Unpacker(strict_map_key=False, max_buffer_size=0)

    def call(self, method: str, *arguments: object) -> Any:
        self._rpc.sendall(msgpack.packb([0, 1, method, [[False], *arguments]]))
        while True:
            for _, _, error, result in self._unpacker:
                if error is not None:
                    raise ConnectionError(f"{method}: {error}")
                return result[0][1] if result[0][0] == 1 else None
            data = self._rpc.recv(1 << 20)
            if not data:
                raise ConnectionError("the server closed the connection of the well-behaved client")
            self._unpacker.feed(data)

    def check(self) -> None:
        """One tick, and its snapshot. The noise may have made the world asynchronous or stopped its clock."""
        self.call("set_episode_settings", encode(EpisodeSettings(True, True, 0.05), EpisodeSettings))
        frame = self.call("tick_cue")
        while self._snapshot() < frame:
            pass

    def _snapshot(self) -> int:
        (size,) = struct.unpack("<I", self._exactly(4))
        return int(struct.unpack_from("<Q", self._exactly(size), 8)[0])

    def _exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            part = self._world.recv(size - len(received))
            if not part:
                raise ConnectionError("the server closed the stream of the well-behaved client")
            received += part
        return received


class Noise:
    """The connections that the malformed messages go through."""

    def __init__(self, server: ServerProcess, seed: int) -> None:
        self._server, self._malformed, self._rng = server, Malformed(seed), random.Random(seed + 1)
        self._rpc = self._connected(server.port)
        self._left_open: list[socket.socket] = []

    def send(self) -> None:
        if self._rng.random() < _STREAM_SHARE:
            self._to_stream()
        else:
            self._to_rpc()

    def _to_stream(self) -> None:
        connection = self._connected(self._server.stream_port)
        with suppress(OSError):
            connection.sendall(self._malformed.stream())
        self._leave(connection)

    def _to_rpc(self) -> None:
        message, fit_for_more = self._malformed.rpc()
        try:
            self._rpc.sendall(message)
            self._read_what_is_there()
        except OSError:
            fit_for_more = False  # disconnected, as it deserved
        if not fit_for_more:
            self._leave(self._rpc)
            self._rpc = self._connected(self._server.port)

    def _read_what_is_there(self) -> None:
        while select.select([self._rpc], [], [], 0.0)[0]:
            if not self._rpc.recv(1 << 20):
                raise ConnectionError

    def _leave(self, connection: socket.socket) -> None:
        """Closes it, or leaves it open unread and closes an older one."""
        if self._rng.random() < 0.5:
            connection.close()
            return
        self._left_open.append(connection)
        if len(self._left_open) > _LEFT_OPEN:
            self._left_open.pop(self._rng.randrange(_LEFT_OPEN)).close()

    def _connected(self, port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    options = _parser().parse_args(arguments)
    sent, started_s = 0, time.monotonic()
    try:
        with server_process("--town", options.town, "--seed", str(options.seed)) as server:
            well_behaved, noise = WellBehaved(server), Noise(server, options.seed)
            for sent in track(range(1, options.messages + 1), "messages", transient=True):
                noise.send()
                if sent % _PER_CHECK == 0:
                    well_behaved.check()
                if sent % _NEW_EPISODE_EVERY == 0:
                    well_behaved.call("load_new_episode", "", True, 0xFFFF)  # or its actors would become ever more
            well_behaved.check()
    except (ServerFailed, OSError) as error:
        print(f"fuzz: after {sent} messages of seed {options.seed}: {error!r}", file=sys.stderr)
        return 1
    print(f"{sent} malformed messages in {time.monotonic() - started_s:.0f} s: the server and its other client live on")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="python -m simulator.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=whole(1), default=100_000)
    parser.add_argument("--town", default="Elm01")
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
