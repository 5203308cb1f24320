"""Messages between nightloop and an agent in another Python: a length, JSON, and large arrays in shared memory.

Floating-point numbers travel as the bits they are. An array in shared memory is not copied a second time where it is
read: the agent owns it, and its place is used again when the agent has let go of it.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Tuple

import numpy as np

# Smaller arrays stand in the message: a mapping of their own would cost more.
LEAST_SHARED_BYTES = 4096
# Longer texts are told once and named by their number after: an OpenDRIVE map comes with every tick.
LEAST_KEPT_TEXT = 4096

Place = Tuple[int, int]  # where an array's memory begins, and how long it is


class Other:
    """What cannot travel: it is told by how it prints."""

    def __init__(self, printed: str) -> None:
        self._printed = printed

    def __repr__(self) -> str:
        return self._printed


class Encoder:
    """Turns values into JSON. `share` puts an array into shared memory; without it arrays stand in the message."""

    def __init__(self, share: Callable[[np.ndarray], Place] | None = None) -> None:
        self._share = share
        self._texts: dict[str, int] = {}

    def encode(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (np.ndarray, np.generic)):
            return self._array(value)
        if isinstance(value, float):
            return {"float": struct.pack("<d", value).hex()}
        if isinstance(value, int):
            return int(value)
        if isinstance(value, str):
            return self._text(str(value))
        if isinstance(value, Mapping):
            return {"dict": [[self.encode(key), self.encode(value[key])] for key in value]}
        if isinstance(value, tuple):
            return {"tuple": [self.encode(member) for member in value]}
        if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
            return [self.encode(member) for member in value]
        return {"other": repr(value)}

    def _array(self, value: Any) -> Any:
        if value.dtype.hasobject or value.dtype.names:
            return {"other": repr(value)}
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        described = [value.dtype.str, list(value.shape)]
        if self._share is not None and value.nbytes >= LEAST_SHARED_BYTES:
            return {"shared": described + list(self._share(value))}
        return {kind: [*described, value.tobytes().hex()]}

    def _text(self, value: str) -> Any:
        if len(value) < LEAST_KEPT_TEXT:
            return value
        known = self._texts.get(value)
        if known is None:
            self._texts[value] = len(self._texts)
            return {"text": value}
        return {"known": known}


class Decoder:
    """The way back. `shared` finds an array's memory."""

    def __init__(self, shared: Callable[[Place], np.ndarray] | None = None) -> None:
        self._shared = shared
        self._texts: list[str] = []

    def decode(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self.decode(member) for member in tree]
        if not isinstance(tree, dict):
            return tree
        ((kind, told),) = tree.items()
        if kind == "float":
            return struct.unpack("<d", bytes.fromhex(told))[0]
        if kind == "dict":
            return {self.decode(key): self.decode(value) for key, value in told}
        if kind == "tuple":
            return tuple(self.decode(member) for member in told)
        if kind == "text":
            self._texts.append(told)
            return told
        if kind == "known":
            return self._texts[told]
        if kind == "other":
            return Other(told)
        dtype, shape = np.dtype(told[0]), tuple(told[1])
        if kind == "shared":
            assert self._shared is not None
            size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
            return self._shared((told[2], told[3]))[:size].view(dtype).reshape(shape)
        raw = bytes.fromhex(told[2])
        array = np.frombuffer(raw, dtype).reshape(shape).copy() if raw else np.zeros(shape, dtype)
        return array[()] if kind == "scalar" else array


class Frames:
    """Shared memory as the side that fills it sees it: a growing file without a name, in pieces of one array each."""

    def __init__(self) -> None:
        self.file = os.memfd_create("nightloop-frames")
        self._end = 0
        self._pieces: dict[int, np.ndarray] = {}
        self._in_use: set = set()

    def share(self, array: np.ndarray) -> Place:
        """Copies the array into a piece that nobody holds."""
        free = [start for start in self._pieces if start not in self._in_use and self._fits(start, array.nbytes)]
        start = min(free, key=lambda start: len(self._pieces[start])) if free else self._grow(array.nbytes)
        self._in_use.add(start)
        piece = self._pieces[start]
        np.copyto(piece[: array.nbytes].view(array.dtype).reshape(array.shape), array)
        return start, len(piece)

    def held(self, starts: Sequence[int]) -> None:
        """The other side holds these alone."""
        self._in_use = set(starts)

    def _fits(self, start: int, size: int) -> bool:
        """A much larger piece is left to larger arrays."""
        return size <= len(self._pieces[start]) <= 4 * size

    def _grow(self, size: int) -> int:
        # With a reserve: a lidar has not the same number of points in every tick.
        page = mmap.ALLOCATIONGRANULARITY
        start, length = self._end, -(-(size + size // 8) // page) * page
        os.ftruncate(self.file, start + length)
        self._end = start + length
        self._pieces[start] = np.frombuffer(mmap.mmap(self.file, length, offset=start), np.uint8)
        return start

    def close(self) -> None:
        self._pieces.clear()
        os.close(self.file)


class SeenFrames:
    """The same memory as the other side sees it."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._pieces: dict[int, np.ndarray] = {}
        self._idle_count = 0

    def memory(self, place: Place) -> np.ndarray:
        start, length = place
        if start not in self._pieces:
            self._pieces[start] = np.frombuffer(mmap.mmap(self._file, length, offset=start), np.uint8)
            self._idle_count = sys.getrefcount(self._pieces[start])  # counted as `held` does, while nobody looks
        return self._pieces[start]

    def held(self) -> list[int]:
        """Where the pieces begin that some array still looks at: every view of a piece counts as a reference to it."""
        return [start for start in self._pieces if sys.getrefcount(self._pieces[start]) > self._idle_count]


class Channel:
    """Whole messages over two pipes. `wait` is called before each read, and may raise."""

    def __init__(self, source: int, sink: int, wait: Callable[[], None] = lambda: None) -> None:
        self._source, self._sink, self._wait = source, sink, wait

    def send(self, message: Any) -> None:
        text = json.dumps(message, separators=(",", ":")).encode()
        rest = memoryview(struct.pack("<Q", len(text)) + text)
        while rest:
            rest = rest[os.write(self._sink, rest) :]

    def receive(self) -> Any:
        """The next message; EOFError where the other side is gone."""
        (length,) = struct.unpack("<Q", self._read(8))
        return json.loads(self._read(length).decode())

    def _read(self, length: int) -> bytes:
        chunks = []
        while length:
            self._wait()
            chunk = os.read(self._source, min(length, 1 << 20))
            if not chunk:
                raise EOFError
            chunks.append(chunk)
            length -= len(chunk)
        return b"".join(chunks)
