"""The colours that one actor wears: paint of a vehicle, clothes and skin of a person."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

PAINTS = np.array(
    [
        (250, 250, 250), (28, 28, 30), (150, 153, 157), (88, 92, 98), (150, 20, 24), (20, 46, 110), (24, 70, 42),
        (196, 160, 60), (90, 130, 170), (70, 40, 30),
    ]
)  # fmt: skip
UPPERS = np.array(
    [
        (40, 42, 48), (120, 30, 32), (38, 66, 120), (190, 186, 176), (60, 90, 60), (160, 120, 70), (90, 60, 100),
        (215, 210, 205), (24, 24, 26), (190, 90, 40),
    ]
)  # fmt: skip
LOWERS = np.array([(28, 32, 48), (20, 20, 22), (70, 66, 60), (46, 60, 92), (110, 100, 84), (40, 40, 40)])
SKINS = np.array([(236, 200, 176), (214, 170, 140), (182, 132, 100), (130, 88, 62), (90, 60, 44)])
FIXED_PAINTS = {
    "vehicle.carlamotors.firetruck": (160, 16, 18),
    "vehicle.carlamotors.carlacola": (170, 20, 26),
    "vehicle.ford.ambulance": (240, 240, 238),
    "vehicle.dodge.charger_police": (20, 20, 24),
    "vehicle.dodge.charger_police_2020": (20, 20, 24),
    "vehicle.tesla.cybertruck": (150, 152, 155),
}


def linear_rgb(srgb: object) -> NDArray[np.float32]:
    """0..255 sRGB, any shape (..., 3), to linear reflectance 0..1 (IEC 61966-2-1)."""
    c = np.asarray(srgb, np.float64) / 255.0
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


def palette_of(blueprint_id: str, color: str = "", seed: int = 0) -> NDArray[np.float32]:
    """(3, 3) float32 linear RGB: a vehicle's paint and its rider's clothes, or a walker's upper, lower, skin.

    `color` is CARLA's attribute "r,g,b" (0..255) and wins for vehicles; `seed` chooses where nothing is given.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed & 0xFFFFFFFF, zlib.crc32(blueprint_id.encode())]))
    paint, upper, lower, skin = (table[rng.integers(len(table))] for table in (PAINTS, UPPERS, LOWERS, SKINS))
    first = paint if blueprint_id.startswith("vehicle.") else upper
    first = np.array(FIXED_PAINTS.get(blueprint_id, tuple(first)))
    if color and blueprint_id.startswith("vehicle."):
        first = np.array(parse_color(color))
    return linear_rgb(np.stack([first, lower, skin]))


def parse_color(color: str) -> tuple[int, int, int]:
    """CARLA's "r,g,b" text; one clear line if it is not that."""
    parts = color.split(",")
    try:
        r, g, b = (int(part) for part in parts)
    except ValueError:
        raise ValueError(f"color must be 'r,g,b' with whole numbers 0..255, got {color!r}") from None
    if not all(0 <= value <= 255 for value in (r, g, b)):
        raise ValueError(f"color must be 'r,g,b' with whole numbers 0..255, got {color!r}")
    return r, g, b
