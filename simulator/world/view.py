"""What cameras need to know of the world at one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.types import Color, Vector3D, WeatherParameters


@dataclass(frozen=True)
class Stroke:
    """A round line from `begin` to `end` in the world, m; a point where they are the same."""

    begin: Vector3D
    end: Vector3D
    width_m: float
    color: Color


@dataclass(frozen=True, eq=False)
class SceneView:
    """A picture of the moving world.

    ids (n,) int32: actor ids. models: n blueprint ids. poses (n, 3, 4) float32: actor -> world.
    gait (n,) float32: phase of the stride (walkers) or pedal turn (cyclists), 0..1; 0 for rigid things.
    lights (n,) uint32: `VehicleLightState` flags; for traffic lights `1 << TrafficLightState`.
    palettes (n, 3, 3) float32: linear RGB. lamps_on (m,) float32: 0..1 per street lamp of the town.
    hidden: ids of the town's objects that are not there. strokes: lines of debugging, for RGB cameras only.
    """

    frame: int
    elapsed_s: float
    delta_s: float
    weather: WeatherParameters
    ids: NDArray[np.int32]
    models: tuple[str, ...]
    poses: NDArray[np.float32]
    gait: NDArray[np.float32]
    lights: NDArray[np.uint32]
    palettes: NDArray[np.float32]
    lamps_on: NDArray[np.float32]
    hidden: tuple[int, ...] = ()
    strokes: tuple[Stroke, ...] = ()
