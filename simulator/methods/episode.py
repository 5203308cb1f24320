"""Session, episode, map, weather."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from simulator.methods.registry import Refused, rpc
from simulator.towns.xodr import GenerationParameters, OpenDriveError
from simulator.types import U32, EpisodeSettings, MapInfo, WeatherParameters
from simulator.wire.streams import WORLD_STREAM
from simulator.world.level_objects import ALL_LAYERS

if TYPE_CHECKING:
    from simulator.session import Session

CARLA_VERSION = "0.9.16"


class Token(NamedTuple):
    token: bytes


class EpisodeInfo(NamedTuple):
    id: int
    token: Token


class OpendriveGenerationParameters(NamedTuple):
    """Lengths in metres."""

    vertex_distance: float
    max_road_length: float
    wall_height: float
    additional_width: float
    smooth_junctions: bool
    enable_mesh_visibility: bool
    enable_pedestrian_navigation: bool


@rpc
def version(session: Session) -> str:
    return CARLA_VERSION


@rpc
def get_episode_info(session: Session) -> EpisodeInfo:
    return EpisodeInfo(session.world.episode_id, Token(session.streams.token(WORLD_STREAM)))


@rpc
def get_sensor_token(session: Session, stream_id: U32) -> Token:
    session.streams.expect(stream_id)
    return Token(session.streams.token(stream_id))


@rpc
def get_episode_settings(session: Session) -> EpisodeSettings:
    return session.world.settings


@rpc
def set_episode_settings(session: Session, settings: EpisodeSettings) -> int:
    delta_s = settings.fixed_delta_seconds
    if delta_s is not None and not 0.0 <= delta_s <= 10.0:
        raise Refused(f"fixed_delta_seconds must lie in 0..10, got {delta_s}")
    session.clock.apply(settings)
    return session.world.frame


@rpc
async def tick_cue(session: Session) -> int:
    return await session.clock.tick()


@rpc
def get_map_info(session: Session) -> MapInfo:
    town = session.world.town
    return MapInfo(f"Carla/Maps/{town.name}", town.spawn_points)


@rpc
def get_map_data(session: Session) -> str:
    return session.world.town.opendrive


@rpc
def get_available_maps(session: Session) -> tuple[str, ...]:
    return tuple(f"/Game/Carla/Maps/{name}" for name in session.maps.names)


NAVIGATION = "Nav"
"""The folder by which clients ask for the navigation mesh."""


@rpc
async def get_required_files(session: Session, folder: str) -> tuple[str, ...]:
    """The navigation mesh, if that is what is asked for.

    Nothing else: the client parses whatever it gets for "TM" unchecked, and it asks for the map by `get_map_data`.
    """
    mesh = await session.navigation() if folder.strip("/").rsplit("/", 1)[-1] == NAVIGATION else None
    return (mesh.name,) if mesh else ()


@rpc
async def request_file(session: Session, name: str) -> bytes:
    mesh = await session.navigation()
    if mesh is None or name != mesh.name:
        raise Refused(f"file '{name}' not found")
    return mesh.content


@rpc
async def get_navigation_mesh(session: Session) -> bytes:
    mesh = await session.navigation()
    return mesh.content if mesh else b""


@rpc
async def load_new_episode(session: Session, name: str, reset_settings: bool, layers: int) -> None:
    """`name` as in `get_available_maps` or its last part, `_Opt` or not; empty to start the same map anew."""
    town_name = session.maps.resolve(name) if name else session.world.town.name
    if town_name is None:
        raise Refused(f"Map '{name}' not found")
    await session.load(town_name, reset_settings)
    session.world.unload_map_layer(~layers & ALL_LAYERS)


@rpc
async def copy_opendrive_to_file(session: Session, opendrive: str, parameters: OpendriveGenerationParameters) -> None:
    """The map that `load_new_episode("OpenDriveMap")` then loads.

    max_road_length, smooth_junctions and enable_pedestrian_navigation change nothing: they are about how CARLA cuts
    and bends its mesh.
    """
    chosen = GenerationParameters(
        parameters.vertex_distance,
        max(0.0, parameters.wall_height),
        max(0.0, parameters.additional_width),
        parameters.enable_mesh_visibility,
    )
    try:
        await asyncio.to_thread(session.maps.receive, opendrive, chosen)
    except OpenDriveError as error:
        raise Refused(f"opendrive could not be correctly parsed: {error}") from None


@rpc
def get_weather_parameters(session: Session) -> WeatherParameters:
    return session.world.weather


@rpc
def set_weather_parameters(session: Session, weather: WeatherParameters) -> None:
    session.world.weather = weather


@rpc
def get_imui_gravity(session: Session) -> float:
    return session.world.gravity


@rpc
def set_imui_gravity(session: Session, gravity_m_s2: float) -> None:
    session.world.gravity = gravity_m_s2


@rpc
def set_annotations_traverse_translucency(session: Session, enabled: bool) -> None:
    """Nothing here is translucent."""
