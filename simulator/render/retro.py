"""Retroreflectors: number plates, signs and the reflectors behind tail lamps send light back to where it comes from.

So the driver's own head lamps show them from afar, the less the farther the eye is from the lamp: at 100 m a camera a
metre above the head lamps is half a degree off, at 20 m nearly three. They glow for nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.render.lamp_table import beam_towards
from simulator.render.lamps import EMISSION_OF_MATERIAL
from simulator.render.lights import (
    BEAM,
    COLOUR,
    DIRECTION,
    HEADLAMP_WHITE,
    KIND,
    POSITION,
    RED,
    SHAPE,
    SIDE,
    UP,
)
from simulator.render.materials import Emission
from simulator.render.mesh import Mesh

NEXT_TO_EYE_M = 6.0
"""From lamps farther than this from the eye next to nothing comes back to it."""
MOST_DISTANT_M = 250.0
MOST_DEPTHS = 6.0
"""Optical depths from which what comes back is gone: e^12 of it."""
ONE_M = 0.35
"""Triangles of an object nearer to each other than this are one reflector."""
ALL_AROUND = 0.1
"""Of a reflector's faces, how far they must prefer one direction (0..1) to face anywhere at all."""
OFF_CENTRE_M = 0.02
"""What lies nearer to the middle of its object than this has two sides."""
REFERENCE_DEG = 1.0 / 3.0
# Coefficients at 20 minutes of arc and how they fall with the angle between lamp and eye, a power of it:
# sheeting of glass beads, cd/lx/m2: 70, 50 and 5 at 12', 20' and 2 degrees (EN 12899-1, class RA1, white; number
# plates, ISO 7591, are alike); rear reflectors, cd/lx: 0.3 and 0.005 at 20' and 1.5 degrees (ECE R3, class IA)
BEADS_CD_LX_M2, BEADS_MOST, BEADS_FALL = 50.0, 70.0, 1.29
PRISMS_CD_LX, PRISMS_FALL = 0.3, 2.72
# how far the lamp may be aside: 0.43 of the light at 30 degrees (EN 12899-1)
ASIDE_DEG = 32.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reflectors:
    """One row per reflector. kinds: (n,) `Emission`, SHEETING or TAIL_LAMP. centres: (n, 3) m. normals: (n, 3) level
    unit vectors, zero where it faces all around. areas_m2: (n,) of one side."""

    kinds: NDArray[np.int64]
    centres: Floats
    normals: Floats
    areas_m2: Floats


@dataclass(frozen=True, eq=False)
class ActorReflectors:
    """`own`: in the axes of the actor in `slots` (n,)."""

    slots: NDArray[np.int64]
    own: Reflectors


NO_REFLECTORS = Reflectors(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))


def reflectors_of(mesh: Mesh) -> tuple[Reflectors, NDArray[np.int64]]:
    """The reflectors of a mesh, in its axes, and which of them a triangle belongs to: (F,), -1 where to none."""
    kind = EMISSION_OF_MATERIAL[mesh.materials]
    own = np.flatnonzero((kind == Emission.SHEETING) | (kind == Emission.TAIL_LAMP))
    which = np.full(len(mesh.triangles), -1, np.int64)
    if len(own) == 0:
        return NO_REFLECTORS, which
    corners = mesh.vertices[mesh.triangles[own]].astype(np.float64)
    centre = corners.mean(axis=1)
    which[own] = group = _grouped(centre, mesh.objects[own], kind[own])
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2.0
    level = np.hypot(area[:, 0], area[:, 1])
    twice = 2.0 * np.arctan2(area[:, 1], area[:, 0])  # of the normal's direction: a face and the one behind it agree
    east, north = (np.bincount(group, level * f(twice)) for f in (np.cos, np.sin))
    total = np.maximum(np.bincount(group, level), 1e-9)
    direction = np.arctan2(north, east) / 2.0
    normal = np.stack([np.cos(direction), np.sin(direction), np.zeros(len(direction))], axis=1)
    middle = np.stack([np.bincount(group, level * centre[:, i]) / total for i in range(3)], axis=1)
    offset = np.einsum("ij,ij->i", middle - _middles(mesh, own, group), normal)
    faces = (np.hypot(east, north) > ALL_AROUND * total) & (np.abs(offset) > OFF_CENTRE_M)
    normal *= np.where(faces, np.sign(offset), 0.0)[:, None]
    first = np.unique(group, return_index=True)[1]
    # a box has a front and a back
    return Reflectors(kind[own][first].astype(np.int64), middle, normal, total / 2.0), which


def _grouped(centre: Floats, objects: NDArray[np.int32], kind: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Numbers the triangles 0, 1, ...: those that touch and are of one object and kind have one number."""
    lowest = np.arange(len(centre))
    thing = np.unique(np.stack([objects, kind], axis=1), axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(thing, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(thing[order])) + 1):
        apart = centre[own, None] - centre[own]
        near = np.einsum("ijk,ijk->ij", apart, apart) <= ONE_M**2
        lowest[own] = own[_lowest_reached(near)]
    group: NDArray[np.int64] = np.unique(lowest, return_inverse=True)[1].astype(np.int64)
    return group


def _lowest_reached(near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n,) the lowest of all that each gets to by any number of steps. near: (n, n), each near itself."""
    lowest = np.arange(len(near))
    while True:
        found = np.where(near, lowest, len(near)).min(axis=1)
        if (found == lowest).all():
            return found
        lowest = found


def _middles(mesh: Mesh, own: NDArray[np.int64], group: NDArray[np.int64]) -> Floats:
    """(n, 3) the middle of the object that each reflector is part of."""
    first = np.unique(group, return_index=True)[1]
    objects, row = np.unique(mesh.objects[own][first], return_inverse=True)
    triangles = np.flatnonzero(np.isin(mesh.objects, objects))
    corners = mesh.vertices[mesh.triangles[triangles]].astype(np.float64)
    of = np.searchsorted(objects, mesh.objects[triangles])
    low, high = np.full((len(objects), 3), np.inf), np.full((len(objects), 3), -np.inf)
    np.minimum.at(low, of, corners.min(axis=1))
    np.maximum.at(high, of, corners.max(axis=1))
    middle: Floats = ((low + high) / 2.0)[row]
    return middle


def actor_reflectors(actors: Sequence[Reflectors]) -> ActorReflectors:
    """Of all actors, one after the other."""
    slots = np.repeat(np.arange(len(actors)), [len(own.kinds) for own in actors])
    return ActorReflectors(slots, stacked([*actors, NO_REFLECTORS]))


def placed(reflectors: ActorReflectors, poses: NDArray[np.float32], eye: NDArray[np.float32]) -> Reflectors:
    """In the world's axes, relative to the eye. poses: (actors, 3, 4)."""
    own, pose = reflectors.own, poses[reflectors.slots].astype(np.float64)
    axes = pose[:, :, :3]
    centres = np.einsum("nij,nj->ni", axes, own.centres) + pose[:, :, 3] - eye
    return replace(own, centres=centres, normals=np.einsum("nij,nj->ni", axes, own.normals))


def stacked(several: Sequence[Reflectors]) -> Reflectors:
    columns = [(own.kinds, own.centres, own.normals, own.areas_m2) for own in several]
    return Reflectors(*[np.concatenate(column) for column in zip(*columns, strict=True)])


def add_returned(glass: NDArray[np.float32], reflectors: ActorReflectors, luminance_cd_m2: Floats) -> None:
    """Adds what `returned` found to the luminance of the actors' glass, (actors, kinds, 3)."""
    brightest = np.zeros(glass.shape[:2])
    np.maximum.at(
        brightest, (reflectors.slots, reflectors.own.kinds), luminance_cd_m2
    )  # one plate is turned to the eye
    glass[:, Emission.TAIL_LAMP] += brightest[:, Emission.TAIL_LAMP, None] * RED
    glass[:, Emission.SHEETING] += brightest[:, Emission.SHEETING, None] * HEADLAMP_WHITE


def returned(
    reflectors: Reflectors, lights: NDArray[np.float32], extinction_per_m: float, fog_from_m: float = 0.0
) -> Floats:
    """(n,) luminance in cd/m2 towards the eye of what the beams beside the eye send to the reflectors.

    reflectors: centres relative to the eye, in the world's axes; lights: (m, FIELDS) records.
    fog_from_m: how far the air is clear.
    """
    out = np.zeros(len(reflectors.kinds))
    own = (lights[:, KIND] == BEAM) & ((lights[:, POSITION : POSITION + 3] ** 2).sum(axis=1) < NEXT_TO_EYE_M**2)
    beams = lights[own].astype(np.float64)
    distance2 = np.einsum("ni,ni->n", reflectors.centres, reflectors.centres)
    reach_m = min(MOST_DISTANT_M, fog_from_m + MOST_DEPTHS / max(extinction_per_m, 1e-9))
    lit = (reflectors.centres @ beams[:, DIRECTION : DIRECTION + 3].T > 0.0).any(axis=1)
    chosen = np.flatnonzero(lit & (distance2 < reach_m**2))
    place, normals = reflectors.centres[chosen], reflectors.normals[chosen]
    way = place - beams[:, None, POSITION : POSITION + 3]
    far2 = np.maximum(np.einsum("mni,mni->mn", way, way), 0.01)
    far = np.sqrt(far2)
    lux = _candela_towards(beams, way) * np.exp(-extinction_per_m * np.maximum(far - fog_from_m, 0.0)) / far2
    # between lamp and eye, seen from the reflector
    cosine2 = np.einsum("mni,ni->mn", way, place) ** 2 / (far2 * distance2[chosen])
    apart = np.maximum(np.degrees(np.sqrt(np.maximum(1.0 - cosine2, 0.0))) / REFERENCE_DEG, 1e-3)
    beads = np.minimum(BEADS_CD_LX_M2 * apart**-BEADS_FALL, BEADS_MOST)
    prisms = PRISMS_CD_LX * np.minimum(apart**-PRISMS_FALL, 1.0) / reflectors.areas_m2[chosen]
    coefficient = np.where(reflectors.kinds[chosen] == Emission.SHEETING, beads, prisms)
    out[chosen] = (lux * coefficient * _turned_to(normals, way, far)).sum(axis=0)
    return out


def _candela_towards(beams: Floats, way: Floats) -> Floats:
    """(m, n) green channel of the beams' intensities along `way` (m, n, 3)."""
    axes = np.stack([beams[:, first : first + 3] for first in (DIRECTION, SIDE, UP)], axis=2)
    forward, aside, above = np.moveaxis(way @ axes, 2, 0)
    ahead = np.maximum(forward, 1e-3)
    shape = np.repeat(beams[:, SHAPE : SHAPE + 6], way.shape[1], axis=0)
    towards = beam_towards((aside / ahead).ravel(), (above / ahead).ravel(), shape).reshape(forward.shape)
    candela: Floats = np.where(forward > 0.01, towards, 0.0) * beams[:, COLOUR + 1, None]
    return candela


def _turned_to(normals: Floats, way: Floats, far: Floats) -> Floats:
    """(m, n) 0..1 for how far reflectors are turned away from the light that comes along `way` (m, n, 3)."""
    cosine = -np.einsum("ni,mni->mn", normals, way) / far
    entrance_deg = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    faces = np.where(cosine > 0.0, np.exp(-((entrance_deg / ASIDE_DEG) ** 2)), 0.0)
    all_around = np.abs(normals).sum(axis=1) == 0.0
    return np.where(all_around, 0.5, faces)
