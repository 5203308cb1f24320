"""The detector measures what its data sheet says."""

import numpy as np
import pytest

from sensors.thermal.microbolometer import Detector, Microbolometer
from sensors.thermal.radiometry import band

LONG_WAVE = band(8.0, 14.0)
SHAPE = (96, 128)
CLEAN = {"column_mk": 0.0, "row_mk": 0.0, "pixel_mk": 0.0, "dead_share": 0.0, "blur_px": 0.0, "shutter_freeze_s": 0.0}


def flat(kelvin: float) -> np.ndarray:
    return np.full(SHAPE, float(LONG_WAVE.radiance(kelvin)), np.float32)


@pytest.mark.parametrize("netd_mk", [40.0, 50.0, 100.0])
def test_netd_measured_on_a_300_k_scene_is_the_one_that_was_set(netd_mk):
    camera = Microbolometer(Detector(netd_mk=netd_mk), LONG_WAVE, SHAPE, seed=3)
    stack = np.stack([camera.kelvin(camera.expose(flat(300.0), i, 0.05 * i)) for i in range(24)])
    measured = np.median(stack.std(axis=0, ddof=1)) * 1e3
    assert measured == pytest.approx(netd_mk, rel=0.05)


def test_the_same_noise_is_worth_more_kelvin_in_a_cold_scene():
    camera = Microbolometer(Detector(netd_mk=50.0, **CLEAN), LONG_WAVE, SHAPE)
    cold = camera.kelvin(camera.expose(flat(273.15), 0, 0.0)).std() * 1e3
    # 50 mK x slope(300 K) / slope(0 C) = 50 x 0.839 / 0.637
    assert cold == pytest.approx(66.0, rel=0.05)


def test_a_noiseless_detector_returns_the_temperature():
    camera = Microbolometer(Detector(netd_mk=0.0, **CLEAN), LONG_WAVE, SHAPE)
    for i, kelvin in enumerate((240.0, 285.0, 306.0, 400.0)):
        assert camera.kelvin(camera.expose(flat(kelvin), i, float(i))) == pytest.approx(kelvin, abs=0.03)


def test_noise_is_keyed_by_seed_sensor_and_frame_alone():
    def picture(seed: int, sensor: int, frame: int) -> bytes:
        return Microbolometer(Detector(), LONG_WAVE, SHAPE, seed, sensor).expose(flat(290.0), frame, 1.0).tobytes()

    assert picture(1, 2, 7) == picture(1, 2, 7)
    assert len({picture(1, 2, 7), picture(2, 2, 7), picture(1, 3, 7), picture(1, 2, 8)}) == 4


def test_noise_is_white_across_the_picture():
    camera = Microbolometer(Detector(**CLEAN), LONG_WAVE, SHAPE)
    noise = camera.kelvin(camera.expose(flat(300.0), 5, 0.0)).astype(float)
    noise -= noise.mean()
    for shifted in (np.roll(noise, 1, 0), np.roll(noise, 1, 1), np.roll(noise, 2, 1)):
        assert abs((noise * shifted).mean() / noise.var()) < 0.04


def test_columns_stand_out_and_drift_between_shutter_events():
    camera = Microbolometer(
        Detector(netd_mk=0.0, column_mk=40.0, row_mk=0.0, pixel_mk=0.0, drift=2.0), LONG_WAVE, SHAPE
    )
    first = camera.kelvin(camera.expose(flat(300.0), 0, 1.0)).mean(axis=0)
    later = camera.kelvin(camera.expose(flat(300.0), 1, 60.0)).mean(axis=0)
    assert 0.02 < first.std() < 0.15
    assert np.abs(later - first).max() > 0.02


def pattern(camera: Microbolometer, time_s: float) -> np.ndarray:
    """(H, W) mK of a noiseless detector before a flat scene."""
    kelvin = camera.kelvin(camera.expose(flat(300.0), 0, time_s)).astype(np.float64)
    return (kelvin - kelvin.mean()) * 1e3


def test_columns_rows_and_pixels_have_the_fixed_pattern_that_was_set():
    fixed = {"column_mk": 80.0, "row_mk": 50.0, "pixel_mk": 30.0, "drift": 0.0}
    seen = pattern(Microbolometer(Detector(netd_mk=0.0, **(CLEAN | fixed)), LONG_WAVE, SHAPE), 1.0)
    columns, rows = seen.mean(axis=0), seen.mean(axis=1)
    assert columns.std() == pytest.approx(80.0, rel=0.2)
    assert rows.std() == pytest.approx(50.0, rel=0.2)
    assert (seen - columns - rows[:, None]).std() == pytest.approx(30.0, rel=0.1)


@pytest.mark.parametrize("name", ["column_mk", "row_mk"])
def test_a_shutter_event_takes_the_drift_away_and_leaves_another_pattern(name):
    drifting = CLEAN | {name: 50.0, "drift": 3.0, "shutter_interval_s": 20.0, "shutter_freeze_s": 0.5}
    camera = Microbolometer(Detector(netd_mk=0.0, **drifting), LONG_WAVE, SHAPE, seed=5)
    event = next(
        i for i in range(1, 800) if camera.shutter_closed(0.05 * i) and not camera.shutter_closed(0.05 * i - 0.05)
    )
    before, after, later = (pattern(camera, 0.05 * i).ravel() for i in (event - 1, event, event + 399))
    assert before.std() == pytest.approx(50.0 * np.sqrt(10.0), rel=0.25)
    assert after.std() == pytest.approx(50.0, rel=0.25)
    assert later.std() == pytest.approx(50.0 * np.sqrt(10.0), rel=0.25)
    assert abs(np.corrcoef(before, later)[0, 1]) < 0.5


def test_dead_pixels_show_what_their_neighbour_sees():
    ramp = np.tile(LONG_WAVE.radiance(np.linspace(280.0, 320.0, SHAPE[1])).astype(np.float32), (SHAPE[0], 1))
    perfect, flawed = (
        Microbolometer(Detector(netd_mk=0.0, **(CLEAN | {"dead_share": share})), LONG_WAVE, SHAPE).expose(ramp, 0, 0.0)
        for share in (0.0, 0.02)
    )
    dead = perfect != flawed
    assert dead.mean() == pytest.approx(0.02, rel=0.4)
    assert dead[:, :2].sum() < dead.sum()
    off = np.abs(flawed.astype(int) - perfect)[dead]
    step = np.diff(perfect[0].astype(int))
    assert off.min() >= step.min()
    assert off.max() <= 3 * step.max()


def test_cameras_do_not_shut_together():
    detector = Detector(shutter_interval_s=20.0, shutter_freeze_s=0.5)
    cameras = [Microbolometer(detector, LONG_WAVE, (8, 8), seed=seed) for seed in range(4)]
    closed = [next(i for i in range(400) if camera.shutter_closed(0.05 * i)) for camera in cameras]
    assert len(set(closed)) == 4


def test_the_shutter_closes_for_its_time_once_per_interval():
    camera = Microbolometer(Detector(shutter_interval_s=20.0, shutter_freeze_s=0.5), LONG_WAVE, SHAPE, seed=5)
    closed = np.array([camera.shutter_closed(0.05 * i) for i in range(400)])
    assert closed.sum() == pytest.approx(10, abs=1)
    assert np.abs(np.diff(closed.astype(int))).sum() <= 2


def test_a_step_in_temperature_is_followed_with_the_time_constant():
    camera = Microbolometer(Detector(netd_mk=0.0, lag_s=0.05, **CLEAN), LONG_WAVE, SHAPE)
    camera.expose(flat(280.0), 0, 0.0)
    after = camera.kelvin(camera.expose(flat(300.0), 1, 0.05)).mean()
    cold, hot = float(flat(280.0)[0, 0]), float(flat(300.0)[0, 0])
    assert after == pytest.approx(float(LONG_WAVE.kelvin(cold + (hot - cold) * (1.0 - np.exp(-1.0)))), abs=0.05)


def test_blur_spreads_a_hot_pixel():
    scene = flat(290.0)
    scene[40, 40] = float(LONG_WAVE.radiance(400.0))
    sharp = Microbolometer(Detector(netd_mk=0.0, **CLEAN), LONG_WAVE, SHAPE).expose(scene, 0, 0.0).astype(int)
    soft = Microbolometer(Detector(netd_mk=0.0, **{**CLEAN, "blur_px": 0.6}), LONG_WAVE, SHAPE).expose(scene, 0, 0.0)
    assert soft[40, 40] < sharp[40, 40]
    assert soft[40, 41] > sharp[40, 41]


def test_negative_noise_is_refused():
    with pytest.raises(ValueError, match="netd_mk"):
        Detector(netd_mk=-1.0)
