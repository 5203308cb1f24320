"""The air, the sky and the hour: all that the thermal world outside the actors depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensors import fog, rain

if TYPE_CHECKING:
    import carla

ZERO_C_K = 273.15
CLOSED_BY_CLOUDS = 0.84
"""Of what a clear sky lacks of the air's radiation, by full cloud."""


@dataclass(frozen=True)
class Ambient:
    """What a thermal camera's surroundings are like.

    relative_humidity and wetness are shares 0..1, cloudiness is CARLA's 0..100. local_time_h (0..24, sun highest at 13)
    stands for the sun's history over the last day. droplet_radius_um: effective radius of the fog's droplets. puddles:
    the share 0..1 of level wettable ground that stands under water.
    """

    air_temperature_c: float = 10.0
    relative_humidity: float = 0.8
    wind_mps: float = 1.0
    cloudiness: float = 5.0
    local_time_h: float = 22.0
    visibility_m: float = fog.CLEAR_VISIBILITY_M
    droplet_radius_um: float = 5.0
    rain_mm_h: float = 0.0
    wetness: float = 0.0
    puddles: float = 0.0

    def __post_init__(self) -> None:
        limits = {
            "air_temperature_c": (-60.0, 60.0),
            "relative_humidity": (0.0, 1.0),
            "wind_mps": (0.0, 80.0),
            "cloudiness": (0.0, 100.0),
            "local_time_h": (0.0, 24.0),
            "visibility_m": (1.0, 200_000.0),
            "droplet_radius_um": (1.0, 20.0),
            "rain_mm_h": (0.0, 200.0),
            "wetness": (0.0, 1.0),
            "puddles": (0.0, 1.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must lie in {low:g}..{high:g}, got {value}")

    @property
    def air_k(self) -> float:
        return self.air_temperature_c + ZERO_C_K

    @property
    def sky_k(self) -> float:
        """What surfaces exchange heat with: the sky above any fog, all of it, over all wavelengths.

        What a camera sees of it is much colder, see `sky_deficit`.

        Swinbank (1963): 0.0552 T^1.5, kelvin. Cloud base near air temperature closes 84 % of the gap (Whiller's rule).
        """
        clear = 0.0552 * self.air_k**1.5
        return self.air_k - (self.air_k - clear) * (1.0 - CLOSED_BY_CLOUDS * self.cloudiness / 100.0)

    @property
    def vapour_mbar(self) -> float:
        """Pressure of water vapour; over water, by Magnus' formula with the constants of WMO's guide (No. 8)."""
        t = self.air_temperature_c
        return self.relative_humidity * 6.112 * math.exp(17.62 * t / (243.12 + t))

    @property
    def window_transmission(self) -> float:
        """Share 0..1 of space that the clear air overhead lets through at 8-14 um: 1 - its emissivity.

        Idso (1981), as in Kimball, Idso and Aase (1982): 0.24 + 2.98e-8 e^2 exp(3000 / T), e in mbar and T in kelvin
        near the ground, of a black body at that T. At some 36 mbar, in the damp heat of the tropics, it reaches 1.
        """
        emissivity = 0.24 + 2.98e-8 * self.vapour_mbar**2 * math.exp(3000.0 / self.air_k)
        return 1.0 - min(emissivity, 1.0)

    @property
    def sky_deficit(self) -> float:
        """Share 0..1 of the air's black-body radiance at 8-14 um that the sky overhead lacks, above any fog.

        Clouds whose base is 11 K colder than the air fill 84 % of it (Unsworth and Monteith 1975; in this band too).
        """
        return self.window_transmission * (1.0 - CLOSED_BY_CLOUDS * self.cloudiness / 100.0)

    @property
    def wet_bulb_k(self) -> float:
        """Stull (2011), from temperature and humidity; what wet surfaces drift to."""
        t, rh = self.air_temperature_c, max(self.relative_humidity * 100.0, 5.0)
        wet = (
            t * math.atan(0.151977 * math.sqrt(rh + 8.313659))
            + math.atan(t + rh)
            - math.atan(rh - 1.676331)
            + 0.00391838 * rh**1.5 * math.atan(0.023101 * rh)
            - 4.686035
        )
        return min(wet, t) + ZERO_C_K


def ambient_of(
    weather: carla.WeatherParameters,
    air_temperature_c: float,
    relative_humidity: float,
    wind_mps: float = 1.0,
    local_time_h: float = 22.0,
    visibility_m: float | None = None,
    droplet_radius_um: float = 5.0,
) -> Ambient:
    """CARLA's weather, completed by what it does not know. Without `visibility_m` the fog density tells it.

    CARLA's own default weather has -1 for every parameter, which counts as none.
    """
    fog_density = min(max(weather.fog_density, 0.0), 100.0)
    wetness = max(weather.wetness, weather.precipitation_deposits, weather.precipitation)
    return Ambient(
        air_temperature_c=air_temperature_c,
        relative_humidity=relative_humidity,
        wind_mps=wind_mps,
        cloudiness=min(max(weather.cloudiness, 0.0), 100.0),
        local_time_h=local_time_h,
        visibility_m=fog.visibility_m(fog_density) if visibility_m is None else visibility_m,
        droplet_radius_um=droplet_radius_um,
        rain_mm_h=rain.rain_mm_h(weather.precipitation),
        wetness=min(max(wetness / 100.0, 0.0), 1.0),
        puddles=min(max(weather.precipitation_deposits / 100.0, 0.0), 1.0),
    )
