"""Band radiance of a black body: the camera's table against numerical integration of Planck's law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad

from sensors.thermal.radiometry import BOLTZMANN_J_K, LIGHT_M_S, PLANCK_J_S, band
from validation.drawing import COLOURS, Axes

BANDS_UM = ((8.0, 14.0), (7.5, 13.5))
CELSIUS = np.arange(-40.0, 80.01, 2.5)


@dataclass(frozen=True)
class Reading:
    band_um: tuple[float, float]
    celsius: float
    radiance: float
    integral: float

    @property
    def error(self) -> float:
        return self.radiance / self.integral - 1.0


def spectral_radiance(wavelength_m: float, kelvin: float) -> float:
    """Planck's law, W m-3 sr-1."""
    exponent = PLANCK_J_S * LIGHT_M_S / (wavelength_m * BOLTZMANN_J_K * kelvin)
    return 2.0 * PLANCK_J_S * LIGHT_M_S**2 / wavelength_m**5 / math.expm1(exponent)


def measured() -> list[Reading]:
    """Adaptive quadrature (QUADPACK, relative 1e-10) beside the table that the camera looks up, -40 to 80 C."""
    readings = []
    for low, high in BANDS_UM:
        for celsius in CELSIUS:
            kelvin = float(celsius) + 273.15
            integral, _ = quad(spectral_radiance, low * 1e-6, high * 1e-6, args=(kelvin,), epsabs=0.0, epsrel=1e-10)
            readings.append(Reading((low, high), float(celsius), float(band(low, high).radiance(kelvin)), integral))
    return readings


def draw(axes: Axes, readings: list[Reading]) -> None:
    for colour, own_band in zip(COLOURS, BANDS_UM):
        own = [r for r in readings if r.band_um == own_band]
        axes.plot([r.celsius for r in own], [r.integral for r in own], color=colour, lw=1.2)
        axes.plot(
            [r.celsius for r in own][::2], [r.radiance for r in own][::2], "o", color=colour,
            label=f"{own_band[0]:g}-{own_band[1]:g} um",
        )  # fmt: skip
    axes.set(
        xlabel="temperature (C)", ylabel="radiance (W m$^{-2}$ sr$^{-1}$)",
        title="Points: the camera's table. Lines: Planck's law integrated",
    )  # fmt: skip
    axes.legend(frameon=False)
