"""The colours of the Cityscapes data set, in which pictures of semantic tags are shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.types import CityObjectLabel as Tag

_RGB: dict[Tag, tuple[int, int, int]] = {
    Tag.ROADS: (128, 64, 128),
    Tag.SIDEWALKS: (244, 35, 232),
    Tag.BUILDINGS: (70, 70, 70),
    Tag.WALLS: (102, 102, 156),
    Tag.FENCES: (190, 153, 153),
    Tag.POLES: (153, 153, 153),
    Tag.TRAFFIC_LIGHT: (250, 170, 30),
    Tag.TRAFFIC_SIGNS: (220, 220, 0),
    Tag.VEGETATION: (107, 142, 35),
    Tag.TERRAIN: (152, 251, 152),
    Tag.SKY: (70, 130, 180),
    Tag.PEDESTRIANS: (220, 20, 60),
    Tag.RIDER: (255, 0, 0),
    Tag.CAR: (0, 0, 142),
    Tag.TRUCK: (0, 0, 70),
    Tag.BUS: (0, 60, 100),
    Tag.TRAIN: (0, 80, 100),
    Tag.MOTORCYCLE: (0, 0, 230),
    Tag.BICYCLE: (119, 11, 32),
    Tag.STATIC: (110, 190, 160),
    Tag.DYNAMIC: (170, 120, 50),
    Tag.OTHER: (55, 90, 80),
    Tag.WATER: (45, 60, 150),
    Tag.ROAD_LINES: (157, 234, 50),
    Tag.GROUND: (81, 0, 81),
    Tag.BRIDGE: (150, 100, 100),
    Tag.RAIL_TRACK: (230, 150, 140),
    Tag.GUARD_RAIL: (180, 165, 180),
}


def _table() -> NDArray[np.uint32]:
    table = np.full(256, 0xFF000000, np.uint32)
    for tag, (red, green, blue) in _RGB.items():
        table[tag] = 0xFF000000 | red << 16 | green << 8 | blue
    return table


COLOUR_OF_TAG = _table()
"""(256,) uint32: by tag the colour as BGRA bytes; black where a tag has none."""
