"""msgpack-RPC over TCP, as CARLA's client speaks it.

A request is `[0, id, method, [metadata, *arguments]]` and its answer `[1, id, error, result]`, one msgpack value after
the other without length prefix. Answers may come in any order. A peer that sends anything else is disconnected; one
that asks faster than it takes the answers waits.
"""

from __future__ import annotations

import asyncio
import reprlib
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgpack

MAX_REQUEST_BYTES = 64 << 20
MAX_ARRAY = 1 << 22
"""Items of one array. Room for it is made when its length is read: a few bytes must not ask for gigabytes."""
MAX_UNREAD_BYTES = 16 << 20
"""Answers that wait for a client to take them. It gets no more before."""
MAX_OUTSTANDING = 64
"""Calls of one client (ticks) that wait for their turn; what it asks beyond them is not read yet."""


class RpcError(Exception):
    """Answered with an RPC error, which the client raises as `rpc::rpc_error during call in function NAME`."""


Call = Callable[["Connection", str, list[Any]], Any]
"""Answers one method with the result as it goes over the wire, or with an awaitable of it."""


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, call: Call, connections: set[Connection]) -> None:
        self._call, self._connections = call, connections
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            unicode_errors="surrogateescape",
            max_buffer_size=MAX_REQUEST_BYTES,
            max_array_len=MAX_ARRAY,
            max_map_len=MAX_ARRAY,
        )
        self._packer = msgpack.Packer(unicode_errors="surrogateescape")
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._unread = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=MAX_UNREAD_BYTES)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        with self._checked():
            self._unpacker.feed(data)
        self._go_on()

    def pause_writing(self) -> None:
        self._unread = True

    def resume_writing(self) -> None:
        self._unread = False
        self._go_on()

    def _go_on(self) -> None:
        """Answers what has arrived, as far as the peer may ask for more now."""
        with self._checked():
            while self._transport is not None and not self._is_full:
                try:
                    message = next(self._unpacker)
                except StopIteration:
                    break
                self._receive(message)
        if self._transport is not None:
            if self._is_full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    @property
    def _is_full(self) -> bool:
        return self._unread or len(self._tasks) >= MAX_OUTSTANDING

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, RecursionError, MemoryError, msgpack.UnpackException) as error:
            self._disconnect(f"not a request: {error!r}"[:200])

    def _receive(self, message: Any) -> None:
        match message:
            case [0, int(call_id), str(method), [_, *arguments]]:
                self._answer(call_id, method, arguments)
            case [2, str(method), [_, *arguments]]:
                self._answer(None, method, arguments)
            case _:
                raise ValueError(reprlib.repr(message)[:60])

    def _answer(self, call_id: int | None, method: str, arguments: list[Any]) -> None:
        try:
            result = self._call(self, method, arguments)
        except RpcError as error:
            self._reply(call_id, str(error), None)
        except Exception:  # a mistake of ours is told and answered: the client would wait for its time-out
            self._failed(call_id, method)
        else:
            if isinstance(result, Awaitable):
                # kept in a set: the loop holds tasks weakly
                task = asyncio.ensure_future(self._answer_later(call_id, method, result))
                self._tasks.add(task)
                task.add_done_callback(self._answered)
            else:
                self._reply(call_id, None, result)

    def _answered(self, task: asyncio.Task[None]) -> None:
        was_full = self._is_full
        self._tasks.discard(task)
        if was_full:
            self._go_on()

    async def _answer_later(self, call_id: int | None, method: str, result: Awaitable[Any]) -> None:
        try:
            self._reply(call_id, None, await result)
        except RpcError as error:
            self._reply(call_id, str(error), None)
        except Exception:  # as in `_answer`; nobody else looks at the task's end
            self._failed(call_id, method)

    def _failed(self, call_id: int | None, method: str) -> None:
        print(f"simulator: {method} failed", file=sys.stderr)
        traceback.print_exc()
        self._reply(call_id, f"internal error in {method}", None)

    def _reply(self, call_id: int | None, error: str | None, result: Any) -> None:
        if call_id is not None and self._transport is not None:
            self._transport.write(self._packer.pack([1, call_id, error, result]))

    def _disconnect(self, why: str) -> None:
        if self._transport is not None:
            peer = self._transport.get_extra_info("peername")
            print(f"simulator: disconnected {peer}: {why}", file=sys.stderr)
            self._transport.abort()
            self._transport = None


async def serve_rpc(call: Call, listener: socket.socket) -> tuple[asyncio.Server, set[Connection]]:
    """Serves `call` on a bound socket; the set always holds the open connections."""
    connections: set[Connection] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(call, connections), sock=listener)
    return server, connections
