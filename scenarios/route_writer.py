"""Writes a leaderboard route file from a sketch that names lanes and distances instead of coordinates.

`python -m scenarios.route_writer scenarios/routes/elm02.yaml` writes `scenarios/routes/elm02.xml`. A sketch lists
routes:

    - id: "1"
      points: [[1, 1, 60], [1, 1, 250]]      # OpenDRIVE road, lane, metres along the lane in driving direction
      scenarios:
        - {type: DynamicObjectCrossing, at: 35, distance: 25, crossing_speed: 1.4}   # `at`: metres along the route
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import carla

from scenarios.errors import ScenarioError
from scenarios.planner import RoutePlan, plan
from scenarios.yaml_lines import read_yaml

LanePlace = tuple[int, int, float]


def lane_location(carla_map: carla.Map, place: LanePlace) -> tuple[float, float, float]:
    """The point `place[2]` metres after a lane's beginning in driving direction."""
    road_id, lane_id, along_m = place
    entries = [entry for entry, _ in carla_map.get_topology() if (entry.road_id, entry.lane_id) == (road_id, lane_id)]
    if not entries or entries[0].is_junction:
        raise ScenarioError(f"{carla_map.name} has no lane {lane_id} on road {road_id}")
    # Each section of the lane has an entry; lanes of positive id lead against s.
    entry = min(entries, key=lambda section: section.s if lane_id < 0 else -section.s)
    ahead = entry.next(along_m) if along_m > 0.0 else [entry]
    if not ahead or (ahead[0].road_id, ahead[0].lane_id) != (road_id, lane_id):
        raise ScenarioError(f"lane {lane_id} of road {road_id} is shorter than {along_m:g} m")
    location = ahead[0].transform.location
    return location.x, location.y, location.z


def write_routes(path: Path, town: str, sketches: list[dict[str, Any]], carla_map: carla.Map) -> None:
    root = ElementTree.Element("routes")
    for number, sketch in enumerate(sketches, 1):
        try:
            _add_route(root, town, sketch, carla_map)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            missing = f"no {error} given" if isinstance(error, KeyError) else str(error)
            raise ScenarioError(f"route {number}: {missing}") from error
    ElementTree.indent(root, "  ")
    path.write_text(ElementTree.tostring(root, encoding="unicode") + "\n", encoding="utf-8")


def _add_route(root: ElementTree.Element, town: str, sketch: dict[str, Any], carla_map: carla.Map) -> None:
    points = [lane_location(carla_map, (int(r), int(k), float(m))) for r, k, m in sketch["points"]]
    route = ElementTree.SubElement(root, "route", id=str(sketch["id"]), town=town)
    waypoints = ElementTree.SubElement(route, "waypoints")
    for x, y, z in points:
        ElementTree.SubElement(waypoints, "position", x=f"{x:.1f}", y=f"{y:.1f}", z=f"{z:.1f}")
    _add_scenarios(route, sketch, plan(carla_map, points))


def _add_scenarios(route: ElementTree.Element, sketch: dict[str, Any], route_plan: RoutePlan) -> None:
    holder = ElementTree.SubElement(route, "scenarios")
    for number, scenario in enumerate(sketch.get("scenarios", []), 1):
        parameters = dict(scenario)
        kind, at_m = parameters.pop("type"), float(parameters.pop("at"))
        element = ElementTree.SubElement(holder, "scenario", name=f"{kind}_{number}", type=kind)
        trigger = route_plan.at(at_m)
        place = {"x": trigger.location.x, "y": trigger.location.y, "z": trigger.location.z, "yaw": trigger.rotation.yaw}
        ElementTree.SubElement(element, "trigger_point", {name: f"{value:.1f}" for name, value in place.items()})
        for name, value in parameters.items():
            ElementTree.SubElement(element, name, value=str(value))


def main() -> None:
    # The embedded towns' generator; scenarios themselves know towns through carla.Map alone.
    from simulator.towns import build_town

    parser = argparse.ArgumentParser(prog="python -m scenarios.route_writer", description="Writes a route file.")
    parser.add_argument("sketch", type=Path)
    arguments = parser.parse_args()
    out = arguments.sketch.with_suffix(".xml")
    try:
        _, sketch = read_yaml(arguments.sketch.read_text(encoding="utf-8"), arguments.sketch)
        if not isinstance(sketch, dict) or not isinstance(sketch.get("routes"), list) or "town" not in sketch:
            raise ScenarioError("a sketch has a town and a list of routes")
        carla_map = carla.Map(sketch["town"], build_town(sketch["town"]).opendrive)
        write_routes(out, sketch["town"], sketch["routes"], carla_map)
    except (ScenarioError, OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error).removeprefix(f"{arguments.sketch}:")
        parser.exit(2, f"{arguments.sketch}: {said}\n")
    print(f"{len(sketch['routes'])} routes in {out}")


if __name__ == "__main__":
    main()
