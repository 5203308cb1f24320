"""The renderer: pictures of a town and its actors as CARLA's cameras give them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.render.antialias import smooth_edges
from simulator.render.appearance import appearance
from simulator.render.brightest import brightest
from simulator.render.camera import CameraModel, Pinhole, pinhole
from simulator.render.encode import INSTANCES, PANES, TAGS, encode_depth, encode_labels
from simulator.render.events import EventPixels, brightness_of, events_until, first_look
from simulator.render.exposure import Adaptation, adapted, compensation_ev, manual_ev, metered_ev, saturation_cd_m2
from simulator.render.froxels import ACROSS, DOWN, SLICES, fill_froxels
from simulator.render.glare import add_sprites, sprites
from simulator.render.kept_scenery import kept_scenery
from simulator.render.lamp_table import LampTable, actor_points, glass_luminance, lamp_table, street_points
from simulator.render.lights import FIELDS, HEADLAMP_WHITE, RED, indicators_lit
from simulator.render.materials import Emission
from simulator.render.motion import Seen, back_in_time, encode_normals, optical_flow, seen_by
from simulator.render.radiance import render_rows
from simulator.render.raster import NOTHING
from simulator.render.resolve import Slots
from simulator.render.retro import ActorReflectors, actor_reflectors, add_returned, placed, returned, stacked
from simulator.render.scenery import TownScenery, without
from simulator.render.sensor import develop, gamma_table, gaussian_tile, noise_variance
from simulator.render.shade import Air, air_of
from simulator.render.shadows import Casters, casters_of
from simulator.render.sky import Daylight, daylight
from simulator.render.streaks import Moved, add_streaks, exposure_s, moved
from simulator.render.strokes import draw_strokes
from simulator.render.surfaces import Surfaces
from simulator.render.tag_colours import COLOUR_OF_TAG
from simulator.render.templates import Model, Templates
from simulator.render.visibility import Instances, ParallelDepth, Visibility, VisibilityBuffer
from simulator.render.workers import Workers
from simulator.types import EVENT_DTYPE, WeatherParameters
from simulator.world.view import SceneView

LIT_WINDOW_CD_M2 = np.array([1.35, 0.95, 0.55]) * 45.0
STREET_LAMP_GLASS_CD_M2 = np.array([1.2, 1.0, 0.72]) * 12_000.0
KEPT_BUFFERS = 12
SHADOW_TEXEL_M = 0.15
SAME_SUN_COSINE = float(np.cos(np.radians(0.5)))
MOST_BLOOM = 100.0
"""Of `bloom_intensity`, 0.675 by default: Unreal's own scale ends at 8."""
NO_SUN = ParallelDepth(np.zeros((4, 4), np.float32), np.zeros((3, 4), np.float32), np.float32(1.0))
SHADING: tuple[Callable[..., None], ...] = (render_rows, encode_normals)
"""What tells how surfaces look; the last argument gets the picture."""
FOG: tuple[Callable[..., None], ...] = (fill_froxels,)
FILM: tuple[Callable[..., None], ...] = (smooth_edges, add_sprites, develop)
"""What comes after shading; the last argument gets the picture, as that of FOG gets the light."""
FOG_LIGHT_FROM_PER_M = 0.0008
"""Air clearer than this (5 km) scatters too little lamp light to be seen."""


@dataclass(frozen=True)
class _Looks:
    """How what is to be seen at one frame looks, for all cameras."""

    day: Daylight
    air: Air
    slots: Slots
    slot_ids: NDArray[np.uint32]
    lamps: LampTable
    reflectors: ActorReflectors


@dataclass(eq=False)
class _Frame:
    """What is common to all cameras of one frame. `looks` is there when a first camera has drawn its triangles."""

    key: tuple[object, ...]
    view: SceneView
    instances: Instances
    looks: _Looks | None = None


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
        self._town = kept_scenery(town)
        self._seed = seed
        self._workers = workers or Workers(threads)
        self._templates = Templates(model_of)
        self._visibility = Visibility(self._town.chunks, self._templates, self._workers)
        self._look = appearance()
        self._noise = gaussian_tile(seed)
        self._frame: _Frame | None = None
        self._day: tuple[WeatherParameters, Daylight, Air] | None = None
        self._lamps: tuple[tuple[tuple[str, ...], bytes, bool], LampTable, ActorReflectors] | None = None
        self._buffers: OrderedDict[tuple[object, ...], VisibilityBuffer] = OrderedDict()
        self._planes: dict[tuple[int, int], tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        self._grid = np.zeros((DOWN, ACROSS, SLICES, 3), np.float32)
        self._lamps_light_fog = False
        self._adaptation: dict[int, Adaptation] = {}
        self._last_seen: dict[int, Seen] = {}
        self._moved: dict[int, Moved] = {}
        self._event_pixels: dict[int, EventPixels] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        self._sun_map: tuple[NDArray[np.float64], ParallelDepth] | None = None
        self._tables: dict[float, NDArray[np.uint8]] = {}
        self._whole_town = self._town
        self._hidden: tuple[int, ...] = ()

    def image(
        self, sensor_id: int, camera: CameraModel, transform: Sequence[float], view: SceneView
    ) -> NDArray[np.uint8]:
        """(H, W, 4) uint8 BGRA. transform: (x, y, z, pitch, yaw, roll) of the camera."""
        frame = self._prepare(view)
        eye = pinhole(camera, transform)
        buffer = self._seen(frame, eye)
        self._sizes[sensor_id] = (eye.height, eye.width)
        looks = self._looks(frame)
        if camera.kind in ("rgb", "dvs"):
            radiance = self._radiance(frame, eye, buffer, camera)
            picture = self._develop(sensor_id, camera, radiance, view, looks.day, eye, buffer)
            if view.strokes and camera.kind == "rgb":
                draw_strokes(view.strokes, eye, buffer.inverse_depth, picture)
            return picture
        out = np.empty((camera.height, camera.width), np.uint32)
        if camera.kind == "depth":
            self._workers.run(encode_depth, buffer.inverse_depth, out)
        elif camera.kind == "normals":
            self._normals(eye, buffer, looks.slots, out)
        else:
            self._workers.run(
                encode_labels, buffer.ids, self._town.codes, self._templates.tags, looks.slots.first_triangle,
                looks.slot_ids, _shown(camera), out,
            )  # fmt: skip
        if camera.kind == "cosmos_visualization":
            out = COLOUR_OF_TAG[(out >> np.uint32(16)) & np.uint32(0xFF)]
        return out.view(np.uint8).reshape(camera.height, camera.width, 4)

    def flow(
        self, sensor_id: int, camera: CameraModel, transform: Sequence[float], view: SceneView
    ) -> NDArray[np.float32]:
        """(H, W, 2) float32, see `motion.optical_flow`: since the picture before of this sensor; 0 for the first."""
        frame = self._prepare(view)
        eye = pinhole(camera, transform)
        buffer = self._seen(frame, eye)
        self._sizes[sensor_id] = (eye.height, eye.width)
        poses = frame.instances.poses
        now = seen_by(eye, view.ids, poses)
        back = back_in_time(eye, view.ids, poses, self._last_seen.get(sensor_id, now))
        self._last_seen[sensor_id] = now
        out = np.empty((camera.height, camera.width, 2), np.float32)
        self._workers.run(optical_flow, buffer.ids, buffer.inverse_depth, eye, back, out)
        return out

    def events(
        self, sensor_id: int, camera: CameraModel, transform: Sequence[float], view: SceneView
    ) -> NDArray[np.void]:
        """(n,) of `types.EVENT_DTYPE` since the picture before of this sensor; none at the first."""
        brightness = brightness_of(self.image(sensor_id, camera, transform, view), camera)
        pixels = self._event_pixels.get(sensor_id)
        if pixels is None:
            self._event_pixels[sensor_id] = first_look(brightness, view.elapsed_s)
            return np.zeros(0, EVENT_DTYPE)
        random = np.random.default_rng(int(_noise_key(self._seed, sensor_id, view.frame)))
        return events_until(pixels, brightness, view.elapsed_s, camera, random)

    def radiance(self, camera: CameraModel, transform: Sequence[float], view: SceneView) -> NDArray[np.float32]:
        """(H, W, 3) float32 linear R, G, B in cd/m2: what reaches the lens, before exposure, noise and tone curve."""
        frame = self._prepare(view)
        eye = pinhole(camera, transform)
        return self._radiance(frame, eye, self._seen(frame, eye), camera).transpose(0, 2, 1).copy()

    def restart(self) -> None:
        """Drops what is remembered of all sensors and frames: another episode begins in the same town."""
        self._frame = None
        self._release()
        for memory in self._memories:
            memory.clear()

    def forget(self, sensor_id: int) -> None:
        """Drops what is remembered of a sensor that is no more, and the room for pictures of a size that none has."""
        size = self._sizes.get(sensor_id)
        for memory in self._memories:
            memory.pop(sensor_id, None)
        if size is not None and size not in self._sizes.values():
            self._release()
            self._planes.pop(size, None)
            self._visibility.drop(*size)

    @property
    def _memories(self) -> tuple[dict[int, Any], ...]:
        return self._adaptation, self._last_seen, self._moved, self._event_pixels, self._sizes

    def close(self) -> None:
        self._workers.close()

    def _release(self) -> None:
        while self._buffers:
            self._visibility.release(self._buffers.popitem()[1])

    def _prepare(self, view: SceneView) -> _Frame:
        changing = (view.ids, view.poses, view.gait, view.lights, view.palettes, view.lamps_on)
        key = (view.frame, view.elapsed_s, view.weather, view.models, view.hidden, *(a.tobytes() for a in changing))
        if self._frame is not None and self._frame.key == key:
            return self._frame
        self._release()
        if view.hidden != self._hidden:
            self._hide(view.hidden)
        template = self._templates.index(view.models, np.asarray(view.gait, np.float32))
        poses = np.ascontiguousarray(view.poses, np.float32).reshape(-1, 3, 4)
        self._frame = _Frame(key, view, Instances(template, poses))
        return self._frame

    def _looks(self, frame: _Frame) -> _Looks:
        if frame.looks is None:
            frame.looks = self._looks_of(frame)
        return frame.looks

    def _looks_of(self, frame: _Frame) -> _Looks:
        view, template = frame.view, frame.instances.template
        if self._day is None or self._day[0] != view.weather:
            day = daylight(view.weather)
            self._day = view.weather, day, air_of(day)
        _, day, air = self._day
        emission = np.zeros((1 + len(template), len(Emission), 3), np.float32)
        emission[0, Emission.WINDOW] = LIT_WINDOW_CD_M2 * day.darkness
        emission[0, Emission.STREET_LAMP] = STREET_LAMP_GLASS_CD_M2
        # of the reflectors of parked cars, times their luminance
        emission[0, Emission.TAIL_LAMP], emission[0, Emission.SHEETING] = RED, HEADLAMP_WHITE
        power = np.zeros(len(self._town.lamp_heads) + 1 + len(self._town.reflectors.kinds), np.float32)
        power[: len(self._town.lamp_heads)] = view.lamps_on
        slots = Slots(
            self._templates.chunks.first_triangle[template],
            frame.instances.poses,
            np.ascontiguousarray(view.palettes, np.float32).reshape(-1, 3, 3),
            emission,
            power,
        )
        slot_ids = (np.asarray(view.ids, np.uint32) & np.uint32(0x7FFF)).astype(np.uint32)
        return _Looks(day, air, slots, slot_ids, *self._lamp_tables(template, view))

    def _hide(self, object_ids: tuple[int, ...]) -> None:
        """Leaves these objects of the town out, and no others."""
        self._hidden, self._town, self._sun_map = object_ids, without(self._whole_town, object_ids), None
        self._visibility = Visibility(self._town.chunks, self._templates, self._workers)

    def _seen(self, frame: _Frame, eye: Pinhole) -> VisibilityBuffer:
        key = (eye.rotation.tobytes(), eye.eye.tobytes(), float(eye.focal_px), eye.width, eye.height)
        if key not in self._buffers:
            # how things look is worked out while the other threads project triangles
            self._buffers[key] = self._visibility.render(eye, frame.instances, partial(self._looks, frame))
            while len(self._buffers) > KEPT_BUFFERS:
                self._visibility.release(self._buffers.popitem(last=False)[1])
        return self._buffers[key]

    def _lamp_tables(self, template: NDArray[np.int32], view: SceneView) -> tuple[LampTable, ActorReflectors]:
        blink = indicators_lit(view.elapsed_s)
        key = (view.models, view.lights.tobytes(), blink)  # not the gait: a stride moves no lamps
        if self._lamps is None or self._lamps[0] != key:
            own = [self._templates.lamps[row] for row in template]
            reflectors = actor_reflectors([self._templates.reflectors[row] for row in template])
            self._lamps = (key, lamp_table(own, view.lights.tolist(), blink), reflectors)
        return self._lamps[1:]

    def _lights(self, frame: _Frame, eye: Pinhole) -> NDArray[np.float32]:
        looks = self._looks(frame)
        if looks.day.darkness <= 0.0:
            return np.zeros((0, FIELDS), np.float32)
        town = self._town
        power = looks.slots.lamp_power[: len(town.lamp_heads)]
        return brightest(town.lamp_heads, town.lamp_flux_lm, power, looks.lamps, frame.instances.poses, eye)

    def _sprites(self, frame: _Frame, eye: Pinhole, seen: VisibilityBuffer, bloom: float) -> NDArray[np.float32]:
        looks = self._looks(frame)
        heads = self._town.lamp_heads
        street = street_points(heads, self._town.lamp_flux_lm, looks.slots.lamp_power[: len(heads)], eye.eye)
        actors = actor_points(looks.lamps, frame.instances.poses, eye.eye)
        places, candela, areas = (np.concatenate(pair) for pair in zip(street, actors, strict=True))
        return sprites(eye, seen, places, candela, areas, looks.day.extinction_per_m, looks.day.fog_from_m, bloom)

    def _shining(self, frame: _Frame, eye: Pinhole, lights: NDArray[np.float32]) -> Slots:
        """With what the glass of lamps shows this eye, and plates and signs of the light of its own head lamps."""
        poses, looks = frame.instances.poses, self._looks(frame)
        glass, power = glass_luminance(looks.lamps, poses, eye.eye), looks.slots.lamp_power.copy()
        if len(lights):
            town = replace(self._town.reflectors, centres=self._town.reflectors.centres - eye.eye)
            all_of_them = stacked([town, placed(looks.reflectors, poses, eye.eye)])
            luminance_cd_m2 = returned(all_of_them, lights, looks.day.extinction_per_m, looks.day.fog_from_m)
            power[len(self._town.lamp_heads) + 1 :] = luminance_cd_m2[: len(town.kinds)]
            add_returned(glass, looks.reflectors, luminance_cd_m2[len(town.kinds) :])
        return looks.slots._replace(emission=np.concatenate([looks.slots.emission[:1], glass]), lamp_power=power)

    def _sun_depth(self, day: Daylight) -> ParallelDepth:
        """The static town as the sun sees it, kept until the sun has moved by half a degree."""
        sun = np.array(day.sun)
        if self._sun_map is None or float(self._sun_map[0] @ sun) < SAME_SUN_COSINE:
            self._sun_map = (sun, self._visibility.along(sun, SHADOW_TEXEL_M))
        return self._sun_map[1]

    def _planes_of(self, eye: Pinhole) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Two (H, 3, W) float32 buffers of the camera's size, used again for every picture."""
        size = (eye.height, eye.width)
        if size not in self._planes:
            shape = (eye.height, 3, eye.width)
            self._planes[size] = (np.empty(shape, np.float32), np.empty(shape, np.float32))
        return self._planes[size]

    def _surfaces(self) -> tuple[Surfaces, NDArray[np.int32], Surfaces]:
        return self._town.surfaces, self._town.lamp_of, self._templates.surfaces

    def _casters(self, frame: _Frame, eye: Pinhole) -> Casters:
        boxes = np.concatenate([self._town.parked_boxes, self._templates.boxes[frame.instances.template]])
        poses = np.concatenate([self._town.parked_poses, frame.instances.poses])
        return casters_of(
            poses, boxes, len(self._town.parked_boxes), eye.eye, self._looks(frame).day.sun, float(eye.focal_px)
        )

    def _radiance(
        self, frame: _Frame, eye: Pinhole, seen: VisibilityBuffer, camera: CameraModel
    ) -> NDArray[np.float32]:
        """(H, 3, W); holds until the next call for this size."""
        looks = self._looks(frame)
        day = looks.day
        lights = self._lights(frame, eye)
        extinction = day.extinction_per_m
        foggy = self._lamps_light_fog = len(lights) > 0 and extinction > FOG_LIGHT_FROM_PER_M
        sun_shines = max(day.sun_rgb) > 0.02 * max(day.sky_rgb)
        sun_map = self._sun_depth(day) if sun_shines else NO_SUN
        bloom = min(max(camera.number("bloom_intensity", 0.675), 0.0), MOST_BLOOM) / 0.675
        if camera.text("enable_postprocess_effects", "true").lower() == "false":
            bloom = 0.0
        # while the other threads already work at the fog, this one works out what is not a matter of pixels
        # rain is in the air from the lens on, and its drops take their light from that of the air around them
        fog_from = 0.0 if frame.view.weather.precipitation > 0.0 else day.fog_from_m
        light_fog = self._fog(eye, lights, extinction, fog_from) if foggy else None
        out, smooth = self._planes_of(eye)
        slots = self._shining(frame, eye, lights)
        casters = self._casters(frame, eye)
        lamps = self._sprites(frame, eye, seen, bloom)
        if light_fog:
            light_fog()
        self._shade(eye, seen, looks, slots, lights, sun_shines, sun_map, casters, foggy, out)
        self._smooth(seen.fine, eye, lamps, out, smooth)
        return smooth

    def _fog(
        self, eye: Pinhole, lights: NDArray[np.float32], extinction_per_m: float, fog_from_m: float
    ) -> Callable[[], None]:
        air = np.float32(extinction_per_m), np.float32(fog_from_m)
        return self._workers.begin(fill_froxels, eye, lights, *air, self._grid)

    def _smooth(
        self,
        fine: NDArray[np.int64],
        eye: Pinhole,
        lamps: NDArray[np.float32],
        out: NDArray[np.float32],
        smooth: NDArray[np.float32],
    ) -> None:
        self._workers.run(smooth_edges, fine, fine.view(np.float32), out, smooth)
        if len(lamps):
            self._workers.run(add_sprites, lamps, eye.focal_px, smooth)

    def _shade(
        self,
        eye: Pinhole,
        seen: VisibilityBuffer,
        looks: _Looks,
        slots: Slots,
        lights: NDArray[np.float32],
        sun_shines: bool,
        sun_map: ParallelDepth,
        casters: Casters,
        foggy: bool,
        out: NDArray[np.float32],
    ) -> None:
        self._workers.run(
            render_rows, eye, seen.ids, seen.inverse_depth, self._surfaces(), slots, self._look,
            np.float32(looks.day.wetness), looks.air, lights, sun_shines, sun_map.depth, sun_map.to_texel,
            sun_map.texel_m, casters, self._grid, foggy, out,
        )  # fmt: skip

    def _normals(self, eye: Pinhole, seen: VisibilityBuffer, slots: Slots, out: NDArray[np.uint32]) -> None:
        self._workers.run(
            encode_normals, eye, seen.ids, seen.inverse_depth, self._surfaces(), slots, self._look, out,
        )  # fmt: skip

    def shade_sky(self, camera: CameraModel, transform: Sequence[float], view: SceneView) -> None:
        """Runs `SHADING` as pictures do, and no other kernel, on a picture in which nothing was drawn."""
        frame, eye = self._prepare(view), pinhole(camera, transform)
        looks, size = self._looks(frame), (camera.height, camera.width)
        nothing = VisibilityBuffer(np.full(size, NOTHING), np.zeros(size, np.float32), np.zeros((0, 0), np.int64))
        lights, casters, out = np.zeros((0, FIELDS), np.float32), self._casters(frame, eye), self._planes_of(eye)[0]
        self._shade(eye, nothing, looks, looks.slots, lights, False, NO_SUN, casters, False, out)
        self._normals(eye, nothing, looks.slots, np.empty(size, np.uint32))

    def light_fog(self, camera: CameraModel, transform: Sequence[float]) -> None:
        """Runs `FOG` as pictures do, and no other kernel."""
        self._fog(pinhole(camera, transform), np.zeros((0, FIELDS), np.float32), 0.01, 0.0)()

    def develop_black(self, camera: CameraModel, transform: Sequence[float]) -> None:
        """Runs `FILM` as pictures do, and no other kernel, on a black picture."""
        eye = pinhole(camera, transform)
        out, smooth = self._planes_of(eye)
        out.fill(0)
        keys, lamps = np.zeros((2 * eye.height + 1, 2 * eye.width + 2), np.int64), np.zeros((1, 8), np.float32)
        self._smooth(keys, eye, lamps, out, smooth)
        self._film(camera, smooth, 0.0, 0.0, np.uint32(0))

    def _develop(
        self,
        sensor_id: int,
        camera: CameraModel,
        radiance: NDArray[np.float32],
        view: SceneView,
        day: Daylight,
        eye: Pinhole,
        seen: VisibilityBuffer,
    ) -> NDArray[np.uint8]:
        compensation = compensation_ev(camera)
        if camera.text("exposure_mode", "histogram") == "manual":
            ev = manual_ev(camera)
        else:
            state = adapted(self._adaptation.get(sensor_id), metered_ev(radiance), view.elapsed_s, camera)
            self._adaptation[sensor_id] = state
            ev = state.ev
        key = _noise_key(self._seed, sensor_id, view.frame)
        if view.weather.precipitation > 0.0:
            here = moved(self._moved.get(sensor_id), view.elapsed_s, eye.eye)
            self._moved[sensor_id] = here
            fog_light = self._grid if self._lamps_light_fog else None
            open_s = exposure_s(camera, ev - compensation)
            white = saturation_cd_m2(ev, compensation)
            add_streaks(radiance, eye, seen.inverse_depth, day, view.weather, here, open_s, white, fog_light, key)
        return self._film(camera, radiance, ev, compensation, key)

    def _film(
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


def _shown(camera: CameraModel) -> np.uint32:
    """What a camera of labels shows of their codes."""
    if camera.kind != "instance_segmentation":
        return TAGS
    return PANES if camera.text("panes", "false").lower() == "true" else INSTANCES


def _noise_key(seed: int, sensor_id: int, frame: int) -> np.uint32:
    return np.random.SeedSequence([seed & 0xFFFFFFFF, sensor_id & 0xFFFFFFFF, frame & 0xFFFFFFFF]).generate_state(1)[0]
