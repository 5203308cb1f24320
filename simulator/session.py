"""A running simulation as its clients share it: world, streams and cameras, and the order of things in a tick."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from simulator.cameras import CAMERA, Cameras, camera_model
from simulator.methods import METHODS
from simulator.methods.registry import Refused
from simulator.navigation import Navigation, NavigationFile
from simulator.range_sensors import MODELS, RangeModel, RangeSensors, Shot, range_model, shot_of
from simulator.raycast.lidar import Sweep
from simulator.raycast.scene import Touch
from simulator.recording.desk import RecordingDesk
from simulator.recording.file import NotARecording, read_recording
from simulator.recording.replayer import Wishes
from simulator.render.camera import CameraModel
from simulator.towns.maps import OPENDRIVE_MAP, Maps
from simulator.types import (
    ActorDescription,
    ActorRecord,
    BoundingBox,
    CityObjectLabel,
    EpisodeSettings,
    Transform,
)
from simulator.wire import payloads
from simulator.wire.episode_change import EpisodeChanges
from simulator.wire.pacing import TrafficManagerPacing
from simulator.wire.payloads import KIND_OF_BLUEPRINT, Part
from simulator.wire.rpc import Connection, RpcError
from simulator.wire.snapshot import LIGHTS_CHANGED, MAP_CHANGED, snapshot_payload
from simulator.wire.streams import WORLD_STREAM, StreamServer
from simulator.world.actor import Actor, ActorNotFound, Kind, SpawnError
from simulator.world.attachment import Place
from simulator.world.blueprints.catalogue import with_whole_numbers
from simulator.world.events import StepEvents
from simulator.world.obstacles import town_record
from simulator.world.view import SceneView
from simulator.world.world import World

DEFAULT_DELTA_S = 0.05
SUBSCRIBERS_WITHIN_S = 0.5
REMEMBERED_DEAD = 1000

Look = Callable[[], Awaitable[None]]
"""Makes what one camera, or all range sensors, saw at a step, and sends it."""


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
        self.world, self.streams, self.cameras, self.range_sensors = world, streams, cameras, range_sensors
        self.maps = maps
        self.connections = connections
        self.caller: Connection | None = None
        """Whose call is being answered."""
        self.traffic_managers: dict[int, tuple[str, Connection | None]] = {}
        """By port: on which host, and which client said so."""
        self.lights_changed = False
        self.recordings = RecordingDesk(recordings)
        self._pacing = TrafficManagerPacing()
        self._changes = EpisodeChanges()
        self._ticking = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        """What cameras and range sensors of the last step still make, while the clients go on."""
        self._asynchronous = asyncio.Event()
        self._map_changed = False
        self._models: dict[int, CameraModel] = {}
        self._range_models: dict[int, RangeModel] = {}
        self._boxes_of_the_dead: dict[int, BoundingBox] = {}
        self._started_s = time.perf_counter()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets the exception that ended the simulation."""
        self.apply_settings(world.settings)
        self._navigation = Navigation(world.town)

    def call(self, connection: Connection, method: str, arguments: Sequence[Any]) -> Any:
        """Answers one RPC: the result as it travels, or an awaitable of it."""
        self.caller = connection
        self._pacing.saw(connection, method)
        found = METHODS.get(method)
        if found is None:
            raise RpcError(f"server could not find function '{method}' with argument count {len(arguments) + 1}")
        return self._changes.answer(connection, method, found.answer(self, arguments))

    # What more than one RPC method needs

    def apply_settings(self, settings: EpisodeSettings) -> None:
        self.world.settings = settings
        if settings.synchronous_mode:
            self._asynchronous.clear()
        else:
            self._asynchronous.set()

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
        model: CameraModel | None = None
        ranging: RangeModel | None = None
        try:
            if description.id.startswith(CAMERA):
                model = camera_model(description)
                self.cameras.prepare()
            elif description.id in MODELS:
                ranging = range_model(description)
                self.range_sensors.prepare()
        except ValueError as error:
            raise SpawnError(str(error)) from None
        actor_id = self.world.spawn(description, transform, parent_id, wanted_id, place).id
        if model is not None:
            self._models[actor_id] = model
        if ranging is not None:
            self._range_models[actor_id] = ranging
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
            if self._models.pop(gone, None) is not None:
                self.cameras.forget(gone - self.world.spectator_id)
            self._range_models.pop(gone, None)
            self.range_sensors.forget(gone)

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

    # Time

    async def run(self) -> None:
        """Lets an asynchronous world run at the speed of real time while somebody watches."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await self._asynchronous.wait()
            async with self._ticking:
                # asked anew: a client may have made the world synchronous meanwhile, and then the steps are its own
                if self.connections and self._asynchronous.is_set() and not self._changes.under_way:
                    await self._reported(self._tick())
            now_s = loop.time()
            due_s = max(due_s + self._delta_s, now_s)
            await asyncio.sleep(max(0.0, due_s - now_s))

    async def tick(self) -> int:
        """One step of the world, told to all listeners; the frame's number.

        In a synchronous world the images may come after it, as CARLA's do, but always before the next step.
        """
        async with self._ticking:
            return await self._reported(self._tick())

    async def load(self, town_name: str, reset_settings: bool) -> None:
        """Starts a new episode: all actors but the town's are gone, time starts at 0."""
        # a client's text may be another one under the same name
        same = town_name == self.world.town.name and town_name != OPENDRIVE_MAP
        town = self.world.town if same else await asyncio.to_thread(self.maps.build, town_name)
        navigation = self._navigation if same else Navigation(town)
        await navigation.file()
        async with self._ticking:
            await self._looked()
            settings = EpisodeSettings() if reset_settings else self.world.settings
            before = self.world.actors
            self.recordings.new_episode()
            self.world.load(town)
            self._navigation = navigation
            self._bury(before)
            self.apply_settings(settings)
            self.cameras.show(town)
            self.range_sensors.show(town)
            self._map_changed = True

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
        async with self._ticking:
            await self._looked()
            begun = self.recordings.begin_replay(recording, self.world, self.spawn, self.destroy, wishes)
        total_s = recording.duration_s
        text += f"Total time recorded: {total_s:g}\n"
        text += f"Replaying from {begun.start_s:g} s - {begun.end_s:g} s ({total_s:g} s) at {begun.time_factor:.1f}x\n"
        text += "Ignoring Hero vehicle\n" * self.recordings.ignore_hero
        return text + "Ignoring Spectator camera\n" * self.recordings.ignore_spectator

    @property
    def _delta_s(self) -> float:
        return self.world.settings.fixed_delta_seconds or DEFAULT_DELTA_S

    async def _reported(self, tick: Coroutine[Any, Any, int]) -> int:
        try:
            return await tick
        except Exception as error:
            if not self.failure.done():
                self.failure.set_exception(error)
            raise RpcError("the simulation failed") from error

    async def _tick(self) -> int:
        world, lossy = self.world, not self.world.settings.synchronous_mode
        await self._looked()
        if not lossy:
            await self.streams.expected_arrived(SUBSCRIBERS_WITHIN_S)
            await self.streams.caught_up()
            await self._pacing.settled(self.connections)
        self.lights_changed |= world.follow_the_sun()
        self.recordings.before_step(self._delta_s)
        events = world.step(self._delta_s)
        self.recordings.after_step(world, events)
        self._tell_events(events, lossy)
        snapshot = self._snapshot(events)
        images, ranges = self._images(events, lossy), self._ranges(events, lossy)
        if images or ranges:
            self._looking = asyncio.ensure_future(self._look(images, ranges))
        if lossy:
            await self._looked()
        else:
            await self._pacing.pause(self.connections)
        self.streams.publish(WORLD_STREAM, snapshot)
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

    def _snapshot(self, events: StepEvents) -> tuple[Part, ...]:
        flags = MAP_CHANGED * self._map_changed | LIGHTS_CHANGED * self.lights_changed
        self._map_changed = self.lights_changed = False
        running_s = time.perf_counter() - self._started_s
        body = snapshot_payload(self.world.snapshot_rows(), self.world.episode_id, running_s, events.delta_s, flags)
        return payloads.header(payloads.SensorKind.WORLD, events.frame, events.elapsed_s), *body

    def _tell_events(self, events: StepEvents, lossy: bool) -> None:
        for imu in events.imu:
            body = payloads.imu(imu.accelerometer, imu.gyroscope, imu.compass)
            self._tell(imu.sensor_actor_id, events, (body,), lossy)
        for gnss in events.gnss:
            body = payloads.gnss(gnss.latitude, gnss.longitude, gnss.altitude)
            self._tell(gnss.sensor_actor_id, events, (body,), lossy)
        for hit in events.collisions:
            self._tell(hit.sensor_actor_id, events, (payloads.collision(hit.own, hit.other, hit.impulse),), lossy=False)

    def _images(self, events: StepEvents, lossy: bool) -> list[Look]:
        """The cameras' work: those that show no light first, they are done soon and others can go on with them.

        In no-rendering mode too, as on a CARLA server: who listens to a camera waits for its images.
        """
        watched = self._watched(self._models, events)
        if not watched:
            return []
        # noise is drawn for the step of the episode, not the frame: what came before the episode leaves no trace
        view = replace(self.world.view(), frame=self.world.steps)
        watched.sort(key=lambda actor: self._models[actor.id].kind in ("rgb", "dvs"))
        return [
            partial(
                self._tell_image, actor, self._models[actor.id], self.world.transform_of(actor.id), view, events, lossy
            )
            for actor in watched
        ]

    async def _tell_image(
        self, actor: Actor, model: CameraModel, pose: Transform, view: SceneView, events: StepEvents, lossy: bool
    ) -> None:
        # likewise a camera is known by its place among the actors of the episode
        found = await self.cameras.image(actor.id - self.world.spectator_id, model, pose, view)
        if model.kind == "optical_flow":
            body = payloads.optical_flow(found, model.fov_deg)
        elif model.kind == "dvs":
            body = payloads.events(found, model.width, model.height, model.fov_deg) if len(found) else ()
        else:
            body = payloads.image(found, model.fov_deg)
        if body:
            self._publish(actor, pose, events, body, lossy)

    def _ranges(self, events: StepEvents, lossy: bool) -> list[Look]:
        watched = self._watched(self._range_models, events)
        if not watched:
            return []
        shots = [shot_of(self.world, actor, self._range_models[actor.id]) for actor in watched]
        poses = [self.world.transform_of(actor.id) for actor in watched]
        return [partial(self._tell_ranges, watched, shots, poses, self.world.view(), events, lossy)]

    async def _tell_ranges(
        self,
        watched: Sequence[Actor],
        shots: list[Shot],
        poses: Sequence[Transform],
        view: SceneView,
        events: StepEvents,
        lossy: bool,
    ) -> None:
        found = await self.range_sensors.measure(shots, view)
        for actor, pose, measured in zip(watched, poses, found):
            if isinstance(measured, Sweep):
                body = payloads.lidar(*measured)
            elif isinstance(measured, Touch):
                other = self._touched(measured)
                body = () if other is None else (payloads.obstacle(actor.record(), other, measured.distance_m),)
            else:
                body = () if measured is None else (payloads.radar(measured),)
            if body:
                self._publish(actor, pose, events, body, lossy)

    def _touched(self, touch: Touch) -> ActorRecord | None:
        """Nobody, if it was destroyed while the sensor was at work."""
        if not touch.actor:
            return town_record(CityObjectLabel(touch.tag))
        return self.world.record(touch.actor) if touch.actor in self.world.actors else None

    def _watched(self, sensors: Collection[int], events: StepEvents) -> list[Actor]:
        """Those of the sensors that are due and have a listener, in the order of their ids."""
        return [
            self.world.actors[actor_id]
            for actor_id in sorted(sensors)
            if actor_id in events.due and self.streams.has_subscribers(self.world.actors[actor_id].stream_id)
        ]

    def _tell(self, actor_id: int, events: StepEvents, body: Sequence[Part], lossy: bool) -> None:
        actor = self.world.actors.get(actor_id)
        if actor is not None and self.streams.has_subscribers(actor.stream_id):
            self._publish(actor, self.world.transform_of(actor_id), events, body, lossy)

    def _publish(self, actor: Actor, pose: Transform, events: StepEvents, body: Sequence[Part], lossy: bool) -> None:
        head = payloads.header(KIND_OF_BLUEPRINT[actor.type_id], events.frame, events.elapsed_s, pose)
        self.streams.publish(actor.stream_id, (head, *body), lossy)
