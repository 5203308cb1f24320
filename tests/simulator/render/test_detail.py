"""What is smaller than a pixel: edges and distant lamps."""

from __future__ import annotations

import numpy as np

from simulator.render.camera import CameraModel
from simulator.render.materials import Material
from simulator.render.renderer import Renderer
from simulator.types import VehicleLightState
from tests.simulator.render import scene

RGB = CameraModel(320, 180, 90.0, "rgb")
EYE = (0.0, 0.0, 1.6, 0.0, 0.0, 0.0)
LUMA = np.array([0.2126, 0.7152, 0.0722])


def test_a_slanted_edge_is_smooth() -> None:
    board = scene.plain(((10.0, 0.0, 1.6), (0.1, 2.0, 2.0), Material.TYRE, 1))
    renderer = Renderer(board, threads=1, model_of=scene.model_of)
    seen = renderer.radiance(RGB, (0.0, 0.0, 1.6, 0.0, 0.0, 12.0), scene.view(lamps=0)) @ LUMA
    row = seen[70:110]
    dark, light = float(seen[90, 160]), float(seen[90, 20])
    between = (row > dark + 0.1 * (light - dark)) & (row < light - 0.1 * (light - dark))
    # both edges cross each of the rows; without smoothing no pixel would lie between the two
    assert 0.5 < between.sum() / (2 * len(row)) < 2.5
    # and an edge pixel is as bright as the part of it that the board leaves open: the mean over an edge has no bias
    left = seen[70:110, 100:160].clip(dark, light)
    open_share = float(((left - dark) / (light - dark)).sum(axis=1).mean())
    assert abs(open_share - (160 - 2.0 / 9.9 * 160 / np.cos(np.radians(12.0)) - 100)) < 1.0


def test_a_distant_brake_lamp_never_falls_between_the_pixels() -> None:
    renderer = Renderer(scene.street(), threads=1, model_of=scene.model_of)
    lights = scene.BEAMS | int(VehicleLightState.BRAKE)
    red = []
    for shift in np.linspace(0.0, 0.7, 8):
        view = scene.view(
            (1, "vehicle.test.car", scene.pose(140.0, shift, 0.0), lights), weather=scene.NIGHT, frame=int(shift * 100)
        )
        red.append(float(renderer.radiance(RGB, EYE, view)[80:100, 150:170, 0].sum()))
    assert min(red) > 0.5 * max(red)
    off = scene.view((1, "vehicle.test.car", scene.pose(140.0, 0.0, 0.0), 0), weather=scene.NIGHT, frame=900)
    assert min(red) > 20.0 * renderer.radiance(RGB, EYE, off)[80:100, 150:170, 0].sum()


def test_a_lamp_behind_a_wall_gives_no_glare() -> None:
    def red(wall_x: float) -> float:
        town = scene.plain(((wall_x, 0.0, 2.0), (0.2, 5.0, 3.0), Material.CONCRETE, 1))
        renderer = Renderer(town, threads=1, model_of=scene.model_of)
        lights = int(VehicleLightState.BRAKE)
        view = scene.view((1, "vehicle.test.car", scene.pose(30.0, 0.0, 0.0), lights), weather=scene.NIGHT, lamps=0)
        return float(renderer.radiance(RGB, EYE, view)[..., 0].max())

    assert red(15.0) < 0.05 * red(60.0)
