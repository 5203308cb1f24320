"""Heat states follow what actors do."""

from dataclasses import replace
from types import SimpleNamespace

import carla
import numpy as np
import pytest

from sensors.thermal import Ambient, HeatTracker
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


def test_every_part_goes_to_its_own_end_in_its_own_time():
    """At 10 m/s with a throttle of 0.5; after a time constant 1 - 1/e of the way is done."""
    type_id, driving = "vehicle.ford.mustang", Motion(10.0, 0.5)
    share = 1.0 - np.exp(-1.0)
    ends = {"bonnet_k": 26.0 * 0.86, "exhaust_k": 65.0, "tyres_k": 13.0, "brakes_k": 5.2, "cabin_k": 4.0}
    seconds = {"bonnet_k": 240.0, "exhaust_k": 60.0, "tyres_k": 300.0, "brakes_k": 90.0, "cabin_k": 900.0}
    for part, end_k in ends.items():
        warm = advance(HeatState(), type_id, driving, seconds[part], 0.0)
        assert getattr(warm, part) == pytest.approx(share * end_k), part
    hot = HeatState(20.0, 20.0, 20.0, 20.0, 20.0)
    for part, after_s in (seconds | {"bonnet_k": 1500.0, "exhaust_k": 400.0}).items():
        assert getattr(advance(hot, type_id, Motion(0.0), after_s, after_s), part) == pytest.approx(
            20.0 * (1.0 - share)
        )
    idling = advance(replace(hot, engine_on=True), type_id, Motion(0.0), 300.0, 0.0)
    assert idling.tyres_k == pytest.approx(20.0 * (1.0 - share))
    assert advance(HeatState(), "vehicle.tesla.model3", driving, 1e6, 0.0).bonnet_k == pytest.approx(7.0 * 0.86)
    assert advance(HeatState(), "vehicle.yamaha.yzf", driving, 1e6, 0.0).bonnet_k == pytest.approx(52.0 * 0.86)


def test_discs_get_no_hotter_than_150_k_above_the_air():
    """0.35 K for each J/kg, which at 12 m/s and 0.8 of 6 m/s2 is 20 K a second."""
    cold = HeatState()
    assert advance(cold, "vehicle.ford.mustang", Motion(12.0, 0.0, 0.8), 0.05, 0.0).brakes_k == pytest.approx(
        1.01, abs=0.01
    )
    assert advance(cold, "vehicle.ford.mustang", Motion(40.0, 0.0, 1.0), 10.0, 0.0).brakes_k == 150.0


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
    assert initial_heat("vehicle.ford.mustang", "static", AIR, 0, 1) == HeatState()
    assert initial_heat("vehicle.bh.crossbike", "", AIR, 0, 1).bonnet_k == 0.0


def test_a_parked_motorcycle_is_cold():
    parked, ridden = (initial_heat("vehicle.yamaha.yzf", role, AIR, 0, 1) for role in ("parked", ""))
    assert not parked.engine_on
    assert parked.bonnet_k == parked.exhaust_k == parked.tyres_k == 0.0
    assert ridden.engine_on
    assert ridden.bonnet_k > 20.0


@pytest.mark.parametrize("air_c", [36.0, 42.0, 48.0])
def test_skin_stays_near_35_c_in_hotter_air(air_c):
    body = person_heat(Ambient(air_temperature_c=air_c), 0.5)
    assert air_c + body.face_k == pytest.approx(35.0)
    assert air_c + body.hands_k == pytest.approx(35.0)


class Snapshot(list):
    timestamp = SimpleNamespace(elapsed_seconds=1.0)


def world_of(*types: str):
    """A world of actors that stand still, as far as a tracker asks, and its snapshot."""
    box = SimpleNamespace(location=carla.Location(), extent=carla.Vector3D(1.0, 1.0, 1.0))
    actors = [
        SimpleNamespace(id=i, type_id=t, bounding_box=box, attributes={}, get_control=carla.VehicleControl)
        for i, t in enumerate(types)
    ]
    pose, still = SimpleNamespace(get_matrix=lambda: np.eye(4).tolist()), carla.Vector3D
    rows = [SimpleNamespace(id=a.id, get_transform=lambda: pose, get_velocity=still) for a in actors]
    return SimpleNamespace(get_actors=lambda ids: [a for a in actors if a.id in ids]), Snapshot(rows)


def test_a_change_of_weather_dresses_people_anew_and_leaves_engines_as_they_are():
    world, snapshot = world_of("walker.pedestrian.0001", "vehicle.yamaha.yzf", "vehicle.ford.mustang")
    tracker = HeatTracker(world, AIR, seed=3)
    before = [actor.heat for actor in tracker.update(snapshot)]
    warmer = Ambient(air_temperature_c=26.0)
    tracker.ambient = warmer
    after = [actor.heat for actor in tracker.update(snapshot)]
    assert after[0] == HeatTracker(world, warmer, seed=3).update(snapshot)[0].heat
    assert after[0].face_k < before[0].face_k - 10.0
    assert after[1].face_k == after[0].face_k
    assert after[1].bonnet_k == before[1].bonnet_k
    assert after[2] == before[2]


def test_an_engine_is_switched_off_five_minutes_after_its_vehicle_has_moved():
    world, snapshot = world_of("vehicle.ford.mustang")
    tracker = HeatTracker(world, AIR, seed=3)
    running = []
    for time_s in (100.0, 250.0, 399.0, 401.0):
        snapshot.timestamp = SimpleNamespace(elapsed_seconds=time_s)
        running.append(tracker.update(snapshot)[0].heat.engine_on)
    assert running == [True, True, True, False]


def test_who_comes_back_is_as_new_and_is_drawn_by_the_place_of_its_id():
    world, snapshot = world_of("vehicle.ford.mustang")
    tracker = HeatTracker(world, AIR, seed=3, ids_from=-5)
    (first,) = tracker.update(snapshot)
    assert first.heat == initial_heat("vehicle.ford.mustang", "", AIR, 3, 5)
    assert tracker.update(Snapshot()) == ()
    (again,) = tracker.update(snapshot)
    assert again.heat == first.heat


def test_skin_and_clothes_by_hand():
    """In still air: 34 C less 0.13 K for each below 20 C; hands a fifth nearer to the air; wind at 2 m/s."""
    for air_c, face_c in ((30.0, 34.0), (20.0, 34.0), (0.0, 31.4)):
        body = person_heat(Ambient(air_temperature_c=air_c, wind_mps=0.0), 0.0)
        assert air_c + body.face_k == pytest.approx(face_c)
        assert body.hands_k == pytest.approx(0.78 * body.face_k)
        assert body.clothing_k == pytest.approx(0.24 * (33.0 - air_c))
    windy = Ambient(air_temperature_c=0.0, wind_mps=2.0)
    assert person_heat(windy, 0.0).face_k == pytest.approx(31.4 - 1.1 * np.log(3.0))
    assert person_heat(windy, 1.0).clothing_k == pytest.approx(0.10 * 33.0 / 1.12)


def test_a_face_is_between_28_and_34_c_at_6_c_and_cools_in_wind():
    calm, windy = person_heat(AIR, 0.5), person_heat(Ambient(air_temperature_c=6.0, wind_mps=10.0), 0.5)
    assert 28.0 < 6.0 + calm.face_k < 34.0
    assert windy.face_k < calm.face_k
    assert calm.hands_k < calm.face_k
    assert 2.0 <= calm.clothing_k <= 8.0
