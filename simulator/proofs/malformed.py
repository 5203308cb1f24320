"""Messages that no client should send, from one seed: nearly right, wrong, cut off, or plain noise."""

from __future__ import annotations

import random
import struct
from typing import Any

import msgpack

from simulator.methods import METHODS

_LEFT_OUT = frozenset({"start_recorder", "replay_file"})
"""They read and write files; the noise is not to name any."""
_NAMES = (
    "",
    "x",
    "root",
    "vehicle.tesla.model3",
    "walker.pedestrian.0001",
    "sensor.other.imu",
    "Elm01",
    "\x00",
    "ü" * 40,
)
_NUMBERS = (
    *(0, 1, -1, 2, 17, 255, 256, 2**31, 3_000_000_000, 2**32 - 1, 2**40, 2**63),
    *(0.0, 0.5, -1e9, 3e38, 1e300, float("nan"), float("inf")),
)


class Malformed:
    """An endless supply. `rpc` and `stream` give the bytes of one message."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._methods = sorted(METHODS.keys() - _LEFT_OUT)
        self._packer = msgpack.Packer(unicode_errors="surrogateescape")
        self._calls = 0

    def rpc(self) -> tuple[bytes, bool]:
        """One message for the RPC port, and whether it leaves the connection fit for another."""
        kind = self._rng.random()
        if kind < 0.80:
            return self._packer.pack(self._call()), True
        if kind < 0.90:
            return self._packer.pack(self._no_call()), False
        if kind < 0.94:
            whole = self._packer.pack(self._call())
            return whole[: self._rng.randrange(1, len(whole))], False
        if kind < 0.97:
            return self._damaged(self._packer.pack(self._call())), False
        return self._rng.choice((self._noise(), _BOMBS[self._rng.randrange(len(_BOMBS))])), False

    def stream(self) -> bytes:
        """What a subscriber might say: the id of a stream that is or is not there, less than that, or more."""
        stream_id = self._rng.choice((0, 1, 2, 3, 40, 2**31, 2**32 - 1))
        whole = struct.pack("<I", stream_id)
        return self._rng.choice((whole, whole[: self._rng.randrange(4)], whole + self._noise(), self._noise()))

    def _call(self) -> list[Any]:
        """Right in form; the method may be known and its arguments are anything."""
        self._calls = (self._calls + 1) % 2**32
        known = self._rng.random() < 0.95
        method = self._rng.choice(self._methods) if known else self._rng.choice(_NAMES)
        arity = len(METHODS[method].coders) if known else 2
        count = arity if self._rng.random() < 0.85 else self._rng.randrange(5)
        return [0, self._calls, method, [[False], *(self._value(3) for _ in range(count))]]

    def _no_call(self) -> Any:
        return self._rng.choice(
            (self._value(3), [0], [1, 2, None, None], [0, "id", "version", [[False]]], [0, 1, 2, []],
             [0, 1, "version", 5], [0, 1, "version", []], [7, 1, "version", [[False]]], {"version": 1})
        )  # fmt: skip

    def _value(self, depth: int) -> Any:
        rng = self._rng
        kind = rng.randrange(8 if depth else 5)
        if kind == 0:
            return rng.choice(_NUMBERS)
        if kind == 1:
            return rng.choice(_NAMES)
        if kind == 2:
            return rng.choice((True, False, None))
        if kind == 3:
            return rng.randbytes(rng.randrange(30))
        if kind == 4:
            return rng.randrange(200)
        if kind == 5:
            return {rng.choice(_NAMES): self._value(depth - 1)}
        size = rng.choice((0, 1, 2, 3, 3, 4, 7, 14, 17))
        return [self._value(depth - 1) for _ in range(size)]

    def _damaged(self, whole: bytes) -> bytes:
        damaged = bytearray(whole)
        for _ in range(self._rng.randrange(1, 4)):
            damaged[self._rng.randrange(len(damaged))] = self._rng.randrange(256)
        return bytes(damaged)

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.randrange(1, 400))


_BOMBS = (
    b"\x91" * 5000,  # an array in an array in an array ...
    b"\xdd\xff\xff\xff\xff",  # arrays, maps, texts and blobs of four gigabytes to come
    b"\xdd\x00\x3f\xff\xff" * 200,
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\x94\x00\x01\xa7version\xdd\x03\xff\xff\xff",
    b"\xc1",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)
