"""The rows of the world snapshot, written by whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from simulator.wire.snapshot import ACTIVE, SNAPSHOT_DTYPE
from simulator.world.actor import Actor
from simulator.world.signals import GREEN, RED, YELLOW
from simulator.world.state import WorldState

_CONTROLS = ("throttle", "steer", "brake", "hand_brake", "reverse", "manual_gear_shift")
_controls_of = attrgetter(*_CONTROLS)
_VECTORS = (("velocity", ("vx", "vy", "vz")), ("acceleration", ("ax", "ay", "az")))


def snapshot_rows(world: WorldState) -> NDArray[np.void]:
    """(n,) `SNAPSHOT_DTYPE`, one per live actor: those with bodies first, then all others by id."""
    active = world.bodies.active
    others = world.groups().without_body
    still = world.still_rows
    if still is None or len(still) != len(others):
        still = world.still_rows = _still(others)
    rows = np.zeros(len(active) + len(others), SNAPSHOT_DTYPE)
    _fill_bodies(world, rows[: len(active)], active)
    rest = rows[len(active) :]
    rest[:] = still
    moving = [k for k, actor in enumerate(others) if actor.relative is not None]
    if moving:
        rest["transform"][moving] = [(*others[k].transform.location, *others[k].transform.rotation) for k in moving]
        rest["velocity"][moving] = [others[k].velocity for k in moving]
    lights = world.groups().lights
    if len(lights):
        _fill_lights(world, rest, lights, np.arange(len(lights)))
    return rows


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


def _fill_bodies(world: WorldState, rows: NDArray[np.void], active: NDArray[np.intp]) -> None:
    bodies = world.bodies.rows[active]
    rows["state"] = ACTIVE
    rows["id"] = bodies["actor"]
    rows["transform"] = world.bodies.poses(active)
    for name, parts in _VECTORS:
        for k, part in enumerate(parts):
            rows[name][:, k] = bodies[part]
    for k, part in enumerate(("wx", "wy", "wz")):
        rows["angular_velocity"][:, k] = np.degrees(bodies[part])
    ids = bodies["actor"].tolist()
    _fill_vehicles(world, rows, active, [k for k, actor_id in enumerate(ids) if actor_id in world.vehicles], ids)
    for k, actor_id in enumerate(ids):
        if actor_id in world.walkers:
            row, walk = rows[k], world.walkers[actor_id].control
            row["walker.direction"], row["walker.speed"], row["walker.jump"] = walk.direction, walk.speed, walk.jump


def _fill_vehicles(
    world: WorldState, rows: NDArray[np.void], active: NDArray[np.intp], at: list[int], ids: list[int]
) -> None:
    """Rows `at`, whole columns at a time: a record's fields are slow one by one."""
    if not at:
        return
    vehicles = [world.vehicles[ids[k]] for k in at]
    for name, column in zip(_CONTROLS, zip(*[_controls_of(vehicle.control) for vehicle in vehicles])):
        rows[f"vehicle.{name}"][at] = column
    rows["vehicle.gear"][at] = world.bodies.drives["gear"][active[at]]
    rows["vehicle.speed_limit"][at] = [vehicle.speed_limit_kmh for vehicle in vehicles]
    light = np.array([vehicle.light for vehicle in vehicles], np.intp)
    none = light < 0
    rows["vehicle.traffic_light_state"][at] = GREEN
    rows["vehicle.has_traffic_light"][at] = ~none
    if not none.all():
        near, its = np.array(at)[~none], light[~none]
        rows["vehicle.traffic_light_state"][near] = world.signals.states[its]
        rows["vehicle.traffic_light_id"][near] = world.light_ids[its]


def _fill_lights(world: WorldState, rows: NDArray[np.void], at: NDArray[np.intp], lights: NDArray[np.intp]) -> None:
    signals = world.signals
    for name, stage in (("green", GREEN), ("yellow", YELLOW), ("red", RED)):
        rows[f"light.{name}_time"][at] = signals.times_s[stage][lights]
    rows["light.elapsed_time"][at] = signals.elapsed_s()[lights]
    rows["light.pole_index"][at] = signals.pole_index[lights]
    rows["light.time_is_frozen"][at] = signals.frozen()[lights]
    rows["light.state"][at] = signals.states[lights]
