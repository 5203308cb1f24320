"""How far a pedestrian can be seen in fog: contrast over noise of 3, for RGB by night and for LWIR."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.fog import fog_density
from sensors.thermal import Ambient, preset
from sensors.thermal.materials import load_materials
from sensors.thermal.microbolometer import FULL_SCALE
from sensors.thermal.radiometry import band
from sensors.thermal.scene import radiance_at_lens
from sensors.thermal.world import thermal_world
from simulator.render.camera import CameraModel
from simulator.render.exposure import metered_ev, saturation_cd_m2
from simulator.render.renderer import Renderer
from simulator.render.sensor import gamma_table, noise_variance
from simulator.types import VehicleLightState, WeatherParameters
from simulator.world.view import SceneView
from validation.drawing import COLOURS, Axes, plain_ticks
from validation.stage import (
    LUMINANCE,
    Place,
    Pose,
    Thing,
    actor_states,
    camera_frames,
    renderer,
    road,
    view,
)

VISIBILITIES_M = (20.0, 30.0, 45.0, 60.0, 80.0, 120.0, 200.0, 350.0, 700.0, 1500.0)
RADII_UM = (3.0, 5.0, 8.0, 10.0)
DISTANCES_M = tuple(float(round(d, 1)) for d in np.geomspace(6.0, 150.0, 24))
WANTED = 3.0
FEWEST_PIXELS = 5
PERSON_ID = 2

CAMERA = CameraModel(640, 360, 45.0, "rgb")
"""A lens of 45 degrees, so that fog and noise, not pixels, set the range up to some 150 m."""
CAMERA_POSE: Pose = (1.3, 0.0, 1.7, 0.0, 0.0, 0.0)
LOW_BEAM = int(VehicleLightState.POSITION | VehicleLightState.LOW_BEAM)
EGO = Thing("vehicle.lincoln.mkz_2020", 0.0, 0.0, lights=LOW_BEAM)
ASIDE_M = 1.0
STREET_LAMPS = "RGB, low beam and street lamps"
HEADLAMPS = "RGB, low beam"


@dataclass(frozen=True)
class Range:
    """The greatest distance at which the pedestrian's contrast is three times the noise of a pixel."""

    seen_by: str
    visibility_m: float
    range_m: float


def pedestrian(distance_m: float) -> Thing:
    """On the road ahead, 1 m right of the camera's axis, about to cross; dark jacket and trousers."""
    return Thing("walker.pedestrian.0003", CAMERA_POSE[0] + distance_m, ASIDE_M, 0.93, yaw_deg=-90.0)


def night_fog(visibility_m: float) -> WeatherParameters:
    return WeatherParameters(cloudiness=60.0, sun_altitude_angle=-40.0, fog_density=fog_density(visibility_m))


def reach(contrast_over_noise: Sequence[float], distances_m: Sequence[float]) -> float:
    """Where the curve falls through `WANTED` for the last time, between the distances by its logarithm; 0: never."""
    above = [k for k, value in enumerate(contrast_over_noise) if value >= WANTED]
    if not above:
        return 0.0
    k = above[-1]
    if k + 1 == len(contrast_over_noise) or contrast_over_noise[k + 1] <= 0.0:
        return distances_m[k]
    high, low = math.log(contrast_over_noise[k]), math.log(contrast_over_noise[k + 1])
    share = (high - math.log(WANTED)) / (high - low)
    return distances_m[k] + share * (distances_m[k + 1] - distances_m[k])


def visible_contrast(
    render: Renderer, place: Place, distance_m: float, visibility_m: float, empty: NDArray[np.float32] | None = None
) -> float:
    """What the pedestrian changes in the RGB camera's pixels, over the noise of such a pixel.

    The change is the mean over the pedestrian's pixels of |with - without|, in luminance; noise is shot, read and
    8-bit noise at the exposure that the camera chooses, for the mean of the three colours weighted as luminance is.
    """
    weather = night_fog(visibility_m)
    scene = view(place, [EGO, pedestrian(distance_m)], weather)
    mask = person_pixels(render, scene)
    if mask.sum() < FEWEST_PIXELS:
        return 0.0
    if empty is None:
        empty = render.radiance(CAMERA, CAMERA_POSE, view(place, [EGO], weather))
    with_person = render.radiance(CAMERA, CAMERA_POSE, scene)
    change = np.abs((with_person - empty) @ LUMINANCE)[mask].mean()
    ev = metered_ev(np.ascontiguousarray(with_person.transpose(0, 2, 1)))
    white = saturation_cd_m2(ev, 0.0)
    signal = empty[mask].mean(axis=0) / white
    shot, read = noise_variance(ev)
    variance = shot * signal + read + _code_step(signal) ** 2 / 12.0
    noise = math.sqrt(float(((LUMINANCE * variance**0.5) ** 2).sum()))
    return float(change / white / noise)


def _code_step(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width of one 8-bit code at a linear signal 0..1."""
    table = gamma_table(2.2).astype(np.float64)
    linear = (np.arange(len(table)) / (len(table) - 1.0)) ** 2
    codes = np.arange(256.0)
    starts = np.interp(codes, table, linear)
    step = np.gradient(starts)
    return np.interp(np.interp(signal, linear, table), codes, step)


def person_pixels(render: Renderer, scene: SceneView) -> NDArray[np.bool_]:
    return camera_frames(render, CAMERA, CAMERA_POSE, scene).instances == PERSON_ID


def thermal_noise(name: str = "adk") -> float:
    """Deviation of a pixel's radiance (W m-2 sr-1): temporal noise, fixed pattern half-way between two shutter events
    and the step of 14 bits, added as squares."""
    config = preset(name)
    d, own = config.detector, band(*config.band_um)
    drifted = 1.0 + (0.5 * d.drift) ** 2
    mk2 = d.netd_mk**2 + d.pixel_mk**2 + (d.column_mk**2 + d.row_mk**2) * drifted
    low, high = (float(own.radiance(c + 273.15)) for c in d.scene_c)
    return math.sqrt(mk2 * (1e-3 * own.slope(300.0)) ** 2 + ((high - low) / FULL_SCALE) ** 2 / 12.0)


def thermal_ranges(
    render: Renderer,
    place: Place,
    visibilities_m: Sequence[float],
    radii_um: Sequence[float],
    distances_m: Sequence[float],
    name: str = "adk",
) -> list[Range]:
    """The same pedestrian for the thermal camera; fog shades neither tags nor depth, so these are drawn once."""
    config = preset(name)
    own, materials, noise = band(*config.band_um), load_materials(), thermal_noise(name)
    shots = []
    for distance_m in distances_m:
        scenes = [view(place, things, night_fog(60.0)) for things in ([EGO, pedestrian(distance_m)], [EGO])]
        shots.append([(scene, camera_frames(render, CAMERA, CAMERA_POSE, scene)) for scene in scenes])
    ranges = []
    for radius_um in radii_um:
        for visibility_m in visibilities_m:
            ambient = Ambient(
                air_temperature_c=6.0, relative_humidity=0.99, cloudiness=60.0, local_time_h=21.0,
                visibility_m=visibility_m, droplet_radius_um=radius_um,
            )  # fmt: skip
            world = thermal_world(ambient, own, 0, materials)
            curve = []
            for pair in shots:
                images = []
                for scene, f in pair:
                    states = actor_states(scene, ambient)
                    seen = radiance_at_lens(world, f.tags, f.instances, f.depth_m, f.transform, f.fov_deg, states)
                    images.append(cv2.GaussianBlur(seen, (0, 0), config.detector.blur_px))
                mask = pair[0][1].instances == PERSON_ID
                visible = mask.sum() >= FEWEST_PIXELS
                curve.append(float(np.abs(images[0] - images[1])[mask].mean()) / noise if visible else 0.0)
            ranges.append(Range(f"LWIR, {radius_um:g} um", visibility_m, reach(curve, distances_m)))
    return ranges


def visible_ranges(
    name: str, place: Place, render: Renderer, visibilities_m: Sequence[float], distances_m: Sequence[float]
) -> list[Range]:
    ranges = []
    for visibility_m in visibilities_m:
        empty = render.radiance(CAMERA, CAMERA_POSE, view(place, [EGO], night_fog(visibility_m)))
        curve = [visible_contrast(render, place, d, visibility_m, empty) for d in distances_m]
        ranges.append(Range(name, visibility_m, reach(curve, distances_m)))
    return ranges


def measured(
    visibilities_m: Sequence[float] = VISIBILITIES_M,
    radii_um: Sequence[float] = RADII_UM,
    distances_m: Sequence[float] = DISTANCES_M,
) -> list[Range]:
    """By night: the ego's low beam alone, with street lamps every 30 m, and LWIR for each droplet radius."""
    ranges = []
    for name, lamps in ((HEADLAMPS, False), (STREET_LAMPS, True)):
        place = road(lamps)
        render = renderer(place)
        ranges += visible_ranges(name, place, render, visibilities_m, distances_m)
        if not lamps:
            ranges += thermal_ranges(render, place, visibilities_m, radii_um, distances_m)
        render.close()
    return ranges


def draw(axes: Axes, ranges: list[Range]) -> None:
    names = list(dict.fromkeys(r.seen_by for r in ranges))
    for name in names:
        own = [r for r in ranges if r.seen_by == name]
        lwir = name.startswith("LWIR")
        colour = COLOURS[0] if lwir else COLOURS[1]
        number = [n for n in names if n.startswith("LWIR") == lwir].index(name)
        style = ("-", "--", "-.", ":")[number]
        marker = "" if lwir else "o"
        axes.plot(
            [r.visibility_m for r in own], [r.range_m for r in own], style, color=colour, marker=marker, label=name
        )
    seen = [VISIBILITIES_M[0], VISIBILITIES_M[-1]]
    axes.plot(seen, seen, color="0.7", lw=0.8)
    axes.text(24.0, 30.0, "range = visibility", color="0.5", fontsize=7, rotation=40)
    axes.axhline(DISTANCES_M[-1], color="0.7", lw=0.8, ls=":")
    axes.text(1500.0, 1.05 * DISTANCES_M[-1], "farthest place measured", color="0.5", fontsize=7, ha="right")
    axes.set(
        xscale="log", yscale="log", ylim=(5.0, 220.0), xlabel="visibility V of the fog (m)",
        ylabel="range at contrast / noise = 3 (m)", title="A dark-clothed pedestrian at night, 640x360 at 45 deg",
    )  # fmt: skip
    plain_ticks(axes, (20, 50, 100, 200, 500, 1500), (5, 10, 20, 50, 100, 200))
    axes.legend(frameon=False, fontsize=7.5)
