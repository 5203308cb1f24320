"""Bodies of cars, vans, buses and lorry cabs: one loft along a side profile, arches and windows included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.models.shapes import loft
from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder


@dataclass(frozen=True)
class BodyStyle:
    """A side view in fractions: x from 0 (tail) to 1 (nose), z from 0 (ground) to 1 (roof).

    top: roof line from tail to nose. cabin: x of the deck, the roof's rear and front edge and the cowl, which bound
    rear window, roof and windscreen. pillars: x of the painted posts between side windows. belt: height of the window
    sills. tumble_home: half width of the roof over that of the body. taper: how much of the width nose and tail lose.
    sill: underside of the body.
    """

    top: tuple[tuple[float, float], ...]
    cabin: tuple[float, float, float, float]
    pillars: tuple[float, ...]
    belt: float = 0.63
    tumble_home: float = 0.74
    taper: float = 0.14
    sill: float = 0.14


SEDAN = BodyStyle(
    (
        (0, 0.55),
        (0.02, 0.66),
        (0.13, 0.70),
        (0.29, 0.955),
        (0.42, 1),
        (0.56, 0.985),
        (0.73, 0.68),
        (0.95, 0.55),
        (1, 0.42),
    ),
    (0.13, 0.29, 0.56, 0.73),
    (0.46, 0.25),
)
HATCHBACK = BodyStyle(
    (
        (0, 0.50),
        (0.01, 0.62),
        (0.05, 0.70),
        (0.14, 0.96),
        (0.38, 1),
        (0.60, 0.985),
        (0.76, 0.69),
        (0.95, 0.58),
        (1, 0.44),
    ),
    (0.05, 0.14, 0.60, 0.76),
    (0.46, 0.20),
)
COUPE = BodyStyle(
    (
        (0, 0.56),
        (0.03, 0.70),
        (0.12, 0.74),
        (0.32, 0.97),
        (0.43, 1),
        (0.50, 0.985),
        (0.66, 0.71),
        (0.94, 0.58),
        (1, 0.42),
    ),
    (0.12, 0.32, 0.50, 0.66),
    (0.33,),
    belt=0.66,
    tumble_home=0.70,
)
SUV = BodyStyle(
    (
        (0, 0.45),
        (0.01, 0.60),
        (0.03, 0.66),
        (0.09, 0.96),
        (0.40, 1),
        (0.58, 0.985),
        (0.72, 0.66),
        (0.96, 0.57),
        (1, 0.42),
    ),
    (0.03, 0.09, 0.58, 0.72),
    (0.45, 0.22),
    belt=0.62,
    tumble_home=0.80,
    taper=0.10,
    sill=0.20,
)
JEEP = BodyStyle(
    (
        (0, 0.50),
        (0.005, 0.60),
        (0.02, 0.66),
        (0.04, 0.98),
        (0.30, 1),
        (0.58, 0.985),
        (0.63, 0.62),
        (0.97, 0.58),
        (1, 0.46),
    ),
    (0.02, 0.04, 0.58, 0.63),
    (0.34,),
    belt=0.60,
    tumble_home=0.88,
    taper=0.06,
    sill=0.24,
)
VAN = BodyStyle(
    (
        (0, 0.30),
        (0.005, 0.60),
        (0.01, 0.66),
        (0.02, 0.98),
        (0.30, 1),
        (0.72, 0.97),
        (0.87, 0.54),
        (0.97, 0.44),
        (1, 0.32),
    ),
    (0.01, 0.02, 0.72, 0.87),
    (),
    belt=0.53,
    tumble_home=0.88,
    taper=0.06,
    sill=0.13,
)
MICROBUS = BodyStyle(
    (
        (0, 0.34),
        (0.005, 0.50),
        (0.03, 0.58),
        (0.08, 0.95),
        (0.40, 1),
        (0.86, 0.96),
        (0.975, 0.56),
        (0.99, 0.42),
        (1, 0.30),
    ),
    (0.03, 0.08, 0.86, 0.975),
    (0.66, 0.45, 0.24),
    belt=0.56,
    tumble_home=0.84,
    taper=0.12,
    sill=0.16,
)
WEDGE = BodyStyle(
    (
        (0, 0.50),
        (0.005, 0.68),
        (0.02, 0.70),
        (0.10, 0.75),
        (0.55, 1),
        (0.57, 0.995),
        (0.80, 0.70),
        (0.97, 0.56),
        (1, 0.42),
    ),
    (0.10, 0.30, 0.57, 0.80),
    (0.50,),
    belt=0.64,
    tumble_home=0.74,
    taper=0.05,
    sill=0.20,
)
BUS = BodyStyle(
    (
        (0, 0.20),
        (0.003, 0.50),
        (0.008, 0.56),
        (0.012, 0.97),
        (0.40, 1),
        (0.975, 0.97),
        (0.992, 0.42),
        (0.997, 0.36),
        (1, 0.20),
    ),
    (0.008, 0.012, 0.975, 0.992),
    (0.82, 0.67, 0.52, 0.37, 0.22),
    belt=0.42,
    tumble_home=0.95,
    taper=0.03,
    sill=0.10,
)
CAB = BodyStyle(
    (
        (0, 0.40),
        (0.01, 0.60),
        (0.02, 0.97),
        (0.03, 0.98),
        (0.30, 1),
        (0.82, 0.98),
        (0.96, 0.55),
        (0.98, 0.46),
        (1, 0.28),
    ),
    (0.02, 0.03, 0.82, 0.96),
    (0.30,),
    belt=0.54,
    tumble_home=0.93,
    taper=0.04,
    sill=0.16,
)


@dataclass(frozen=True)
class Hull:
    """Where a style is put: metres in actor coordinates. wheels: x of the arches, radius of the wheels."""

    style: BodyStyle
    tail_x: float
    nose_x: float
    half_width: float
    height: float
    wheels_x: tuple[float, ...]
    wheel_radius: float
    paint: Material

    @property
    def length(self) -> float:
        return self.nose_x - self.tail_x

    def half_width_at(self, x: float) -> float:
        off_centre = abs((x - self.tail_x) / self.length - 0.5)
        s = min(max((off_centre - 0.30) / 0.20, 0.0), 1.0)
        return self.half_width * (1.0 - self.style.taper * s * s)

    def top_at(self, x: float) -> float:
        xs, zs = zip(*self.style.top)
        return float(np.interp((x - self.tail_x) / self.length, xs, zs)) * self.height

    def underside_at(self, x: float) -> float:
        z = self.style.sill * self.height
        arch = self.wheel_radius * 1.14
        for wheel_x in self.wheels_x:
            off = abs(x - wheel_x)
            if off < arch:
                z = max(z, self.wheel_radius + float(np.sqrt(arch * arch - off * off)))
        return z


PILLAR_M = 0.09


def _stations(hull: Hull) -> np.ndarray:
    """Where the cross-sections are: corners of the profile, both edges of the pillars, points around the arches."""
    at = [hull.tail_x + x * hull.length for x, _ in hull.style.top]
    at += [hull.tail_x + x * hull.length for x in hull.style.cabin]
    for pillar in hull.style.pillars:
        x = hull.tail_x + pillar * hull.length
        at += [x - PILLAR_M / 2.0, x + PILLAR_M / 2.0]
    arch = hull.wheel_radius * 1.14
    for wheel_x in hull.wheels_x:
        at += [wheel_x + arch * float(np.cos(a)) for a in np.radians([0.0, 25.0, 65.0, 115.0, 155.0, 180.0])]
    stations = np.unique(np.clip(np.round(at, 3), hull.tail_x, hull.nose_x))
    keep = np.concatenate([[True], np.diff(stations) > 0.012])
    return stations[keep]


def _half_ring(hull: Hull, x: float) -> list[tuple[float, float]]:
    """(y, z) from the underside up to the roof on the right side of the car."""
    style, width = hull.style, hull.half_width_at(x)
    low, top = hull.underside_at(x), hull.top_at(x)
    belt = max(min(style.belt * hull.height, top - 0.03), low + 0.02)
    top = max(top, belt + 0.02)
    cabin = min(max((top - style.belt * hull.height) / ((1.0 - style.belt) * hull.height), 0.0), 1.0)
    shoulder = 0.90 + (style.tumble_home - 0.90) * cabin
    return [
        (0.86 * width, low),
        (0.985 * width, low + 0.2 * (belt - low)),
        (width, low + 0.6 * (belt - low)),
        (0.97 * width, belt),
        (shoulder * width, belt + (top - belt) * 0.86),
        ((shoulder - 0.12) * width, top),
    ]


def add_hull(builder: MeshBuilder, hull: Hull) -> None:
    stations = _stations(hull)
    rings = []
    for x in stations:
        right = _half_ring(hull, float(x))
        points = right + [(-y, z) for y, z in reversed(right)]
        rings.append([(x, y, z) for y, z in points])
    deck, roof_rear, roof_front, cowl = (hull.tail_x + f * hull.length for f in hull.style.cabin)
    middle = (stations[:-1] + stations[1:]) / 2.0
    materials = np.full((len(stations) - 1, 12), hull.paint, np.uint8)
    materials[:, 11] = Material.CAR_TRIM
    materials[:, [0, 10]] = Material.CAR_TRIM
    side_glass = (middle > deck + 0.35 * (roof_rear - deck)) & (middle < cowl)
    if not hull.style.pillars:
        side_glass &= middle > roof_front - 0.9
    for pillar in hull.style.pillars:
        side_glass &= abs(middle - (hull.tail_x + pillar * hull.length)) > PILLAR_M / 2.0
    materials[np.ix_(side_glass, [3, 7])] = Material.CAR_GLASS
    screen = ((middle > roof_front) & (middle < cowl)) | ((middle > deck) & (middle < roof_rear))
    materials[screen, 5] = Material.CAR_GLASS
    loft(builder, np.array(rings), materials, hull.paint)


LAMP_HEIGHT_M = 0.12
PROUD_M = 0.02
"""Lamps, plates and grille stand out of nose and tail by this much."""


def add_front_lamps(builder: MeshBuilder, hull: Hull) -> None:
    """Headlamps, indicators below them (left is -y), grille and plate."""
    width, nose_z = hull.half_width, hull.top_at(hull.nose_x)
    z = max(nose_z - 0.06, 0.50)
    inner = (hull.half_width_at(hull.nose_x) / width) * 0.97
    for side, indicator in ((-1.0, Material.LEFT_INDICATOR), (1.0, Material.RIGHT_INDICATOR)):
        at = np.array([hull.nose_x + PROUD_M - 0.10, side * (inner - 0.20) * width, z])
        builder.box(at, (0.10, 0.17 * width, LAMP_HEIGHT_M / 2.0), Material.HEADLAMP)
        builder.box(at - np.array([0.0, 0.0, LAMP_HEIGHT_M / 2.0 + 0.04]), (0.10, 0.14 * width, 0.025), indicator)
    grille_z = (hull.style.sill * hull.height + nose_z) / 2.0 - 0.02
    grille = 0.3 * (nose_z - hull.style.sill * hull.height)
    builder.box((hull.nose_x - 0.05, 0.0, grille_z), (0.06, 0.42 * width, grille), Material.CAR_TRIM)
    plate_z = grille_z - 0.25 * grille
    builder.box((hull.nose_x + PROUD_M - 0.06, 0.0, plate_z), (0.06, 0.26, 0.055), Material.LICENCE_PLATE)


def add_rear_lamps(builder: MeshBuilder, hull: Hull) -> None:
    """Tail lamps, indicators below them, plate and bumper."""
    width = hull.half_width
    z = max(hull.top_at(hull.tail_x) - 0.10, 0.55)
    inner = (hull.half_width_at(hull.tail_x) / width) * 0.97
    for side, indicator in ((-1.0, Material.LEFT_INDICATOR), (1.0, Material.RIGHT_INDICATOR)):
        at = np.array([hull.tail_x - PROUD_M + 0.10, side * (inner - 0.19) * width, z])
        builder.box(at, (0.10, 0.17 * width, LAMP_HEIGHT_M * 0.55), Material.TAIL_LAMP)
        builder.box(at - np.array([0.0, 0.0, LAMP_HEIGHT_M * 0.55 + 0.04]), (0.10, 0.15 * width, 0.03), indicator)
    builder.box((hull.tail_x - PROUD_M + 0.06, 0.0, z - 0.08), (0.06, 0.26, 0.055), Material.LICENCE_PLATE)
    bumper_z = hull.style.sill * hull.height + 0.06
    builder.box((hull.tail_x + 0.05, 0.0, bumper_z), (0.06, 0.8 * width, 0.06), Material.CAR_TRIM)


def add_mirrors(builder: MeshBuilder, hull: Hull, full_half_width: float) -> None:
    """Door mirrors reaching out to the vehicle's full width."""
    x = hull.tail_x + hull.length * (hull.style.cabin[3] - 0.04)
    z = hull.style.belt * hull.height + 0.07
    reach = full_half_width - 0.95 * hull.half_width
    for side in (-1.0, 1.0):
        builder.box((x, side * (full_half_width - reach / 2.0), z), (0.06, reach / 2.0, 0.07), hull.paint)
