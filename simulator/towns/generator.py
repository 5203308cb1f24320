"""Builds a town from its name: the same bytes every time."""

from __future__ import annotations

from functools import lru_cache

from simulator.render.mesh import MeshBuilder
from simulator.towns import sites
from simulator.towns.ground import bounds, ground_grid
from simulator.towns.layout import draw_layout
from simulator.towns.markings import add_markings
from simulator.towns.network import build_network
from simulator.towns.opendrive import opendrive_text
from simulator.towns.roadways import add_carriageway, add_edge, add_junction, add_land, edges
from simulator.towns.town import Town

SEEDS = {"Elm01": 8, "Elm02": 1}


def available_towns() -> tuple[str, ...]:
    return tuple(SEEDS)


def build_town(name: str) -> Town:
    """The town of this name; `Carla/Maps/Elm01` and `/Game/Carla/Maps/Elm01` mean `Elm01`."""
    short = name.rsplit("/", 1)[-1]
    if short not in SEEDS:
        raise ValueError(f"unknown town {name!r}; available: {', '.join(SEEDS)}")
    return _build(short, SEEDS[short])


@lru_cache(maxsize=2)
def _build(name: str, seed: int) -> Town:
    network = build_network(draw_layout(seed))
    builder = MeshBuilder()
    curbs = list(edges(network))
    for road in network.streets:
        add_carriageway(builder, road)
    for crossing in network.crossings:
        add_junction(builder, crossing, network)
    for edge in curbs:
        add_edge(builder, edge)
    add_markings(builder, network)
    add_land(builder, *bounds(network))
    return Town(
        name=name,
        opendrive=opendrive_text(network, name),
        spawn_points=sites.spawn_points(network),
        mesh=builder.build(),
        obstacles=(),
        street_lamps=(),
        traffic_lights=sites.traffic_light_sites(network),
        stop_signs=sites.stop_sign_sites(network),
        speed_limits=sites.speed_limit_sites(network),
        lanes=sites.lane_samples(network),
        crosswalks=sites.crosswalk_polygons(network),
        ground=ground_grid(network, curbs),
    )
