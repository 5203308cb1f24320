"""Traffic lights and signs: pole base at the origin, face along the actor's +y as in CARLA, mast arm along -x."""

from __future__ import annotations

import numpy as np

from simulator.models.shapes import Points, fan, limb, slab, turned
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.types import Vector3D

HEAD_BOTTOM_M = 4.55
LAMP_RADIUS_M = 0.13
MAST_HALF_M = Vector3D(0.16, 0.16, 2.75)
ARM_M = 2.6
"""The mast arm reaches over the lane, whose centre line lies about 2.4 m from a pole on the right of its traffic."""


def _facing_y(builder: MeshBuilder) -> Mesh:
    """Signs are drawn facing +x, with the driver's left along +y; CARLA's signal actors face +y."""
    turned_by_90 = np.array([[0.0, -1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    actor = MeshBuilder()
    actor.extend(builder.build(), turned_by_90)
    return actor.build()


def _octagon(x: float, y: float, z: float, radius: float, sides: int = 8) -> Points:
    angle = 2.0 * np.pi * (np.arange(sides) + 0.5) / sides
    return np.stack([np.full(sides, x), y + radius * np.cos(angle), z + radius * np.sin(angle)], axis=1)


def _head(builder: MeshBuilder, x: float, y: float, bottom: float) -> None:
    slab(builder, (x - 0.14, y - 0.19, bottom), (x + 0.10, y + 0.19, bottom + 1.02), Material.SIGNAL_HOUSING)
    for k, lamp in enumerate((Material.SIGNAL_GREEN, Material.SIGNAL_YELLOW, Material.SIGNAL_RED)):
        z = bottom + 0.17 + 0.34 * k
        fan(builder, _octagon(x + 0.115, y, z, LAMP_RADIUS_M, 10), lamp)
        slab(builder, (x + 0.10, y - 0.15, z + 0.12), (x + 0.26, y + 0.15, z + 0.14), Material.SIGNAL_HOUSING)


def build_traffic_light() -> Mesh:
    """A mast with an arm and a head at its end, and a second head on the pole at eye level."""
    builder = MeshBuilder()
    turned(builder, [(0.0, 0.16), (0.25, 0.15), (0.3, 0.10), (5.45, 0.07)], Material.POLE, sides=8)
    limb(builder, np.array([0.0, 0.0, 5.35]), np.array([0.0, ARM_M, 5.60]), 0.06, 0.045, Material.POLE, sides=6)
    _head(builder, 0.16, ARM_M - 0.2, HEAD_BOTTOM_M + 0.15)
    _head(builder, 0.22, 0.0, 2.45)
    return _facing_y(builder)


def build_stop_sign() -> Mesh:
    builder = MeshBuilder()
    turned(builder, [(0.0, 0.04), (2.75, 0.04)], Material.POLE, sides=6)
    fan(builder, _octagon(0.050, 0.0, 2.30, 0.42), Material.SIGN_BACK)
    fan(builder, _octagon(0.062, 0.0, 2.30, 0.42), Material.SIGN_WHITE)
    fan(builder, _octagon(0.070, 0.0, 2.30, 0.38), Material.STOP_SIGN)
    for y, width in ((-0.20, 0.05), (-0.07, 0.05), (0.06, 0.05), (0.20, 0.05)):
        slab(builder, (0.071, y - width, 2.22), (0.074, y + width, 2.38), Material.SIGN_WHITE)
    return _facing_y(builder)


def build_yield_sign() -> Mesh:
    """A white triangle with a red rim, point down."""
    builder = MeshBuilder()
    turned(builder, [(0.0, 0.04), (2.75, 0.04)], Material.POLE, sides=6)
    for x, radius, material in (
        (0.050, 0.55, Material.SIGN_BACK),
        (0.062, 0.55, Material.STOP_SIGN),
        (0.070, 0.34, Material.SIGN_WHITE),
    ):
        angle = np.radians([30.0, 150.0, 270.0])
        corners = np.stack([np.full(3, x), radius * np.cos(angle), 2.35 + radius * np.sin(angle)], axis=1)
        fan(builder, corners, material)
    return _facing_y(builder)


def build_speed_limit() -> Mesh:
    """A white disc with a red rim."""
    builder = MeshBuilder()
    turned(builder, [(0.0, 0.035), (2.60, 0.035)], Material.POLE, sides=6)
    fan(builder, _octagon(0.045, 0.0, 2.25, 0.35, 16), Material.SIGN_BACK)
    fan(builder, _octagon(0.055, 0.0, 2.25, 0.35, 16), Material.STOP_SIGN)
    fan(builder, _octagon(0.062, 0.0, 2.25, 0.28, 16), Material.SIGN_WHITE)
    return _facing_y(builder)
