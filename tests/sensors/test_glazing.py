"""Windows in the thermal picture: glass between a warm room and the cold sky."""

from dataclasses import replace

import numpy as np
import pytest

from sensors.thermal import Ambient, ThermalCamera
from sensors.thermal.glazing import PANES, glass_k
from simulator.render.camera import CameraModel
from simulator.render.materials import Material, Pane
from simulator.render.mesh import MeshBuilder
from tests.sensors.scenes import frames
from tests.simulator.render.scene import NIGHT, Street
from validation.stage import camera_frames, renderer, view

CLEAR = Ambient(air_temperature_c=6.0, relative_humidity=0.7, cloudiness=0.0, local_time_h=23.0)
OVERCAST = replace(CLEAR, cloudiness=100.0)
BUILDINGS = 3
DARK, LIT, PARKED = (int(pane) for pane in (Pane.DARK, Pane.LIT, Pane.PARKED))


def test_the_kinds_of_glass_that_the_renderer_marks_are_those_that_have_a_temperature() -> None:
    assert set(PANES) == {int(pane) for pane in Pane} - {int(Pane.NONE)}


def test_a_heated_room_warms_its_pane_and_a_clear_sky_cools_it() -> None:
    lit, dark, parked = (glass_k(PANES[pane], CLEAR, 0.0, 0.5) for pane in (LIT, DARK, PARKED))
    assert lit > dark > parked
    assert parked < CLEAR.air_k - 1.0, "a car's window looks at the sky and has nothing behind it"
    assert glass_k(PANES[LIT], OVERCAST, 0.0, 0.5) > OVERCAST.air_k + 1.0
    # 15 K over U 2.8 less its film against an outer film of 13.7: 2.8 K by hand
    assert glass_k(PANES[LIT], CLEAR, 0.0, 0.0) - CLEAR.air_k == pytest.approx(2.8, abs=0.15)


def test_fog_keeps_a_pane_from_the_sky_and_a_clear_noon_warms_it() -> None:
    """120 W/m2 less a tenth against a film of 9.5 and radiation of 4.1; fog of 200 m leaves a tenth of the sky."""
    clear, fog = (CLEAR.air_k - glass_k(PANES[PARKED], replace(CLEAR, visibility_m=v), 0.0, 1.0) for v in (2e4, 200.0))
    assert fog == pytest.approx(0.1 * clear)
    noon = glass_k(PANES[PARKED], CLEAR, 1.0, 0.0) - CLEAR.air_k
    assert noon == pytest.approx(108.0 / (5.7 + 3.8 + 4.1), rel=0.01)


def test_in_summer_glass_is_as_warm_as_the_air_for_rooms_are_not_cooled() -> None:
    summer = replace(OVERCAST, air_temperature_c=30.0)
    assert glass_k(PANES[LIT], summer, 0.0, 0.0) == pytest.approx(summer.air_k)


def facade() -> Street:
    """A wall 10 m ahead, 8 m high, with a row of dark and lit windows near the ground and one high up."""
    b = MeshBuilder()
    b.object_id = 7
    b.box([10.5, 0.0, 4.0], [0.5, 12.0, 4.0], Material.BRICK)
    corners = np.array([[0, -0.6, -0.6], [0, 0.6, -0.6], [0, 0.6, 0.6], [0, -0.6, 0.6]])
    for y, z, material in ((-2.0, 1.5, Material.WINDOW), (2.0, 1.5, Material.LIT_WINDOW), (0.0, 6.5, Material.WINDOW)):
        b.quads([corners + np.array([9.95, y, z])], material)
    return Street(b.build(), ())


def seen(ambient: Ambient) -> tuple[np.ndarray, dict[str, float]]:
    """Labels as CARLA codes them, and the mean apparent temperature (K above air) of wall, low windows, high window."""
    render = renderer(facade())
    eye = (0.0, 0.0, 1.5, 0.0, 0.0, 0.0)
    scene = view(facade(), [], NIGHT)
    model = CameraModel(320, 180, 90.0, "rgb")
    shot = camera_frames(render, model, eye, scene)
    labels = render.image(1, CameraModel(320, 180, 90.0, "instance_segmentation"), eye, scene)
    render.close()
    kelvin = ThermalCamera("ideal", 320, 180, 90.0, ambient).image(shot, []).kelvin - ambient.air_k
    assert shot.panes is not None
    upper = np.arange(180)[:, None] < 60
    regions = {
        "wall": (shot.tags == BUILDINGS) & (shot.panes == 0),
        "dark": (shot.panes == DARK) & ~upper,
        "lit": (shot.panes == LIT) & ~upper,
        "high": (shot.panes == DARK) & upper,
    }
    assert all(region.sum() > 100 for region in regions.values())
    return labels, {name: float(kelvin[region].mean()) for name, region in regions.items()}


def test_windows_differ_from_the_wall_around_them_and_high_ones_mirror_the_sky() -> None:
    labels, clear = seen(CLEAR)
    assert clear["dark"] < clear["wall"] - 0.8
    assert clear["lit"] > clear["dark"] + 0.4
    assert clear["high"] < clear["dark"] - 0.8, "it mirrors the cold sky, the low one the street"
    _, overcast = seen(OVERCAST)
    assert overcast["lit"] > overcast["wall"], "nothing cold to mirror: the room's warmth is left"
    assert abs(overcast["high"] - overcast["dark"]) < 0.8
    assert (labels[..., 3] == 255).all()
    facade_ids = np.unique(labels[labels[..., 2] == BUILDINGS][:, :3], axis=0)
    assert len(facade_ids) == 1, "tag and instance of a window are its building's, as in CARLA"


def test_frames_of_a_server_that_does_not_tell_glass_show_walls() -> None:
    shot = frames()
    camera = ThermalCamera("ideal", 320, 180, 90.0, CLEAR)
    without = camera.image(shot, []).kelvin
    none = ThermalCamera("ideal", 320, 180, 90.0, CLEAR).image(
        replace(shot, panes=np.zeros(shot.tags.shape, np.uint8)), []
    )
    assert np.array_equal(without, none.kelvin)
