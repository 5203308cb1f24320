"""What clients do to traffic lights and street lamps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from simulator.types import BoundingBox, LightState, Rotation, TrafficLightState, Vector3D
from simulator.world.actor import Kind, WrongKind
from simulator.world.poses import matrix
from simulator.world.signals import GREEN, RED, YELLOW
from simulator.world.state import WorldState

_HEADS = (Vector3D(-2.4, 0.16, 5.21), Vector3D(0.0, 0.22, 2.96))
_HEAD_HALF = Vector3D(0.19, 0.12, 0.51)


class LightCommands(WorldState):
    """Methods bear the names of the RPC methods."""

    def set_traffic_light_state(self, actor_id: int, state: TrafficLightState) -> None:
        self.signals.set_state(self._light(actor_id), state)

    def set_traffic_light_green_time(self, actor_id: int, time_s: float) -> None:
        self.signals.set_time_s(self._light(actor_id), GREEN, time_s)

    def set_traffic_light_yellow_time(self, actor_id: int, time_s: float) -> None:
        self.signals.set_time_s(self._light(actor_id), YELLOW, time_s)

    def set_traffic_light_red_time(self, actor_id: int, time_s: float) -> None:
        self.signals.set_time_s(self._light(actor_id), RED, time_s)

    def freeze_traffic_light(self, actor_id: int, frozen: bool) -> None:
        self.signals.freeze(self._light(actor_id), frozen)

    def freeze_all_traffic_lights(self, frozen: bool) -> None:
        self.signals.freeze_all(frozen)

    def reset_traffic_light_group(self, actor_id: int) -> None:
        self.signals.reset_group(self._light(actor_id))

    def reset_all_traffic_lights(self) -> None:
        self.signals.reset()

    def get_group_traffic_lights(self, actor_id: int) -> tuple[int, ...]:
        """All lights of the junction, this one too."""
        lights = self.signals.junction_of[self._light(actor_id)].lights
        return tuple(sorted(int(self.light_ids[light]) for light in lights))

    def get_light_boxes(self, actor_id: int) -> tuple[BoundingBox, ...]:
        """Boxes of the lamp heads in world axes."""
        self._light(actor_id)
        transform = self.transform_of(actor_id)
        m = matrix(transform)
        return tuple(
            BoundingBox(
                Vector3D(*(m[:3, :3] @ head + m[:3, 3]).tolist()),
                _HEAD_HALF,
                Rotation(yaw=transform.rotation.yaw),
                actor_id,
            )
            for head in _HEADS
        )

    def query_lights_state(self) -> tuple[LightState, ...]:
        return tuple(self.lamps)

    def update_lights_state(self, lights: Iterable[LightState]) -> None:
        """Unknown lamps are left out."""
        place = {lamp.id: k for k, lamp in enumerate(self.lamps)}
        for light in lights:
            if light.id in place:
                self.lamps[place[light.id]] = light

    day_night_cycle: bool
    """Off at first: lamps burn as they are told to."""

    def update_day_night_cycle(self, enabled: bool) -> None:
        self.day_night_cycle = enabled

    def follow_the_sun(self) -> bool:
        """With the cycle on, lamps burn when the sun is below the horizon; whether any was switched."""
        if not self.day_night_cycle:
            return False
        dark = self.seen_weather.sun_altitude_angle < 0.0
        switched = any(lamp.active != dark for lamp in self.lamps)
        if switched:
            self.lamps = [replace(lamp, active=dark) for lamp in self.lamps]
        return switched

    def _light(self, actor_id: int) -> int:
        actor = self.actor(actor_id)
        if actor.kind is not Kind.TRAFFIC_LIGHT:
            raise WrongKind(actor, "traffic light")
        return actor.row
