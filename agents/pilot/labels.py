"""What the network should have seen: grid labels from a recorded frame's segmentation, depth and lights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.pilot.architecture import FARTHEST_M, STRIDE, Thing
from agents.pilot.camera import COLUMNS, CROP_TOP, ROWS

_VEHICLES = (14, 15, 16, 18)  # car, truck, bus, motorcycle
_PEOPLE = (12, 13, 19)  # pedestrian, rider, bicycle
_TRAFFIC_LIGHT, _TRAFFIC_SIGN = 7, 8
_GREEN = 2
# Pixels of a cell (of 64) that make it a thing; the later of two wins, so the rarer and smaller stand last.
_NEEDED = {Thing.VEHICLE: 16, Thing.PERSON: 6, Thing.STOP_SIGN: 8, Thing.GREEN_LIGHT: 6, Thing.RED_LIGHT: 6}
_FACING_DEG = 50.0


@dataclass(frozen=True)
class Face:
    """A traffic light or stop sign: its instance id in the picture, where it stands (m), where its face looks (deg)."""

    instance: int
    x: float
    y: float
    yaw_deg: float
    state: int = 0


def label_grid(
    tags: NDArray[np.uint8],
    instances: NDArray[np.uint16],
    depth_m: NDArray[np.float32],
    camera_x: float,
    camera_y: float,
    lights: Sequence[Face],
    stop_signs: Sequence[Face],
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Things (ROWS, COLUMNS) uint8 and their distances in metres (nan where there is nothing) of a whole frame."""
    tags, instances, depth_m = tags[CROP_TOP:], instances[CROP_TOP:], depth_m[CROP_TOP:]
    near = depth_m < FARTHEST_M
    masks = {Thing.VEHICLE: np.isin(tags, _VEHICLES) & near, Thing.PERSON: np.isin(tags, _PEOPLE) & near}
    red = [face.instance for face in lights if face.state != _GREEN and _faces(face, camera_x, camera_y)]
    green = [face.instance for face in lights if face.state == _GREEN and _faces(face, camera_x, camera_y)]
    signs = [face.instance for face in stop_signs if _faces(face, camera_x, camera_y)]
    masks[Thing.STOP_SIGN] = (tags == _TRAFFIC_SIGN) & np.isin(instances, signs) & near
    masks[Thing.GREEN_LIGHT] = (tags == _TRAFFIC_LIGHT) & np.isin(instances, green) & near
    masks[Thing.RED_LIGHT] = (tags == _TRAFFIC_LIGHT) & np.isin(instances, red) & near
    things = np.zeros((ROWS, COLUMNS), np.uint8)
    distance_m = np.full((ROWS, COLUMNS), np.nan, np.float32)
    cells = depth_m.reshape(ROWS, STRIDE, COLUMNS, STRIDE).transpose(0, 2, 1, 3).reshape(ROWS, COLUMNS, -1)
    for thing, needed in _NEEDED.items():
        members = masks[thing].reshape(ROWS, STRIDE, COLUMNS, STRIDE).transpose(0, 2, 1, 3).reshape(ROWS, COLUMNS, -1)
        here = members.sum(-1) >= needed
        things[here] = thing
        distance_m[here] = np.nanmedian(np.where(members[here], cells[here], np.nan), axis=-1)
    return things, distance_m


def _faces(face: Face, camera_x: float, camera_y: float) -> bool:
    towards = math.degrees(math.atan2(camera_y - face.y, camera_x - face.x))
    return abs((towards - face.yaw_deg + 180.0) % 360.0 - 180.0) < _FACING_DEG
