"""Illuminance of a headlamp on a wall against distance: I / d^2, attenuated by the air."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sensors.fog import extinction_per_m, visibility_m
from simulator.render.camera import CameraModel
from simulator.render.lights import LOW_BEAM
from simulator.render.sky import daylight
from simulator.types import VehicleLightState, WeatherParameters
from validation.drawing import COLOURS, Axes, plain_ticks
from validation.stage import LUMINANCE, Thing, emptiness, luminance, renderer, view

DISTANCES_M = (3.0, 5.0, 7.0, 10.0, 14.0, 18.0, 22.0, 26.0, 30.0, 40.0, 50.0, 60.0)
LAMP_HEIGHT_M = 0.65
GREY = (0.5, 0.5, 0.5)
BEAM_SLOPE = LOW_BEAM.cut_off - 0.012
"""Along which the beam is at full strength: just below the cut-off."""
NIGHT = WeatherParameters(cloudiness=0.0, sun_altitude_angle=-40.0)
OVERCAST = WeatherParameters(cloudiness=100.0, sun_altitude_angle=40.0)


@dataclass(frozen=True)
class Reading:
    distance_m: float
    lux: float

    @property
    def law(self) -> float:
        """Lux of the lamp's own photometry through clear night air."""
        air = math.exp(-extinction_per_m(visibility_m(0.0)) * self.distance_m)
        return LOW_BEAM.candela / self.distance_m**2 * air

    @property
    def error(self) -> float:
        return self.lux / self.law - 1.0

    @property
    def window(self) -> float:
        """The renderer's own fade towards the range at which it stops to follow a lamp."""
        return 1.0 - (self.distance_m / LOW_BEAM.range_m) ** 8


def measured() -> list[Reading]:
    """One low beam on a grey board across the beam's brightest ray.

    The board is its own light meter: what it looks like under an overcast sky of known illuminance gives its
    reflectance; lux follow from its luminance at night.
    """
    place = emptiness()
    render = renderer(place)
    day = daylight(OVERCAST)
    day_lux = sum(0.5 * (day.sky_rgb[c] + day.ground_rgb[c]) * LUMINANCE[c] for c in range(3))
    readings = []
    for distance_m in DISTANCES_M:
        height = LAMP_HEIGHT_M + BEAM_SLOPE * distance_m
        target = Thing("static.board", distance_m, 0.0, height, colour=GREY)
        lamp = Thing("vehicle.one_lamp", 0.0, 0.0, lights=int(VehicleLightState.LOW_BEAM))
        eye = (distance_m - 2.0, 0.0, height, 0.0, 0.0, 0.0)
        camera = CameraModel(65, 65, 4.0, "rgb")
        lit = luminance(render, camera, eye, view(place, [target, lamp], NIGHT))[28:37, 28:37].mean()
        dark = luminance(render, camera, eye, view(place, [target], NIGHT))[28:37, 28:37].mean()
        by_day = luminance(render, camera, eye, view(place, [target], OVERCAST))[28:37, 28:37].mean()
        readings.append(Reading(distance_m, float((lit - dark) / by_day * day_lux)))
    render.close()
    return readings


def draw(axes: Axes, readings: list[Reading]) -> None:
    distances = [r.distance_m for r in readings]
    axes.plot(distances, [r.law for r in readings], color=COLOURS[0], lw=1.2, label="21 kcd / d²")
    axes.plot(distances, [r.law * r.window for r in readings], color="0.6", lw=1.0, ls="--", label="with its reach")
    axes.plot(distances, [r.lux for r in readings], "o", color=COLOURS[1], label="rendered")
    axes.set(
        xscale="log", yscale="log", xlabel="distance of the wall (m)", ylabel="illuminance (lux)",
        title="A low beam's brightest ray on a wall",
    )  # fmt: skip
    plain_ticks(axes, (3, 5, 10, 20, 30, 60), (5, 10, 30, 100, 300, 1000, 3000))
    axes.legend(frameon=False)
