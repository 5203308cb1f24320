"""The renderer: pictures of a town and its actors as CARLA's cameras give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.render.camera import CameraModel, Pinhole, pinhole
from simulator.render.events import brightness_of, events_until, first_look
from simulator.render.film import Film, noise_key
from simulator.render.frames import Frame, Frames
from simulator.render.ground_truth import ground_truth
from simulator.render.kept_scenery import kept_scenery
from simulator.render.lighting import Light, Lighting, sun_shines
from simulator.render.memory import SensorMemory
from simulator.render.motion import back_in_time, optical_flow, seen_by
from simulator.render.scenery import TownScenery
from simulator.render.strokes import draw_strokes
from simulator.render.templates import Model, Templates
from simulator.render.visibility import VisibilityBuffer
from simulator.render.workers import Workers
from simulator.types import EVENT_DTYPE
from simulator.world.view import SceneView


class Renderer:
    """Draws what cameras see. One thread may call it at a time; it spreads its work over `threads` threads itself."""

    def __init__(
        self,
        town: TownScenery,
        threads: int = 2,
        seed: int = 0,
        model_of: Callable[[str], Model] | None = None,
        workers: Workers | None = None,
    ) -> None:
        """`workers` may be given instead of `threads`, for measuring."""
        if model_of is None:
            from simulator.models import model_of as of_blueprint

            model_of = of_blueprint
        self._seed = seed
        self._workers = workers or Workers(threads)
        self._frames = Frames(kept_scenery(town), Templates(model_of), self._workers)
        self._lighting = Lighting(self._workers)
        self._film = Film(seed, self._workers)
        self._memories: dict[int, SensorMemory] = {}

    def image(
        self, sensor_id: int, camera: CameraModel, transform: Sequence[float], view: SceneView
    ) -> NDArray[np.uint8]:
        """(H, W, 4) uint8 BGRA. transform: (x, y, z, pitch, yaw, roll) of the camera."""
        frame, eye = self._frames.of(view), pinhole(camera, transform)
        seen = self._frames.seen(frame, eye)
        memory = self._memory(sensor_id, camera)
        looks = self._frames.looks(frame)
        if camera.kind not in ("rgb", "dvs"):
            return ground_truth(self._workers, camera, frame, looks, eye, seen)
        light = self._light(frame, eye, seen, camera)
        picture = self._film.picture(sensor_id, camera, light, view, looks.day, eye, seen, memory)
        if view.strokes and camera.kind == "rgb":
            draw_strokes(view.strokes, eye, seen.inverse_depth, picture)
        return picture

    def flow(
        self, sensor_id: int, camera: CameraModel, transform: Sequence[float], view: SceneView
    ) -> NDArray[np.float32]:
        """(H, W, 2) float32, see `motion.optical_flow`: since the picture before of this sensor; 0 for the first."""
        frame, eye = self._frames.of(view), pinhole(camera, transform)
        seen = self._frames.seen(frame, eye)
        memory = self._memory(sensor_id, camera)
        poses = frame.instances.poses
        now = seen_by(eye, view.ids, poses)
        back = back_in_time(eye, view.ids, poses, memory.seen or now)
        memory.seen = now
        out = np.empty((camera.height, camera.width, 2), np.float32)
        self._workers.run(optical_flow, seen.ids, seen.inverse_depth, eye, back, out)
        return out

    def events(
        self, sensor_id: int, camera: CameraModel, transform: Sequence[float], view: SceneView
    ) -> NDArray[np.void]:
        """(n,) of `types.EVENT_DTYPE` since the picture before of this sensor; none at the first."""
        brightness = brightness_of(self.image(sensor_id, camera, transform, view), camera)
        memory = self._memory(sensor_id, camera)
        if memory.event_pixels is None:
            memory.event_pixels = first_look(brightness, view.elapsed_s)
            return np.zeros(0, EVENT_DTYPE)
        random = np.random.default_rng(int(noise_key(self._seed, sensor_id, view.frame)))
        return events_until(memory.event_pixels, brightness, view.elapsed_s, camera, random)

    def radiance(self, camera: CameraModel, transform: Sequence[float], view: SceneView) -> NDArray[np.float32]:
        """(H, W, 3) float32 linear R, G, B in cd/m2: what reaches the lens, before exposure, noise and tone curve."""
        frame, eye = self._frames.of(view), pinhole(camera, transform)
        return self._light(frame, eye, self._frames.seen(frame, eye), camera).radiance.transpose(0, 2, 1).copy()

    def restart(self) -> None:
        """Drops what is remembered of all sensors and frames: another episode begins in the same town."""
        self._frames.restart()
        self._memories.clear()

    def forget(self, sensor_id: int) -> None:
        """Drops what is remembered of a sensor that is no more, and the room for pictures of a size that none has."""
        gone = self._memories.pop(sensor_id, None)
        if gone is not None and gone.size not in (memory.size for memory in self._memories.values()):
            self._frames.forget(*gone.size)
            self._lighting.forget(*gone.size)

    def close(self) -> None:
        self._workers.close()

    def _memory(self, sensor_id: int, camera: CameraModel) -> SensorMemory:
        memory = self._memories.setdefault(sensor_id, SensorMemory())
        memory.size = (camera.height, camera.width)
        return memory

    def _light(self, frame: Frame, eye: Pinhole, seen: VisibilityBuffer, camera: CameraModel) -> Light:
        looks = self._frames.looks(frame)
        sun = self._frames.sun_depth(looks.day) if sun_shines(looks.day) else None
        return self._lighting.light(frame, looks, eye, seen, sun, camera)
