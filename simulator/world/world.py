"""The world: everything that moves or changes in a town, stepped in fixed time.

The same commands in the same order give the same bits: state is float64, loops run in the order of rows and ids, noise
comes from the seed, the sensor and the step. Time starts at 0 with every episode; frames, actor and stream ids go on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.towns.town import Town
from simulator.types import (
    BoundingBox,
    EpisodeSettings,
    LightState,
    Rotation,
    Transform,
    Vector3D,
    VehicleControl,
)
from simulator.world import contacts, dynamics, gnss, imu, settling, snapshot
from simulator.world.actor import Actor, Kind
from simulator.world.actor_commands import ActorCommands
from simulator.world.approach import LightZones, SpeedLimits, outlook
from simulator.world.blueprints import catalogue
from simulator.world.bodies import BODY_DTYPE, VEHICLE, Bodies
from simulator.world.events import Collision, GnssReading, ImuReading, StepEvents
from simulator.world.lifecycle import POLE_TAGS, Lifecycle
from simulator.world.looks import Looks
from simulator.world.motion import Motion
from simulator.world.obstacles import Obstacles
from simulator.world.poses import matrices, matrix
from simulator.world.rays import RayQueries
from simulator.world.signals import Signals
from simulator.world.single_track import GRAVITY
from simulator.world.state import TOWN_WEATHER
from simulator.world.vehicle_commands import VehicleCommands
from simulator.world.walker_commands import WalkerCommands

_LEAST_IMPULSE_N_S = 1.0


class World(
    Lifecycle,
    ActorCommands,
    VehicleCommands,
    WalkerCommands,
    Looks,
    RayQueries,
    Motion,
):
    """One simulated world. Not for use by two threads at once."""

    def __init__(self, town: Town, seed: int = 0) -> None:
        self.seed = seed
        self.frame = 0
        self.episode_id = 0
        self.settings = EpisodeSettings()
        self.gravity = GRAVITY
        self._types_of_ids = {}
        self._poses_drawn = set()
        self.load(town)

    def load(self, town: Town) -> None:
        """Starts a new episode: only the spectator and the actors that come with the town are left. Settings stay."""
        self.town = town
        self.episode_id += 1
        self.steps, self.elapsed_s, self.delta_s = 0, 0.0, 0.0
        self.weather = TOWN_WEATHER
        self.actors, self.vehicles, self.walkers = {}, {}, {}
        self.bodies = Bodies()
        self._palettes, self._lamps_seen = {}, None
        self._imu_velocity: dict[int, NDArray[np.float64]] = {}
        self._wall = np.zeros(1, BODY_DTYPE)
        self.signals = Signals(town.traffic_lights, self.seed)
        self.zones, self.limits = LightZones(town.traffic_lights), SpeedLimits(town.lanes)
        self.georeference = gnss.geo_reference(town.opendrive)
        self.lamps = [LightState(lamp.id, lamp.location, lamp.luminous_flux_lm) for lamp in town.street_lamps]
        above = town.spawn_points[0] if town.spawn_points else Transform()
        view = Transform(above.location._replace(z=above.location.z + 8.0), Rotation(-25.0, above.rotation.yaw, 0.0))
        self.spectator_id = self._add_fixture(Kind.SPECTATOR, catalogue.SPECTATOR, view, BoundingBox()).id
        lights = [
            self._add_fixture(
                Kind.TRAFFIC_LIGHT, "traffic.traffic_light", site.transform, site.trigger, site.signal_id, row
            )
            for row, site in enumerate(town.traffic_lights)
        ]
        self.light_ids = np.array([light.id for light in lights], np.int64)
        stops = [
            self._add_fixture(Kind.SIGN, "traffic.stop", s.transform, s.trigger, s.signal_id) for s in town.stop_signs
        ]
        limits = [
            self._add_fixture(
                Kind.SIGN, f"traffic.speed_limit.{s.limit_kmh}", s.transform, BoundingBox(), s.signal_id, -1
            )
            for s in town.speed_limits
        ]
        yields = [
            self._add_fixture(Kind.SIGN, "traffic.yield", s.transform, s.trigger, s.signal_id) for s in town.yield_signs
        ]
        self._fixtures = [*lights, *stops, *limits, *yields]
        self._fixture_poses = matrices([[*a.transform.location, *a.transform.rotation] for a in self._fixtures])[:, :3]
        poles = [(actor.id, actor.transform, POLE_TAGS[actor.kind]) for actor in self._fixtures]
        self.obstacles = Obstacles(town.obstacles, poles)
        self.day_night_cycle = False
        self.show_all_objects()
        self.clear_debug_shapes()

    def destroy(self, actor_id: int) -> None:
        super().destroy(actor_id)
        self._palettes.pop(actor_id, None)
        self._imu_velocity.pop(actor_id, None)

    def step(self, delta_s: float) -> StepEvents:
        """Advances by one frame of `delta_s` seconds."""
        if not (math.isfinite(delta_s) and delta_s > 0.0):
            raise ValueError(f"a step takes a positive number of seconds, got {delta_s}")
        self.frame, self.steps = self.frame + 1, self.steps + 1
        self.delta_s, self.elapsed_s = delta_s, self.elapsed_s + delta_s
        self.signals.step(delta_s)
        self._follow_ackermann(delta_s)
        self._apply_friction_triggers()
        pairs, impulses = self._move(delta_s)
        self._finish_motion(delta_s)
        self._follow_parents()
        self._read_the_road()
        sensors = self.groups().sensors
        due = frozenset(actor.id for actor in sensors if self._due(actor))
        return StepEvents(
            self.frame,
            self.elapsed_s,
            delta_s,
            due,
            self._collisions(pairs, impulses, _of_type(sensors, "sensor.other.collision")),
            tuple(filter(None, [self._imu(actor, due) for actor in _of_type(sensors, "sensor.other.imu")])),
            tuple(self._gnss(actor) for actor in _of_type(sensors, "sensor.other.gnss") if actor.id in due),
        )

    def snapshot_rows(self) -> NDArray[np.void]:
        """(n,) rows of the wire's snapshot, one per live actor."""
        return snapshot.snapshot_rows(self)

    # The parts of a step

    def _move(self, delta_s: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """All sub-steps; the pairs that were near each other and the impulse (x, y), N s, on the second one of each."""
        bodies, active = self.bodies, self.bodies.active
        count = max(1, math.ceil(delta_s / dynamics.MAX_SUBSTEP_S - 1e-9))
        wheels = dynamics.wheel_points(bodies.rows, bodies.drives, active)
        ground, slopes = self._ground_below(wheels)
        pairs = contacts.near(bodies.rows, active, self.obstacles.boxes, self.obstacles.grid, delta_s)
        impulses = np.zeros((len(pairs), 2))
        for _ in range(count):
            dynamics.advance(bodies.rows, bodies.drives, active, ground, slopes, delta_s / count)
            if len(pairs):
                contacts.collide(bodies.rows, self.obstacles.boxes, self._wall, pairs, impulses)
        bodies.calm()
        return pairs, impulses

    def _ground_below(self, wheels: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """wheels (n, 4, 2) -> heights of the ground (n, 4), m, and slopes of the land (n, 2) along x and y."""
        relief, points = self.town.relief, wheels.reshape(-1, 2)
        if relief is None:
            return np.asarray(self.town.ground_height_m(points), np.float64).reshape(-1, 4), np.zeros((len(wheels), 2))
        z = np.repeat(self.bodies.rows["z"][self.bodies.active], 4)
        return (
            self.town.ground_height_m(points, z).astype(np.float64).reshape(-1, 4),
            relief.slopes(wheels, z[::4]),
        )

    def _finish_motion(self, delta_s: float) -> None:
        """Mean accelerations, velocities of what is moved by hand, phases of stride and pedals."""
        settling.finish(self.bodies.rows, self.bodies.active, delta_s)
        for actor_id, vehicle in self.vehicles.items():
            if not vehicle.sticky:
                self._set_control(vehicle, self.actors[actor_id].row, VehicleControl())

    def _read_the_road(self) -> None:
        """Which light and which limit each vehicle has before it."""
        active = self.bodies.active
        cars = active[self.bodies.rows["kind"][active] == VEHICLE]
        centre, front, forward = outlook(self.bodies.rows, cars)
        drives = self.bodies.drives
        drives["light"][cars] = self.zones.at(centre, front, forward)
        places = np.column_stack([centre, self.bodies.rows["z"][cars]])
        drives["speed_limit_kmh"][cars] = self.limits.kmh(places, drives["speed_limit_kmh"][cars])

    def _apply_friction_triggers(self) -> None:
        triggers = self.groups().triggers
        for actor_id, vehicle in self.vehicles.items():
            if not triggers and vehicle.trigger_friction is None:
                continue
            within = [float(t.description.get("friction", "3.5")) for t in triggers if self._is_within(actor_id, t)]
            friction = within[-1] if within else None
            if friction != vehicle.trigger_friction:
                vehicle.trigger_friction = friction
                self._set_grip(vehicle, self.actors[actor_id].row)

    def _is_within(self, actor_id: int, trigger: Actor) -> bool:
        m = matrix(self.transform_of(trigger.id))
        local = m[:3, :3].T @ (np.array(self.transform_of(actor_id).location) - m[:3, 3])
        return bool((np.abs(local) <= np.array(trigger.bounding_box.extent)).all())

    # Sensors

    def _due(self, actor: Actor) -> bool:
        """Whether its `sensor_tick` has come round: at its first frame and then once per period."""
        if self.elapsed_s < actor.next_due_s - 1e-6:
            return False
        began_s = self.elapsed_s if actor.next_due_s == -math.inf else actor.next_due_s
        actor.next_due_s = max(began_s + actor.sensor_tick_s, self.elapsed_s)
        return True

    def _collisions(
        self, pairs: NDArray[np.int64], impulses: NDArray[np.float64], detectors: list[Actor]
    ) -> tuple[Collision, ...]:
        if not detectors:
            return ()
        sensors = defaultdict(list)
        for detector in detectors:
            sensors[detector.parent_id].append(detector.id)
        found: list[Collision] = []
        for k in np.flatnonzero(np.hypot(impulses[:, 0], impulses[:, 1]) > _LEAST_IMPULSE_N_S):
            first, second = pairs[k].tolist()
            x, y = impulses[k].tolist()
            a = self.actors[int(self.bodies.rows[first]["actor"])].record()
            if second >= 0:
                b = self.actors[int(self.bodies.rows[second]["actor"])].record()
            else:
                owner = self.obstacles.owners[-1 - second]
                b = self.record(owner) if owner else self.obstacles.record(-1 - second)
            for own, other, impulse in ((a, b, Vector3D(-x, -y, 0.0)), (b, a, Vector3D(x, y, 0.0))):
                found.extend(
                    Collision(sensor, own.id, other.id, impulse, own, other) for sensor in sensors.get(own.id, ())
                )
        return tuple(found)

    def _imu(self, actor: Actor, due: frozenset[int]) -> ImuReading | None:
        """Every step follows its velocity, due or not: the acceleration is its change."""
        m = matrix(actor.transform)
        velocity, turning = self.motion_of(actor)
        acceleration = (velocity - self._imu_velocity.get(actor.id, velocity)) / self.delta_s
        self._imu_velocity[actor.id] = velocity
        if actor.id not in due:
            return None
        where = {"seed": self.seed, "sensor": actor.id - self.spectator_id, "step": self.steps}
        return ImuReading(
            actor.id, *imu.measure(actor.description, m[:3, :3], acceleration, turning, self.gravity, **where)
        )

    def _gnss(self, actor: Actor) -> GnssReading:
        where = {"seed": self.seed, "sensor": actor.id - self.spectator_id, "step": self.steps}
        return GnssReading(
            actor.id, *gnss.measure(actor.description, self.georeference, actor.transform.location, **where)
        )


def _of_type(actors: Sequence[Actor], type_id: str) -> list[Actor]:
    return [actor for actor in actors if actor.type_id == type_id]
