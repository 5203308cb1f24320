"""Common props of CARLA's catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.types import ActorAttribute, AttributeType, CityObjectLabel
from simulator.world.blueprints.attributes import constant, role_name


@dataclass(frozen=True)
class PropType:
    """Half sizes in m, used where no model says better. What is heavier than `LIGHT_KG` stands fast when hit."""

    extent: tuple[float, float, float]
    mass_kg: float


LIGHT_KG = 80.0

PROPS: dict[str, PropType] = {
    "static.prop.advertisement": PropType((0.10, 0.70, 1.30), 200.0),
    "static.prop.atm": PropType((0.40, 0.45, 1.00), 400.0),
    "static.prop.barbeque": PropType((0.30, 0.45, 0.50), 25.0),
    "static.prop.barrel": PropType((0.30, 0.30, 0.45), 30.0),
    "static.prop.bench01": PropType((0.35, 0.90, 0.45), 120.0),
    "static.prop.bench02": PropType((0.35, 0.90, 0.45), 120.0),
    "static.prop.bench03": PropType((0.35, 0.90, 0.45), 120.0),
    "static.prop.bike parking": PropType((0.35, 0.80, 0.45), 150.0),
    "static.prop.bin": PropType((0.30, 0.30, 0.50), 20.0),
    "static.prop.box01": PropType((0.25, 0.25, 0.20), 5.0),
    "static.prop.box02": PropType((0.30, 0.30, 0.25), 6.0),
    "static.prop.box03": PropType((0.40, 0.30, 0.30), 8.0),
    "static.prop.briefcase": PropType((0.20, 0.08, 0.17), 5.0),
    "static.prop.busstop": PropType((0.90, 2.30, 1.30), 2000.0),
    "static.prop.busstoplb": PropType((0.90, 2.30, 1.30), 2000.0),
    "static.prop.chainbarrier": PropType((0.08, 0.70, 0.40), 60.0),
    "static.prop.chainbarrierend": PropType((0.08, 0.08, 0.40), 30.0),
    "static.prop.clothcontainer": PropType((0.70, 0.75, 0.95), 500.0),
    "static.prop.constructioncone": PropType((0.17, 0.17, 0.30), 3.0),
    "static.prop.container": PropType((0.60, 1.00, 0.70), 300.0),
    "static.prop.creasedbox01": PropType((0.30, 0.30, 0.06), 2.0),
    "static.prop.creasedbox02": PropType((0.30, 0.30, 0.06), 2.0),
    "static.prop.creasedbox03": PropType((0.30, 0.30, 0.06), 2.0),
    "static.prop.dirtdebris01": PropType((0.60, 0.60, 0.03), 20.0),
    "static.prop.dirtdebris02": PropType((0.60, 0.60, 0.03), 20.0),
    "static.prop.dirtdebris03": PropType((0.60, 0.60, 0.03), 20.0),
    "static.prop.fountain": PropType((2.00, 2.00, 1.20), 8000.0),
    "static.prop.garbage01": PropType((0.40, 0.40, 0.05), 3.0),
    "static.prop.garbage02": PropType((0.40, 0.40, 0.05), 3.0),
    "static.prop.gardenlamp": PropType((0.12, 0.12, 0.45), 25.0),
    "static.prop.glasscontainer": PropType((0.80, 0.80, 0.90), 500.0),
    "static.prop.gnome": PropType((0.15, 0.15, 0.30), 6.0),
    "static.prop.guitarcase": PropType((0.55, 0.20, 0.08), 6.0),
    "static.prop.ironplank": PropType((0.70, 0.70, 0.02), 90.0),
    "static.prop.kiosk_01": PropType((1.50, 1.60, 1.50), 3000.0),
    "static.prop.mailbox": PropType((0.25, 0.30, 0.60), 90.0),
    "static.prop.mesh": PropType((0.50, 0.50, 0.50), 50.0),
    "static.prop.motorhelmet": PropType((0.15, 0.13, 0.14), 1.5),
    "static.prop.plasticbag": PropType((0.20, 0.20, 0.20), 1.0),
    "static.prop.plasticchair": PropType((0.28, 0.28, 0.42), 4.0),
    "static.prop.plastictable": PropType((0.45, 0.45, 0.38), 9.0),
    "static.prop.plantpot01": PropType((0.40, 0.40, 0.50), 120.0),
    "static.prop.purse": PropType((0.15, 0.08, 0.13), 2.0),
    "static.prop.shippingcontainer": PropType((3.00, 1.20, 1.30), 4000.0),
    "static.prop.shoppingbag": PropType((0.18, 0.10, 0.20), 3.0),
    "static.prop.shoppingcart": PropType((0.45, 0.28, 0.50), 25.0),
    "static.prop.shoppingtrolley": PropType((0.20, 0.20, 0.48), 8.0),
    "static.prop.slide": PropType((1.50, 0.50, 1.00), 200.0),
    "static.prop.streetbarrier": PropType((0.25, 0.60, 0.52), 15.0),
    "static.prop.streetsign": PropType((0.06, 0.35, 1.20), 90.0),
    "static.prop.streetsign01": PropType((0.06, 0.35, 1.20), 90.0),
    "static.prop.swing": PropType((1.30, 1.60, 1.20), 300.0),
    "static.prop.table": PropType((0.75, 0.75, 0.38), 90.0),
    "static.prop.trafficcone01": PropType((0.20, 0.20, 0.36), 4.0),
    "static.prop.trafficcone02": PropType((0.20, 0.20, 0.36), 4.0),
    "static.prop.trafficwarning": PropType((0.60, 1.10, 1.30), 150.0),
    "static.prop.trampoline": PropType((1.80, 1.80, 0.90), 150.0),
    "static.prop.trashbag": PropType((0.30, 0.30, 0.30), 6.0),
    "static.prop.trashcan01": PropType((0.30, 0.30, 0.50), 20.0),
    "static.prop.trashcan02": PropType((0.35, 0.35, 0.55), 25.0),
    "static.prop.trashcan03": PropType((0.35, 0.35, 0.55), 25.0),
    "static.prop.travelcase": PropType((0.25, 0.15, 0.38), 12.0),
    "static.prop.vendingmachine": PropType((0.40, 0.50, 0.95), 300.0),
    "static.prop.warningaccident": PropType((0.30, 0.50, 0.45), 10.0),
    "static.prop.warningconstruction": PropType((0.30, 0.50, 0.45), 10.0),
    "static.prop.wateringcan": PropType((0.20, 0.10, 0.17), 2.0),
}


def prop_tag(blueprint_id: str) -> CityObjectLabel:
    """What can be pushed aside is dynamic. Props that are not in the table stand fast."""
    prop = PROPS.get(blueprint_id)
    return CityObjectLabel.DYNAMIC if prop and prop.mass_kg <= LIGHT_KG else CityObjectLabel.STATIC


def attributes(blueprint_id: str) -> tuple[ActorAttribute, ...]:
    reach = 2.0 * max(PROPS[blueprint_id].extent)
    size = "tiny" if reach < 0.3 else "small" if reach < 1.0 else "medium" if reach < 2.5 else "big"
    return (constant("size", AttributeType.STRING, size), role_name("prop"))
