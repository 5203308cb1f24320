"""The rows of the world snapshot, written by whole columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.wire.snapshot import SNAPSHOT_DTYPE
from simulator.world.actor import Kind
from simulator.world.signals import GREEN, RED, YELLOW
from simulator.world.state import WorldState

_VECTORS = (("velocity", ("vx", "vy", "vz")), ("acceleration", ("ax", "ay", "az")))


def snapshot_rows(world: WorldState) -> NDArray[np.void]:
    """(n,) `SNAPSHOT_DTYPE`, one per live actor: those with bodies first, then all others by id."""
    active = world.bodies.active
    others = [actor for actor in world.actors.values() if not actor.kind.has_body]
    rows = np.zeros(len(active) + len(others), SNAPSHOT_DTYPE)
    rows["state"] = 1
    _fill_bodies(world, rows[: len(active)], active)
    rest = rows[len(active) :]
    rest["id"] = [actor.id for actor in others]
    rest["transform"] = np.array([(*a.transform.location, *a.transform.rotation) for a in others]).reshape(-1, 6)
    rest["velocity"] = np.array([a.velocity for a in others]).reshape(-1, 3)
    lights = np.array([k for k, a in enumerate(others) if a.kind is Kind.TRAFFIC_LIGHT], np.intp)
    if len(lights):
        _fill_lights(world, rest, lights, np.array([others[k].row for k in lights], np.intp))
    for k, actor in enumerate(others):
        if actor.kind is Kind.SIGN:
            rest[k]["sign_id"] = actor.sign_id.encode()
    return rows


def _fill_bodies(world: WorldState, rows: NDArray[np.void], active: NDArray[np.intp]) -> None:
    bodies = world.bodies.rows[active]
    rows["id"] = bodies["actor"]
    rows["transform"] = world.bodies.poses(active)
    for name, parts in _VECTORS:
        for k, part in enumerate(parts):
            rows[name][:, k] = bodies[part]
    for k, part in enumerate(("wx", "wy", "wz")):
        rows["angular_velocity"][:, k] = np.degrees(bodies[part])
    for k, actor_id in enumerate(bodies["actor"].tolist()):
        row = rows[k]
        vehicle = world.vehicles.get(actor_id)
        if vehicle is not None:
            control = vehicle.control
            row["vehicle.throttle"], row["vehicle.steer"] = control.throttle, control.steer
            row["vehicle.brake"], row["vehicle.hand_brake"] = control.brake, control.hand_brake
            row["vehicle.reverse"], row["vehicle.manual_gear_shift"] = control.reverse, control.manual_gear_shift
            row["vehicle.gear"] = world.bodies.drives[active[k]]["gear"]
            row["vehicle.speed_limit"] = vehicle.speed_limit_kmh
            light = vehicle.light
            row["vehicle.traffic_light_state"] = GREEN if light < 0 else world.signals.states[light]
            row["vehicle.has_traffic_light"] = light >= 0
            row["vehicle.traffic_light_id"] = 0 if light < 0 else world.light_ids[light]
        elif actor_id in world.walkers:
            walk = world.walkers[actor_id].control
            row["walker.direction"], row["walker.speed"], row["walker.jump"] = walk.direction, walk.speed, walk.jump


def _fill_lights(world: WorldState, rows: NDArray[np.void], at: NDArray[np.intp], lights: NDArray[np.intp]) -> None:
    signals = world.signals
    rows["sign_id"][at] = [site.signal_id.encode() for site in np.array(world.town.traffic_lights, object)[lights]]
    for name, stage in (("green", GREEN), ("yellow", YELLOW), ("red", RED)):
        rows[f"light.{name}_time"][at] = signals.times_s[stage][lights]
    rows["light.elapsed_time"][at] = signals.elapsed_s()[lights]
    rows["light.pole_index"][at] = [signals.junction_of[light].lights.index(light) for light in lights.tolist()]
    rows["light.time_is_frozen"][at] = signals.frozen()[lights]
    rows["light.state"][at] = signals.states[lights]
