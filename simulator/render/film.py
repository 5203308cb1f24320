"""From the light at the lens to a picture: exposure, rain that falls meanwhile, noise and tone curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.render.camera import CameraModel, Pinhole
from simulator.render.exposure import adapted, compensation_ev, manual_ev, metered_ev, saturation_cd_m2
from simulator.render.lighting import Light
from simulator.render.memory import SensorMemory
from simulator.render.sensor import develop, gamma_table, gaussian_tile, noise_variance
from simulator.render.sky import Daylight
from simulator.render.streaks import add_streaks, exposure_s, moved
from simulator.render.visibility import VisibilityBuffer
from simulator.render.workers import Workers
from simulator.world.view import SceneView


class Film:
    """The same for all cameras; what one of them remembers is its own."""

    def __init__(self, seed: int, workers: Workers) -> None:
        self._seed, self._workers = seed, workers
        self._noise = gaussian_tile(seed)
        self._tables: dict[float, NDArray[np.uint8]] = {}

    def picture(
        self,
        sensor_id: int,
        camera: CameraModel,
        light: Light,
        view: SceneView,
        day: Daylight,
        eye: Pinhole,
        seen: VisibilityBuffer,
        memory: SensorMemory,
    ) -> NDArray[np.uint8]:
        """(H, W, 4) BGRA. Adds the rain to the light; `memory` moves on to now."""
        compensation = compensation_ev(camera)
        if camera.text("exposure_mode", "histogram") == "manual":
            ev = manual_ev(camera)
        else:
            memory.adaptation = adapted(memory.adaptation, metered_ev(light.radiance), view.elapsed_s, camera)
            ev = memory.adaptation.ev
        key = noise_key(self._seed, sensor_id, view.frame)
        if view.weather.precipitation > 0.0:
            memory.moved = moved(memory.moved, view.elapsed_s, eye.eye)
            open_s = exposure_s(camera, ev - compensation)
            white = saturation_cd_m2(ev, compensation)
            add_streaks(
                light.radiance, eye, seen.inverse_depth, day, view.weather, memory.moved, open_s, white, light.fog, key
            )
        return self.develop(camera, light.radiance, ev, compensation, key)

    def develop(
        self, camera: CameraModel, radiance: NDArray[np.float32], ev: float, compensation: float, key: np.uint32
    ) -> NDArray[np.uint8]:
        """The picture of what falls onto it, (H, W, 4) BGRA. key: of its noise."""
        gamma = camera.number("gamma", 2.2)
        if gamma not in self._tables:
            self._tables[gamma] = gamma_table(gamma)
        # an event camera has no frames and no noise of frames: its own is that of its thresholds
        shot, read = noise_variance(ev - compensation) if camera.kind == "rgb" else (0.0, 0.0)
        out = np.empty((camera.height, camera.width, 4), np.uint8)
        self._workers.run(
            develop, radiance, np.float32(1.0 / saturation_cd_m2(ev, compensation)), np.float32(shot), np.float32(read),
            self._noise, key, self._tables[gamma], out,
        )  # fmt: skip
        return out


def noise_key(seed: int, sensor_id: int, frame: int) -> np.uint32:
    """What chance a sensor draws at a frame."""
    return np.random.SeedSequence([seed & 0xFFFFFFFF, sensor_id & 0xFFFFFFFF, frame & 0xFFFFFFFF]).generate_state(1)[0]
