"""What a step makes of the bodies once they have moved: mean accelerations, strides, and a stop for what went wild."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

_WALKER = 1
_TELEPORT_M_S = 70.0
_PEDAL_TURN_M = 5.0
_FALLEN_S = 0.6
FARTHEST, FASTEST = 1e6, 300.0  # m or rad; m/s or rad/s


@njit(cache=True)
def finish(bodies, rows, delta_s: float) -> None:
    """Mean accelerations, velocities of what is moved by hand, phases of stride and pedals, of the bodies of `rows`."""
    for k in range(len(rows)):
        b = bodies[rows[k]]
        if not b.physics or b.pinned:
            mx, my, mz = (b.x - b.last_x) / delta_s, (b.y - b.last_y) / delta_s, (b.z - b.last_z) / delta_s
            if math.sqrt(mx * mx + my * my + mz * mz) > _TELEPORT_M_S:
                mx = my = mz = 0.0
            b.vx, b.vy, b.vz = mx, my, mz
        b.ax, b.ay, b.az = (b.vx - b.last_vx) / delta_s, (b.vy - b.last_vy) / delta_s, (b.vz - b.last_vz) / delta_s
        if not b.physics and not b.pinned:
            # nothing pushes it: where a client's last set_transform left it, it did not brake with 20 g
            b.ax = b.ay = b.az = 0.0
        b.last_vx, b.last_vy, b.last_vz = b.vx, b.vy, b.vz
        b.last_x, b.last_y, b.last_z = b.x, b.y, b.z
        if b.down_s < 0.0:
            speed = np.hypot(b.vx, b.vy)
            # a walker's stride (two steps) grows with the pace; a cyclist pedals once per 5 m
            stride = 0.8 + 0.45 * speed if b.kind == _WALKER else _PEDAL_TURN_M
            b.phase = (b.phase + speed * delta_s / stride) % 1.0
        b.collides = b.collides and b.down_s < _FALLEN_S  # who lies on the ground is out of the way
        b.fx = b.fy = b.fz = b.tz = 0.0


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _ordinary(value: float, limit: float) -> bool:
    return abs(value) <= limit  # false of NaN as well


@njit(cache=True)
def wild(bodies, rows) -> NDArray[np.bool_]:
    """(n,) which of `rows` nonsensical forces or physics have made faster or farther than anything can be."""
    found = np.zeros(len(rows), np.bool_)
    for k in range(len(rows)):
        b = bodies[rows[k]]
        far, fast = FARTHEST, FASTEST
        found[k] = not (
            _ordinary(b.x, far) and _ordinary(b.y, far) and _ordinary(b.z, far)
            and _ordinary(b.pitch, far) and _ordinary(b.yaw, far) and _ordinary(b.roll, far)
            and _ordinary(b.vx, fast) and _ordinary(b.vy, fast) and _ordinary(b.vz, fast)
            and _ordinary(b.wx, fast) and _ordinary(b.wy, fast) and _ordinary(b.wz, fast)
        )  # fmt: skip
    return found
