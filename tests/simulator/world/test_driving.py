"""Vehicles drive as road vehicles do, at CARLA's 20 Hz."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from simulator.towns import build_town
from simulator.types import (
    ActorDescription,
    Rotation,
    Transform,
    Vector3D,
    VehicleAckermannControl,
    VehicleControl,
)
from simulator.world.blueprints.vehicles import VEHICLES
from simulator.world.world import World
from tests.simulator.world.places import CAR, make_world, put, run, speed


@pytest.mark.parametrize("blueprint", [CAR, "vehicle.audi.a2", "vehicle.toyota.prius", "vehicle.volkswagen.t2"])
def test_reaches_50_kmh_in_4_to_10_seconds(blueprint):
    world = make_world()
    car = put(world, blueprint, 0.0, 20.0)
    world.apply_control_to_vehicle(car, VehicleControl(throttle=1.0))
    while speed(world, car) < 50.0 / 3.6:
        world.step(0.05)
    assert 3.9 < world.elapsed_s < 10.0


@pytest.mark.parametrize("blueprint", list(VEHICLES))
def test_every_vehicle_drives_off_and_brakes_to_rest_in_a_straight_line(blueprint):
    world = make_world()
    vehicle = put(world, blueprint, 0.0, 20.0)
    world.apply_control_to_vehicle(vehicle, VehicleControl(throttle=1.0))
    run(world, 5.0)
    assert speed(world, vehicle) > 4.0
    world.apply_control_to_vehicle(vehicle, VehicleControl(brake=1.0))
    run(world, 6.0)
    place = world.transform_of(vehicle)
    assert speed(world, vehicle) == 0.0
    assert place.location.x > 5.0
    assert place.location.y == pytest.approx(20.0, abs=1e-6)
    assert place.rotation.yaw == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("blueprint", [CAR, "vehicle.audi.a2", "vehicle.ford.ambulance", "vehicle.mitsubishi.fusorosa"])
def test_brakes_from_50_kmh_within_8_to_20_metres(blueprint):
    world = make_world()
    car = put(world, blueprint, 0.0, 20.0)
    world.set_actor_target_velocity(car, Vector3D(50.0 / 3.6, 0.0, 0.0))
    world.apply_control_to_vehicle(car, VehicleControl(brake=1.0))
    run(world, 5.0)
    assert speed(world, car) == 0.0
    assert 8.0 < world.transform_of(car).location.x < 20.0


def test_half_the_brake_takes_about_twice_as_far():
    distances = []
    for brake in (0.5, 1.0):
        world = make_world()
        car = put(world, CAR, 0.0, 20.0)
        world.set_actor_target_velocity(car, Vector3D(10.0, 0.0, 0.0))
        world.apply_control_to_vehicle(car, VehicleControl(brake=brake))
        run(world, 6.0)
        distances.append(world.transform_of(car).location.x)
    assert 1.4 < distances[0] / distances[1] < 2.2


@pytest.mark.parametrize("steer", [-0.5, -0.15, 0.15, 0.5])
def test_slow_turns_follow_the_wheels(steer):
    """Radius of the rear axle's middle = wheelbase / tan(single-track angle)."""
    world = make_world()
    car = put(world, CAR, 0.0, 0.0)
    world.enable_actor_constant_velocity(car, Vector3D(2.0, 0.0, 0.0))
    world.apply_control_to_vehicle(car, VehicleControl(steer=steer))
    run(world, 3.0)
    row = world.actors[car].row
    body, drive = world.bodies.rows[row], world.bodies.drives[row]
    base, track = drive["front_m"] + drive["rear_m"], drive["track_m"]
    left, right = (math.radians(abs(world.get_wheel_steer_angle(car, wheel))) for wheel in (0, 1))
    middle = 0.5 * (1.0 / math.tan(left) + 1.0 / math.tan(right))
    assert 2.0 / abs(body["wz"]) == pytest.approx(base * middle, rel=0.03)
    assert 1.0 / math.tan(min(left, right)) - 1.0 / math.tan(max(left, right)) == pytest.approx(track / base, rel=0.02)
    assert math.copysign(1.0, body["wz"]) == math.copysign(1.0, steer)


def test_free_rolling_turn_has_the_same_radius_through_the_blend_of_models():
    """Held near 3 and near 8 m/s with little side force, the circle is that of the steering angle."""
    for goal in (3.0, 8.0):
        world = make_world()
        car = put(world, CAR, 0.0, 0.0)
        world.set_actor_target_velocity(car, Vector3D(goal, 0.0, 0.0))
        row = world.actors[car].row
        for _ in range(200):
            error = goal - speed(world, car)
            pedals = VehicleControl(throttle=min(1.0, max(0.0, 0.2 + 0.5 * error)), steer=0.1)
            world.apply_control_to_vehicle(car, pedals)
            world.step(0.05)
        body, drive = world.bodies.rows[row], world.bodies.drives[row]
        inner = math.radians(world.get_wheel_steer_angle(car, 1))
        ideal = (drive["front_m"] + drive["rear_m"]) / math.tan(inner) + drive["track_m"] / 2.0
        assert speed(world, car) / body["wz"] == pytest.approx(ideal, rel=0.08)


def test_grip_limits_how_fast_a_bend_can_be_taken():
    world = make_world()
    car = put(world, CAR, -300.0, -50.0)
    world.set_actor_target_velocity(car, Vector3D(25.0, 0.0, 0.0))
    world.apply_control_to_vehicle(car, VehicleControl(steer=0.8, throttle=0.3))
    world.step(0.05)  # in which it was given its speed
    worst = 0.0
    for _ in range(60):
        world.step(0.05)
        body = world.bodies.rows[world.actors[car].row]
        worst = max(worst, math.hypot(body["ax"], body["ay"]))
    assert 6.0 < worst < 12.5


@pytest.mark.parametrize("control", [VehicleControl(), VehicleControl(brake=1.0), VehicleControl(hand_brake=True)])
def test_a_standing_vehicle_does_not_creep(control):
    world = make_world()
    car = put(world, CAR, 0.0, 20.0, z=0.5)
    run(world, 1.0)
    world.apply_control_to_vehicle(car, control)
    before = world.transform_of(car)
    run(world, 10.0)
    assert world.transform_of(car) == before
    assert speed(world, car) == 0.0


def test_falls_onto_the_road_and_onto_the_sidewalk():
    world = make_world()
    road, sidewalk = put(world, CAR, 0.0, 20.0, z=0.5), put(world, CAR, 0.0, 60.0, z=0.6)
    run(world, 2.0)
    assert world.transform_of(road).location.z == pytest.approx(0.0, abs=1e-9)
    assert world.transform_of(sidewalk).location.z == pytest.approx(0.15, abs=1e-6)


@pytest.mark.parametrize("rotation", [Rotation(360.0, -214.85, 0.0), Rotation(-360.0, 420.0, 360.0)])
def test_whole_turns_in_the_pose_of_a_spawn_are_no_tilt(rotation):
    """CARLA's waypoints on lanes against the road's sense have a pitch of 360 degrees."""
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    world.set_actor_transform(car, Transform(Vector3D(0.0, 20.0, 0.5), rotation))
    for _ in range(10):
        world.step(0.05)
        now = world.transform_of(car).rotation
        assert (now.pitch, now.roll) == pytest.approx((0.0, 0.0), abs=1e-9)
        assert math.remainder(now.yaw - rotation.yaw, 360.0) == pytest.approx(0.0, abs=1e-9)


def test_falls_from_its_spawn_point_without_a_turn_and_stands_level_with_the_road():
    world = World(build_town("Fell01"), seed=0)
    hills = sorted(world.town.spawn_points, key=lambda point: abs(point.rotation.pitch))[-3:]
    assert abs(hills[0].rotation.pitch) > 2.0
    for point in hills:
        car = world.spawn(ActorDescription(0, CAR), point).id
        world.step(0.05)
        assert world.transform_of(car).rotation == pytest.approx(point.rotation, abs=0.005)
        for _ in range(20):
            world.step(0.05)
            now = world.transform_of(car).rotation
            assert (now.pitch, now.roll) == pytest.approx((point.rotation.pitch, point.rotation.roll), abs=0.3)
        world.destroy(car)


@pytest.mark.parametrize("yaw", [180.0, -180.0])
def test_a_yaw_at_either_end_of_its_range_is_told_as_it_was_set(yaw):
    world = make_world()
    car = put(world, CAR, 0.0, 20.0, yaw=yaw)
    world.step(0.05)
    rows = world.snapshot_rows()
    assert rows[rows["id"] == car]["transform"][0][4] == yaw
    assert world.transform_of(car).rotation.yaw == yaw


def test_drives_up_a_kerb():
    world = make_world()
    car = put(world, CAR, 0.0, 44.0, yaw=90.0)
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.4))
    highest = 0.0
    for _ in range(100):
        world.step(0.05)
        highest = max(highest, world.transform_of(car).rotation.pitch)
    assert world.transform_of(car).location.y > 56.0
    assert world.transform_of(car).location.z == pytest.approx(0.15, abs=1e-3)
    assert 1.0 < highest < 8.0


def test_reverses_and_reports_the_gear():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.5, reverse=True))
    run(world, 3.0)
    assert world.transform_of(car).location.x < -2.0
    rows = world.snapshot_rows()
    row = rows[rows["id"] == car][0]
    assert row["vehicle.gear"] == -1
    assert row["velocity"][0] < -1.0


def test_hand_brake_stops_with_the_rear_wheels_alone():
    distances = []
    for control in (VehicleControl(hand_brake=True), VehicleControl(brake=1.0)):
        world = make_world()
        car = put(world, CAR, 0.0, 20.0)
        world.set_actor_target_velocity(car, Vector3D(10.0, 0.0, 0.0))
        world.apply_control_to_vehicle(car, control)
        run(world, 8.0)
        assert speed(world, car) == 0.0
        distances.append(world.transform_of(car).location.x)
    assert distances[0] > 1.5 * distances[1]


def test_manual_gears_hold_the_engine_in_first():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    world.apply_control_to_vehicle(car, VehicleControl(throttle=1.0, manual_gear_shift=True, gear=1))
    run(world, 12.0)
    telemetry = world.get_telemetry_data(car)
    assert telemetry.gear == 1
    assert telemetry.engine_rpm == pytest.approx(world.get_physics_control(car).max_rpm, rel=0.05)
    assert telemetry.speed < 70.0 / 3.6
    assert len(telemetry.wheels) == 4


def test_ackermann_steering_turns_at_its_own_speed_and_forgets_under_another_control():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    slowly = VehicleAckermannControl(steer=0.3, steer_speed=0.1, speed=5.0)
    full_rad = math.radians(world.get_physics_control(car).wheels[0].max_steer_angle)
    for _ in range(2):
        world.apply_ackermann_control_to_vehicle(car, slowly)
        run(world, 1.0)
        assert world.vehicles[car].control.steer * full_rad == pytest.approx(0.1, abs=0.001)
        world.apply_control_to_vehicle(car, VehicleControl(brake=1.0))
        run(world, 2.0)
    world.apply_ackermann_control_to_vehicle(car, replace(slowly, steer_speed=0.0))
    run(world, 0.05)
    assert world.vehicles[car].control.steer * full_rad == pytest.approx(0.3, abs=0.001)


def test_a_manual_gear_above_the_top_one_is_the_top_one():
    speeds = []
    for gear in (6, 7, 2**31 - 1):
        world = make_world()
        car = put(world, CAR, 0.0, 20.0)
        assert len(world.get_physics_control(car).forward_gears) == 6
        world.set_actor_target_velocity(car, Vector3D(15.0, 0.0, 0.0))
        world.apply_control_to_vehicle(car, VehicleControl(throttle=1.0, manual_gear_shift=True, gear=gear))
        run(world, 3.0)
        assert world.get_telemetry_data(car).gear == 6
        speeds.append(speed(world, car))
    assert speeds[0] > 15.5
    assert speeds == [speeds[0]] * 3


def test_physics_control_takes_effect():
    """Ice and a load: slower away, much longer to stop."""
    results = {}
    for name, change in {
        "as built": {},
        "heavy": {"mass": 5000.0},
        "icy": {"tire_friction": 0.35},
    }.items():
        world = make_world()
        car = put(world, CAR, 0.0, 20.0)
        physics = world.get_physics_control(car)
        if "tire_friction" in change:
            physics = replace(physics, wheels=tuple(replace(w, **change) for w in physics.wheels))
        else:
            physics = replace(physics, **change)
        world.apply_physics_control(car, physics)
        assert world.get_physics_control(car).mass == physics.mass
        world.apply_control_to_vehicle(car, VehicleControl(throttle=1.0))
        run(world, 3.0)
        reached = speed(world, car)
        world.set_actor_target_velocity(car, Vector3D(10.0, 0.0, 0.0))
        start = world.transform_of(car).location.x
        world.apply_control_to_vehicle(car, VehicleControl(brake=1.0))
        run(world, 12.0)
        results[name] = reached, world.transform_of(car).location.x - start
    assert results["heavy"][0] < 0.5 * results["as built"][0]
    assert results["icy"][0] < 0.5 * results["as built"][0]
    assert results["icy"][1] > 5.0 * results["as built"][1]


def test_friction_trigger_makes_a_patch_of_ice():
    from simulator.types import Rotation
    from tests.simulator.world.places import describe

    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    ice = describe("static.trigger.friction", friction=0.3, extent_x=4000.0, extent_y=500.0, extent_z=500.0)
    world.spawn(ice, Transform(Vector3D(30.0, 20.0, 0.0), Rotation()))
    world.set_actor_target_velocity(car, Vector3D(10.0, 0.0, 0.0))
    world.apply_control_to_vehicle(car, VehicleControl(brake=1.0))
    run(world, 3.0)
    assert world.transform_of(car).location.x > 15.0


def test_a_trigger_lends_its_friction_to_who_is_inside_and_physics_control_tells_it():
    from simulator.types import Rotation
    from tests.simulator.world.places import describe

    world = make_world()
    car = put(world, CAR, 0.0, 20.0)

    def friction() -> float:
        world.step(0.05)
        return world.get_physics_control(car).wheels[0].tire_friction

    own = friction()
    wet = describe("static.trigger.friction", friction=1.25, extent_x=300.0, extent_y=300.0, extent_z=300.0)
    trigger = world.spawn(wet, Transform(Vector3D(0.0, 20.0, 0.0), Rotation())).id
    assert friction() == 1.25
    world.set_actor_location(car, Vector3D(3.5, 20.0, 0.0))  # its extent is in centimetres
    assert friction() == own
    world.set_actor_location(car, Vector3D(2.5, 20.0, 0.0))
    assert friction() == 1.25
    world.destroy(trigger)
    assert friction() == own


def test_without_friction_and_drag_nothing_slows_a_vehicle_down():
    world = make_world()
    for blueprint, y in ((CAR, 20.0), ("vehicle.bh.crossbike", 30.0)):
        car = put(world, blueprint, -200.0, y)
        physics = world.get_physics_control(car)
        wheels = tuple(replace(wheel, tire_friction=0.0) for wheel in physics.wheels)
        world.apply_physics_control(car, replace(physics, drag_coefficient=0.0, wheels=wheels))
        world.set_actor_target_velocity(car, Vector3D(20.0, 0.0, 0.0))
        world.apply_control_to_vehicle(car, VehicleControl(brake=1.0))
        run(world, 5.0)
        assert speed(world, car) == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("delta_s", [0.01, 0.05, 0.1])
@pytest.mark.parametrize(
    "blueprint", [CAR, "vehicle.yamaha.yzf", "vehicle.carlamotors.firetruck", "vehicle.bh.crossbike"]
)
def test_a_lane_keeping_controller_holds_the_lane_at_any_step(delta_s, blueprint):
    """Pure pursuit with a look-ahead of 4 m + 0.5 s towards a line 2 m aside, at up to 40 km/h."""
    world = make_world()
    car = put(world, blueprint, -200.0, 20.0)
    run(world, 0.2, delta_s)
    offsets = []
    for _ in range(round(20.0 / delta_s)):
        place, v = world.transform_of(car), speed(world, car)
        look = 4.0 + 0.5 * v
        bearing = math.atan2(22.0 - place.location.y, look) - math.radians(place.rotation.yaw)
        drive = world.bodies.drives[world.actors[car].row]
        wheel = math.atan(2.0 * (drive["front_m"] + drive["rear_m"]) * math.sin(bearing) / look)
        steer = min(1.0, max(-1.0, wheel / float(drive["max_steer_rad"])))
        throttle = min(0.75, max(0.0, 0.4 * (40.0 / 3.6 - v)))
        world.apply_control_to_vehicle(car, VehicleControl(throttle=throttle, steer=steer))
        world.step(delta_s)
        offsets.append(abs(place.location.y - 22.0))
    assert max(offsets[round(12.0 / delta_s) :]) < 0.1
    assert speed(world, car) > 5.0


def test_ackermann_control_reaches_and_holds_a_speed():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    world.apply_ackermann_control_to_vehicle(car, VehicleAckermannControl(speed=8.0, acceleration=3.0))
    run(world, 15.0)
    assert speed(world, car) == pytest.approx(8.0, abs=0.6)
    world.apply_ackermann_control_to_vehicle(car, VehicleAckermannControl(speed=0.0))
    run(world, 10.0)
    assert speed(world, car) < 0.05


def test_constant_velocity_ignores_pedals_but_not_the_wheel():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    world.enable_actor_constant_velocity(car, Vector3D(6.0, 0.0, 0.0))
    world.apply_control_to_vehicle(car, VehicleControl(brake=1.0, steer=0.2))
    run(world, 2.0)
    assert speed(world, car) == pytest.approx(6.0, rel=0.02)
    assert world.transform_of(car).rotation.yaw > 10.0
    world.disable_actor_constant_velocity(car)
    run(world, 3.0)
    assert speed(world, car) == 0.0


def test_impulses_and_forces_push_and_no_physics_holds():
    world = make_world()
    pushed, held = put(world, CAR, 0.0, 20.0), put(world, CAR, 0.0, 30.0)
    world.set_actor_simulate_physics(held, False)
    mass = world.get_physics_control(pushed).mass
    for car in (pushed, held):
        world.add_actor_force(car, Vector3D(mass * 20.0, 0.0, 0.0))
    world.step(0.05)
    assert speed(world, pushed) == pytest.approx(1.0, abs=0.05)
    assert speed(world, held) == 0.0
    world.add_actor_impulse(pushed, Vector3D(mass * 2.0, 0.0, 0.0))
    world.step(0.05)
    assert speed(world, pushed) == pytest.approx(3.0, abs=0.2)


def test_a_force_that_is_more_than_its_weight_lifts_a_standing_car_and_a_lesser_one_does_not():
    heights = []
    for share in (0.9, 1.5):
        world = make_world()
        car = put(world, CAR, 0.0, 20.0)
        for _ in range(20):
            world.add_actor_force(car, Vector3D(0.0, 0.0, share * 9.81 * world.get_physics_control(car).mass))
            world.step(0.05)
        heights.append(world.transform_of(car).location.z)
    assert heights[0] == 0.0
    assert heights[1] == pytest.approx(0.5 * 0.5 * 9.81, rel=0.1)


def test_angular_impulse_and_torque_are_in_kg_cm2_and_degrees():
    world = make_world()
    kicked, twisted = put(world, CAR, 0.0, 20.0, z=5.0), put(world, CAR, 0.0, 30.0, z=5.0)
    inertia = float(world.bodies.rows[world.actors[kicked].row]["inertia"])
    world.add_actor_angular_impulse(kicked, Vector3D(0.0, 0.0, inertia * 1e4 * 30.0))
    assert world.bodies.rows[world.actors[kicked].row]["wz"] == pytest.approx(math.radians(30.0))
    world.add_actor_torque(twisted, Vector3D(0.0, 0.0, inertia * 1e4 * 30.0))
    assert world.bodies.rows[world.actors[twisted].row]["tz"] == pytest.approx(inertia * math.radians(30.0))


def test_telemetry_tells_what_the_tyres_do():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    mass = world.get_physics_control(car).mass
    world.step(0.05)
    assert sum(wheel.tire_load for wheel in world.get_telemetry_data(car).wheels) == pytest.approx(9.81 * mass)
    world.set_actor_target_velocity(car, Vector3D(12.0, 0.0, 0.0))
    world.apply_control_to_vehicle(car, VehicleControl(throttle=0.4, steer=0.3))
    run(world, 1.0)
    wheels = world.get_telemetry_data(car).wheels
    turning = world.bodies.rows[world.actors[car].row]
    sideways = mass * math.hypot(turning["vx"], turning["vy"]) * turning["wz"]
    assert sum(wheel.lat_force for wheel in wheels) == pytest.approx(sideways, rel=0.15)
    assert all(wheel.lat_force > 0.0 and wheel.normalized_lat_force > 0.0 for wheel in wheels)
    assert 1.0 < wheels[0].lat_slip < 15.0  # degrees
    world.apply_control_to_vehicle(car, VehicleControl(brake=0.6))
    run(world, 0.5)
    front, _, rear, _ = world.get_telemetry_data(car).wheels
    assert max(front.long_force, front.torque) < 0.0 < front.normalized_long_force
    assert front.normalized_tire_load > 1.05 > 0.95 > rear.normalized_tire_load


def test_nonsense_controls_are_harmless():
    world = make_world()
    car = put(world, CAR, 0.0, 20.0)
    world.apply_control_to_vehicle(car, VehicleControl(throttle=math.nan, steer=9.0, brake=-4.0, gear=77))
    run(world, 1.0)
    assert all(math.isfinite(value) for part in world.transform_of(car) for value in part)


def test_vehicles_lean_and_dive():
    world = make_world()
    car, bike = put(world, CAR, 0.0, 0.0), put(world, "vehicle.yamaha.yzf", 0.0, 20.0)
    for vehicle in (car, bike):
        world.set_actor_target_velocity(vehicle, Vector3D(10.0, 0.0, 0.0))
        world.apply_control_to_vehicle(vehicle, VehicleControl(steer=0.1, throttle=0.3))
    run(world, 1.5)
    assert world.transform_of(car).rotation.roll < -0.3  # out of the bend
    assert world.transform_of(bike).rotation.roll > 5.0  # into it
    world.apply_control_to_vehicle(car, VehicleControl(brake=1.0))
    run(world, 0.5)
    assert world.transform_of(car).rotation.pitch < -0.5


@pytest.mark.parametrize("blueprint", [CAR, "vehicle.dodge.charger_2020", "vehicle.ford.ambulance"])
def test_a_car_that_is_given_a_speed_coasts_in_the_gear_of_that_speed(blueprint):
    world = make_world()
    car = put(world, blueprint, 0.0, 20.0)
    physics = world.get_physics_control(car)
    world.apply_physics_control(car, replace(physics, drag_coefficient=0.0))
    world.set_actor_target_velocity(car, Vector3D(50.0 / 3.6, 0.0, 0.0))
    run(world, 0.05)
    assert world.get_telemetry_data(car).gear in (2, 3)
    run(world, 11.0)
    assert 90.0 < world.transform_of(car).location.x < 140.0
    standing = put(world, blueprint, 0.0, 40.0)
    world.set_actor_target_velocity(standing, Vector3D())
    world.step(0.05)
    assert world.get_telemetry_data(standing).gear == 1
