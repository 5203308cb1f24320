"""A running simulation as its clients share it: what they ask of it with more than one method."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.broadcast import Broadcast
from simulator.cameras import Cameras
from simulator.clock import Clock
from simulator.methods import METHODS
from simulator.methods.registry import Refused
from simulator.navigation import Navigation, NavigationFile
from simulator.range_sensors import RangeSensors
from simulator.recording.desk import RecordingDesk
from simulator.recording.file import NotARecording, read_recording
from simulator.recording.replayer import Wishes
from simulator.towns.maps import OPENDRIVE_MAP, Maps
from simulator.types import ActorDescription, ActorRecord, BoundingBox, EpisodeSettings, Transform
from simulator.wire.episode_change import EpisodeChanges
from simulator.wire.pacing import TrafficManagerPacing
from simulator.wire.payloads import KIND_OF_BLUEPRINT
from simulator.wire.rpc import Connection, RpcError
from simulator.wire.streams import StreamServer
from simulator.world.actor import Actor, ActorNotFound, Kind, SpawnError
from simulator.world.attachment import Place
from simulator.world.blueprints.catalogue import with_whole_numbers
from simulator.world.world import World

REMEMBERED_DEAD = 1000


class Session:
    """What the RPC methods work on. Lives in the event loop's thread; only images are made in another."""

    def __init__(
        self,
        world: World,
        streams: StreamServer,
        cameras: Cameras,
        range_sensors: RangeSensors,
        connections: Collection[Connection],
        maps: Maps,
        recordings: Path = Path("recordings"),
    ) -> None:
        self.world, self.streams, self.maps, self.connections = world, streams, maps, connections
        self.caller: Connection | None = None
        """Whose call is being answered."""
        self.traffic_managers: dict[int, tuple[str, Connection | None]] = {}
        """By port: on which host, and which client said so."""
        self.recordings = RecordingDesk(recordings)
        self.broadcast = Broadcast(world, streams, cameras, range_sensors)
        self._pacing, self._changes = TrafficManagerPacing(), EpisodeChanges()
        self.clock = Clock(world, streams, self.broadcast, self.recordings, connections, self._pacing, self._changes)
        self._cameras, self._range_sensors = cameras, range_sensors
        self._spawned = 0
        self._boxes_of_the_dead: dict[int, BoundingBox] = {}
        self._navigation = Navigation(world.town)

    def call(self, connection: Connection, method: str, arguments: Sequence[Any]) -> Any:
        """Answers one RPC: the result as it travels, or an awaitable of it."""
        self.caller = connection
        self._pacing.saw(connection, method)
        found = METHODS.get(method)
        if found is None:
            raise RpcError(f"server could not find function '{method}' with argument count {len(arguments) + 1}")
        spawned = self._spawned
        answer = found.answer(self, arguments)
        if self._spawned > spawned and not isinstance(answer, Awaitable):
            answer = self.clock.seen(answer)
        return self._changes.answer(connection, method, answer)

    def record(self, actor_id: int) -> ActorRecord:
        """An actor as a client sees it: a sensor with where its stream is."""
        record = self.world.record(actor_id)
        stream_id = self.world.actors[actor_id].stream_id
        if stream_id and record.description.id in KIND_OF_BLUEPRINT:
            return replace(record, stream_token=self.streams.token(stream_id))
        return record

    def spawn(
        self,
        description: ActorDescription,
        transform: Transform,
        parent_id: int = 0,
        wanted_id: int = 0,
        place: Place | None = None,
    ) -> ActorRecord:
        """Raises SpawnError, be it about the place or about the attributes: a replay goes on without that actor."""
        description = with_whole_numbers(description)
        try:
            model = self.broadcast.model_of(description)
        except ValueError as error:
            raise SpawnError(str(error)) from None
        actor_id = self.world.spawn(description, transform, parent_id, wanted_id, place).id
        self.broadcast.add(actor_id, model)
        self._spawned += 1
        return self.record(actor_id)

    def destroy(self, actor_id: int) -> None:
        if actor_id not in self.world.actors:
            raise Refused("unable to destroy actor: not found")
        if self.world.actors[actor_id].kind in (Kind.SPECTATOR, Kind.TRAFFIC_LIGHT, Kind.SIGN):
            raise Refused("unable to destroy actor: it belongs to the map")
        before = dict(self.world.actors)
        self.world.destroy(actor_id)
        self._bury(before)

    def _bury(self, before: dict[int, Actor]) -> None:
        """Keeps of those who were there `before` and are no more what the Traffic Manager may still ask for."""
        while len(self._boxes_of_the_dead) > REMEMBERED_DEAD:
            del self._boxes_of_the_dead[next(iter(self._boxes_of_the_dead))]
        for gone in before.keys() - self.world.actors.keys():
            self._boxes_of_the_dead[gone] = before[gone].bounding_box
            self.broadcast.forget(gone)

    def was_alive(self, actor_id: int) -> bool:
        return actor_id in self._boxes_of_the_dead

    def bounding_box(self, actor_id: int) -> BoundingBox:
        """Of a live actor, or the last one of a dead one."""
        actor = self.world.actors.get(actor_id)
        if actor is not None:
            return actor.bounding_box
        if actor_id in self._boxes_of_the_dead:
            return self._boxes_of_the_dead[actor_id]
        raise ActorNotFound(actor_id)

    async def navigation(self) -> NavigationFile | None:
        """The navigation mesh of the town."""
        return await self._navigation.file()

    async def load(self, town_name: str, reset_settings: bool) -> None:
        """Starts a new episode: all actors but the town's are gone, time starts at 0."""
        # a client's text may be another one under the same name
        same = town_name == self.world.town.name and town_name != OPENDRIVE_MAP
        town = self.world.town if same else await asyncio.to_thread(self.maps.build, town_name)
        navigation = self._navigation if same else Navigation(town)
        await navigation.file()
        async with self.clock.stopped():
            settings = EpisodeSettings() if reset_settings else self.world.settings
            before = self.world.actors
            self.recordings.new_episode()
            self.world.load(town)
            self._navigation = navigation
            self._bury(before)
            self.clock.apply(settings)
            self._cameras.show(town)
            self._range_sensors.show(town)
            self.broadcast.map_changed = True

    async def replay(self, path: Path, wishes: Wishes) -> str:
        """Begins to replay a recording; says so in the words of CARLA's server."""
        text = f"Replaying File: {path}\n"
        try:
            recording = await asyncio.to_thread(read_recording, path)
        except NotARecording:
            return text + "File is not a CARLA recorder\n"
        except OSError:
            return text + f"File {path} not found on server\n"
        wanted = recording.header.map_name.rsplit("/", 1)[-1]
        if wanted != self.world.town.name:
            name = self.maps.resolve(wanted)
            if name is None:
                return text + f"Could not load mapfile {wanted}\n"
            await self.load(name, reset_settings=False)
            text += f"Loading map {name}\nReplayer will start after map is loaded...\n"
        async with self.clock.stopped():
            begun = self.recordings.begin_replay(recording, self.world, self.spawn, self.destroy, wishes)
        total_s = recording.duration_s
        text += f"Total time recorded: {total_s:g}\n"
        text += f"Replaying from {begun.start_s:g} s - {begun.end_s:g} s ({total_s:g} s) at {begun.time_factor:.1f}x\n"
        text += "Ignoring Hero vehicle\n" * self.recordings.ignore_hero
        return text + "Ignoring Spectator camera\n" * self.recordings.ignore_spectator
