"""A recorder file: its header, the writer of frames, the reader of packets."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.recording.records import (
    FIXED,
    FRAME,
    PLATFORM_TIME,
    Added,
    Cursor,
    Frame,
    Packet,
    packed_added,
    packed_text,
    taken_added,
)

VERSION, MAGIC = 1, "CARLA_RECORDER"
_PACKET, _COUNT = struct.Struct("<BI"), struct.Struct("<H")
_VERSION, _DATE = struct.Struct("<H"), struct.Struct("<q")
_MOST_RECORDS = 0xFFFF


class NotARecording(ValueError):
    """A file that is no recording."""


@dataclass(frozen=True)
class Header:
    """`date_s`: seconds since 1970. `map_name`: `Elm01`."""

    version: int
    date_s: int
    map_name: str


class RecordingWriter:
    """Writes frame after frame; the duration of a frame is filled in when the next one begins."""

    def __init__(self, path: Path, map_name: str) -> None:
        """Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("wb")
        self._file.write(
            _VERSION.pack(VERSION) + packed_text(MAGIC) + _DATE.pack(int(time.time())) + packed_text(map_name)
        )
        self._last: tuple[int, Frame] | None = None

    def write(self, delta_s: float, records: Mapping[Packet, Sequence[Any]], platform_s: float | None) -> None:
        """One frame, `delta_s` after the one before. Packets go out in the order of their numbers."""
        frame = Frame(1, -1.0, 0.0)
        if self._last is not None:
            at, before = self._last
            frame = Frame(before.id + 1, -1.0, before.elapsed_s + delta_s)
            self._file.seek(at)
            self._file.write(FRAME.pack(before.id, delta_s, before.elapsed_s))
            self._file.seek(0, 2)
        self._last = (self._file.tell() + _PACKET.size, frame)
        self._put(Packet.FRAME_START, FRAME.pack(*frame))
        for packet in sorted(records):
            if packet is Packet.PHYSICS_CONTROL:
                content = b"".join(records[packet])
            elif packet is Packet.EVENT_ADD:
                content = b"".join(map(packed_added, records[packet]))
            else:
                form = FIXED[packet][1]
                content = b"".join(form.pack(*record) for record in records[packet])
            self._put(packet, _COUNT.pack(min(len(records[packet]), _MOST_RECORDS)) + content)
        if platform_s is not None:
            self._put(Packet.PLATFORM_TIME, PLATFORM_TIME.pack(platform_s))
        self._put(Packet.FRAME_END, b"")

    def close(self) -> None:
        self._file.close()

    def _put(self, packet: Packet, content: bytes) -> None:
        self._file.write(_PACKET.pack(packet, len(content)) + content)


class Recording:
    """A recording that was read. Packets that are not known, and a last frame that is cut off, are passed over."""

    def __init__(self, content: bytes) -> None:
        """Raises NotARecording."""
        cursor = Cursor(content)
        try:
            (version,) = cursor.take(_VERSION)
            magic = cursor.text()
            (date_s,) = cursor.take(_DATE)
            self.header = Header(version, date_s, cursor.text())
        except struct.error:
            raise NotARecording from None
        if magic != MAGIC:
            raise NotARecording
        self._content = content
        self.frames: list[tuple[Frame, int, int]] = []
        """Each with where its packets begin and end."""
        for packet, at, size in self._packets(cursor.at, len(content)):
            if packet == Packet.FRAME_START and size >= FRAME.size:
                self.frames.append((Frame(*FRAME.unpack_from(content, at)), at + size, len(content)))
                if len(self.frames) > 1:
                    before, start, _ = self.frames[-2]
                    self.frames[-2] = (before, start, at - _PACKET.size)

    @property
    def duration_s(self) -> float:
        return self.frames[-1][0].elapsed_s if self.frames else 0.0

    def records(self, k: int) -> Iterator[tuple[Packet, list[Any]]]:
        """The packets of the k-th frame, each with its records; `PLATFORM_TIME` has one number."""
        _, start, end = self.frames[k]
        for packet, at, size in self._packets(start, end):
            try:
                if packet == Packet.PLATFORM_TIME:
                    yield Packet.PLATFORM_TIME, [PLATFORM_TIME.unpack_from(self._content, at)[0]]
                elif packet == Packet.EVENT_ADD:
                    yield Packet.EVENT_ADD, self._added(at)
                elif packet in FIXED:
                    make, form = FIXED[Packet(packet)]
                    (count,) = _COUNT.unpack_from(self._content, at)
                    count = min(count, (size - _COUNT.size) // form.size)
                    first = at + _COUNT.size
                    content = memoryview(self._content)[first : first + count * form.size]
                    yield Packet(packet), [make(*values) for values in form.iter_unpack(content)]
            except struct.error:
                return

    def _added(self, at: int) -> list[Added]:
        (count,) = _COUNT.unpack_from(self._content, at)
        cursor = Cursor(self._content, at + _COUNT.size)
        return [taken_added(cursor) for _ in range(count)]

    def _packets(self, at: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Number, place and size of the content of each whole packet."""
        while at + _PACKET.size <= end:
            packet, size = _PACKET.unpack_from(self._content, at)
            at += _PACKET.size
            if at + size > end:
                return
            yield packet, at, size
            at += size


def read_recording(path: Path) -> Recording:
    """Raises OSError and NotARecording."""
    return Recording(path.read_bytes())
