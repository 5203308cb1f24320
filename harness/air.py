"""The air that a scenario's weather goes with, for the thermal camera."""

from __future__ import annotations

import carla

from scenarios.definition import ScenarioDefinition
from sensors.thermal import Ambient, ambient_of


def ambient_for(definition: ScenarioDefinition, weather: carla.WeatherParameters) -> Ambient:
    """What the scenario says of its air, in this weather of it, which may change along the route."""
    air = definition.ambient
    hour = evening_hour(weather.sun_altitude_angle) if air.local_time_h is None else air.local_time_h
    return ambient_of(
        weather,
        air_temperature_c=air.air_temperature_c,
        relative_humidity=air.relative_humidity,
        wind_mps=air.wind_mps,
        local_time_h=hour,
        visibility_m=definition.fog.visibility_m if definition.fog else None,
        droplet_radius_um=definition.fog.droplet_radius_um if definition.fog else 5.0,
    )


def evening_hour(sun_altitude_deg: float) -> float:
    """Local time (0..24) at which a sun that was in the zenith at 13 h has sunk to this altitude, 15 degrees an hour.

    The equator's at an equinox, and the afternoon's of the two: surfaces hold the sun of the day.
    """
    return (13.0 + (90.0 - min(max(sun_altitude_deg, -90.0), 90.0)) / 15.0) % 24.0
