"""The pilot's one camera, and where in the world a cell of its picture lies."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from agents.pilot.architecture import STRIDE

WIDTH, HEIGHT = 640, 360
FOV_DEG = 100.0
CROP_TOP = 8  # rows of sky that make the height a multiple of 16
ROWS, COLUMNS = (HEIGHT - CROP_TOP) // STRIDE, WIDTH // STRIDE
# Grid rows that are looked at: above is sky, below is road nearer than 4 m and the vehicle's own bonnet.
FIRST_ROW, END_ROW = 4, 37
# On the roof above the windscreen; the bonnet is below the picture. Metres relative to the vehicle.
FORWARD_M, UP_M = 1.0, 1.75
CAMERA_ID = "front"
SENSOR = {
    "type": "sensor.camera.rgb",
    "id": CAMERA_ID,
    "x": FORWARD_M,
    "y": 0.0,
    "z": UP_M,
    "roll": 0.0,
    "pitch": 0.0,
    "yaw": 0.0,
    "width": WIDTH,
    "height": HEIGHT,
    "fov": FOV_DEG,
}


def focal_px() -> float:
    return WIDTH / (2.0 * math.tan(math.radians(FOV_DEG) / 2.0))


def cell_slopes() -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Right and up offsets per metre of depth of the cells' centres: (COLUMNS,) and (ROWS,)."""
    right = ((np.arange(COLUMNS) + 0.5) * STRIDE - WIDTH / 2) / focal_px()
    up = -((np.arange(ROWS) + 0.5) * STRIDE + CROP_TOP - HEIGHT / 2) / focal_px()
    return right, up


def height_m(top_row: NDArray[np.intp] | int, bottom_row: NDArray[np.intp] | int) -> NDArray[np.floating]:
    """How high something is that stands on flat ground and covers these grid rows, rims included (m).

    By similar triangles from the rows alone: with the camera at height h, a top edge at slope t and a foot at slope f
    below the horizon, the height is h (1 - t / f). Meaningless for feet above the horizon: infinite there.
    """
    top = np.asarray(top_row) * STRIDE + CROP_TOP - HEIGHT / 2
    foot = (np.asarray(bottom_row) + 1) * STRIDE + CROP_TOP - HEIGHT / 2
    return np.where(foot > 0, UP_M * (1.0 - top / np.maximum(foot, 1e-6)), np.inf)


def foot_distance_m(bottom_row: int) -> float:
    """How far ahead of the camera the lower edge of a grid row shows flat ground (m); infinite above the horizon."""
    below_px = (bottom_row + 1) * STRIDE + CROP_TOP - HEIGHT / 2
    return UP_M * focal_px() / below_px if below_px > 0 else math.inf
