"""Reads the leaderboard's route files: 2.x (positions, weathers, scenarios) and the waypoint lists of 1.0."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import carla

from results.layout import file_name_of
from scenarios.errors import ScenarioError
from scenarios.xml_lines import Element, parse_xml

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
LONGEST_ID = 100
MOST_NAMED = 30


@dataclass(frozen=True)
class TriggerPoint:
    """Where on the route a scenario begins: metres and degrees in CARLA's axes."""

    x: float
    y: float
    z: float
    yaw: float


@dataclass(frozen=True)
class ScenarioSpec:
    """One `<scenario>`; `parameters` maps a child's tag to its attributes: `{"distance": {"value": "40"}}`."""

    name: str
    type: str
    trigger: TriggerPoint
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    source: str = ""  # file:line
    # Names that stand twice, with file:line of the second. The last counts, as for the leaderboard.
    repeated: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str) -> str:
        """A parameter's `value`, or its default when the file does not give it."""
        if name not in self.parameters:
            return default
        if "value" not in self.parameters[name]:
            raise ScenarioError(f"{self.source}: <{name}> of {self.name} has no value")
        return self.parameters[name]["value"]

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """As `text`, for what must be one of a few words."""
        value = self.text(name, default)
        if value not in choices:
            raise ScenarioError(f"{self.source}: <{name}> of {self.name}: {value!r} is none of {', '.join(choices)}")
        return value

    def number(self, name: str, default: float) -> float:
        text = self.text(name, "")
        if not text:
            return default
        value = _finite(text)
        if value is None:
            raise ScenarioError(f"{self.source}: <{name}> of {self.name}: {text!r} is not a number")
        return value

    def positive(self, name: str, default: float) -> float:
        """As `number`, for what must be greater than 0."""
        value = self.number(name, default)
        if value <= 0.0:
            raise ScenarioError(f"{self.source}: <{name}> of {self.name}: {value:g} must be greater than 0")
        return value


@dataclass(frozen=True)
class RouteWeather:
    """Weather at one point of the route; the leaderboard interpolates between them by `route_percentage`."""

    route_percentage: float
    parameters: dict[str, float]


@dataclass(frozen=True)
class RouteSpec:
    """One route as its file gives it; `keypoints` (x, y, z) in metres, joined by the planner."""

    id: str
    town: str
    keypoints: tuple[tuple[float, float, float], ...]
    scenarios: tuple[ScenarioSpec, ...] = ()
    weathers: tuple[RouteWeather, ...] = ()
    source: str = ""  # file:line
    # Of a benchmark's file: scenarios that do not fit the way are left out, as the leaderboard does, not refused.
    leaves_out: bool = False


def parse_routes(path: str | Path) -> tuple[RouteSpec, ...]:
    """Every route of a file, in its order; ScenarioError names file and line of the first mistake."""
    path = Path(path)
    root = parse_xml(path)
    if root.tag != "routes":
        raise ScenarioError(f"{path}:{root.line}: expected <routes>, found <{root.tag}>")
    routes = tuple(_route(element, path) for element in root.all("route"))
    if not routes:
        raise ScenarioError(f"{path}:{root.line}: no <route> in the file")
    folders: dict[str, str] = {}
    for route in routes:
        folder = _folder_of(route)
        if folder in folders:
            twice = folders[folder] == route.id
            raise ScenarioError(
                f"{route.source}: route id {route.id!r} is used twice"
                if twice
                else f"{route.source}: route ids {folders[folder]!r} and {route.id!r} would share a folder, {folder!r}"
            )
        folders[folder] = route.id
    return routes


def _folder_of(route: RouteSpec) -> str:
    """Results are kept in a folder of the route's name."""
    try:
        name = file_name_of(route.id)
    except ValueError as error:
        raise ScenarioError(f"{route.source}: route id {error}") from error
    if len(name) > LONGEST_ID:
        raise ScenarioError(f"{route.source}: a route's id has {LONGEST_ID} characters at most, this one {len(name)}")
    return name


def select_routes(routes: tuple[RouteSpec, ...], ids: Iterable[str]) -> tuple[RouteSpec, ...]:
    """The routes of these ids, in the order of `ids`."""
    by_id = {route.id: route for route in routes}
    chosen = []
    for route_id in ids:
        if route_id not in by_id:
            raise ScenarioError(f"no route {route_id!r}: the file has {_in_words(by_id)}")
        chosen.append(by_id[route_id])
    return tuple(chosen)


def _in_words(ids: Iterable[str]) -> str:
    """A benchmark's file has hundreds."""
    known = list(ids)
    if len(known) <= MOST_NAMED:
        return ", ".join(known)
    return f"{len(known)}, from {known[0]} to {known[-1]}"


def routes_subset(routes: tuple[RouteSpec, ...], text: str) -> tuple[RouteSpec, ...]:
    """The routes that `text` names, as the leaderboard's `--routes-subset` does: `4`, `1,6`, `0-4` or `0-4,6`.

    A range goes from one id to another in the file's order. A route that is named twice is driven once.
    """
    ids = [route.id for route in routes]
    chosen: dict[str, None] = {}
    for part in text.split(","):
        part = part.strip()
        if part in ids or "-" not in part:
            first = last = part
        else:
            first, last = (end.strip() for end in part.split("-", 1))
        (start,), (stop,) = select_routes(routes, [first]), select_routes(routes, [last])
        named = ids[ids.index(start.id) : ids.index(stop.id) + 1]
        if not named:
            raise ScenarioError(f"{part}: route {last!r} stands before {first!r} in the file")
        chosen.update(dict.fromkeys(named))
    return select_routes(routes, chosen)


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


def _route(element: Element, path: Path) -> RouteSpec:
    source = f"{path}:{element.line}"
    for attribute in ("id", "town"):
        if not element.attributes.get(attribute):
            raise ScenarioError(f"{source}: <route> has no {attribute}")
    listed = element.first("waypoints")
    points = listed.all("position") if listed else element.all("waypoint")
    if len(points) < 2:
        raise ScenarioError(f"{source}: a route needs at least two points, found {len(points)}")
    scenarios = element.first("scenarios")
    staged = tuple(_scenario(s, path) for s in scenarios.all("scenario")) if scenarios else ()
    weathers = element.first("weathers")
    read = [_weather(w, path) for w in (weathers or element).all("weather")]
    if weathers:  # where 1.0 has one outside, that begins with CARLA's own
        read = [replace(weather, parameters={**BASE_WEATHER, **weather.parameters}) for weather in read]
    return RouteSpec(
        id=element.attributes["id"],
        town=element.attributes["town"],
        keypoints=tuple(tuple(_number(p, axis, path) for axis in "xyz") for p in points),  # type: ignore[misc]
        scenarios=_each_name_once(staged),
        weathers=tuple(read),
        source=source,
    )


def _each_name_once(scenarios: tuple[ScenarioSpec, ...]) -> tuple[ScenarioSpec, ...]:
    """A name's second scenario is "<name> (2)": the leaderboard's own files use some twice in a route."""
    taken = {scenario.name for scenario in scenarios}
    seen: set[str] = set()
    named = []
    for scenario in scenarios:
        if scenario.name in seen:
            free = next(name for n in count(2) if (name := f"{scenario.name} ({n})") not in taken)
            taken.add(free)
            scenario = replace(scenario, name=free)
        seen.add(scenario.name)
        named.append(scenario)
    return tuple(named)


def _scenario(element: Element, path: Path) -> ScenarioSpec:
    source = f"{path}:{element.line}"
    for attribute in ("name", "type"):
        if not element.attributes.get(attribute):
            raise ScenarioError(f"{source}: <scenario> has no {attribute}")
    trigger = element.first("trigger_point")
    if trigger is None:
        raise ScenarioError(f"{source}: scenario {element.attributes['name']} has no <trigger_point>")
    seen: set[str] = set()
    repeated: dict[str, str] = {}
    for child in element.children:
        if child.tag in seen:
            repeated.setdefault(child.tag, f"{path}:{child.line}")
        seen.add(child.tag)
    return ScenarioSpec(
        name=element.attributes["name"],
        type=element.attributes["type"],
        trigger=TriggerPoint(**{name: _number(trigger, name, path) for name in ("x", "y", "z", "yaw")}),
        parameters={child.tag: child.attributes for child in element.children if child is not trigger},
        source=source,
        repeated=repeated,
    )


def _weather(element: Element, path: Path) -> RouteWeather:
    source = f"{path}:{element.line}"
    known = ("route_percentage", *WEATHER_PARAMETERS)
    for name in element.attributes.keys() - set(known):  # the leaderboard passes over names that it does not know
        if meant := difflib.get_close_matches(name, known, n=1, cutoff=0.8):
            raise ScenarioError(f"{source}: <weather> has {name!r}: did you mean {meant[0]!r}?")
    values = {name: _number(element, name, path) for name in known if name in element.attributes}
    for name, value in values.items():
        least, most = _WEATHER_RANGES.get(name, (-math.inf, math.inf))
        is_own = value == MAPS_OWN and name != "route_percentage"
        if not (least <= value <= most or is_own):
            raise ScenarioError(f"{source}: {name}={value:g} of <weather> is not within {least:g} to {most:g}")
    percentage = values.pop("route_percentage", 0.0)
    return RouteWeather(percentage, values)


def _number(element: Element, attribute: str, path: Path) -> float:
    text = element.attributes.get(attribute)
    if text is None:
        raise ScenarioError(f"{path}:{element.line}: <{element.tag}> has no {attribute}")
    value = _finite(text)
    if value is None:
        raise ScenarioError(f"{path}:{element.line}: {attribute}={text!r} of <{element.tag}> is not a number")
    return value


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
