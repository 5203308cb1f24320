"""Heat states follow what actors do."""

from sensors.thermal import Ambient
from sensors.thermal.heat import ENGINE_STOPS_AFTER_S, HeatState, Motion, advance, initial_heat, person_heat

AIR = Ambient(air_temperature_c=6.0)


def drive(heat: HeatState, type_id: str, motion: Motion, seconds: float) -> HeatState:
    standing = 0.0
    for _ in range(int(seconds)):
        standing = 0.0 if motion.speed_mps > 0.5 else standing + 1.0
        heat = advance(heat, type_id, motion, 1.0, standing)
    return heat


def test_a_bonnet_warms_in_minutes_and_cools_slower():
    cold = HeatState()
    driven = drive(cold, "vehicle.ford.mustang", Motion(8.0, 0.4), 600)
    assert 5.0 < driven.bonnet_k < 30.0
    assert drive(cold, "vehicle.ford.mustang", Motion(8.0, 0.4), 60).bonnet_k < 0.5 * driven.bonnet_k
    parked = drive(driven, "vehicle.ford.mustang", Motion(0.0), ENGINE_STOPS_AFTER_S + 600)
    assert not parked.engine_on
    assert 0.2 * driven.bonnet_k < parked.bonnet_k < 0.9 * driven.bonnet_k


def test_brakes_glow_after_braking_and_fade():
    driven = drive(HeatState(), "vehicle.ford.mustang", Motion(14.0, 0.4), 60)
    braked = drive(driven, "vehicle.ford.mustang", Motion(12.0, 0.0, 0.8), 3)
    assert braked.brakes_k > driven.brakes_k + 20.0
    assert drive(braked, "vehicle.ford.mustang", Motion(5.0, 0.2), 300).brakes_k < 0.3 * braked.brakes_k


def test_integration_does_not_depend_on_the_step():
    motion = Motion(10.0, 0.3)
    coarse = advance(HeatState(), "vehicle.ford.mustang", motion, 10.0, 0.0)
    fine = HeatState()
    for _ in range(200):
        fine = advance(fine, "vehicle.ford.mustang", motion, 0.05, 0.0)
    assert abs(coarse.bonnet_k - fine.bonnet_k) < 0.01
    assert abs(coarse.tyres_k - fine.tyres_k) < 0.01


def test_a_parked_car_is_cold_and_a_bicycle_has_no_engine():
    assert initial_heat("vehicle.ford.mustang", "parked", AIR, 0, 1) == HeatState()
    assert initial_heat("vehicle.bh.crossbike", "", AIR, 0, 1).bonnet_k == 0.0


def test_a_face_is_between_28_and_34_c_at_6_c_and_cools_in_wind():
    calm, windy = person_heat(AIR, 0.5), person_heat(Ambient(air_temperature_c=6.0, wind_mps=10.0), 0.5)
    assert 28.0 < 6.0 + calm.face_k < 34.0
    assert windy.face_k < calm.face_k
    assert calm.hands_k < calm.face_k
    assert 2.0 <= calm.clothing_k <= 8.0
