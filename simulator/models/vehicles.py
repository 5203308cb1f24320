"""Four-wheeled vehicles of CARLA's catalogue: which body each has and how large it is."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.models.body_styles import BUS, CAB, COUPE, HATCHBACK, JEEP, MICROBUS, SEDAN, SUV, VAN, WEDGE, BodyStyle
from simulator.models.hulls import Hull, add_front_lamps, add_hull, add_mirrors, add_rear_lamps
from simulator.models.shapes import point, slab, wheel
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder


@dataclass(frozen=True)
class VehicleSize:
    """Metres: length and height over all, width over the mirrors. cargo: share of the length behind a lorry's cab."""

    style: BodyStyle
    length: float
    width: float
    height: float
    paint: Material = Material.CAR_PAINT
    wheel_radius: float = 0.33
    cargo: float = 0.0
    beacons: bool = False


_TRUCK, _BUS = Material.TRUCK_PAINT, Material.BUS_PAINT

VEHICLES: dict[str, VehicleSize] = {
    "vehicle.audi.a2": VehicleSize(HATCHBACK, 3.71, 1.79, 1.55, wheel_radius=0.31),
    "vehicle.audi.etron": VehicleSize(SUV, 4.86, 2.03, 1.65, wheel_radius=0.36),
    "vehicle.audi.tt": VehicleSize(COUPE, 4.18, 1.99, 1.39, wheel_radius=0.33),
    "vehicle.bmw.grandtourer": VehicleSize(HATCHBACK, 4.61, 2.24, 1.67, wheel_radius=0.34),
    "vehicle.carlamotors.carlacola": VehicleSize(CAB, 5.20, 2.61, 2.47, _TRUCK, 0.42, cargo=0.66),
    "vehicle.carlamotors.european_hgv": VehicleSize(CAB, 7.94, 2.89, 3.47, _TRUCK, 0.50, cargo=0.70),
    "vehicle.carlamotors.firetruck": VehicleSize(CAB, 8.47, 2.90, 3.83, _TRUCK, 0.52, cargo=0.66, beacons=True),
    "vehicle.chevrolet.impala": VehicleSize(SEDAN, 5.36, 2.03, 1.41, wheel_radius=0.34),
    "vehicle.citroen.c3": VehicleSize(HATCHBACK, 3.99, 1.85, 1.62, wheel_radius=0.32),
    "vehicle.dodge.charger_2020": VehicleSize(SEDAN, 5.01, 2.10, 1.54, wheel_radius=0.36),
    "vehicle.dodge.charger_police": VehicleSize(SEDAN, 4.97, 2.04, 1.60, wheel_radius=0.36, beacons=True),
    "vehicle.dodge.charger_police_2020": VehicleSize(SEDAN, 5.24, 2.06, 1.66, wheel_radius=0.36, beacons=True),
    "vehicle.ford.ambulance": VehicleSize(VAN, 6.36, 2.35, 2.43, _TRUCK, 0.38, beacons=True),
    "vehicle.ford.crown": VehicleSize(SEDAN, 5.37, 1.80, 1.57, wheel_radius=0.34),
    "vehicle.ford.mustang": VehicleSize(COUPE, 4.72, 1.89, 1.30, wheel_radius=0.33),
    "vehicle.jeep.wrangler_rubicon": VehicleSize(JEEP, 3.87, 1.91, 1.88, wheel_radius=0.40),
    "vehicle.lincoln.mkz_2017": VehicleSize(SEDAN, 4.90, 2.13, 1.51, wheel_radius=0.35),
    "vehicle.lincoln.mkz_2020": VehicleSize(SEDAN, 4.89, 1.84, 1.49, wheel_radius=0.35),
    "vehicle.mercedes.coupe": VehicleSize(COUPE, 5.03, 2.15, 1.64, wheel_radius=0.37),
    "vehicle.mercedes.coupe_2020": VehicleSize(COUPE, 4.67, 1.82, 1.44, wheel_radius=0.34),
    "vehicle.mercedes.sprinter": VehicleSize(VAN, 5.92, 1.99, 2.56, wheel_radius=0.36),
    "vehicle.micro.microlino": VehicleSize(HATCHBACK, 2.21, 1.48, 1.38, wheel_radius=0.26),
    "vehicle.mini.cooper_s": VehicleSize(HATCHBACK, 3.81, 1.97, 1.48, wheel_radius=0.31),
    "vehicle.mini.cooper_s_2021": VehicleSize(HATCHBACK, 4.55, 2.10, 1.77, wheel_radius=0.34),
    "vehicle.mitsubishi.fusorosa": VehicleSize(BUS, 10.27, 2.90, 3.30, _BUS, 0.46),
    "vehicle.nissan.micra": VehicleSize(HATCHBACK, 3.63, 1.85, 1.50, wheel_radius=0.30),
    "vehicle.nissan.patrol": VehicleSize(SUV, 4.60, 1.93, 1.85, wheel_radius=0.39),
    "vehicle.nissan.patrol_2021": VehicleSize(SUV, 5.57, 2.15, 2.05, wheel_radius=0.42),
    "vehicle.seat.leon": VehicleSize(HATCHBACK, 4.19, 1.82, 1.47, wheel_radius=0.33),
    "vehicle.tesla.cybertruck": VehicleSize(WEDGE, 6.27, 2.39, 2.10, wheel_radius=0.45),
    "vehicle.tesla.model3": VehicleSize(SEDAN, 4.79, 2.16, 1.49, wheel_radius=0.35),
    "vehicle.toyota.prius": VehicleSize(HATCHBACK, 4.51, 2.01, 1.52, wheel_radius=0.33),
    "vehicle.volkswagen.t2": VehicleSize(MICROBUS, 4.48, 2.07, 2.04, wheel_radius=0.33),
    "vehicle.volkswagen.t2_2021": VehicleSize(MICROBUS, 4.44, 1.77, 1.99, wheel_radius=0.33),
}


def build_vehicle(blueprint_id: str) -> Mesh:
    """The mesh of a four-wheeled vehicle: x forward, origin on the ground below the middle."""
    size = VEHICLES[blueprint_id]
    builder = MeshBuilder()
    half_length, half_width = size.length / 2.0, size.width / 2.0
    beacon_height = 0.10 if size.beacons else 0.0
    body_half_width = half_width - min(0.12, 0.055 * size.width)
    overhang = 0.18 if size.length < 5.6 else 0.16
    front_x, rear_x = half_length - overhang * size.length, -half_length + overhang * size.length
    if size.length < 2.5:
        front_x, rear_x = half_length - 0.45, -half_length + 0.45
    cab_tail = half_length - 0.02 - size.length * (1.0 - size.cargo) if size.cargo else -half_length + 0.02
    if size.cargo:
        front_x = half_length - 0.02 - size.length * (1.0 - size.cargo) * 0.5
    arches = tuple(x for x in (rear_x, front_x) if x > cab_tail)
    hull = Hull(
        size.style,
        cab_tail,
        half_length - 0.02,
        body_half_width,
        (size.height - beacon_height) * (0.86 if size.cargo else 1.0),
        arches,
        size.wheel_radius,
        size.paint,
    )
    add_hull(builder, hull)
    add_mirrors(builder, hull, half_width)
    add_front_lamps(builder, hull)
    if size.cargo:
        _add_cargo(builder, hull, -half_length, body_half_width, size.height - beacon_height)
    else:
        add_rear_lamps(builder, hull)
    if size.beacons:
        top = size.height - beacon_height
        x = hull.tail_x + hull.length * 0.45 if not size.cargo else hull.tail_x + 0.2 * hull.length - 0.6
        slab(builder, (x - 0.12, -0.55, top - 0.02), (x + 0.12, 0.55, size.height), Material.BEACON)
    wheel_width = 0.62 * size.wheel_radius
    for x in (rear_x, front_x):
        at = (hull.half_width_at(x) if x > cab_tail else body_half_width) * 0.97 - wheel_width / 2.0
        for side in (-1.0, 1.0):
            wheel(builder, point(x, side * at, size.wheel_radius), size.wheel_radius, wheel_width)
    return builder.build()


def _add_cargo(builder: MeshBuilder, hull: Hull, tail_x: float, half_width: float, height: float) -> None:
    """Box body on a chassis behind a cab, with the lamps of the whole lorry."""
    floor = 2.0 * hull.wheel_radius + 0.10
    slab(builder, (tail_x + 0.02, -half_width, floor), (hull.tail_x - 0.05, half_width, height), hull.paint)
    slab(builder, (tail_x + 0.06, -0.45, 0.42), (hull.tail_x + 0.2, 0.45, floor), Material.CAR_TRIM)
    for side, indicator in ((-1.0, Material.LEFT_INDICATOR), (1.0, Material.RIGHT_INDICATOR)):
        y = side * (half_width - 0.28)
        slab(builder, (tail_x, y - 0.20, floor - 0.18), (tail_x + 0.10, y + 0.05, floor - 0.02), Material.TAIL_LAMP)
        slab(builder, (tail_x, y + 0.06, floor - 0.18), (tail_x + 0.10, y + 0.20, floor - 0.02), indicator)
    slab(builder, (tail_x, -0.26, floor - 0.16), (tail_x + 0.05, 0.26, floor - 0.05), Material.LICENCE_PLATE)
