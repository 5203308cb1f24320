"""The vehicles of CARLA 0.9.16 and what drives like what: mass, engine, wheels."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.types import ActorAttribute, AttributeType, CityObjectLabel
from simulator.world.blueprints.attributes import choice, constant, role_name


@dataclass(frozen=True)
class VehicleType:
    """`torque_nm` is the engine's peak. `driven_front` is the share of the drive that goes to the front axle.

    told_type: what clients are told in place of `base_type`, which says how it drives and how it is tagged.
    """

    base_type: str
    mass_kg: float
    torque_nm: float
    wheel_radius_m: float = 0.34
    driven_front: float = 1.0
    wheels: int = 4
    generation: int = 1
    special_type: str = ""
    has_lights: bool = True
    has_doors: bool = True
    max_rpm: float = 6000.0
    final_ratio: float = 3.5
    told_type: str = ""


def _car(mass: float, torque: float, radius: float = 0.34, front: float = 1.0, **more: object) -> VehicleType:
    return VehicleType("car", mass, torque, radius, front, **more)  # type: ignore[arg-type]


def _truck(mass: float, torque: float, radius: float, **more: object) -> VehicleType:
    return VehicleType(
        "truck",
        mass,
        torque,
        radius,
        0.0,
        max_rpm=3200.0,
        final_ratio=5.2,
        has_doors=False,
        **more,  # type: ignore[arg-type]
    )


def _motorcycle(mass: float, torque: float, radius: float = 0.31, generation: int = 1) -> VehicleType:
    return VehicleType(
        "motorcycle", mass, torque, radius, 0.0, 2, generation, has_doors=False, max_rpm=9000.0, final_ratio=6.0
    )


def _bicycle(mass: float) -> VehicleType:
    # rider and bicycle; the "engine" is a strong rider, out of breath at 30 km/h
    return VehicleType(
        "bicycle", mass, 60.0, 0.34, 0.0, 2, 1, has_lights=False, has_doors=False, max_rpm=240.0, final_ratio=1.0
    )


VEHICLES: dict[str, VehicleType] = {
    "vehicle.audi.a2": _car(1020.0, 145.0, 0.31),
    "vehicle.audi.etron": _car(2490.0, 480.0, 0.37, 0.5, generation=1),
    "vehicle.audi.tt": _car(1400.0, 280.0, 0.33),
    "vehicle.bmw.grandtourer": _car(1570.0, 240.0, 0.34, has_doors=False),
    "vehicle.carlamotors.carlacola": _truck(4600.0, 720.0, 0.42),
    "vehicle.carlamotors.european_hgv": _truck(9000.0, 1500.0, 0.50, generation=2),
    "vehicle.carlamotors.firetruck": _truck(11000.0, 1700.0, 0.52, generation=2, special_type="emergency"),
    "vehicle.chevrolet.impala": _car(1700.0, 260.0, 0.34),
    "vehicle.citroen.c3": _car(1150.0, 160.0, 0.32),
    "vehicle.dodge.charger_2020": _car(1850.0, 380.0, 0.36, 0.0, generation=2),
    "vehicle.dodge.charger_police": _car(1950.0, 390.0, 0.36, 0.0, special_type="emergency"),
    "vehicle.dodge.charger_police_2020": _car(1970.0, 400.0, 0.36, 0.0, generation=2, special_type="emergency"),
    "vehicle.ford.ambulance": VehicleType(
        "van", 3800.0, 620.0, 0.38, 0.0, generation=2, special_type="emergency", max_rpm=4200.0, final_ratio=4.6
    ),
    "vehicle.ford.crown": _car(1850.0, 320.0, 0.34, 0.0, generation=2, special_type="taxi"),
    "vehicle.ford.mustang": _car(1650.0, 400.0, 0.33, 0.0),
    "vehicle.jeep.wrangler_rubicon": _car(1950.0, 330.0, 0.40, 0.5, has_doors=False),
    "vehicle.lincoln.mkz_2017": _car(1750.0, 290.0, 0.35),
    "vehicle.lincoln.mkz_2020": _car(1750.0, 290.0, 0.35, generation=2),
    "vehicle.mercedes.coupe": _car(1700.0, 330.0, 0.37, 0.0),
    "vehicle.mercedes.coupe_2020": _car(1700.0, 340.0, 0.34, 0.0, generation=2),
    "vehicle.mercedes.sprinter": VehicleType(
        "van", 2600.0, 400.0, 0.36, 0.0, generation=2, max_rpm=4400.0, final_ratio=4.4
    ),
    "vehicle.micro.microlino": _car(550.0, 90.0, 0.26, 0.0, has_doors=False),
    "vehicle.mini.cooper_s": _car(1200.0, 240.0, 0.31),
    "vehicle.mini.cooper_s_2021": _car(1270.0, 250.0, 0.34, generation=2),
    "vehicle.mitsubishi.fusorosa": VehicleType(
        "bus", 8000.0, 1250.0, 0.46, 0.0, generation=2, has_doors=False, max_rpm=3200.0, final_ratio=5.2
    ),
    "vehicle.nissan.micra": _car(1000.0, 130.0, 0.30),
    "vehicle.nissan.patrol": _car(2300.0, 430.0, 0.39, 0.5, has_doors=False),
    "vehicle.nissan.patrol_2021": _car(2750.0, 560.0, 0.42, 0.5, generation=2),
    "vehicle.seat.leon": _car(1280.0, 230.0, 0.33),
    # a truck in CARLA's catalogue; its mesh lies in the folder that CARLA tags as cars
    "vehicle.tesla.cybertruck": _car(3000.0, 700.0, 0.45, 0.5, has_doors=False, told_type="truck"),
    "vehicle.tesla.model3": _car(1840.0, 400.0, 0.35, 0.0, generation=1),
    "vehicle.toyota.prius": _car(1380.0, 200.0, 0.33),
    "vehicle.volkswagen.t2": VehicleType(
        "van", 1350.0, 190.0, 0.33, 0.0, special_type="", max_rpm=5000.0, final_ratio=4.6, has_doors=False
    ),
    "vehicle.volkswagen.t2_2021": VehicleType(
        "van", 1400.0, 210.0, 0.33, 0.0, generation=2, max_rpm=5000.0, final_ratio=4.6
    ),
    "vehicle.harley-davidson.low_rider": _motorcycle(380.0, 120.0, 0.33),
    "vehicle.kawasaki.ninja": _motorcycle(280.0, 75.0),
    "vehicle.vespa.zx125": _motorcycle(205.0, 30.0, 0.25),
    "vehicle.yamaha.yzf": _motorcycle(285.0, 75.0),
    "vehicle.bh.crossbike": _bicycle(88.0),
    "vehicle.diamondback.century": _bicycle(84.0),
    "vehicle.gazelle.omafiets": _bicycle(93.0),
}

_COLOURS = ("17,37,103", "180,44,44", "255,255,255", "16,16,16", "120,124,128", "21,72,46", "137,0,0", "200,196,180")
_TAGS = {
    "car": CityObjectLabel.CAR,
    "van": CityObjectLabel.CAR,
    "truck": CityObjectLabel.TRUCK,
    "bus": CityObjectLabel.BUS,
    "motorcycle": CityObjectLabel.MOTORCYCLE,
    "bicycle": CityObjectLabel.BICYCLE,
}


def semantic_tags(blueprint_id: str) -> bytes:
    """One byte per label; a two-wheeler carries its rider."""
    vehicle = VEHICLES[blueprint_id]
    # CARLA tags the vans of emergency services as trucks
    tag = (
        CityObjectLabel.TRUCK
        if vehicle.base_type == "van" and vehicle.special_type == "emergency"
        else _TAGS[vehicle.base_type]
    )
    return bytes([tag, CityObjectLabel.RIDER]) if vehicle.wheels == 2 else bytes([tag])


def attributes(blueprint_id: str) -> tuple[ActorAttribute, ...]:
    """Section 18 of CARLA's blueprint library, for one vehicle."""
    vehicle = VEHICLES[blueprint_id]
    kind = AttributeType
    first = sum(blueprint_id.encode()) % len(_COLOURS)
    colours = _COLOURS[first:] + _COLOURS[:first]
    return (
        choice("color", kind.COLOR, colours[0], colours),
        choice("driver_id", kind.INT, "1" if vehicle.wheels == 2 else "0", ("0", "1")),
        choice("sticky_control", kind.BOOL, "true", ("false", "true")),
        choice("terramechanics", kind.BOOL, "false", ("false", "true")),
        constant("object_type", kind.STRING, ""),
        constant("base_type", kind.STRING, vehicle.told_type or vehicle.base_type),
        constant("special_type", kind.STRING, vehicle.special_type),
        constant("number_of_wheels", kind.INT, str(vehicle.wheels)),
        constant("generation", kind.INT, str(vehicle.generation)),
        constant("has_lights", kind.BOOL, str(vehicle.has_lights).lower()),
        constant("has_dynamic_doors", kind.BOOL, str(vehicle.has_doors).lower()),
        role_name("autopilot", ("autopilot", "scenario", "ego_vehicle")),
    )
