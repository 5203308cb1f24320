"""Static props of CARLA's catalogue, simplified: street furniture, boxes, road works."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.models.shapes import limb, slab, turned
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder


def _box(length: float, width: float, height: float, material: Material) -> Callable[[MeshBuilder], None]:
    return lambda b: slab(b, (-length / 2, -width / 2, 0.0), (length / 2, width / 2, height), material)


def _round(profile: list[tuple[float, float]], material: Material) -> Callable[[MeshBuilder], None]:
    return lambda b: turned(b, profile, material)


def _cone(height: float, base: float) -> Callable[[MeshBuilder], None]:
    def build(b: MeshBuilder) -> None:
        slab(b, (-base, -base, 0.0), (base, base, 0.05 * height), Material.PLASTIC_ORANGE)
        for low, high, material in (
            (0.05, 0.38, Material.PLASTIC_ORANGE),
            (0.38, 0.58, Material.SIGN_WHITE),
            (0.58, 1.0, Material.PLASTIC_ORANGE),
        ):
            turned(b, [(z * height, base * 0.78 * (1.0 - 0.85 * z)) for z in (low, high)], material)

    return build


def _barrier(b: MeshBuilder) -> None:
    for y in (-0.55, 0.55):
        slab(b, (-0.25, y - 0.03, 0.0), (0.25, y + 0.03, 0.06), Material.METAL)
        slab(b, (-0.03, y - 0.03, 0.0), (0.03, y + 0.03, 1.0), Material.METAL)
    for z in (0.45, 0.80):
        for k in range(6):
            material = Material.PLASTIC_ORANGE if k % 2 else Material.SIGN_WHITE
            slab(b, (-0.04, -0.66 + 0.22 * k, z), (0.04, -0.44 + 0.22 * k, z + 0.2), material)


def _warning(b: MeshBuilder) -> None:
    """A board of road works: faces +x."""
    for y in (-0.35, 0.35):
        slab(b, (-0.2, y - 0.03, 0.0), (0.2, y + 0.03, 0.05), Material.METAL)
        slab(b, (-0.03, y - 0.03, 0.0), (0.03, y + 0.03, 1.9), Material.METAL)
    slab(b, (0.03, -0.5, 0.9), (0.06, 0.5, 1.9), Material.PLASTIC_ORANGE)
    slab(b, (0.06, -0.38, 1.2), (0.065, 0.38, 1.6), Material.SIGN_WHITE)


def _bench(b: MeshBuilder) -> None:
    for y in (-0.7, 0.7):
        slab(b, (-0.22, y - 0.04, 0.0), (0.22, y + 0.04, 0.42), Material.METAL)
    for k in range(3):
        slab(b, (-0.24 + 0.16 * k, -0.9, 0.42), (-0.11 + 0.16 * k, 0.9, 0.46), Material.WOOD)
        slab(b, (-0.26, -0.9, 0.52 + 0.13 * k), (-0.22, 0.9, 0.62 + 0.13 * k), Material.WOOD)


def _chair(b: MeshBuilder) -> None:
    for x in (-0.22, 0.22):
        for y in (-0.22, 0.22):
            slab(b, (x - 0.02, y - 0.02, 0.0), (x + 0.02, y + 0.02, 0.42), Material.PLASTIC_WHITE)
    slab(b, (-0.25, -0.25, 0.42), (0.25, 0.25, 0.46), Material.PLASTIC_WHITE)
    slab(b, (-0.26, -0.25, 0.46), (-0.22, 0.25, 0.85), Material.PLASTIC_WHITE)


def _table(b: MeshBuilder) -> None:
    turned(b, [(0.0, 0.28), (0.04, 0.28), (0.05, 0.04), (0.70, 0.04)], Material.METAL, sides=8)
    turned(b, [(0.70, 0.55), (0.74, 0.55)], Material.WOOD, sides=12)


def _bus_stop(b: MeshBuilder) -> None:
    for y in (-1.9, 1.9):
        slab(b, (-0.65, y - 0.04, 0.0), (-0.57, y + 0.04, 2.45), Material.METAL)
        slab(b, (-0.57, y - 0.02, 0.25), (0.55, y + 0.02, 2.2), Material.CAR_GLASS)
    slab(b, (-0.63, -1.86, 0.3), (-0.60, 1.86, 2.2), Material.CAR_GLASS)
    slab(b, (-0.75, -2.1, 2.45), (0.95, 2.1, 2.55), Material.METAL)
    slab(b, (-0.55, -1.2, 0.42), (-0.15, 1.2, 0.48), Material.WOOD)


def _vending_machine(b: MeshBuilder) -> None:
    slab(b, (-0.42, -0.5, 0.0), (0.38, 0.5, 1.95), Material.METAL_RED)
    slab(b, (0.38, -0.42, 0.55), (0.40, 0.22, 1.80), Material.LIT_WINDOW)
    slab(b, (0.38, 0.27, 0.9), (0.42, 0.42, 1.5), Material.CAR_TRIM)


def _container(b: MeshBuilder) -> None:
    """A waste container on four castors."""
    slab(b, (-0.55, -0.85, 0.12), (0.55, 0.85, 1.15), Material.FOLIAGE)
    slab(b, (-0.58, -0.88, 1.15), (0.58, 0.88, 1.30), Material.CAR_TRIM)
    for x in (-0.45, 0.45):
        for y in (-0.7, 0.7):
            slab(b, (x - 0.06, y - 0.03, 0.0), (x + 0.06, y + 0.03, 0.12), Material.TYRE)


def _ship_container(b: MeshBuilder) -> None:
    slab(b, (-3.0, -1.2, 0.0), (3.0, 1.2, 2.5), Material.PLASTIC_ORANGE)
    for x in np.linspace(-2.8, 2.8, 15):
        slab(b, (x - 0.06, -1.23, 0.1), (x + 0.06, 1.23, 2.4), Material.PLASTIC_ORANGE)


def _shopping_cart(b: MeshBuilder) -> None:
    for x in (-0.3, 0.3):
        for y in (-0.22, 0.22):
            slab(b, (x - 0.05, y - 0.02, 0.0), (x + 0.05, y + 0.02, 0.10), Material.TYRE)
            limb(b, np.array([x, y, 0.1]), np.array([x, y, 0.5]), 0.012, 0.012, Material.METAL, sides=4)
    slab(b, (-0.42, -0.27, 0.5), (0.42, 0.27, 0.95), Material.METAL)
    slab(b, (-0.55, -0.27, 0.98), (-0.50, 0.27, 1.03), Material.PLASTIC_ORANGE)


def _street_sign(b: MeshBuilder) -> None:
    turned(b, [(0.0, 0.04), (2.6, 0.04)], Material.POLE, sides=6)
    slab(b, (0.04, -0.35, 2.0), (0.06, 0.35, 2.5), Material.SIGN_WHITE)


def _plant_pot(b: MeshBuilder) -> None:
    turned(b, [(0.0, 0.22), (0.45, 0.32)], Material.CONCRETE, sides=8)
    turned(b, [(0.45, 0.28), (0.75, 0.42), (1.05, 0.30), (1.2, 0.05)], Material.FOLIAGE, sides=7)


def _debris(b: MeshBuilder) -> None:
    """Dirt and rubble lying on the road, as scenarios of control loss use it."""
    turned(b, [(0.0, 0.60), (0.06, 0.45), (0.10, 0.12)], Material.SOIL, sides=7)


def _creased_case(b: MeshBuilder) -> None:
    slab(b, (-0.14, -0.35, 0.06), (0.14, 0.35, 0.55), Material.CAR_TRIM)
    slab(b, (-0.02, -0.12, 0.55), (0.02, 0.12, 0.62), Material.METAL)
    slab(b, (-0.12, -0.30, 0.0), (0.12, 0.30, 0.06), Material.TYRE)


PROPS: dict[str, Callable[[MeshBuilder], None]] = {
    "static.prop.advertisement": _street_sign,
    "static.prop.barrel": _round([(0.0, 0.29), (0.30, 0.30), (0.33, 0.31), (0.60, 0.30), (0.90, 0.29)], Material.METAL),
    "static.prop.bench01": _bench,
    "static.prop.bench02": _bench,
    "static.prop.bench03": _bench,
    "static.prop.bin": _round([(0.0, 0.24), (0.85, 0.28), (0.95, 0.20)], Material.CAR_TRIM),
    "static.prop.box01": _box(0.60, 0.60, 0.60, Material.WOOD),
    "static.prop.box02": _box(0.60, 0.45, 0.40, Material.WOOD),
    "static.prop.box03": _box(0.90, 0.60, 0.50, Material.WOOD),
    "static.prop.briefcase": _creased_case,
    "static.prop.busstop": _bus_stop,
    "static.prop.chainbarrier": _barrier,
    "static.prop.clothcontainer": _box(1.2, 1.2, 1.8, Material.PLASTIC_ORANGE),
    "static.prop.constructioncone": _cone(0.75, 0.22),
    "static.prop.container": _container,
    "static.prop.creasedbox01": _box(0.55, 0.45, 0.28, Material.WOOD),
    "static.prop.creasedbox02": _box(0.65, 0.50, 0.30, Material.WOOD),
    "static.prop.dirtdebris01": _debris,
    "static.prop.dirtdebris02": _debris,
    "static.prop.dirtdebris03": _debris,
    "static.prop.garbage01": _debris,
    "static.prop.glasscontainer": _box(1.4, 1.4, 1.7, Material.FOLIAGE),
    "static.prop.kiosk_01": _box(2.2, 3.0, 2.6, Material.WOOD),
    "static.prop.mailbox": _box(0.45, 0.5, 1.25, Material.METAL_RED),
    "static.prop.plantpot01": _plant_pot,
    "static.prop.plasticchair": _chair,
    "static.prop.plastictable": _table,
    "static.prop.shippingcontainer": _ship_container,
    "static.prop.shoppingcart": _shopping_cart,
    "static.prop.streetbarrier": _barrier,
    "static.prop.streetsign": _street_sign,
    "static.prop.trafficcone01": _cone(0.75, 0.22),
    "static.prop.trafficcone02": _cone(0.50, 0.16),
    "static.prop.trafficwarning": _warning,
    "static.prop.trashcan01": _round([(0.0, 0.26), (0.90, 0.30), (1.0, 0.30), (1.08, 0.14)], Material.METAL),
    "static.prop.trashcan02": _round([(0.0, 0.25), (0.75, 0.25)], Material.CAR_TRIM),
    "static.prop.vendingmachine": _vending_machine,
    "static.prop.warningaccident": _warning,
    "static.prop.warningconstruction": _warning,
}


def build_prop(blueprint_id: str) -> Mesh:
    """Origin on the ground below the middle."""
    builder = MeshBuilder()
    PROPS[blueprint_id](builder)
    return builder.build()
