"""What clients do to vehicles."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from simulator.types import (
    AckermannControllerSettings,
    Vector3D,
    VehicleAckermannControl,
    VehicleControl,
    VehicleLightState,
    VehiclePhysicsControl,
    VehicleTelemetryData,
    WheelTelemetryData,
)
from simulator.world.actor import Kind, WrongKind
from simulator.world.bodies import STEER_STEP_KMH, within
from simulator.world.physics import grip_of, set_drive
from simulator.world.single_track import GRAVITY
from simulator.world.state import VehicleState, WorldState

ALL_DOORS = 6


class VehicleCommands(WorldState):
    """Methods bear the names of the RPC methods."""

    def apply_control_to_vehicle(self, actor_id: int, control: VehicleControl) -> None:
        """Holds until the next one; for one step with `sticky_control` off. Values out of range go to its end."""
        vehicle, row = self._vehicle(actor_id)
        vehicle.ackermann = None
        vehicle.ackermann_memory = [0.0] * 4
        self._set_control(vehicle, row, control)

    def apply_ackermann_control_to_vehicle(self, actor_id: int, control: VehicleAckermannControl) -> None:
        self._vehicle(actor_id)[0].ackermann = control

    def get_ackermann_controller_settings(self, actor_id: int) -> AckermannControllerSettings:
        return self._vehicle(actor_id)[0].ackermann_settings

    def apply_ackermann_controller_settings(self, actor_id: int, settings: AckermannControllerSettings) -> None:
        self._vehicle(actor_id)[0].ackermann_settings = settings

    def get_physics_control(self, actor_id: int) -> VehiclePhysicsControl:
        """Wheel positions in cm in world axes, as CARLA gives them; in a friction trigger with the friction there."""
        vehicle, row = self._vehicle(actor_id)
        b = self.bodies.rows[row]
        cos, sin = math.cos(b["yaw"]), math.sin(b["yaw"])
        wheels = tuple(
            replace(
                wheel,
                tire_friction=wheel.tire_friction if vehicle.trigger_friction is None else vehicle.trigger_friction,
                position=Vector3D(
                    100.0 * float(b["x"]) + wheel.position.x * cos - wheel.position.y * sin,
                    100.0 * float(b["y"]) + wheel.position.x * sin + wheel.position.y * cos,
                    100.0 * float(b["z"]) + wheel.position.z,
                ),
            )
            for wheel in vehicle.physics.wheels
        )
        return replace(vehicle.physics, wheels=wheels)

    def apply_physics_control(self, actor_id: int, physics: VehiclePhysicsControl) -> None:
        """Where the wheels are stays as the model has it: clients send back the world positions they were given."""
        vehicle, row = self._vehicle(actor_id)
        own = vehicle.physics.wheels
        if len(physics.wheels) == len(own):
            wheels = tuple(replace(wheel, position=mine.position) for wheel, mine in zip(physics.wheels, own))
        else:
            wheels = own
        vehicle.physics = replace(physics, wheels=wheels)
        actor = self.actor(actor_id)
        set_drive(self.bodies.drives[row], self.bodies.rows[row], vehicle.physics, actor.bounding_box, actor.type_id)
        self._set_grip(vehicle, row)

    def _set_grip(self, vehicle: VehicleState, row: int) -> None:
        friction = vehicle.trigger_friction
        if friction is None:
            friction = float(np.mean([wheel.tire_friction for wheel in vehicle.physics.wheels]))
        self.bodies.drives[row]["grip"] = grip_of(friction)

    def get_telemetry_data(self, actor_id: int) -> VehicleTelemetryData:
        """Both wheels of an axle share what it does; wheels roll without slipping, so `long_slip` stays 0."""
        vehicle, row = self._vehicle(actor_id)
        d, b = self.bodies.drives[row], self.bodies.rows[row]
        speed = math.hypot(b["vx"], b["vy"])
        wheels = tuple(
            _wheel_telemetry(d, float(b["mass"]), speed, wheel.tire_friction, front=k < 2)
            for k, wheel in enumerate(vehicle.physics.wheels)
        )
        return VehicleTelemetryData(
            speed=speed,
            steer=float(d["steer_now"]),
            throttle=float(d["throttle_now"]),
            brake=float(d["brake_now"]),
            engine_rpm=float(d["rpm"]),
            gear=int(d["gear"]),
            drag=float(d["drag_n_s2_m2"]) * speed**2,
            wheels=wheels,
        )

    def get_vehicle_light_state(self, actor_id: int) -> VehicleLightState:
        return self._vehicle(actor_id)[0].lights

    def set_vehicle_light_state(self, actor_id: int, lights: VehicleLightState) -> None:
        self._vehicle(actor_id)[0].lights = VehicleLightState(lights)

    def get_vehicle_light_states(self) -> tuple[tuple[int, VehicleLightState], ...]:
        return tuple((actor_id, vehicle.lights) for actor_id, vehicle in self.vehicles.items())

    def get_wheel_steer_angle(self, actor_id: int, wheel: int) -> float:
        """Degrees; wheel 0 front left, 1 front right, 2 and 3 rear."""
        vehicle, row = self._vehicle(actor_id)
        if wheel in vehicle.wheel_steer_deg and not self.bodies.rows[row]["physics"]:
            return vehicle.wheel_steer_deg[wheel]
        if wheel not in (0, 1):
            return 0.0
        d, b = self.bodies.drives[row], self.bodies.rows[row]
        speed_kmh = 3.6 * abs(math.cos(b["yaw"]) * b["vx"] + math.sin(b["yaw"]) * b["vy"])
        curve = d["steering_curve"]
        share = float(np.interp(speed_kmh, np.arange(len(curve)) * STEER_STEP_KMH, curve))
        inner = abs(float(d["steer_now"])) * float(d["max_steer_rad"]) * share
        base = float(d["front_m"] + d["rear_m"])
        outer = math.atan(math.tan(inner) / (1.0 + math.tan(inner) * float(d["track_m"]) / base))
        turns_right = d["steer_now"] > 0.0
        angle = inner if turns_right == (wheel == 1) else outer
        return math.copysign(math.degrees(angle), float(d["steer_now"]))

    def set_wheel_steer_direction(self, actor_id: int, wheel: int, angle_deg: float) -> None:
        """Of a vehicle without physics, as in CARLA; with physics its wheels turn with the steering."""
        vehicle, row = self._vehicle(actor_id)
        if not self.bodies.rows[row]["physics"]:
            vehicle.wheel_steer_deg[wheel] = angle_deg

    def set_wheel_pitch_angle(self, actor_id: int, wheel: int, angle_deg: float) -> None:
        """As `set_wheel_steer_direction`, about the axle."""
        vehicle, row = self._vehicle(actor_id)
        if not self.bodies.rows[row]["physics"]:
            vehicle.wheel_pitch_deg[wheel] = angle_deg

    def get_wheel_pitch_angle(self, actor_id: int, wheel: int) -> float:
        """Degrees about the axle: what was set."""
        return self._vehicle(actor_id)[0].wheel_pitch_deg.get(wheel, 0.0)

    def open_vehicle_door(self, actor_id: int, door: int) -> None:
        """0 front left, 1 front right, 2 rear left, 3 rear right, 4 hood, 5 trunk, 6 all. Models' doors do not move."""
        self._vehicle(actor_id)[0].open_doors.update(range(ALL_DOORS) if door >= ALL_DOORS else [door])

    def close_vehicle_door(self, actor_id: int, door: int) -> None:
        self._vehicle(actor_id)[0].open_doors.difference_update(range(ALL_DOORS) if door >= ALL_DOORS else [door])

    def _vehicle(self, actor_id: int) -> tuple[VehicleState, int]:
        actor = self.actor(actor_id)
        if actor.kind is not Kind.VEHICLE:
            raise WrongKind(actor, "vehicle")
        return self.vehicles[actor_id], actor.row

    def _set_control(self, vehicle: VehicleState, row: int, control: VehicleControl) -> None:
        vehicle.control = control
        self.bodies.set_control(row, control)

    def _follow_ackermann(self, delta_s: float) -> None:
        """Speed to acceleration by a PID loop, acceleration to pedals by an integrating one, steering at its own speed.

        After CARLA's Ackermann controller, with these differences: `accel_ki`, `accel_kd` and `jerk` do nothing, and
        the brakes may always give 4 m/s^2.
        """
        for actor_id, vehicle in self.vehicles.items():
            want = vehicle.ackermann
            if want is None:
                continue
            row = self.actors[actor_id].row
            d, b, s = self.bodies.drives[row], self.bodies.rows[row], vehicle.ackermann_settings
            speed = math.cos(b["yaw"]) * b["vx"] + math.sin(b["yaw"]) * b["vy"]
            last_error, sum_error, pedal, steer = vehicle.ackermann_memory
            goal = abs(want.speed)
            error = goal - abs(speed)
            sum_error += error * delta_s
            accel = (
                s.speed_kp * 10.0 * error + s.speed_ki * sum_error + s.speed_kd * (error - last_error) / delta_s * 0.1
            )
            limit = want.acceleration if want.acceleration > 0.0 else 4.0
            accel = within(accel, -max(limit, 4.0), limit)
            along = abs(d["accel_long"]) if speed * d["accel_long"] > 0.0 else -abs(d["accel_long"])
            pedal = within(pedal + s.accel_kp * 5.0 * (accel - along), -1.0, 1.0)
            if goal < 0.05 and abs(speed) < 0.3:
                pedal = -1.0
            if want.steer_speed > 0.0:
                step = want.steer_speed * delta_s
                steer = within(want.steer, steer - step, steer + step)
            else:
                steer = want.steer
            vehicle.ackermann_memory = [error, sum_error, pedal, steer]
            steer_rad = float(d["max_steer_rad"]) or 1.0
            control = VehicleControl(
                throttle=max(0.0, pedal),
                brake=max(0.0, -pedal),
                steer=within(steer / steer_rad, -1.0, 1.0),
                reverse=want.speed < 0.0,
            )
            self._set_control(vehicle, row, control)


def _wheel_telemetry(d: np.void, mass_kg: float, speed: float, friction: float, front: bool) -> WheelTelemetryData:
    """Of one of the two wheels of an axle, in the units of CARLA's `GetVehicleTelemetryData`: N, N m, degrees.

    The torque is that of the tyre's force about the hub.
    """
    axle, other = ("front", "rear") if front else ("rear", "front")
    at_rest = mass_kg * GRAVITY * float(d[f"{other}_m"]) / float(d["front_m"] + d["rear_m"]) / 2.0
    load = float(d[f"load_{axle}"]) / 2.0 or at_rest
    ahead, aside = float(d[f"ahead_{axle}"]) / 2.0, float(d[f"aside_{axle}"]) / 2.0
    return WheelTelemetryData(
        tire_friction=friction,
        lat_slip=math.degrees(d[f"slip_{axle}"]),
        omega=speed / float(d["radius_m"]),
        tire_load=load,
        normalized_tire_load=load / at_rest,
        torque=ahead * float(d["radius_m"]),
        long_force=ahead,
        lat_force=aside,
        normalized_long_force=abs(ahead) / at_rest,
        normalized_lat_force=abs(aside) / at_rest,
    )
