"""The navigation mesh of a town as the file that clients ask for."""

from __future__ import annotations

import shapely

from simulator.navigation.convex import convex_pieces
from simulator.navigation.detour import MOST_POLYGONS, MOST_VERTICES, Tile, tile_of, write_mesh
from simulator.navigation.walkable import ground_m, walkable_regions
from simulator.towns.town import Town

TOLERANCES_M = (0.05, 0.15, 0.4)
"""How far outlines may be simplified: a large town gets the next coarser one when it does not fit the format."""


def navigation_bytes(town: Town) -> bytes | None:
    """None for a town without sidewalks and crosswalks, or one too large for the format."""
    for tolerance_m in TOLERANCES_M:
        try:
            tile = _tile(town, tolerance_m)
        except shapely.errors.GEOSException:
            continue  # outlines that cross themselves within a millimetre: coarser ones do not
        if tile is None:
            return None
        if len(tile.polygons) <= MOST_POLYGONS and len(tile.vertices) <= MOST_VERTICES:
            return write_mesh(tile)
    return None


def _tile(town: Town, tolerance_m: float) -> Tile | None:
    polygons = [
        (region.area, ring) for region in walkable_regions(town, tolerance_m) for ring in convex_pieces(region.outline)
    ]
    if not polygons:
        return None
    return tile_of(polygons, lambda points: ground_m(town, points))
