"""`simulator.serve` with cameras that hand out one picture at once: all that an image costs but rendering it."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator import serve
from simulator.cameras import Cameras
from simulator.render.camera import CameraModel
from simulator.types import Transform
from simulator.world.view import SceneView


class StillCameras(Cameras):
    """Keeps the way through the renderer's thread, which every real image takes too."""

    def prepare(self) -> asyncio.Future[Any]:
        ready: Future[None] = Future()
        ready.set_result(None)
        return asyncio.wrap_future(ready)

    async def image(self, key: int, model: CameraModel, pose: Transform, view: SceneView) -> NDArray[np.uint8]:
        return await asyncio.get_running_loop().run_in_executor(self._worker, _picture, model.height, model.width)


def _picture(height: int, width: int) -> NDArray[np.uint8]:
    # a new array each time, as the renderer's: the last one may still be on its way to the client
    return np.full((height, width, 4), 128, np.uint8)


if __name__ == "__main__":
    serve.Cameras = StillCameras  # type: ignore[misc]
    sys.exit(serve.run())
