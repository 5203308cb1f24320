from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from simulator.wire import streams as streams_module
from simulator.wire.streams import StreamServer, Subscriber, token


def _with_streams(talk: Callable[[StreamServer], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        streams = StreamServer(socket.create_server(("127.0.0.1", 0)))
        try:
            await asyncio.wait_for(talk(streams), 20.0)
        finally:
            streams.close()

    asyncio.run(run())


async def _subscribe(streams: StreamServer, stream_id: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", streams.port)
    writer.write(struct.pack("<I", stream_id))
    await _until(lambda: streams.has_subscribers(stream_id))
    return reader, writer


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def _message(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack("<I", await reader.readexactly(4))
    return await reader.readexactly(size)


def test_a_token_says_stream_and_port_and_leaves_the_host_to_the_client() -> None:
    assert token(5, 2001) == struct.pack("<IHBB16s", 5, 2001, 1, 0, b"")
    assert len(token(1, 1)) == 24


def test_every_subscriber_of_a_stream_gets_every_message() -> None:
    async def talk(streams: StreamServer) -> None:
        first, _w1 = await _subscribe(streams, 3)
        second, _w2 = await asyncio.open_connection("127.0.0.1", streams.port)
        _w2.write(struct.pack("<I", 3))
        other, _w3 = await _subscribe(streams, 4)
        await asyncio.sleep(0.05)
        streams.publish(3, (b"head", memoryview(b"body")))
        streams.publish(3, (b"again",))
        streams.publish(4, (b"other",))
        streams.publish(9, (b"nobody",))
        for reader in (first, second):
            assert await _message(reader) == b"headbody"
            assert await _message(reader) == b"again"
        assert await _message(other) == b"other"

    _with_streams(talk)


def test_large_and_small_messages_keep_their_order() -> None:
    async def talk(streams: StreamServer) -> None:
        reader, _writer = await _subscribe(streams, 3)
        image = bytes(range(256)) * 12_000
        sent = [image, b"small", image[::-1], b"x", image]
        for message in sent:
            streams.publish(3, (message[:1], memoryview(message)[1:]))
        for message in sent:
            assert await _message(reader) == message

    _with_streams(talk)


def test_a_subscriber_that_went_away_is_forgotten() -> None:
    async def talk(streams: StreamServer) -> None:
        _reader, writer = await _subscribe(streams, 3)
        stays, _w = await _subscribe(streams, 4)
        writer.close()
        await _until(lambda: not streams.has_subscribers(3))
        streams.publish(3, (b"x" * 1_000_000,))
        streams.publish(4, (b"x",))
        assert await _message(stays) == b"x"

    _with_streams(talk)


def test_lossy_messages_skip_a_busy_subscriber() -> None:
    async def talk(streams: StreamServer) -> None:
        reader, _writer = await _subscribe(streams, 3)
        for number in range(20):
            streams.publish(3, (bytes([number]) * 20_000_000,), lossy=True)
        first = await _message(reader)
        assert first[:1] == b"\0"
        await asyncio.sleep(0.05)
        streams.publish(3, (b"later",))
        following = await _message(reader)
        while following != b"later":
            assert len(following) == 20_000_000
            following = await _message(reader)

    _with_streams(talk)


def test_a_listener_that_reads_nothing_is_disconnected_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "STALLED_AFTER_S", 0.2)
    monkeypatch.setattr(streams_module, "MAX_BACKLOG_BYTES", 1 << 20)

    async def talk(streams: StreamServer) -> None:
        with socket.create_connection(("127.0.0.1", streams.port)) as lazy:
            lazy.send(struct.pack("<I", 3))
            await _until(lambda: streams.has_subscribers(3))
            streams.publish(3, (bytes(30_000_000),))
            await streams.caught_up()
            assert not streams.has_subscribers(3)

    _with_streams(talk)


def test_a_tick_waits_for_a_subscriber_that_was_told_to_come_but_not_for_ever() -> None:
    async def talk(streams: StreamServer) -> None:
        streams.expect(3)
        waiting = asyncio.ensure_future(streams.expected_arrived(10.0))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await _subscribe(streams, 3)
        await asyncio.wait_for(waiting, 1.0)
        streams.expect(8)
        started_s = asyncio.get_running_loop().time()
        await streams.expected_arrived(0.05)
        await streams.expected_arrived(0.05)
        assert asyncio.get_running_loop().time() - started_s < 0.2

    _with_streams(talk)


class _SlowSocket:
    """Its `sendmsg` is under way until it is told to go on, as one that has not reached the kernel yet."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.closed = threading.Event(), threading.Event(), threading.Event()

    def sendmsg(self, views: list[memoryview], *_: object) -> int:
        self.begun.set()
        self.go_on.wait(10.0)
        raise BrokenPipeError

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        self.closed.set()


def test_a_sockets_number_is_not_given_to_another_client_while_a_thread_may_write_to_it() -> None:
    connection = _SlowSocket()
    subscriber = Subscriber(connection)  # type: ignore[arg-type]
    subscriber.send([bytes(1 << 20)])
    assert connection.begun.wait(10.0)
    subscriber.close()
    assert not connection.closed.is_set()
    connection.go_on.set()
    assert connection.closed.wait(10.0)
