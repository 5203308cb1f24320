"""The state of a route at every simulation tick."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from results import atomic

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Contact:
    """A message of the ego's collision sensor: whom it hit, the impulse on the ego (N s, world axes), and where (m)."""

    other_id: int
    other_type: str
    impulse: Vector
    location: Vector


@dataclass(frozen=True)
class ActorTrace:
    """Where an actor of the route's scenarios was: position (m), yaw (deg), speed (m/s)."""

    actor_id: int
    x: float
    y: float
    z: float
    yaw: float
    speed_mps: float


@dataclass(frozen=True)
class Tick:
    """One tick. Positions in m, angles in deg, all in CARLA's world axes.

    `time_s` counts from the first tick of the route. `route_progress_m` is how far along the dense route the ego's
    nearest point lies, `route_offset_m` its distance to that point. `lights` are the states (carla.TrafficLightState
    as int) of the traffic lights along the route, by actor id. `background_mean_speed_mps` is NaN without traffic,
    `speed_limit_kmh` where no limit is known.
    `active_scenarios` names the hazards at work, `holding_scenarios` those that keep the ego waiting on purpose,
    `timed_out_scenarios` those that ran out of time at this tick.
    """

    frame: int
    time_s: float
    location: Vector
    rotation: Vector  # pitch, yaw, roll
    velocity: Vector  # m/s
    acceleration: Vector  # m/s^2
    angular_velocity: Vector  # deg/s
    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    route_progress_m: float = 0.0
    route_offset_m: float = 0.0
    background_mean_speed_mps: float = math.nan
    speed_limit_kmh: float = math.nan
    contacts: tuple[Contact, ...] = ()
    lights: tuple[tuple[int, int], ...] = ()
    actors: tuple[ActorTrace, ...] = ()
    active_scenarios: tuple[str, ...] = ()
    holding_scenarios: tuple[str, ...] = ()
    timed_out_scenarios: tuple[str, ...] = ()
    speed_mps: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "speed_mps", math.sqrt(sum(v * v for v in self.velocity)))


_VECTORS = ("location", "rotation", "velocity", "acceleration", "angular_velocity")
_NUMBERS = (
    "time_s",
    "throttle",
    "steer",
    "brake",
    "route_progress_m",
    "route_offset_m",
    "background_mean_speed_mps",
    "speed_limit_kmh",
)
_FLAGS = ("hand_brake", "reverse")
_NAMES = ("active_scenarios", "holding_scenarios", "timed_out_scenarios")


def write_ticks(path: Path, ticks: Sequence[Tick]) -> None:
    """Columns of all ticks in one compressed .npz; what a tick has several of is stored flat with a count per tick."""
    columns: dict[str, NDArray] = {"frame": np.array([tick.frame for tick in ticks], np.int64)}
    for name in _VECTORS:
        columns[name] = np.array([getattr(tick, name) for tick in ticks], np.float64).reshape(-1, 3)
    for name in _NUMBERS:
        columns[name] = np.array([getattr(tick, name) for tick in ticks], np.float64)
    for name in _FLAGS:
        columns[name] = np.array([getattr(tick, name) for tick in ticks], np.bool_)
    for name in (*_NAMES, "contacts", "lights", "actors"):
        columns[f"{name}_count"] = np.array([len(getattr(tick, name)) for tick in ticks], np.int32)
    for name in _NAMES:
        columns[name] = np.array([text for tick in ticks for text in getattr(tick, name)], np.str_)
    contacts = [contact for tick in ticks for contact in tick.contacts]
    columns["contact_other_id"] = np.array([c.other_id for c in contacts], np.int64)
    columns["contact_other_type"] = np.array([c.other_type for c in contacts], np.str_)
    columns["contact_vectors"] = np.array([(*c.impulse, *c.location) for c in contacts], np.float64).reshape(-1, 6)
    columns["light_states"] = np.array([pair for tick in ticks for pair in tick.lights], np.int64).reshape(-1, 2)
    actors = [actor for tick in ticks for actor in tick.actors]
    columns["actor_id"] = np.array([a.actor_id for a in actors], np.int64)
    columns["actor_state"] = np.array([(a.x, a.y, a.z, a.yaw, a.speed_mps) for a in actors], np.float64).reshape(-1, 5)
    file = io.BytesIO()
    np.savez_compressed(file, **columns)  # type: ignore[arg-type]
    atomic.write_bytes(path, file.getvalue())


def read_ticks(path: Path) -> tuple[Tick, ...]:
    with np.load(path, allow_pickle=False) as archive:
        columns = {name: archive[name].tolist() for name in archive.files}
    contacts = [
        Contact(other_id, other_type, tuple(v[:3]), tuple(v[3:]))
        for other_id, other_type, v in zip(
            columns["contact_other_id"], columns["contact_other_type"], columns["contact_vectors"]
        )
    ]
    flat: dict[str, list] = {
        **{name: columns[name] for name in _NAMES},
        "contacts": contacts,
        "lights": [tuple(pair) for pair in columns["light_states"]],
        "actors": [ActorTrace(i, *state) for i, state in zip(columns["actor_id"], columns["actor_state"])],
    }
    several = {name: _split(items, columns[f"{name}_count"]) for name, items in flat.items()}
    return tuple(_tick_of_row(row, columns, several) for row in range(len(columns["frame"])))


def _tick_of_row(row: int, columns: dict[str, list], several: dict[str, list[tuple]]) -> Tick:
    fields: dict[str, Any] = {name: columns[name][row] for name in ("frame", *_NUMBERS, *_FLAGS)}
    fields |= {name: tuple(columns[name][row]) for name in _VECTORS}
    fields |= {name: groups[row] for name, groups in several.items()}
    return Tick(**fields)


def _split(items: list, counts: list[int]) -> list[tuple]:
    groups, start = [], 0
    for count in counts:
        groups.append(tuple(items[start : start + count]))
        start += count
    return groups
