"""What fog takes from LWIR over what it takes from visible light, measured through both cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.fog import fog_density
from sensors.thermal import Ambient
from sensors.thermal.materials import load_materials
from sensors.thermal.radiometry import band
from sensors.thermal.scene import radiance_at_lens
from sensors.thermal.world import thermal_world
from simulator.render.camera import CameraModel
from simulator.types import WeatherParameters
from validation.drawing import COLOURS, Axes, plain_ticks
from validation.stage import EYE, Thing, camera_frames, emptiness, luminance, renderer, view

RADII_UM = (3.0, 5.0, 8.0, 10.0)
TABLED = {3.0: 0.37, 5.0: 0.65, 8.0: 0.93, 10.0: 1.03}
"""8-14 um over 0.55 um, Mie calculation for a gamma distribution of water droplets."""
VISIBILITY_M = 100.0
DISTANCES_M = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0)
CAMERA = CameraModel(160, 90, 8.0, "rgb")


@dataclass(frozen=True)
class Reading:
    radius_um: float
    distances_m: tuple[float, ...]
    visible: tuple[float, ...]
    lwir: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Of the two extinction coefficients: slopes of the logarithm of transmission over distance."""
        slopes = [np.polyfit(self.distances_m, np.log(seen), 1)[0] for seen in (self.lwir, self.visible)]
        return float(slopes[0] / slopes[1])

    @property
    def error(self) -> float:
        return self.ratio / TABLED[self.radius_um] - 1.0


def measured() -> list[Reading]:
    """A board at growing distance in fog of 100 m.

    Visible: its contrast to the horizon. LWIR: how far its radiance stands out from that of the air, over the same in
    air without fog (which takes out what humid air absorbs).
    """
    place = emptiness()
    render = renderer(place)
    weather = WeatherParameters(cloudiness=100.0, sun_altitude_angle=40.0, fog_density=fog_density(VISIBILITY_M))
    horizon = float(luminance(render, CAMERA, EYE, view(place, [], weather))[45, 80])
    visible, shots = [], []
    for distance_m in DISTANCES_M:
        scene = view(place, [Thing("static.board", distance_m, 0.0, EYE[2], colour=(0.0, 0.0, 0.0))], weather)
        visible.append((horizon - float(luminance(render, CAMERA, EYE, scene)[45, 80])) / horizon)
        shots.append(camera_frames(render, CAMERA, EYE, scene))
    render.close()

    def above_air(ambient: Ambient) -> NDArray[np.float64]:
        world = thermal_world(ambient, band(8.0, 14.0), 0, load_materials())
        seen = [
            radiance_at_lens(world, s.tags, s.instances, s.depth_m, s.transform, s.fov_deg, ())[40:50, 75:85].mean()
            for s in shots
        ]
        return np.asarray(seen, np.float64) - world.air_radiance

    readings = []
    for radius in RADII_UM:
        air = {"air_temperature_c": 5.0, "relative_humidity": 0.95, "local_time_h": 15.0, "cloudiness": 100.0}
        foggy = above_air(Ambient(**air, visibility_m=VISIBILITY_M, droplet_radius_um=radius))
        clear = above_air(Ambient(**air, visibility_m=10_000.0, droplet_radius_um=radius))
        # Fog also shades the sun, so the board is not equally warm in the two: the share common to all distances.
        lwir = foggy / clear
        readings.append(Reading(radius, DISTANCES_M, tuple(visible), tuple(lwir / lwir[0])))
    return readings


def draw(axes: Axes, readings: list[Reading]) -> None:
    axes.plot(DISTANCES_M, np.array(readings[0].visible) / readings[0].visible[0], "k-", lw=1.2, label="visible")
    for colour, r in zip(COLOURS, readings):
        label = f"LWIR, {r.radius_um:g} um: {r.ratio:.2f}"
        axes.plot(r.distances_m, np.array(r.lwir), "o-", color=colour, lw=1.0, label=label)
    axes.set(
        yscale="log", xlabel="distance (m)", ylabel="transmission, 10 m = 1",
        title=f"Fog of {VISIBILITY_M:g} m: extinction relative to visible light",
    )  # fmt: skip
    plain_ticks(axes, None, (0.15, 0.2, 0.3, 0.5, 0.7, 1))
    axes.legend(frameon=False)
