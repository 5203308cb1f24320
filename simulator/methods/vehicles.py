"""Vehicles: control, physics, lights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.methods.registry import Refused, rpc
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


@rpc
def set_wheel_steer_direction(session: Session, actor_id: int, wheel: int, angle_deg: float) -> None:
    session.world.set_wheel_steer_direction(actor_id, wheel, angle_deg)


@rpc
def set_wheel_pitch_angle(session: Session, actor_id: int, wheel: int, angle_deg: float) -> None:
    session.world.set_wheel_pitch_angle(actor_id, wheel, angle_deg)


@rpc
def get_wheel_pitch_angle(session: Session, actor_id: int, wheel: int) -> float:
    return session.world.get_wheel_pitch_angle(actor_id, wheel)


@rpc
def open_vehicle_door(session: Session, actor_id: int, door: int) -> None:
    session.world.open_vehicle_door(actor_id, door)


@rpc
def close_vehicle_door(session: Session, actor_id: int, door: int) -> None:
    session.world.close_vehicle_door(actor_id, door)


@rpc
def set_ignored_vehicles(session: Session, actor_id: int, ignored: tuple[int, ...]) -> None:
    """No vehicle of this server looks at others: the Traffic Manager, which does, is in the client."""
    session.world.record(actor_id)


@rpc
def enable_carsim(session: Session, actor_id: int, file_name: str) -> None:
    session.world.record(actor_id)
    raise Refused("CarSim is not enabled: the server was built without it")


@rpc
def use_carsim_road(session: Session, actor_id: int, enabled: bool) -> None:
    session.world.record(actor_id)
    raise Refused("CarSim is not enabled: the server was built without it")


@rpc
def enable_chrono_physics(
    session: Session,
    actor_id: int,
    max_substeps: int,
    max_substep_s: float,
    vehicle_json: str,
    powertrain_json: str,
    tire_json: str,
    base_path: str,
) -> None:
    session.world.record(actor_id)
    raise Refused("Chrono is not enabled: the server was built without it")


@rpc
def restore_physx_physics(session: Session, actor_id: int) -> None:
    """There is no other physics to leave."""
    session.world.record(actor_id)
