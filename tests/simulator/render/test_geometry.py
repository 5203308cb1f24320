"""Where things appear in the pictures, how far away they are said to be, and what they are said to be."""

from __future__ import annotations

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.render.camera import CameraModel, pinhole, rotation_matrix
from simulator.render.materials import Material
from simulator.render.renderer import Renderer
from tests.simulator.render import scene

FAR_STEPS = 2**24 - 1


def depth_m(bgra: np.ndarray) -> np.ndarray:
    blue, green, red = (bgra[..., k].astype(np.float64) for k in range(3))
    return (red + 256.0 * green + 65536.0 * blue) / FAR_STEPS * 1000.0


def instance_ids(bgra: np.ndarray) -> np.ndarray:
    return bgra[..., 1].astype(int) | bgra[..., 0].astype(int) << 8


angles = st.floats(-180.0, 180.0)


@settings(max_examples=60, deadline=None)
@given(angles, angles, angles, st.floats(-50, 50), st.floats(-50, 50), st.floats(-5, 5))
def test_rotation_is_that_of_carla(pitch: float, yaw: float, roll: float, x: float, y: float, z: float) -> None:
    matrix = np.array(carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch, yaw, roll)).get_matrix())
    np.testing.assert_allclose(matrix[:3, :3], rotation_matrix(pitch, yaw, roll), atol=2e-6)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-35.0, 35.0),
    st.floats(-180.0, 180.0),
    st.floats(-25.0, 25.0),
    st.floats(-0.8, 0.8),
    st.floats(-0.8, 0.8),
    st.floats(5.0, 60.0),
)
def test_a_small_box_appears_where_the_inverse_camera_matrix_puts_it(
    pitch: float, yaw: float, roll: float, across: float, down: float, ahead_m: float
) -> None:
    camera = CameraModel(320, 180, 90.0, "instance_segmentation")
    transform = carla.Transform(carla.Location(3.0, -7.0, 2.0), carla.Rotation(pitch, yaw, roll))
    focal = camera.width / 2.0
    local = carla.Location(ahead_m, across * ahead_m, -down * ahead_m * camera.height / camera.width)
    world = transform.transform(local)
    half = 2.5 * ahead_m / focal
    town = scene.plain(((world.x, world.y, world.z), (half, half, half), Material.METAL, 77))
    renderer = Renderer(town, threads=1, model_of=scene.model_of)
    image = renderer.image(1, camera, (3.0, -7.0, 2.0, pitch, yaw, roll), scene.view(lamps=0))
    rows, columns = np.nonzero(instance_ids(image) == (0x8000 | 77))
    to_camera = np.array(transform.get_inverse_matrix()) @ [world.x, world.y, world.z, 1.0]
    expected_u = camera.width / 2.0 + focal * to_camera[1] / to_camera[0]
    expected_v = camera.height / 2.0 - focal * to_camera[2] / to_camera[0]
    middle_u = (columns.min() + columns.max() + 1) / 2.0
    middle_v = (rows.min() + rows.max() + 1) / 2.0
    # a box seen from near looks wider on its near side; 0.5 px is the rounding of its two edges
    assert abs(middle_u - expected_u) < 0.75
    assert abs(middle_v - expected_v) < 0.75


@pytest.mark.parametrize(("width", "height", "fov"), [(320, 180, 90.0), (200, 88, 60.0), (256, 256, 110.0)])
def test_edges_of_a_wall_lie_where_the_pinhole_puts_them(width: int, height: int, fov: float) -> None:
    camera = CameraModel(width, height, fov, "instance_segmentation")
    town = scene.plain(((20.0, 2.0, 1.0), (0.001, 1.5, 0.8), Material.METAL, 5))
    image = Renderer(town, threads=1, model_of=scene.model_of).image(1, camera, (0, 0, 0, 0, 0, 0), scene.view(lamps=0))
    rows, columns = np.nonzero(instance_ids(image) == (0x8000 | 5))
    focal = width / (2.0 * np.tan(np.radians(fov) / 2.0))
    near = 20.0 - 0.001
    assert abs(columns.min() - (width / 2.0 + focal * 0.5 / near)) <= 0.5 + 1e-3
    assert abs(columns.max() + 1 - (width / 2.0 + focal * 3.5 / near)) <= 0.5 + 1e-3
    assert abs(rows.min() - (height / 2.0 - focal * 1.8 / near)) <= 0.5 + 1e-3
    assert abs(rows.max() + 1 - (height / 2.0 - focal * 0.2 / near)) <= 0.5 + 1e-3


def test_depth_is_planar_and_exact_to_its_coding() -> None:
    town = scene.plain(((40.0, 0.0, 0.0), (0.5, 60.0, 60.0), Material.CONCRETE, 1))
    renderer = Renderer(town, threads=1, model_of=scene.model_of)
    depth = depth_m(renderer.image(1, CameraModel(320, 180, 100.0, "depth"), (0, 0, 0, 0, 0, 0), scene.view(lamps=0)))
    assert np.abs(depth - 39.5).max() < 1.5 * 1000.0 / FAR_STEPS


def test_depth_of_the_ground_follows_the_rays_down_to_it() -> None:
    town = scene.street()
    renderer = Renderer(town, threads=1, model_of=scene.model_of)
    camera = CameraModel(640, 360, 90.0, "depth")
    depth = depth_m(renderer.image(1, camera, (-2.0, 2.0, 1.7, 0, 0, 0), scene.view()))
    eye = pinhole(camera, (-2.0, 2.0, 1.7, 0, 0, 0))
    rows = np.arange(200, 360)
    expected = 1.7 * float(eye.focal_px) / (rows + 0.5 - 180.0)
    np.testing.assert_allclose(depth[rows, 330], expected, rtol=2e-5)


def test_the_sky_is_a_thousand_metres_away_and_has_its_own_tag() -> None:
    renderer = Renderer(scene.street(), threads=1, model_of=scene.model_of)
    pose = (0.0, 0.0, 1.7, 60.0, 0.0, 0.0)
    depth = depth_m(renderer.image(1, CameraModel(64, 48, 40.0, "depth"), pose, scene.view()))
    tags = renderer.image(1, CameraModel(64, 48, 40.0, "semantic_segmentation"), pose, scene.view())
    assert np.all(depth == 1000.0)
    assert np.all(tags[..., 2] == 11)
    assert np.all(tags[..., :2] == 0)


def test_actors_and_town_carry_their_tags_and_ids() -> None:
    view = scene.view(
        (300, "vehicle.test.car", scene.pose(12.0, -2.0, 0.0), 0),
        (70_001, "walker.test", scene.pose(10.0, 2.0, 0.93), 0),
    )
    renderer = Renderer(scene.street(), threads=1, model_of=scene.model_of)
    camera = CameraModel(320, 180, 90.0, "instance_segmentation")
    image = renderer.image(1, camera, (0.0, 0.0, 1.5, 0, 0, 0), view)
    tags, ids = image[..., 2], instance_ids(image)
    assert set(np.unique(tags[ids == 300])) == {14}
    assert set(np.unique(tags[ids == 70_001 & 0x7FFF])) == {12}
    assert set(np.unique(tags[ids == (0x8000 | 0)])) >= {1, 2, 10, 24}
    assert set(np.unique(tags[ids == (0x8000 | 11)])) == {3}
    walker = np.argwhere(ids == 70_001 & 0x7FFF)
    # 1.71 m tall at 10 m with a focal length of 160 px, left of nothing: to the right of the middle
    assert abs((np.ptp(walker[:, 0]) + 1) - 160.0 * 1.78 / 9.9) < 2.0
    assert walker[:, 1].min() > 160


def test_what_is_nearer_hides_what_is_farther() -> None:
    view = scene.view(
        (1, "vehicle.test.car", scene.pose(20.0, 0.0, 0.0), 0), (2, "vehicle.test.car", scene.pose(10.0, 0.0, 0.0), 0)
    )
    renderer = Renderer(scene.street(), threads=1, model_of=scene.model_of)
    image = renderer.image(1, CameraModel(320, 180, 90.0, "instance_segmentation"), (0.0, 0.0, 1.0, 0, 0, 0), view)
    assert instance_ids(image)[95, 160] == 2


def test_ground_below_and_beside_the_camera_is_drawn_to_the_image_edge() -> None:
    renderer = Renderer(scene.street(), threads=1, model_of=scene.model_of)
    camera = CameraModel(320, 240, 120.0, "semantic_segmentation")
    image = renderer.image(1, camera, (5.3, 0.4, 1.2, -40.0, 33.0, 0.0), scene.view())
    assert np.all(image[-40:, :, 2] != 11)


def test_pictures_do_not_depend_on_the_number_of_threads() -> None:
    view = scene.view(
        (1, "vehicle.test.car", scene.pose(9.0, 1.75, 0.0), scene.BEAMS),
        (2, "vehicle.test.car", scene.pose(9.0, 1.75, 0.0), 0),  # exactly coincident: every pixel is a tie
        (3, "walker.test", scene.pose(12.0, -1.0, 0.93), 0),
        weather=scene.in_fog(scene.NIGHT, 60.0),
        lamps_on=1.0,
    )
    one = Renderer(scene.street(), threads=1, seed=4, model_of=scene.model_of)
    two = Renderer(scene.street(), threads=2, seed=4, model_of=scene.model_of)
    for kind in ("rgb", "depth", "instance_segmentation"):
        camera = CameraModel(320, 180, 90.0, kind)
        first = one.image(8, camera, (0.0, 1.0, 1.6, -3.0, 4.0, 0.0), view)
        for _ in range(5):
            assert np.array_equal(first, two.image(8, camera, (0.0, 1.0, 1.6, -3.0, 4.0, 0.0), view))
    one.close()
    two.close()


@pytest.mark.parametrize("bad", [(0, 10, 90.0, "rgb"), (10, 10, 180.0, "depth"), (10, 10, 90.0, "lidar")])
def test_impossible_cameras_are_refused(bad: tuple[int, int, float, str]) -> None:
    with pytest.raises(ValueError, match="must"):
        CameraModel(*bad)
