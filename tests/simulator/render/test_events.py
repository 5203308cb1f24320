"""Events of a dynamic vision sensor from brightness that changes in a known way."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.render.camera import CameraModel
from simulator.render.events import brightness_of, events_until, first_look


def _camera(**attributes: object) -> CameraModel:
    return CameraModel(4, 2, 90.0, "dvs", tuple((name, str(value)) for name, value in attributes.items()))


def _events(*levels: float, step_s: float = 0.1, seed: int = 0, **attributes: object) -> list[np.ndarray]:
    """Events of each frame; pixel (2, 1) takes these levels, all others stay at 0."""
    camera, random = _camera(**attributes), np.random.default_rng(seed)
    pixels, found = None, []
    for k, level in enumerate(levels):
        brightness = np.zeros((2, 4), np.float32)
        brightness[1, 2] = level
        if pixels is None:
            pixels = first_look(brightness, 1.0)
        else:
            found.append(events_until(pixels, brightness, 1.0 + k * step_s, camera, random))
    return found


def test_a_pixel_fires_each_time_the_brightness_has_changed_by_the_threshold():
    rise, fall = _events(0.0, 1.0, 0.35)
    assert rise[["x", "y", "polarity"]].tolist() == [(2, 1, 1)] * 3
    assert rise["t_ns"] == pytest.approx([1.03e9, 1.06e9, 1.09e9], abs=10)
    assert fall["polarity"].tolist() == [0]  # from the last crossing, 0.9, down to 0.6
    assert fall["t_ns"] == pytest.approx([1.1e9 + 0.1e9 * 0.4 / 0.65], abs=100)


def test_small_changes_add_up():
    found = _events(0.0, 0.1, 0.2, 0.29, 0.31)
    assert [len(events) for events in found] == [0, 0, 0, 1]


def test_each_sign_has_its_threshold():
    rise, fall = _events(0.0, 1.0, 0.0, positive_threshold=0.5, negative_threshold=0.24)
    assert (len(rise), len(fall)) == (2, 4)


def test_a_pixel_rests_after_an_event():
    (found,) = _events(0.0, 1.0, refractory_period_ns=50_000_000)
    assert found["t_ns"] == pytest.approx([1.03e9, 1.09e9], abs=10)


def test_uneven_thresholds_are_drawn_from_the_seed():
    drawn = [_events(0.0, 3.0, sigma_positive_threshold=0.1, seed=k)[0]["t_ns"].tolist() for k in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_brightness_is_the_logarithm_of_grey_unless_told_otherwise():
    white = np.full((2, 4, 4), 255, np.uint8)
    assert brightness_of(white, _camera()) == pytest.approx(np.full((2, 4), np.log(1.001)), abs=1e-3)
    assert brightness_of(white, _camera(use_log="false")) == pytest.approx(np.full((2, 4), 255.0), abs=0.1)


@pytest.mark.parametrize("name", ["positive_threshold", "negative_threshold", "log_eps"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_threshold_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        _camera(**{name: value})
