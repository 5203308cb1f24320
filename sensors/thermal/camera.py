"""The thermal camera put together: scene, optics, detector, gain."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.frames import CameraFrames
from sensors.thermal.agc import GainControl
from sensors.thermal.ambient import ZERO_C_K, Ambient
from sensors.thermal.heat import ActorState
from sensors.thermal.materials import load_materials
from sensors.thermal.microbolometer import FULL_SCALE, Microbolometer
from sensors.thermal.mounting import Delay, seen_through
from sensors.thermal.presets import ThermalConfig, preset
from sensors.thermal.radiometry import band
from sensors.thermal.scene import radiance_at_lens
from sensors.thermal.world import thermal_world

SAME_FOV_DEG = 0.01
"""Servers tell the field of view of a frame as float32."""


@dataclass(frozen=True, eq=False)
class ThermalFrame:
    """counts (H, W) uint8 after gain control; measured: the detector's own counts of 14 bits.

    frozen: the shutter was closed and the picture before is repeated. valid (H, W) bool: where a camera that is mounted
    askew sees what the frames show, None for everywhere; elsewhere the border is repeated.
    """

    counts: NDArray[np.uint8]
    measured: Measured
    frame: int
    frozen: bool = False
    valid: NDArray[np.bool_] | None = None

    @property
    def kelvin(self) -> NDArray[np.float32]:
        """(H, W) float32 apparent temperature, noise included; worked out when somebody first asks for it."""
        return self.measured.kelvin


@dataclass(frozen=True, eq=False)
class Measured:
    """(h, w) uint16 counts on the detector's own grid, and what they mean; shape: (H, W) of the frame."""

    counts: NDArray[np.uint16]
    detector: Microbolometer
    shape: tuple[int, int]

    @cached_property
    def kelvin(self) -> NDArray[np.float32]:
        return _resized(self.detector.kelvin(self.counts), self.shape, cv2.INTER_LINEAR)


class ThermalCamera:
    """A long-wave infrared camera at the pose of the frames it is given, with a lens that covers their field.

    width, height, fov_deg: of those frames. When the thermal camera has fewer pixels across than the frames, it
    measures on its own grid and the picture is enlarged. `sensor_id` tells the cameras of one run apart.
    """

    def __init__(
        self,
        preset_or_config: str | ThermalConfig,
        width: int,
        height: int,
        fov_deg: float,
        ambient: Ambient,
        seed: int = 0,
        sensor_id: str = "",
    ) -> None:
        config = preset(preset_or_config) if isinstance(preset_or_config, str) else preset_or_config
        if not all(isinstance(side, int | np.integer) and side > 0 for side in (width, height)):
            raise ValueError(f"thermal camera: width and height are whole numbers of pixels, got {width} x {height}")
        if min(width, height) < 2:  # a surface's slope is found from the next pixel's depth
            raise ValueError(f"thermal camera: frames need 2 pixels each way or more, got {width} x {height}")
        if not 0.0 < fov_deg < 180.0:
            raise ValueError(f"thermal camera: the field of view must lie in 0..180 degrees, got {fov_deg}")
        self.config = config
        self.shape = (height, width)
        self.fov_deg = fov_deg
        self._band = band(*config.band_um)
        self._seed = seed
        self._materials = load_materials(Path(config.materials)) if config.materials else load_materials()
        self.ambient = ambient
        shrink = min(1.0, config.width / width)
        self._grid = (max(8, round(height * shrink)), max(8, round(width * shrink)))
        sensor = zlib.crc32(sensor_id.encode())
        self._detector = Microbolometer(config.detector, self._band, self._grid, seed, sensor)
        manual = [float(self._band.radiance(c + ZERO_C_K)) for c in config.agc.manual_c]
        low, high = (float(self._band.radiance(c + ZERO_C_K)) for c in config.detector.scene_c)
        counts = [(value - low) / (high - low) * FULL_SCALE for value in manual]
        self._gain = GainControl(config.agc, (counts[0], counts[1]))
        self._mounting, self._windows = config.mounting, config.windows
        self._delay = Delay(config.mounting.delay_s)
        self._last: ThermalFrame | None = None

    @property
    def ambient(self) -> Ambient:
        return self._world.ambient

    @ambient.setter
    def ambient(self, ambient: Ambient) -> None:
        """A change of weather: the tables are made anew, the detector keeps its memory.

        Skin and clothes of people are the `HeatTracker`'s: its ambient is to be set as well.
        """
        self._world = thermal_world(ambient, self._band, self._seed, self._materials)

    def image(self, frames: CameraFrames, actors: Sequence[ActorState]) -> ThermalFrame:
        """The thermal frame of one tick; time runs as `frames.time_s` does, in simulation seconds."""
        if frames.tags.shape != self.shape:
            raise ValueError(f"thermal camera for {self.shape} got frames of {frames.tags.shape} from {frames.id!r}")
        if not abs(frames.fov_deg - self.fov_deg) < SAME_FOV_DEG:
            raise ValueError(
                f"thermal camera for {self.fov_deg:g} degrees got frames of {frames.fov_deg:g} from {frames.id!r}"
            )
        # the kernels use depth as an index: what is no number would be a place outside their tables
        near, far = frames.depth_m.min(), frames.depth_m.max()
        if not (near >= 0.0 and far < np.inf and np.isfinite(frames.transform).all()):
            raise ValueError(
                f"thermal camera: frame {frames.frame} of {frames.id!r} has a depth or pose that is no number"
            )
        frozen = self._last if self._detector.shutter_closed(frames.time_s) else None
        if frozen is not None and self._mounting.delay_s == 0.0:
            return self._repeated(frozen, frames.frame)
        radiance = radiance_at_lens(
            self._world,
            frames.tags,
            frames.instances,
            frames.depth_m,
            frames.transform,
            frames.fov_deg,
            tuple(actors),
            frames.panes if self._windows else None,
        )
        valid = None
        if self._mounting.turned:
            turned = self._mounting.rotation(frames.time_s)
            radiance, valid = seen_through(radiance, turned, frames.fov_deg)
        if self._mounting.delay_s > 0.0:
            radiance = self._delay(radiance, frames.time_s)
            if frozen is not None:  # what comes in meanwhile is what a late camera shows once it is open again
                return self._repeated(frozen, frames.frame)
        radiance = _resized(radiance, self._grid, cv2.INTER_AREA)
        counts = self._detector.expose(radiance, frames.frame, frames.time_s)
        grey = _resized(self._gain.grey(counts, frames.time_s), self.shape, cv2.INTER_LINEAR)
        self._last = ThermalFrame(grey, Measured(counts, self._detector, self.shape), frames.frame, valid=valid)
        return self._last

    def _repeated(self, frozen: ThermalFrame, frame: int) -> ThermalFrame:
        self._last = replace(frozen, frame=frame, frozen=True)
        return self._last


def _resized(image: NDArray[Any], shape: tuple[int, int], interpolation: int) -> NDArray[Any]:
    if image.shape == shape:
        return image
    return cv2.resize(image, shape[::-1], interpolation=interpolation)
