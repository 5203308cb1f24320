"""How warm each actor is: engines, tyres, brakes, skin and clothes, integrated in simulation time."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sensors.thermal.ambient import Ambient

if TYPE_CHECKING:
    import carla

ELECTRIC = ("vehicle.audi.etron", "vehicle.tesla.", "vehicle.micro.")
BICYCLES = ("vehicle.bh.", "vehicle.diamondback.", "vehicle.gazelle.")
MOTORCYCLES = ("vehicle.harley", "vehicle.kawasaki.", "vehicle.vespa.", "vehicle.yamaha.")

ENGINE_WARM_UP_S = 240.0
ENGINE_COOL_DOWN_S = 1500.0
TYRE_S = 300.0
BRAKE_COOL_S = 90.0
SKIN_LIMIT_C = 35.0
"""What skin settles at, at most, in air however hot: sweat cools it."""
ENGINE_STOPS_AFTER_S = 300.0
"""A vehicle that has not moved for this long is taken to have been switched off."""


@dataclass(frozen=True)
class HeatState:
    """Kelvin above the air, part by part; what an actor has not got stays 0. `engine_on` also lights the lamps."""

    bonnet_k: float = 0.0
    exhaust_k: float = 0.0
    tyres_k: float = 0.0
    brakes_k: float = 0.0
    cabin_k: float = 0.0
    face_k: float = 0.0
    hands_k: float = 0.0
    clothing_k: float = 0.0
    engine_on: bool = False


@dataclass(frozen=True, eq=False)
class ActorState:
    """One actor as the thermal camera meets it.

    pose: (4, 4) float32 actor -> world. centre, extent: (3,) m, of its bounding box in actor axes, half sizes.
    """

    id: int
    type_id: str
    pose: NDArray[np.float32]
    centre: tuple[float, float, float]
    extent: tuple[float, float, float]
    heat: HeatState


@dataclass(frozen=True)
class Motion:
    """What the heat of one actor depends on now."""

    speed_mps: float
    throttle: float = 0.0
    brake: float = 0.0


def unit_draws(seed: int, actor_id: int, count: int) -> NDArray[np.float64]:
    """`count` numbers in 0..1 that belong to this actor alone."""
    key = [seed & 0xFFFFFFFFFFFFFFFF, actor_id & 0xFFFFFFFF]
    return np.random.Generator(np.random.Philox(key=key)).random(count)


@lru_cache(maxsize=256)
def bonnet_limit_k(type_id: str) -> float:
    """How far above the air a bonnet settles when driving in still air: much less over an electric motor."""
    if type_id.startswith(BICYCLES):
        return 0.0
    return 7.0 if type_id.startswith(ELECTRIC) else 26.0


def initial_heat(type_id: str, role_name: str, ambient: Ambient, seed: int, actor_id: int) -> HeatState:
    """The state in which an actor enters: people as they are, vehicles warm from the drive before unless parked."""
    draws = unit_draws(seed, actor_id, 3)
    body = dressed(HeatState(), type_id, ambient, float(draws[0]))
    if _is_person(type_id) or "parked" in role_name or "static" in role_name:
        return body
    if type_id.startswith(MOTORCYCLES):
        return replace(body, bonnet_k=bonnet_limit_k(type_id) * 2.0, exhaust_k=70.0, tyres_k=8.0, engine_on=True)
    warm = 0.6 + 0.4 * float(draws[1])
    limit = bonnet_limit_k(type_id)
    exhaust = 0.0 if type_id.startswith(ELECTRIC) else 45.0
    return HeatState(
        bonnet_k=warm * limit,
        exhaust_k=warm * exhaust,
        tyres_k=10.0 * warm,
        brakes_k=8.0 * warm,
        cabin_k=3.0,
        engine_on=True,
    )


def dressed(heat: HeatState, type_id: str, ambient: Ambient, thickness: float) -> HeatState:
    """The same actor with skin and clothes as this air leaves them; cars show none."""
    if not type_id.startswith(("walker.", *BICYCLES, *MOTORCYCLES)):
        return heat
    body = person_heat(ambient, thickness)
    return replace(heat, face_k=body.face_k, hands_k=body.hands_k, clothing_k=body.clothing_k)


def person_heat(ambient: Ambient, thickness: float) -> HeatState:
    """Face 30-34 C that cools with cold and wind, hands more so, clothes 2..8 K above the air by their thickness 0..1.

    The face loses about 0.13 K per kelvin below 20 C and falls with the logarithm of the wind (after Briggs 2017). In
    air that is hotter than skin gets it is below the air.
    """
    air = ambient.air_temperature_c
    face = 34.0 - 0.13 * max(0.0, 20.0 - air) - 1.1 * math.log1p(ambient.wind_mps)
    face = max(face, min(air, SKIN_LIMIT_C))
    hands = face - 0.22 * max(0.0, face - air)
    gradient = max(0.0, 33.0 - air)
    clothing = (0.24 - 0.14 * thickness) * gradient / (1.0 + 0.06 * ambient.wind_mps)
    return HeatState(face_k=face - air, hands_k=hands - air, clothing_k=clothing)


def advance(heat: HeatState, type_id: str, motion: Motion, delta_s: float, standing_s: float) -> HeatState:
    """The state `delta_s` later. People keep theirs; vehicles follow first-order laws with minutes of inertia."""
    if _is_person(type_id) or delta_s <= 0.0:
        return heat
    moving = motion.speed_mps > 0.5 or motion.throttle > 0.05
    engine_on = moving or (heat.engine_on and standing_s < ENGINE_STOPS_AFTER_S)
    # Driving wind cools the bonnet that the engine heats from below.
    limit = bonnet_limit_k(type_id) * (1.0 - 0.35 * min(motion.speed_mps / 25.0, 1.0)) if engine_on else 0.0
    if type_id.startswith(MOTORCYCLES):
        limit *= 2.0
    exhaust = 0.0 if not engine_on or type_id.startswith(ELECTRIC) else 45.0 + 40.0 * motion.throttle
    tyres = 4.0 + 0.9 * motion.speed_mps if moving else 0.0
    # Braking power per mass is v * a; 0.35 K per J/kg is what cast discs (460 J/kg K) of 0.6 % of its mass gain.
    braking = 0.35 * motion.brake * 6.0 * motion.speed_mps * delta_s
    engine_s = ENGINE_WARM_UP_S if engine_on else ENGINE_COOL_DOWN_S
    return HeatState(
        _towards(heat.bonnet_k, limit, delta_s, engine_s),
        _towards(heat.exhaust_k, exhaust, delta_s, 60.0 if engine_on else 400.0),
        _towards(heat.tyres_k, tyres, delta_s, TYRE_S),
        min(_towards(heat.brakes_k, 0.4 * tyres, delta_s, BRAKE_COOL_S) + braking, 150.0),
        _towards(heat.cabin_k, 4.0 if engine_on else 0.0, delta_s, 900.0),
        heat.face_k,
        heat.hands_k,
        heat.clothing_k,
        engine_on,
    )


def _towards(value: float, target: float, delta_s: float, constant_s: float) -> float:
    return target + (value - target) * _decay(delta_s, constant_s)


@lru_cache(maxsize=64)
def _decay(delta_s: float, constant_s: float) -> float:
    """The same few of them for every actor and tick."""
    return math.exp(-delta_s / constant_s)


@lru_cache(maxsize=256)
def _is_person(type_id: str) -> bool:
    """On foot or on a bicycle: nothing about them warms up."""
    return type_id.startswith(("walker.", *BICYCLES))


@dataclass(frozen=True)
class _Watched:
    actor: carla.Actor
    type_id: str
    is_person: bool
    centre: tuple[float, float, float]
    extent: tuple[float, float, float]


class HeatTracker:
    """Keeps the heat of all vehicles and walkers of a world from snapshot to snapshot.

    What is drawn for an actor goes by its id less `ids_from`: a server that goes on counting from episode to episode
    can so give equal episodes equal draws.
    """

    def __init__(self, world: carla.World, ambient: Ambient, seed: int = 0, ids_from: int = 0) -> None:
        self._world = world
        self._ambient = ambient
        self._seed = seed
        self._ids_from = ids_from
        self._watched: dict[int, _Watched | None] = {}
        self._heat: dict[int, HeatState] = {}
        self._standing_s: dict[int, float] = {}
        self._time_s: float | None = None

    @property
    def ambient(self) -> Ambient:
        return self._ambient

    @ambient.setter
    def ambient(self, ambient: Ambient) -> None:
        """A change of weather: skin and clothes at once, engines and tyres stay as far above the air."""
        self._ambient = ambient
        for actor_id, heat in self._heat.items():
            watched = self._watched[actor_id]
            assert watched is not None
            thickness = float(unit_draws(self._seed, actor_id - self._ids_from, 1)[0])
            self._heat[actor_id] = dressed(heat, watched.type_id, ambient, thickness)

    def update(self, snapshot: carla.WorldSnapshot) -> tuple[ActorState, ...]:
        """All vehicles and walkers with their pose and heat at the snapshot's simulation time, by id."""
        time_s = snapshot.timestamp.elapsed_seconds
        delta_s = 0.0 if self._time_s is None else max(0.0, time_s - self._time_s)
        self._time_s = time_s
        rows = {row.id: row for row in snapshot}
        self._watch(rows.keys())
        present = sorted(rows.keys() & self._heat.keys())
        poses = np.array([rows[actor_id].get_transform().get_matrix() for actor_id in present], np.float32)
        states = []
        for actor_id, pose in zip(present, poses):
            watched = self._watched[actor_id]
            assert watched is not None
            heat = self._advance(actor_id, rows[actor_id], watched, delta_s)
            states.append(ActorState(actor_id, watched.type_id, pose, watched.centre, watched.extent, heat))
        for gone in self._heat.keys() - rows.keys():
            del self._heat[gone], self._standing_s[gone], self._watched[gone]
        return tuple(states)

    def _advance(self, actor_id: int, row: carla.ActorSnapshot, watched: _Watched, delta_s: float) -> HeatState:
        if watched.is_person:
            return self._heat[actor_id]
        velocity = row.get_velocity()
        speed = math.sqrt(velocity.x**2 + velocity.y**2 + velocity.z**2)
        control = watched.actor.get_control()
        motion = Motion(speed, control.throttle, control.brake)
        standing_s = 0.0 if speed > 0.5 else self._standing_s[actor_id] + delta_s
        heat = advance(self._heat[actor_id], watched.type_id, motion, delta_s, standing_s)
        self._standing_s[actor_id], self._heat[actor_id] = standing_s, heat
        return heat

    def _watch(self, ids: Set[int]) -> None:
        """Asks the server about actors that were not there before; sensors, lights and props are of no interest."""
        new = sorted(ids - self._watched.keys())
        if not new:
            return
        self._watched.update(dict.fromkeys(new))
        for actor in self._world.get_actors(new):
            if not actor.type_id.startswith(("vehicle.", "walker.pedestrian")):
                continue
            box = actor.bounding_box
            self._watched[actor.id] = _Watched(
                actor,
                actor.type_id,
                _is_person(actor.type_id),
                (box.location.x, box.location.y, box.location.z),
                (box.extent.x, box.extent.y, box.extent.z),
            )
            role = actor.attributes.get("role_name", "")
            drawn_for = actor.id - self._ids_from
            self._heat[actor.id] = initial_heat(actor.type_id, role, self._ambient, self._seed, drawn_for)
            self._standing_s[actor.id] = 0.0
