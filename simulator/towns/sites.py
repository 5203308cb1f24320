"""What stands at the roads of a network and where one can be on them, in CARLA's axes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.towns.curves import Pose, to_carla
from simulator.towns.layout import LANE_M
from simulator.towns.network import Network
from simulator.towns.opendrive import CURB_HEIGHT_M
from simulator.towns.road import CROSSWALK_LENGTH_M
from simulator.towns.signals import Signal
from simulator.towns.town import LaneSamples, SpeedLimitSite, StopSignSite, TrafficLightSite
from simulator.types import BoundingBox, Rotation, Transform, Vector3D

SAMPLE_STEP_M = 2.0
SPAWN_STEP_M = 20.0
SPAWN_HEIGHT_M = 0.4


def yaw_deg(heading: float) -> float:
    """CARLA's yaw in (-180, 180] of an OpenDRIVE heading."""
    return -((math.degrees(heading) + 180.0) % 360.0 - 180.0)


def actor_transform(signal: Signal) -> Transform:
    """Foot of the pole, +y towards the driver who comes (see `town`)."""
    p = signal.pose
    yaw = yaw_deg(p.heading - math.pi / 2)
    return Transform(Vector3D(p.x, -p.y, CURB_HEIGHT_M), Rotation(0.0, yaw, 0.0))


def _lane_box(signal: Signal, length: float, half_width: float) -> BoundingBox:
    """The `length` m of lane before the line of `signal` in its actor's frame: x to the right, y to the rear."""
    centre, p = signal.line.ahead(-length / 2), signal.pose
    dx, dy = centre.x - p.x, centre.y - p.y
    forward = dx * math.cos(p.heading) + dy * math.sin(p.heading)
    left = dy * math.cos(p.heading) - dx * math.sin(p.heading)
    return BoundingBox(Vector3D(-left, -forward, 1.0 - CURB_HEIGHT_M), Vector3D(half_width, length / 2, 1.0))


def _point(pose: Pose) -> Vector3D:
    return Vector3D(pose.x, -pose.y, 0.0)


def traffic_light_sites(network: Network) -> tuple[TrafficLightSite, ...]:
    return tuple(
        TrafficLightSite(
            str(signal.id),
            actor_transform(signal),
            _lane_box(signal, 10.0, LANE_M / 2 - 0.1),
            str(signal.junction),
            signal.phase,
            (_point(signal.line.ahead(0.0, LANE_M / 2)), _point(signal.line.ahead(0.0, -LANE_M / 2))),
        )
        for signal in network.signals
        if signal.type == "1000001"
    )


def stop_sign_sites(network: Network) -> tuple[StopSignSite, ...]:
    return tuple(
        StopSignSite(str(signal.id), actor_transform(signal), _lane_box(signal, LANE_M, LANE_M / 2))
        for signal in network.signals
        if signal.type == "206"
    )


def speed_limit_sites(network: Network) -> tuple[SpeedLimitSite, ...]:
    return tuple(
        SpeedLimitSite(str(signal.id), actor_transform(signal), signal.value)
        for signal in network.signals
        if signal.type == "274"
    )


def lane_samples(network: Network) -> LaneSamples:
    xyz, yaw, limit, road_ids, lane_ids = [], [], [], [], []
    for road in network.roads.values():
        count = max(2, math.ceil(road.path.length / SAMPLE_STEP_M) + 1)
        for lane in road.drivable:
            s = np.linspace(0.0, road.path.length, count)
            x, y, heading = road.lane_at(lane, s if lane < 0 else s[::-1])
            xyz.append(to_carla(x, y))
            yaw.append([yaw_deg(float(h)) for h in heading])
            limit.append(np.full(count, road.limit_kmh))
            road_ids.append(np.full(count, road.id))
            lane_ids.append(np.full(count, lane))
    n = sum(len(points) for points in xyz)
    return LaneSamples(
        np.concatenate(xyz).astype(np.float32),
        np.concatenate(yaw).astype(np.float32),
        np.concatenate(limit).astype(np.float32),
        np.full(n, LANE_M, np.float32),
        np.concatenate(road_ids).astype(np.int32),
        np.concatenate(lane_ids).astype(np.int32),
    )


def crosswalk_polygons(network: Network) -> tuple[NDArray[np.float32], ...]:
    """The corners (5, 3) of each crosswalk, the first one repeated at the end."""
    polygons = []
    u, v = CROSSWALK_LENGTH_M / 2, LANE_M
    for road in network.streets:
        for s in road.crosswalks:
            x, y, _ = road.path.at(np.array([s - u, s - u, s + u, s + u, s - u]), np.array([-v, v, v, -v, -v]))
            polygons.append(to_carla(x, y).astype(np.float32))
    return tuple(polygons)


def spawn_points(network: Network, clear_m: float = 24.0) -> tuple[Transform, ...]:
    """Lane centres every 20 m or so, `clear_m` away from the ends of streets."""
    points = []
    for road in network.streets:
        usable = road.path.length - 2 * clear_m
        count = max(1, int(usable / SPAWN_STEP_M) + 1)
        for lane in road.drivable:
            for s in np.linspace(clear_m, road.path.length - clear_m, count) if count > 1 else [road.path.length / 2]:
                x, y, heading = road.lane_at(lane, float(s))
                location = Vector3D(float(x), -float(y), SPAWN_HEIGHT_M)
                points.append(Transform(location, Rotation(0.0, yaw_deg(float(heading)), 0.0)))
    return tuple(points)
