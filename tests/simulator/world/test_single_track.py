"""The laws by which a vehicle moves, each where it acts alone or beside others that are known."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from simulator.types import Vector2D, Vector3D, VehicleControl, VehiclePhysicsControl
from simulator.world.world import World
from tests.simulator.world.places import CAR, make_world, put, run, speed

G = 9.81
ROLLING = 0.013
NEUTRAL = VehicleControl(manual_gear_shift=True, gear=0)


class Car:
    """A MKZ 2020 on the flat road, going along x."""

    def __init__(self, speed_m_s: float = 0.0, blueprint: str = CAR, **changes: Any):
        self.world: World = make_world()
        self.id = put(self.world, blueprint, 0.0, 20.0)
        row = self.world.actors[self.id].row
        self.body, self.drive = self.world.bodies.rows[row], self.world.bodies.drives[row]
        self.change(**changes)
        if speed_m_s:
            self.world.set_actor_target_velocity(self.id, Vector3D(speed_m_s, 0.0, 0.0))

    @property
    def physics(self) -> VehiclePhysicsControl:
        return self.world.get_physics_control(self.id)

    def change(self, friction: float | None = None, brake_nm: float | None = None, **changes: Any) -> None:
        wheel = {"tire_friction": friction, "max_brake_torque": brake_nm}
        of_wheels = {name: value for name, value in wheel.items() if value is not None}
        wheels = tuple(replace(wheel, **of_wheels) for wheel in self.physics.wheels)
        self.world.apply_physics_control(self.id, replace(self.physics, wheels=wheels, **changes))

    def control(self, control: VehicleControl) -> None:
        self.world.apply_control_to_vehicle(self.id, control)

    def run(self, seconds: float) -> None:
        run(self.world, seconds, 0.01)

    def gain(self, seconds: float = 0.02) -> float:
        """Mean acceleration along x, m/s^2, over so long."""
        before = float(self.body["vx"])
        self.run(seconds)
        return (float(self.body["vx"]) - before) / seconds

    def air(self, speed_m_s: float) -> float:
        """Its deceleration by air, m/s^2: half the density times area and coefficient; the box is fuller than a car."""
        box = self.world.actors[self.id].bounding_box.extent
        area = 0.85 * 4.0 * box.y * box.z
        return 0.5 * 1.2 * self.physics.drag_coefficient * area * speed_m_s**2 / self.physics.mass


@pytest.mark.parametrize("speed_m_s", [5.0, 30.0])
def test_in_neutral_air_and_tyres_alone_slow_a_car_down(speed_m_s: float) -> None:
    car = Car(speed_m_s)
    car.control(NEUTRAL)
    car.run(0.3)
    now = speed(car.world, car.id)
    assert -car.gain() == pytest.approx(ROLLING * G + car.air(now), rel=2e-3)
    assert car.world.get_telemetry_data(car.id).engine_rpm == pytest.approx(0.13 * 6000.0)
    assert car.world.get_telemetry_data(car.id).drag == pytest.approx(car.air(now) * car.physics.mass, rel=0.01)


def test_brakes_slow_a_car_down_by_their_torque_and_no_more_than_its_tyres_grip() -> None:
    for torque_nm, expected in ((400.0, 4 * 400.0 / 0.35 / 1750.0), (9000.0, 0.3 * 3.5 * G)):
        car = Car(20.0, brake_nm=torque_nm)
        car.control(replace(NEUTRAL, brake=1.0))
        car.run(0.5)
        now = speed(car.world, car.id)
        assert -car.gain() == pytest.approx(expected + ROLLING * G + car.air(now), rel=3e-3)


def test_the_hand_brake_grips_with_what_the_rear_axle_carries() -> None:
    car = Car(15.0)
    car.control(replace(NEUTRAL, hand_brake=True))
    car.run(0.8)
    front, _, rear, _ = car.world.get_telemetry_data(car.id).wheels
    now = speed(car.world, car.id)
    expected = 0.3 * 3.5 * 2.0 * rear.tire_load / car.physics.mass + ROLLING * G + car.air(now)
    assert -car.gain() == pytest.approx(expected, rel=5e-3)
    assert front.long_force == 0.0


def test_a_brake_moves_load_to_the_front_by_the_height_of_the_centre_of_mass() -> None:
    car = Car(20.0, brake_nm=500.0)
    base = float(car.drive["front_m"] + car.drive["rear_m"])
    at_rest = car.physics.mass * G * float(car.drive["rear_m"]) / base
    car.control(replace(NEUTRAL, brake=1.0))
    car.run(1.2)
    slows = -car.gain()
    moved = car.physics.mass * slows * car.physics.center_of_mass.z / base
    front, _, rear, _ = car.world.get_telemetry_data(car.id).wheels
    assert 2.0 * front.tire_load - at_rest == pytest.approx(moved, rel=0.02)
    assert 2.0 * (front.tire_load + rear.tire_load) == pytest.approx(car.physics.mass * G)


def _geared(car: Car, gear: int) -> float:
    """Turns of the engine per turn of the wheels."""
    return car.physics.forward_gears[gear - 1].ratio * car.physics.final_ratio


@pytest.mark.parametrize(("gear", "speed_m_s"), [(1, 4.0), (2, 12.0), (5, 25.0)])
def test_a_gear_pushes_with_the_engines_torque_at_its_speed(gear: int, speed_m_s: float) -> None:
    car = Car(speed_m_s, friction=9.0)
    car.control(VehicleControl(throttle=1.0, manual_gear_shift=True, gear=gear))
    car.run(0.7)  # engaged, and the pedal down
    now = speed(car.world, car.id)
    gain = car.gain()
    now = (now + speed(car.world, car.id)) / 2.0
    rpm = now / 0.35 * _geared(car, gear) * 30.0 / math.pi
    torque_nm = np.interp(rpm, *zip(*car.physics.torque_curve))
    expected = torque_nm * _geared(car, gear) * 0.85 / 0.35 / car.physics.mass
    assert gain == pytest.approx(expected - ROLLING * G - car.air(now), rel=0.01)
    assert car.world.get_telemetry_data(car.id).engine_rpm == pytest.approx(rpm, rel=0.02)


def test_an_engine_pushes_no_more_beyond_its_highest_speed() -> None:
    car = Car(25.0)
    car.control(VehicleControl(throttle=1.0, manual_gear_shift=True, gear=1))
    car.run(0.7)
    now = speed(car.world, car.id)
    assert -car.gain() == pytest.approx(ROLLING * G + car.air(now), rel=5e-3)


def test_an_engine_that_is_given_no_throttle_brakes_by_its_damping_and_gear() -> None:
    car = Car(15.0)
    car.control(VehicleControl(manual_gear_shift=True, gear=2))
    car.run(0.6)
    now = speed(car.world, car.id)
    ratio = _geared(car, 2)
    drag_nm = 0.06 * car.physics.damping_rate_zero_throttle_clutch_engaged * now / 0.35 * ratio
    expected = drag_nm * ratio / 0.35 / car.physics.mass
    assert expected > 0.5
    assert -car.gain() == pytest.approx(expected + ROLLING * G + car.air(now), rel=5e-3)


def test_nothing_drives_while_the_gearbox_shifts() -> None:
    car = Car(12.0, gear_switch_time=0.4)
    assert car.drive["gear"] == 2  # that of its speed
    car.control(VehicleControl(throttle=1.0, manual_gear_shift=True, gear=3))
    car.run(0.3)
    assert car.drive["gear"] == 3
    assert car.gain() < 0.0
    car.run(0.1)
    assert car.gain() > 1.0


@pytest.mark.parametrize(("blueprint", "axle"), [(CAR, 0), ("vehicle.mercedes.coupe_2020", 2)])
def test_on_ice_a_car_pulls_away_with_what_its_driven_wheels_carry(blueprint: str, axle: int) -> None:
    car = Car(blueprint=blueprint, friction=1.0)
    car.control(VehicleControl(throttle=1.0))
    car.run(1.0)
    load = 2.0 * car.world.get_telemetry_data(car.id).wheels[axle].tire_load
    assert car.gain() == pytest.approx(0.3 * load / car.physics.mass - ROLLING * G, rel=0.02)


def test_pedals_and_wheel_reach_what_is_asked_at_their_own_pace() -> None:
    car, names = Car(), ("throttle_now", "brake_now", "hand_now", "steer_now")
    asked = VehicleControl(throttle=1.0, brake=1.0, hand_brake=True, steer=-1.0)
    moved = []
    for control, seconds in ((asked, 0.05), (asked, 1.0), (VehicleControl(), 0.05), (replace(asked, steer=1.0), 0.1)):
        car.control(control)
        car.run(seconds)
        moved.append([float(car.drive[name]) for name in names])
    assert moved[0] == pytest.approx([0.3, 0.3, 0.6, -0.125])
    assert moved[1] == [1.0, 1.0, 1.0, -1.0]
    assert moved[2] == pytest.approx([0.5, 0.5, 0.4, -0.75])
    assert moved[3] == pytest.approx([1.0, 1.0, 1.0, -0.25])  # towards zero it is faster


def test_gears_change_up_and_down_at_their_share_of_the_highest_speed_of_the_engine_and_not_at_once_again() -> None:
    car = Car()
    gears = [
        replace(gear, up_ratio=0.5 + 0.05 * number, down_ratio=0.2 + 0.02 * number)
        for number, gear in enumerate(car.physics.forward_gears)
    ]
    car.change(gear_switch_time=0.1, forward_gears=tuple(gears))
    changes: list[tuple[float, int, int, float]] = []
    for control, seconds in ((VehicleControl(throttle=1.0), 12.0), (VehicleControl(brake=1.0), 8.0)):
        car.control(control)
        for _ in range(round(seconds / 0.05)):
            gear, turning = int(car.drive["gear"]), abs(float(car.body["vx"])) / 0.35 * 30.0 / math.pi
            car.world.step(0.05)
            if gear >= 1 and car.drive["gear"] != gear:
                share = turning * _geared(car, gear) / car.physics.max_rpm
                changes.append((car.world.elapsed_s, gear, int(car.drive["gear"]) - gear, share))
    up, down = ([change for change in changes if change[2] == way] for way in (1, -1))
    assert len(up) >= 2
    assert [change[1] for change in down] == list(range(up[-1][1] + 1, 1, -1))
    # the speed is that of up to 50 ms before
    assert all(gears[gear - 1].up_ratio - 0.03 < share for _, gear, _, share in up)
    assert up[0][3] < gears[0].up_ratio + 0.01
    assert all(share < gears[gear - 1].down_ratio + 0.1 for _, gear, _, share in down)
    assert all(later[0] - sooner[0] > 0.79 for sooner, later in pairwise(changes))


def test_a_gearbox_that_is_no_automatic_stays_in_gear_and_one_that_is_goes_up_one_by_one() -> None:
    for is_automatic in (False, True):
        car = Car(25.0, use_gear_autobox=is_automatic)
        car.control(VehicleControl(manual_gear_shift=True, gear=1))
        car.run(0.5)
        car.control(VehicleControl(throttle=0.5))
        seen = []
        for _ in range(60):
            car.run(0.05)
            seen.append(int(car.drive["gear"]))
        if is_automatic:
            assert [gear for gear, following in pairwise(seen) if following != gear] == [1, 2, 3]
            assert [seen.count(gear) for gear in (2, 3)] == [pytest.approx(16, abs=1)] * 2  # 0.8 s in each
        else:
            assert set(seen) == {1}


def test_backwards_a_car_goes_with_the_torque_of_its_first_gear_and_shifts_no_more() -> None:
    car = Car(friction=9.0)
    car.control(VehicleControl(throttle=1.0, reverse=True))
    car.run(1.0)
    now, gain = speed(car.world, car.id), car.gain()
    rpm = now / 0.35 * _geared(car, 1) * 30.0 / math.pi
    torque_nm = np.interp(rpm, *zip(*car.physics.torque_curve))
    expected = torque_nm * _geared(car, 1) * 0.85 / 0.35 / car.physics.mass
    assert car.body["vx"] < -2.0
    assert -gain == pytest.approx(expected - ROLLING * G - car.air(now), rel=0.02)
    for _ in range(30):
        car.run(0.05)
        assert (car.drive["gear"], car.drive["shifting_s"]) == (-1, 0.0)


@pytest.mark.parametrize("speed_m_s", [10.0, 18.0])
def test_a_car_understeers_a_little_as_its_tyres_are_stiffer_behind(speed_m_s: float) -> None:
    """Steady circle of the linear model: tan delta = r / u (L + K u^2), K = (1 - 1 / 1.1) / (stiffness g)."""
    car = Car(speed_m_s, drag_coefficient=0.0, steering_curve=())
    steer = 0.012
    car.control(replace(NEUTRAL, steer=steer))
    car.run(2.0)
    inner = math.tan(steer * math.radians(48.0))
    base, track = float(car.drive["front_m"] + car.drive["rear_m"]), float(car.drive["track_m"])
    tangent = inner / (1.0 + inner * track / 2.0 / base)
    u = math.hypot(car.body["vx"], car.body["vy"])
    gradient = (1.0 - 1.0 / 1.1) / (17.0 * G)
    assert car.body["wz"] == pytest.approx(tangent * u / (base + gradient * u**2), rel=1e-2)


def test_a_car_is_stable_and_settles_soon_after_a_push_of_its_tail() -> None:
    car = Car(20.0)
    car.control(NEUTRAL)
    car.run(0.1)
    car.world.add_actor_angular_impulse(car.id, Vector3D(0.0, 0.0, float(car.body["inertia"]) * 1e4 * 30.0))
    assert car.body["wz"] == pytest.approx(math.radians(30.0))
    car.run(1.0)
    assert abs(car.body["wz"]) < 0.02
    assert abs(car.body["vy"] - car.body["vx"] * math.tan(car.body["yaw"])) < 0.05


def test_a_standing_car_that_is_pushed_aside_or_turned_slides_with_its_grip() -> None:
    car = Car()
    car.control(replace(NEUTRAL, hand_brake=True, brake=1.0))
    car.run(0.3)
    car.world.set_actor_target_velocity(car.id, Vector3D(0.0, 4.0, 0.0))
    car.run(0.1)
    assert car.body["vy"] == pytest.approx(4.0 - 0.3 * 3.5 * G * 0.1, rel=1e-6)
    car.run(1.0)
    assert car.body["vy"] == 0.0
    car.world.add_actor_angular_impulse(car.id, Vector3D(0.0, 0.0, float(car.body["inertia"]) * 1e4 * 180.0))
    car.run(0.05)
    base = float(car.drive["front_m"] + car.drive["rear_m"])
    slows = 0.3 * 3.5 * car.physics.mass * G * base / 2.0 / float(car.body["inertia"])
    assert car.body["wz"] == pytest.approx(math.pi - slows * 0.05, rel=1e-6)


def test_below_walking_pace_wheels_roll_where_they_point() -> None:
    car = Car(1.2, steering_curve=())
    car.control(replace(NEUTRAL, steer=0.5))
    car.run(0.5)
    inner = math.tan(0.5 * math.radians(48.0))
    base, track = float(car.drive["front_m"] + car.drive["rear_m"]), float(car.drive["track_m"])
    yaw, vx, vy = (float(car.body[name]) for name in ("yaw", "vx", "vy"))
    ahead, aside = vx * math.cos(yaw) + vy * math.sin(yaw), vy * math.cos(yaw) - vx * math.sin(yaw)
    assert 0.8 < ahead < 1.2
    assert car.body["wz"] == pytest.approx(ahead * inner / (1.0 + inner * track / 2.0 / base) / base, rel=0.02)
    assert aside == pytest.approx(float(car.drive["rear_m"]) * car.body["wz"], rel=0.02)


def test_a_wheel_turns_less_at_speed_and_is_told_as_it_stands() -> None:
    curve = (Vector2D(0.0, 1.0), Vector2D(20.0, 0.5), Vector2D(60.0, 0.3))
    for speed_m_s, share in ((0.0, 1.0), (9.0 / 3.6, 1.0 - 0.5 * 9.0 / 20.0), (30.0 / 3.6, 0.45)):
        car = Car(steering_curve=curve)
        car.world.enable_actor_constant_velocity(car.id, Vector3D(speed_m_s, 0.0, 0.0))
        car.control(VehicleControl(steer=0.2))
        car.run(0.3)
        told = car.world.get_wheel_steer_angle(car.id, 1)
        assert told == pytest.approx(0.2 * 48.0 * share, rel=1e-3)
        base, track = float(car.drive["front_m"] + car.drive["rear_m"]), float(car.drive["track_m"])
        inner = math.tan(math.radians(told))
        turning = speed_m_s * inner / (base + inner * track / 2.0)
        assert car.body["wz"] == pytest.approx(turning, rel=1e-3)


def test_a_body_leans_out_of_a_bend_and_dives_by_what_acts_on_it() -> None:
    car = Car(15.0, brake_nm=500.0)
    car.control(replace(NEUTRAL, steer=0.05))
    car.run(2.0)
    roll = float(car.body["roll"])
    assert roll == pytest.approx(-0.005 * math.hypot(car.body["vx"], car.body["vy"]) * float(car.body["wz"]), rel=0.03)
    car.control(replace(NEUTRAL, brake=1.0))
    car.run(1.0)
    slows = 4 * 500.0 / 0.35 / 1750.0 + ROLLING * G + car.air(8.0)
    assert car.body["pitch"] == pytest.approx(-0.004 * slows, rel=0.05)


def test_what_a_vehicle_is_built_like_is_in_its_rows() -> None:
    car = Car()
    box = car.world.actors[car.id].bounding_box
    length, width = 2.0 * box.extent.x, 2.0 * box.extent.y
    assert car.body["mass"] == 1750.0
    assert car.body["inertia"] == pytest.approx(1750.0 * (length**2 + width**2) / 12.0)
    assert car.drive["front_m"] + car.drive["rear_m"] == pytest.approx(0.6 * length)
    assert car.drive["front_m"] == pytest.approx(car.drive["rear_m"])
    assert car.drive["track_m"] == pytest.approx(2.0 * 0.39 * width)
    physics = car.physics
    brake_nm = 1.1 * 1750.0 * G * 0.35 / 4.0  # of each wheel: they just lock
    assert [wheel.max_brake_torque for wheel in physics.wheels] == pytest.approx([brake_nm] * 4)
    assert [wheel.max_handbrake_torque for wheel in physics.wheels] == pytest.approx([0, 0, 2 * brake_nm, 2 * brake_nm])
    assert [wheel.max_steer_angle for wheel in physics.wheels] == [48.0, 48.0, 0.0, 0.0]
    assert physics.center_of_mass.z == pytest.approx(0.35 * 2.0 * box.extent.z)
    bicycle = Car(blueprint="vehicle.bh.crossbike")
    assert bicycle.drive["track_m"] == 0.05
    assert (bicycle.drive["rolling"], bicycle.drive["engine_drag"]) == (0.006, 0.0)
    car.change(center_of_mass=physics.center_of_mass._replace(x=physics.center_of_mass.x + 0.3))
    assert car.drive["front_m"] == pytest.approx(0.3 * length - 0.3)
    assert car.drive["rear_m"] == pytest.approx(0.3 * length + 0.3)
