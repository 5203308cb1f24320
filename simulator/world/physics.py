"""`VehiclePhysicsControl` of each vehicle, and how its numbers become those of the drive train."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.types import (
    BoundingBox,
    GearPhysicsControl,
    Vector2D,
    Vector3D,
    VehiclePhysicsControl,
    WheelPhysicsControl,
)
from simulator.world.blueprints.vehicles import VEHICLES
from simulator.world.bodies import GEARS, STEER_POINTS, STEER_STEP_KMH, TORQUE_POINTS
from simulator.world.single_track import GRAVITY

AIR_DENSITY = 1.2  # kg/m^3
GRIP_PER_TIRE_FRICTION = 0.3
"""CARLA's tire_friction of 3.5 is a dry road, on which a car can brake with 1 g."""
_LEAST_GRIP = 1e-6
ENGINE_DRAG_PER_DAMPING = 0.06
"""N m s/rad per unit of PhysX's damping rate; CARLA's usual 2.0 is then what a family car's engine brakes with."""
ENGINE_DRAG_SHARE = 0.12  # of the peak torque, at half of the highest engine speed
MAX_STEER_DEG = {"car": 48.0, "van": 48.0, "truck": 48.0, "bus": 50.0, "motorcycle": 45.0, "bicycle": 50.0}
"""At the inner wheel. Yaw rates are as in the fit of CARLA's MKZ by Chen et al., "World on rails" (2021)."""

_WHEELBASE_SHARE = {"car": 0.60, "van": 0.60, "truck": 0.60, "bus": 0.58, "motorcycle": 0.66, "bicycle": 0.62}
_GEARS = {
    "car": (4.0, 2.5, 1.7, 1.25, 0.97, 0.78),
    "van": (4.0, 2.5, 1.7, 1.25, 0.97, 0.78),
    "truck": (5.2, 3.4, 2.3, 1.6, 1.15, 0.85),
    "bus": (5.2, 3.4, 2.3, 1.6, 1.15, 0.85),
    "motorcycle": (2.2, 1.5, 1.15, 0.92, 0.77),
    "bicycle": (1.0,),
}
_DRAG = {"car": 0.30, "van": 0.36, "truck": 0.60, "bus": 0.55, "motorcycle": 0.65, "bicycle": 1.0}
_TORQUE_CURVE = ((0.0, 0.55), (0.40, 0.95), (0.70, 1.0), (1.0, 0.75))
_LEGS_CURVE = ((0.0, 1.0), (0.5, 0.5), (1.0, 0.12))  # of a cyclist, by cadence


def default_physics(blueprint_id: str, box: BoundingBox) -> VehiclePhysicsControl:
    """What a vehicle of this blueprint and size starts with; wheel positions in cm in its own frame."""
    vehicle = VEHICLES[blueprint_id]
    kind = vehicle.base_type
    length, width = 2.0 * box.extent.x, 2.0 * box.extent.y
    front = 0.5 * _WHEELBASE_SHARE[kind] * length
    side = 0.0 if vehicle.wheels == 2 else 0.39 * width
    # the brakes can just lock the wheels of a laden vehicle
    brake = 1.1 * vehicle.mass_kg * GRAVITY * vehicle.wheel_radius_m / 4.0
    wheels = tuple(
        WheelPhysicsControl(
            max_steer_angle=MAX_STEER_DEG[kind] if x > 0.0 else 0.0,
            radius=100.0 * vehicle.wheel_radius_m,
            max_brake_torque=brake,
            max_handbrake_torque=0.0 if x > 0.0 else 2.0 * brake,
            position=Vector3D(100.0 * (box.location.x + x), 100.0 * y, 100.0 * vehicle.wheel_radius_m),
        )
        for x, y in ((front, -side), (front, side), (-front, -side), (-front, side))
    )
    engine_drag = ENGINE_DRAG_SHARE * vehicle.torque_nm / (vehicle.max_rpm * math.pi / 60.0)
    curve = _LEGS_CURVE if kind == "bicycle" else _TORQUE_CURVE
    return VehiclePhysicsControl(
        torque_curve=tuple(Vector2D(rpm * vehicle.max_rpm, share * vehicle.torque_nm) for rpm, share in curve),
        max_rpm=vehicle.max_rpm,
        damping_rate_zero_throttle_clutch_engaged=0.0 if kind == "bicycle" else engine_drag / ENGINE_DRAG_PER_DAMPING,
        gear_switch_time=0.3,
        final_ratio=vehicle.final_ratio,
        forward_gears=tuple(GearPhysicsControl(ratio, 0.30, 0.65) for ratio in _GEARS[kind]),
        mass=vehicle.mass_kg,
        drag_coefficient=_DRAG[kind],
        center_of_mass=Vector3D(box.location.x, 0.0, 0.35 * 2.0 * box.extent.z),
        wheels=wheels,
    )


def set_drive(
    drive: np.void, body: np.void, physics: VehiclePhysicsControl, box: BoundingBox, blueprint_id: str
) -> None:
    """Writes the constants of `physics` into the rows of a vehicle."""
    wheels = physics.wheels or default_physics(blueprint_id, box).wheels
    xs = np.array([wheel.position.x for wheel in wheels]) / 100.0
    ys = np.array([wheel.position.y for wheel in wheels]) / 100.0
    middle = float(xs.max() + xs.min()) / 2.0
    wheelbase = max(0.5, float(xs.max() - xs.min()))
    ahead = min(
        0.8, max(0.2, 0.5 + (middle - physics.center_of_mass.x) / wheelbase)
    )  # share in front of the centre of mass
    mass = max(1.0, physics.mass)
    length, width, height = (2.0 * half for half in box.extent)
    front, rear = [w for w, x in zip(wheels, xs) if x >= middle], [w for w, x in zip(wheels, xs) if x < middle]
    per_wheel = 4.0 / len(wheels)
    body["mass"] = mass
    body["inertia"] = mass * (length**2 + width**2) / 12.0
    drive["front_m"], drive["rear_m"] = ahead * wheelbase, (1.0 - ahead) * wheelbase
    drive["track_m"] = max(0.05, float(ys.max() - ys.min()))
    drive["cog_height_m"] = physics.center_of_mass.z
    drive["radius_m"] = max(0.05, float(np.mean([wheel.radius for wheel in wheels])) / 100.0)
    drive["max_steer_rad"] = math.radians(max((wheel.max_steer_angle for wheel in front), default=0.0))
    drive["brake_n"] = per_wheel * sum(wheel.max_brake_torque for wheel in wheels) / drive["radius_m"]
    drive["handbrake_n"] = per_wheel * sum(wheel.max_handbrake_torque for wheel in rear) / drive["radius_m"]
    drive["grip"] = grip_of(float(np.mean([wheel.tire_friction for wheel in wheels])))
    drive["stiffness"] = float(np.mean([wheel.lat_stiff_value for wheel in wheels]))
    drive["drag_n_s2_m2"] = 0.5 * AIR_DENSITY * physics.drag_coefficient * 0.85 * width * height
    drive["rolling"] = 0.006 if VEHICLES[blueprint_id].base_type == "bicycle" else 0.013
    drive["final_ratio"], drive["max_rpm"] = physics.final_ratio, max(1.0, physics.max_rpm)
    drive["shift_time_s"], drive["autobox"] = physics.gear_switch_time, physics.use_gear_autobox
    drive["engine_drag"] = ENGINE_DRAG_PER_DAMPING * physics.damping_rate_zero_throttle_clutch_engaged
    drive["driven_front"] = VEHICLES[blueprint_id].driven_front
    drive["lean"] = 0.09 if VEHICLES[blueprint_id].wheels == 2 else -0.005
    gears = physics.forward_gears[:GEARS]
    drive["gears"] = len(gears)
    drive["ratios"][: len(gears)] = [gear.ratio for gear in gears]
    drive["up_share"][: len(gears)] = [gear.up_ratio for gear in gears]
    drive["down_share"][: len(gears)] = [gear.down_ratio for gear in gears]
    drive["torque_nm"] = _sampled(physics.torque_curve, np.linspace(0.0, float(drive["max_rpm"]), TORQUE_POINTS), 0.0)
    drive["steering_curve"] = _sampled(physics.steering_curve, np.arange(STEER_POINTS) * STEER_STEP_KMH, 1.0)


def shift_up(drive: np.void, speed_m_s: float) -> None:
    """Puts an automatic gearbox into the lowest gear from the present one up that it would keep at this speed."""
    if not drive["autobox"] or drive["manual"] or drive["gear"] < 1:
        return
    while drive["gear"] < drive["gears"]:
        gear = int(drive["gear"]) - 1
        rpm = speed_m_s / drive["radius_m"] * drive["ratios"][gear] * drive["final_ratio"] * 30.0 / math.pi
        if rpm <= drive["up_share"][gear] * drive["max_rpm"]:
            return
        drive["gear"] += 1


def grip_of(tire_friction: float) -> float:
    """How much of its load a tyre can hold along the road; never quite nothing."""
    return max(_LEAST_GRIP, GRIP_PER_TIRE_FRICTION * tire_friction)


def _sampled(curve: tuple[Vector2D, ...], at: NDArray[np.floating], without: float) -> NDArray[np.floating]:
    points = sorted(curve)
    return np.interp(at, [p.x for p in points], [p.y for p in points]) if points else np.full(len(at), without)
