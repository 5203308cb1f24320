"""The CARLA servers that the user runs, each of which takes one drive at a time."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Sequence

import carla

from harness.errors import ServerError
from harness.server import ServerAddress, check_reachable, parse_address

ANSWER_LIMIT_S = 2.0
VERSION_LIMIT_S = 20.0
BACK_LIMIT_S = 180.0
"""CARLA's servers end now and then; where something starts them again, it takes a minute."""


def parse_addresses(text: str) -> tuple[ServerAddress, ...]:
    """Reads the `HOST:PORT,HOST:PORT` of `--carla`; one that stands twice counts once."""
    return tuple(dict.fromkeys(parse_address(part.strip()) for part in text.split(",")))


def check_servers(servers: Sequence[ServerAddress]) -> None:
    """Raises ServerError unless all of them answer and, if there are several, are of one version."""
    for server in servers:
        check_reachable(server)
    if len(servers) < 2:
        return
    versions = {server: _version(server) for server in servers}
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{server} is {version}" for server, version in versions.items())
        raise ServerError(f"--carla: servers of one run must be of one version of CARLA: {told}")


def has_ended(server: ServerAddress) -> bool:
    """Whether nothing listens there any more; one that is merely slow to answer may be at work."""
    try:
        socket.create_connection((server.host, server.port), timeout=ANSWER_LIMIT_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


class Servers:
    """Hands out those that are free and answer."""

    def __init__(self, servers: Sequence[ServerAddress]):
        self._free = deque(servers)
        self._silent_since: float | None = None

    def take(self) -> ServerAddress | None:
        """One that is free and answers, the one that has been free for longest; None if there is none now."""
        for _ in range(len(self._free)):
            server = self._free.popleft()
            try:
                check_reachable(server, ANSWER_LIMIT_S)
            except ServerError:
                self._free.append(server)
                continue
            self._silent_since = None
            return server
        if self._free and self._silent_since is None:
            self._silent_since = time.monotonic()
        return None

    def give_back(self, server: ServerAddress) -> None:
        self._free.append(server)

    @property
    def silent_s(self) -> float:
        """For how long none of those that are free has answered."""
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since


def _version(server: ServerAddress) -> str:
    client = carla.Client(server.host, server.port)
    client.set_timeout(VERSION_LIMIT_S)
    try:
        return client.get_server_version()
    except RuntimeError as error:
        raise ServerError(f"no CARLA server answers at {server} ({error})") from error
