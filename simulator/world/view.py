"""What cameras need to know of the world at one frame; the town's mesh itself never changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.types import WeatherParameters


@dataclass(frozen=True, eq=False)
class SceneView:
    """A picture of the moving world.

    ids (n,) int32: actor ids. models: n blueprint ids. poses (n, 3, 4) float32: actor -> world.
    gait (n,) float32: phase of the stride (walkers) or pedal turn (cyclists), 0..1; 0 for rigid things.
    lights (n,) uint32: `VehicleLightState` flags; for traffic lights `1 << TrafficLightState`.
    palettes (n, 3, 3) float32: linear RGB. lamps_on (m,) float32: 0..1 per street lamp of the town.
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
