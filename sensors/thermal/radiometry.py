"""Band radiance by Planck's law, both ways, tabulated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

PLANCK_J_S = 6.62607015e-34
LIGHT_M_S = 2.99792458e8
BOLTZMANN_J_K = 1.380649e-23

LOWEST_K, HIGHEST_K, STEP_K = 150.0, 650.0, 0.25


def band_radiance(kelvin: ArrayLike, low_um: float, high_um: float) -> NDArray[np.float64]:
    """Radiance of a black body between two wavelengths, W m-2 sr-1, by Simpson's rule on 401 points."""
    t = np.asarray(kelvin, np.float64)[..., None]
    wavelength = np.linspace(low_um, high_um, 401) * 1e-6
    exponent = PLANCK_J_S * LIGHT_M_S / (wavelength * BOLTZMANN_J_K * t)
    spectral = 2.0 * PLANCK_J_S * LIGHT_M_S**2 / wavelength**5 / np.expm1(exponent)
    weights = np.full(401, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return spectral @ weights * (wavelength[1] - wavelength[0]) / 3.0


@dataclass(frozen=True, eq=False)
class Band:
    """A camera's spectral band with its tables.

    radiance_table: (n,) float32, W m-2 sr-1 at LOWEST_K + i * STEP_K.
    """

    low_um: float
    high_um: float
    radiance_table: NDArray[np.float32]

    def radiance(self, kelvin: ArrayLike) -> NDArray[np.float64]:
        """W m-2 sr-1 of a black body of any shape of temperatures, linear between table entries."""
        grid = LOWEST_K + STEP_K * np.arange(len(self.radiance_table))
        return np.interp(np.asarray(kelvin, np.float64), grid, self.radiance_table)

    def kelvin(self, radiance: ArrayLike) -> NDArray[np.float64]:
        """Temperature of the black body that would give this radiance: the apparent temperature."""
        grid = LOWEST_K + STEP_K * np.arange(len(self.radiance_table))
        return np.interp(np.asarray(radiance, np.float64), self.radiance_table, grid)

    def slope(self, kelvin: float) -> float:
        """dL/dT, W m-2 sr-1 K-1."""
        exact = band_radiance([kelvin - 0.5, kelvin + 0.5], self.low_um, self.high_um)
        return float(exact[1] - exact[0])


def check_band(low_um: float, high_um: float) -> None:
    if not 1.0 <= low_um < high_um <= 30.0:
        raise ValueError(f"a thermal band needs 1 <= low < high <= 30 um, got {low_um}..{high_um}")


@cache
def band(low_um: float, high_um: float) -> Band:
    check_band(low_um, high_um)
    grid = np.arange(LOWEST_K, HIGHEST_K + STEP_K / 2.0, STEP_K)
    return Band(low_um, high_um, band_radiance(grid, low_um, high_um).astype(np.float32))
