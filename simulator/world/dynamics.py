"""How vehicles, walkers and loose props move between contacts, in sub-steps of at most 10 ms."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.world.single_track import GRAVITY, clamp, drive, lean

MAX_SUBSTEP_S = 0.01

_VEHICLE, _WALKER = 0, 1
_KERB_RATE = 1.5  # m/s at which the body rises over a kerb
_AIRBORNE_M = 0.25
BURIED_M = 10.0
"""Farther below the ground nothing is lifted onto it: scenarios keep actors there that are to appear later."""
_WALKER_ACCEL, _WALKER_TURN = 10.0, 8.0  # m/s^2, rad/s
_FALL_TIME_S = 0.6
_LYING_HEIGHT_M = 0.25


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _walk(b, h: float) -> None:
    """A walker gets up to the speed it wants and turns to where it goes; one knocked down slides and falls over."""
    if b.down_s >= 0.0:
        b.down_s += h
        b.pitch = math.pi / 2.0 * min(1.0, b.down_s / _FALL_TIME_S)
        _slide(b, h)
        return
    dx, dy = b.want_vx - b.vx, b.want_vy - b.vy
    change = math.sqrt(dx * dx + dy * dy)
    share = 1.0 if change <= _WALKER_ACCEL * h else _WALKER_ACCEL * h / change
    b.vx, b.vy = b.vx + dx * share, b.vy + dy * share
    if b.want_vx * b.want_vx + b.want_vy * b.want_vy > 1e-4:
        error = math.atan2(b.want_vy, b.want_vx) - b.yaw
        error = math.atan2(math.sin(error), math.cos(error))
        b.wz = clamp(error / h, _WALKER_TURN)
    else:
        b.wz = 0.0


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _slide(b, h: float) -> None:
    """Dry friction on the ground brings what is loose to rest."""
    b.vx, b.vy, b.wz = b.vx + b.fx / b.mass * h, b.vy + b.fy / b.mass * h, b.wz + b.tz / b.inertia * h
    speed = math.sqrt(b.vx * b.vx + b.vy * b.vy)
    keep = max(0.0, speed - b.friction * GRAVITY * h) / speed if speed > 0.0 else 0.0
    b.vx, b.vy, b.wz = b.vx * keep, b.vy * keep, b.wz * keep


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _stand(b, foot: float, level: float, h: float) -> None:
    """Up and down: falls when above `level`, is lifted over a kerb when below, falls on when far below.

    A force that is more than its weight takes it off the ground.
    """
    goal = level + foot
    if b.z < goal - BURIED_M:
        goal = -np.inf
    if not b.gravity:
        b.vz += b.fz / b.mass * h
        b.z += b.vz * h
    elif b.z > goal or b.vz > 0.0 or b.fz > b.mass * GRAVITY:
        b.vz += (b.fz / b.mass - GRAVITY) * h
        b.z += b.vz * h
        if b.z <= goal:
            b.z, b.vz = goal, 0.0
    else:
        b.vz = 0.0
        b.z = min(goal, b.z + _KERB_RATE * h)


@njit(cache=True)
def advance(bodies, drives, rows, ground, slopes, h: float) -> None:
    """Moves the bodies of `rows` by `h` seconds.

    ground (len(rows), 4): height of the ground, m, below the wheels of a vehicle (front left, front right, rear left,
    rear right); of other bodies the first column. slopes (len(rows), 2): rise of the land per metre along x and y. The
    heights are carried along with the body from sub-step to sub-step, so that it climbs evenly.
    """
    for k in range(len(rows)):
        b, d = bodies[rows[k]], drives[rows[k]]
        if b.pinned or not b.physics:
            continue
        gx, gy = slopes[k, 0], slopes[k, 1]
        # up and down is reckoned from the slope: what drives along it does not leave the ground
        b.vz -= gx * b.vx + gy * b.vy
        if b.kind == _VEHICLE:
            level = 0.25 * (ground[k, 0] + ground[k, 1] + ground[k, 2] + ground[k, 3])
            airborne = b.z - level >= _AIRBORNE_M
            if not airborne:
                cos, sin = math.cos(b.yaw), math.sin(b.yaw)
                drive(b, d, h, gx * cos + gy * sin, gy * cos - gx * sin)
            _stand(b, b.foot, level, h)
            lean(b, d, ground[k, 0], ground[k, 1], ground[k, 2], ground[k, 3], airborne, h)
        elif b.kind == _WALKER:
            _walk(b, h)
            foot = b.foot
            if b.down_s >= 0.0:
                foot += (_LYING_HEIGHT_M - b.foot) * min(1.0, b.down_s / _FALL_TIME_S)
            _stand(b, foot, ground[k, 0], h)
        else:
            _slide(b, h)
            _stand(b, b.foot, ground[k, 0], h)
        rise = gx * b.vx + gy * b.vy
        b.vz += rise
        b.z += rise * h
        for wheel in range(4):
            ground[k, wheel] += rise * h
        b.x, b.y, b.yaw = b.x + b.vx * h, b.y + b.vy * h, b.yaw + b.wz * h


@njit(cache=True)
def wheel_points(bodies, drives, rows) -> NDArray[np.float64]:
    """(n, 4, 2): where the wheels of vehicles stand; four times the origin for what has none."""
    points = np.empty((len(rows), 4, 2))
    for k in range(len(rows)):
        b, d = bodies[rows[k]], drives[rows[k]]
        cos, sin = np.cos(b.yaw), np.sin(b.yaw)
        for wheel in range(4):
            along = d.front_m if wheel < 2 else -d.rear_m
            across = 0.5 * d.track_m * (-1.0 if wheel % 2 == 0 else 1.0)
            points[k, wheel, 0] = b.x + along * cos - across * sin
            points[k, wheel, 1] = b.y + along * sin + across * cos
    return points
