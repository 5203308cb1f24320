"""Temporal noise of the simulated microbolometer, measured as makers do, against its setting."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensors.thermal.microbolometer import Microbolometer
from sensors.thermal.presets import PRESETS
from sensors.thermal.radiometry import band
from validation.drawing import COLOURS, Axes

FRAMES = 12
SHAPE = (128, 160)
SCENES_C = (-30.0, -15.0, 0.0, 15.0, 26.85, 40.0, 60.0)
SET_MK = (25.0, 40.0, 50.0, 75.0, 100.0)


@dataclass(frozen=True)
class Reading:
    name: str
    scene_c: float
    expected_mk: float
    measured_mk: float

    @property
    def error(self) -> float:
        return self.measured_mk / self.expected_mk - 1.0


def noise_mk(name: str, netd_mk: float | None, scene_c: float) -> float:
    """Deviation over time of each pixel of a preset that looks at a black body, averaged over the pixels.

    Fixed pattern is left as it is: it does not change from frame to frame. The frames are a second apart, so that the
    lag of the bolometer forgets.
    """
    config = PRESETS[name]
    detector = config.detector if netd_mk is None else replace(config.detector, netd_mk=netd_mk)
    detector = replace(detector, dead_share=0.0, drift=0.0, shutter_interval_s=1e6)
    camera = Microbolometer(detector, band(*config.band_um), SHAPE, seed=4)
    scene = np.full(SHAPE, camera.band.radiance(scene_c + 273.15), np.float32)
    film = np.stack([camera.kelvin(camera.expose(scene, k, float(k))) for k in range(FRAMES)])
    return float(np.sqrt(film.var(axis=0, ddof=1, dtype=np.float64).mean())) * 1e3


def measured() -> list[Reading]:
    """Settings at 300 K, then the presets at other temperatures: NETD grows as the slope of band radiance falls."""
    readings = [Reading("set", 26.85, mk, noise_mk("adk", mk, 26.85)) for mk in SET_MK]
    for name in ("adk", "boson", "lepton"):
        config = PRESETS[name]
        own = band(*config.band_um)
        for scene_c in SCENES_C:
            expected = config.detector.netd_mk * own.slope(300.0) / own.slope(scene_c + 273.15)
            readings.append(Reading(name, scene_c, expected, noise_mk(name, None, scene_c)))
    return readings


def draw(axes: Axes, readings: list[Reading]) -> None:
    for colour, name in zip(COLOURS, ("adk", "boson", "lepton")):
        own = [r for r in readings if r.name == name]
        axes.plot([r.scene_c for r in own], [r.expected_mk for r in own], color=colour, lw=1.2)
        axes.plot([r.scene_c for r in own], [r.measured_mk for r in own], "o", color=colour, label=name)
    axes.set(
        xlabel="temperature of the scene (C)", ylabel="noise of a pixel (mK)", ylim=(0.0, None),
        title="Points: measured. Lines: NETD at 300 K by the slope of radiance",
    )  # fmt: skip
    axes.legend(frameon=False)
