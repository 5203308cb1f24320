"""The time of a simulation: when a step of the world is due, and the order of things in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from simulator.broadcast import Broadcast, Look
from simulator.recording.desk import RecordingDesk
from simulator.types import EpisodeSettings
from simulator.wire.episode_change import EpisodeChanges
from simulator.wire.pacing import TrafficManagerPacing
from simulator.wire.rpc import Connection, RpcError
from simulator.wire.streams import WORLD_STREAM, StreamServer
from simulator.world.world import World

DEFAULT_DELTA_S = 0.05
SUBSCRIBERS_WITHIN_S = 0.5
AHEAD_S = 0.5
"""How long an asynchronous world rests at most when spawns have carried it ahead of real time. What it gained beyond
stays gained: two hundred spawns in a row must not freeze it for ten seconds."""
FRAME_S = 0.01
"""Between two steps that spawns ask for, as long as a frame of CARLA's: Traffic Managers get a word in."""
SEEN_WITHIN_S = 1.0
"""How long the answer to a spawn waits at most for the step that shows it; clients wait 2 s at least."""

Result = TypeVar("Result")


class Clock:
    """Steps the world: at the clients' command, or at the speed of real time where they left it asynchronous."""

    def __init__(
        self,
        world: World,
        streams: StreamServer,
        broadcast: Broadcast,
        recordings: RecordingDesk,
        connections: Collection[Connection],
        pacing: TrafficManagerPacing,
        changes: EpisodeChanges,
    ) -> None:
        self._world, self._streams, self._broadcast, self._recordings = world, streams, broadcast, recordings
        self._connections, self._pacing, self._changes = connections, pacing, changes
        self._ticking = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        """What cameras and range sensors of the last step still make, while the clients go on."""
        self._asynchronous = asyncio.Event()
        self._early = asyncio.Event()
        self._unseen: list[asyncio.Future[None]] = []
        """Of spawns that no step has shown yet."""
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets the exception that ended the simulation."""
        self.apply(world.settings)

    def apply(self, settings: EpisodeSettings) -> None:
        """To go by these settings from now on."""
        self._world.settings = settings
        if settings.synchronous_mode:
            self._asynchronous.clear()
        else:
            self._asynchronous.set()

    async def run(self) -> None:
        """Lets an asynchronous world run at the speed of real time while somebody watches."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await self._asynchronous.wait()
            self._early.clear()
            async with self._ticking:
                # asked anew: a client may have made the world synchronous meanwhile, and then the steps are its own
                if self._connections and self._asynchronous.is_set() and not self._changes.under_way:
                    await self._reported(self._tick())
            now_s = loop.time()
            due_s = min(max(due_s + self._delta_s, now_s), now_s + max(AHEAD_S, self._delta_s))
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._early.wait(), max(0.0, due_s - now_s))
            await asyncio.sleep(max(0.0, min(due_s, now_s + FRAME_S) - loop.time()))

    def seen(self, result: Result) -> Result | Awaitable[Result]:
        """The answer to a spawn: in an asynchronous world once a step, made at once for it, has told clients of it.

        CARLA's server answers calls for about 1 ms a frame, so its world has mostly stepped when a client makes the
        next. Scripts count on it: their walkers' AI asks the last snapshot where a walker is, and the first reading of
        a sensor is there before the world is made synchronous.
        """
        if not self._asynchronous.is_set():
            return result
        shown: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unseen.append(shown)
        self._early.set()
        return _when(shown, result)

    async def tick(self) -> int:
        """One step of the world, told to all listeners; the frame's number.

        In a synchronous world the images may come after it, as CARLA's do, but always before the next step.
        """
        async with self._ticking:
            return await self._reported(self._tick())

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """No step begins meanwhile, and of the last one everything has been told."""
        async with self._ticking:
            await self._looked()
            yield

    @property
    def _delta_s(self) -> float:
        return self._world.settings.fixed_delta_seconds or DEFAULT_DELTA_S

    async def _reported(self, tick: Coroutine[Any, Any, int]) -> int:
        try:
            return await tick
        except Exception as error:
            if not self.failure.done():
                self.failure.set_exception(error)
            raise RpcError("the simulation failed") from error

    async def _tick(self) -> int:
        world, broadcast, lossy = self._world, self._broadcast, not self._world.settings.synchronous_mode
        await self._looked()
        if not lossy or self._unseen:
            await self._streams.expected_arrived(SUBSCRIBERS_WITHIN_S)
        if not lossy:
            await self._streams.caught_up()
            await self._pacing.settled(self._connections)
        broadcast.lights_changed |= world.follow_the_sun()
        self._recordings.before_step(self._delta_s)
        shown, self._unseen = self._unseen, []
        events = world.step(self._delta_s)
        self._recordings.after_step(world, events)
        broadcast.tell_events(events, lossy)
        snapshot = broadcast.snapshot(events)
        images, ranges = broadcast.images(events, lossy), broadcast.ranges(events, lossy)
        if images or ranges:
            self._looking = asyncio.ensure_future(self._look(images, ranges))
        if lossy:
            await self._looked()
        else:
            await self._pacing.pause(self._connections)
        self._streams.publish(WORLD_STREAM, snapshot)
        for spawn in shown:
            spawn.set_result(None)
        return events.frame

    async def _look(self, images: Sequence[Look], ranges: Sequence[Look]) -> None:
        """Makes the pictures of one step, one after the other. They show what was there at the step."""
        try:
            # the cameras' thread gets all its work at once: it begins a picture while the one before is being sent
            await asyncio.gather(*(look() for look in images))
            for look in ranges:
                await look()
        except Exception as error:
            if not self.failure.done():
                self.failure.set_exception(error)
            raise

    async def _looked(self) -> None:
        """Waits for what the last step's cameras still make."""
        if self._looking is not None:
            looking, self._looking = self._looking, None
            await looking


async def _when(shown: asyncio.Future[None], result: Result) -> Result:
    await asyncio.wait([shown], timeout=SEEN_WITHIN_S)
    return result
