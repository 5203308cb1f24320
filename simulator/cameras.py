"""The cameras of a session: what each is, and their images, made in a thread beside the event loop.

The renderer (and with it the compiler of its kernels) is loaded when the first camera is spawned, not before: a client
without cameras does not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from simulator.render.camera import CameraModel
from simulator.types import ActorDescription, Transform

if TYPE_CHECKING:
    from simulator.render.renderer import Renderer
    from simulator.towns.town import Town
    from simulator.world.view import SceneView

CAMERA = "sensor.camera."
_OF_THE_MODEL = ("image_size_x", "image_size_y", "fov", "sensor_tick", "role_name", "ros_name")


def camera_model(description: ActorDescription) -> CameraModel:
    """The camera that a client asks for; raises ValueError with one clear line."""
    try:
        size = int(description.get("image_size_x", "800")), int(description.get("image_size_y", "600"))
        fov_deg = float(description.get("fov", "90"))
        rest = tuple(sorted((a.id, a.value) for a in description.attributes if a.id not in _OF_THE_MODEL))
        return CameraModel(*size, fov_deg, description.id.removeprefix(CAMERA), rest)
    except ValueError as error:
        raise ValueError(f"{description.id}: {error}") from None


class Cameras:
    """Makes the images of one town at a time."""

    def __init__(self, town: Town, threads: int, seed: int) -> None:
        self._town, self._threads, self._seed = town, threads, seed
        self._worker = ThreadPoolExecutor(1, "cameras")  # one: the renderer is not for use by two threads
        self._loaded: Future[Renderer] | None = None
        """For the worker, in which it is done before all that is submitted later."""
        self._renderer: asyncio.Future[Renderer] | None = None
        """The same for the event loop."""
        self._warm = False

    def prepare(self) -> asyncio.Future[Renderer]:
        """Begins to load the renderer unless that was done; may be called often."""
        if self._renderer is None:
            self._loaded = self._worker.submit(self._load, self._town)
            self._renderer = asyncio.wrap_future(self._loaded)
        return self._renderer

    def show(self, town: Town) -> None:
        """A new episode, in `town`: nothing of the cameras' past (exposure) is kept."""
        before, same = self._loaded, town is self._town
        self._town = town
        if before is not None:
            # in the worker, as all that touches the renderer: nobody else is at work on it there
            self._worker.submit(_restart if same else _close, before)
            if not same:
                self._renderer = None
                self.prepare()

    async def image(self, key: int, model: CameraModel, pose: Transform, view: SceneView) -> NDArray[Any]:
        """(H, W, 4) uint8 BGRA, (H, W, 2) float32 flow or (n,) events. `key` tells cameras of an episode apart."""
        renderer = await self.prepare()
        work: Callable[..., NDArray[Any]] = {"optical_flow": renderer.flow, "dvs": renderer.events}.get(
            model.kind, renderer.image
        )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, work, key, model, (*pose.location, *pose.rotation), view)

    def forget(self, key: int) -> None:
        """The camera is no more; after the pictures that are still being made."""
        if self._loaded is not None:
            self._worker.submit(_forget, self._loaded, key)

    def _load(self, town: Town) -> Renderer:
        from simulator.render.renderer import Renderer
        from simulator.render.warming import warmup

        if not self._warm:
            warmup()
            self._warm = True
        return Renderer(town, threads=self._threads, seed=self._seed)


def _restart(loaded: Future[Renderer]) -> None:
    if not loaded.cancelled() and loaded.exception() is None:
        loaded.result().restart()


def _forget(loaded: Future[Renderer], key: int) -> None:
    if not loaded.cancelled() and loaded.exception() is None:
        loaded.result().forget(key)


def _close(loaded: Future[Renderer]) -> None:
    if not loaded.cancelled() and loaded.exception() is None:
        loaded.result().close()
