"""A place in the world of a server from which RGB is taken with a fixed exposure, and depth."""

from __future__ import annotations

import math
import queue
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from sensors.calibrate_fog.contrast import edges
from sensors.calibrate_fog.errors import CalibrationError
from sensors.frames import decode
from sensors.listening import Listening

WIDTH, HEIGHT, FOV_DEG = 640, 360, 60.0
CAMERA_HEIGHT_M = 2.2
SETTLE_TICKS, AVERAGED_TICKS = 3, 8
OUT_OF_RANGE_M = 1e6
BRIGHTEST = (0.25, 0.42)
"""Linear signal that the brightest parts should have: above it tone curves bend, far below it 8 bits are coarse."""
EXPOSURE_TRIES = 8
TIMEOUT_S = 300.0
UNTOUCHED = {"bloom_intensity": "0", "lens_flare_intensity": "0", "motion_blur_intensity": "0"}


class Station:
    """RGB with a fixed exposure and depth at one place of the world."""

    def __init__(self, world: carla.World, place: carla.Transform) -> None:
        self._world = world
        self._place = place
        self._sensors: dict[str, tuple[Listening, queue.Queue[Any]]] = {}
        self._spawn("depth", {})

    def _spawn(self, kind: str, attributes: dict[str, str]) -> None:
        blueprint = self._world.get_blueprint_library().find(f"sensor.camera.{kind}")
        size = {"image_size_x": str(WIDTH), "image_size_y": str(HEIGHT), "fov": str(FOV_DEG)}
        for name, value in {**size, **attributes}.items():
            if blueprint.has_attribute(name):
                blueprint.set_attribute(name, value)
        sensor = self._world.spawn_actor(blueprint, self._place)
        images: queue.Queue[Any] = queue.Queue()
        listening = Listening()
        listening.begin(sensor, images.put)
        self._sensors[kind] = (listening, images)

    def _image(self, kind: str, frame: int) -> NDArray[np.uint8]:
        images = self._sensors[kind][1]
        while True:
            try:
                image = images.get(timeout=TIMEOUT_S)
            except queue.Empty:
                raise CalibrationError(f"the {kind} camera sent nothing for {TIMEOUT_S:g} s") from None
            if image.frame >= frame:
                # the view does not keep the image, and its memory then serves the next message
                return np.frombuffer(image.raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4).copy()

    def expose(self) -> None:
        """Sets the shutter so that the brightest parts come to lie where signal is proportional to light."""
        shutter = 2000.0
        for _ in range(EXPOSURE_TRIES):
            self._remove("rgb")
            manual = {"exposure_mode": "manual", "shutter_speed": f"{shutter:.1f}", "iso": "100", "fstop": "1.4"}
            self._spawn("rgb", {**manual, **UNTOUCHED})
            brightest = float(np.percentile(self.luminance(2), 99.0))
            if BRIGHTEST[0] <= brightest <= BRIGHTEST[1]:
                return
            shutter *= 8.0 if brightest > 0.9 else max(brightest, 1e-3) / 0.34
        raise CalibrationError("no manual exposure suits this view: does the server heed exposure_mode=manual?")

    def luminance(self, ticks: int = AVERAGED_TICKS) -> NDArray[np.float64]:
        """(H, W) linear, 1 is full white: the mean of several pictures, sRGB undone."""
        total = np.zeros((HEIGHT, WIDTH))
        for _ in range(SETTLE_TICKS):
            frame = self._world.tick(TIMEOUT_S)
        for number in range(ticks):
            frame = frame if number == 0 else self._world.tick(TIMEOUT_S)
            total += _LINEAR[self._image("rgb", frame)[..., :3]] @ [0.0722, 0.7152, 0.2126]
        return total / ticks

    def range_m(self) -> NDArray[np.float64]:
        """(H, W) along the rays; what lies on no smooth surface, and the sky, counts as out of range."""
        depth = self._image("depth", self._world.tick(TIMEOUT_S))
        planar = decode(depth, depth)[2].astype(np.float64)
        focal = WIDTH / (2.0 * math.tan(math.radians(FOV_DEG) / 2.0))
        u, v = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
        usable = (planar < 999.0) & ~edges(planar)
        return np.where(usable, planar * np.sqrt(1.0 + (u * u + v * v) / focal**2), OUT_OF_RANGE_M)

    def _remove(self, kind: str) -> None:
        if kind in self._sensors:
            listening, _ = self._sensors.pop(kind)
            listening.end()

    def close(self) -> None:
        for kind in list(self._sensors):
            self._remove(kind)


def _linear() -> NDArray[np.float64]:
    code = np.arange(256) / 255.0
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear()


def raised(place: carla.Transform, height_m: float) -> carla.Transform:
    """A new transform: the spawn point is looked from again."""
    where = place.location
    return carla.Transform(carla.Location(where.x, where.y, where.z + height_m), place.rotation)
