"""What is chosen before the drawing: items in view, the lights that count, the exposure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.render.brightest import brightest
from simulator.render.camera import CameraModel, pinhole
from simulator.render.choosing import items_in_view, outlook, to_camera
from simulator.render.exposure import MID_GREY_LOG2, NIGHT_BIAS_EV, metered_ev
from simulator.render.lamp_table import lamp_table
from simulator.render.lights import COLOUR, KIND, MOST_LIGHTS, POSITION, STREET
from simulator.render.templates import Templates
from simulator.types import VehicleLightState
from tests.simulator.render import scene

NEAR_M, FAR_M = np.float32(0.1), np.float32(500.0)
coordinate = st.floats(-60.0, 60.0, width=32)


def _chosen(eye: tuple[float, ...], centre: NDArray[np.float32], half: NDArray[np.float32]) -> bool:
    view = pinhole(CameraModel(320, 180, 90.0, "rgb"), eye)
    planes = outlook(view.rotation, view.focal_px, view.cx_px, view.cy_px, view.width, view.height)
    nobody = np.zeros((0, 3, 4), np.float32)
    count, room = items_in_view(
        planes, view.eye, NEAR_M, FAR_M, centre[None], half[None], np.array([0, 7], np.int32),
        np.zeros((0, 4), np.float32), np.zeros(1, np.int32), np.zeros(0, np.int32), nobody,
        np.zeros(1, np.int32), np.zeros(1, np.int32),
    )  # fmt: skip
    assert room == 14 * count
    return bool(count == 1)


@given(
    st.tuples(coordinate, coordinate, st.floats(-5.0, 20.0, width=32)),
    st.tuples(*[st.floats(0.0, 10.0, width=32)] * 3),
    st.tuples(*[st.floats(-1.0, 1.0, width=32)] * 3),
    st.floats(-180.0, 180.0),
)
@settings(max_examples=200, deadline=None)
def test_nothing_is_left_out_of_which_a_point_is_in_the_picture(
    centre: tuple[float, ...], half: tuple[float, ...], corner: tuple[float, ...], yaw_deg: float
) -> None:
    eye = (3.0, -2.0, 1.6, 4.0, yaw_deg, 0.0)
    middle, size = np.array(centre, np.float32), np.array(half, np.float32)
    view = pinhole(CameraModel(320, 180, 90.0, "rgb"), eye)
    point = middle + size * np.array(corner, np.float32)
    right, down, ahead = to_camera(view.rotation, view.eye, np.zeros((0, 3, 4), np.float32))[0] @ [*point, 1.0]
    if ahead > 0.2:
        u, v = view.focal_px * right / ahead + view.cx_px, view.focal_px * down / ahead + view.cy_px
        if 1.0 < u < view.width - 1.0 and 1.0 < v < view.height - 1.0:
            assert _chosen(eye, middle, size)


def test_what_is_behind_or_beside_the_picture_is_left_out() -> None:
    eye, half = (0.0, 0.0, 1.6, 0.0, 0.0, 0.0), np.ones(3, np.float32)
    assert _chosen(eye, np.array([20.0, 0.0, 1.0], np.float32), half)
    for away in ([-20.0, 0.0, 1.0], [20.0, 30.0, 1.0], [20.0, 0.0, 40.0], [600.0, 0.0, 1.0]):
        assert not _chosen(eye, np.array(away, np.float32), half)


def test_the_brake_lamps_of_the_car_ahead_stay_lit_in_a_queue() -> None:
    templates = Templates(scene.model_of)
    cars = 2 * MOST_LIGHTS
    template = templates.index(("vehicle.test.car",) * cars, np.zeros(cars, np.float32))
    braking = scene.BEAMS | int(VehicleLightState.BRAKE)
    table = lamp_table([templates.lamps[row] for row in template], [braking] * cars, False)
    poses = np.stack([scene.pose(6.0 * k - 8.0, 0.0, 0.0) for k in range(cars)])
    view = pinhole(CameraModel(320, 180, 90.0, "rgb"), (1.0, 0.0, 1.6, 0.0, 0.0, 0.0))
    nobody = np.zeros((0, 3), np.float32)
    lights = brightest(nobody, nobody[:, 0], nobody[:, 0], table, poses, view)
    red = lights[:, COLOUR] > 5.0 * lights[:, COLOUR + 1]
    ahead = lights[:, POSITION] > 0.0
    assert len(lights) == MOST_LIGHTS
    assert (red & ahead).sum() >= 3
    assert (red & ~ahead).sum() == 0


@pytest.mark.parametrize("streets", [5, 60])
def test_the_lights_are_those_that_are_brightest_for_their_distance(streets: int) -> None:
    rng = np.random.default_rng(streets)
    heads = rng.uniform([5.0, -40.0, 6.0], [120.0, 40.0, 9.0], (streets, 3)).astype(np.float32)
    flux_lm = rng.uniform(3000.0, 12000.0, streets).astype(np.float32)
    power = np.where(np.arange(streets) % 5 == 0, 0.0, 1.0).astype(np.float32)
    templates = Templates(scene.model_of)
    template = templates.index(("vehicle.test.car",), np.zeros(1, np.float32))
    table = lamp_table([templates.lamps[row] for row in template], [scene.BEAMS], False)
    poses = scene.pose(0.0, 0.0, 0.0)[None]
    view = pinhole(CameraModel(320, 180, 90.0, "rgb"), (1.0, 0.0, 1.6, 0.0, 0.0, 0.0))
    lights = brightest(heads, flux_lm, power, table, poses, view)
    street = lights[lights[:, KIND] == STREET]
    assert len(lights) == min(MOST_LIGHTS, int((power > 0).sum()) + len(lights) - len(street))
    assert len(lights) - len(street) >= 2  # both head lamps beside the eye
    places = heads - view.eye
    lit = (power > 0) & (np.linalg.norm(places, axis=1) < 130.0)
    worth = np.where(lit, flux_lm * power / ((places**2).sum(axis=1) + 100.0), 0.0)
    wanted = np.sort(np.argsort(-worth)[: len(street)])
    np.testing.assert_allclose(street[:, POSITION : POSITION + 3], places[wanted], atol=1e-5)
    np.testing.assert_allclose(street[:, COLOUR + 1], flux_lm[wanted] / 3.5 * 0.97, rtol=1e-5)


def test_an_even_picture_is_metered_to_mid_grey_by_day_and_darker_by_night() -> None:
    for log2, day in ((13.0, True), (1.0, False)):
        radiance = np.full((90, 3, 160), 2.0**log2, np.float32)
        # the highlights are as bright as all the rest: three tenths of the way to them
        plain = log2 - MID_GREY_LOG2
        ev = metered_ev(radiance)
        highlight = log2 - math.log2(0.125 / 0.18 * 0.75)
        expected = plain + 0.35 * (highlight - plain)
        night = 0.0 if day else NIGHT_BIAS_EV * (8.0 - expected) / 8.0
        assert ev == pytest.approx(expected + night, abs=0.15)
