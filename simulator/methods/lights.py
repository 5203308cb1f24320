"""Traffic lights and street lamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import rpc
from simulator.types import BoundingBox, LightState, TrafficLightState

if TYPE_CHECKING:
    from simulator.session import Session


@rpc
def set_traffic_light_state(session: Session, actor_id: int, state: TrafficLightState) -> None:
    session.world.set_traffic_light_state(actor_id, state)


@rpc
def set_traffic_light_green_time(session: Session, actor_id: int, time_s: float) -> None:
    session.world.set_traffic_light_green_time(actor_id, time_s)


@rpc
def set_traffic_light_yellow_time(session: Session, actor_id: int, time_s: float) -> None:
    session.world.set_traffic_light_yellow_time(actor_id, time_s)


@rpc
def set_traffic_light_red_time(session: Session, actor_id: int, time_s: float) -> None:
    session.world.set_traffic_light_red_time(actor_id, time_s)


@rpc
def freeze_traffic_light(session: Session, actor_id: int, frozen: bool) -> None:
    session.world.freeze_traffic_light(actor_id, frozen)


@rpc
def freeze_all_traffic_lights(session: Session, frozen: bool) -> None:
    session.world.freeze_all_traffic_lights(frozen)


@rpc
def reset_traffic_light_group(session: Session, actor_id: int) -> None:
    session.world.reset_traffic_light_group(actor_id)


@rpc
def reset_all_traffic_lights(session: Session) -> None:
    session.world.reset_all_traffic_lights()


@rpc
def get_group_traffic_lights(session: Session, actor_id: int) -> tuple[int, ...]:
    return tuple(session.world.get_group_traffic_lights(actor_id))


@rpc
def get_light_boxes(session: Session, actor_id: int) -> tuple[BoundingBox, ...]:
    return tuple(session.world.get_light_boxes(actor_id))


@rpc
def query_lights_state(session: Session, client: str) -> tuple[LightState, ...]:
    """The street lamps."""
    return tuple(session.world.query_lights_state())


@rpc
def update_lights_state(session: Session, client: str, lights: tuple[LightState, ...], discard: bool) -> None:
    session.world.update_lights_state(lights)
    session.broadcast.lights_changed = True


@rpc
def update_day_night_cycle(session: Session, client: str, enabled: bool) -> None:
    """Whether street lamps go on by themselves when the sun has set, and out when it rises."""
    session.world.update_day_night_cycle(enabled)
