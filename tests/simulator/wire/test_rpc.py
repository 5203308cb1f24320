from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgpack
import pytest

from simulator.wire.rpc import Connection, RpcError, serve_rpc


async def _slow() -> str:
    await asyncio.sleep(0.05)
    return "slow"


def _call(connection: Connection, method: str, arguments: list[Any]) -> Any:
    if method == "slow":
        return _slow()
    if method == "broken":
        raise RuntimeError("a bug")
    if method == "add":
        return sum(arguments)
    raise RpcError(f"no {method}")


def _with_server(talk: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        server, _ = await serve_rpc(_call, listener)
        try:
            await asyncio.wait_for(talk(listener.getsockname()[1]), 5.0)
        finally:
            server.close()

    asyncio.run(run())


def _request(call_id: int, method: str, *arguments: object) -> bytes:
    return msgpack.packb([0, call_id, method, [[False], *arguments]])


async def _answers(reader: asyncio.StreamReader, count: int) -> list[Any]:
    unpacker = msgpack.Unpacker()
    answers: list[Any] = []
    while len(answers) < count:
        data = await reader.read(65536)
        if not data:
            break
        unpacker.feed(data)
        answers.extend(unpacker)
    return answers


def test_requests_are_answered_by_their_id_even_when_cut_into_pieces() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in _request(7, "add", 1, 2) + _request(8, "add", 3.5):
            writer.write(bytes([byte]))
            await writer.drain()
        assert await _answers(reader, 2) == [[1, 7, None, 3], [1, 8, None, 3.5]]
        writer.close()

    _with_server(talk)


def test_a_slow_answer_does_not_hold_up_the_next() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_request(1, "slow") + _request(2, "add", 1))
        assert await _answers(reader, 2) == [[1, 2, None, 1], [1, 1, None, "slow"]]
        writer.close()

    _with_server(talk)


def test_unknown_methods_and_bugs_are_rpc_errors(capsys: pytest.CaptureFixture[str]) -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_request(1, "nothing") + _request(2, "broken") + _request(3, "add", 1))
        assert await _answers(reader, 3) == [
            [1, 1, "no nothing", None],
            [1, 2, "internal error in broken", None],
            [1, 3, None, 1],
        ]
        writer.close()

    _with_server(talk)
    assert "a bug" in capsys.readouterr().err


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xc1" * 10,
        b"\x91" * 5000,  # arrays nested too deep
        msgpack.packb([0, "id", "add", [[False]]]),
        msgpack.packb([0, 1, "add", "no array"]),
        msgpack.packb([1, 1, None, 3]),
        msgpack.packb({"method": "add"}),
        b"\xdd\xff\xff\xff\xff",  # an array of 4 milliards
        random.Random(0).randbytes(64) + b"\xc1",
    ],
    ids=range(9),
)
def test_garbage_ends_its_own_connection_only(garbage: bytes) -> None:
    async def talk(port: int) -> None:
        good_reader, good_writer = await asyncio.open_connection("127.0.0.1", port)
        bad_reader, bad_writer = await asyncio.open_connection("127.0.0.1", port)
        bad_writer.write(garbage)
        with suppress(ConnectionResetError):
            assert await bad_reader.read(100) == b""
        good_writer.write(_request(1, "add", 1))
        assert await _answers(good_reader, 1) == [[1, 1, None, 1]]
        good_writer.close()
        bad_writer.close()

    _with_server(talk)
