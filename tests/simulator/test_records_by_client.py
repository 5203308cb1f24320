"""Records as CARLA's own client encodes and decodes them: what it sends comes back to it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import carla
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.process import server_process
from simulator.proofs.traffic import synchronous

Values = dict[str, Any]

few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
share = st.floats(0.0, 1.0, width=32)
number = st.floats(-1000.0, 1000.0, width=32)
positive = st.floats(0.0625, 1000.0, width=32)
flag = st.booleans()
vectors = st.builds(carla.Vector3D, number, number, number)

WEATHER = (
    "cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "sun_azimuth_angle",
    "sun_altitude_angle", "fog_density", "fog_distance", "fog_falloff", "wetness", "scattering_intensity",
    "mie_scattering_scale", "rayleigh_scattering_scale", "dust_storm",
)  # fmt: skip
SCALARS_OF_PHYSICS = (
    "max_rpm", "moi", "damping_rate_full_throttle", "damping_rate_zero_throttle_clutch_engaged",
    "damping_rate_zero_throttle_clutch_disengaged", "gear_switch_time", "clutch_strength", "final_ratio", "mass",
    "drag_coefficient",
)  # fmt: skip
SCALARS_OF_WHEEL = (
    "tire_friction", "damping_rate", "max_steer_angle", "radius", "max_brake_torque", "max_handbrake_torque",
    "lat_stiff_max_load", "lat_stiff_value", "long_stiff_value",
)  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[carla.Client]:
    with server_process() as server:
        connected = carla.Client("127.0.0.1", server.port)
        connected.set_timeout(60.0)
        synchronous(connected.get_world())
        yield connected


@pytest.fixture(scope="module")
def world(client: carla.Client) -> carla.World:
    return client.get_world()


@pytest.fixture(scope="module")
def car(world: carla.World) -> Iterator[carla.Vehicle]:
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    car = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
    world.tick()
    yield car
    car.destroy()


def fields(record: object, names: tuple[str, ...]) -> Values:
    return {name: getattr(record, name) for name in names}


def of(names: tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Values]:
    return st.fixed_dictionaries(dict.fromkeys(names, values))


@few
@given(of(WEATHER, number))
def test_weather(world: carla.World, values: Values) -> None:
    world.set_weather(carla.WeatherParameters(**values))
    assert fields(world.get_weather(), WEATHER) == values


@few
@given(st.floats(0.001, 0.5), flag, st.integers(1, 16), st.floats(0.001, 0.1), flag)
def test_settings(
    world: carla.World, delta_s: float, substepping: bool, substeps: int, substep_s: float, ego: bool
) -> None:
    wanted = carla.WorldSettings(
        synchronous_mode=True, fixed_delta_seconds=delta_s, substepping=substepping, max_substeps=substeps,
        max_substep_delta_time=substep_s, spectator_as_ego=ego,
    )  # fmt: skip
    world.apply_settings(wanted)
    assert world.get_settings() == wanted


@few
@given(of(("throttle", "steer", "brake"), share), flag, flag, flag)
def test_vehicle_control(
    world: carla.World, car: carla.Vehicle, pedals: Values, hand: bool, reverse: bool, manual: bool
) -> None:
    synchronous(world)
    car.apply_control(carla.VehicleControl(**pedals, hand_brake=hand, reverse=reverse, manual_gear_shift=manual))
    world.tick()
    control = car.get_control()
    assert fields(control, ("throttle", "steer", "brake")) == pedals
    assert (control.hand_brake, control.reverse, control.manual_gear_shift) == (hand, reverse, manual)


@few
@given(
    of(SCALARS_OF_PHYSICS, positive),
    of(SCALARS_OF_WHEEL, positive),
    st.lists(st.tuples(positive, positive), min_size=1, max_size=5),
    st.lists(st.builds(carla.GearPhysicsControl, positive, share, share), min_size=1, max_size=7),
    flag,
    vectors,
)
def test_physics_control(
    car: carla.Vehicle, scalars: Values, wheel: Values, curve: list[Any], gears: list[Any], sweep: bool, middle: Any
) -> None:
    wanted = car.get_physics_control()
    for name, value in scalars.items():
        setattr(wanted, name, value)
    wheels = wanted.wheels
    for one in wheels:
        for name, value in wheel.items():
            setattr(one, name, value)
    wanted.wheels, wanted.forward_gears = wheels, gears
    wanted.torque_curve = wanted.steering_curve = [carla.Vector2D(x, y) for x, y in curve]
    wanted.use_sweep_wheel_collision, wanted.center_of_mass = sweep, middle
    car.apply_physics_control(wanted)
    got = car.get_physics_control()
    assert fields(got, SCALARS_OF_PHYSICS) == scalars
    assert [fields(one, SCALARS_OF_WHEEL) for one in got.wheels] == [wheel] * 4
    assert got.forward_gears == gears
    assert [(p.x, p.y) for p in got.torque_curve] == [(p.x, p.y) for p in got.steering_curve] == curve
    assert (got.use_sweep_wheel_collision, got.center_of_mass) == (sweep, middle)


@few
@given(st.integers(0, 2**11 - 1))
def test_vehicle_lights(world: carla.World, car: carla.Vehicle, flags: int) -> None:
    car.set_light_state(carla.VehicleLightState(flags))
    world.tick()
    assert int(car.get_light_state()) == flags


@few
@given(of(("speed_kp", "speed_ki", "speed_kd", "accel_kp", "accel_ki", "accel_kd"), positive))
def test_ackermann_settings(car: carla.Vehicle, values: Values) -> None:
    car.apply_ackermann_controller_settings(carla.AckermannControllerSettings(**values))
    assert fields(car.get_ackermann_controller_settings(), tuple(values)) == values


@few
@given(vectors, st.floats(-89.0, 89.0, width=32), st.floats(-179.0, 179.0, width=32))
def test_transforms(world: carla.World, place: Any, pitch: float, yaw: float) -> None:
    spectator = world.get_spectator()
    wanted = carla.Transform(carla.Location(place.x, place.y, place.z), carla.Rotation(pitch=pitch, yaw=yaw))
    spectator.set_transform(wanted)
    world.tick()
    assert spectator.get_transform() == wanted


@few
@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30), st.integers(0, 255))
def test_descriptions_and_attributes(world: carla.World, name: str, green: int) -> None:
    blueprint = world.get_blueprint_library().find("vehicle.audi.tt")
    blueprint.set_attribute("role_name", name)
    blueprint.set_attribute("color", f"1,{green},3")
    car = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[3])
    try:
        seen = world.get_actor(car.id)
        assert (seen.attributes["role_name"], seen.attributes["color"]) == (name, f"1,{green},3")
        assert (seen.type_id, list(seen.semantic_tags)) == ("vehicle.audi.tt", [14])
    finally:
        car.destroy()


@few
@given(st.lists(st.sampled_from(["control", "lights", "location", "nobody"]), max_size=8))
def test_batches_are_answered_one_by_one(client: carla.Client, car: carla.Vehicle, kinds: list[str]) -> None:
    commands = {
        "control": carla.command.ApplyVehicleControl(car.id, carla.VehicleControl(brake=1.0)),
        "lights": carla.command.SetVehicleLightState(car.id, carla.VehicleLightState.Fog),
        "location": carla.command.ApplyTransform(car.id, car.get_transform()),
        "nobody": carla.command.ApplyVehicleControl(4_000_000, carla.VehicleControl()),
    }
    responses = client.apply_batch_sync([commands[kind] for kind in kinds], False)
    assert [bool(response.error) for response in responses] == [kind == "nobody" for kind in kinds]
    assert all(r.actor_id == car.id for r, kind in zip(responses, kinds) if kind != "nobody")
