"""The agent's cameras in an arm: RGB as it is, the thermal frame beside it, and what FusionProxy makes of the two.

A thermal camera may have a place of its own (`ThermalConfig.place`): its picture is then laid over the RGB camera's
through depth. Where it sees nothing of what the RGB camera sees, the fused frame is the RGB frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from results.films import FRAMES_PER_S
from results.strips import Moment
from sensors.rig import CameraFrames, Rig
from sensors.thermal import ActorState, Ambient, HeatTracker, ThermalCamera, ThermalConfig, preset, reproject, sensor_at

# What the report shows of an infraction: the seconds before it as a film, and of that a strip of single frames.
FILM_S = 3.0
FILM_EVERY_TICKS = round(20 / FRAMES_PER_S)  # of 20 a second
STRIP_BEFORE_S = (1.0, 0.5, 0.0)
# Of 255: a pixel that lies half in the border of a thermal picture counts as outside.
HELD = 254
LEADERBOARD_1_LENS = {
    "lens_circle_multiplier": "3.0",
    "lens_circle_falloff": "3.0",
    "chromatic_aberration_intensity": "0.5",
    "chromatic_aberration_offset": "0",
}
"""What the leaderboard 1.0 sets at every RGB camera; 2.x sets nothing of it."""


Fuse = Callable[..., NDArray[np.uint8]]
"""FusionProxy, or what stands in its place: (bgra, thermal, channel_order="bgr") -> bgra."""


@dataclass(frozen=True, eq=False)
class ThermalView:
    """What a thermal camera sees at one tick, made when somebody first asks for it.

    hits: at the RGB camera; own: at the thermal camera, where that has a place of its own; ambient: of that tick.
    """

    hits: CameraFrames
    own: CameraFrames | None
    actors: tuple[ActorState, ...]
    camera: ThermalCamera
    ambient: Ambient

    @property
    def counts(self) -> NDArray[np.uint8]:
        """(H, W) uint8 over the RGB frame; where it is not `valid`, the nearest there is."""
        return self._laid[0]

    @property
    def valid(self) -> NDArray[np.bool_] | None:
        """(H, W) where the thermal camera sees what the RGB camera sees; None: everywhere."""
        return self._laid[1]

    @cached_property
    def _laid(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
        if self.camera.ambient is not self.ambient:
            self.camera.ambient = self.ambient
        seen = self.camera.image(self.hits if self.own is None else self.own, self.actors)
        if self.own is None:
            return seen.counts, seen.valid
        counts, valid = reproject(seen.counts, self.own, self.hits)
        if seen.valid is not None:
            held, _ = reproject(np.where(seen.valid, np.uint8(255), np.uint8(0)), self.own, self.hits)
            valid &= held > HELD
        return counts, valid


@dataclass(frozen=True, eq=False)
class CameraView:
    """One camera at one tick. Thermal and fused frames are made when somebody first asks for them."""

    frames: CameraFrames
    heat: ThermalView
    fuse: Fuse
    time_s: float

    @property
    def thermal(self) -> NDArray[np.uint8]:
        return self.heat.counts

    @cached_property
    def fused(self) -> NDArray[np.uint8]:
        """(H, W, 4) uint8 BGRA, alpha as in the RGB frame; the RGB frame where there is no thermal one."""
        fused = self.fuse(self.frames.bgra, self.thermal, channel_order="bgr")
        valid = self.heat.valid
        return fused if valid is None else np.where(valid[..., None], fused, self.frames.bgra)

    def moment(self, event_s: float) -> Moment:
        before_s = event_s - self.time_s
        label = "at the event" if before_s < 0.025 else f"{before_s:.1f} s before"
        valid = self.heat.valid
        thermal = self.thermal if valid is None else np.where(valid, self.thermal, _hatched(valid.shape))
        return Moment(label, self.frames.bgra, thermal, self.fused, before_s)


def _hatched(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """What pictures show where a thermal camera sees nothing: no surface looks like it."""
    rows, columns = np.indices(shape)
    return np.where((rows + columns) % 12 < 6, np.uint8(70), np.uint8(110))


class Cameras:
    """Spawns the same sensors in every arm; only the frame that reaches the agent differs."""

    def __init__(
        self,
        world: carla.World,
        ego: carla.Vehicle,
        declared: Sequence[Mapping[str, Any]],
        fused: bool,
        fuse: Fuse,
        thermal_preset: str,
        ambient: Ambient,
        seed: int,
        ids_from: int = 0,
        film_s: float = FILM_S,
        rgb_attributes: Mapping[str, str] | None = None,
    ):
        """`ids_from`: of the server's actor ids, the one that counts as 0 where heat is drawn for each actor.

        `film_s`: how long the first camera's frames are kept for `film`. `rgb_attributes`: see `Rig`.
        """
        config = preset(thermal_preset)
        self._own = {str(c["id"]): _own_sensor(config, c) for c in declared} if config.place else {}
        self._rig = Rig(world, ego, [*declared, *self._own.values()], rgb_attributes)
        self._fused = fused
        self._fuse = fuse
        self._heat = HeatTracker(world, ambient, seed, ids_from)
        # One world for all of them. The first one's noise is that of a camera that is alone.
        self._ids = {str(camera["id"]): camera["id"] for camera in declared}
        self._thermal = {
            name: _thermal_camera(config, self._own.get(name, camera), ambient, seed, name if number else "")
            for number, (name, camera) in enumerate(zip(self._ids, declared, strict=True))
        }
        self._first_frame = 0
        self._begun: tuple[int, dict[str, ThermalView]] = -1, {}
        # The first camera's last seconds, and what it has just seen, for the report.
        self._recent: deque[CameraView] = deque(maxlen=round(film_s * FRAMES_PER_S))
        self._latest: CameraView | None = None

    @property
    def ambient(self) -> Ambient:
        return self._heat.ambient

    @ambient.setter
    def ambient(self, ambient: Ambient) -> None:
        """A change of weather, from the next frame on."""
        self._heat.ambient = ambient

    def begin(self, snapshot: carla.WorldSnapshot, timeout_s: float) -> None:
        """What asks for no RGB frame, while the server still makes them: heat and, where it is fused, thermal frames.

        `read` does it where nobody has; whoever has more to do meanwhile calls this before.
        """
        actors = self._heat.update(snapshot)
        # How many frames a server counted before the episode is chance, and the detector's noise is drawn by frame.
        self._first_frame = self._first_frame or snapshot.frame
        heat: dict[str, ThermalView] = {}
        frame = snapshot.frame - self._first_frame
        hits = {name: replace(h, frame=frame) for name, h in self._rig.first_hits(snapshot.frame, timeout_s).items()}
        for name, camera in self._thermal.items():
            own = hits[self._own[name]["id"]] if self._own else None
            heat[name] = ThermalView(hits[name], own, actors, camera, self.ambient)
            if self._fused:
                _ = heat[name].counts
        self._begun = snapshot.frame, heat

    def read(self, snapshot: carla.WorldSnapshot, time_s: float, timeout_s: float) -> dict[Any, tuple[int, Any]]:
        """What the agent gets of this frame, keyed by sensor id as it was declared."""
        # A copy: agents draw into their frames, and strips show what they were given.
        return {
            self._ids[name]: (snapshot.frame, (view.fused if self._fused else view.frames.bgra).copy())
            for name, view in self.views(snapshot, time_s, timeout_s).items()
        }

    def views(self, snapshot: carla.WorldSnapshot, time_s: float, timeout_s: float) -> dict[str, CameraView]:
        """All that can be had of this frame, keyed by the text of the sensor id."""
        if self._begun[0] != snapshot.frame:
            self.begin(snapshot, timeout_s)
        _, heat = self._begun
        pictures = self._rig.frames(snapshot.frame, timeout_s)
        views = {name: CameraView(pictures[name], heat[name], self._fuse, time_s) for name in self._thermal}
        for first in list(views.values())[:1]:
            if first.heat.hits.frame % FILM_EVERY_TICKS == 0:
                self._recent.append(first)
            self._latest = first
        return views

    def film(self, event_s: float) -> list[Moment]:
        """What the first camera saw in the seconds before an event, oldest first, and what it has just seen."""
        views = list(self._recent)
        if self._latest is not None and self._latest not in views:
            views.append(self._latest)
        # In the order of time: a detector remembers what it saw before.
        return [view.moment(event_s) for view in views]

    def destroy(self) -> None:
        self._rig.destroy()


def strip_of(film: Sequence[Moment]) -> list[Moment]:
    """The frames a second and half a second before the event and at it."""
    chosen = {min(range(len(film)), key=lambda i: abs(film[i].before_s - b)) for b in STRIP_BEFORE_S if film}
    return [film[index] for index in sorted(chosen)]


def _own_sensor(config: ThermalConfig, camera: Mapping[str, Any]) -> dict[str, Any]:
    assert config.place is not None
    return sensor_at(config.place, camera, config.width, config.height, config.fov_deg)


def _thermal_camera(
    config: ThermalConfig, sensor: Mapping[str, Any], ambient: Ambient, seed: int, name: str
) -> ThermalCamera:
    """The camera over the frames of `sensor`: the RGB camera's dictionary, or the one of its own place."""
    width, height, fov_deg = int(sensor["width"]), int(sensor["height"]), float(sensor["fov"])
    return ThermalCamera(config, width, height, fov_deg, ambient, seed, name)
