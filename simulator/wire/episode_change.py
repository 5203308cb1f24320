"""Keeping a client's other threads still while it moves to a new episode.

When `load_new_episode` is answered, CARLA's client lets go of its episode and asks for the new one. Whatever another
of its threads does with the world in between meets a null pointer, and the client dies of a segmentation fault. Its
Traffic Manager is such a thread: in an asynchronous world always, and in a synchronous one during its first step, which
it begins before it is told of the mode, and which takes long when a client that was killed has left vehicles behind. As
this thread asks the server for something every few milliseconds, it can be kept waiting for an answer until the danger
is over.

The thread that reads the client's old stream is another: it may be at work on a snapshot when the stream is closed. An
asynchronous world therefore stands still from the new episode's beginning until the client has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any
from weakref import WeakKeyDictionary

from simulator.wire.rpc import Connection

LOAD, ARRIVED = "load_new_episode", "get_sensor_token"
"""What begins a change, and the first call by which a client shows that it has the new episode."""
OF_THE_CHANGE = frozenset({LOAD, ARRIVED, "version", "get_episode_info", "query_lights_state"})
"""What the client asks for the change's sake, and may not wait for its end (lights: from the thread of its stream)."""
SILENT_S = 0.15
"""A client that asks nothing for this long has no other thread at work."""
ARRIVES_WITHIN_S = 2.0
"""For clients that never ask for the new episode."""


class _Change:
    """One client between two episodes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.over = asyncio.Event()
        self.held = 0
        self.last_call_s = asyncio.get_running_loop().time()


class EpisodeChanges:
    """Which clients are between two episodes, and what waits for that."""

    def __init__(self) -> None:
        self._under_way: WeakKeyDictionary[Connection, _Change] = WeakKeyDictionary()
        self._loaded: set[_Change] = set()

    @property
    def under_way(self) -> bool:
        """Whether a client is between an episode that is gone and the one that has begun."""
        return bool(self._loaded)

    def answer(self, connection: Connection, method: str, result: Any) -> Any:
        """The answer to a call, or an awaitable of it where the call has to wait."""
        change = self._under_way.get(connection)
        if method == LOAD and change is None and isinstance(result, Awaitable):
            change = self._under_way[connection] = _Change(connection)
            return self._leave(change, result)
        if change is None:
            return result
        if method == ARRIVED:
            self._end(change)
        change.last_call_s = asyncio.get_running_loop().time()
        if method in OF_THE_CHANGE or isinstance(result, Awaitable):
            return result
        return _when_over(change, result)

    async def _leave(self, change: _Change, loading: Awaitable[Any]) -> Any:
        loop = asyncio.get_running_loop()
        try:
            result = await loading
        except BaseException:
            self._end(change)
            raise
        if _is_refusal(result):
            self._end(change)
            return result
        self._loaded.add(change)
        while not change.held and (left_s := change.last_call_s + SILENT_S - loop.time()) > 0.0:
            await asyncio.sleep(min(left_s, SILENT_S / 10.0))
        loop.call_later(ARRIVES_WITHIN_S, self._end, change)
        return result

    def _end(self, change: _Change) -> None:
        change.over.set()
        self._loaded.discard(change)
        if self._under_way.get(change.connection) is change:
            del self._under_way[change.connection]


def _is_refusal(result: Any) -> bool:
    """Whether a load was answered with `[[true, [text]]]`: the client keeps its episode."""
    return isinstance(result, list) and bool(result) and result[0][0] is True


async def _when_over(change: _Change, result: Any) -> Any:
    change.held += 1
    await change.over.wait()
    return result
