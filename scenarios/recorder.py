"""Writes down the state of each tick: what the criteria need, and nothing they could not have again from disk."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import carla

from results.ticks import ActorTrace, Contact, Tick
from scenarios.criteria.signs import Signs
from scenarios.planner import RoutePlan
from scenarios.spawning import Spawner
from scenarios.vectors import vector_of

NEAR_LIGHTS_M = 60.0
SEARCH_BACK, SEARCH_ON = 5, 25


class Recorder:
    def __init__(
        self, ego: carla.Vehicle, plan: RoutePlan, signs: Signs, lights: Sequence[carla.TrafficLight], spawner: Spawner
    ) -> None:
        self._ego = ego
        self._plan = plan
        route_lights = {
            site.light_id
            for site in signs.lights
            if any(plan.nearest(*line.left)[1] < NEAR_LIGHTS_M for line in site.stop_lines)
        }
        self._lights = [light for light in lights if light.id in route_lights]
        self._index = 0
        self._contacts: list[tuple[int, Contact]] = []
        self._lock = threading.Lock()
        sensor = spawner.spawn("sensor.other.collision", carla.Transform(), "judge", parent=ego)
        assert isinstance(sensor, carla.Sensor)
        sensor.listen(self._on_collision)

    @property
    def progress_m(self) -> float:
        return float(self._plan.distance_m[self._index])

    def follow(self) -> None:
        """Move the place along the route on to the nearest point near the last one."""
        location = self._ego.get_location()
        first = max(self._index - SEARCH_BACK, 0)
        window = self._plan.xyz[first : self._index + SEARCH_ON + 1]
        away = (window[:, 0] - location.x) ** 2 + (window[:, 1] - location.y) ** 2
        self._index = first + int(away.argmin())

    def tick(
        self,
        frame: int,
        time_s: float,
        background_mean_speed_mps: float,
        actors: Sequence[carla.Actor],
        active: tuple[str, ...],
        holding: tuple[str, ...],
        timed_out: tuple[str, ...],
    ) -> Tick:
        self.follow()
        transform, control = self._ego.get_transform(), self._ego.get_control()
        location, rotation = transform.location, transform.rotation
        point = self._plan.xyz[self._index]
        return Tick(
            frame=frame,
            time_s=time_s,
            location=vector_of(location),
            rotation=(rotation.pitch, rotation.yaw, rotation.roll),
            velocity=vector_of(self._ego.get_velocity()),
            acceleration=vector_of(self._ego.get_acceleration()),
            angular_velocity=vector_of(self._ego.get_angular_velocity()),
            throttle=control.throttle,
            steer=control.steer,
            brake=control.brake,
            hand_brake=control.hand_brake,
            reverse=control.reverse,
            route_progress_m=self.progress_m,
            route_offset_m=math.hypot(location.x - point[0], location.y - point[1]),
            background_mean_speed_mps=background_mean_speed_mps,
            speed_limit_kmh=float(self._ego.get_speed_limit()),
            lights=tuple((light.id, int(light.get_state())) for light in self._lights),
            actors=tuple(_trace(actor) for actor in actors),
            active_scenarios=active,
            holding_scenarios=holding,
            timed_out_scenarios=timed_out,
        )

    def _on_collision(self, event: carla.CollisionEvent) -> None:
        other = event.other_actor
        impulse, location = event.normal_impulse, event.transform.location
        contact = Contact(other.id, other.type_id, vector_of(impulse), vector_of(location))
        with self._lock:
            self._contacts.append((event.frame, contact))

    def contacts_until(self, frame: int) -> tuple[Contact, ...]:
        """Those of this frame, and of earlier ones that came late; ordered, since threads deliver them in any order."""
        with self._lock:
            due = sorted(
                (item for item in self._contacts if item[0] <= frame), key=lambda item: (item[0], item[1].other_id)
            )
            self._contacts = [item for item in self._contacts if item[0] > frame]
        return tuple(contact for _, contact in due)


def _trace(actor: carla.Actor) -> ActorTrace:
    transform, velocity = actor.get_transform(), actor.get_velocity()
    location = transform.location
    return ActorTrace(
        actor.id,
        location.x,
        location.y,
        location.z,
        transform.rotation.yaw,
        math.hypot(velocity.x, velocity.y),
    )
