"""Bodies of cars, vans, buses and lorry cabs: one loft along a side profile, arches and windows included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.models.body_styles import BodyStyle
from simulator.models.shapes import loft
from simulator.render.materials import Material
from simulator.render.mesh import MeshBuilder


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
