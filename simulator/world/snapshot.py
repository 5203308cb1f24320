"""The rows of the world snapshot, written by compiled loops into one buffer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.wire.snapshot import ACTIVE, SNAPSHOT_DTYPE
from simulator.world.actor import Actor
from simulator.world.signals import GREEN, RED, YELLOW
from simulator.world.state import WorldState

_VEHICLE = 0  # of `Bodies`


def snapshot_rows(world: WorldState) -> NDArray[np.void]:
    """(n,) `SNAPSHOT_DTYPE`, one per live actor: those with bodies first, then all others by id."""
    bodies, active = world.bodies, world.bodies.active
    others = world.groups().without_body
    still = world.still_rows
    if still is None or len(still) != len(others):
        still = world.still_rows = _still(others)
    rows = np.empty(len(active) + len(others), SNAPSHOT_DTYPE)
    rest = rows[len(active) :]
    # as bytes: a record whose fields overlap would be copied field by field
    _bytes(rows)[: len(active)] = _bytes(bodies.told)[active]
    _bytes(rest)[:] = _bytes(still)
    _fill_bodies(rows, bodies.rows, bodies.drives, active, world.signals.states, world.light_ids)
    moving = [k for k, actor in enumerate(others) if actor.relative is not None]
    if moving:
        rest["transform"][moving] = [(*others[k].transform.location, *others[k].transform.rotation) for k in moving]
        rest["velocity"][moving] = [others[k].velocity for k in moving]
    lights = world.groups().lights
    if len(lights):
        signals = world.signals
        times_s = tuple(signals.times_s[stage] for stage in (GREEN, YELLOW, RED))
        _fill_lights(rest, lights, times_s, signals.elapsed_s(), signals.frozen(), signals.pole_index, signals.states)
    return rows


def _bytes(rows: NDArray[np.void]) -> NDArray[np.uint8]:
    return rows.view(np.uint8).reshape(len(rows), SNAPSHOT_DTYPE.itemsize)


def _still(actors: Sequence[Actor]) -> NDArray[np.void]:
    """What is the same in every snapshot of actors without a body until one comes, goes or is moved."""
    rows = np.zeros(len(actors), SNAPSHOT_DTYPE)
    rows["state"] = ACTIVE
    rows["id"] = [actor.id for actor in actors]
    rows["transform"] = np.array([(*a.transform.location, *a.transform.rotation) for a in actors]).reshape(-1, 6)
    rows["velocity"] = np.array([a.velocity for a in actors]).reshape(-1, 3)
    for k, actor in enumerate(actors):
        if actor.sign_id:
            rows[k]["sign_id"] = actor.sign_id.encode()
    return rows


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _degrees(angle_rad: float) -> float:
    """As `poses.wrap_degrees`; loops that are kept compiled do not call those of other files, which may change."""
    angle = math.degrees(angle_rad)
    return angle if -180.0 <= angle <= 180.0 else 180.0 - (180.0 - angle) % 360.0


@njit(cache=True)
def _fill_bodies(rows, bodies, drives, active, light_states, light_ids) -> None:
    """What a step changes of the bodies of `active`, into the first of `rows`."""
    for k in range(len(active)):
        row, b, d = rows[k], bodies[active[k]], drives[active[k]]
        pose = row["transform"]
        pose[0], pose[1], pose[2] = b.x, b.y, b.z
        pose[3], pose[4], pose[5] = _degrees(b.pitch), _degrees(b.yaw), _degrees(b.roll)
        velocity, turning, acceleration = row["velocity"], row["angular_velocity"], row["acceleration"]
        velocity[0], velocity[1], velocity[2] = b.vx, b.vy, b.vz
        turning[0], turning[1], turning[2] = math.degrees(b.wx), math.degrees(b.wy), math.degrees(b.wz)
        acceleration[0], acceleration[1], acceleration[2] = b.ax, b.ay, b.az
        if b.kind == _VEHICLE:
            row["vehicle.gear"], row["vehicle.speed_limit"] = d.gear, d.speed_limit_kmh
            row["vehicle.has_traffic_light"] = d.light >= 0
            row["vehicle.traffic_light_state"] = light_states[d.light] if d.light >= 0 else GREEN
            row["vehicle.traffic_light_id"] = light_ids[d.light] if d.light >= 0 else 0


@njit(cache=True)
def _fill_lights(rows, at, times_s, elapsed_s, frozen, pole_index, states) -> None:
    """Light k into row at[k]."""
    for k in range(len(at)):
        row = rows[at[k]]
        row["light.green_time"] = times_s[0][k]
        row["light.yellow_time"] = times_s[1][k]
        row["light.red_time"] = times_s[2][k]
        row["light.elapsed_time"] = elapsed_s[k]
        row["light.pole_index"] = pole_index[k]
        row["light.time_is_frozen"] = frozen[k]
        row["light.state"] = states[k]
