"""Rain before the lens and on the road, as a driver would see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import simulator.render.film as drawing
from simulator.render.camera import CameraModel
from simulator.render.renderer import Renderer
from simulator.types import VehicleLightState, WeatherParameters
from tests.simulator.render import scene

RGB = CameraModel(320, 180, 90.0, "rgb")
EYE = (0.0, 0.0, 1.6, 0.0, 0.0, 0.0)
LUMA = np.array([0.2126, 0.7152, 0.0722])
EGO = (1, "vehicle.test.car", scene.pose(-1.5, 0.0, 0.0), scene.BEAMS)
RAIN = {"precipitation": 80.0, "wetness": 80.0}


@pytest.fixture(scope="module")
def street() -> Iterator[Renderer]:
    renderer = Renderer(scene.street(), threads=1, seed=3, model_of=scene.model_of)
    yield renderer
    renderer.close()


def streaks(
    renderer: Renderer, weather: WeatherParameters, speed_mps: float, lights: int = scene.BEAMS
) -> NDArray[np.float64]:
    """(360, 640) what the drops alone change in the second of two pictures, in 8-bit steps of luminance."""
    pictures = []
    for drops in (drawing.add_streaks, lambda *_: None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drawing, "add_streaks", drops)
            for frame in (1, 2):
                eye = (0.05 * speed_mps * frame, *EYE[1:])
                view = scene.view((*EGO[:3], lights), weather=weather, frame=frame)
                picture = renderer.image(5, CameraModel(640, 360, 90.0, "rgb"), eye, view)
        renderer.restart()
        pictures.append(picture[..., :3].astype(float) @ LUMA[::-1])
    return pictures[0] - pictures[1]


def test_rain_is_seen_in_the_headlamps_and_hardly_against_the_sky_of_the_day(street: Renderer) -> None:
    night = replace(scene.NIGHT, **RAIN)
    dark, low, high = (
        streaks(street, night, 0.0, lights) for lights in (0, scene.BEAMS, int(VehicleLightState.HIGH_BEAM))
    )
    day = streaks(street, replace(scene.DAY, cloudiness=100.0, **RAIN), 8.0)
    assert (dark > 3.0).sum() == 0
    assert (low > 3.0).sum() > 60
    assert low.max() > 8.0
    assert (high > 3.0).sum() > 60
    assert np.abs(day).mean() < 0.3
    assert (np.abs(day) > 30.0).mean() < 2e-4


def test_no_rain_no_streaks_and_each_frame_has_its_own(street: Renderer) -> None:
    rain = replace(scene.NIGHT, **RAIN)
    first = [street.image(7, RGB, EYE, scene.view(EGO, weather=rain, frame=frame)) for frame in (1, 2)]
    street.restart()
    again = [street.image(7, RGB, EYE, scene.view(EGO, weather=rain, frame=frame)) for frame in (1, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])
    same = street.image(7, RGB, EYE, scene.view(EGO, weather=rain, frame=2))
    assert np.array_equal(same, first[1])
    assert (streaks(street, scene.NIGHT, 8.0) == 0.0).all()


def test_a_wet_road_draws_lamps_out_into_streaks_towards_the_camera(street: Renderer) -> None:
    oncoming = (2, "vehicle.test.car", scene.pose(45.0, 1.7, 0.0, 180.0), scene.BEAMS)

    def road(wetness: float) -> NDArray[np.float64]:
        view = scene.view(oncoming, weather=replace(scene.NIGHT, wetness=wetness), lamps_on=0.0)
        return (street.radiance(RGB, EYE, view) @ LUMA)[98:170]

    gain = road(90.0) - road(0.0)
    column = 160 + round(160 * 1.7 / 42.8)
    streak = gain[:, column - 3 : column + 4].mean(axis=1)
    aside = gain[:, column + 40 : column + 47].mean(axis=1)
    assert streak.max() > 5.0 * max(aside.max(), 1e-3), "the mirror image of the lamps, not an even shine"
    high = gain > streak.max() / 4.0
    tall, wide = np.flatnonzero(high.any(axis=1)), np.flatnonzero(high.any(axis=0))
    assert np.ptp(tall) > 1.3 * np.ptp(wide), "drawn out towards the camera, as on every wet road"
