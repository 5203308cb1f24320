"""Vehicles: control, physics, lights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.methods.registry import rpc
from simulator.types import (
    AckermannControllerSettings,
    VehicleAckermannControl,
    VehicleControl,
    VehicleLightState,
    VehiclePhysicsControl,
    VehicleTelemetryData,
)

if TYPE_CHECKING:
    from simulator.session import Session


class LightFlags(NamedTuple):
    flags: VehicleLightState


@rpc
def apply_control_to_vehicle(session: Session, actor_id: int, control: VehicleControl) -> None:
    session.world.apply_control_to_vehicle(actor_id, control)


@rpc
def apply_ackermann_control_to_vehicle(session: Session, actor_id: int, control: VehicleAckermannControl) -> None:
    session.world.apply_ackermann_control_to_vehicle(actor_id, control)


@rpc
def get_ackermann_controller_settings(session: Session, actor_id: int) -> AckermannControllerSettings:
    return session.world.get_ackermann_controller_settings(actor_id)


@rpc
def apply_ackermann_controller_settings(session: Session, actor_id: int, settings: AckermannControllerSettings) -> None:
    session.world.apply_ackermann_controller_settings(actor_id, settings)


@rpc
def get_physics_control(session: Session, actor_id: int) -> VehiclePhysicsControl:
    return session.world.get_physics_control(actor_id)


@rpc
def apply_physics_control(session: Session, actor_id: int, physics: VehiclePhysicsControl) -> None:
    session.world.apply_physics_control(actor_id, physics)


@rpc
def get_telemetry_data(session: Session, actor_id: int) -> VehicleTelemetryData:
    return session.world.get_telemetry_data(actor_id)


@rpc
def show_vehicle_debug_telemetry(session: Session, actor_id: int, enabled: bool) -> None:
    """There is no window to show it in."""


@rpc
def get_vehicle_light_state(session: Session, actor_id: int) -> LightFlags:
    return LightFlags(session.world.get_vehicle_light_state(actor_id))


@rpc
def set_vehicle_light_state(session: Session, actor_id: int, lights: LightFlags) -> None:
    session.world.set_vehicle_light_state(actor_id, lights.flags)


@rpc
def get_vehicle_light_states(session: Session) -> tuple[tuple[int, int], ...]:
    return tuple((actor_id, int(flags)) for actor_id, flags in session.world.get_vehicle_light_states())


@rpc
def get_wheel_steer_angle(session: Session, actor_id: int, wheel: int) -> float:
    return session.world.get_wheel_steer_angle(actor_id, wheel)
