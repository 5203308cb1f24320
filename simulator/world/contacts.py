"""What touches what, and with which impulse.

Shapes are upright boxes turned about z: the separating axis test in the plane plus an overlap of heights. A contact is
resolved by one impulse at its point (restitution 0.1, Coulomb friction 0.35) and by moving the boxes apart. This runs
in every sub-step, in which even a fast car moves less than its bonnet is deep.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

_VEHICLE, _WALKER = 0, 1
_RESTITUTION, _FRICTION = 0.1, 0.35
_SLOP_M, _PUSH_OUT = 0.005, 0.6
_KNOCK_DOWN_M_S = 1.5
_KNOCK_DOWN_MASSES = 3.0  # times the walker's own, of what is no vehicle
CELL_M = 16.0

BOX_DTYPE = np.dtype([(name, "f8") for name in ("x", "y", "z", "yaw", "hx", "hy", "hz", "radius")])
"""A box that never moves: centre m, yaw rad, half sizes m, radius of the circle around it in the plane m."""


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _axis_overlap(dx: float, dy: float, nx: float, ny: float, a, b) -> float:
    """Overlap, m, of two boxes (cos, sin, hx, hy) along the unit axis n, their centres apart by d; negative: a gap."""
    reach_a = abs(nx * a[0] + ny * a[1]) * a[2] + abs(-nx * a[1] + ny * a[0]) * a[3]
    reach_b = abs(nx * b[0] + ny * b[1]) * b[2] + abs(-nx * b[1] + ny * b[0]) * b[3]
    return reach_a + reach_b - abs(dx * nx + dy * ny)


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _corners_inside(ax: float, ay: float, a, bx: float, by: float, b) -> tuple[int, float, float]:
    """How many corners of box a lie in box b, and the sum of their coordinates."""
    count, sx, sy = 0, 0.0, 0.0
    for i in (-1.0, 1.0):
        for j in (-1.0, 1.0):
            px = ax + i * a[2] * a[0] - j * a[3] * a[1]
            py = ay + i * a[2] * a[1] + j * a[3] * a[0]
            qx, qy = px - bx, py - by
            if abs(qx * b[0] + qy * b[1]) <= b[2] + 1e-9 and abs(-qx * b[1] + qy * b[0]) <= b[3] + 1e-9:
                count, sx, sy = count + 1, sx + px, sy + py
    return count, sx, sy


@njit(cache=True)
def touch(ax: float, ay: float, a, bx: float, by: float, b) -> tuple[float, float, float, float, float]:
    """Contact of two boxes in the plane: (depth, normal from a to b x, y, point x, y); depth <= 0: none.

    a, b: (cos yaw, sin yaw, half length, half width).
    """
    dx, dy = bx - ax, by - ay
    depth, nx, ny = 1e30, 1.0, 0.0
    for k in range(4):
        box = a if k < 2 else b
        mx, my = (box[0], box[1]) if k % 2 == 0 else (-box[1], box[0])
        overlap = _axis_overlap(dx, dy, mx, my, a, b)
        if overlap <= 0.0:
            return overlap, 0.0, 0.0, 0.0, 0.0
        if overlap < depth:
            depth, nx, ny = overlap, mx, my
    if dx * nx + dy * ny < 0.0:
        nx, ny = -nx, -ny
    m, mx, my = _corners_inside(ax, ay, a, bx, by, b)
    n, kx, ky = _corners_inside(bx, by, b, ax, ay, a)
    if m + n == 0:
        return depth, nx, ny, 0.5 * (ax + bx), 0.5 * (ay + by)
    return depth, nx, ny, (mx + kx) / (m + n), (my + ky) / (m + n)


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _inverse_mass(b) -> float:
    return 1.0 / b.mass if b.physics and not b.pinned else 0.0


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _inverse_inertia(b) -> float:
    return 1.0 / b.inertia if b.physics and not b.pinned else 0.0


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _knocked(b, by, speed: float) -> None:
    """A walker falls when a vehicle comes at it, or what is as hard to stop; other walkers only push it aside."""
    hard = by.kind == _VEHICLE or by.mass >= _KNOCK_DOWN_MASSES * b.mass
    if hard and b.kind == _WALKER and b.physics and b.down_s < 0.0 and speed > _KNOCK_DOWN_M_S:
        b.down_s = 0.0


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _resolve(a, b, contact, ima: float, iia: float, imb: float, iib: float) -> tuple[float, float]:
    """The impulse (x, y) on b, applied to both by their inverse masses and inertias."""
    depth, nx, ny, px, py = contact
    acx, acy, bcx, bcy = px - a.x, py - a.y, px - b.x, py - b.y
    avx, avy = a.vx - a.wz * acy, a.vy + a.wz * acx
    bvx, bvy = b.vx - b.wz * bcy, b.vy + b.wz * bcx
    wx, wy = bvx - avx, bvy - avy
    closing = wx * nx + wy * ny
    an, bn = acx * ny - acy * nx, bcx * ny - bcy * nx
    total = ima + imb + an * an * iia + bn * bn * iib
    jx = jy = 0.0
    if closing < 0.0 and total > 0.0:
        j = -(1.0 + _RESTITUTION) * closing / total
        tx, ty = wx - closing * nx, wy - closing * ny
        sliding = math.sqrt(tx * tx + ty * ty)
        jx, jy = j * nx, j * ny
        if sliding > 1e-9:
            tx, ty = tx / sliding, ty / sliding
            at, bt = acx * ty - acy * tx, bcx * ty - bcy * tx
            jt = min(_FRICTION * j, sliding / (ima + imb + at * at * iia + bt * bt * iib))
            jx, jy = jx - jt * tx, jy - jt * ty
        a.vx, a.vy, a.wz = a.vx - jx * ima, a.vy - jy * ima, a.wz - (acx * jy - acy * jx) * iia
        b.vx, b.vy, b.wz = b.vx + jx * imb, b.vy + jy * imb, b.wz + (bcx * jy - bcy * jx) * iib
    apart = _PUSH_OUT * max(0.0, depth - _SLOP_M)
    if ima + imb > 0.0:
        share = ima / (ima + imb)
        a.x, a.y = a.x - nx * apart * share, a.y - ny * apart * share
        b.x, b.y = b.x + nx * apart * (1.0 - share), b.y + ny * apart * (1.0 - share)
    return jx, jy


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _heights_meet(a, z: float, hz: float) -> bool:
    """Whether a body, without the clearance below it, and a box of height z +- hz are level with each other."""
    top, bottom = a.z + a.cz + a.hz, a.z + a.cz - a.hz + a.clearance
    return bottom < z + hz and top > z - hz


class Grid(NamedTuple):
    """Which boxes reach into which square of CELL_M: row by row, `items[starts[c] : starts[c + 1]]` for cell c."""

    x0: float
    y0: float
    columns: int
    rows: int
    starts: NDArray[np.int64]
    items: NDArray[np.int64]


def make_grid(boxes: NDArray[np.void]) -> Grid:
    """The grid of boxes (n,) of `BOX_DTYPE`."""
    if not len(boxes):
        return Grid(0.0, 0.0, 1, 1, np.zeros(2, np.int64), np.zeros(0, np.int64))
    low = [float((boxes[name] - boxes["radius"]).min()) for name in ("x", "y")]
    high = [float((boxes[name] + boxes["radius"]).max()) for name in ("x", "y")]
    columns, rows = (int((end - start) / CELL_M) + 1 for start, end in zip(low, high))
    cells: list[list[int]] = [[] for _ in range(rows * columns)]
    for k, box in enumerate(boxes):
        r = float(box["radius"])
        i0, i1 = (_cell(float(box["y"]) + side, low[1], rows) for side in (-r, r))
        j0, j1 = (_cell(float(box["x"]) + side, low[0], columns) for side in (-r, r))
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                cells[i * columns + j].append(k)
    starts = np.cumsum([0, *(len(cell) for cell in cells)]).astype(np.int64)
    return Grid(low[0], low[1], columns, rows, starts, np.array([k for cell in cells for k in cell], np.int64))


@njit(cache=True)
def _cell(value: float, low: float, count: int) -> int:
    return min(count - 1, max(0, math.floor((value - low) / CELL_M)))


@njit(cache=True)
def near(bodies, rows, boxes, grid, dt: float) -> NDArray[np.int64]:
    """(n, 2) pairs that could touch within `dt`: (row, row), or (row, -1 - index) of a body and a box of the town."""
    found = np.empty((len(rows) * 8 + 64, 2), np.int64)
    n = 0
    reaches = np.empty(len(rows))
    for k in range(len(rows)):
        a = bodies[rows[k]]
        reaches[k] = math.sqrt(a.hx * a.hx + a.hy * a.hy) + math.sqrt(a.vx * a.vx + a.vy * a.vy) * dt + 0.5
    for k in range(len(rows)):
        a = bodies[rows[k]]
        if not a.collides or a.pinned:
            continue
        reach = reaches[k]
        for m in range(k + 1, len(rows)):
            b = bodies[rows[m]]
            if not (a.x - b.x) ** 2 + (a.y - b.y) ** 2 < (reach + reaches[m]) ** 2:
                continue
            if b.collides and not b.pinned and (a.physics or b.physics):
                if n == len(found):
                    found = np.concatenate((found, np.empty_like(found)))
                found[n, 0], found[n, 1] = rows[k], rows[m]
                n += 1
        if not a.physics:
            continue
        first = n
        for i in range(_cell(a.y - reach, grid.y0, grid.rows), _cell(a.y + reach, grid.y0, grid.rows) + 1):
            for j in range(_cell(a.x - reach, grid.x0, grid.columns), _cell(a.x + reach, grid.x0, grid.columns) + 1):
                cell = i * grid.columns + j
                for s in range(grid.starts[cell], grid.starts[cell + 1]):
                    m = grid.items[s]
                    c = boxes[m]
                    far = reach + c.radius
                    if (a.x - c.x) ** 2 + (a.y - c.y) ** 2 >= far * far:
                        continue
                    known = False  # a box lies in every cell that it reaches into
                    for p in range(first, n):
                        known = known or found[p, 1] == -1 - m
                    if known:
                        continue
                    if n == len(found):
                        found = np.concatenate((found, np.empty_like(found)))
                    found[n, 0], found[n, 1] = rows[k], -1 - m
                    n += 1
    return found[:n]


@njit(cache=True)
def collide(bodies, boxes, wall, pairs, impulses) -> None:
    """Resolves the contacts of `pairs` (from `near`); adds the impulse (x, y), N s, on the second to `impulses` (n, 2).

    wall: a single body row that stands for a box of the town while it is touched.
    """
    for k in range(len(pairs)):
        a = bodies[pairs[k, 0]]
        cos, sin = math.cos(a.yaw), math.sin(a.yaw)
        ax, ay = a.x + a.cx * cos - a.cy * sin, a.y + a.cx * sin + a.cy * cos
        if pairs[k, 1] >= 0:
            b = bodies[pairs[k, 1]]
            if not _heights_meet(a, b.z + b.cz, b.hz) or not _heights_meet(b, a.z + a.cz, a.hz):
                continue
            bcos, bsin = math.cos(b.yaw), math.sin(b.yaw)
            bx, by = b.x + b.cx * bcos - b.cy * bsin, b.y + b.cx * bsin + b.cy * bcos
            contact = touch(ax, ay, (cos, sin, a.hx, a.hy), bx, by, (bcos, bsin, b.hx, b.hy))
            if contact[0] <= 0.0:
                continue
            speed_a = a.vx * contact[1] + a.vy * contact[2]
            speed_b = b.vx * contact[1] + b.vy * contact[2]
            jx, jy = _resolve(
                a, b, contact, _inverse_mass(a), _inverse_inertia(a), _inverse_mass(b), _inverse_inertia(b)
            )
            _knocked(a, b, -speed_b)
            _knocked(b, a, speed_a)
        else:
            c = boxes[-1 - pairs[k, 1]]
            if not _heights_meet(a, c.z, c.hz):
                continue
            contact = touch(ax, ay, (cos, sin, a.hx, a.hy), c.x, c.y, (math.cos(c.yaw), math.sin(c.yaw), c.hx, c.hy))
            if contact[0] <= 0.0:
                continue
            b = wall[0]
            b.x, b.y, b.vx, b.vy, b.wz = c.x, c.y, 0.0, 0.0, 0.0
            jx, jy = _resolve(a, b, contact, _inverse_mass(a), _inverse_inertia(a), 0.0, 0.0)
        impulses[k, 0] += jx
        impulses[k, 1] += jy
