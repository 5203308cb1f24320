"""What a step of the world tells whom: the snapshot to every client, to a sensor's listeners what it has measured."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from simulator.cameras import CAMERA, Cameras, camera_model
from simulator.range_sensors import MODELS, RangeModel, RangeSensors, Shot, range_model, shot_of
from simulator.raycast.lidar import Sweep
from simulator.raycast.scene import Touch
from simulator.render.camera import CameraModel
from simulator.types import ActorDescription, ActorRecord, CityObjectLabel, Transform
from simulator.wire import payloads
from simulator.wire.payloads import KIND_OF_BLUEPRINT, Part
from simulator.wire.snapshot import LIGHTS_CHANGED, MAP_CHANGED, snapshot_payload
from simulator.wire.streams import StreamServer
from simulator.world.actor import Actor
from simulator.world.events import StepEvents
from simulator.world.obstacles import town_record
from simulator.world.view import SceneView
from simulator.world.world import World

Look = Callable[[], Awaitable[None]]
"""Makes what one camera, or all range sensors, saw at a step, and sends it."""
SensorModel = CameraModel | RangeModel


class Broadcast:
    """lights_changed, map_changed: since the last snapshot, and told with the next."""

    def __init__(self, world: World, streams: StreamServer, cameras: Cameras, range_sensors: RangeSensors) -> None:
        self._world, self._streams, self._cameras, self._range_sensors = world, streams, cameras, range_sensors
        self.lights_changed = self.map_changed = False
        self._camera_models: dict[int, CameraModel] = {}
        self._range_models: dict[int, RangeModel] = {}
        self._started_s = time.perf_counter()

    def model_of(self, description: ActorDescription) -> SensorModel | None:
        """The camera or range sensor that a client asks for, whose loading begins; None for all else.

        Raises ValueError with one clear line.
        """
        model: SensorModel
        if description.id.startswith(CAMERA):
            model = camera_model(description)
            self._cameras.prepare()
            return model
        if description.id in MODELS:
            model = range_model(description)
            self._range_sensors.prepare()
            return model
        return None

    def add(self, actor_id: int, model: SensorModel | None) -> None:
        """An actor has been spawned; model: see `model_of`."""
        if isinstance(model, CameraModel):
            self._camera_models[actor_id] = model
        elif model is not None:
            self._range_models[actor_id] = model

    def forget(self, actor_id: int) -> None:
        """An actor is no more."""
        if self._camera_models.pop(actor_id, None) is not None:
            self._cameras.forget(self._camera_key(actor_id))
        self._range_models.pop(actor_id, None)
        self._range_sensors.forget(actor_id)

    def snapshot(self, events: StepEvents) -> tuple[Part, ...]:
        """The message of the world's stream."""
        flags = MAP_CHANGED * self.map_changed | LIGHTS_CHANGED * self.lights_changed
        self.map_changed = self.lights_changed = False
        running_s = time.perf_counter() - self._started_s
        body = snapshot_payload(self._world.snapshot_rows(), self._world.episode_id, running_s, events.delta_s, flags)
        return payloads.header(payloads.SensorKind.WORLD, events.frame, events.elapsed_s), *body

    def tell_events(self, events: StepEvents, lossy: bool) -> None:
        """What the step itself has measured."""
        for imu in events.imu:
            body = payloads.imu(imu.accelerometer, imu.gyroscope, imu.compass)
            self._tell(imu.sensor_actor_id, events, (body,), lossy)
        for gnss in events.gnss:
            body = payloads.gnss(gnss.latitude, gnss.longitude, gnss.altitude)
            self._tell(gnss.sensor_actor_id, events, (body,), lossy)
        for hit in events.collisions:
            self._tell(hit.sensor_actor_id, events, (payloads.collision(hit.own, hit.other, hit.impulse),), lossy=False)

    def images(self, events: StepEvents, lossy: bool) -> list[Look]:
        """The cameras' work: those that show no light first, they are done soon and others can go on with them.

        In no-rendering mode too, as on a CARLA server: who listens to a camera waits for its images.
        """
        watched = self._watched(self._camera_models, events)
        if not watched:
            return []
        # noise is drawn for the step of the episode, not the frame: what came before the episode leaves no trace
        view = replace(self._world.view(), frame=self._world.steps)
        watched.sort(key=lambda actor: self._camera_models[actor.id].kind in ("rgb", "dvs"))
        return [
            partial(
                self._tell_image,
                actor,
                self._camera_models[actor.id],
                self._world.transform_of(actor.id),
                view,
                events,
                lossy,
            )
            for actor in watched
        ]

    def ranges(self, events: StepEvents, lossy: bool) -> list[Look]:
        """The range sensors' work, all of it in one."""
        watched = self._watched(self._range_models, events)
        if not watched:
            return []
        shots = [shot_of(self._world, actor, self._range_models[actor.id]) for actor in watched]
        poses = [self._world.transform_of(actor.id) for actor in watched]
        return [partial(self._tell_ranges, watched, shots, poses, self._world.view(), events, lossy)]

    async def _tell_image(
        self, actor: Actor, model: CameraModel, pose: Transform, view: SceneView, events: StepEvents, lossy: bool
    ) -> None:
        found = await self._cameras.image(self._camera_key(actor.id), model, pose, view)
        if model.kind == "optical_flow":
            body = payloads.optical_flow(found, model.fov_deg)
        elif model.kind == "dvs":
            body = payloads.events(found, model.width, model.height, model.fov_deg) if len(found) else ()
        else:
            body = payloads.image(found, model.fov_deg)
        if body:
            self._publish(actor, pose, events, body, lossy)

    def _camera_key(self, actor_id: int) -> int:
        """A camera is known by its place among the actors of the episode: what came before it leaves no trace."""
        return actor_id - self._world.spectator_id

    async def _tell_ranges(
        self,
        watched: Sequence[Actor],
        shots: list[Shot],
        poses: Sequence[Transform],
        view: SceneView,
        events: StepEvents,
        lossy: bool,
    ) -> None:
        found = await self._range_sensors.measure(shots, view)
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
        return self._world.record(touch.actor) if touch.actor in self._world.actors else None

    def _watched(self, sensors: Collection[int], events: StepEvents) -> list[Actor]:
        """Those of the sensors that are due and have a listener, in the order of their ids."""
        return [
            self._world.actors[actor_id]
            for actor_id in sorted(sensors)
            if actor_id in events.due and self._streams.has_subscribers(self._world.actors[actor_id].stream_id)
        ]

    def _tell(self, actor_id: int, events: StepEvents, body: Sequence[Part], lossy: bool) -> None:
        actor = self._world.actors.get(actor_id)
        if actor is not None and self._streams.has_subscribers(actor.stream_id):
            self._publish(actor, self._world.transform_of(actor_id), events, body, lossy)

    def _publish(self, actor: Actor, pose: Transform, events: StepEvents, body: Sequence[Part], lossy: bool) -> None:
        head = payloads.header(KIND_OF_BLUEPRINT[actor.type_id], events.frame, events.elapsed_s, pose)
        self._streams.publish(actor.stream_id, (head, *body), lossy)
