"""Contrast of a black target in fog: exp(-3.912 d / V), Koschmieder's law."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sensors.fog import KOSCHMIEDER, fog_density
from simulator.render.camera import CameraModel
from simulator.types import WeatherParameters
from validation.drawing import COLOURS, Axes
from validation.stage import EYE, Thing, emptiness, luminance, renderer, view

VISIBILITIES_M = (50.0, 100.0, 200.0, 500.0)
OPTICAL_DEPTHS = (0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 3.9)
CAMERA = CameraModel(320, 180, 12.0, "rgb")


@dataclass(frozen=True)
class Reading:
    visibility_m: float
    distance_m: float
    contrast: float

    @property
    def law(self) -> float:
        return math.exp(-KOSCHMIEDER * self.distance_m / self.visibility_m)

    @property
    def error(self) -> float:
        """Relative."""
        return self.contrast / self.law - 1.0


def measured(altitude_deg: float = 40.0) -> list[Reading]:
    """A black board of 2 m against the horizon behind it, for every visibility up to where 2 % of contrast are left."""
    place = emptiness()
    render = renderer(place)
    readings = []
    for visibility_m in VISIBILITIES_M:
        weather = WeatherParameters(
            cloudiness=100.0, sun_altitude_angle=altitude_deg, fog_density=fog_density(visibility_m)
        )
        horizon = float(luminance(render, CAMERA, EYE, view(place, [], weather))[90, 160])
        for depth in OPTICAL_DEPTHS:
            distance_m = depth / KOSCHMIEDER * visibility_m
            black = Thing("static.board", distance_m, 0.0, EYE[2], colour=(0.0, 0.0, 0.0))
            target = float(luminance(render, CAMERA, EYE, view(place, [black], weather))[90, 160])
            readings.append(Reading(visibility_m, distance_m, (horizon - target) / horizon))
    render.close()
    return readings


def draw(axes: Axes, readings: list[Reading]) -> None:
    for colour, visibility_m in zip(COLOURS, VISIBILITIES_M):
        own = [r for r in readings if r.visibility_m == visibility_m]
        axes.plot([r.distance_m for r in own], [r.law for r in own], color=colour, lw=1.2)
        axes.plot(
            [r.distance_m for r in own], [r.contrast for r in own], "o", color=colour, label=f"V = {visibility_m:g} m"
        )
    axes.set(
        xscale="log", yscale="log", xlabel="distance of a black 2 m target (m)", ylabel="contrast to the horizon",
        title="Points: rendered. Lines: exp(-3.912 d / V)",
    )  # fmt: skip
    axes.axhline(0.02, color="0.6", lw=0.8, ls=":")
    axes.legend(frameon=False)
