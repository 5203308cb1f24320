"""What a world consists of; the commands of clients and the step work on this."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.towns.town import Town
from simulator.types import (
    AckermannControllerSettings,
    ActorDefinition,
    ActorRecord,
    EpisodeSettings,
    LightState,
    Transform,
    VehicleAckermannControl,
    VehicleControl,
    VehicleLightState,
    VehiclePhysicsControl,
    WalkerControl,
    WeatherParameters,
)
from simulator.world.actor import Actor, ActorNotFound, Kind
from simulator.world.approach import LightZones, SpeedLimits
from simulator.world.blueprints import catalogue
from simulator.world.bodies import Bodies
from simulator.world.gnss import GeoReference
from simulator.world.obstacles import Obstacles
from simulator.world.poses import matrix, transform_of
from simulator.world.signals import Signals

TOWN_WEATHER = WeatherParameters()
"""With which every episode begins."""


@dataclass(eq=False)
class VehicleState:
    """What a vehicle has beyond its rows in the tables."""

    physics: VehiclePhysicsControl
    control: VehicleControl = field(default_factory=VehicleControl)
    lights: VehicleLightState = VehicleLightState.NONE
    sticky: bool = True
    trigger_friction: float | None = None
    """Of the friction trigger that it is in; holds instead of that of its tyres."""
    ackermann: VehicleAckermannControl | None = None
    ackermann_settings: AckermannControllerSettings = field(default_factory=AckermannControllerSettings)
    wheel_steer_deg: dict[int, float] = field(default_factory=dict)
    wheel_pitch_deg: dict[int, float] = field(default_factory=dict)
    """Angles that a client has set, by wheel."""
    open_doors: set[int] = field(default_factory=set)
    ackermann_memory: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])


@dataclass(eq=False)
class WalkerState:
    """`pose`: relative transforms of bones that a client has set. `blend`: their share, 0..1."""

    control: WalkerControl = field(default_factory=WalkerControl)
    pose: dict[str, Transform] = field(default_factory=dict)
    blend: float = 0.0


@dataclass(frozen=True)
class Groups:
    """The live actors, sorted by what a step does with them; each group by id."""

    without_body: tuple[Actor, ...]
    lights: NDArray[np.intp]
    """Places of the traffic lights among those without a body, in the order of the rows of `signals`."""
    attached: tuple[Actor, ...]
    sensors: tuple[Actor, ...]
    triggers: tuple[Actor, ...]


class WorldState:
    """Fields only; see `world.World`."""

    seed: int
    town: Town
    frame: int
    steps: int
    """Steps of this episode."""
    elapsed_s: float
    delta_s: float
    episode_id: int
    settings: EpisodeSettings
    weather: WeatherParameters
    gravity: float
    definitions: tuple[ActorDefinition, ...] = catalogue.definitions()
    actors: dict[int, Actor]
    spectator_id: int
    bodies: Bodies
    vehicles: dict[int, VehicleState]
    walkers: dict[int, WalkerState]
    signals: Signals
    light_ids: NDArray[np.int64]
    """Actor ids of the rows of `signals`."""
    zones: LightZones
    limits: SpeedLimits
    lamps: list[LightState]
    obstacles: Obstacles
    georeference: GeoReference

    still_rows: NDArray[np.void] | None = None
    """What `snapshot` keeps from one step to the next."""
    _groups: Groups | None = None

    @property
    def seen_weather(self) -> WeatherParameters:
        """What cameras see of `weather`: the town's own where a client left it to the town."""
        return self.weather.with_defaults(TOWN_WEATHER)

    def groups(self) -> Groups:
        if self._groups is None:
            actors = self.actors.values()
            without_body = tuple(a for a in actors if not a.kind.has_body)
            self._groups = Groups(
                without_body,
                np.array([k for k, a in enumerate(without_body) if a.kind is Kind.TRAFFIC_LIGHT], np.intp),
                tuple(a for a in actors if a.relative is not None),
                tuple(a for a in actors if a.kind is Kind.SENSOR),
                tuple(a for a in actors if a.kind is Kind.TRIGGER),
            )
        return self._groups

    def forget_groups(self) -> None:
        """To be called when an actor came, went or was moved that has no body."""
        self._groups = self.still_rows = None

    def actor(self, actor_id: int) -> Actor:
        found = self.actors.get(actor_id)
        if found is None:
            raise ActorNotFound(actor_id)
        return found

    def record(self, actor_id: int) -> ActorRecord:
        """Without a stream token: the wire layer knows the port."""
        return self.actor(actor_id).record()

    def transform_of(self, actor_id: int) -> Transform:
        """World pose of any live actor."""
        actor = self.actor(actor_id)
        if actor.kind.has_body:
            return self.bodies.transform(actor.row)
        return actor.transform

    def _follow_parents(self) -> None:
        """Puts each attached actor where its parent carries it."""
        standing: dict[int, NDArray[np.float64]] = {}
        for actor in self.groups().attached:
            parent = self.actors.get(actor.parent_id)
            if parent is None:
                continue
            if parent.id not in standing or parent.relative is not None:  # a parent that is carried itself has moved
                standing[parent.id] = matrix(self.transform_of(parent.id))
            self._carry(actor, standing[parent.id])

    def _follow_parent(self, actor: Actor) -> None:
        """Puts an attached actor where its parent carries it."""
        if actor.relative is not None and actor.parent_id in self.actors:
            self._carry(actor, matrix(self.transform_of(actor.parent_id)))

    def _carry(self, actor: Actor, parent: NDArray[np.float64]) -> None:
        held = parent if actor.place is None else actor.place.matrix(parent)
        pose = transform_of(held @ actor.in_parent())
        if actor.kind.has_body:
            self.bodies.place(actor.row, pose)
        else:
            actor.transform = pose
