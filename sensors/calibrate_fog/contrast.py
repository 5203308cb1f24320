"""How much contrast fog leaves at which range of a view, and the extinction that follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sensors.calibrate_fog.errors import CalibrationError

RING_GROWTH, NEAREST_M, FARTHEST_M = 1.12, 2.5, 800.0
FEWEST_PIXELS = 150
LEAST_SHARE = 0.02
BEND = 0.02


@dataclass(frozen=True, eq=False)
class View:
    """One place: mean linear luminance (H, W) without fog, range (H, W) along the ray, m."""

    clear: NDArray[np.float64]
    range_m: NDArray[np.float64]


@dataclass(frozen=True)
class Ring:
    """Share of contrast that is left at one range, and the deviation of its logarithm."""

    range_m: float
    share: float
    deviation: float


def edges(planar_m: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(H, W) pixels at an edge or next to one, from depth along the optical axis.

    There a lens mixes near and far, which looks like less fog. On a plane 1 / depth is linear in the picture: an edge
    is where it bends.
    """
    inverse = 1.0 / np.maximum(planar_m, 0.1)
    bend = np.zeros(inverse.shape, np.uint8)
    for axis in (0, 1):
        turn = np.abs(np.diff(inverse, 2, axis=axis))
        inner = [slice(None), slice(None)]
        inner[axis] = slice(1, -1)
        bend[tuple(inner)] |= (turn > BEND * inverse[tuple(inner)]).astype(np.uint8)
    return cv2.dilate(bend, np.ones((5, 5), np.uint8)) > 0


def rings(view: View, foggy: NDArray[np.float64]) -> list[Ring]:
    """Slopes of `foggy` (H, W) over the clear picture by rings of range; rings without contrast are left out."""
    bounds = [NEAREST_M]
    while bounds[-1] < FARTHEST_M:
        bounds.append(bounds[-1] * RING_GROWTH)
    number = np.digitize(view.range_m, bounds)
    found = []
    for k in range(1, len(bounds)):
        inside = number == k
        count = int(inside.sum())
        if count < FEWEST_PIXELS:
            continue
        x, y, d = view.clear[inside], foggy[inside], view.range_m[inside]
        # Within a ring the air's own light grows with range: what goes along with range is taken out of both.
        across = np.stack([np.ones(count), d - d.mean()])
        x = x - across.T @ np.linalg.lstsq(across.T, x, rcond=None)[0]
        y = y - across.T @ np.linalg.lstsq(across.T, y, rcond=None)[0]
        spread = float(x @ x)
        if spread / count < 1e-5:
            continue
        slope = float(x @ y) / spread
        left_over = y - slope * x
        error = math.sqrt(float(left_over @ left_over) / max(count - 2, 1) / spread)
        # Neighbouring pixels share textures and lamps: a tenth of them counts as independent.
        error *= math.sqrt(10.0)
        if slope > max(LEAST_SHARE, 3.0 * error):
            found.append(Ring(float(np.mean(d)), slope, error / slope))
    return found


def extinction_per_m(places: Sequence[Sequence[Ring]]) -> tuple[float, float]:
    """Fog's extinction and its deviation: weighted least squares of ln share over range, an offset per place.

    The offset takes up that light under fog is another than in clear air, the same on all ranges.
    """
    used = [found for found in places if len(found) >= 2]
    if not used:
        raise CalibrationError("too little contrast in view: choose another --place, or a town with longer streets")
    rows, logs, weights = [], [], []
    for number, found in enumerate(used):
        for ring in found:
            offsets = [1.0 if k == number else 0.0 for k in range(len(used))]
            rows.append([-ring.range_m, *offsets])
            logs.append(math.log(ring.share))
            # Lighting that differs from surface to surface leaves 2 % at least.
            weights.append(1.0 / math.hypot(ring.deviation, 0.02))
    a, b, w = np.array(rows), np.array(logs), np.array(weights)
    solution, *_ = np.linalg.lstsq(a * w[:, None], b * w, rcond=None)
    residual = (a @ solution - b) * w
    variance = float(residual @ residual) / max(len(b) - a.shape[1], 1)
    covariance = np.linalg.pinv((a * w[:, None]).T @ (a * w[:, None])) * variance
    return float(solution[0]), math.sqrt(float(covariance[0, 0]))
