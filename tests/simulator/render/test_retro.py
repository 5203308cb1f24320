"""Plates, signs and rear reflectors in the light of head lamps beside the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.models import model_of
from simulator.render.camera import CameraModel
from simulator.render.lights import (
    BEAM,
    COLOUR,
    DIRECTION,
    FIELDS,
    HIGH_BEAM,
    KIND,
    POSITION,
    SHAPE,
    SIDE,
    UP,
)
from simulator.render.materials import Emission, Material
from simulator.render.renderer import Renderer
from simulator.render.retro import Reflectors, reflectors_of, returned
from tests.simulator.render import scene


def _lamp_beside_eye(below_m: float) -> NDArray[np.float32]:
    """A high beam along x whose brightest point lies on its axis."""
    light = np.zeros((1, FIELDS), np.float32)
    light[0, POSITION + 2] = -below_m
    light[0, DIRECTION], light[0, SIDE + 1], light[0, UP + 2] = 1.0, 1.0, 1.0
    light[0, COLOUR : COLOUR + 3], light[0, KIND] = HIGH_BEAM.candela, BEAM
    light[0, SHAPE] = 10.0  # no cut-off, nothing below and nothing aside
    return light


def _plate(distance_m: float, kind: Emission = Emission.SHEETING, yaw_deg: float = 180.0) -> Reflectors:
    yaw = np.radians(yaw_deg)
    normal = np.array([[np.cos(yaw), np.sin(yaw), 0.0]])
    return Reflectors(np.array([kind]), np.array([[distance_m, 0.0, 0.0]]), normal, np.array([0.02]))


@pytest.mark.parametrize(("minutes", "coefficient"), [(12.0, 70.0), (20.0, 50.0), (120.0, 5.0)])
def test_sheeting_returns_what_its_class_asks_for(minutes: float, coefficient: float) -> None:
    distance_m = 0.5 / np.tan(np.radians(minutes / 60.0))
    luminance = float(returned(_plate(distance_m), _lamp_beside_eye(0.5), 0.0)[0])
    assert luminance / _lux(distance_m) == pytest.approx(coefficient, rel=0.05)


@pytest.mark.parametrize(("minutes", "candela_per_lux"), [(12.0, 0.3), (20.0, 0.3), (90.0, 0.005)])
def test_rear_reflectors_return_what_their_class_asks_for(minutes: float, candela_per_lux: float) -> None:
    distance_m = 0.5 / np.tan(np.radians(minutes / 60.0))
    reflector = _plate(distance_m, Emission.TAIL_LAMP)
    candela = float((returned(reflector, _lamp_beside_eye(0.5), 0.0) * reflector.areas_m2)[0])
    assert candela / _lux(distance_m) == pytest.approx(candela_per_lux, rel=0.05)


def _lux(distance_m: float) -> float:
    return HIGH_BEAM.candela / (distance_m**2 + 0.25)


def test_what_is_turned_away_or_lit_from_elsewhere_stays_dark() -> None:
    assert returned(_plate(50.0, yaw_deg=0.0), _lamp_beside_eye(1.0), 0.0)[0] == 0.0
    assert returned(_plate(50.0), _lamp_beside_eye(9.0), 0.0)[0] == 0.0
    turned = returned(_plate(50.0, yaw_deg=150.0), _lamp_beside_eye(1.0), 0.0)[0]
    assert turned / returned(_plate(50.0), _lamp_beside_eye(1.0), 0.0)[0] == pytest.approx(0.42, abs=0.05)


def test_fog_takes_its_share_on_the_way_to_the_plate() -> None:
    clear, foggy = (returned(_plate(50.0), _lamp_beside_eye(1.0), extinction)[0] for extinction in (0.0, 0.02))
    assert foggy / clear == pytest.approx(np.exp(-0.02 * 50.0), rel=0.01)


def test_a_car_has_two_plates_and_two_rear_reflectors() -> None:
    found, which = reflectors_of(model_of("vehicle.tesla.model3").frames[0])
    plates, tails = found.kinds == Emission.SHEETING, found.kinds == Emission.TAIL_LAMP
    assert (plates.sum(), tails.sum()) == (2, 2)
    ahead = found.centres[:, 0] > 0.0
    assert ahead[plates].sum() == 1
    assert not ahead[tails].any()
    np.testing.assert_allclose(found.normals[:, 0], np.where(ahead, 1.0, -1.0), atol=0.05)
    assert set(np.unique(which)) == {-1, 0, 1, 2, 3}


def test_a_turned_car_of_the_town_has_the_same_turned() -> None:
    mesh = model_of("vehicle.tesla.model3").frames[0]
    yaw = np.radians(37.0)
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0.0], [np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]])
    turned = replace(mesh, vertices=(mesh.vertices @ turn.T).astype(np.float32))
    own, theirs = reflectors_of(mesh)[0], reflectors_of(turned)[0]
    np.testing.assert_allclose(theirs.normals, own.normals @ turn.T, atol=1e-3)
    np.testing.assert_allclose(theirs.centres, own.centres @ turn.T, atol=1e-3)


def test_the_drivers_own_head_lamps_show_a_parked_plate_in_the_dark() -> None:
    """The same board of sheeting and of white plastic, 45 m ahead of the ego's low beams."""
    seen = {}
    for material in (Material.SIGN_WHITE, Material.PLASTIC_WHITE):
        street = scene.plain(
            ((50.0, 0.0, -0.05), (60.0, 4.0, 0.05), Material.ASPHALT, 0),
            ((45.0, 0.0, 0.8), (0.02, 0.5, 0.3), material, 7),
            ((45.6, 0.0, 0.8), (0.5, 0.2, 0.2), Material.ASPHALT, 7),
        )
        renderer = Renderer(street, threads=1, seed=1, model_of=scene.model_of)
        ego = (5, "vehicle.test.car", scene.pose(0.0, 0.0, 0.0), scene.BEAMS)
        view = scene.view(ego, weather=scene.NIGHT, lamps=0)
        radiance = renderer.radiance(CameraModel(320, 180, 30.0, "rgb"), (1.0, 0.0, 1.6, 0.0, 0.0, 0.0), view)
        seen[material] = float(radiance[88:100, 150:170, 1].max())
        renderer.close()
    assert seen[Material.SIGN_WHITE] > 8.0 * seen[Material.PLASTIC_WHITE]
