"""Switches of sensors that concern other outlets than the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import Refused, rpc
from simulator.types import U32

if TYPE_CHECKING:
    from simulator.session import Session


@rpc
def is_sensor_enabled_for_ros(session: Session, stream_id: U32) -> bool:
    return False


@rpc
def disable_sensor_for_ros(session: Session, stream_id: U32) -> None:
    """It never was."""


@rpc
def enable_sensor_for_ros(session: Session, stream_id: U32) -> None:
    raise Refused("ROS 2 is not enabled: the server was built without it")


@rpc
def enable_gbuffers(session: Session, actor_id: int, enabled: bool) -> None:
    """Refused only when they are wanted: clients switch them off to be sure."""
    session.world.record(actor_id)
    if enabled:
        raise Refused("G-buffers are not available: this renderer keeps none in Unreal's form")


@rpc
def are_gbuffers_enabled(session: Session, actor_id: int) -> bool:
    session.world.record(actor_id)
    return False


@rpc
def get_gbuffer_token(session: Session, actor_id: int, gbuffer: int) -> bytes:
    session.world.record(actor_id)
    raise Refused("G-buffers are not available: this renderer keeps none in Unreal's form")


@rpc
def send(session: Session, actor_id: int, message: str) -> None:
    """Of a custom V2X sensor: there is no radio here, nobody hears it."""
    session.world.record(actor_id)
