"""All lit lamps of a frame's actors in arrays, so that placing them before a camera costs no loop over actors.

The tables depend on which actors there are and what they have switched on, not on where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.appearance import EMISSIONS
from simulator.render.beams import beam, street_lamp
from simulator.render.lamps import Lamps
from simulator.render.lights import (
    BROAD,
    FRONT_FOG,
    HEADLAMP_WHITE,
    HIGH_BEAM,
    LOW_BEAM,
    PARKING_CD,
    WARM_WHITE,
    BeamShape,
    lamp_candela,
    signal_lobe,
)
from simulator.render.materials import Emission
from simulator.types import VehicleLightState

SIGNALS = (Emission.SIGNAL_RED, Emission.SIGNAL_YELLOW, Emission.SIGNAL_GREEN)
STREET_GLASS_M2 = 0.12
MOST_DISTANT_M = 400.0
BEAM_CLEAR_M = 0.02
"""Beams begin this far before or behind the whole vehicle: nothing of it stands in its own light."""
PAIR_BEYOND_M = 9.0
"""The two headlamps of a vehicle farther away than this light the scene as one."""
ALWAYS, NEAR_ONLY, FAR_ONLY = 0, 1, 2
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LampTable:
    """Rows of lamps (`point_`) and of the beams they throw (`beam_`), in the axes of the actor in `slot`.

    point_candela: (n, 3) along the lamp's axis. point_shape, beam_shape: (n, 6), see `beams.beam`; point_headlamp: (n,)
    bool; point_kind: (n,) `Emission`. beam_sign: 1 for lamps that look ahead, -1 back. beam_when: ALWAYS, NEAR_ONLY or
    FAR_ONLY.
    emission: (actors, kinds, 3) luminance of the lamp glass, cd/m2.
    """

    point_slot: NDArray[np.int64]
    point_centre: Floats
    point_normal: Floats
    point_candela: Floats
    point_area: Floats
    point_headlamp: NDArray[np.bool_]
    point_shape: Floats
    point_kind: NDArray[np.int64]
    beam_slot: NDArray[np.int64]
    beam_centre: Floats
    beam_sign: Floats
    beam_candela: Floats
    beam_shape: Floats
    beam_range: Floats
    beam_when: NDArray[np.int64]
    emission: NDArray[np.float32]

    @cached_property
    def signals(self) -> NDArray[np.intp]:
        """Rows of the lamps of traffic lights."""
        return np.flatnonzero(np.isin(self.point_kind, SIGNALS))

    @cached_property
    def all_around(self) -> NDArray[np.bool_]:
        """(n,) whether a lamp has no axis."""
        around: NDArray[np.bool_] = np.abs(self.point_normal).sum(axis=1) == 0.0
        return around


@dataclass(frozen=True, eq=False)
class _Lit:
    """What one actor contributes: rows of points and beams, see `_POINT_COLUMNS`, and (kinds, 3) of its glass."""

    points: Floats
    beams: Floats
    emission: NDArray[np.float32]


def lamp_table(lamps: Sequence[Lamps], flags: Sequence[int], blink: bool) -> LampTable:
    """lamps, flags: per actor. blink: whether indicators are in the lit half of their period."""
    lit = [_lit(own, int(state), blink) for own, state in zip(lamps, flags, strict=True)]
    points = _stacked([one.points for one in lit], _POINT_COLUMNS)
    beams = _stacked([one.beams for one in lit], _BEAM_COLUMNS)
    glass = np.concatenate([_NO_GLASS, *(one.emission for one in lit)]).reshape(-1, EMISSIONS, 3)
    return LampTable(*[*points, *beams, glass])


def _stacked(actors: Sequence[Floats], columns: tuple[tuple[int, type], ...]) -> list[NDArray[Any]]:
    """The slot of each row, and the columns of all actors one after the other."""
    rows = np.concatenate([np.zeros((0, sum(width for width, _ in columns))), *actors])
    found: list[NDArray[Any]] = [np.repeat(np.arange(len(actors)), [len(own) for own in actors])]
    first = 0
    for width, dtype in columns:
        place = first if width == 1 else slice(first, first + width)
        found.append(np.ascontiguousarray(rows[:, place], dtype))
        first += width
    return found


_POINT_COLUMNS = ((3, float), (3, float), (3, float), (1, float), (1, bool), (6, float), (1, np.int64))
_BEAM_COLUMNS = ((3, float), (1, float), (3, float), (6, float), (1, float), (1, np.int64))
"""Width and type of the columns of `LampTable` from the centres on, side by side in a row of `_Lit`."""
_NO_GLASS = np.zeros((0, 3), np.float32)


def _rows(rows: Sequence[tuple[Any, ...]], columns: tuple[tuple[int, type], ...]) -> Floats:
    width = sum(own for own, _ in columns)
    return np.array([np.hstack(row) for row in rows], np.float64).reshape(-1, width)


@lru_cache(maxsize=4096)
def _lit(lamps: Lamps, flags: int, blink: bool) -> _Lit:
    state = VehicleLightState(flags & 0x7FF)
    high = bool(state & VehicleLightState.HIGH_BEAM)
    points, emission = [], np.zeros((EMISSIONS, 3), np.float32)
    for kind, centre, area, normal in zip(lamps.kinds, lamps.centres, lamps.areas_m2, lamps.normals, strict=True):
        candela, colour = lamp_candela(int(kind), flags, blink)
        if candela <= 0.0:
            continue
        glass = candela
        headlamp = kind == Emission.HEADLAMP
        if headlamp:
            candela *= lamps.strength
            # its light goes down the road; seen from elsewhere the glass shows a fiftieth of the peak
            glass = min(candela, 0.02 * candela + PARKING_CD)
        directed = headlamp and bool(state & (VehicleLightState.LOW_BEAM | VehicleLightState.HIGH_BEAM))
        points.append(
            (
                centre.astype(float),
                normal.astype(float),
                candela * colour,
                float(area),
                directed,
                _values(HIGH_BEAM if high else LOW_BEAM),
                int(kind),
            )
        )
        emission[kind] = np.maximum(emission[kind], glass / max(float(area), 0.01) * colour)
    beams = _beams(lamps, state, flags, blink)
    return _Lit(_rows(points, _POINT_COLUMNS), _rows(beams, _BEAM_COLUMNS), emission)


def _beams(
    lamps: Lamps, state: VehicleLightState, flags: int, blink: bool
) -> list[tuple[Floats, float, Floats, Floats, float, int]]:
    shapes = [
        shape
        for flag, shape in (
            (VehicleLightState.LOW_BEAM, LOW_BEAM),
            (VehicleLightState.HIGH_BEAM, HIGH_BEAM),
            (VehicleLightState.FOG, FRONT_FOG),
        )
        if state & flag
    ]
    front = lamps.centres[lamps.kinds == Emission.HEADLAMP].astype(float)
    front[:, 0] = lamps.front_m + BEAM_CLEAR_M
    rows: list[tuple[Floats, float, Floats, Floats, float, int]] = []
    for shape in shapes if len(front) else []:
        candela = shape.candela * lamps.strength * HEADLAMP_WHITE
        when = NEAR_ONLY if len(front) > 1 else ALWAYS
        rows.extend((place, 1.0, candela, _values(shape), shape.range_m, when) for place in front)
        if len(front) > 1:
            rows.append((front.mean(axis=0), 1.0, candela * len(front), _values(shape), shape.range_m, FAR_ONLY))
    back = lamps.centres[lamps.kinds == Emission.TAIL_LAMP].astype(float)
    back[:, 0] = lamps.back_m - BEAM_CLEAR_M
    candela_back, colour = lamp_candela(int(Emission.TAIL_LAMP), flags, blink)
    if len(back) and candela_back > 0.0:
        glow = candela_back * len(back) * colour
        rows.append((back.mean(axis=0), -1.0, glow, _values(BROAD), BROAD.range_m, ALWAYS))
    return rows


def _values(shape: BeamShape) -> Floats:
    return np.array([shape.cut_off, shape.sharpness, shape.below, shape.sideways, shape.stray, shape.kink])


@njit(cache=True, error_model="numpy", nogil=True)
def beam_towards(across, above, shape):
    """`beams.beam` of n lamps, (n,) float64; shape: (n, 6)."""
    out = np.empty(across.shape[0], np.float64)
    for i in range(across.shape[0]):
        s = shape[i]
        out[i] = beam(across[i], above[i], s[0], s[1], s[2], s[3], s[4], s[5])
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def _street_towards(cosine):
    out = np.empty(cosine.shape[0], np.float64)
    for i in range(cosine.shape[0]):
        out[i] = street_lamp(np.float32(cosine[i]))
    return out


def actor_points(
    table: LampTable, poses: NDArray[np.float32], eye: NDArray[np.float32]
) -> tuple[Floats, Floats, Floats]:
    """Places relative to the eye (n, 3), candela towards it (n, 3) and glass areas (n,) of the actors' lit lamps."""
    place, to_eye = _placed(poses[table.point_slot], table.point_centre, eye)
    distance = np.maximum(np.linalg.norm(place, axis=1), 1e-6)
    cosine = np.einsum("ij,ij->i", to_eye, table.point_normal) / distance
    towards = np.where(table.all_around, 1.0, np.clip(cosine * 1.5, 0.0, 1.0))
    ahead = np.maximum(to_eye[:, 0], 1e-3)
    beamed = beam_towards(to_eye[:, 1] / ahead, to_eye[:, 2] / ahead, table.point_shape)
    beamed = np.where(to_eye[:, 0] > 0.05 * distance, beamed, 0.0)
    towards = np.where(table.point_headlamp, beamed, towards)
    signals = table.signals
    towards[signals] = _signal_towards(to_eye[signals], table.point_normal[signals])
    towards *= distance < MOST_DISTANT_M
    return place, table.point_candela * towards[:, None], table.point_area


def glass_luminance(table: LampTable, poses: NDArray[np.float32], eye: NDArray[np.float32]) -> NDArray[np.float32]:
    """`table.emission` as the eye sees it: signals shine along their own road only."""
    rows = table.signals
    slots, kinds = table.point_slot[rows], table.point_kind[rows]
    _, to_eye = _placed(poses[slots], table.point_centre[rows], eye)
    out = table.emission.copy()
    out[slots, kinds] = table.emission[slots, kinds] * _signal_towards(to_eye, table.point_normal[rows])[:, None]
    return out


def _placed(poses: NDArray[np.float32], centres: Floats, eye: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Of lamps at `centres` (n, 3) of actors at `poses` (n, 3, 4): (n, 3) from the eye to each in the world's axes, and
    from each to the eye in its actor's."""
    pose = poses.astype(np.float64)
    axes = pose[:, :, :3]
    place = np.einsum("nij,nj->ni", axes, centres) + pose[:, :, 3] - eye
    return place, -np.einsum("nji,nj->ni", axes, place)


def _signal_towards(to_eye: Floats, normal: Floats) -> Floats:
    """Of `signal_lobe`, in the signals' own axes: they hang upright."""
    forward = to_eye[:, 0] * normal[:, 0] + to_eye[:, 1] * normal[:, 1]
    return signal_lobe(forward, to_eye[:, 0] * normal[:, 1] - to_eye[:, 1] * normal[:, 0])


def street_points(
    heads: NDArray[np.float32], flux_lm: NDArray[np.float32], power: NDArray[np.float32], eye: NDArray[np.float32]
) -> tuple[Floats, Floats, Floats]:
    """The same of street lamps."""
    places = (heads - eye).astype(np.float64)
    distance = np.linalg.norm(places, axis=1)
    near = np.flatnonzero((power > 0.01) & (distance < MOST_DISTANT_M))
    cosine = places[near, 2] / np.maximum(distance[near], 0.1)
    # the rim of the housing lets a little of the glass be seen even from afar
    candela = (flux_lm[near] * power[near] / 3.5) * np.maximum(_street_towards(cosine), 0.02)
    return places[near], candela[:, None] * WARM_WHITE, np.full(len(near), STREET_GLASS_M2)
