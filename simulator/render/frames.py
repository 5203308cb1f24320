"""What the cameras of one frame share: each piece is worked out for the first that needs it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from simulator.render.camera import Pinhole
from simulator.render.frame_looks import FrameLooks, looks_of
from simulator.render.lamp_table import LampTable, lamp_table
from simulator.render.lights import indicators_lit
from simulator.render.retro import ActorReflectors, actor_reflectors
from simulator.render.scenery import Scenery, without
from simulator.render.shade import Air, air_of
from simulator.render.sky import Daylight, daylight
from simulator.render.surfaces import Surfaces
from simulator.render.templates import Templates
from simulator.render.visibility import Instances, ParallelDepth, Visibility, VisibilityBuffer
from simulator.render.workers import Workers
from simulator.types import WeatherParameters
from simulator.world.view import SceneView

KEPT_BUFFERS = 12
SHADOW_TEXEL_M = 0.15
SAME_SUN_COSINE = float(np.cos(np.radians(0.5)))


@dataclass(eq=False)
class Frame:
    """What is there at one frame. town: less what `view` hides. `looks` is there when they were first asked for."""

    key: tuple[object, ...]
    view: SceneView
    town: Scenery
    templates: Templates
    instances: Instances
    looks: FrameLooks | None = None

    @property
    def surfaces(self) -> tuple[Surfaces, NDArray[np.int32], Surfaces]:
        """As `resolve.resolve_tile` takes them."""
        return self.town.surfaces, self.town.lamp_of, self.templates.surfaces


class Frames:
    """Prepares the frames of a town, and keeps the last. What outlasts a frame (daylight, the sun's shadows, lamps that
    are lit as before) is not worked out again for the next."""

    def __init__(self, town: Scenery, templates: Templates, workers: Workers) -> None:
        self._whole_town = self._town = town
        self._templates, self._workers = templates, workers
        self._visibility = Visibility(town.chunks, templates, workers)
        self._hidden: tuple[int, ...] = ()
        self._frame: Frame | None = None
        self._buffers: OrderedDict[tuple[object, ...], VisibilityBuffer] = OrderedDict()
        self._day: tuple[WeatherParameters, Daylight, Air] | None = None
        self._lamps: tuple[tuple[tuple[str, ...], bytes, bool], LampTable, ActorReflectors] | None = None
        self._sun_map: tuple[NDArray[np.float64], ParallelDepth] | None = None

    def of(self, view: SceneView) -> Frame:
        changing = (view.ids, view.poses, view.gait, view.lights, view.palettes, view.lamps_on)
        key = (view.frame, view.elapsed_s, view.weather, view.models, view.hidden, *(a.tobytes() for a in changing))
        if self._frame is not None and self._frame.key == key:
            return self._frame
        self._release()
        if view.hidden != self._hidden:
            self._hide(view.hidden)
        template = self._templates.index(view.models, np.asarray(view.gait, np.float32))
        poses = np.ascontiguousarray(view.poses, np.float32).reshape(-1, 3, 4)
        self._frame = Frame(key, view, self._town, self._templates, Instances(template, poses))
        return self._frame

    def seen(self, frame: Frame, eye: Pinhole) -> VisibilityBuffer:
        """What each pixel of `eye` shows: one buffer for all cameras that look from there in the same way."""
        key = (eye.rotation.tobytes(), eye.eye.tobytes(), float(eye.focal_px), eye.width, eye.height)
        if key not in self._buffers:
            # how things look is worked out while the other threads project triangles
            self._buffers[key] = self._visibility.render(eye, frame.instances, partial(self.looks, frame))
            while len(self._buffers) > KEPT_BUFFERS:
                self._visibility.release(self._buffers.popitem(last=False)[1])
        return self._buffers[key]

    def looks(self, frame: Frame) -> FrameLooks:
        if frame.looks is None:
            sky, lamps = self._sky(frame.view.weather), self._lamp_tables(frame)
            frame.looks = looks_of(frame.view, frame.instances, frame.town, frame.templates, sky, lamps)
        return frame.looks

    def sun_depth(self, day: Daylight) -> ParallelDepth:
        """The static town as the sun sees it, kept until the sun has moved by half a degree."""
        sun = np.array(day.sun)
        if self._sun_map is None or float(self._sun_map[0] @ sun) < SAME_SUN_COSINE:
            self._sun_map = (sun, self._visibility.along(sun, SHADOW_TEXEL_M))
        return self._sun_map[1]

    def restart(self) -> None:
        self._frame = None
        self._release()

    def forget(self, height: int, width: int) -> None:
        """Drops the room for pictures of this size."""
        self._release()
        self._visibility.drop(height, width)

    def _release(self) -> None:
        while self._buffers:
            self._visibility.release(self._buffers.popitem()[1])

    def _hide(self, object_ids: tuple[int, ...]) -> None:
        """Leaves these objects of the town out, and no others."""
        self._hidden, self._town, self._sun_map = object_ids, without(self._whole_town, object_ids), None
        self._visibility = Visibility(self._town.chunks, self._templates, self._workers)

    def _sky(self, weather: WeatherParameters) -> tuple[Daylight, Air]:
        if self._day is None or self._day[0] != weather:
            day = daylight(weather)
            self._day = weather, day, air_of(day)
        return self._day[1:]

    def _lamp_tables(self, frame: Frame) -> tuple[LampTable, ActorReflectors]:
        view, templates = frame.view, frame.templates
        blink = indicators_lit(view.elapsed_s)
        key = (view.models, view.lights.tobytes(), blink)  # not the gait: a stride moves no lamps
        if self._lamps is None or self._lamps[0] != key:
            rows = frame.instances.template
            reflectors = actor_reflectors([templates.reflectors[row] for row in rows])
            lamps = lamp_table([templates.lamps[row] for row in rows], view.lights.tolist(), blink)
            self._lamps = (key, lamps, reflectors)
        return self._lamps[1:]
