"""The traffic lights and stop signs of a world as plain records, so that their criteria can run from disk."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import carla
import numpy as np

from results.ticks import Vector
from scenarios.vectors import vector_of

Point = tuple[float, float]


@dataclass(frozen=True)
class StopLine:
    """Where a lane ends at a light: its two ends (m), the lane's yaw (deg) and OpenDRIVE road and lane."""

    left: Point
    right: Point
    yaw: float
    road_id: int
    lane_id: int


@dataclass(frozen=True)
class LightSite:
    """A traffic light: actor id, middle of its trigger area, the lines it holds vehicles at, where it stands (m)."""

    light_id: int
    x: float
    y: float
    stop_lines: tuple[StopLine, ...]
    location: Vector


@dataclass(frozen=True)
class StopSite:
    """A stop sign: actor id, its trigger area (centre and half sizes in m), and where it stands (m).

    The area lies along the world's axes however the sign is turned, as the leaderboard has it.
    """

    sign_id: int
    x: float
    y: float
    half_x: float
    half_y: float
    location: Vector

    def contains(self, x: float, y: float, scale: float = 1.0) -> bool:
        return abs(x - self.x) <= scale * self.half_x and abs(y - self.y) <= scale * self.half_y


@dataclass(frozen=True)
class Signs:
    lights: tuple[LightSite, ...] = ()
    stops: tuple[StopSite, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(record: dict[str, Any]) -> Signs:
        lights = tuple(
            LightSite(**{**_placed(light), "stop_lines": tuple(_stop_line(line) for line in light["stop_lines"])})
            for light in record["lights"]
        )
        return Signs(lights, tuple(StopSite(**_placed(stop)) for stop in record["stops"]))


def read_signs(world: carla.World, carla_map: carla.Map) -> Signs:
    """Every traffic light and stop sign of the world, by actor id."""
    actors = sorted(world.get_actors(), key=lambda actor: actor.id)
    lights = tuple(_light_site(a, carla_map) for a in actors if a.type_id == "traffic.traffic_light")
    stops = tuple(_stop_site(a) for a in actors if a.type_id == "traffic.stop")
    return Signs(lights, stops)


def _light_site(light: carla.TrafficLight, carla_map: carla.Map) -> LightSite:
    """As the leaderboard finds them: lanes under the trigger box, followed to the last point before the junction."""
    transform, box = light.get_transform(), light.trigger_volume
    lanes: dict[tuple[int, int], carla.Waypoint] = {}
    for across in np.arange(-0.9 * box.extent.x, 0.9 * box.extent.x + 1e-6, 1.0):
        offset = carla.Location(box.location.x + float(across), box.location.y, box.location.z)
        waypoint = carla_map.get_waypoint(transform.transform(offset))
        if waypoint is not None:
            lanes.setdefault((waypoint.road_id, waypoint.lane_id), waypoint)
    centre = transform.transform(box.location)
    lines = tuple(_line_of(_last_before_junction(w)) for w in lanes.values())
    return LightSite(light.id, centre.x, centre.y, lines, vector_of(transform.location))


def _last_before_junction(waypoint: carla.Waypoint) -> carla.Waypoint:
    while not waypoint.is_junction:
        ahead = waypoint.next(0.5)
        if not ahead or ahead[0].is_junction:
            break
        waypoint = ahead[0]
    return waypoint


def _line_of(waypoint: carla.Waypoint) -> StopLine:
    # 0.6 of the lane's width to each side, so that a car that hugs the edge crosses it too.
    location, yaw = waypoint.transform.location, math.radians(waypoint.transform.rotation.yaw)
    half = 0.6 * waypoint.lane_width
    across_x, across_y = -half * math.sin(yaw), half * math.cos(yaw)  # to the right of the lane
    return StopLine(
        left=(location.x - across_x, location.y - across_y),
        right=(location.x + across_x, location.y + across_y),
        yaw=waypoint.transform.rotation.yaw,
        road_id=waypoint.road_id,
        lane_id=waypoint.lane_id,
    )


def _stop_site(sign: carla.Actor) -> StopSite:
    transform, box = sign.get_transform(), sign.trigger_volume
    centre = transform.transform(box.location)
    return StopSite(sign.id, centre.x, centre.y, box.extent.x, box.extent.y, vector_of(transform.location))


def _placed(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "location": tuple(record["location"])}


def _stop_line(record: dict[str, Any]) -> StopLine:
    return StopLine(**{**record, "left": tuple(record["left"]), "right": tuple(record["right"])})
