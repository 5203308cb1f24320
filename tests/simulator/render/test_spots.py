"""Light of lamps is worked out at spots, in tiles: the picture has to be as if it had been everywhere, at one go."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.render.camera import CameraModel
from simulator.render.lamplight import light_spots
from simulator.render.lights import COLOUR, DIRECTION, FIELDS, KIND, POSITION, RANGE, STREET
from simulator.render.renderer import Renderer
from simulator.render.spots import MOST_SPOTS, SPOT_FLOATS, find_spots, spread
from simulator.render.texture import LEVELS, TEXELS, level_of, patterns, texels_across, texels_before
from simulator.render.tiles import (
    DISTANCE,
    GLARE_GREEN,
    GLOSS,
    LIGHT_GREEN,
    NX,
    NY,
    NZ,
    ROUGH,
    TILE_FLOATS,
    TILE_PX,
    X,
    Y,
    Z,
)
from tests.simulator.render import scene

Floats = NDArray[np.float32]
FOCAL_PX = 320.0


def _road(width: int, height_m: float, down_px: float, gloss: float) -> Floats:
    """The tile that shows a road `height_m` below the camera, in the image row `down_px` below the middle."""
    tile = np.zeros(TILE_FLOATS, np.float32)
    forward = height_m * FOCAL_PX / down_px
    right = (np.arange(width) - width / 2) / FOCAL_PX * forward
    values = {
        X: forward,
        Y: right,
        Z: -height_m,
        NX: 0.0,
        NY: 0.0,
        NZ: 1.0,
        DISTANCE: np.hypot(math.hypot(forward, height_m), right),
        GLOSS: gloss,
        ROUGH: 0.02,
    }
    for plane, value in values.items():
        tile[int(plane) : int(plane) + width] = value
    return tile


def _street_lamp(ahead_m: float, right_m: float) -> Floats:
    lamp = np.zeros((1, FIELDS), np.float32)
    lamp[0, POSITION : POSITION + 3] = ahead_m, right_m, 5.0
    lamp[0, DIRECTION : DIRECTION + 3] = 0.0, 0.0, -1.0
    lamp[0, COLOUR : COLOUR + 3] = 2500.0
    lamp[0, RANGE], lamp[0, KIND] = 60.0, STREET
    return lamp


def _lit(tile: Floats, runs: list[int], lamps: Floats) -> tuple[Floats, Floats]:
    """Illuminance, and the luminance of what is mirrored, of each pixel of the runs."""
    tile = tile.copy()
    columns, first = np.zeros(MOST_SPOTS, np.int32), np.zeros(TILE_PX + 1, np.int32)
    spots, starts = np.zeros(SPOT_FLOATS, np.float32), np.array(runs, np.int32)
    found, matt, shiny = find_spots(starts, len(runs) - 1, tile, columns, first, spots)
    light_spots(np.float32(0.02), np.float32(0.0), lamps, found, matt, shiny, spots)
    spread(starts, len(runs) - 1, columns, first, spots, tile)
    width = runs[-1]
    return tile[int(LIGHT_GREEN) : int(LIGHT_GREEN) + width], tile[int(GLARE_GREEN) : int(GLARE_GREEN) + width]


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, TILE_PX),
    down_px=st.floats(20.0, 170.0),
    gloss=st.sampled_from([0.0, 0.75]),
    ahead_m=st.floats(5.0, 40.0),
    cut=st.floats(0.0, 1.0),
)
def test_between_spots_light_is_as_if_worked_out(
    width: int, down_px: float, gloss: float, ahead_m: float, cut: float
) -> None:
    tile, lamps = _road(width, 1.6, down_px, gloss), _street_lamp(ahead_m, 3.0)
    runs = sorted({0, int(cut * width), width})
    light, glare = _lit(tile, runs, lamps)
    all_light, all_glare = _lit(tile, list(range(width + 1)), lamps)
    np.testing.assert_allclose(light, all_light, rtol=0.01, atol=0.01 * all_light.max() + 1e-6)
    # a streak on the road comes to a narrow peak
    np.testing.assert_allclose(glare, all_glare, rtol=0.03, atol=0.06 * all_glare.max() + 1e-6)
    assert (all_light.max() > 0.0) == (light.max() > 0.0)
    assert (glare.max() > 0.0) == (gloss > 0.5 and all_glare.max() > 0.0)


def test_every_pixel_of_a_curved_surface_is_a_spot() -> None:
    tile = _road(64, 1.6, 60.0, 0.75)
    turn = np.linspace(-0.8, 0.8, 64, dtype=np.float32)
    tile[int(NY) : int(NY) + 64], tile[int(NZ) : int(NZ) + 64] = np.sin(turn), np.cos(turn)
    columns, first = np.zeros(MOST_SPOTS, np.int32), np.zeros(TILE_PX + 1, np.int32)
    spots = np.zeros(SPOT_FLOATS, np.float32)
    found, matt, shiny = find_spots(np.array([0, 64], np.int32), 1, tile, columns, first, spots)
    assert (found, matt, shiny) == (64, 0, 0)
    assert columns[:64].tolist() == list(range(64))


@pytest.mark.parametrize("height_px", [40])
def test_seams_between_tiles_do_not_show(height_px: int) -> None:
    """The middle of a picture of three tiles is the picture of one tile with the same focal length."""
    weather = scene.in_fog(scene.NIGHT, 80.0)
    view = scene.view((4, "vehicle.test.car", scene.pose(14.0, -1.5, 0.0), scene.BEAMS), weather=weather)
    renderer = Renderer(scene.street(), threads=1, seed=1, model_of=scene.model_of)
    wide_px, narrow_px = 3 * TILE_PX - 40, TILE_PX - 6
    focal_px = wide_px / (2.0 * math.tan(math.radians(50.0)))
    fov_deg = 2.0 * math.degrees(math.atan(narrow_px / (2.0 * focal_px)))
    pose = (0.0, 0.0, 1.6, 0.0, 0.0, 0.0)
    wide = renderer.radiance(CameraModel(wide_px, height_px, 100.0, "rgb"), pose, view)
    narrow = renderer.radiance(CameraModel(narrow_px, height_px, fov_deg, "rgb"), pose, view)
    renderer.close()
    begin = (wide_px - narrow_px) // 2 + 2
    middle, alone = wide[:, begin : begin + narrow_px - 4], narrow[:, 2:-2]
    apart = np.abs(middle - alone) / (np.maximum(middle, alone) + 1e-3)
    # fog is looked up on a grid that spans each picture: that alone differs
    assert np.percentile(apart, 90) < 0.05
    assert np.median(apart) < 0.01


def test_texels_are_where_the_patterns_have_them() -> None:
    _, first = patterns()
    sizes = [texels_across.py_func(np.int32(level)) for level in range(LEVELS)]
    assert [int(size) for size in sizes] == [TEXELS >> level for level in range(LEVELS)]
    assert [int(texels_before.py_func(size)) for size in sizes] == first.tolist()
    assert [int(level_of.py_func(np.float32(f))) for f in (0.2, 1.0, 1.9, 2.0, 7.9, 1e6)] == [0, 0, 0, 1, 2, LEVELS - 1]
