"""Builds a town from its name: the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.render.mesh import MeshBuilder
from simulator.towns import plots, sites, streetscape
from simulator.towns.designs import compose_fell, compose_mere, compose_ring
from simulator.towns.ground import Plots, bounds, ground_grid
from simulator.towns.layout import draw_layout
from simulator.towns.markings import add_markings
from simulator.towns.network import Network, build_network
from simulator.towns.opendrive import opendrive_text
from simulator.towns.roadways import Edge, add_carriageway, add_edge, add_junction, add_land, edges
from simulator.towns.scene import Scene, random_streams
from simulator.towns.town import Town
from simulator.towns.xodr.records import OpenDrive
from simulator.towns.xodr.world import town_from_opendrive
from simulator.towns.xodr.writer import write_opendrive

SEEDS = {"Elm01": 8, "Elm02": 1}
DESIGNS: dict[str, tuple[Callable[[str, int], OpenDrive], int]] = {
    "Fell01": (compose_fell, 3),
    "Mere01": (compose_mere, 5),
    "Ring01": (compose_ring, 2),
}
"""Towns that are composed as OpenDRIVE maps, with their seeds."""


def generate(name: str) -> Town:
    """One of `NAMES`, built anew."""
    return _composed(name) if name in DESIGNS else _build(name, SEEDS[name])


def _composed(name: str) -> Town:
    compose, seed = DESIGNS[name]
    return town_from_opendrive(write_opendrive(compose(name, seed)), name, seed=seed)


PARKED_CARS = 66
HINTERLAND_HOUSES, HINTERLAND_TREES = 40, 90


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
    low, high = bounds(network)
    add_land(builder, low, high)
    scene = _scenery(network, builder, curbs, seed)
    return Town(
        name=name,
        opendrive=opendrive_text(network, name),
        spawn_points=sites.spawn_points(network),
        mesh=builder.build(),
        obstacles=tuple(scene.obstacles),
        street_lamps=tuple(scene.lamps),
        traffic_lights=sites.traffic_light_sites(network),
        stop_signs=sites.stop_sign_sites(network),
        speed_limits=sites.speed_limit_sites(network),
        lanes=sites.lane_samples(network),
        crosswalks=sites.crosswalk_polygons(network),
        ground=ground_grid(network, curbs),
    )


def _scenery(network: Network, builder: MeshBuilder, curbs: list[Edge], seed: int) -> Scene:
    stream = random_streams(seed)
    poles = np.array([[signal.pose.x, -signal.pose.y] for signal in network.signals])
    scene = Scene(builder, Plots.around(network, curbs, plots.OUTSKIRTS_M + 25.0), poles)
    low, high = bounds(network)
    streetscape.add_lamps(scene, network)
    streetscape.add_parked_cars(scene, network, stream(2), PARKED_CARS)
    streetscape.add_street_trees(scene, network, stream(3))
    streetscape.add_furniture(scene, network, stream(4))
    plots.add_street_houses(scene, network, stream(5))
    plots.add_garden_trees(scene, network, stream(6))
    plots.add_hinterland(scene, stream(7), HINTERLAND_HOUSES, HINTERLAND_TREES)
    plots.add_woods(scene, low - plots.OUTSKIRTS_M, high + plots.OUTSKIRTS_M, stream(8))
    return scene
