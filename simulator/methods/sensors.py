"""Switches of sensors that concern other outlets than the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import rpc

if TYPE_CHECKING:
    from simulator.session import Session


@rpc
def is_sensor_enabled_for_ros(session: Session, stream_id: int) -> bool:
    return False


@rpc
def disable_sensor_for_ros(session: Session, stream_id: int) -> None:
    """It never was."""
