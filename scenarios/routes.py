"""Reads the leaderboard's route files: 2.x (positions, weathers, scenarios) and the waypoint lists of 1.0."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

from results.layout import file_name_of
from scenarios.errors import ScenarioError
from scenarios.route_weather import BASE_WEATHER, read_weather
from scenarios.specs import RouteSpec, ScenarioSpec, TriggerPoint
from scenarios.xml_lines import Element, number_of, parse_xml

LONGEST_ID = 100


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
    read = [read_weather(w, path) for w in (weathers or element).all("weather")]
    if weathers:  # where 1.0 has one outside, that begins with CARLA's own
        read = [replace(weather, parameters={**BASE_WEATHER, **weather.parameters}) for weather in read]
    return RouteSpec(
        id=element.attributes["id"],
        town=element.attributes["town"],
        keypoints=tuple(tuple(number_of(p, axis, path) for axis in "xyz") for p in points),  # type: ignore[misc]
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
        trigger=TriggerPoint(**{name: number_of(trigger, name, path) for name in ("x", "y", "z", "yaw")}),
        parameters={child.tag: child.attributes for child in element.children if child is not trigger},
        source=source,
        repeated=repeated,
    )
