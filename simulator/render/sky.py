"""Sun, sky and air from CARLA's weather, in photometric units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sensors.fog import extinction_per_m, visibility_m
from sensors.rain import rain_extinction_per_m, rain_mm_h
from simulator.types import WeatherParameters

Rgb = tuple[float, float, float]

# Illuminance by solar altitude for a clear sky, lux: CIE / IES daylight tables, twilight after Seidelmann's Explanatory
# Supplement to the Astronomical Almanac (civil twilight ends at 3.4 lux, nautical at 0.008).
_ALTITUDE_DEG = (-18.0, -12.0, -6.0, -3.0, 0.0, 5.0, 10.0, 20.0, 40.0, 60.0, 90.0)
_SKY_LUX = (6e-4, 8e-3, 3.4, 60.0, 500.0, 3500.0, 6000.0, 9500.0, 13500.0, 16000.0, 17500.0)
_SUN_LUX = (0.0, 0.0, 0.0, 0.0, 800.0, 28e3, 52e3, 77e3, 95e3, 102e3, 105e3)

TOWN_GLOW_CD_M2 = 0.03
"""Luminance of the night sky over a lit town, moonless and clear (about 18 mag/arcsec2 at the horizon)."""
FOG_LAYER_M = 80.0
"""Depth of a radiation fog: how much of it the sun has to cross."""
FARTHEST_FOG_M = 1e4
OVERCAST_SHARE = 0.28
"""Global illuminance under a closed cloud cover over that of a clear sky."""


@dataclass(frozen=True)
class Daylight:
    """Everything the shading needs to know of the weather. Luminances in cd/m2, illuminances in lux, linear RGB.

    sun: unit vector towards the sun. sun_rgb: illuminance on a surface that faces the sun. sky_rgb, ground_rgb:
    illuminance from the upper and the lower hemisphere. zenith_rgb, horizon_rgb, air_rgb: luminance of the sky and of a
    very long path of air. extinction_per_m: of the air near the ground. cover: clouds 0..1. darkness: 0 by day .. 1 at
    night. wetness: 0..1. fog_from_m: how far from the eye the air is clear, whatever is in it farther away.
    """

    sun: tuple[float, float, float]
    sun_rgb: Rgb
    sky_rgb: Rgb
    ground_rgb: Rgb
    zenith_rgb: Rgb
    horizon_rgb: Rgb
    air_rgb: Rgb
    extinction_per_m: float
    cover: float
    darkness: float
    wetness: float
    fog_from_m: float = 0.0


def daylight(weather: WeatherParameters) -> Daylight:
    altitude = min(max(weather.sun_altitude_angle, -90.0), 90.0)
    azimuth = math.radians(weather.sun_azimuth_angle)
    cover = min(max(weather.cloudiness, 0.0), 100.0) / 100.0
    fog = min(max(weather.fog_density, 0.0), 100.0)
    extinction = extinction_per_m(visibility_m(fog)) + rain_extinction_per_m(rain_mm_h(weather.precipitation))
    # CARLA's `fog_distance`: metres from the camera at which fog begins
    fog_from = min(max(weather.fog_distance, 0.0), FARTHEST_FOG_M) if fog > 0.0 else 0.0
    layer_m = max(FOG_LAYER_M - fog_from, 0.0)
    h = math.radians(altitude)
    sun = (math.cos(h) * math.cos(azimuth), math.cos(h) * math.sin(azimuth), math.sin(h))

    clear_sky, clear_sun = _table(altitude, _SKY_LUX), float(np.interp(altitude, _ALTITUDE_DEG, _SUN_LUX))
    rise = max(math.sin(h), 0.0)
    overcast = OVERCAST_SHARE * (clear_sky + clear_sun * rise)
    clouds = cover * cover
    sun_lux = clear_sun * (1.0 - cover) ** 1.5
    sky_lux = clear_sky * (1.0 - clouds) + overcast * clouds + 0.35 * clear_sun * rise * cover * (1.0 - cover)
    # what the fog takes from the beam comes down as diffuse light, less what it sends back up
    through = math.exp(-extinction * layer_m / max(rise, 0.05))
    sky_lux += 0.6 * sun_lux * rise * (1.0 - through)
    sun_lux *= through

    glow = TOWN_GLOW_CD_M2 * (1.0 + 1.5 * cover + 2.0 * (1.0 - math.exp(-extinction * max(60.0 - fog_from, 0.0))))
    grey = max(cover, 1.0 - through) if rise > 0.0 else max(cover, 1.0 - math.exp(-extinction * layer_m))
    low = min(max(1.0 - altitude / 20.0, 0.0), 1.0)
    blue_zenith = _mix(_mix((0.42, 0.92, 2.3), (0.5, 0.85, 2.2), low), (1.0, 1.0, 1.02), grey)
    pale_horizon = _mix(_mix((0.86, 1.0, 1.28), (1.55, 0.93, 0.62), low), (1.0, 1.0, 1.02), grey)
    mean = sky_lux / math.pi
    zenith = _plus(_scaled(blue_zenith, 0.75 * mean), _scaled((1.05, 0.97, 0.95), 0.6 * glow))
    horizon = _plus(_scaled(pale_horizon, 1.15 * mean), _scaled((1.25, 0.97, 0.72), glow))
    sun_colour = _mix((1.02, 0.995, 0.95), (1.7, 0.85, 0.35), min(max(1.0 - altitude / 14.0, 0.0), 1.0))
    sun_rgb = _scaled(sun_colour, sun_lux)
    sky_colour = _mix(_mix((0.80, 0.98, 1.42), (0.95, 0.97, 1.2), low), (1.0, 1.0, 1.02), grey)
    sky_rgb = _plus(_scaled(sky_colour, sky_lux), _scaled((1.15, 0.98, 0.82), math.pi * glow))
    bounce = _scaled(_plus(_scaled(sun_rgb, rise), sky_rgb), 0.16)
    return Daylight(
        sun=sun,
        sun_rgb=sun_rgb,
        sky_rgb=sky_rgb,
        ground_rgb=bounce,
        zenith_rgb=zenith,
        horizon_rgb=horizon,
        air_rgb=horizon,
        extinction_per_m=extinction,
        cover=cover,
        darkness=min(max((4.0 - altitude) / 8.0, 0.0), 1.0),
        wetness=min(max(weather.wetness, weather.precipitation_deposits, 0.0) / 100.0, 1.0),
        fog_from_m=fog_from,
    )


def _table(altitude_deg: float, lux: tuple[float, ...]) -> float:
    return math.exp(float(np.interp(altitude_deg, _ALTITUDE_DEG, np.log(lux))))


def _mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def _scaled(a: Rgb, factor: float) -> Rgb:
    return (a[0] * factor, a[1] * factor, a[2] * factor)


def _plus(a: Rgb, b: Rgb) -> Rgb:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])
