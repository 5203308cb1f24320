"""The streaming port: sensor messages and world snapshots to whoever subscribed.

A subscriber connects, sends the id of a stream (u32) and then only receives: `length:u32` and so many bytes, again and
again.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress

from simulator.wire.payloads import Part

WORLD_STREAM = 1

MAX_BACKLOG_BYTES = 64 << 20
"""A synchronous world waits for a subscriber that is so far behind."""
STALLED_AFTER_S = 5.0
HOPELESS_BACKLOG_BYTES = 4 * MAX_BACKLOG_BYTES
"""An asynchronous world does not wait: who is so far behind is disconnected."""
GREETING_WITHIN_S = 60.0
_OUT_OF_FILES_PAUSE_S = 0.5
_INLINE_BYTES = 64 << 10

_U32 = struct.Struct("<I")
_TOKEN = struct.Struct("<IHBB16x")
_TCP, _SAME_HOST = 1, 0


def token(stream_id: int, port: int) -> bytes:
    """24 bytes that tell a client where a stream is: on the host that it is connected to, at `port`."""
    return _TOKEN.pack(stream_id, port, _TCP, _SAME_HOST)


class Subscriber:
    """One connection to one stream.

    Small messages are written at once; a large one (an image) goes to a thread of its own that blocks in `sendmsg`: the
    pixels are copied only by the kernel, while the simulation goes on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.stream_id: int | None = None
        self.greeting = b""
        self.failed = False
        self._queue: deque[list[memoryview]] = deque()
        self._waiting = threading.Condition()
        self._backlog_bytes = 0
        self._thread: threading.Thread | None = None
        self._sending = self._closed = False

    @property
    def backlog_bytes(self) -> int:
        return self._backlog_bytes

    def send(self, parts: Sequence[Part]) -> None:
        """Sends all of `parts`, now or behind what is still under way."""
        views = [memoryview(part).cast("B") for part in parts]
        with self._waiting:
            if self.failed:
                return
            if self._backlog_bytes == 0 and sum(map(len, views)) <= _INLINE_BYTES:
                views = self._write_some(views)
            if views:
                self._backlog_bytes += sum(map(len, views))
                self._queue.append(views)
                self._waiting.notify()
        if views and self._thread is None:
            self._sending = True
            self._thread = threading.Thread(target=self._run, name=f"stream-{self.stream_id}", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """The socket's number is given back by whoever uses it last: the thread could be about to write to it, and the
        next client to connect gets the same number."""
        with self._waiting:
            self.failed = self._closed = True
            self._queue.clear()
            self._waiting.notify()
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread out of sendmsg
            if not self._sending:
                self.socket.close()

    def _write_some(self, views: list[memoryview]) -> list[memoryview]:
        try:
            return _after(views, self.socket.sendmsg(views, [], socket.MSG_DONTWAIT))
        except BlockingIOError:
            return views
        except OSError:
            self.failed = True
            return []

    def _run(self) -> None:
        self._send_queue()
        with self._waiting:
            self._sending = False
            if self._closed:
                self.socket.close()

    def _send_queue(self) -> None:
        while True:
            with self._waiting:
                while not self._queue and not self.failed:
                    self._waiting.wait()
                if self.failed:
                    return
                views = self._queue.popleft()
            size = sum(map(len, views))
            try:
                while views:
                    views = _after(views, self.socket.sendmsg(views))
            except OSError:
                self.failed = True
                return
            with self._waiting:
                self._backlog_bytes -= size


def _after(views: list[memoryview], sent: int) -> list[memoryview]:
    """What is left of `views` after `sent` bytes."""
    for i, view in enumerate(views):
        if sent < len(view):
            return [view[sent:], *views[i + 1 :]]
        sent -= len(view)
    return []


class StreamServer:
    """All streams of a server. Lives in the event loop's thread."""

    def __init__(self, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._subscribers: defaultdict[int, set[Subscriber]] = defaultdict(set)
        self._expected: dict[int, int] = {}
        self._all_arrived = asyncio.Event()
        self._all_arrived.set()
        self._loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self._open_door()

    def token(self, stream_id: int) -> bytes:
        return token(stream_id, self.port)

    def has_subscribers(self, stream_id: int) -> bool:
        return bool(self._subscribers.get(stream_id))

    def expect(self, stream_id: int) -> None:
        """A client was told where a stream is and is about to connect."""
        self._expected[stream_id] = self._expected.get(stream_id, 0) + 1
        self._all_arrived.clear()

    async def expected_arrived(self, timeout_s: float) -> None:
        """Waits for those who are about to connect: if the server ticked at once they would miss its first message."""
        if self._expected:
            try:
                await asyncio.wait_for(self._all_arrived.wait(), timeout_s)
            except asyncio.TimeoutError:
                self._expected.clear()
                self._all_arrived.set()

    def publish(self, stream_id: int, parts: Sequence[Part], lossy: bool = False) -> None:
        """Sends one message to every subscriber; a `lossy` one not to those who are still busy with the one before."""
        subscribers = self._subscribers.get(stream_id)
        if not subscribers:
            return
        message = [_U32.pack(sum(memoryview(part).nbytes for part in parts)), *parts]
        for subscriber in list(subscribers):
            if not (lossy and subscriber.backlog_bytes):
                subscriber.send(message)
            if subscriber.backlog_bytes > HOPELESS_BACKLOG_BYTES:
                self._drop_stalled(subscriber)
            elif subscriber.failed:
                self._drop(subscriber)

    async def caught_up(self) -> None:
        """Waits for subscribers that are far behind; one that takes nothing for long is disconnected."""
        deadline = self._loop.time() + STALLED_AFTER_S
        while behind := self._far_behind():
            if self._loop.time() > deadline:
                for subscriber in behind:
                    self._drop_stalled(subscriber)
                return
            await asyncio.sleep(0.001)

    def _drop_stalled(self, subscriber: Subscriber) -> None:
        print(f"simulator: disconnected a stalled listener ({subscriber.stream_id})", file=sys.stderr)
        self._drop(subscriber)

    def _far_behind(self) -> list[Subscriber]:
        return [s for group in self._subscribers.values() for s in group if s.backlog_bytes > MAX_BACKLOG_BYTES]

    def close(self) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for group in list(self._subscribers.values()):
            for subscriber in list(group):
                self._drop(subscriber)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:  # no file handle left: whoever waits at the door must not keep the loop busy
            print(f"simulator: cannot take a listener: {error}", file=sys.stderr)
            self._loop.remove_reader(self._listener.fileno())
            self._loop.call_later(_OUT_OF_FILES_PAUSE_S, self._open_door)
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        subscriber = Subscriber(connection)
        self._loop.add_reader(connection.fileno(), self._receive, subscriber)
        self._loop.call_later(GREETING_WITHIN_S, self._drop_silent, subscriber)

    def _open_door(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _drop_silent(self, subscriber: Subscriber) -> None:
        if subscriber.stream_id is None:
            self._drop(subscriber)

    def _receive(self, subscriber: Subscriber) -> None:
        """The 4 bytes of the stream id; after them only the end of the connection is of interest."""
        try:
            data = subscriber.socket.recv(4 - len(subscriber.greeting) or 1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or subscriber.stream_id is not None:
            self._drop(subscriber)
            return
        subscriber.greeting += data
        if len(subscriber.greeting) == 4:
            self._subscribe(subscriber, *_U32.unpack(subscriber.greeting))

    def _subscribe(self, subscriber: Subscriber, stream_id: int) -> None:
        # An id that is not (or no longer) in use is served with silence: the client would reconnect at once, for ever.
        subscriber.stream_id = stream_id
        subscriber.socket.setblocking(True)
        self._subscribers[stream_id].add(subscriber)
        left = self._expected.pop(stream_id, 1) - 1
        if left > 0:
            self._expected[stream_id] = left
        if not self._expected:
            self._all_arrived.set()

    def _drop(self, subscriber: Subscriber) -> None:
        if subscriber.socket.fileno() >= 0:
            self._loop.remove_reader(subscriber.socket.fileno())
            subscriber.close()
        if subscriber.stream_id is not None:
            group = self._subscribers[subscriber.stream_id]
            group.discard(subscriber)
            if not group:
                del self._subscribers[subscriber.stream_id]
