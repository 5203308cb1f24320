"""Where on an actor it is warm: kelvin above the surface's own temperature by the position in the actor's box."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from sensors.thermal.heat import BICYCLES, MOTORCYCLES, ActorState

BONNET, EXHAUST, TYRES, BRAKES, CABIN, FACE, HANDS, CLOTHING, LAMPS, TWO_WHEELS = range(10)
_TWO_WHEELED = (*BICYCLES, *MOTORCYCLES)

_f = np.float32


def part_table(actors: Sequence[ActorState]) -> NDArray[np.float32]:
    """(n, 10) float32: each actor's heat in the order of the constants above."""
    rows = [
        (
            heat.bonnet_k,
            heat.exhaust_k,
            heat.tyres_k,
            heat.brakes_k,
            heat.cabin_k,
            heat.face_k,
            heat.hands_k,
            heat.clothing_k,
            9.0 if heat.engine_on else 0.0,
            float(type_id.startswith(_TWO_WHEELED)),
        )
        for heat, type_id in ((actor.heat, actor.type_id) for actor in actors)
    ]
    return np.array(rows, np.float32).reshape(-1, 10)


@numba.njit(error_model="numpy", inline="never", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def vehicle_part(x, y, z, ex, ey, ez, up, heat):
    """(kelvin above the body, 1 if glass) at box position (x, y, z) of a car, van, lorry or bus.

    ex, ey, ez: the box's half sizes (m); up: the normal's vertical share; heat: row of `part_table`.
    """
    ux, uy, uz = x / ex, abs(y) / ey, z / ez
    above_ground = z + ez
    if heat[TWO_WHEELS] > _f(0.5):
        # Wheels, lamps and trim of a motorcycle; its engine sits between the wheels.
        near_engine = max(_f(0.0), _f(1.0) - abs(ux) * _f(2.2))
        return heat[BONNET] * near_engine + heat[TYRES] * _f(0.5), _f(0.0)
    radius = min(max(_f(0.46) * ez, _f(0.28)), _f(0.52))
    if uy > _f(0.55) and above_ground < _f(2.1) * radius:
        across = abs(x) - _f(0.64) * ex
        up_wheel = above_ground - radius
        rr = (across * across + up_wheel * up_wheel) / (radius * radius)
        if rr < _f(0.36):
            return _f(0.5) * heat[TYRES] + _f(0.6) * heat[BRAKES] * (_f(1.0) - rr), _f(0.0)
        if rr < _f(1.05):
            return heat[TYRES], _f(0.0)
    if ux < _f(-0.90) and above_ground < _f(0.48) and uy > _f(0.30) and uy < _f(0.62):
        return heat[EXHAUST], _f(0.0)
    lamp_height = uz > _f(-0.35) and uz < _f(0.12)
    if abs(ux) > _f(0.94) and uy > _f(0.48) and lamp_height:
        if ux > _f(0.0):
            return heat[LAMPS] + _f(0.3) * heat[BONNET], _f(0.0)
        return _f(0.3) * heat[LAMPS], _f(0.0)
    if above_ground < _f(0.30):
        return _f(0.35) * heat[BONNET] + _f(0.1) * heat[EXHAUST], _f(0.0)
    if uz > _f(0.27) and up < _f(0.82) and uz < _f(0.93):
        return heat[CABIN], _f(1.0)
    if ux > _f(0.40) and uz < _f(0.38):
        # Hottest over the engine, the grille as hot, the wings less.
        along = min((ux - _f(0.40)) * _f(4.0), _f(1.0))
        side = _f(1.0) - _f(0.55) * uy * uy
        facing = _f(0.75) + _f(0.25) * max(up, _f(0.0)) + (_f(0.2) if ux > _f(0.93) and uy < _f(0.5) else _f(0.0))
        return heat[BONNET] * along * side * facing, _f(0.0)
    return _f(0.06) * heat[BONNET], _f(0.0)


@numba.njit(error_model="numpy", inline="never", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def person_part(x, y, z, ey, ez, heat, warmed, rider):
    """Kelvin above the air at box position (x, y, z) of a walker, or of a rider in the box of the cycle.

    warmed: by how much sun and sky have changed the clothes; skin keeps its temperature.
    """
    uz = z / ez
    if rider:
        # The rider fills the box from the pedals up: the head is the same share of its upper part.
        uz = (uz + _f(0.25)) / _f(1.25) * _f(2.0) - _f(1.0)
    cover = heat[CLOTHING]
    if uz > _f(0.93) and not rider:
        return _f(0.45) * heat[FACE]
    if uz > _f(0.74):
        # The face is at the front of the head; hair and helmets keep half of the warmth in.
        front = _f(0.85) + _f(0.15) * min(max(x * _f(8.0), _f(-1.0)), _f(1.0))
        return heat[FACE] * front if not rider else _f(0.75) * heat[FACE] * front
    if uz > _f(0.68):
        return _f(0.92) * heat[FACE]
    hand_low, hand_high = (_f(0.05), _f(0.40)) if rider else (_f(-0.16), _f(0.04))
    if uz > hand_low and uz < hand_high and abs(y) > _f(0.68) * ey:
        return heat[HANDS]
    if uz > _f(0.0):
        # One layer, tight over chest and shoulders: warmer there than at the loose hem.
        return warmed + cover * (_f(1.0) + _f(0.35) * uz)
    if uz > _f(-0.85):
        return warmed + cover * (_f(0.85) + _f(0.25) * uz)
    return warmed + _f(0.45) * cover
