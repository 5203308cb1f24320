"""The records of a town: what the generator hands to the world, the renderer and the clients' map.

Poses are CARLA's (x forward, y right, z up, metres, degrees). Everything that stands at a road and looks at the driver
(traffic lights, stop signs, speed limit signs) keeps to one convention, CARLA's own:

* the actor's origin is the foot of its pole, at the height of the ground there;
* actor yaw = travel yaw of the controlled lane + 90, so that the lamps (the sign's face) look along the actor's **+y**
  axis, straight at the driver who comes; **-x** points to the left as this driver sees it, over the carriageway;
* a trigger box is given in the actor's frame with rotation 0: its x axis lies across the lane, its y axis along it
  (third-party code such as the leaderboard's red light criterion samples the box along x to find the lanes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simulator.render.mesh import Mesh
from simulator.towns.relief import Relief
from simulator.types import BoundingBox, CityObjectLabel, Transform, Vector3D

DOWN = Vector3D(0.0, 0.0, -1.0)


@dataclass(frozen=True)
class Obstacle:
    """Something solid. `box`: centre and rotation in world axes. `object_id`: the object of the mesh it stands for."""

    box: BoundingBox
    tag: CityObjectLabel
    object_id: int
    name: str


@dataclass(frozen=True)
class StreetLamp:
    """A street lamp that shines straight down from `location` (the lamp head)."""

    id: int
    location: Vector3D
    luminous_flux_lm: float
    direction: Vector3D = DOWN


@dataclass(frozen=True)
class TrafficLightSite:
    """Where a traffic light stands and which stretch of lane obeys it.

    signal_id: the OpenDRIVE signal; `Landmark.id` and `TrafficLight.get_opendrive_id()` of the client.
    transform: foot of the pole, on the sidewalk BEYOND the junction, right of the lane (the far side, as in CARLA's
        US-style towns). The lamp faces look along the actor's +y axis (see the module's text): actor yaw = travel
        yaw + 90. The lane's centre line lies about 2.4 m along -x, so a mast arm points along -x.
    trigger: box relative to `transform`, rotation 0, x across and y along the lane: the 10 m of the controlled lane
        that end at the stop line. A vehicle inside is "at" the light.
    junction: OpenDRIVE junction id. phase: lights of one junction and phase are green together.
    stop_line: its two ends, left to right as the driver sees them, world axes.
    """

    signal_id: str
    transform: Transform
    trigger: BoundingBox
    junction: str
    phase: int
    stop_line: tuple[Vector3D, Vector3D]


@dataclass(frozen=True)
class StopSignSite:
    """A stop or yield sign at the right edge of the road beside its line; its face looks along the actor's +y axis.

    trigger: box relative to `transform` on the lane just before the stop line. It is square because the leaderboard's
    stop criterion tests it without rotation.
    """

    signal_id: str
    transform: Transform
    trigger: BoundingBox


@dataclass(frozen=True)
class SpeedLimitSite:
    """A speed limit sign at the right edge of the road; its face looks along the actor's +y axis."""

    signal_id: str
    transform: Transform
    limit_kmh: int


@dataclass(frozen=True)
class LaneSamples:
    """Points every 2 m on the centre lines of all driving lanes, junctions included, each lane in driving order.

    xyz (n, 3) float32 m; yaw_deg, speed_limit_kmh, width_m (n,) float32; road_id, lane_id (n,) int32 of the OpenDRIVE.
    """

    xyz: NDArray[np.float32]
    yaw_deg: NDArray[np.float32]
    speed_limit_kmh: NDArray[np.float32]
    width_m: NDArray[np.float32]
    road_id: NDArray[np.int32]
    lane_id: NDArray[np.int32]


@dataclass(frozen=True)
class GroundGrid:
    """Height of the ground, m, in square cells: row i, column j starts at (x, y) = origin + cell_m * (j, i)."""

    heights_m: NDArray[np.float32]
    origin: tuple[float, float]
    cell_m: float

    def at(self, xy: ArrayLike) -> NDArray[np.float32]:
        """xy (n, 2), m -> (n,) float32; outside of the grid the height of the open ground, 0."""
        return _heights(self.heights_m, *self.origin, self.cell_m, np.asarray(xy, np.float64).reshape(-1, 2))


@njit(cache=True)
def _heights(heights_m, x0: float, y0: float, cell_m: float, points) -> NDArray[np.float32]:
    """See `GroundGrid.at`."""
    rows, columns = heights_m.shape
    found = np.zeros(len(points), np.float32)
    for k in range(len(points)):
        j, i = math.floor((points[k, 0] - x0) / cell_m), math.floor((points[k, 1] - y0) / cell_m)
        if 0 <= i < rows and 0 <= j < columns:
            found[k] = heights_m[i, j]
    return found


@dataclass(frozen=True, eq=False)
class Town:
    """A town complete: `opendrive` is the map's text; crosswalks are (k, 3) polygons in CARLA's axes."""

    name: str
    opendrive: str
    spawn_points: tuple[Transform, ...]
    mesh: Mesh
    obstacles: tuple[Obstacle, ...]
    street_lamps: tuple[StreetLamp, ...]
    traffic_lights: tuple[TrafficLightSite, ...]
    stop_signs: tuple[StopSignSite, ...]
    speed_limits: tuple[SpeedLimitSite, ...]
    lanes: LaneSamples
    crosswalks: tuple[NDArray[np.float32], ...]
    ground: GroundGrid
    relief: Relief | None = None
    yield_signs: tuple[StopSignSite, ...] = ()

    def ground_height_m(self, xy: ArrayLike, z: ArrayLike | None = None) -> NDArray[np.float32] | NDArray[np.float64]:
        """xy (n, 2) -> (n,), m: the relief (0 in flat towns), and 0.15 more on sidewalks.

        z (n,): the height of who asks, for it decides between a bridge and what lies below it; the lowest without it.
        """
        steps = self.ground.at(xy)
        return steps if self.relief is None else steps + self.relief.at(xy, z)
