"""The materials that surfaces are made of: how each looks in visible light and which semantic tag it carries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from simulator.types import CityObjectLabel as Tag


class Material(IntEnum):
    SKY = 0
    ASPHALT = 1
    LANE_PAINT = 2
    CURB = 3
    PAVING = 4
    GRASS = 5
    SOIL = 6
    BRICK = 7
    PLASTER = 8
    CONCRETE = 9
    WINDOW = 10
    LIT_WINDOW = 11
    ROOF = 12
    DOOR = 13
    BARK = 14
    FOLIAGE = 15
    POLE = 16
    LAMP_HEAD = 17
    CAR_PAINT = 18
    CAR_GLASS = 19
    TYRE = 20
    RIM = 21
    CAR_TRIM = 22
    HEADLAMP = 23
    TAIL_LAMP = 24
    LEFT_INDICATOR = 25
    RIGHT_INDICATOR = 26
    LICENCE_PLATE = 27
    SKIN = 28
    UPPER_CLOTHING = 29
    LOWER_CLOTHING = 30
    HAIR = 31
    SHOES = 32
    RIDER_SKIN = 33
    RIDER_UPPER_CLOTHING = 34
    RIDER_LOWER_CLOTHING = 35
    HELMET = 36
    BICYCLE_FRAME = 37
    MOTORCYCLE_BODY = 38
    SIGNAL_HOUSING = 39
    SIGNAL_RED = 40
    SIGNAL_YELLOW = 41
    SIGNAL_GREEN = 42
    STOP_SIGN = 43
    SIGN_BACK = 44
    SIGN_WHITE = 45
    METAL = 46
    PLASTIC_ORANGE = 47
    WOOD = 48
    TRUCK_PAINT = 49
    BUS_PAINT = 50
    WALL = 51
    FENCE = 52
    WATER = 53
    PLASTIC_WHITE = 54
    METAL_RED = 55
    BEACON = 56
    CONCRETE_WALL = 57
    CONCRETE_BRIDGE = 58
    CONCRETE_GROUND = 59
    LANE_PAINT_YELLOW = 60


class Texture(IntEnum):
    """Procedural surface patterns."""

    PLAIN = 0
    ASPHALT = 1
    PAVING = 2
    BRICK = 3
    FOLIAGE = 4
    PLASTER = 5
    GRASS = 6


class Pane(IntEnum):
    """What kind of glass a surface of the town is: glass has the tag of what it is set in.

    An instance camera whose attribute `panes` is true shows it, see `encode`; `sensors.thermal.glazing` reads it.
    """

    NONE = 0
    DARK = 1
    LIT = 2
    PARKED = 3


class Emission(IntEnum):
    """What makes a surface shine by itself, if anything; SHEETING only sends light back, see `retro`."""

    NONE = 0
    STREET_LAMP = 1
    HEADLAMP = 2
    TAIL_LAMP = 3
    LEFT_INDICATOR = 4
    RIGHT_INDICATOR = 5
    SIGNAL_RED = 6
    SIGNAL_YELLOW = 7
    SIGNAL_GREEN = 8
    WINDOW = 9
    SHEETING = 10
    BEACON = 11


class Palette(IntEnum):
    """Which of an instance's own colours replaces the albedo, if any (vehicle paint, clothing)."""

    NONE = -1
    FIRST = 0
    SECOND = 1
    THIRD = 2


@dataclass(frozen=True)
class Surface:
    """`albedo`: linear reflectance of R, G, B in 0..1. `gloss`: 0 matt .. 1 mirror-like."""

    tag: Tag
    albedo: tuple[float, float, float]
    texture: Texture = Texture.PLAIN
    gloss: float = 0.0
    emission: Emission = Emission.NONE
    palette: Palette = Palette.NONE


SURFACES: dict[Material, Surface] = {
    Material.SKY: Surface(Tag.SKY, (0.0, 0.0, 0.0)),
    Material.ASPHALT: Surface(Tag.ROADS, (0.085, 0.085, 0.09), Texture.ASPHALT, 0.05),
    Material.LANE_PAINT: Surface(Tag.ROAD_LINES, (0.62, 0.62, 0.58), Texture.ASPHALT, 0.1),
    Material.CURB: Surface(Tag.SIDEWALKS, (0.36, 0.35, 0.33), Texture.PLASTER),
    Material.PAVING: Surface(Tag.SIDEWALKS, (0.30, 0.29, 0.27), Texture.PAVING),
    Material.GRASS: Surface(Tag.TERRAIN, (0.10, 0.17, 0.05), Texture.GRASS),
    Material.SOIL: Surface(Tag.TERRAIN, (0.17, 0.13, 0.09), Texture.GRASS),
    Material.BRICK: Surface(Tag.BUILDINGS, (0.33, 0.17, 0.12), Texture.BRICK),
    Material.PLASTER: Surface(Tag.BUILDINGS, (0.50, 0.46, 0.39), Texture.PLASTER),
    Material.CONCRETE: Surface(Tag.BUILDINGS, (0.38, 0.38, 0.37), Texture.PLASTER),
    Material.WINDOW: Surface(Tag.BUILDINGS, (0.03, 0.035, 0.045), gloss=0.6),
    Material.LIT_WINDOW: Surface(Tag.BUILDINGS, (0.30, 0.27, 0.20), gloss=0.3, emission=Emission.WINDOW),
    Material.ROOF: Surface(Tag.BUILDINGS, (0.14, 0.12, 0.11), Texture.PLASTER),
    Material.DOOR: Surface(Tag.BUILDINGS, (0.16, 0.09, 0.05)),
    Material.BARK: Surface(Tag.VEGETATION, (0.13, 0.09, 0.06), Texture.FOLIAGE),
    Material.FOLIAGE: Surface(Tag.VEGETATION, (0.07, 0.15, 0.04), Texture.FOLIAGE),
    Material.POLE: Surface(Tag.POLES, (0.22, 0.23, 0.24), gloss=0.2),
    Material.LAMP_HEAD: Surface(Tag.POLES, (0.55, 0.55, 0.52), emission=Emission.STREET_LAMP),
    Material.CAR_PAINT: Surface(Tag.CAR, (0.5, 0.5, 0.5), gloss=0.35, palette=Palette.FIRST),
    Material.CAR_GLASS: Surface(Tag.CAR, (0.02, 0.022, 0.025), gloss=0.8),
    Material.TYRE: Surface(Tag.CAR, (0.03, 0.03, 0.03)),
    Material.RIM: Surface(Tag.CAR, (0.40, 0.40, 0.42), gloss=0.5),
    Material.CAR_TRIM: Surface(Tag.CAR, (0.05, 0.05, 0.05), gloss=0.1),
    Material.HEADLAMP: Surface(Tag.CAR, (0.60, 0.60, 0.62), gloss=0.6, emission=Emission.HEADLAMP),
    Material.TAIL_LAMP: Surface(Tag.CAR, (0.35, 0.02, 0.02), gloss=0.4, emission=Emission.TAIL_LAMP),
    Material.LEFT_INDICATOR: Surface(Tag.CAR, (0.45, 0.22, 0.03), emission=Emission.LEFT_INDICATOR),
    Material.RIGHT_INDICATOR: Surface(Tag.CAR, (0.45, 0.22, 0.03), emission=Emission.RIGHT_INDICATOR),
    Material.LICENCE_PLATE: Surface(Tag.CAR, (0.70, 0.70, 0.66), emission=Emission.SHEETING),
    Material.SKIN: Surface(Tag.PEDESTRIANS, (0.42, 0.27, 0.20), palette=Palette.THIRD),
    Material.UPPER_CLOTHING: Surface(Tag.PEDESTRIANS, (0.2, 0.2, 0.2), Texture.PLASTER, palette=Palette.FIRST),
    Material.LOWER_CLOTHING: Surface(Tag.PEDESTRIANS, (0.1, 0.1, 0.12), Texture.PLASTER, palette=Palette.SECOND),
    Material.HAIR: Surface(Tag.PEDESTRIANS, (0.05, 0.035, 0.025)),
    Material.SHOES: Surface(Tag.PEDESTRIANS, (0.06, 0.05, 0.05)),
    Material.RIDER_SKIN: Surface(Tag.RIDER, (0.42, 0.27, 0.20), palette=Palette.THIRD),
    Material.RIDER_UPPER_CLOTHING: Surface(Tag.RIDER, (0.2, 0.2, 0.2), Texture.PLASTER, palette=Palette.FIRST),
    Material.RIDER_LOWER_CLOTHING: Surface(Tag.RIDER, (0.1, 0.1, 0.12), Texture.PLASTER, palette=Palette.SECOND),
    Material.HELMET: Surface(Tag.RIDER, (0.30, 0.30, 0.32), gloss=0.3),
    Material.BICYCLE_FRAME: Surface(Tag.BICYCLE, (0.14, 0.14, 0.16), gloss=0.3),
    Material.MOTORCYCLE_BODY: Surface(Tag.MOTORCYCLE, (0.10, 0.10, 0.11), gloss=0.4, palette=Palette.FIRST),
    Material.SIGNAL_HOUSING: Surface(Tag.TRAFFIC_LIGHT, (0.03, 0.03, 0.03)),
    Material.SIGNAL_RED: Surface(Tag.TRAFFIC_LIGHT, (0.16, 0.02, 0.02), emission=Emission.SIGNAL_RED),
    Material.SIGNAL_YELLOW: Surface(Tag.TRAFFIC_LIGHT, (0.16, 0.11, 0.01), emission=Emission.SIGNAL_YELLOW),
    Material.SIGNAL_GREEN: Surface(Tag.TRAFFIC_LIGHT, (0.01, 0.13, 0.05), emission=Emission.SIGNAL_GREEN),
    Material.STOP_SIGN: Surface(Tag.TRAFFIC_SIGNS, (0.50, 0.02, 0.03), gloss=0.2, emission=Emission.SHEETING),
    Material.SIGN_BACK: Surface(Tag.TRAFFIC_SIGNS, (0.35, 0.36, 0.37)),
    Material.SIGN_WHITE: Surface(Tag.TRAFFIC_SIGNS, (0.75, 0.75, 0.75), gloss=0.2, emission=Emission.SHEETING),
    Material.METAL: Surface(Tag.STATIC, (0.40, 0.40, 0.41), gloss=0.4),
    Material.PLASTIC_ORANGE: Surface(Tag.STATIC, (0.70, 0.20, 0.03)),
    Material.WOOD: Surface(Tag.STATIC, (0.30, 0.20, 0.11)),
    Material.TRUCK_PAINT: Surface(Tag.TRUCK, (0.5, 0.5, 0.5), gloss=0.3, palette=Palette.FIRST),
    Material.BUS_PAINT: Surface(Tag.BUS, (0.5, 0.45, 0.2), gloss=0.3, palette=Palette.FIRST),
    Material.WALL: Surface(Tag.WALLS, (0.36, 0.34, 0.31), Texture.BRICK),
    Material.FENCE: Surface(Tag.FENCES, (0.25, 0.20, 0.14), Texture.PLASTER),
    Material.WATER: Surface(Tag.WATER, (0.02, 0.03, 0.04), gloss=0.9),
    Material.PLASTIC_WHITE: Surface(Tag.STATIC, (0.75, 0.75, 0.75), gloss=0.2),
    Material.METAL_RED: Surface(Tag.STATIC, (0.50, 0.02, 0.03), gloss=0.2),
    Material.BEACON: Surface(Tag.CAR, (0.02, 0.06, 0.40), gloss=0.4, emission=Emission.BEACON),
    Material.CONCRETE_WALL: Surface(Tag.WALLS, (0.38, 0.38, 0.37), Texture.PLASTER),
    Material.CONCRETE_BRIDGE: Surface(Tag.BRIDGE, (0.38, 0.38, 0.37), Texture.PLASTER),
    Material.CONCRETE_GROUND: Surface(Tag.GROUND, (0.38, 0.38, 0.37), Texture.PLASTER),
    Material.LANE_PAINT_YELLOW: Surface(Tag.ROAD_LINES, (0.60, 0.40, 0.05), Texture.ASPHALT, 0.1),
}

PANES: dict[Material, Pane] = {
    Material.WINDOW: Pane.DARK,
    Material.LIT_WINDOW: Pane.LIT,
    Material.CAR_GLASS: Pane.PARKED,
}
