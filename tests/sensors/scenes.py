"""Small scenes for the thermal tests: a road, a sky, boxes on the road, drawn by geometry alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.frames import CameraFrames
from sensors.thermal import ActorState, HeatState

ROAD, SKY, WALKER, CAR = 1, 11, 12, 14
HEIGHT_M = 1.6


@dataclass(frozen=True)
class Thing:
    """An upright box ahead of the camera: `x`, `y` of its centre, half sizes, standing on the road. `yaw_deg` of it."""

    x: float
    y: float
    extent: tuple[float, float, float]
    tag: int
    instance: int
    yaw_deg: float = 0.0

    @property
    def pose(self) -> NDArray[np.float32]:
        c, s = np.cos(np.radians(self.yaw_deg)), np.sin(np.radians(self.yaw_deg))
        return np.array([[c, -s, 0, self.x], [s, c, 0, self.y], [0, 0, 1, self.extent[2]], [0, 0, 0, 1]], np.float32)


def actor(thing: Thing, actor_id: int, type_id: str, heat: HeatState) -> ActorState:
    return ActorState(actor_id, type_id, thing.pose, (0.0, 0.0, 0.0), thing.extent, heat)


def frames(things: tuple[Thing, ...] = (), width: int = 320, height: int = 180, frame: int = 0) -> CameraFrames:
    """A level road seen from 1.6 m with a field of 90 degrees; boxes by slab tests, nearest wins."""
    focal = width / 2.0
    u, v = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    ray = np.stack([np.ones_like(u), u / focal, -v / focal], axis=-1)
    with np.errstate(divide="ignore"):
        depth = np.where(ray[..., 2] < 0, -HEIGHT_M / ray[..., 2], 1000.0)
    depth = np.minimum(depth, 1000.0)
    tags = np.where(depth < 900.0, ROAD, SKY).astype(np.uint8)
    instances = np.zeros(tags.shape, np.uint16)
    eye = np.array([0.0, 0.0, HEIGHT_M])
    for thing in things:
        rotation, origin = thing.pose[:3, :3].astype(float), thing.pose[:3, 3].astype(float)
        start, step = (eye - origin) @ rotation, ray @ rotation
        with np.errstate(divide="ignore"):
            near, far = (-np.array(thing.extent) - start) / step, (np.array(thing.extent) - start) / step
        enter, leave = np.minimum(near, far).max(axis=-1), np.maximum(near, far).min(axis=-1)
        hit = (enter < leave) & (enter > 0.0) & (enter < depth)
        depth[hit], tags[hit], instances[hit] = enter[hit], thing.tag, thing.instance
    pose = np.eye(4, dtype=np.float32)
    pose[2, 3] = HEIGHT_M
    bgra = np.zeros((height, width, 4), np.uint8)
    return CameraFrames("front", frame, 0.05 * frame, bgra, tags, instances, depth.astype(np.float32), pose, 90.0)
