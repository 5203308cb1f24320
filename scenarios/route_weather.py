"""Weather along a route: read as the leaderboard reads it, and interpolated as it does."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from pathlib import Path

import carla

from scenarios.errors import ScenarioError
from scenarios.xml_lines import Element, number_of

WEATHER_PARAMETERS = (
    "cloudiness",
    "precipitation",
    "precipitation_deposits",
    "wind_intensity",
    "sun_azimuth_angle",
    "sun_altitude_angle",
    "fog_density",
    "fog_distance",
    "fog_falloff",
    "wetness",
    "scattering_intensity",
    "mie_scattering_scale",
    "rayleigh_scattering_scale",
    "dust_storm",
)

_PER_CENT = ("route_percentage", "cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "wetness")
_WEATHER_RANGES = {
    **dict.fromkeys(_PER_CENT, (0.0, 100.0)),
    "fog_density": (0.0, 100.0),
    "sun_altitude_angle": (-90.0, 90.0),
}
# What `carla.WeatherParameters.Default` holds: the map's own weather. Bench2Drive writes it out.
MAPS_OWN = -1.0
# Each weather of the leaderboard 2.x begins with these (`RouteParser.parse_weather`), also that of a route without any.
BASE_WEATHER = {"sun_altitude_angle": 70.0, "cloudiness": 50.0}


@dataclass(frozen=True)
class RouteWeather:
    """Weather at one point of the route; the leaderboard interpolates between them by `route_percentage`."""

    route_percentage: float
    parameters: dict[str, float]


def weather_at(weathers: tuple[RouteWeather, ...], percentage: float) -> dict[str, float]:
    """Weather parameters at a percentage of the route, linear between the file's entries, constant outside them."""
    if not weathers:
        return dict(BASE_WEATHER)
    before = max((w for w in weathers if w.route_percentage <= percentage), key=_percentage, default=None)
    after = min((w for w in weathers if w.route_percentage > percentage), key=_percentage, default=None)
    if before is None or after is None:
        only = before or after
        assert only is not None
        return dict(only.parameters)
    share = (percentage - before.route_percentage) / (after.route_percentage - before.route_percentage)
    between = {}
    for name in sorted(before.parameters.keys() | after.parameters.keys()):
        unnamed = getattr(carla.WeatherParameters(), name)
        start, end = before.parameters.get(name, unnamed), after.parameters.get(name, unnamed)
        between[name] = start + share * (end - start)
    return between


def _percentage(weather: RouteWeather) -> float:
    return weather.route_percentage


def read_weather(element: Element, path: Path) -> RouteWeather:
    """One `<weather>`."""
    source = f"{path}:{element.line}"
    known = ("route_percentage", *WEATHER_PARAMETERS)
    for name in element.attributes.keys() - set(known):  # the leaderboard passes over names that it does not know
        if meant := difflib.get_close_matches(name, known, n=1, cutoff=0.8):
            raise ScenarioError(f"{source}: <weather> has {name!r}: did you mean {meant[0]!r}?")
    values = {name: number_of(element, name, path) for name in known if name in element.attributes}
    for name, value in values.items():
        least, most = _WEATHER_RANGES.get(name, (-math.inf, math.inf))
        is_own = value == MAPS_OWN and name != "route_percentage"
        if not (least <= value <= most or is_own):
            raise ScenarioError(f"{source}: {name}={value:g} of <weather> is not within {least:g} to {most:g}")
    percentage = values.pop("route_percentage", 0.0)
    return RouteWeather(percentage, values)
