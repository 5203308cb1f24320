"""Where a place of the town lies on the globe, as `carla.Map.transform_to_geolocation` of CARLA 0.9.16 has it.

CARLA 0.9.16 reads `lat_0` and `lon_0` of the map's geo reference and inverts a transverse Mercator projection on a
sphere (Snyder, "Map projections", 1987, eq. 8-6 and 8-7). It takes y for north: latitude grows along CARLA's +y.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from simulator.types import ActorDescription, Vector3D
from simulator.world import noise

EARTH_RADIUS_M = 6378137.0
SCALE = 0.9996
FARTHEST = 700.0
"""Of x in earth radii, where the projection has long come to its pole: beyond it numbers overflow."""


@dataclass(frozen=True)
class GeoReference:
    """Degrees; CARLA's defaults."""

    latitude: float = 42.0
    longitude: float = 2.0


def geo_reference(opendrive: str) -> GeoReference:
    """That of an OpenDRIVE text."""
    text = re.search(r"<geoReference>(.*?)</geoReference>", opendrive, re.DOTALL)
    values = dict(re.findall(r"\+(lat_0|lon_0)=(\S+?)(?=[\s\]]|$)", text.group(1))) if text else {}
    default = GeoReference()
    latitude, longitude = _degrees(values.get("lat_0"), 90.0), _degrees(values.get("lon_0"), 360.0)
    return GeoReference(
        default.latitude if latitude is None else latitude, default.longitude if longitude is None else longitude
    )


def _degrees(text: str | None, most: float) -> float | None:
    """None for what is no angle: a map is not refused for it."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if abs(value) <= most else None


def geolocation(reference: GeoReference, location: Vector3D) -> tuple[float, float, float]:
    """Latitude and longitude in degrees, altitude in m."""
    x, y = location.x / (EARTH_RADIUS_M * SCALE), location.y / (EARTH_RADIUS_M * SCALE)
    x = min(max(x, -FARTHEST), FARTHEST)
    d = y + math.radians(reference.latitude)
    latitude = math.asin(math.sin(d) / math.cosh(x))
    longitude = math.radians(reference.longitude) + math.atan2(math.sinh(x), math.cos(d))
    return math.degrees(latitude), math.degrees(longitude), location.z


def measure(
    description: ActorDescription, reference: GeoReference, location: Vector3D, *, seed: int, sensor: int, step: int
) -> tuple[float, float, float]:
    """With bias and noise of the sensor's attributes (degrees, degrees, m)."""
    deviations = [float(description.get(f"noise_{axis}_stddev", "0")) for axis in ("lat", "lon", "alt")]
    biases = [float(description.get(f"noise_{axis}_bias", "0")) for axis in ("lat", "lon", "alt")]
    true = geolocation(reference, location)
    if not any(deviations):
        return true[0] + biases[0], true[1] + biases[1], true[2] + biases[2]
    seed ^= int(description.get("noise_seed", "0")) << 32
    drawn = noise.normal(3, seed=seed, sensor=sensor, step=step)
    latitude, longitude, altitude = (t + b + s * n for t, b, s, n in zip(true, biases, deviations, drawn.tolist()))
    return latitude, longitude, altitude
