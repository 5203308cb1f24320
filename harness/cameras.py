"""The agent's cameras in an arm: RGB as it is, the thermal frame beside it, and what FusionProxy makes of the two."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from fusion.proxy import FusionProxy
from results.strips import Moment
from sensors.rig import CameraFrames, Rig
from sensors.thermal import ActorState, Ambient, HeatTracker, ThermalCamera

STRIP_TICKS = 24
# How long before an event the frames of its strip were taken.
BEFORE_S = (1.0, 0.5, 0.0)


@dataclass(frozen=True, eq=False)
class ThermalView:
    """What a thermal camera sees at one tick, made when somebody first asks for it."""

    hits: CameraFrames
    actors: tuple[ActorState, ...]
    camera: ThermalCamera

    @cached_property
    def counts(self) -> NDArray[np.uint8]:
        return self.camera.image(self.hits, self.actors).counts


@dataclass(frozen=True, eq=False)
class CameraView:
    """One camera at one tick. Thermal and fused frames are made when somebody first asks for them."""

    frames: CameraFrames
    heat: ThermalView
    proxy: FusionProxy
    time_s: float

    @property
    def thermal(self) -> NDArray[np.uint8]:
        return self.heat.counts

    @cached_property
    def fused(self) -> NDArray[np.uint8]:
        """(H, W, 4) uint8 BGRA, alpha as in the RGB frame."""
        return self.proxy(self.frames.bgra, self.thermal, channel_order="bgr")

    def moment(self, event_s: float) -> Moment:
        before_s = event_s - self.time_s
        label = "at the event" if before_s < 0.025 else f"{before_s:.1f} s before"
        return Moment(label, self.frames.bgra, self.thermal, self.fused)


class Cameras:
    """Spawns the same sensors in every arm; only the frame that reaches the agent differs."""

    def __init__(
        self,
        world: carla.World,
        ego: carla.Vehicle,
        declared: Sequence[Mapping[str, Any]],
        fused: bool,
        proxy: FusionProxy,
        thermal_preset: str,
        ambient: Ambient,
        seed: int,
    ):
        self._rig = Rig(world, ego, declared)
        self._fused = fused
        self._proxy = proxy
        self._heat = HeatTracker(world, ambient, seed)
        self._thermal = {
            camera["id"]: ThermalCamera(
                thermal_preset,
                int(camera["width"]),
                int(camera["height"]),
                float(camera["fov"]),
                ambient,
                seed + number,
            )
            for number, camera in enumerate(declared)
        }
        self._first_frame = 0
        # The first camera's last second, for the strips of the report.
        self._recent: deque[CameraView] = deque(maxlen=STRIP_TICKS)

    def read(self, snapshot: carla.WorldSnapshot, time_s: float, timeout_s: float) -> dict[str, tuple[int, Any]]:
        """What the agent gets of this frame, keyed by sensor id."""
        actors = self._heat.update(snapshot)
        # How many frames a server counted before the episode is chance, and the detector's noise is drawn by frame.
        self._first_frame = self._first_frame or snapshot.frame
        heat = {}
        for name, hits in self._rig.first_hits(snapshot.frame, timeout_s).items():
            hits = replace(hits, frame=snapshot.frame - self._first_frame)
            heat[name] = ThermalView(hits, actors, self._thermal[name])
            if self._fused:
                _ = heat[name].counts  # now, while the server still makes the RGB frames
        data: dict[str, tuple[int, Any]] = {}
        for number, (name, frames) in enumerate(self._rig.frames(snapshot.frame, timeout_s).items()):
            view = CameraView(frames, heat[name], self._proxy, time_s)
            data[name] = (snapshot.frame, view.fused if self._fused else frames.bgra)
            if number == 0:
                self._recent.append(view)
        return data

    def strip(self, event_s: float) -> list[Moment]:
        """The first camera a second and half a second before an event and at it, oldest first."""
        views = list(self._recent)
        chosen = {min(range(len(views)), key=lambda i: abs(views[i].time_s - event_s + b)) for b in BEFORE_S if views}
        return [views[index].moment(event_s) for index in sorted(chosen)]

    def destroy(self) -> None:
        self._rig.destroy()
