"""A thermal camera that sits askew, drifts or is late, and says where it is blind."""

from dataclasses import replace

import carla
import numpy as np
import pytest

from sensors.thermal import Ambient, HeatState, ThermalCamera, preset
from sensors.thermal.mounting import Delay, Mounting, seen_through
from tests.sensors.scenes import CAR, Thing, actor, frames

NIGHT = Ambient(air_temperature_c=6.0)
BOX = Thing(20.0, 0.0, (1.0, 1.0, 1.0), CAR, 3, yaw_deg=180.0)
WARM = HeatState(bonnet_k=30.0, cabin_k=30.0, tyres_k=30.0, engine_on=True)


def camera(mounting: Mounting) -> ThermalCamera:
    return ThermalCamera(replace(preset("ideal"), mounting=mounting), 320, 180, 90.0, NIGHT, seed=1)


def warm_column(picture: np.ndarray) -> float:
    warmth = np.clip(picture[84:110] - 285.0, 0.0, None)
    return float((warmth.sum(axis=0) * np.arange(320)).sum() / warmth.sum())


def shot_at(x: float, frame: int):
    thing = replace(BOX, x=x)
    return frames((thing,), frame=frame), [actor(thing, 9, "vehicle.x", WARM)]


def test_an_ideal_pair_is_untouched_and_valid_everywhere():
    shot, actors = shot_at(20.0, 0)
    plain = ThermalCamera("ideal", 320, 180, 90.0, NIGHT, seed=1).image(shot, actors)
    mounted = camera(Mounting()).image(shot, actors)
    assert np.array_equal(plain.kelvin, mounted.kelvin)
    assert mounted.valid is None


def test_a_camera_turned_to_the_right_shows_the_car_farther_left_and_marks_what_it_cannot_know():
    shot, actors = shot_at(20.0, 0)
    straight = camera(Mounting()).image(shot, actors)
    turned = camera(Mounting(yaw_deg=5.0)).image(shot, actors)
    # 5 degrees at a focal length of 160 px
    shift = warm_column(straight.kelvin) - warm_column(turned.kelvin)
    assert shift == pytest.approx(160.0 * np.tan(np.radians(5.0)), abs=1.0)
    assert turned.valid is not None
    assert turned.valid[20:160, :250].all()
    assert not turned.valid[:, 310:].any()


def test_pitch_up_moves_the_picture_down_and_roll_turns_it_about_its_middle():
    ramp = np.repeat(np.arange(180, dtype=np.float32)[:, None], 320, axis=1)
    up, _ = seen_through(ramp, Mounting(pitch_deg=3.0).rotation(0.0), 90.0)
    assert up[90, 160] == pytest.approx(ramp[90, 160] - 160.0 * np.tan(np.radians(3.0)), abs=0.5)
    leaned, _ = seen_through(ramp, Mounting(roll_deg=4.0).rotation(0.0), 90.0)
    assert leaned[89, 160] == pytest.approx(ramp[89, 160], abs=0.5)
    # leaned clockwise, the right of its picture looks lower
    assert leaned[89, 260] == pytest.approx(89.0 + 100.0 * np.tan(np.radians(4.0)), abs=1.0)


def test_a_narrow_lens_shows_a_turn_larger():
    ramp = np.repeat(np.arange(320, dtype=np.float32)[None], 180, axis=0)
    for fov_deg in (60.0, 120.0):
        turned, _ = seen_through(ramp, Mounting(yaw_deg=2.0).rotation(0.0), fov_deg)
        focal = 160.0 / np.tan(np.radians(fov_deg / 2.0))
        assert turned[89:91, 159:161].mean() == pytest.approx(159.5 + focal * np.tan(np.radians(2.0)), abs=0.05)


def test_a_turn_leaves_the_very_middle_and_what_is_half_outside_is_not_valid():
    ramp = np.repeat(np.arange(180, dtype=np.float32)[:, None], 320, axis=1)
    leaned, _ = seen_through(ramp, Mounting(roll_deg=45.0).rotation(0.0), 90.0)
    assert leaned[89:91, 159:161].mean() == pytest.approx(89.5, abs=0.05)
    _, valid = seen_through(ramp, Mounting(yaw_deg=0.1).rotation(0.0), 90.0)  # a quarter of a pixel
    assert valid[1:-1, :-1].all()
    assert not valid[:, -1].any()


def test_drift_comes_and_goes_in_simulation_time():
    mounting = Mounting(drift_deg=0.5, drift_period_s=100.0)
    assert np.allclose(mounting.rotation(0.0), mounting.rotation(100.0))
    assert np.degrees(np.arctan2(*mounting.rotation(25.0)[1::-1, 0])) == pytest.approx(0.5, abs=1e-6)
    assert np.degrees(np.arcsin(mounting.rotation(25.0)[2, 0])) == pytest.approx(0.5 * np.sin(np.radians(150.0)))


def test_a_mounting_turns_as_carla_does():
    there = carla.Transform(carla.Location(), carla.Rotation(yaw=20.0, pitch=-7.0, roll=11.0)).get_matrix()
    assert Mounting(yaw_deg=20.0, pitch_deg=-7.0, roll_deg=11.0).rotation(0.0) == pytest.approx(
        np.array(there)[:3, :3], abs=1e-6
    )


def test_a_camera_that_looks_backwards_is_refused():
    with pytest.raises(ValueError, match="yaw_deg must lie within 45 degrees"):
        Mounting(yaw_deg=60.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pitch_deg": -45.1}, "pitch_deg must lie within 45 degrees, got -45.1"),
        ({"roll_deg": float("nan")}, "roll_deg must lie within 45 degrees"),
        ({"drift_period_s": 0.0}, "drift_period_s must be positive, got 0.0"),
        ({"delay_s": 2.1}, r"delay_s must lie in 0\.\.2, got 2.1"),
    ],
)
def test_a_mounting_that_cannot_be_is_told(change, says):
    with pytest.raises(ValueError, match=says):
        Mounting(**change)


def test_a_mounting_is_turned_by_any_of_its_angles_and_by_no_delay():
    assert Mounting() == Mounting(0.0, 0.0, 0.0, 0.0, 600.0, 0.0)
    assert not Mounting(delay_s=0.1).turned
    assert all(Mounting(**{name: -45.0}).turned for name in ("yaw_deg", "pitch_deg", "roll_deg", "drift_deg"))


def test_what_an_askew_camera_cannot_know_repeats_its_border():
    ramp = np.repeat(np.arange(320, dtype=np.float32)[None], 180, axis=0)
    turned, valid = seen_through(ramp + 100.0, Mounting(yaw_deg=5.0).rotation(0.0), 90.0)
    assert (turned[:, -8:] == 419.0).all()
    assert not valid[:, -8:].any()


def test_a_late_camera_shows_the_car_where_it_was():
    late, prompt = camera(Mounting(delay_s=0.1)), camera(Mounting())
    places = [30.0, 26.0, 22.0, 18.0, 14.0]
    shown = [(late.image(*shot_at(x, k)).kelvin, prompt.image(*shot_at(x, k)).kelvin) for k, x in enumerate(places)]
    assert np.array_equal(shown[4][0], shown[2][1])
    assert np.array_equal(shown[0][0], shown[0][1]), "there is nothing older yet"
    assert not np.array_equal(shown[4][0], shown[4][1])


def test_a_late_camera_is_as_late_after_a_shutter_pause():
    shuts = replace(preset("ideal").detector, shutter_interval_s=5.0, shutter_freeze_s=0.5)
    late = ThermalCamera(
        replace(preset("ideal"), mounting=Mounting(delay_s=0.1), detector=shuts), 320, 180, 90.0, NIGHT, seed=1
    )
    prompt = camera(Mounting())
    places = [60.0 - 0.4 * k for k in range(120)]
    shown = [late.image(*shot_at(x, k)) for k, x in enumerate(places)]
    opened = next(k for k in range(1, 120) if shown[k - 1].frozen and not shown[k].frozen)
    seen = prompt.image(*shot_at(places[opened - 2], opened - 2))
    assert np.array_equal(shown[opened].kelvin, seen.kelvin)


def test_delay_holds_no_more_than_it_needs():
    delay = Delay(0.1)
    for k in range(50):
        delay(np.full((2, 2), k, np.float32), 0.05 * k)
    assert len(delay._held) <= 3
    assert delay(np.full((2, 2), 50, np.float32), 2.5)[0, 0] == 48.0


def test_a_preset_file_may_set_the_mounting(tmp_path):
    own = tmp_path / "askew.yaml"
    own.write_text("base: adk\nmounting: {yaw_deg: 0.4, delay_s: 0.05}\n")
    assert preset(str(own)).mounting == Mounting(yaw_deg=0.4, delay_s=0.05)
    own.write_text("mounting: {delay_s: -1}\n")
    with pytest.raises(ValueError, match=r"delay_s must lie in 0\.\.2"):
        preset(str(own))
