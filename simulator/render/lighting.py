"""The light of a picture: from what each pixel shows to what reaches the lens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.render.antialias import smooth_edges
from simulator.render.appearance import appearance
from simulator.render.brightest import brightest
from simulator.render.camera import CameraModel, Pinhole
from simulator.render.frame_looks import FrameLooks, Slots
from simulator.render.frames import Frame
from simulator.render.froxels import ACROSS, DOWN, SLICES, fill_froxels
from simulator.render.glare import add_sprites, sprites
from simulator.render.lamp_table import actor_points, glass_luminance, street_points
from simulator.render.lights import FIELDS
from simulator.render.radiance import render_rows
from simulator.render.retro import add_returned, placed, returned, stacked
from simulator.render.shadows import Casters, casters_of
from simulator.render.sky import Daylight
from simulator.render.visibility import ParallelDepth, VisibilityBuffer
from simulator.render.workers import Workers

MOST_BLOOM = 100.0
"""Of `bloom_intensity`, 0.675 by default: Unreal's own scale ends at 8."""
NO_SUN = ParallelDepth(np.zeros((4, 4), np.float32), np.zeros((3, 4), np.float32), np.float32(1.0))
NO_FOG = np.zeros((DOWN, ACROSS, SLICES, 3), np.float32)
FOG_LIGHT_FROM_PER_M = 0.0008
"""Air clearer than this (5 km) scatters too little lamp light to be seen."""


class Light(NamedTuple):
    """radiance: (H, 3, W) float32 at the lens, cd/m2. fog: what of lamps the air scatters (`froxels`), None where that
    is nothing to be seen. Both hold until the next picture is lit."""

    radiance: NDArray[np.float32]
    fog: NDArray[np.float32] | None


class Lighting:
    """Lights one picture at a time, in room that it uses again for the next."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._planes: dict[tuple[int, int], tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        self._grid = np.zeros_like(NO_FOG)

    def light(
        self,
        frame: Frame,
        looks: FrameLooks,
        eye: Pinhole,
        seen: VisibilityBuffer,
        sun: ParallelDepth | None,
        camera: CameraModel,
    ) -> Light:
        """sun: the town as the sun sees it, None where it does not shine."""
        lights = _lights(frame, looks, eye)
        extinction = looks.day.extinction_per_m
        fog = self._grid if len(lights) > 0 and extinction > FOG_LIGHT_FROM_PER_M else None
        # while the other threads already work at the fog, this one works out what is not a matter of pixels
        # rain is in the air from the lens on, and its drops take their light from that of the air around them
        fog_from = 0.0 if frame.view.weather.precipitation > 0.0 else looks.day.fog_from_m
        filled = None if fog is None else fill_fog(self._workers, eye, lights, extinction, fog_from, fog)
        out, smooth = self._planes_of(eye)
        shining = replace(looks, slots=_shining(frame, looks, eye, lights))
        casters = casters_in(frame, looks, eye)
        lamps = _sprites(frame, looks, eye, seen, bloom_of(camera))
        if filled is not None:
            filled()
        shade(self._workers, frame, shining, eye, seen, lights, sun, casters, fog, out)
        smooth_and_glare(self._workers, eye, seen.fine, lamps, out, smooth)
        return Light(smooth, fog)

    def forget(self, height: int, width: int) -> None:
        """Drops the room for pictures of this size."""
        self._planes.pop((height, width), None)

    def _planes_of(self, eye: Pinhole) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        size = (eye.height, eye.width)
        if size not in self._planes:
            self._planes[size] = empty_plane(eye), empty_plane(eye)
        return self._planes[size]


def empty_plane(eye: Pinhole) -> NDArray[np.float32]:
    """(H, 3, W) float32."""
    return np.empty((eye.height, 3, eye.width), np.float32)


def sun_shines(day: Daylight) -> bool:
    """Whether the sun throws shadows that show beside the light of the sky."""
    return max(day.sun_rgb) > 0.02 * max(day.sky_rgb)


def bloom_of(camera: CameraModel) -> float:
    """As a multiple of CARLA's default."""
    if camera.text("enable_postprocess_effects", "true").lower() == "false":
        return 0.0
    return min(max(camera.number("bloom_intensity", 0.675), 0.0), MOST_BLOOM) / 0.675


def casters_in(frame: Frame, looks: FrameLooks, eye: Pinhole) -> Casters:
    """Vehicles and people, whose shadows `eye` may see."""
    town, instances = frame.town, frame.instances
    boxes = np.concatenate([town.parked_boxes, frame.templates.boxes[instances.template]])
    poses = np.concatenate([town.parked_poses, instances.poses])
    return casters_of(poses, boxes, len(town.parked_boxes), eye.eye, looks.day.sun, float(eye.focal_px))


def fill_fog(
    workers: Workers,
    eye: Pinhole,
    lights: NDArray[np.float32],
    extinction_per_m: float,
    fog_from_m: float,
    grid: NDArray[np.float32],
) -> Callable[[], None]:
    """Begins to fill the grid (`froxels.fill_froxels`); it is full when what this returns has been called."""
    return workers.begin(fill_froxels, eye, lights, np.float32(extinction_per_m), np.float32(fog_from_m), grid)


def shade(
    workers: Workers,
    frame: Frame,
    looks: FrameLooks,
    eye: Pinhole,
    seen: VisibilityBuffer,
    lights: NDArray[np.float32],
    sun: ParallelDepth | None,
    casters: Casters,
    fog: NDArray[np.float32] | None,
    out: NDArray[np.float32],
) -> None:
    """Fills the plane `out` with what surfaces, sky and air send to the eye."""
    depth, to_texel, texel_m = NO_SUN if sun is None else sun
    workers.run(
        render_rows, eye, seen.ids, seen.inverse_depth, frame.surfaces, looks.slots, appearance(),
        np.float32(looks.day.wetness), looks.air, lights, sun is not None, depth, to_texel, texel_m, casters,
        NO_FOG if fog is None else fog, fog is not None, out,
    )  # fmt: skip


def smooth_and_glare(
    workers: Workers,
    eye: Pinhole,
    fine: NDArray[np.int64],
    lamps: NDArray[np.float32],
    out: NDArray[np.float32],
    smooth: NDArray[np.float32],
) -> None:
    """Fills the plane `smooth` from `out`. fine: see `VisibilityBuffer`; lamps: see `glare.sprites`."""
    workers.run(smooth_edges, fine, fine.view(np.float32), out, smooth)
    if len(lamps):
        workers.run(add_sprites, lamps, eye.focal_px, smooth)


def _lights(frame: Frame, looks: FrameLooks, eye: Pinhole) -> NDArray[np.float32]:
    """The lamps that light something in this picture."""
    if looks.day.darkness <= 0.0:
        return np.zeros((0, FIELDS), np.float32)
    town = frame.town
    power = looks.slots.lamp_power[: len(town.lamp_heads)]
    return brightest(town.lamp_heads, town.lamp_flux_lm, power, looks.lamps, frame.instances.poses, eye)


def _sprites(
    frame: Frame, looks: FrameLooks, eye: Pinhole, seen: VisibilityBuffer, bloom: float
) -> NDArray[np.float32]:
    heads = frame.town.lamp_heads
    street = street_points(heads, frame.town.lamp_flux_lm, looks.slots.lamp_power[: len(heads)], eye.eye)
    actors = actor_points(looks.lamps, frame.instances.poses, eye.eye)
    places, candela, areas = (np.concatenate(pair) for pair in zip(street, actors, strict=True))
    return sprites(eye, seen, places, candela, areas, looks.day.extinction_per_m, looks.day.fog_from_m, bloom)


def _shining(frame: Frame, looks: FrameLooks, eye: Pinhole, lights: NDArray[np.float32]) -> Slots:
    """With what the glass of lamps shows this eye, and plates and signs of the light of its own head lamps."""
    town, poses = frame.town, frame.instances.poses
    glass, power = glass_luminance(looks.lamps, poses, eye.eye), looks.slots.lamp_power.copy()
    if len(lights):
        own = replace(town.reflectors, centres=town.reflectors.centres - eye.eye)
        all_of_them = stacked([own, placed(looks.reflectors, poses, eye.eye)])
        luminance_cd_m2 = returned(all_of_them, lights, looks.day.extinction_per_m, looks.day.fog_from_m)
        power[len(town.lamp_heads) + 1 :] = luminance_cd_m2[: len(own.kinds)]
        add_returned(glass, looks.reflectors, luminance_cd_m2[len(own.kinds) :])
    return looks.slots._replace(emission=np.concatenate([looks.slots.emission[:1], glass]), lamp_power=power)
