"""Traffic lights and signs of a map: where their poles stand and which stretches of lane obey them.

`carla.Map` says which signals there are, where, and for which lanes, so that clients find each actor's landmark.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from simulator.towns.curves import Array
from simulator.towns.sites import yaw_deg
from simulator.towns.town import GroundGrid, LaneSamples, SpeedLimitSite, StopSignSite, TrafficLightSite
from simulator.towns.xodr.geometry import CentreLine
from simulator.towns.xodr.lanes import Strip, section_ends, section_strips
from simulator.towns.xodr.records import OpenDrive
from simulator.towns.xodr.terrain import Terrain
from simulator.types import BoundingBox, Rotation, Transform, Vector3D

LIGHT, STOP, YIELD, SPEED = "1000001", "206", "205", "274"
LIGHT_ZONE_M, SIGN_ZONE_M = 10.0, 3.5
POLE_BESIDE_M = 0.65
_SAME_WAY_DEG = 35.0


@dataclass(frozen=True, eq=False)
class StopPlace:
    """Where one lane meets the line of a signal. point (3,): the lane's middle there, CARLA's axes; yaw of travel."""

    road: int
    lane: int
    point: Array
    yaw_deg: float
    width_m: float


@dataclass(frozen=True)
class Signs:
    lights: tuple[TrafficLightSite, ...]
    stops: tuple[StopSignSite, ...]
    yields: tuple[StopSignSite, ...]
    limits: tuple[SpeedLimitSite, ...]
    lines: tuple[tuple[StopPlace, ...], ...]
    """Stop lines to paint."""


def signs_of(found: OpenDrive, carla_map: Any, terrain: Terrain, ground: GroundGrid, lanes: LaneSamples) -> Signs:
    by_id: dict[str, list[Any]] = defaultdict(list)
    for landmark in carla_map.get_all_landmarks():
        by_id[landmark.id].append(landmark)
    near_lane = cKDTree(lanes.xyz[:, :2])
    lights: list[tuple[str, Transform, BoundingBox, list[StopPlace]]] = []
    stops: list[StopSignSite] = []
    yields: list[StopSignSite] = []
    limits: list[SpeedLimitSite] = []
    lines: list[tuple[StopPlace, ...]] = []
    for id, marks in by_id.items():
        kind = marks[0].type
        if kind not in (LIGHT, STOP, YIELD, SPEED):
            continue
        places = [place for mark in marks for place in _places(found, mark)]
        if not places:
            continue
        places = [p for p in places if _turn(p.yaw_deg, places[0].yaw_deg) < _SAME_WAY_DEG]
        pole = _pole(marks[0], places, near_lane, lanes, terrain, ground)
        if kind == SPEED:
            value = marks[0].value * (1.609344 if marks[0].unit == "mph" else 1.0)
            if value > 0.0:
                limits.append(SpeedLimitSite(id, pole, round(value)))
            continue
        box = _zone(pole, places, LIGHT_ZONE_M if kind == LIGHT else SIGN_ZONE_M)
        if kind == LIGHT:
            lights.append((id, pole, box, places))
        else:
            (stops if kind == STOP else yields).append(StopSignSite(id, pole, box))
        lines.append(tuple({(p.road, p.lane): p for p in places}.values()))
    return Signs(tuple(_phased(found, lights)), tuple(stops), tuple(yields), tuple(limits), tuple(lines))


def _places(found: OpenDrive, mark: Any) -> list[StopPlace]:
    """Where the lanes that a landmark is for reach it; on a connecting road, where they enter the junction."""
    road = found.roads[mark.road_id]
    line = CentreLine(road)
    valid = [range(min(pair), max(pair) + 1) for pair in mark.get_lane_validities()]
    towards_end = {"Positive": True, "Negative": False}.get(str(mark.orientation).rsplit(".", 1)[-1])
    places = []
    for strip in _strips_at(line, min(max(float(mark.s), 0.0), road.length)):
        if not strip.is_driving or (valid and not any(strip.lane.id in lanes for lanes in valid)):
            continue
        if not valid and towards_end is not None and strip.forward != towards_end:
            continue
        s = float(strip.s[0])
        if road.junction != -1:
            s = 0.0 if strip.forward else road.length
            strip = next((other for other in _strips_at(line, s) if other.lane.id == strip.lane.id), strip)
        if strip.width_m[0] > 1.0:
            places.append(_place(strip))
    return places


def _strips_at(line: CentreLine, s: float) -> list[Strip]:
    section = [section for section, start, _ in section_ends(line.road) if s >= start - 1e-6][-1]
    return list(section_strips(line, section, np.array([s])))


def _place(strip: Strip) -> StopPlace:
    heading = float(strip.line.at(strip.s[:1])[2][0]) + (0.0 if strip.forward else math.pi)
    return StopPlace(strip.road.id, strip.lane.id, strip.points(0.5)[0], yaw_deg(heading), float(strip.width_m[0]))


def _turn(a: float, b: float) -> float:
    return abs((a - b + 180.0) % 360.0 - 180.0)


def _axes(yaw: float) -> tuple[Array, Array]:
    """Unit vectors ahead and to the right of a driver with this yaw, CARLA's axes."""
    angle = math.radians(yaw)
    return np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])


def _pole(
    mark: Any, places: list[StopPlace], near_lane: Any, lanes: LaneSamples, terrain: Terrain, ground: GroundGrid
) -> Transform:
    """At the landmark, unless that hangs over a lane: then to the right of the lanes that obey it."""
    yaw = places[0].yaw_deg
    at = np.array([mark.transform.location.x, mark.transform.location.y])
    gap, nearest = near_lane.query(at)
    if gap < lanes.width_m[nearest] / 2 + 0.4:
        _, right = _axes(yaw)
        outer = max(places, key=lambda place: float(place.point[:2] @ right))
        at = outer.point[:2] + right * (outer.width_m / 2 + POLE_BESIDE_M)
    z = float(terrain.height_m(at[None])[0] + ground.at(at[None])[0])
    return Transform(Vector3D(float(at[0]), float(at[1]), z), Rotation(0.0, _wrapped(yaw + 90.0), 0.0))


def _wrapped(yaw: float) -> float:
    return 180.0 - (180.0 - yaw) % 360.0


def _zone(pole: Transform, places: list[StopPlace], length_m: float) -> BoundingBox:
    """The stretch before the line of all lanes, in the actor's frame: x to the right, y to the rear."""
    ahead, right = _axes(pole.rotation.yaw - 90.0)
    origin = np.array(pole.location[:2])
    across = [float((p.point[:2] - origin) @ right) for p in places]
    rear = [float((origin - p.point[:2]) @ ahead) for p in places]
    left = min(x - p.width_m / 2 for x, p in zip(across, places)) + 0.1
    end = max(x + p.width_m / 2 for x, p in zip(across, places)) - 0.1
    first, last = min(rear), max(rear) + length_m
    z = float(np.mean([p.point[2] for p in places])) - pole.location.z
    return BoundingBox(
        Vector3D((left + end) / 2, (first + last) / 2, z + 1.0),
        Vector3D((end - left) / 2, (last - first) / 2, 1.0),
    )


def _phased(
    found: OpenDrive, lights: list[tuple[str, Transform, BoundingBox, list[StopPlace]]]
) -> list[TrafficLightSite]:
    """Phases are the map's controllers where a junction has them, else lights along one axis are green together."""
    controller_of = {signal: c.id for c in found.controllers.values() for signal in c.signals}
    junction_of = {id: junction.id for junction in found.junctions.values() for id in junction.controllers}
    phases: dict[str, dict[object, int]] = defaultdict(dict)
    sites = []
    for id, pole, box, places in lights:
        controller = controller_of.get(id)
        junction = junction_of.get(controller) if controller is not None else None
        name = str(junction if junction is not None else _junction_ahead(found, places[0]))
        axis = _group(places[0].yaw_deg, [key for key in phases[name] if isinstance(key, float)])
        key: object = controller if junction is not None else axis
        phase = phases[name].setdefault(key, len(phases[name]))
        _, right = _axes(places[0].yaw_deg)
        ordered = sorted(places, key=lambda p: float(p.point[:2] @ right))
        ends = []
        for place, side in ((ordered[0], -1.0), (ordered[-1], 1.0)):
            _, across = _axes(place.yaw_deg)
            x, y = (place.point[:2] + side * across * place.width_m / 2).tolist()
            ends.append(Vector3D(x, y, float(place.point[2])))
        sites.append(TrafficLightSite(id, pole, box, name, phase, (ends[0], ends[1])))
    return sites


def _group(yaw: float, known: list[float]) -> float:
    for axis in known:
        if min(_turn(axis, yaw), _turn(axis + 180.0, yaw)) < 45.0:
            return axis
    return yaw


def _junction_ahead(found: OpenDrive, place: StopPlace) -> int:
    road = found.roads[place.road]
    if road.junction != -1:
        return road.junction
    forward = (place.lane < 0) == (road.rule == "RHT")
    link = road.successor if forward else road.predecessor
    return link.id if link is not None and link.kind == "junction" else -road.id
