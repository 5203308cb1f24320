"""Everything that lives around the ego on one route: hazards, traffic, walkers, lights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import carla

from results.ticks import Tick
from scenarios.criteria import Criterion, criteria_for, read_signs
from scenarios.definition import ScenarioDefinition
from scenarios.errors import ScenarioError
from scenarios.fitting import not_staged, off_way, triggers
from scenarios.hazards import HAZARDS, Hazard, Place, distance_m
from scenarios.lights import RouteLights
from scenarios.planner import RoutePlan
from scenarios.recorder import Recorder
from scenarios.situation import Situation
from scenarios.spawning import EGO_BLUEPRINT, Spawner, half_length_m, speed_mps
from scenarios.specs import RouteSpec, ScenarioSpec
from scenarios.traffic import Traffic
from scenarios.walkers import Strollers

EGO_DROP_M = 0.5


class Stage:
    """Spawned by its constructor, moved by `step`, told by `observe`, cleared by `destroy`.

    Equal seeds make equal stages: actors are spawned in one order and move by simulation time and distance alone.
    """

    def __init__(
        self,
        client: carla.Client,
        world: carla.World,
        plan: RoutePlan,
        spec: RouteSpec,
        definition: ScenarioDefinition,
        seed: int,
        tm_port: int,
    ) -> None:
        self.plan = plan
        self.spec = spec
        self.definition = definition
        self.world = world
        self.carla_map: carla.Map = world.get_map()
        self._client = client
        self._spawner = Spawner(client, world)
        self._traffic: Traffic | None = None
        self._last_s = 0.0
        self._weather_percentage = -1
        try:
            self._build(seed, tm_port)
        except ScenarioError as error:
            self.destroy()
            where = "" if str(error).startswith(spec.source.rpartition(":")[0]) else f"{spec.source}: route {spec.id}: "
            raise ScenarioError(f"{where}{error}") from error
        except BaseException:
            self.destroy()
            raise

    def _build(self, seed: int, tm_port: int) -> None:
        self._set_weather(0.0)
        self.signs = read_signs(self.world, self.carla_map)
        start = carla.Transform(self.plan.points[0][0].location, self.plan.points[0][0].rotation)
        start.location.z += EGO_DROP_M
        ego = self._spawner.spawn(EGO_BLUEPRINT, start, "hero", {"color": "190,190,195"})
        assert isinstance(ego, carla.Vehicle)
        self.ego: carla.Vehicle = ego
        self._ego_half_length_m = half_length_m(ego)  # asks the server
        self.left_out: dict[str, str] = {**not_staged(self.spec), **off_way(self.plan, self.spec)}
        """Why scenarios of the route are missing, by their names."""
        self.hazards: dict[str, Hazard] = {}
        places = []
        for scenario, trigger_m in triggers(self.plan, self.spec):
            hazard = self._set_up(scenario, trigger_m)
            if hazard is not None:
                self.hazards[scenario.name] = hazard
                places.append(trigger_m + distance_m(scenario))
        self.hazard_actors: tuple[carla.Actor, ...] = tuple(a for h in self.hazards.values() for a in h.actors)
        self._elapsed_s = dict.fromkeys(self.hazards, 0.0)
        counts = self.definition.traffic
        self._traffic = Traffic(self._client, self.carla_map, self.plan, self._spawner, counts.vehicles, seed, tm_port)
        self._walkers = Strollers(self.carla_map, self.plan, self._spawner, counts.walkers, tuple(places), seed)
        lights = sorted(self.world.get_actors().filter("traffic.traffic_light"), key=lambda light: light.id)
        self._recorder = Recorder(self.ego, self.plan, self.signs, lights, self._spawner)
        vehicles = [a for a in (*self.hazard_actors, *self._traffic.vehicles) if isinstance(a, carla.Vehicle)]
        self._lights = RouteLights(self.world, self.ego, vehicles)
        self._client.apply_batch_sync(self._lights.begin(start.location, self._weather, self._unlit()), False)
        self._traffic.start()

    def _set_up(self, scenario: ScenarioSpec, trigger_m: float) -> Hazard | None:
        """None for one of a benchmark's file that finds no room, or no light: the leaderboard drives on without it."""
        count = len(self._spawner.actors)
        try:
            place = Place(self.world, self.carla_map, self.plan, scenario, trigger_m, self._spawner)
            return HAZARDS[scenario.type](place)
        except ScenarioError as error:
            if not self.spec.leaves_out:
                raise
            self._spawner.destroy_since(count)
            where = "" if str(error).startswith(scenario.source) else f"{scenario.source}: {scenario.name}: "
            self.left_out[scenario.name] = f"{where}{error}"
            return None

    @property
    def weather(self) -> carla.WeatherParameters:
        """The world's, until `step` sets another."""
        return self._weather

    def criteria(self) -> tuple[Criterion, ...]:
        """Fresh criteria for this route."""
        return criteria_for(self.plan, self.carla_map, self.signs, self.definition.limits, self._ego_half_length_m)

    def step(self, time_s: float) -> None:
        """Before `world.tick()`: what everybody does next, from the poses of the last snapshot. Asks nobody's clock."""
        self._recorder.follow()
        situation = Situation(
            time_s=time_s,
            delta_s=max(time_s - self._last_s, 0.0),
            ego_m=self._recorder.progress_m,
            ego_speed_mps=speed_mps(self.ego),
            ego_half_length_m=self._ego_half_length_m,
        )
        self._last_s = time_s
        commands: list[Any] = []
        for name, hazard in self.hazards.items():
            commands += hazard.step(situation)
            if hazard.is_active:
                self._elapsed_s[name] += situation.delta_s
        commands += self._walkers.step()
        self._set_weather(100.0 * situation.ego_m / self.plan.length_m)
        commands += self._lights.step(time_s, self._weather, self._unlit())
        if commands:
            self._client.apply_batch(commands)

    def observe(self, snapshot: carla.WorldSnapshot, time_s: float) -> Tick:
        """The tick's record; call it when the sensors' data of this frame have arrived, contacts then have as well."""
        return self.with_contacts(self.observe_snapshot(snapshot, time_s), snapshot)

    def with_contacts(self, tick: Tick, snapshot: carla.WorldSnapshot) -> Tick:
        """What `observe_snapshot` made, complete; call it when the sensors' data of this frame have arrived."""
        contacts = self._recorder.contacts_until(snapshot.frame)
        return replace(tick, contacts=contacts) if contacts else tick

    def observe_snapshot(self, snapshot: carla.WorldSnapshot, time_s: float) -> Tick:
        """The tick's record but for its contacts, which may still be on their way: once for each tick."""
        assert self._traffic is not None
        limit_s = self.definition.limits.scenario_timeout_s
        timed_out = tuple(name for name, elapsed in self._elapsed_s.items() if elapsed > limit_s)
        for name in timed_out:
            self._elapsed_s[name] = float("-inf")
        return self._recorder.tick(
            snapshot.frame,
            time_s,
            self._traffic.mean_speed_mps(),
            self.hazard_actors,
            tuple(name for name, hazard in self.hazards.items() if hazard.is_active),
            tuple(name for name, hazard in self.hazards.items() if hazard.holds_ego),
            timed_out,
        )

    def destroy(self) -> None:
        """Remove every actor of this stage. Safe to call twice."""
        if self._traffic is not None:
            self._traffic.stop()
            self._traffic = None
        self._spawner.destroy_all()

    def _unlit(self) -> frozenset[int]:
        dark = (hazard for hazard in self.hazards.values() if hazard.is_unlit)
        return frozenset(actor.id for hazard in dark for actor in hazard.actors)

    def _set_weather(self, percentage: float) -> None:
        """Once for a scenario with weather of its own; a route's weather changes by the per cent."""
        step = int(percentage) if self.definition.weather is None and len(self.spec.weathers) > 1 else 0
        if step == self._weather_percentage:
            return
        self._weather_percentage = step
        self._weather = self.definition.weather_parameters(self.spec, float(step))
        self.world.set_weather(self._weather)
