"""How a vehicle moves along the ground: a single-track model with load transfer and a friction ellipse per axle.

* engine torque by speed and throttle, a stepped gearbox, engine drag, brakes, rolling and air resistance along it;
* side force of an axle `F = F_max tanh(stiffness * slip angle / grip)`, `F_max = sqrt((grip * load)^2 - F_x^2)`;
* below walking pace, where slip angles lose their meaning, the motion goes over into that of wheels that roll where
  they point (Polack et al., "The kinematic bicycle model", 2017), as fast as friction allows: a pushed car slides, a
  standing one stands.

Springs and tyres are not modelled up and down: the body follows the ground below its wheels and leans with the forces.
On a slope gravity pulls along it; brakes and tyres hold against that as far as they grip.
"""

from __future__ import annotations

import math

from numba import njit

GRAVITY = 9.81

_TORQUE_POINTS, _STEER_POINTS, _STEER_STEP_KMH = 32, 41, 5.0
_IDLE_SHARE = 0.13  # of the highest speed of the engine
_DRIVE_EFFICIENCY = 0.85
_SHIFT_AGAIN_S = 0.8
# rates of the actuators per second, up and down: those of the vehicle movement component of Unreal Engine 4
_STEER_UP, _STEER_DOWN, _PEDAL_UP, _PEDAL_DOWN = 2.5, 5.0, 6.0, 10.0
_KINEMATIC_BELOW, _DYNAMIC_ABOVE = 1.5, 4.0  # m/s
_ROLLS_FROM = 0.1  # grip from which on the road turns the wheels; below, they drag neither engine nor tread
_PITCH_PER_ACCEL = 0.004  # rad per m/s^2: about 2 degrees of dive in an emergency stop
_LEAN_TIME_S = 0.18


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _towards(value: float, goal: float, rise: float, fall: float) -> float:
    """Moves by at most `rise` away from zero or `fall` towards it."""
    step = rise if abs(goal) > abs(value) and goal * value >= 0.0 else fall
    return min(goal, value + step) if goal > value else max(goal, value - step)


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def clamp(value: float, limit: float) -> float:
    return min(limit, max(-limit, value))


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _wheel_force(d, speed: float, h: float) -> tuple[float, float]:
    """Gearbox and engine: (driving force, drag of the engine) at the wheels, N; the drag brakes in any direction."""
    if d.manual:
        gear = min(d.gear_wanted, d.gears)
        if d.gear != gear:
            d.gear, d.shifting_s = gear, d.shift_time_s
    elif d.reverse:
        d.gear = -1
    elif d.gear < 1:
        d.gear = 1
    d.shifting_s = max(0.0, d.shifting_s - h)
    d.since_shift_s += h
    if d.gear == 0 or d.gears == 0:
        d.rpm = _IDLE_SHARE * d.max_rpm
        return 0.0, 0.0
    ratio = d.ratios[abs(d.gear) - 1] * d.final_ratio
    turning = abs(speed) / d.radius_m * ratio * 30.0 / math.pi
    if d.autobox and not d.manual and d.gear > 0 and d.shifting_s == 0.0 and d.since_shift_s > _SHIFT_AGAIN_S:
        g = d.gear - 1
        wanted = d.throttle_now > 0.0 or turning > d.max_rpm
        if turning > d.up_share[g] * d.max_rpm and d.gear < d.gears and wanted:
            d.gear, d.shifting_s, d.since_shift_s = d.gear + 1, d.shift_time_s, 0.0
        elif turning < d.down_share[g] * d.max_rpm and d.gear > 1:
            d.gear, d.shifting_s, d.since_shift_s = d.gear - 1, d.shift_time_s, 0.0
    d.rpm = max(_IDLE_SHARE * d.max_rpm, turning)
    if d.shifting_s > 0.0 or turning > d.max_rpm:
        force = 0.0
    else:
        # the clutch slips at the start: the engine turns faster than the wheels
        place = min(max(turning / d.max_rpm, _IDLE_SHARE * d.throttle_now), 1.0) * (_TORQUE_POINTS - 1)
        low = min(int(place), _TORQUE_POINTS - 2)
        torque = d.torque_nm[low] + (d.torque_nm[low + 1] - d.torque_nm[low]) * (place - low)
        force = torque * d.throttle_now * ratio * _DRIVE_EFFICIENCY / d.radius_m
    drag = d.engine_drag * (1.0 - d.throttle_now) * min(turning, d.max_rpm) * math.pi / 30.0 * ratio / d.radius_m
    return (-force if d.gear < 0 else force), drag


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _steer(d, speed: float) -> float:
    """Tangent of the single-track steering angle: the inner wheel follows the control, the outer one Ackermann."""
    place = min(abs(speed) * 3.6 / _STEER_STEP_KMH, _STEER_POINTS - 1.001)
    low = int(place)
    share = d.steering_curve[low] + (d.steering_curve[low + 1] - d.steering_curve[low]) * (place - low)
    inner = math.tan(min(1.5, abs(d.steer_now) * d.max_steer_rad * share))
    tangent = inner / (1.0 + inner * d.track_m / (2.0 * (d.front_m + d.rear_m)))
    return math.copysign(tangent, d.steer_now)


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def drive(b, d, h: float, climb: float, bank: float) -> None:
    """One sub-step of a vehicle's velocity in the plane; climb, bank: rise of the ground per metre ahead, to the right.

    Speeds are those in the plane, so gravity acts with `g tan / (1 + tan^2)` on them.
    """
    d.throttle_now = _towards(d.throttle_now, d.throttle, _PEDAL_UP * h, _PEDAL_DOWN * h)
    d.brake_now = _towards(d.brake_now, d.brake, _PEDAL_UP * h, _PEDAL_DOWN * h)
    d.hand_now = _towards(d.hand_now, 1.0 if d.hand_brake else 0.0, 12.0 * h, 12.0 * h)
    d.steer_now = _towards(d.steer_now, d.steer, _STEER_UP * h, _STEER_DOWN * h)
    cos, sin = math.cos(b.yaw), math.sin(b.yaw)
    u, v, r = b.vx * cos + b.vy * sin, -b.vx * sin + b.vy * cos, b.wz
    wheelbase = d.front_m + d.rear_m
    tan_delta = _steer(d, u)
    if d.constant_velocity:
        u, r = d.constant_vx, d.constant_vx * tan_delta / wheelbase
        v = d.constant_vy + d.rear_m * r
        b.vx, b.vy, b.wz = u * cos - v * sin, u * sin + v * cos, r
        d.accel_long, d.accel_lat = 0.0, u * r
        return
    weight = b.mass * GRAVITY
    shift = b.mass * d.accel_long * d.cog_height_m / wheelbase
    load_front = min(0.95 * weight, max(0.05 * weight, weight * d.rear_m / wheelbase - shift))
    load_rear = weight - load_front
    grip_front, grip_rear = d.grip * load_front, d.grip * load_rear

    engine, engine_drag = _wheel_force(d, u, h)
    drive_front = clamp(engine * d.driven_front, grip_front)
    drive_rear = clamp(engine * (1.0 - d.driven_front), grip_rear)
    # brakes are shared out as the load is; the hand brake holds the rear wheels
    pedal = d.brake_n * d.brake_now
    brake_front = min(pedal * load_front / weight, grip_front)
    brake_rear = min(pedal * load_rear / weight + d.handbrake_n * d.hand_now, grip_rear)
    hold = min(1.0, d.grip / _ROLLS_FROM)
    rolling, engine_drag = d.rolling * weight * hold, engine_drag * hold
    along_front = min(abs(drive_front) + brake_front, 0.98 * grip_front)
    along_rear = min(abs(drive_rear) + brake_rear, 0.98 * grip_rear)

    drive = drive_front + drive_rear - d.drag_n_s2_m2 * u * abs(u)
    resist = brake_front + brake_rear + rolling + engine_drag

    side_front = side_rear = 0.0
    speed = abs(u)
    mix = min(1.0, max(0.0, (speed - _KINEMATIC_BELOW) / (_DYNAMIC_ABOVE - _KINEMATIC_BELOW)))
    mix = mix * mix * (3.0 - 2.0 * mix)
    if mix > 0.0:
        ahead = math.copysign(1.0, u)
        d.slip_front = math.atan(tan_delta) * ahead - math.atan2(v + d.front_m * r, speed)
        d.slip_rear = -math.atan2(v - d.rear_m * r, speed)
        side_front = math.sqrt(grip_front**2 - along_front**2) * math.tanh(d.stiffness * d.slip_front / d.grip)
        # rear tyres a little stiffer: the car understeers as road cars do
        side_rear = math.sqrt(grip_rear**2 - along_rear**2) * math.tanh(1.1 * d.stiffness * d.slip_rear / d.grip)
    else:
        d.slip_front = d.slip_rear = 0.0
    # what telemetry tells of the tyres: a brake pushes while the car rolls
    way = 0.0 if u == 0.0 else math.copysign(1.0, u)
    d.load_front, d.load_rear = load_front, load_rear
    d.ahead_front, d.ahead_rear = drive_front - way * brake_front, drive_rear - way * brake_rear
    d.aside_front, d.aside_rear = mix * side_front, mix * side_rear
    secant = math.sqrt(1.0 + tan_delta * tan_delta)
    cos_delta, sin_delta = 1.0 / secant, tan_delta / secant

    # along: forces that push, then those that only ever slow down, to rest at most
    push = drive - mix * side_front * sin_delta
    steepness = 1.0 + climb * climb + bank * bank
    faster = push / b.mass * h - GRAVITY * climb / steepness * h
    slower = resist / b.mass * h
    u_next = u + faster
    u_next = 0.0 if abs(u_next) <= slower else u_next - math.copysign(slower, u_next)

    turn = (d.front_m * side_front * cos_delta - d.rear_m * side_rear) / b.inertia * h
    side = (side_front * cos_delta + side_rear) / b.mass * h
    r_rolling = u_next * tan_delta / wheelbase
    v_rolling = d.rear_m * r_rolling
    slide = d.grip * GRAVITY * h
    spin = d.grip * weight * 0.5 * wheelbase / b.inertia * h
    # the body frame turns below the velocity: `- u r` of the single-track equations lies in the world-axes update below
    v_next = v + mix * side + (1.0 - mix) * clamp(v_rolling - v, slide) - mix * GRAVITY * bank / steepness * h
    r_next = r + mix * turn + (1.0 - mix) * clamp(r_rolling - r, spin)

    u_next += b.fx / b.mass * h * cos + b.fy / b.mass * h * sin
    v_next += -b.fx / b.mass * h * sin + b.fy / b.mass * h * cos
    r_next += b.tz / b.inertia * h
    b.vx, b.vy, b.wz = u_next * cos - v_next * sin, u_next * sin + v_next * cos, r_next
    blend = min(1.0, h / _LEAN_TIME_S)
    d.accel_long += ((u_next - u) / h - d.accel_long) * blend
    d.accel_lat += (u_next * r_next - d.accel_lat) * blend


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def lean(b, d, front_left: float, front_right: float, rear_left: float, rear_right: float, airborne, h: float) -> None:
    """Turns the body towards the tilt of the ground below its wheels (heights, m) and that of the forces on it."""
    wheelbase = d.front_m + d.rear_m
    pitch = math.atan((front_left + front_right - rear_left - rear_right) / (2.0 * wheelbase))
    roll = math.atan((front_left + rear_left - front_right - rear_right) / (2.0 * d.track_m))
    # in the air it keeps its tilt: one that is dropped onto the road with the road's own stays level with it
    follow = 0.0 if airborne else min(1.0, h / _LEAN_TIME_S)
    pitch, roll = pitch + _PITCH_PER_ACCEL * d.accel_long, roll + d.lean * d.accel_lat
    roll_rate, pitch_rate = (roll - b.roll) * follow / h, (pitch - b.pitch) * follow / h
    b.pitch, b.roll = b.pitch + pitch_rate * h, b.roll + roll_rate * h
    # in CARLA's axes roll turns y down and pitch turns x up: both against the sense of z = x cross y
    cos, sin = math.cos(b.yaw), math.sin(b.yaw)
    b.wx, b.wy = -roll_rate * cos + pitch_rate * sin, -roll_rate * sin - pitch_rate * cos
