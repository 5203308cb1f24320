"""Measures the fog of a server's world, density by density, and makes its table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import carla
from rich.progress import track

from sensors.calibrate_fog.contrast import Ring, View, extinction_per_m, rings
from sensors.calibrate_fog.errors import CalibrationError
from sensors.calibrate_fog.station import CAMERA_HEIGHT_M, Station, raised
from sensors.fog import CLEAR_VISIBILITY_M, KOSCHMIEDER
from sensors.fog_table import FogTable

DENSITIES = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0)


def measure(
    client: carla.Client,
    densities: Sequence[float] = DENSITIES,
    places: Sequence[int] = (0, 7, 14),
    fog_distance: float = 0.0,
    fog_falloff: float = 0.0,
    clear_visibility_m: float = CLEAR_VISIBILITY_M,
) -> FogTable:
    """The table of the world that `client` is in. places: numbers of spawn points to look from, down their lanes.

    clear_visibility_m: what the air without fog is taken to have; what is measured is fog against it.
    """
    world = client.get_world()
    spawn_points = world.get_map().get_spawn_points()
    if not spawn_points:
        raise CalibrationError("the map has no spawn points to look from")
    shares: dict[float, list[list[Ring]]] = {density: [] for density in densities}
    steps = [(number, density) for number in places for density in (0.0, *densities)]
    with borrowed(world):
        station: Station | None = None
        view: View | None = None
        try:
            for number, density in track(steps, "fog", transient=True):
                world.set_weather(weather(density, fog_distance, fog_falloff))
                if density == 0.0:
                    if station is not None:
                        station.close()
                    station = Station(world, raised(spawn_points[number % len(spawn_points)], CAMERA_HEIGHT_M))
                    station.expose()
                    view = View(station.luminance(), station.range_m())
                    continue
                assert station is not None
                assert view is not None
                shares[density].append(rings(view, station.luminance()))
        finally:
            if station is not None:
                station.close()
    entries = []
    for density in densities:
        fog, deviation = extinction_per_m(shares[density])
        total = fog + KOSCHMIEDER / clear_visibility_m
        if fog <= 0.0:
            raise CalibrationError(f"fog_density {density:g} takes away no contrast here: is fog drawn at all?")
        entries.append(
            {
                "fog_density": density,
                "visibility_m": round(KOSCHMIEDER / total, 2),
                "uncertainty": round(deviation / total, 4),
            }
        )
    try:
        return FogTable.model_validate(
            {
                "server_version": client.get_server_version(),
                "town": world.get_map().name.split("/")[-1],
                "fog_distance": fog_distance,
                "fog_falloff": fog_falloff,
                "entries": entries,
            }
        )
    except ValueError as error:
        raise CalibrationError(f"the measured table makes no sense: {str(error).splitlines()[2].strip()}") from None


def weather(fog_density: float, fog_distance: float, fog_falloff: float) -> carla.WeatherParameters:
    """Overcast, still and dry: no moving shadows, no light that fog could change but evenly."""
    w = carla.WeatherParameters()
    values = {
        "cloudiness": 100.0, "sun_altitude_angle": 50.0, "wind_intensity": 0.0, "precipitation": 0.0,
        "precipitation_deposits": 0.0, "wetness": 0.0, "fog_density": fog_density, "fog_distance": fog_distance,
        "fog_falloff": fog_falloff,
    }  # fmt: skip
    for name, value in values.items():
        setattr(w, name, value)
    return w


@contextmanager
def borrowed(world: carla.World) -> Iterator[None]:
    """Ticks the world at 20 Hz and gives it back with its own settings and weather."""
    settings, before = world.get_settings(), world.get_weather()
    mine = world.get_settings()
    mine.synchronous_mode, mine.fixed_delta_seconds = True, 0.05
    world.apply_settings(mine)
    try:
        yield
    finally:
        world.set_weather(before)
        world.apply_settings(settings)
