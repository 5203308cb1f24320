"""A town elsewhere: the same town, moved over the plain as a whole."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from simulator.towns.town import LaneSamples, StopSignSite, StreetLamp, Town, TrafficLightSite
from simulator.types import Transform, Vector3D

_PLACES = re.compile(r"<(?:geometry|positionInertial|header)\b[^>]*>")
_NUMBER = re.compile(r'\b(x|y|north|south|east|west)="([^"]*)"')


def moved(town: Town, x_m: float, y_m: float) -> Town:
    """`town` by x_m (east) and y_m (south, as CARLA's y) away from where it was; nothing else changes."""
    by = np.array([x_m, y_m, 0.0], np.float32)
    lanes = LaneSamples(
        town.lanes.xyz + by,
        town.lanes.yaw_deg,
        town.lanes.speed_limit_kmh,
        town.lanes.width_m,
        town.lanes.road_id,
        town.lanes.lane_id,
    )

    def point(at: Vector3D) -> Vector3D:
        return Vector3D(at.x + x_m, at.y + y_m, at.z)

    def pose(at: Transform) -> Transform:
        return Transform(point(at.location), at.rotation)

    def lamp(one: StreetLamp) -> StreetLamp:
        return replace(one, location=point(one.location))

    def light(one: TrafficLightSite) -> TrafficLightSite:
        left, right = one.stop_line
        return replace(one, transform=pose(one.transform), stop_line=(point(left), point(right)))

    def stop(one: StopSignSite) -> StopSignSite:
        return replace(one, transform=pose(one.transform))

    def corner(at: tuple[float, float]) -> tuple[float, float]:
        return at[0] + x_m, at[1] + y_m

    return replace(
        town,
        opendrive=moved_opendrive(town.opendrive, x_m, y_m),
        spawn_points=tuple(pose(at) for at in town.spawn_points),
        mesh=replace(town.mesh, vertices=town.mesh.vertices + by),
        obstacles=tuple(replace(one, box=replace(one.box, location=point(one.box.location))) for one in town.obstacles),
        street_lamps=tuple(lamp(one) for one in town.street_lamps),
        traffic_lights=tuple(light(one) for one in town.traffic_lights),
        stop_signs=tuple(stop(one) for one in town.stop_signs),
        yield_signs=tuple(stop(one) for one in town.yield_signs),
        speed_limits=tuple(replace(one, transform=pose(one.transform)) for one in town.speed_limits),
        lanes=lanes,
        crosswalks=tuple(polygon + by for polygon in town.crosswalks),
        ground=replace(town.ground, origin=corner(town.ground.origin)),
        relief=town.relief and replace(town.relief, origin=corner(town.relief.origin)),
    )


def moved_opendrive(text: str, x_m: float, y_m: float) -> str:
    """All that an OpenDRIVE text of ours says in the map's own axes (x east, y north) moved likewise."""
    by = {"x": x_m, "east": x_m, "west": x_m, "y": -y_m, "north": -y_m, "south": -y_m}

    def number(found: re.Match[str]) -> str:
        return f'{found[1]}="{float(found[2]) + by[found[1]]!r}"'

    return _PLACES.sub(lambda tag: _NUMBER.sub(number, tag[0]), text)
